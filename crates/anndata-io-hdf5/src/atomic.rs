//! Files that appear whole or not at all.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Error, Result, Storage as _};

use crate::{Hdf5Store, undo};

/// The least bytes of a user block.
const SMALLEST_BLOCK: usize = 512;

/// A file that is being made beside its final path, and is put there by [`commit`](Self::commit).
///
/// Dropped without that, it is removed, and what was at the path stays. See [`anndata_storage::atomic`] for what is promised.
#[derive(Debug)]
pub struct AtomicFile {
    // Closed before the file is moved or removed.
    store: Option<Arc<Hdf5Store>>,
    output: AtomicOutput,
    path: PathBuf,
    /// What the file begins with, before anything of HDF5.
    signature: Vec<u8>,
}

impl AtomicFile {
    /// Begins a file that is to be at `path`.
    ///
    /// # Errors
    /// As [`AtomicOutput::create`].
    pub fn create(path: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        Self::create_signed(path, overwrite, &[])
    }

    /// Begins a file whose first bytes are `signature`, in the block that HDF5 leaves to its users: 512 bytes, or that times a
    /// power of two. Without one there is no such block.
    ///
    /// # Errors
    /// As [`AtomicOutput::create`].
    pub fn create_signed(path: impl AsRef<Path>, overwrite: bool, signature: &[u8]) -> Result<Self> {
        let path = path.as_ref();
        let block = if signature.is_empty() { 0 } else { signature.len().next_power_of_two().max(SMALLEST_BLOCK) };
        let output = AtomicOutput::create(path, OutputKind::File, overwrite)?;
        let store = Hdf5Store::create_at(output.path(), path, block as u64)?;
        Ok(Self { store: Some(Arc::new(store)), output, path: path.to_owned(), signature: signature.to_owned() })
    }

    /// The store to fill.
    ///
    /// # Errors
    /// None as long as the file is not committed, which takes it away.
    pub fn store(&self) -> Result<&Arc<Hdf5Store>> {
        self.store.as_ref().ok_or_else(|| Error::io("the file is finished already"))
    }

    /// Puts the file at its path. With `durable` it, and its name, are on the disk when this returns.
    ///
    /// # Errors
    /// If writing fails; then the old file is still there, and the new one is removed.
    pub fn commit(mut self, durable: bool) -> Result<()> {
        if let Some(store) = self.store.take() {
            store.commit().map_err(|error| error.in_store(&*store))?;
        }
        if !self.signature.is_empty() {
            self.sign().map_err(|error| Error::from(error).in_file(&self.path))?;
        }
        self.output.commit(durable)?;
        undo::forget(&self.path);
        Ok(())
    }

    /// Fills the user block: the signature, then zeros.
    fn sign(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.output.path())?;
        file.write_all(&self.signature)?;
        let block = self.signature.len().next_power_of_two().max(SMALLEST_BLOCK);
        file.write_all(&vec![0; block.saturating_sub(self.signature.len())])
    }
}

/// Makes a file through `fill`, so that it appears at `path` whole or not at all.
///
/// It is made in a temporary folder beside `path`, flushed, and renamed: see [`anndata_storage::atomic`]. With `durable` the
/// file and its name are on the disk when this returns.
///
/// ```
/// use anndata_io_hdf5::{Hdf5Store, write_atomic};
/// use anndata_storage::{Error, Storage as _};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("a.h5");
/// write_atomic(&path, false, true, |store| store.create_group("obs"))?;
/// let failed: Result<(), Error> = write_atomic(&path, true, true, |_| Err(Error::invalid_input("no")));
/// assert_eq!(failed.unwrap_err().message(), "no");
/// assert_eq!(Hdf5Store::open(&path, &Default::default())?.children("")?, ["obs"]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) if something is at `path` and `overwrite` is false;
/// what `fill` returns; if writing fails.
pub fn write_atomic<T>(
    path: impl AsRef<Path>,
    overwrite: bool,
    durable: bool,
    fill: impl FnOnce(&Arc<Hdf5Store>) -> Result<T>,
) -> Result<T> {
    write_signed(path, overwrite, durable, &[], fill)
}

