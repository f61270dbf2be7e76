//! Putting an output at its place, on the disk and with the permissions of the old one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::{Error, Result};

/// Moves `new` to a free path.
pub(super) fn publish(new: &Path, target: &Path) -> Result<()> {
    if rename_to_free(new, target)? {
        return Ok(());
    }
    if fs::symlink_metadata(new)?.is_file() {
        match fs::hard_link(new, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists()),
            // A file system without hard links.
            Err(_) => {}
            Ok(()) => return Ok(fs::remove_file(new)?),
        }
    }
    if fs::symlink_metadata(target).is_ok() {
        return Err(exists());
    }
    Ok(fs::rename(new, target)?)
}

fn exists() -> Error {
    Error::already_exists("it appeared while it was written, and is not replaced")
}

/// Moves `new` to `target` and what was there, if it is a folder or is replaced by one, to `old` or `new`.
pub(super) fn replace(new: &Path, target: &Path, old: &Path) -> io::Result<()> {
    let Ok(there) = fs::symlink_metadata(target) else { return fs::rename(new, target) };
    if there.is_file() && fs::symlink_metadata(new)?.is_file() {
        return fs::rename(new, target);
    }
    if exchange(new, target)? {
        return Ok(());
    }
    fs::rename(target, old)?;
    fs::rename(new, target).inspect_err(|_| {
        // Best effort: the first error is the one to report.
        let _ = fs::rename(old, target);
    })
}

/// Swaps two paths in one step. `false`: the system cannot.
#[cfg(target_os = "linux")]
fn exchange(new: &Path, target: &Path) -> io::Result<bool> {
    rename_with(new, target, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_new: &Path, _target: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Moves to a path where nothing is, in one step. `false`: the system cannot.
#[cfg(target_os = "linux")]
fn rename_to_free(new: &Path, target: &Path) -> Result<bool> {
    match rename_with(new, target, rustix::fs::RenameFlags::NOREPLACE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        result => Ok(result?),
    }
}

#[cfg(not(target_os = "linux"))]
fn rename_to_free(_new: &Path, _target: &Path) -> Result<bool> {
    Ok(false)
}

#[cfg(target_os = "linux")]
fn rename_with(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<bool> {
    use rustix::fs::{CWD, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, flags) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens a file to wait until it is on the disk: with the right to write, without which Windows refuses that.
///
/// # Errors
/// If it cannot be opened.
pub fn open_to_sync(path: impl AsRef<Path>) -> io::Result<File> {
    File::options().read(true).write(cfg!(windows)).open(path)
}

/// Waits until a file, or all files of a folder, are on the disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_file() {
        return open_to_sync(path)?.sync_all();
    }
    entries(path)?.par_iter().try_for_each(|entry| sync(entry))?;
    sync_folder(path)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Waits until the names in a folder are on the disk.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn adopt_permissions(_old: &Path, _new: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives a new output the owner, group and mode of the old one, if there is one: of a folder those of the folder, and its
/// files those of the first file directly in it.
#[cfg(unix)]
pub(super) fn adopt_permissions(old: &Path, new: &Path) -> io::Result<()> {
    let Ok(old_root) = fs::symlink_metadata(old) else { return Ok(()) };
    let new_root = fs::symlink_metadata(new)?;
    match (old_root.is_dir(), new_root.is_dir()) {
        (false, false) => Owned::of(&old_root).give(new, &new_root),
        (true, true) => {
            let first_file = |folder| -> io::Result<Option<fs::Metadata>> {
                let mut entries = entries(folder)?;
                entries.sort();
                Ok(entries.iter().filter_map(|entry| fs::symlink_metadata(entry).ok()).find(fs::Metadata::is_file))
            };
            let folders = Owned::of(&old_root);
            let (old_file, new_file) = (first_file(old)?, first_file(new)?);
            let files = old_file.as_ref().or(new_file.as_ref()).map_or(folders, Owned::of);
            let as_old = folders == Owned::of(&new_root) && new_file.is_none_or(|new| files == Owned::of(&new));
            if as_old { Ok(()) } else { give_below(new, folders, files) }
        }
        // A store that was a file and is a folder now: the folder can be entered by those who could read the file.
        (false, true) => {
            let mut folder = Owned::of(&old_root);
            folder.mode |= (folder.mode & 0o444) >> 2;
            folder.give(new, &new_root)
        }
        (true, false) => {
            let mut file = Owned::of(&old_root);
            file.mode &= 0o666;
            file.give(new, &new_root)
        }
    }
}

/// To whom something belongs and who may do what with it.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owned {
    mode: u32,
    user: u32,
    group: u32,
}

#[cfg(unix)]
impl Owned {
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { mode: metadata.mode() & 0o7777, user: metadata.uid(), group: metadata.gid() }
    }

    fn give(self, path: &Path, now: &fs::Metadata) -> io::Result<()> {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        let now = Self::of(now);
        if (self.user, self.group) != (now.user, now.group) {
            // Only a privileged process may give to another user; the group often works without. What is not given away
            // is still the process's own, with the same mode.
            let _ = chown(path, Some(self.user), Some(self.group)).or_else(|_| chown(path, None, Some(self.group)));
        }
        if self.mode != now.mode || self.user != now.user || self.group != now.group {
            fs::set_permissions(path, fs::Permissions::from_mode(self.mode))?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn give_below(path: &Path, folders: Owned, files: Owned) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return files.give(path, &metadata);
    }
    entries(path)?.par_iter().try_for_each(|entry| give_below(entry, folders, files))?;
    // Last: without the right to write or enter, nothing below could be changed.
    folders.give(path, &metadata)
}
