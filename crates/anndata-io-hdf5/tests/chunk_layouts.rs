//! Arrays in every way in which HDF5 keeps account of chunks, read and edited here and by the library.
#![allow(clippy::unwrap_used, clippy::panic, clippy::struct_excessive_bools, reason = "tests")]

mod support;

use std::path::Path;

use anndata_io_hdf5::{Hdf5Options, MetadataReader};
use anndata_storage::{AxisSelection, Result, Tensor};
use hdf5_metno_sys::h5d::{H5D_alloc_time_t, H5Dclose, H5Dcreate2, H5Dopen2, H5Dread, H5Dwrite, H5Dwrite_chunk};
use hdf5_metno_sys::h5f::{
    H5F_ACC_RDONLY, H5F_ACC_TRUNC, H5F_LIBVER_LATEST, H5F_libver_t, H5Fclose, H5Fcreate, H5Fopen,
};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5p::{
    H5P_CLS_FILE_ACCESS, H5Pcreate, H5Pset_alloc_time, H5Pset_chunk, H5Pset_chunk_opts, H5Pset_deflate,
    H5Pset_fill_value, H5Pset_libver_bounds, H5Pset_shuffle,
};
use hdf5_metno_sys::h5s::{H5S_UNLIMITED, H5Sclose, H5Screate_simple};
use hdf5_metno_sys::h5t::H5T_STD_I32LE;
use support::{OddFile, creation, edit, library, name, open_with};

/// How an array is made.
#[derive(Debug, Clone)]
struct Made {
    version: H5F_libver_t,
    shape: Vec<u64>,
    max: Vec<u64>,
    chunks: Vec<u64>,
    shuffle: bool,
    deflate: bool,
    /// Chunks are allocated when the array is made.
    early: bool,
    /// Chunks that reach over the edge are not filtered.
    plain_edges: bool,
    /// The shape that it has after it was written.
    then: Option<Vec<u64>>,
}

fn int() -> hid_t {
    library(|| *H5T_STD_I32LE)
}

fn values(shape: &[u64]) -> Vec<i32> {
    let len = i32::try_from(shape.iter().product::<u64>()).unwrap();
    (0..len).map(|i| i * 7 + 1).collect()
}

/// What elements that were never written read as.
static FILL: i32 = -3;

impl Made {
    fn write(&self, path: &Path) {
        let path = name(path.to_str().unwrap());
        let ndim = i32::try_from(self.shape.len()).unwrap();
        let values = values(&self.shape);
        // SAFETY: identifiers are alive; each pointer is to as many numbers as the array has axes or elements.
        library(|| unsafe {
            let access = H5Pcreate(*H5P_CLS_FILE_ACCESS);
            H5Pset_libver_bounds(access, self.version, H5F_LIBVER_LATEST);
            let file = H5Fcreate(path.as_ptr(), H5F_ACC_TRUNC, 0, access);
            let how = creation();
            H5Pset_chunk(how, ndim, self.chunks.as_ptr());
            if self.shuffle {
                H5Pset_shuffle(how);
            }
            if self.deflate {
                H5Pset_deflate(how, 4);
            }
            if self.early {
                H5Pset_alloc_time(how, H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY);
            }
            if self.plain_edges {
                assert!(H5Pset_chunk_opts(how, 2) >= 0);
            }
            H5Pset_fill_value(how, *H5T_STD_I32LE, (&raw const FILL).cast());
            let space = H5Screate_simple(ndim, self.shape.as_ptr(), self.max.as_ptr());
            let id = H5Dcreate2(file, c"a".as_ptr(), *H5T_STD_I32LE, space, 0, how, 0);
            assert!(id >= 0, "{self:?}");
            assert!(H5Dwrite(id, *H5T_STD_I32LE, 0, 0, 0, values.as_ptr().cast()) >= 0);
            if let Some(shape) = &self.then {
                assert!(hdf5_metno_sys::h5d::H5Dset_extent(id, shape.as_ptr()) >= 0);
            }
            H5Sclose(space);
            H5Dclose(id);
            H5Fclose(file);
        });
    }

    fn final_shape(&self) -> Vec<u64> {
        self.then.clone().unwrap_or_else(|| self.shape.clone())
    }
}

/// What the library reads from the array.
fn by_library(path: &Path, shape: &[u64]) -> Tensor {
    let path = name(path.to_str().unwrap());
    let mut values = vec![0_i32; usize::try_from(shape.iter().product::<u64>()).unwrap()];
    // SAFETY: identifiers are alive; the buffer has room for all elements.
    library(|| unsafe {
        let file = H5Fopen(path.as_ptr(), H5F_ACC_RDONLY, 0);
        let id = H5Dopen2(file, c"a".as_ptr(), 0);
        assert!(H5Dread(id, *H5T_STD_I32LE, 0, 0, 0, values.as_mut_ptr().cast()) >= 0);
        H5Dclose(id);
        H5Fclose(file);
    });
    Tensor::from_vec(shape.iter().map(|&len| usize::try_from(len).unwrap()).collect::<Vec<_>>(), values).unwrap()
}

