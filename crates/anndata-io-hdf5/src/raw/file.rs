//! Files: open, create, flush.

#[cfg(unix)]
use std::ffi::c_int;
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anndata_storage::{Error, Result};
#[cfg(unix)]
use hdf5_metno_sys::h5f::H5Fget_vfd_handle;
use hdf5_metno_sys::h5f::{
    H5F_ACC_EXCL, H5F_ACC_RDONLY, H5F_ACC_RDWR, H5F_LIBVER_LATEST, H5F_libver_t, H5F_scope_t, H5Fcreate, H5Fflush,
    H5Fget_create_plist, H5Fget_fileno, H5Fopen,
};
use hdf5_metno_sys::h5p::{
    H5P_CLS_FILE_ACCESS, H5P_CLS_FILE_CREATE, H5Pget_sizes, H5Pget_userblock, H5Pset_file_locking,
    H5Pset_libver_bounds, H5Pset_link_creation_order, H5Pset_userblock,
};

#[cfg(unix)]
use super::DEFAULT;
use super::plist::{CREATION_ORDER, set_up_objects};
use super::{Id, driver, h5, plist};
use crate::undo::UndoLog;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Edit,
    /// Nothing may be at the path. The file begins with a block of so many bytes that the format leaves to its users.
    Create {
        user_block: u64,
    },
}

/// Opens or makes a file. One that is edited comes with what undoes the edit.
pub(crate) fn open(path: &Path, mode: Mode) -> Result<(Id, Option<Arc<UndoLog>>)> {
    let name = c_path(path)?;
    let access = access()?;
    if let Mode::Create { .. } = mode {
        // The driver is set up on a file that exists. That is not kept and emptied: file systems write a file that was
        // emptied to the disk when it is closed, whoever waits for that.
        File::create_new(path)?;
        let guarded = driver::guard(&access, &name);
        fs::remove_file(path)?;
        guarded?;
    } else {
        driver::guard(&access, &name)?;
    }
    let id = match mode {
        Mode::Read => {
            h5!(InvalidData, "the file cannot be opened", H5Fopen(name.as_ptr(), H5F_ACC_RDONLY, access.get()))
        }
        Mode::Edit => return edit(path, &name, &access).map(|(id, log)| (id, Some(log))),
        Mode::Create { user_block } => {
            let creation = creation(user_block)?;
            h5!(Io, "the file cannot be made", H5Fcreate(name.as_ptr(), H5F_ACC_EXCL, creation.get(), access.get()))
        }
    };
    Ok((Id::own(id?), None))
}

/// Opens a file for editing.
fn edit(path: &Path, name: &CStr, access: &Id) -> Result<(Id, Arc<UndoLog>)> {
    let log = Arc::new(UndoLog::begin(path)?);
    let open = || {
        h5!(InvalidData, "the file cannot be opened for writing", H5Fopen(name.as_ptr(), H5F_ACC_RDWR, access.get()))
    };
    let id = Id::own(driver::opening(Arc::clone(&log), open)?);
    let mut number = 0;
    h5!(Io, "the number of the file is not known", H5Fget_fileno(id.get(), &raw mut number))?;
    Ok((id, driver::logged(number, log)))
}

/// A path for the library: on Unix any, elsewhere one that is UTF-8.
fn c_path(path: &Path) -> Result<CString> {
    #[cfg(unix)]
    let bytes = Some(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()));
    #[cfg(not(unix))]
    let bytes = path.to_str().map(str::as_bytes);
    let bytes = bytes.ok_or_else(|| Error::invalid_input("the path is not UTF-8"))?;
    CString::new(bytes).map_err(|error| Error::invalid_input("the path holds a NUL character").with_source(error))
}

/// Locks where the file system has locks; new objects in the formats of 1.8 and later.
fn access() -> Result<Id> {
    let list = plist::new(|| *H5P_CLS_FILE_ACCESS)?;
    h5!(Io, "file locking cannot be set up", H5Pset_file_locking(list.get(), 1, 1))?;
    h5!(Io, "format bounds cannot be set up", {
        H5Pset_libver_bounds(list.get(), H5F_libver_t::H5F_LIBVER_V18, H5F_LIBVER_LATEST)
    })?;
    Ok(list)
}

fn creation(user_block: u64) -> Result<Id> {
    let list = plist::new(|| *H5P_CLS_FILE_CREATE)?;
    h5!(Io, "the user block cannot be set up", H5Pset_userblock(list.get(), user_block))?;
    h5!(Io, "link order cannot be set up", H5Pset_link_creation_order(list.get(), CREATION_ORDER))?;
    set_up_objects(&list)?;
    Ok(list)
}

/// Hands everything to the operating system.
pub(crate) fn flush(file: &Id) -> Result<()> {
    h5!(Io, "the file cannot be flushed", H5Fflush(file.get(), H5F_scope_t::H5F_SCOPE_LOCAL)).map(drop)
}

/// A handle on the file that the library has open: on that very file, whatever is at its path by now.
///
/// The library's own is closed in processes that are started from here on. It would keep the lock of the file there.
#[cfg(unix)]
pub(crate) fn handle(file: &Id) -> Result<File> {
    use std::os::fd::BorrowedFd;
    let mut descriptor = std::ptr::null_mut();
    h5!(Io, "the descriptor of the file is not known", H5Fget_vfd_handle(file.get(), DEFAULT, &raw mut descriptor))?;
    if descriptor.is_null() {
        return Err(Error::io("the descriptor of the file is not known"));
    }
    // SAFETY: files are opened with the library's driver for POSIX files, whose handle is a pointer to the descriptor. It
    // is open as long as the file is, which is longer than it is borrowed.
    let descriptor = unsafe { BorrowedFd::borrow_raw(*descriptor.cast::<c_int>()) };
    rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    Ok(File::from(descriptor.try_clone_to_owned()?))
}

/// Where addresses in the file count from, and the bytes of an address and of a length.
pub(crate) fn geometry(file: &Id) -> Result<(u64, usize, usize)> {
    let list = Id::own(h5!(InvalidData, "the file's properties cannot be read", H5Fget_create_plist(file.get()))?);
    let (mut base, mut address, mut length) = (0, 0, 0);
    h5!(InvalidData, "the file's user block cannot be read", H5Pget_userblock(list.get(), &raw mut base))?;
    h5!(InvalidData, "the file's address size cannot be read", {
        H5Pget_sizes(list.get(), &raw mut address, &raw mut length)
    })?;
    Ok((base, address, length))
}
