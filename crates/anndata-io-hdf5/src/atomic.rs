//! Files that appear whole or not at all.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_storage::{Error, Result, Storage as _};

use crate::Hdf5Store;

/// A file that is being made beside its final path, and is put there by [`commit`](Self::commit).
///
/// Dropped without that, it is removed, and what was at the path stays.
#[derive(Debug)]
pub struct AtomicFile {
    store: Option<Arc<Hdf5Store>>,
    temporary: PathBuf,
    target: PathBuf,
    overwrite: bool,
}

impl AtomicFile {
    /// Begins a file that is to be at `path`.
    ///
    /// # Errors
    /// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) where something is there and `overwrite` is false;
    /// where the directory cannot be written.
    pub fn create(path: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        let target = path.as_ref().to_owned();
        // A symbolic link is kept; what it points to is replaced.
        let target = if target.is_symlink() { fs::canonicalize(&target).unwrap_or(target) } else { target };
        if target.is_dir() {
            return Err(Error::already_exists(format!("{} is a directory", target.display())));
        }
        check_free(&target, overwrite)?;
        let temporary = sibling(&target)?;
        let store = Hdf5Store::create(&temporary).map_err(|error| {
            // The caller knows nothing of the temporary file.
            let cause = StdError::source(&error).map_or_else(|| error.message().to_owned(), ToString::to_string);
            Error::new(error.kind(), format!("{} cannot be made: {cause}", target.display()))
        })?;
        Ok(Self { store: Some(Arc::new(store)), temporary, target, overwrite })
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
    /// Where writing fails; then the old file is still there, and the new one is removed.
    pub fn commit(mut self, durable: bool) -> Result<()> {
        if let Some(store) = self.store.take() {
            if durable { store.sync()? } else { store.flush()? }
        }
        if self.overwrite {
            if let Ok(old) = fs::metadata(&self.target) {
                fs::set_permissions(&self.temporary, old.permissions())?;
            }
            fs::rename(&self.temporary, &self.target)?;
        } else {
            publish_new(&self.temporary, &self.target)?;
        }
        if durable {
            sync_directory(&self.target)?;
        }
        Ok(())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        self.store = None;
        // After a commit nothing is there any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Makes a file through `fill`, so that it appears at `path` whole or not at all.
///
/// It is made in a temporary sibling in the same directory, flushed, and renamed. With `durable` the file and its
/// directory are on the disk when this returns. Where anything fails the sibling is removed and what was at `path` stays.
///
/// ```
/// use anndata_io_hdf5::{Hdf5Store, write_atomic};
/// use anndata_storage::{Error, Storage as _};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("a.h5");
/// write_atomic(&path, false, true, |store| store.create_group("obs"))?;
/// let failed: Result<(), Error> = write_atomic(&path, true, true, |_| Err(Error::invalid_input("no")));
/// assert!(failed.is_err());
/// assert_eq!(Hdf5Store::open(&path, &Default::default())?.children("")?, ["obs"]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) where something is at `path` and `overwrite` is false;
/// what `fill` returns; where writing fails.
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

fn check_free(target: &Path, overwrite: bool) -> Result<()> {
    if !overwrite && target.symlink_metadata().is_ok() {
        return Err(Error::already_exists(format!("{} exists already", target.display())));
    }
    Ok(())
}

/// A free name in the same directory.
fn sibling(target: &Path) -> Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = target
        .file_name()
        .ok_or_else(|| Error::invalid_input(format!("{} is not the path of a file", target.display())))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{number}.tmp", std::process::id()));
    Ok(target.with_file_name(hidden))
}

/// Renames to a path at which nothing may be, also where it appeared since this was checked.
fn publish_new(temporary: &Path, target: &Path) -> Result<()> {
    match fs::hard_link(temporary, target) {
        Ok(()) => Ok(fs::remove_file(temporary)?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => check_free(target, false),
        // The file system has no hard links.
        Err(_) => {
            check_free(target, false)?;
            Ok(fs::rename(temporary, target)?)
        }
    }
}

#[cfg(unix)]
fn sync_directory(target: &Path) -> Result<()> {
    let directory = target.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(directory)?.sync_all()?)
}

#[cfg(not(unix))]
fn sync_directory(target: &Path) -> Result<()> {
    Ok(File::open(target)?.sync_all()?)
}

#[cfg(test)]
mod tests {
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

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_are_kept() -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir()?;
        let (real, link) = (directory.path().join("real.h5"), directory.path().join("link.h5"));
        fs::write(&real, "old")?;
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640))?;
        std::os::unix::fs::symlink(&real, &link)?;
        write_atomic(&link, true, false, |_| Ok(()))?;
        assert!(link.is_symlink());
        assert!(fs::read(&real)?.starts_with(b"\x89HDF"));
        assert_eq!(fs::metadata(&real)?.permissions().mode() & 0o777, 0o640);
        Ok(())
    }
}