fn layouts() -> Vec<Made> {
    const ANY: u64 = H5S_UNLIMITED;
    let mut layouts = Vec::new();
    for version in [H5F_libver_t::H5F_LIBVER_EARLIEST, H5F_libver_t::H5F_LIBVER_V110, H5F_LIBVER_LATEST] {
        for (shape, chunks, maxes, then) in [
            (
                vec![12, 21],
                vec![5, 5],
                vec![[12, 21], [ANY, 21], [12, ANY], [30, ANY], [ANY, ANY], [ANY, 50], [30, 50]],
                vec![vec![7, 16], vec![30, 21], vec![12, 50]],
            ),
            (vec![12, 21], vec![12, 21], vec![[12, 21], [12, ANY]], vec![]),
        ] {
            for max in maxes {
                for (shuffle, deflate, early, plain_edges) in [
                    (false, false, false, false),
                    (false, false, true, false),
                    (true, false, false, false),
                    (true, true, false, false),
                    (false, true, false, true),
                    (true, false, false, true),
                ] {
                    let (shape, chunks, max) = (shape.clone(), chunks.clone(), max.to_vec());
                    let mut made =
                        Made { version, shape, max, chunks, shuffle, deflate, early, plain_edges, then: None };
                    layouts.push(made.clone());
                    for then in &then {
                        if then.iter().zip(&made.max).all(|(len, max)| len <= max) {
                            made.then = Some(then.clone());
                            layouts.push(made.clone());
                        }
                    }
                }
            }
        }
    }
    for max in [[3, ANY, 9], [4, 7, ANY], [ANY, 7, 9], [3, ANY, ANY]] {
        layouts.push(Made {
            version: H5F_LIBVER_LATEST,
            shape: vec![3, 7, 9],
            max: max.to_vec(),
            chunks: vec![1, 2, 4],
            shuffle: false,
            deflate: true,
            early: false,
            plain_edges: false,
            then: None,
        });
    }
    layouts
}

#[test]
fn every_chunk_index_is_read_and_edited_as_the_library_does() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let layouts = layouts();
    assert_eq!(layouts.len(), 472);
    for made in layouts {
        made.write(&path);
        let shape = made.final_shape();
        let expected = by_library(&path, &shape);
        if made.then.is_none() {
            assert_eq!(expected.as_slice::<i32>()?, values(&shape), "{made:?}");
        }
        let some: Vec<AxisSelection> =
            shape.iter().map(|&len| AxisSelection::from(vec![0, len / 2, len - 1])).collect();
        let mut specs = Vec::new();
        for reader in [MetadataReader::Rust, MetadataReader::Library] {
            let stored = open_with(&path, &Hdf5Options::default().with_reader(reader))?.array("a")?;
            assert_eq!(stored.read()?, expected, "{made:?}");
            assert_eq!(stored.read_selection(&some)?, expected.select(&some)?, "{made:?}");
            specs.push((stored.spec(), stored.stored_bytes()?));
        }
        assert_eq!(specs[0], specs[1], "{made:?}");

        // A box in the middle, over the edges of chunks, and the last element.
        let root = edit(&path)?;
        let stored = root.array("a")?;
        let start: Vec<u64> = shape.iter().map(|&len| len / 3).collect();
        let count: Vec<usize> = shape.iter().map(|&len| usize::try_from(len / 2).unwrap()).collect();
        stored.write(&start, &Tensor::from_vec(count.clone(), vec![-7_i32; count.iter().product()])?)?;
        let last: Vec<u64> = shape.iter().map(|&len| len - 1).collect();
        stored.write(&last, &Tensor::from_vec(vec![1; shape.len()], vec![-9_i32])?)?;
        let edited = stored.read()?;
        let middle: Vec<AxisSelection> =
            start.iter().zip(&count).map(|(&start, &len)| AxisSelection::Range(start..start + len as u64)).collect();
        assert!(edited.select(&middle)?.as_slice::<i32>()?.iter().all(|&value| value == -7), "{made:?}");
        assert_eq!(edited.as_slice::<i32>()?.last(), Some(&-9), "{made:?}");
        if stored.spec().resizable {
            let mut shape = shape.clone();
            shape[0] += 4;
            stored.resize(&shape)?;
            let grown = stored.read()?;
            assert_eq!(grown.slice_rows(0..edited.shape()[0])?, edited, "{made:?}");
            let new = grown.slice_rows(edited.shape()[0]..grown.shape()[0])?;
            assert!(new.as_slice::<i32>()?.iter().all(|&value| value == FILL), "{made:?}");
        }
        let edited = stored.read()?;
        drop((root, stored));
        let shape: Vec<u64> = edited.shape().iter().map(|&len| len as u64).collect();
        assert_eq!(by_library(&path, &shape), edited, "{made:?}");
    }
    Ok(())
}

/// The library leaves the mask of a chunk alone that is replaced by one of the same length.
#[test]
fn chunks_whose_filters_were_skipped_are_replaced() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let how = creation();
    // SAFETY: identifiers are alive; pointers are to as many numbers as declared.
    library(|| unsafe {
        H5Pset_chunk(how, 1, [4_u64].as_ptr());
        H5Pset_shuffle(how);
    });
    file.dataset::<i32>("a", int(), int(), &[8], how, &[]);
    // SAFETY: as above.
    library(|| unsafe {
        let id = H5Dopen2(file.0, c"a".as_ptr(), 0);
        for (offset, values) in [(0_u64, [1_i32, 2, 3, 4]), (4, [50, 60, 70, 80])] {
            assert!(H5Dwrite_chunk(id, 0, 1, &raw const offset, 16, values.as_ptr().cast()) >= 0);
        }
        H5Dclose(id);
    });
    drop(file);
    let root = edit(&path)?;
    let stored = root.array("a")?;
    assert_eq!(stored.read()?.as_slice::<i32>()?, [1, 2, 3, 4, 50, 60, 70, 80]);
    stored.write(&[3], &Tensor::from_vec([3], vec![-4_i32, -5, -6])?)?;
    let expected = [1, 2, 3, -4, -5, -6, 70, 80];
    assert_eq!(stored.read()?.as_slice::<i32>()?, expected);
    drop((root, stored));
    assert_eq!(by_library(&path, &[8]).as_slice::<i32>()?, expected);
    Ok(())
}
