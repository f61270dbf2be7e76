//! How many bytes of a file are read for some values: of chunks that are stored as they are, those of the values alone.

#![cfg(feature = "write")]
#![allow(clippy::single_range_in_vec_init, reason = "runs")]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_hdf5_meta::ReadAt;
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_atomic};
use anndata_storage::{Array, ArraySpec, AxisSelection, Codec, Group, Result, Tensor};

/// A file that counts the bytes that are read of it.
struct Counted(File, Arc<AtomicU64>);

impl ReadAt for Counted {
    fn len(&self) -> std::io::Result<u64> {
        ReadAt::len(&self.0)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        self.1.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        ReadAt::read_at(&self.0, offset, bytes)
    }
}

/// The array of a file with these numbers from 0 on, in chunks of a thousand, and what counts the bytes that are read.
fn open(path: &Path, count: i32, codecs: &[Codec]) -> Result<(Array, Arc<AtomicU64>)> {
    let values = Tensor::from((0..count).collect::<Vec<_>>());
    write_atomic(path, true, false, |store| {
        let spec = ArraySpec::of(&values).with_chunks([1000]).with_codecs(codecs);
        Group::root(store.clone()).create_array("a", &spec)?.write(&[0], &values)
    })?;
    let bytes = Arc::new(AtomicU64::new(0));
    let store = Hdf5Store::open_source(Counted(File::open(path)?, Arc::clone(&bytes)), path, &Hdf5Options::default())?;
    let array = Group::root(Arc::new(store)).array("a")?;
    // From here on it is known where the chunks are.
    array.read()?;
    Ok((array, bytes))
}

#[test]
fn runs_of_chunks_that_are_stored_as_they_are_read_their_own_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (array, bytes) = open(&folder.path().join("a.h5"), 9_500, &[])?;
    for (runs, read) in [
        (vec![0..1000], 1000),
        (vec![999..1000, 9_490..9_500, 5_000..5_001], 12),
        // Over the border of two chunks.
        (vec![1_900..2_100], 200),
        // Of a chunk that has more than one of them all is read, in one go.
        (vec![10..20, 30..40, 4_000..4_010], 1010),
    ] {
        bytes.store(0, Ordering::Relaxed);
        let found = array.read_runs(&runs)?;
        assert_eq!(bytes.load(Ordering::Relaxed), read * 4, "{runs:?}");
        let wanted: Vec<i32> = runs.iter().cloned().flatten().map(|at| i32::try_from(at).unwrap_or(-1)).collect();
        assert_eq!(found.as_slice::<i32>()?, wanted);
    }
    bytes.store(0, Ordering::Relaxed);
    let found = array.read_selection(&[AxisSelection::Range(1_000..3_000)])?;
    assert_eq!((bytes.load(Ordering::Relaxed), found), (8_000, Tensor::from((1_000..3_000).collect::<Vec<i32>>())));
    Ok(())
}

#[test]
fn rows_of_chunks_that_are_stored_as_they_are_read_their_own_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5");
    // Rows of 4 kB, a hundred of them in a chunk.
    let values = Tensor::from_vec([250, 1_000], (0..250_000).collect::<Vec<i32>>())?;
    write_atomic(&path, true, false, |store| {
        let spec = ArraySpec::of(&values).with_chunks([100, 1_000]);
        Group::root(store.clone()).create_array("a", &spec)?.write(&[0, 0], &values)
    })?;
    let bytes = Arc::new(AtomicU64::new(0));
    let store =
        Hdf5Store::open_source(Counted(File::open(&path)?, Arc::clone(&bytes)), &path, &Hdf5Options::default())?;
    let array = Group::root(Arc::new(store)).array("a")?;
    assert_eq!(array.read()?, values);
    let (row, whole) = (1_000 * 4, 100 * 1_000 * 4);
    let every_second: Vec<u64> = (0..100).step_by(2).collect();
    for (rows, columns, read) in [
        (AxisSelection::Range(150..160), AxisSelection::Range(0..1_000), 10 * row),
        // Over the border of two chunks.
        (AxisSelection::Range(95..105), AxisSelection::Range(0..1_000), 10 * row),
        (AxisSelection::from(vec![3, 4, 90, 101, 249]), AxisSelection::Range(0..1_000), 5 * row),
        // So many reads cost more than one of the chunk.
        (AxisSelection::from(every_second), AxisSelection::Range(0..1_000), whole),
        // Parts of rows are not contiguous in the chunk.
        (AxisSelection::Range(7..9), AxisSelection::Range(1..1_000), whole),
    ] {
        bytes.store(0, Ordering::Relaxed);
        let found = array.read_selection(&[rows.clone(), columns.clone()])?;
        assert_eq!(bytes.load(Ordering::Relaxed), read, "{rows:?}");
        assert_eq!(found, values.select(&[rows, columns])?);
    }
    Ok(())
}

#[test]
fn chunks_that_are_encoded_are_read_whole() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // Bytes in another order take as many.
    let (array, bytes) = open(&folder.path().join("a.h5"), 5_000, &[Codec::Shuffle])?;
    bytes.store(0, Ordering::Relaxed);
    let found = array.read_runs(&[4_001..4_002, 7..9])?;
    assert_eq!((bytes.load(Ordering::Relaxed), found), (8_000, Tensor::from(vec![4_001, 7, 8])));
    Ok(())
}

#[test]
fn a_chunk_that_was_never_written_reads_as_zeros() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5");
    write_atomic(&path, true, false, |store| {
        let spec = ArraySpec::new(anndata_storage::DType::I32, [3_000]).with_chunks([1000]);
        Group::root(store.clone()).create_array("a", &spec)?.write(&[1000], &Tensor::from(vec![7; 1000]))
    })?;
    let array = Group::root(Arc::new(Hdf5Store::open(&path, &Hdf5Options::default())?)).array("a")?;
    assert_eq!(array.read_runs(&[999..1001, 2_500..2_501])?, Tensor::from(vec![0, 7, 0]));
    Ok(())
}
