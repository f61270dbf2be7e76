//! Files and folders that appear whole or not at all.
//!
//! [`AtomicOutput`] is how every backend writes a whole store: it is made in a temporary folder beside its target, brought
//! to the disk, and moved to its place. What is promised:
//!
//! - **The old or the new.** Whatever happens, a kill or a loss of power included, the old or the new output is there,
//!   whole. Files are replaced by one `rename`. Folders are exchanged in one step where the system can (Linux, local file
//!   systems); elsewhere the old one is moved aside first, and a kill within that instant leaves nothing at the path: then
//!   [`interrupted`] says where the old one is, and the next write to the path puts it back first.
//! - **Nothing is replaced unasked**, also where it appears while the output is made.
//! - **Files and folders only.** A device, a pipe or a socket is never replaced, nor a folder by a file. A symbolic link
//!   stays; what it points to is replaced, or made where nothing is there.
//! - **Permissions stay.** A new output has the owner, group and mode of the one that it replaces, as far as the process may
//!   give them, and nobody else can look into it while it is made. Access control lists are not kept.
//! - **No leftovers.** The temporary folder is removed where writing fails, and by [`abandon`] where a signal ends the
//!   process. After a kill it is removed by the next write to the same target: the folder is locked as long as its writer
//!   lives, so that it is never taken from one that does, whatever its process id.

mod publish;
mod temporary;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Result};
pub use publish::open_to_sync;
pub use temporary::{TemporaryFolder, abandon, interrupted};

/// What an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// One file.
    File,
    /// A folder of files.
    Folder,
}

/// A file or folder that is made beside its target, and is put there by [`commit`](Self::commit).
///
/// Dropped without that, it is removed, and what was at the target stays. See [the module](self) for what is promised.
///
/// ```
/// use anndata_storage::atomic::{AtomicOutput, OutputKind};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.txt");
/// let output = AtomicOutput::create(&path, OutputKind::File, false)?;
/// std::fs::write(output.path(), "CD8A")?;
/// assert!(!path.exists());
/// output.commit(true)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "CD8A");
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicOutput {
    temporary: TemporaryFolder,
    new: PathBuf,
    /// As the caller named it, for errors.
    location: PathBuf,
    target: PathBuf,
    kind: OutputKind,
    overwrite: bool,
}

impl AtomicOutput {
    /// Begins an output that is to be at `path`. What writers that were killed left of it is removed.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if something is there and `overwrite` is false;
    /// [`Refused`](crate::ErrorKind::Refused) if it is something that an output of this kind never replaces; if the
    /// folder that is to hold it cannot be written.
    pub fn create(path: impl AsRef<Path>, kind: OutputKind, overwrite: bool) -> Result<Self> {
        let location = path.as_ref();
        let create = || {
            let target = follow(location)?;
            temporary::recover(&target)?;
            check_target(&target, kind, overwrite)?;
            let temporary = TemporaryFolder::beside(&target)?;
            let new = temporary.path().join("new");
            Ok(Self { temporary, new, location: location.to_owned(), target, kind, overwrite })
        };
        create().map_err(|error: Error| error.in_file(location))
    }

    /// Where the output is to be made. Nothing is there yet.
    pub fn path(&self) -> &Path {
        &self.new
    }

    /// Where the output will be: the path that was asked for, links followed.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the output at its target. With `durable` it, and its name, are on the disk when this returns.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if something appeared at the target that is not to be
    /// replaced; where the output cannot be brought to the disk or moved. What was at the target is there still.
    pub fn commit(self, durable: bool) -> Result<()> {
        let commit = || {
            if durable {
                publish::sync(&self.new)?;
            }
            temporary::while_not_abandoned(|| {
                // What appeared meanwhile is not ours.
                check_target(&self.target, self.kind, self.overwrite)?;
                if self.overwrite {
                    publish::adopt_permissions(&self.target, &self.new)?;
                    publish::replace(&self.new, &self.target, &self.temporary.old())?;
                } else {
                    publish::publish(&self.new, &self.target)?;
                }
                Ok(())
            })?;
            if durable {
                publish::sync_folder(parent(&self.target))?;
            }
            Ok(())
        };
        commit().map_err(|error: Error| error.in_file(&self.location))
    }
}

/// The folder that holds a path.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// Where a path leads to when links are followed, also where nothing is there.
fn follow(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = parent(&path).join(to),
            Err(_) if path.file_name().is_some() => return Ok(path),
            Err(_) => return Err(Error::invalid_input("it is not the path of a file or folder")),
        }
    }
    Err(Error::invalid_input("it is a symbolic link that leads to itself"))
}

/// Refuses what is not to be replaced.
fn check_target(target: &Path, kind: OutputKind, overwrite: bool) -> Result<()> {
    let metadata = match fs::symlink_metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match kind {
        OutputKind::File if metadata.is_dir() => Err(Error::refused("it is a folder, which a file does not replace")),
        _ if !metadata.is_dir() && !metadata.is_file() => Err(Error::refused(
            "it is neither a file nor a folder but a device, a pipe or the like, which is not replaced",
        )),
        _ if !overwrite => Err(Error::already_exists("it already exists")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
