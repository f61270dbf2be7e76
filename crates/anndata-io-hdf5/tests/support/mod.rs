//! Makes files that this crate itself would not make, with the library.
#![allow(dead_code, reason = "each test uses some of it")]

use std::ffi::{CString, c_void};
use std::path::Path;
use std::sync::Arc;

use anndata_io_hdf5::{Hdf5Options, Hdf5Store};
use anndata_storage::{Array, Group, Result, Storage};
use hdf5_metno::sync::sync;
use hdf5_metno_sys::h5d::{H5Dclose, H5Dcreate2, H5Dwrite};
use hdf5_metno_sys::h5f::{H5F_ACC_TRUNC, H5Fclose, H5Fcreate};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5p::{H5P_CLS_DATASET_CREATE, H5Pcreate};
use hdf5_metno_sys::h5s::{H5S_class_t, H5Screate, H5Screate_simple};

/// Runs calls of the library under its lock.
pub(crate) fn library<T>(calls: impl FnOnce() -> T) -> T {
    sync(calls)
}

pub(crate) fn name(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// A file that is open for as long as this lives.
pub(crate) struct OddFile(pub(crate) hid_t);

impl OddFile {
    pub(crate) fn create(path: &Path) -> Self {
        let path = name(path.to_str().unwrap());
        // SAFETY: a C string and property lists that the library has.
        Self(library(|| unsafe { H5Fcreate(path.as_ptr(), H5F_ACC_TRUNC, 0, 0) }))
    }

    /// Makes a dataset of a type and writes native values of a memory type.
    pub(crate) fn dataset<T>(&self, path: &str, file: hid_t, memory: hid_t, shape: &[u64], how: hid_t, values: &[T]) {
        let path = name(path);
        library(|| {
            // SAFETY: identifiers are alive; the buffer holds the values that the shape says.
            unsafe {
                let space = simple(shape);
                let id = H5Dcreate2(self.0, path.as_ptr(), file, space, 0, how, 0);
                assert!(id >= 0, "{path:?}");
                if !values.is_empty() {
                    assert!(H5Dwrite(id, memory, 0, 0, 0, values.as_ptr().cast::<c_void>()) >= 0);
                }
                H5Dclose(id);
            }
        });
    }
}

impl Drop for OddFile {
    fn drop(&mut self) {
        // SAFETY: the identifier was opened here.
        library(|| unsafe { H5Fclose(self.0) });
    }
}

/// A dataspace; scalar for an empty shape.
pub(crate) fn simple(shape: &[u64]) -> hid_t {
    // SAFETY: the pointer is to as many lengths as are told.
    library(|| unsafe {
        if shape.is_empty() {
            H5Screate(H5S_class_t::H5S_SCALAR)
        } else {
            H5Screate_simple(i32::try_from(shape.len()).unwrap(), shape.as_ptr(), std::ptr::null())
        }
    })
}

/// A list of properties for a new dataset.
pub(crate) fn creation() -> hid_t {
    // SAFETY: the class is one that the library has.
    library(|| unsafe { H5Pcreate(*H5P_CLS_DATASET_CREATE) })
}

pub(crate) fn open(path: &Path) -> Result<Group> {
    open_with(path, &Hdf5Options::default())
}

pub(crate) fn open_with(path: &Path, options: &Hdf5Options) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open(path, options)?)))
}

pub(crate) fn edit(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open_rw(path, &Hdf5Options::default())?)))
}

pub(crate) fn create(path: &Path) -> Result<Group> {
    let store: Arc<dyn Storage> = Arc::new(Hdf5Store::create(path)?);
    Ok(Group::root(store))
}

pub(crate) fn array(path: &Path, key: &str) -> Result<Array> {
    open(path)?.array(key)
}
