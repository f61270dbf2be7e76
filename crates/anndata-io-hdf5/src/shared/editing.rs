//! The files that this process has open for writing: what was changed may be in the memory of the library alone.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anndata_storage::FileStamp;

static EDITED: Mutex<Vec<FileStamp>> = Mutex::new(Vec::new());

fn edited() -> MutexGuard<'static, Vec<FileStamp>> {
    EDITED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a file is open for writing, as long as it lives.
#[derive(Debug)]
pub(crate) struct Editing(Option<FileStamp>);

impl Editing {
    /// Of the file at a path.
    pub(crate) fn of(path: &Path) -> Self {
        let stamp = stamp(path);
        edited().extend(stamp);
        Self(stamp)
    }
}

impl Drop for Editing {
    fn drop(&mut self) {
        let Some(own) = &self.0 else { return };
        let mut edited = edited();
        if let Some(at) = edited.iter().position(|other| other.is_same_file(own)) {
            edited.swap_remove(at);
        }
    }
}

/// Whether the file at a path is open for writing here.
pub(crate) fn is_edited(path: &Path) -> bool {
    let edited = edited();
    !edited.is_empty() && stamp(path).is_some_and(|stamp| edited.iter().any(|other| other.is_same_file(&stamp)))
}

fn stamp(path: &Path) -> Option<FileStamp> {
    fs::metadata(path).ok().map(|metadata| FileStamp::of(&metadata))
}
