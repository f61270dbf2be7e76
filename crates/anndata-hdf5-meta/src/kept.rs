//! What was parsed and may be asked for again, up to a size.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parsed structures by their address. When there are too many all are given up but the last.
pub(crate) struct Kept<T> {
    limit: usize,
    entries: Mutex<Entries<T>>,
}

struct Entries<T> {
    by_address: HashMap<u64, Arc<T>>,
    bytes: usize,
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("bytes", &self.entries().bytes).finish_non_exhaustive()
    }
}

impl<T> Kept<T> {
    /// Keeps about so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, entries: Mutex::new(Entries { by_address: HashMap::new(), bytes: 0 }) }
    }

    fn entries(&self) -> MutexGuard<'_, Entries<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, address: u64) -> Option<Arc<T>> {
        self.entries().by_address.get(&address).cloned()
    }

    /// Keeps a structure that takes about so many bytes.
    pub(crate) fn put(&self, address: u64, value: T, bytes: usize) -> Arc<T> {
        let value = Arc::new(value);
        let mut entries = self.entries();
        if entries.bytes.saturating_add(bytes) > self.limit {
            entries.by_address.clear();
            entries.bytes = 0;
        }
        entries.bytes = entries.bytes.saturating_add(bytes);
        entries.by_address.insert(address, Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_is_always_kept() {
        let kept = Kept::new(100);
        for address in 0..5 {
            kept.put(address, address, 30);
        }
        assert_eq!((kept.get(1), kept.get(3).as_deref(), kept.get(4).as_deref()), (None, Some(&3), Some(&4)));
        kept.put(9, 9, 1000);
        assert_eq!((kept.get(4), kept.get(9).as_deref()), (None, Some(&9)));
    }
}
