//! Files that appear whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Error, Result, Storage as _};

use crate::{Hdf5Store, undo};

/// A file that is being made beside its final path, and is put there by [`commit`](Self::commit).
///
/// Dropped without that, it is removed, and what was at the path stays. See [`anndata_storage::atomic`] for what is promised.
#[derive(Debug)]
pub struct AtomicFile {
    // Closed before the file is moved or removed.
    store: Option<Arc<Hdf5Store>>,
    output: AtomicOutput,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file that is to be at `path`.
    ///
    /// # Errors
    /// As [`AtomicOutput::create`].
    pub fn create(path: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        let path = path.as_ref();
        let output = AtomicOutput::create(path, OutputKind::File, overwrite)?;
        let store = Hdf5Store::create_at(output.path(), path)?;
        Ok(Self { store: Some(Arc::new(store)), output, path: path.to_owned() })
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
        self.output.commit(durable)?;
        undo::forget(&self.path);
        Ok(())
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
    let atomic = AtomicFile::create(path, overwrite)?;
    let value = fill(atomic.store()?)?;
    atomic.commit(durable)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anndata_storage::{Group, Storage};

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
