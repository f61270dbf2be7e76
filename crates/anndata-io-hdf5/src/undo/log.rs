//! [`UndoLog`]: what keeps the journal of a file that is open for editing.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use anndata_storage::{Error, Result};

use super::journal::{Header, RECORD, record};
use super::ranges::Ranges;
use super::{journal_of, read_up_to, restore};

/// The journal of an edit of a file. There is none as long as nothing was overwritten.
#[derive(Debug)]
pub(crate) struct UndoLog {
    file: File,
    journal: PathBuf,
    state: Mutex<State>,
    /// Held by all who write to the file, so that nobody does while an edit is undone.
    writing: RwLock<()>,
}

#[derive(Debug)]
struct State {
    /// The length of the file when the edit began.
    len: u64,
    journal: Option<File>,
    saved: Ranges,
    /// The length that the file gets when the edit is done, if that is less than it had.
    cut: Option<u64>,
    /// Whether the edit failed and was undone. Nothing is written then.
    undone: bool,
}

impl UndoLog {
    /// Begins an edit of a file.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let journal = journal_of(path).ok_or_else(|| Error::invalid_input("the path names no file"))?;
        let len = file.metadata()?.len();
        let state = State { len, journal: None, saved: Ranges::default(), cut: None, undone: false };
        Ok(Self { file, journal, state: Mutex::new(state), writing: RwLock::new(()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the edit failed and was undone.
    pub(crate) fn is_undone(&self) -> bool {
        self.state().undone
    }

    /// Fails where the edit was undone.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_undone() {
            return Err(Error::stale("an edit of the file failed and was undone: open it again"));
        }
        Ok(())
    }

    /// Writes to a range of the file, of which what was there before is saved. Where that fails, the edit is undone.
    pub(crate) fn write(&self, range: Range<u64>, write: impl FnOnce() -> Result<()>) -> Result<()> {
        let written = {
            let _writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
            self.check()?;
            self.save(range).map_err(|error| Error::from(error).in_file(&self.journal)).and_then(|()| write())
        };
        written.map_err(|error| self.undo_after(error))
    }

    /// Saves what will be overwritten.
    fn save(&self, range: Range<u64>) -> io::Result<()> {
        let mut state = self.state();
        let within = range.start.min(state.len)..range.end.min(state.len);
        for missing in state.saved.missing(within) {
            let mut journal = match state.journal.take() {
                Some(journal) => journal,
                None => self.create(state.len)?,
            };
            let mut at = missing.start;
            while at < missing.end {
                // Fallback: more than memory can count is more than is taken at once.
                let len = usize::try_from(missing.end - at).unwrap_or(usize::MAX).min(RECORD);
                let bytes = read_up_to(&self.file, at, len)?;
                if bytes.is_empty() {
                    break;
                }
                // In one call, so that a record is whole or the last.
                journal.write_all(&record(at, &bytes))?;
                at += bytes.len() as u64;
            }
            state.journal = Some(journal);
            state.saved.add(missing);
        }
        Ok(())
    }

    /// A journal, which whoever may read the file may read.
    fn create(&self, len: u64) -> io::Result<File> {
        let header = Header::of(&self.file, len)?;
        let mut journal = File::options().write(true).create_new(true).open(&self.journal)?;
        // As long as this process lives, nobody takes it for one that was left. Some file systems have no locks.
        drop(journal.try_lock());
        fs::set_permissions(&self.journal, self.file.metadata()?.permissions())?;
        journal.write_all(&header.bytes())?;
        Ok(journal)
    }

    /// Notes that the file is to have this length. Gives whether it has to stay longer until the edit is done.
    pub(crate) fn cut(&self, len: u64) -> bool {
        let mut state = self.state();
        state.cut = Some(len).filter(|&len| len < state.len);
        state.cut.is_some() || state.undone
    }

    /// Ends an edit: what is in the file stays, and the next begins.
    pub(crate) fn commit(&self) -> Result<()> {
        let _writing = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let mut state = self.state();
        if state.journal.take().is_some() {
            fs::remove_file(&self.journal)?;
        }
        state.saved = Ranges::default();
        if let Some(len) = state.cut.take() {
            self.file.set_len(len)?;
        }
        state.len = self.file.metadata()?.len();
        Ok(())
    }

    /// Undoes the edit, and says so.
    fn undo_after(&self, error: Error) -> Error {
        let _writing = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        if std::mem::replace(&mut state.undone, true) {
            return error;
        }
        let undone = if state.journal.take().is_some() {
            File::open(&self.journal)
                .map_err(Error::from)
                .and_then(|saved| restore(&self.file, &saved))
                .and_then(|()| Ok(fs::remove_file(&self.journal)?))
        } else {
            self.file.set_len(state.len).map_err(Error::from)
        };
        let message = match undone {
            Ok(()) => "the edit failed, and the file is as it was before",
            // It is kept, and whoever opens the file next tries again.
            Err(_) => "the edit failed, and is undone when the file is opened next",
        };
        Error::new(error.kind(), message).with_source(error)
    }
}
