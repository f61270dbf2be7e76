//! What the driver does in files that are edited: what is overwritten is saved before, so that the edit can be undone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_ulong, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use anndata_storage::Error;
use hdf5_metno_sys::h5::herr_t;
use hdf5_metno_sys::h5fd::H5FD_t;
use hdf5_metno_sys::h5i::hid_t;

use super::{DRIVER, OpenFile, VALUES, is_left, refuse};
use crate::undo::UndoLog;

thread_local! {
    /// The journal of the file that is being opened for editing, which has no number yet.
    static OPENING: RefCell<Option<Arc<UndoLog>>> = const { RefCell::new(None) };
}

/// The journals of the files that are open for editing, by the library's number of each.
static LOGS: Mutex<BTreeMap<c_ulong, Arc<UndoLog>>> = Mutex::new(BTreeMap::new());

/// Runs a call that opens a file for editing, whose journal this is.
pub(in crate::raw) fn opening<T>(log: Arc<UndoLog>, call: impl FnOnce() -> T) -> T {
    OPENING.set(Some(log));
    let result = call();
    OPENING.set(None);
    result
}

/// The journal of the open file of a number: that of whoever opened it first, else this one.
pub(in crate::raw) fn logged(number: c_ulong, log: Arc<UndoLog>) -> Arc<UndoLog> {
    Arc::clone(LOGS.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_insert(log))
}

/// Forgets the journal of a file that is closed, and gives it.
pub(super) fn forget(number: c_ulong) -> Option<Arc<UndoLog>> {
    LOGS.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
}

fn log_of(number: c_ulong) -> Option<Arc<UndoLog>> {
    let log = LOGS.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned();
    log.or_else(|| OPENING.with_borrow(Clone::clone))
}

/// The number of an open file.
///
/// # Safety
/// The file is open, or the pointer null.
unsafe fn number_of(file: *const H5FD_t) -> Option<c_ulong> {
    // SAFETY: an open file begins as `OpenFile` says.
    unsafe { file.cast::<OpenFile>().as_ref() }.map(|file| file.number)
}

/// Writes as the library does, after what is overwritten was saved, but what the caller of the library writes.
///
/// # Safety
/// As the library's documentation of drivers says: `buffer` holds `size` bytes.
pub(super) unsafe extern "C" fn write_saved(
    file: *mut H5FD_t,
    kind: c_int,
    transfer: hid_t,
    address: u64,
    size: usize,
    buffer: *const c_void,
) -> herr_t {
    let Some(driver) = DRIVER.get() else { return -1 };
    if kind == VALUES && is_left(buffer, size, address) {
        return 0;
    }
    // SAFETY: the file is open, and the arguments are handed on.
    let (number, write) = unsafe { (number_of(file), || (driver.write)(file, kind, transfer, address, size, buffer)) };
    let Some(log) = number.and_then(log_of) else { return write() };
    if log.is_undone() {
        return 0;
    }
    // Fallback: what ends beyond all numbers cannot be written either.
    let range = address..address.saturating_add(size as u64);
    let written = log.write(range, || match write() {
        status if status < 0 => Err(Error::from(std::io::Error::last_os_error())),
        _ => Ok(()),
    });
    written.map_or_else(|error| refuse(said(&error)), |()| 0)
}

/// An error and its causes.
fn said(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

/// Makes the file as long as the library says; one that is edited gets shorter when the edit is done.
///
/// # Safety
/// As the library's documentation of drivers says: the file is open.
pub(super) unsafe extern "C" fn cut_later(file: *mut H5FD_t, transfer: hid_t, closing: bool) -> herr_t {
    let Some(driver) = DRIVER.get() else { return -1 };
    // SAFETY: the file is open, and the arguments are handed on.
    unsafe {
        match number_of(file).and_then(log_of) {
            Some(log) if log.cut((driver.end)(file, 0)) => 0,
            _ => (driver.cut)(file, transfer, closing),
        }
    }
}
