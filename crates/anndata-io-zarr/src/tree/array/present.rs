//! [`Present`]: which chunks a store on this machine has, where many are missing.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anndata_storage::Result;

use crate::store::Store;

/// After so many values that were not there the store is asked for all that are: metadata may declare millions of chunks, and
/// looking for a file that is not there takes as long as opening one.
const MISSES: usize = 1024;

/// What is known of the values of an array that is only read.
#[derive(Debug, Default)]
pub(super) struct Present {
    misses: AtomicUsize,
    /// The keys of all values; `None` if the store does not tell.
    keys: OnceLock<Option<HashSet<String>>>,
}

impl Present {
    /// Whether it is known that there is no such value.
    pub(super) fn lacks(&self, key: &str) -> bool {
        matches!(self.keys.get(), Some(Some(keys)) if !keys.contains(key))
    }

    /// Notes that a value below `prefix` was not there.
    pub(super) fn missed(&self, store: &dyn Store, prefix: &str) -> Result<()> {
        if self.misses.fetch_add(1, Ordering::Relaxed) + 1 == MISSES && !store.is_writable() {
            let keys = store.keys(prefix)?;
            // Set once, as the number is reached once.
            let _ = self.keys.set(keys);
        }
        Ok(())
    }
}