/// Makes a file as [`write_atomic`] does, whose first bytes are `signature` ([`AtomicFile::create_signed`]): of MuData, for one.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_signed<T>(
    path: impl AsRef<Path>,
    overwrite: bool,
    durable: bool,
    signature: &[u8],
    fill: impl FnOnce(&Arc<Hdf5Store>) -> Result<T>,
) -> Result<T> {
    let atomic = AtomicFile::create_signed(path, overwrite, signature)?;
    let value = fill(atomic.store()?)?;
    atomic.commit(durable)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anndata_storage::{ArraySpec, Group, Storage, Tensor};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_existing_file_is_only_replaced_where_asked() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.h5");
        fs::write(&path, "old")?;
        let refused = write_atomic(&path, false, false, |_| Ok(()));
        assert!(refused.is_err_and(|error| error.is_already_exists()));
        assert_eq!(fs::read(&path)?, b"old");
        write_atomic(&path, true, true, |_| Ok(()))?;
        assert!(fs::read(&path)?.starts_with(b"\x89HDF"));
        assert_eq!(names(directory.path()), ["a.h5"]);
        Ok(())
    }

    #[test]
    fn a_signature_stands_before_the_file() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.h5");
        for (signature, base) in [(&b"Sample"[..], 512), (&[b'x'; 513], 1024)] {
            let values = Tensor::from_vec([3], vec![1_i64, 2, 3])?;
            write_signed(&path, true, true, signature, |store| {
                let root = Group::root(Arc::clone(store) as _);
                root.create_group("obs")?;
                root.create_array("whole", &ArraySpec::of(&values))?.write(&[0], &values)?;
                let chunked = ArraySpec::of(&values).with_chunks([2]);
                root.create_array("chunked", &chunked)?.write(&[0], &values)?;
                // One that no value was ever written to.
                root.create_array("unwritten", &ArraySpec::of(&values)).map(drop)
            })?;
            let bytes = fs::read(&path)?;
            assert!(bytes.starts_with(signature));
            assert!(
                bytes[signature.len()..base].iter().all(|&byte| byte == 0) && bytes[base..].starts_with(b"\x89HDF")
            );
            let store = Hdf5Store::open_rw(&path, &crate::Hdf5Options::default())?;
            store.create_group("var")?;
            let root = Group::root(Arc::new(store));
            root.array("unwritten")?.write(&[1], &values.slice_rows(0..1)?)?;
            drop(root);
            let options = crate::Hdf5Options::default();
            for options in [options, options.with_reader(crate::MetadataReader::Library)] {
                let root = Group::root(Arc::new(Hdf5Store::open(&path, &options)?));
                let mut names = root.children()?;
                names.sort();
                assert_eq!(names, ["chunked", "obs", "unwritten", "var", "whole"]);
                assert_eq!(
                    (root.array("whole")?.read()?, root.array("chunked")?.read()?),
                    (values.clone(), values.clone())
                );
                assert_eq!(root.array("unwritten")?.read()?.as_slice::<i64>()?, [0, 1, 0]);
            }
            assert!(fs::read(&path)?.starts_with(signature));
        }
        Ok(())
    }

    #[test]
    fn nothing_is_left_of_a_file_that_failed() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.h5");
        let failed = write_atomic(&path, false, true, |store| {
            store.create_group("obs")?;
            Err::<(), _>(Error::invalid_input("stop"))
        });
        assert!(failed.is_err_and(|error| error.is_invalid_input()));
        assert!(names(directory.path()).is_empty());
        Ok(())
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.h5");
        let file = AtomicFile::create(&path, false)?;
        fs::write(&path, "other")?;
        assert!(file.commit(true).is_err_and(|error| error.is_already_exists()));
        assert_eq!(fs::read(&path)?, b"other");
        assert_eq!(names(directory.path()), ["a.h5"]);
        Ok(())
    }

    /// While a file is made it stands beside its path, under a name that nobody knows.
    #[test]
    fn errors_of_writing_name_the_output_as_it_was_given() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.h5");
        let error = write_atomic(&path, false, false, |store| {
            assert_eq!(store.to_string(), path.display().to_string());
            for entry in fs::read_dir(directory.path())? {
                fs::remove_dir_all(entry?.path())?;
            }
            Group::root(Arc::clone(store) as Arc<dyn Storage>).create_group("obs").map(drop)
        })
        .unwrap_err();
        assert!(error.is_stale() && error.file() == Some(&path) && error.path() == Some("obs"), "{error:?}");
        assert!(error.message().starts_with("the file was replaced or removed after it was opened"), "{error}");
        Ok(())
    }
}
