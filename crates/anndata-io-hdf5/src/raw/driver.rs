//! The file driver of the library, with a look at what is read and what is overwritten.
//!
//! There are metadata for which the library does not come to an end, or ends the process. Its calls cannot be stopped, and
//! they hold its lock. So files are opened with the library's own driver, whose function for reading is replaced: it fails
//! where the library would not survive what was read.
//!
//! - In a collection of the global heap, an object that says that it is free space of size 0 makes an endless loop, as
//!   where a part of the file was zeroed.
//! - All other metadata are looked at in files that are open for reading ([`super::metadata`]). In a file that is edited,
//!   what is on the disk may be older than what the library knows.
//!
//! The functions for writing and for cutting are replaced too: what is overwritten in a file that is edited is saved before, so
//! that an edit that fails is undone ([`crate::undo`]). From then on the library is told that all it writes is written, and
//! nothing is. It is told so of chunks too, which are written without it where it would have.

mod edits;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::offset_of;
use std::sync::{Mutex, OnceLock, PoisonError};

use anndata_storage::{Error, Result};
use hdf5_metno_sys::h5::herr_t;
use hdf5_metno_sys::h5f::{H5F_ACC_RDONLY, H5F_ACC_RDWR};
use hdf5_metno_sys::h5fd::{H5FD_class_t, H5FD_t, H5FDclose, H5FDopen, H5FDregister};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5p::H5Pset_driver;

use super::metadata::Known;
use super::{Id, h5, locked};
use edits::{cut_later, write_saved};
pub(super) use edits::{logged, opening};

/// The version of the structure below.
const VERSION: c_uint = 1;
/// The number of the driver; those below 256 are reserved.
const NUMBER: c_int = 61_729;
const NAME: &CStr = c"anndata";

/// The library's `H5FD_MEM_DRAW`: values, and collections of the global heap.
const VALUES: c_int = 3;
/// The library's `H5FD_FEAT_ACCUMULATE_METADATA`.
const ACCUMULATE: c_ulong = 6;

type Read = unsafe extern "C" fn(*mut H5FD_t, c_int, hid_t, u64, usize, *mut c_void) -> herr_t;
type Query = unsafe extern "C" fn(*const H5FD_t, *mut c_ulong) -> herr_t;
type Close = unsafe extern "C" fn(*mut H5FD_t) -> herr_t;
type Write = unsafe extern "C" fn(*mut H5FD_t, c_int, hid_t, u64, usize, *const c_void) -> herr_t;
type End = unsafe extern "C" fn(*const H5FD_t, c_int) -> u64;
type Cut = unsafe extern "C" fn(*mut H5FD_t, hid_t, bool) -> herr_t;

/// The beginning of the library's `H5FD_t`, as of version 2.
#[repr(C)]
struct OpenFile {
    driver: hid_t,
    class: *const Class,
    number: c_ulong,
    access: c_uint,
    features: c_ulong,
    max_address: u64,
    base: u64,
}

impl OpenFile {
    fn is_read_only(&self) -> bool {
        self.access & H5F_ACC_RDWR == 0
    }
}

/// The library's `H5FD_class_t` of [`VERSION`]: what is needed by name, all else in its place.
#[repr(C)]
#[derive(Clone, Copy)]
struct Class {
    version: c_uint,
    value: c_int,
    name: *const c_char,
    max_address: u64,
    close_degree: c_int,
    until_close: [usize; 12],
    close: Option<Close>,
    compare: usize,
    query: Option<Query>,
    until_end: [usize; 3],
    /// Where the library ends the file, which may be longer.
    end: Option<End>,
    until_read: [usize; 3],
    read: Option<Read>,
    write: Option<Write>,
    until_cut: [usize; 5],
    cut: Option<Cut>,
    after_cut: [usize; 4],
    map: [c_int; 7],
}

// The declaration in `hdf5_metno_sys` lacks the first number, which shares a word with the second, and four functions
// after `write`, for many pieces at once. All else is alike.
const _: () = assert!(
    size_of::<Class>() == size_of::<H5FD_class_t>() + 4 * size_of::<usize>()
        && offset_of!(Class, close) == offset_of!(H5FD_class_t, close)
        && offset_of!(Class, query) == offset_of!(H5FD_class_t, query)
        && offset_of!(Class, end) == offset_of!(H5FD_class_t, get_eoa)
        && offset_of!(Class, read) == offset_of!(H5FD_class_t, read)
        && offset_of!(Class, write) == offset_of!(H5FD_class_t, write)
        && offset_of!(Class, cut) == offset_of!(H5FD_class_t, truncate) + 4 * size_of::<usize>()
);

/// The driver and the function that its reading ends in.
#[derive(Debug, Clone, Copy)]
struct Driver {
    id: hid_t,
    read: Read,
    query: Query,
    close: Close,
    write: Write,
    end: End,
    cut: Cut,
}

thread_local! {
    /// Why the driver did not read, until the error of the call is made.
    static REFUSAL: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether only values are read, which may be any bytes.
    static ONLY_VALUES: Cell<bool> = const { Cell::new(false) };
    /// What the caller of the library writes himself.
    static LEFT: Cell<Option<Left>> = const { Cell::new(None) };
}

