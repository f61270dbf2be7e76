//! The library calls that the backend makes, as safe functions over owned identifiers.
//!
//! The library is not made for threads: every call runs under one lock. Nothing here waits for another thread while it
//! holds the lock, so the callers may be on any thread, those of a pool included.

pub(crate) mod attribute;
pub(crate) mod dataset;
pub(crate) mod datatype;
mod driver;
pub(crate) mod file;
pub(crate) mod link;
mod metadata;
pub(crate) mod plist;
pub(crate) mod reference;
pub(crate) mod space;
pub(crate) mod target;

use std::ffi::CString;
use std::sync::Once;

pub(crate) use driver::only_values;

use anndata_storage::{Error, ErrorKind, Result};
use hdf5_metno_sys::h5i::{H5Idec_ref, hid_t};
use hdf5_metno_sys::h5pl::H5PLset_loading_state;

/// An identifier of the library, released when dropped.
#[derive(Debug)]
pub(crate) struct Id(hid_t);

impl Id {
    /// Takes over an identifier that the library has just handed out.
    fn own(id: hid_t) -> Self {
        Self(id)
    }

    /// The identifier, for calls within this module.
    fn get(&self) -> hid_t {
        self.0
    }
}

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: the reference count was taken over in `own` and is given back once.
        locked(|| unsafe { H5Idec_ref(self.0) });
    }
}

static SET_UP: Once = Once::new();

/// Runs a closure under the library's lock, after the one-time set-up: no plugin is loaded from the environment, and the
/// library knows the filters that are compiled in and the conversion of texts to references.
pub(crate) fn locked<T>(call: impl FnOnce() -> T) -> T {
    hdf5_metno::sync::sync(|| {
        SET_UP.call_once(|| {
            let mut none = 0;
            // SAFETY: the pointer is to a live integer. The library is initialised (`sync` does that).
            unsafe { H5PLset_loading_state(&raw mut none) };
            crate::filters::register();
            reference::register();
        });
        call()
    })
}

/// What the library returns where it fails: a negative number.
pub(crate) trait Status: Copy {
    fn failed(self) -> bool;
}

impl Status for i32 {
    fn failed(self) -> bool {
        self < 0
    }
}

impl Status for i64 {
    fn failed(self) -> bool {
        self < 0
    }
}

impl Status for isize {
    fn failed(self) -> bool {
        self < 0
    }
}

/// Runs a call under the lock; where it fails, makes an error of the kind and message given, with the library's reason.
pub(crate) fn call<T: Status>(kind: ErrorKind, message: &'static str, call: impl FnOnce() -> T) -> Result<T> {
    locked(|| {
        driver::refusal();
        let status = call();
        if status.failed() { Err(failure(kind, message)) } else { Ok(status) }
    })
}

/// The error of a call that failed just now; to be made under the same lock.
pub(crate) fn failure(kind: ErrorKind, message: &'static str) -> Error {
    let reason = driver::refusal().unwrap_or_else(|| {
        hdf5_metno::Error::query().map_or_else(|error| error.to_string(), |error| plain(&error.to_string()))
    });
    Error::new(kind, message).with_source(reason)
}

/// The library's reason without what says nothing to users and differs each time: addresses of memory, the time, numbers and
/// sizes of its own, and the name of the file, which may be that of a temporary one and is reported anyway.
fn plain(reason: &str) -> String {
    const SAY_NOTHING: [&str; 13] = [
        "time",
        "filename",
        "name",
        "flags",
        "o_flags",
        "file descriptor",
        "buf",
        "total read size",
        "bytes this sub-read",
        "total write size",
        "bytes this sub-write",
        "bytes actually read",
        "offset",
    ];
    let mut parts = Vec::new();
    for part in reason.split(", ") {
        let Some((name, _)) = part.split_once(" = ") else {
            parts.push(part);
            continue;
        };
        // The first of them follows the reason itself.
        let (before, name) = name.rsplit_once(": ").map_or((None, name), |(before, name)| (Some(before), name));
        if SAY_NOTHING.contains(&name) { parts.extend(before) } else { parts.push(part) }
    }
    parts.join(", ")
}

/// A name for the library.
pub(crate) fn c_string(name: &str) -> Result<CString> {
    CString::new(name).map_err(|error| Error::invalid_input("a name holds a NUL character").with_source(error))
}

/// Runs one library call under the lock and checks its status: `h5!(Kind, "message", call)`.
macro_rules! h5 {
    ($kind:ident, $message:expr, $call:expr) => {
        $crate::raw::call(anndata_storage::ErrorKind::$kind, $message, || {
            // SAFETY: the functions of this module hand over identifiers that they hold alive, and pointers to values
            // and buffers that live through the call and have the length that the call is given.
            unsafe { $call }
        })
    };
}
use h5;

/// The default property list.
const DEFAULT: hid_t = 0;

#[cfg(test)]
mod tests {
    #[test]
    fn a_reason_says_nothing_that_differs_each_time() {
        let reason = "H5Fopen(): unable to read: file read failed: time = Thu Nov 26 2026, filename = 'x', \
                      file descriptor = 5, errno = 21, error message = 'Is a directory', buf = 0x7ffd38529b78, \
                      total read size = 8, offset = 0";
        let plain = "H5Fopen(): unable to read: file read failed, errno = 21, error message = 'Is a directory'";
        assert_eq!(super::plain(reason), plain);
        assert_eq!(super::plain("no such object, of size = 3"), "no such object, of size = 3");
        let reason = "H5Fopen(): unable to open file: name = 'a.h5', errno = 13, error message = 'Permission denied', \
                      flags = 0, o_flags = 0";
        let plain = "H5Fopen(): unable to open file, errno = 13, error message = 'Permission denied'";
        assert_eq!(super::plain(reason), plain);
    }
}
