//! Files that are brought to the disk while others are still written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anndata_storage::Result;
use anndata_storage::atomic::open_to_sync;

use super::{failed, is_missing};

/// The bytes that may be on their way to the disk before it is asked to take them.
const ENOUGH: u64 = 16 << 20;

/// A thread that waits for the disk, so that little is left to wait for in the end.
#[derive(Debug)]
pub(super) struct Early {
    written: AtomicU64,
    thread: Mutex<Option<Syncing>>,
}

/// The thread, and the channel that announces files to it.
#[derive(Debug)]
struct Syncing {
    paths: Sender<(String, PathBuf)>,
    thread: JoinHandle<Result<()>>,
}

impl Early {
    pub(super) fn start() -> io::Result<Self> {
        let (paths, coming) = channel();
        let thread = thread::Builder::new().name("zarr-sync".to_owned()).spawn(move || sync_all(&coming))?;
        Ok(Self { written: AtomicU64::new(0), thread: Mutex::new(Some(Syncing { paths, thread })) })
    }

    /// Told after so many bytes were written to the file of a key.
    pub(super) fn wrote(&self, key: &str, path: &Path, bytes: usize) {
        let bytes = bytes as u64;
        if self.written.fetch_add(bytes, Ordering::Relaxed) + bytes < ENOUGH {
            return;
        }
        self.written.store(0, Ordering::Relaxed);
        if let Some(Syncing { paths, .. }) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            // A thread that has stopped reports why in the end.
            let _ = paths.send((key.to_owned(), path.to_owned()));
        }
    }

    /// Waits until the disk has all files that were announced, as they were then.
    ///
    /// # Errors
    /// If it could not take one; this is reported once.
    pub(super) fn finish(&self) -> Result<()> {
        let Some(Syncing { paths, thread }) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        drop(paths);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that waits for the disk failed").into()))
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        // If nobody asked, what was written is thrown away.
        let _ = self.finish();
    }
}

fn sync_all(paths: &Receiver<(String, PathBuf)>) -> Result<()> {
    for (key, path) in paths {
        match open_to_sync(&path).and_then(|file| file.sync_data()) {
            Err(error) if !is_missing(&error) => return Err(failed(&key, error)),
            _ => {}
        }
    }
    Ok(())
}