/// What is known of the files that are open for reading, by the library's number of each.
static KNOWN: Mutex<BTreeMap<c_ulong, Known>> = Mutex::new(BTreeMap::new());

/// Why the driver did not read in this thread's last call.
pub(super) fn refusal() -> Option<String> {
    REFUSAL.take()
}

fn refuse(why: String) -> herr_t {
    REFUSAL.set(Some(why));
    -1
}

/// Runs a call that transfers values that refer to no heap, so that no bytes are taken for one.
pub(crate) fn only_values<T>(call: impl FnOnce() -> T) -> T {
    ONLY_VALUES.set(true);
    let result = call();
    ONLY_VALUES.set(false);
    result
}

/// Bytes that whoever hands them to the library writes to the file himself.
#[derive(Debug, Clone, Copy)]
struct Left {
    bytes: (*const c_void, usize),
    /// Where in the file they belong. Known as soon as the library asks the driver to write them.
    place: Option<u64>,
}

/// Runs a call that writes these bytes as values, which the driver leaves to the caller: where in the file they belong, `None` if
/// they are there, as the library wrote them in another way. Calls hold the lock of the library and write one chunk each; so less is
/// done under it, and what follows each other in the file can be written at once.
pub(super) fn left_to_caller<T>(bytes: &[u8], call: impl FnOnce() -> T) -> (T, Option<u64>) {
    LEFT.set(Some(Left { bytes: (bytes.as_ptr().cast(), bytes.len()), place: None }));
    let result = call();
    (result, LEFT.take().and_then(|left| left.place))
}

/// Notes where the bytes belong that the caller writes, if these are they.
fn is_left(buffer: *const c_void, size: usize, address: u64) -> bool {
    match LEFT.get() {
        Some(left) if left.bytes == (buffer, size) => {
            LEFT.set(Some(Left { place: Some(address), ..left }));
            true
        }
        _ => false,
    }
}

static DRIVER: OnceLock<Driver> = OnceLock::new();

/// Has files that are opened with this access list read through the driver. `file` is any file that exists.
pub(super) fn guard(access: &Id, file: &CStr) -> Result<()> {
    let driver = locked(|| match DRIVER.get() {
        Some(driver) => Ok(*driver),
        None => register(access, file).map(|driver| *DRIVER.get_or_init(|| driver)),
    })?;
    h5!(Io, "the file driver cannot be set up", H5Pset_driver(access.get(), driver.id, std::ptr::null())).map(drop)
}

/// Copies the library's driver and registers the copy. To be called under the lock.
fn register(access: &Id, file: &CStr) -> Result<Driver> {
    let unknown = || Error::io("the file driver of the library is not known");
    // SAFETY: the name is a C string. An open file begins with its driver's number and a pointer to its class, which
    // lives as long as the driver is registered; it begins with its version, on which its layout depends.
    let mut class = unsafe {
        let open = H5FDopen(file.as_ptr(), H5F_ACC_RDONLY, access.get(), u64::MAX);
        if open.is_null() {
            return Err(super::failure(anndata_storage::ErrorKind::Io, "the file cannot be opened"));
        }
        let class: *const Class = (*open).cls.cast();
        let known = !class.is_null() && (*class).version == VERSION;
        let copy = known.then(|| *class);
        H5FDclose(open);
        copy.ok_or_else(unknown)?
    };
    let read = class.read.replace(read_checked).ok_or_else(unknown)?;
    let query = class.query.replace(query_exact).ok_or_else(unknown)?;
    let close = class.close.replace(close_known).ok_or_else(unknown)?;
    let write = class.write.replace(write_saved).ok_or_else(unknown)?;
    let cut = class.cut.replace(cut_later).ok_or_else(unknown)?;
    let end = class.end.ok_or_else(unknown)?;
    class.value = NUMBER;
    class.name = NAME.as_ptr();
    // SAFETY: the library copies the structure, which is of the version that it says; the name lives for ever.
    let id = unsafe { H5FDregister((&raw const class).cast::<H5FD_class_t>()) };
    if id < 0 { Err(unknown()) } else { Ok(Driver { id, read, query, close, write, end, cut }) }
}

/// Says what the library's driver can do. Metadata of a file that is open for reading are read piece by piece, not as
/// what was near a piece before, so that each is seen.
///
/// # Safety
/// As the library's documentation of drivers says: both pointers are to what their types say, or null.
unsafe extern "C" fn query_exact(file: *const H5FD_t, features: *mut c_ulong) -> herr_t {
    let Some(driver) = DRIVER.get() else { return -1 };
    // SAFETY: the arguments are handed on; an open file begins as `OpenFile` says.
    unsafe {
        let status = (driver.query)(file, features);
        if let (Some(file), Some(features)) = (file.cast::<OpenFile>().as_ref(), features.as_mut())
            && file.is_read_only()
        {
            *features &= !ACCUMULATE;
        }
        status
    }
}

