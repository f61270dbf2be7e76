//! [`Handles`]: files that are read again and again stay open.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most files of a folder that stay open.
const OF_FOLDER: usize = 8;

/// The most files of all folders that stay open: far fewer than a process may have.
const OF_ALL: usize = 64;

/// How many files stay open.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Open files by key, the one that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct Handles(Mutex<Vec<(String, Arc<Handle>)>>);

/// An open file.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) file: File,
    pub(super) len: u64,
    /// Whether it is one of those that stay open.
    is_counted: bool,
}

impl Handle {
    /// Opens a file; `None` if there is something else.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        Ok(metadata.is_file().then(|| Self { file, len: metadata.len(), is_counted: false }))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.is_counted {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Handles {
    pub(super) fn get(&self, key: &str) -> Option<Arc<Handle>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(own, _)| own == key)?;
        // The last one is found first by most.
        if at + 1 < all.len() {
            let found = all.remove(at);
            all.push(found);
        }
        all.last().map(|(_, handle)| Arc::clone(handle))
    }

    /// Keeps a file open, in the place of the one that was not used for the longest time, unless too many are.
    pub(super) fn keep(&self, key: &str, mut handle: Handle) -> Arc<Handle> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= OF_FOLDER {
            all.remove(0);
        }
        handle.is_counted = OPEN.fetch_add(1, Ordering::Relaxed) < OF_ALL;
        let is_kept = handle.is_counted;
        if !is_kept {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
        let handle = Arc::new(handle);
        if is_kept {
            all.push((key.to_owned(), Arc::clone(&handle)));
        }
        handle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_open_but_not_too_many() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(Handle::open(folder.path())?.is_none());
        assert!(Handle::open(&folder.path().join("a")).is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
        let handles = Handles::default();
        for number in 0..20 {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, vec![0; number])?;
            let handle = Handle::open(&path)?.map(|handle| handles.keep(&number.to_string(), handle));
            assert_eq!(handle.map(|handle| handle.len), Some(number as u64));
            // The first one is used again and again.
            assert!(handles.get("0").is_some());
        }
        let there: Vec<usize> = (0..20).filter(|number| handles.get(&number.to_string()).is_some()).collect();
        assert_eq!(there, [0, 13, 14, 15, 16, 17, 18, 19]);
        Ok(())
    }
}
