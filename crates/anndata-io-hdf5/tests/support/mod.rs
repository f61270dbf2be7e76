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
    // SAFETY: the pointer is to as many lengths as declared.
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

/// The checksum that HDF5 puts after metadata (Jenkins' lookup3).
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let len = u32::try_from(bytes.len()).unwrap();
    let [mut a, mut b, mut c] = [0xdead_beef_u32.wrapping_add(len); 3];
    let mut words = [0_u8; 12];
    let mut rest = bytes;
    let mut add = |block: &[u8], a: &mut u32, b: &mut u32, c: &mut u32| {
        words.fill(0);
        words[..block.len()].copy_from_slice(block);
        for (sum, word) in [a, b, c].into_iter().zip(words.chunks_exact(4)) {
            *sum = sum.wrapping_add(u32::from_le_bytes(word.try_into().unwrap()));
        }
    };
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        rest = after;
        add(block, &mut a, &mut b, &mut c);
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
    }
    if rest.is_empty() {
        return c;
    }
    add(rest, &mut a, &mut b, &mut c);
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// An array of 12 x 21 integers with a filter, whose chunks only the library finds. Its second axis may grow.
pub(crate) fn with_filter(path: &Path, filter: i32, numbers: &[u32]) {
    // The library knows the filters of this crate once a store was open.
    drop(create(&path.with_extension("first")).unwrap());
    let path = name(path.to_str().unwrap());
    // SAFETY: identifiers are alive; pointers are to as many numbers as declared.
    library(|| unsafe {
        let access = H5Pcreate(*hdf5_metno_sys::h5p::H5P_CLS_FILE_ACCESS);
        hdf5_metno_sys::h5p::H5Pset_libver_bounds(
            access,
            hdf5_metno_sys::h5f::H5F_LIBVER_LATEST,
            hdf5_metno_sys::h5f::H5F_LIBVER_LATEST,
        );
        let file = OddFile(H5Fcreate(path.as_ptr(), H5F_ACC_TRUNC, 0, access));
        let how = creation();
        hdf5_metno_sys::h5p::H5Pset_chunk(how, 2, [5_u64, 5].as_ptr());
        assert!(hdf5_metno_sys::h5p::H5Pset_filter(how, filter, 0, numbers.len(), numbers.as_ptr()) >= 0);
        let space = H5Screate_simple(2, [12_u64, 21].as_ptr(), [12, u64::MAX].as_ptr());
        let id = H5Dcreate2(file.0, c"a".as_ptr(), *hdf5_metno_sys::h5t::H5T_STD_I32LE, space, 0, how, 0);
        assert!(id >= 0);
        H5Dclose(id);
    });
}