/// Closes a file and forgets what was known of it.
///
/// # Safety
/// As the library's documentation of drivers says: the file is open.
unsafe extern "C" fn close_known(file: *mut H5FD_t) -> herr_t {
    let Some(driver) = DRIVER.get() else { return -1 };
    // SAFETY: an open file begins as `OpenFile` says; the argument is handed on.
    unsafe {
        let log = file.cast::<OpenFile>().as_ref().and_then(|file| {
            KNOWN.lock().unwrap_or_else(PoisonError::into_inner).remove(&file.number);
            edits::forget(file.number)
        });
        let status = (driver.close)(file);
        match log.filter(|log| !log.is_undone()).map_or(Ok(()), |log| log.commit()) {
            Ok(()) => status,
            Err(error) => refuse(error.to_string()),
        }
    }
}

/// Reads as the library does, and fails for what it would not survive.
///
/// # Safety
/// As the library's documentation of drivers says: `buffer` has room for `size` bytes.
unsafe extern "C" fn read_checked(
    file: *mut H5FD_t,
    kind: c_int,
    transfer: hid_t,
    address: u64,
    size: usize,
    buffer: *mut c_void,
) -> herr_t {
    let Some(driver) = DRIVER.get() else { return -1 };
    // SAFETY: the arguments are handed on.
    let status = unsafe { (driver.read)(file, kind, transfer, address, size, buffer) };
    if status < 0 || buffer.is_null() {
        return status;
    }
    // SAFETY: the buffer holds `size` bytes, which were read just now.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), size) };
    let (number, base, read_only) = {
        // SAFETY: an open file begins as `OpenFile` says. Nothing of it is kept.
        let Some(open) = (unsafe { file.cast::<OpenFile>().as_ref() }) else { return status };
        (open.number, open.base, open.is_read_only())
    };
    // Beyond the end of a file the library's driver reads zeros.
    let read = |at: u64, bytes: &mut [u8]| {
        // SAFETY: the buffer has room for the bytes that are asked for.
        let status = unsafe { (driver.read)(file, kind, transfer, at, bytes.len(), bytes.as_mut_ptr().cast()) };
        status >= 0
    };
    if bytes.starts_with(b"GCOL\x01") && !ONLY_VALUES.get() {
        let comes_to_an_end = ends(bytes, |offset| {
            let mut head = [0_u8; HEAD];
            read(address.checked_add(offset)?, &mut head).then_some(head)
        });
        if !comes_to_an_end {
            return refuse(format!("the heap at {address} has an object of size 0"));
        }
    }
    if read_only && kind != VALUES {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(number).or_default();
        if let Err(why) = known.check(bytes, address, base, &read) {
            return refuse(why);
        }
    }
    status
}

/// Bytes of the head of a collection, and of an object in it.
const HEAD: usize = 16;

/// Whether a walk over the objects of a collection ends. Its first bytes are given; `read` has the others.
fn ends(first: &[u8], read: impl Fn(u64) -> Option<[u8; HEAD]>) -> bool {
    let head = |at: u64| {
        let start = usize::try_from(at).ok()?;
        match first.get(start..).and_then(<[u8]>::first_chunk) {
            Some(head) => Some(*head),
            None => read(at),
        }
    };
    let size = |head: [u8; HEAD]| {
        let [_, _, _, _, _, _, _, _, size @ ..] = head;
        u64::from_le_bytes(size)
    };
    let Some(end) = head(0).map(size) else { return true };
    let mut at = HEAD as u64;
    while at.checked_add(HEAD as u64).is_some_and(|next| next <= end) {
        // What cannot be read, and what reaches beyond the collection, the library sees itself.
        let Some(object) = head(at) else { return true };
        let is_free = object.starts_with(&[0, 0]);
        // The data of an object is padded to 8 bytes; the sums wrap as the library's do.
        let need = if is_free { size(object) } else { (size(object).wrapping_add(7) & !7).wrapping_add(HEAD as u64) };
        if need == 0 {
            return false;
        }
        match at.checked_add(need) {
            Some(next) => at = next,
            None => return true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(number: u8, size: u64) -> Vec<u8> {
        [&[number, 0, 1, 0, 0, 0, 0, 0], &size.to_le_bytes()[..]].concat()
    }

    #[test]
    fn only_walks_that_stand_still_do_not_end() {
        let head = |size: u64| [b"GCOL\x01\0\0\0".as_slice(), &size.to_le_bytes()].concat();
        let nothing = |_: u64| None;
        let good = [head(64), object(1, 3), vec![0; 8], object(0, 24), vec![0; 8]].concat();
        assert!(ends(&good, nothing));
        let still = [head(64), object(1, 3), vec![0; 8], object(0, 0), vec![0; 8]].concat();
        assert!(!ends(&still, nothing));
        assert!(ends(&[head(40), object(1, 3), vec![0; 8]].concat(), nothing));
        assert!(ends(&[head(64), object(1, u64::MAX / 2), vec![0; 32]].concat(), nothing));
        assert!(!ends(&[head(64), object(1, 0_u64.wrapping_sub(16)), vec![0; 32]].concat(), nothing));
        assert!(!ends(&[head(4096), object(1, 16)].concat(), |_| Some([0; HEAD])));
        assert!(ends(&head(u64::MAX), nothing));
    }
}
