//! Edits of a file in place that are done as a whole, or undone.
//!
//! Before bytes that were in the file when an edit began are overwritten, they are saved in a journal beside it. When the edit is
//! done the journal is removed. An edit that fails is undone at once, and one that ends with its process by whoever opens the file
//! next: what was saved is put back, and what was added is cut off ([`recover`]). A loss of power is not covered, as neither the
//! file nor its journal is brought to the disk between.
//!
//! The journal of `cells.h5ad` is `.cells.h5ad.undo`; [`journal`] has its format.

mod journal;
#[cfg(feature = "write")]
mod log;
#[cfg(feature = "write")]
mod ranges;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anndata_storage::position::{read_exact_at, write_all_at};
use anndata_storage::{Error, Result};

use journal::{Header, Records};
#[cfg(feature = "write")]
pub(crate) use log::UndoLog;

/// Undoes an edit of a file that its process did not come to the end of.
///
/// One that is still at work has its journal locked, and is left alone; a journal that is of another file than that which is there
/// now is removed.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn recover(path: &Path) -> Result<()> {
    let Some(journal) = journal_of(path).filter(|journal| journal.exists()) else { return Ok(()) };
    let undo = || {
        let saved = match File::open(&journal) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            saved => saved?,
        };
        let file = File::options().read(true).write(true).open(path)?;
        for file in [&saved, &file] {
            // Some file systems have no locks.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Ok(());
            }
        }
        restore(&file, &saved)?;
        drop(saved);
        Ok(fs::remove_file(&journal)?)
    };
    undo().map_err(|error: Error| {
        let message = "an edit of the file was cut short, and cannot be undone: open it where it can be written";
        Error::new(error.kind(), message).with_source(error)
    })
}

/// Removes what is left of an edit of a file that was replaced.
#[cfg(feature = "write")]
pub(crate) fn forget(path: &Path) {
    if let Some(journal) = journal_of(path) {
        // There is none mostly; and one that stays is seen not to be of the file.
        drop(fs::remove_file(journal));
    }
}

/// Where the journal of a file is; beside the file itself, whatever links lead to it.
fn journal_of(path: &Path) -> Option<PathBuf> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let path = if is_link { fs::canonicalize(path).ok()? } else { path.to_owned() };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name()?);
    name.push(".undo");
    Some(path.with_file_name(name))
}

/// Puts back what a journal has saved of a file, and cuts off what was added.
fn restore(file: &File, saved: &File) -> Result<()> {
    // A header that is not whole is of an edit that overwrote nothing yet.
    let Some(header) = Header::read(saved)? else { return Ok(()) };
    // Which bytes were overwritten is known before any is put back.
    let mut overwritten = Vec::new();
    let mut records = Records::after(&header, saved);
    while let Some((range, _)) = records.next()? {
        overwritten.push(range);
    }
    if !header.is_of(file, &overwritten)? {
        return Ok(());
    }
    let mut records = Records::after(&header, saved);
    while let Some((range, bytes)) = records.next()? {
        write_all_at(file, range.start, bytes)?;
    }
    file.set_len(header.len())?;
    Ok(file.sync_all()?)
}

/// As many bytes as there are from a position, at most those that are asked for.
fn read_up_to(file: &File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let there = file.metadata()?.len().saturating_sub(at);
    // Fallback: more than memory can count is more than is asked for.
    let len = len.min(usize::try_from(there).unwrap_or(usize::MAX));
    let mut bytes = vec![0; len];
    read_exact_at(file, at, &mut bytes)?;
    Ok(bytes)
}
