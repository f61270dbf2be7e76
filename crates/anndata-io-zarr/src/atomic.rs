//! Stores that are complete or absent: built beside their target, then moved there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_storage::{Error, Group, Result, Storage};
use rayon::prelude::*;
use tempfile::{NamedTempFile, TempDir};

use crate::store::Store;
use crate::store::folder::{Folder, failed};
use crate::store::zip::NewZip;
use crate::{ZarrOptions, ZarrStore};

/// Makes a store at `path` that appears complete or not at all.
///
/// `build` fills the root group of a store beside `path`, which is then moved there. A path that ends with `.zip` becomes a
/// zip file. Where something fails, `path` is as it was.
///
/// # Errors
/// Where something stands at `path` already and `overwrite` is not asked for, or what stands there is no zarr store; where
/// `build` fails; where writing fails.
pub fn write_atomic<T>(
    path: impl AsRef<Path>,
    options: &ZarrOptions,
    overwrite: bool,
    build: impl FnOnce(&Group) -> Result<T>,
) -> Result<T> {
    // A link is followed, so that its target is replaced and not the link.
    let path = fs::canonicalize(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned());
    check_target(&path, overwrite)?;
    let io = |error| failed(&path, error);
    let folder = sibling_folder(&path).map_err(io)?;
    let place = folder.path().join("new");
    let store: Box<dyn Store> = if is_zip(&path) {
        Box::new(NewZip::create(&place, options.durable)?)
    } else if options.durable {
        Box::new(Folder::durable(&place).map_err(io)?)
    } else {
        Box::new(Folder::new(&place, true))
    };
    let store = Arc::new(ZarrStore::create_at_once(store, options.format.unwrap_or_default(), options));
    let made = build(&Group::root(Arc::clone(&store) as Arc<dyn Storage>))?;
    store.flush()?;
    drop(store);
    if options.durable {
        sync(&place).map_err(io)?;
    }
    // What the caller may have made there meanwhile is not ours.
    check_target(&path, overwrite)?;
    put_in_place(&place, &path, &folder.path().join("old")).map_err(io)?;
    if options.durable {
        sync_folder(parent(&path)).map_err(io)?;
    }
    // The old store, if there was one, goes with the folder.
    folder.close().map_err(io)?;
    Ok(made)
}

/// Whether a path names a zip file.
pub(crate) fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

/// Refuses a target that must not be replaced.
fn check_target(path: &Path, overwrite: bool) -> Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let name = path.display();
    if !overwrite {
        return Err(Error::already_exists(format!("'{name}' exists already")));
    }
    if !crate::is_zarr(path) {
        return Err(Error::refused(format!("'{name}' is no zarr store and is not overwritten")));
    }
    Ok(())
}

/// A temporary folder beside `path`, with the permissions that new folders have.
pub(crate) fn sibling_folder(path: &Path) -> io::Result<TempDir> {
    let prefix = hidden(path)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.prefix(&prefix).tempdir_in(parent(path))
}

/// A temporary file beside `path`, with the permissions that new files have.
pub(crate) fn sibling_file(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = hidden(path)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(&prefix).tempfile_in(parent(path))
}

fn hidden(path: &Path) -> io::Result<OsString> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    Ok(prefix)
}

/// The folder that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Moves `new` to `path`; what was there goes to `old`.
fn put_in_place(new: &Path, path: &Path, old: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return fs::rename(new, path);
    }
    if exchange(new, path)? {
        return Ok(());
    }
    fs::rename(path, old)?;
    fs::rename(new, path).inspect_err(|_| {
        // Best effort: the first error is the one to report.
        let _ = fs::rename(old, path);
    })
}

/// Swaps two paths in one step, so that at no instant nothing is there. `false`: the system cannot.
#[cfg(target_os = "linux")]
fn exchange(new: &Path, path: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_new: &Path, _path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Waits until a file, or all files of a folder, are on disk.
fn sync(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return File::open(path)?.sync_all();
    }
    let entries: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    entries.par_iter().try_for_each(|entry| sync(entry))?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
