//! [`Recent`]: values within a number of bytes, of which those go first that were not used for the longest time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A cache that any number of [slots](Slot) share. A clone is the same cache.
pub struct Recent<T>(Arc<Mutex<Values<T>>>);

/// The place of one value in a cache. The value goes with it.
pub struct Slot<T> {
    cache: Recent<T>,
    key: u64,
}

struct Values<T> {
    max_bytes: u64,
    bytes: u64,
    /// Counts uses and slots.
    clock: u64,
    held: HashMap<u64, Held<T>>,
    /// The keys by the time of their last use.
    by_use: BTreeMap<u64, u64>,
}

struct Held<T> {
    value: T,
    bytes: u64,
    used: u64,
}

impl<T: Clone> Recent<T> {
    /// A cache for values of so many bytes together.
    pub fn new(max_bytes: u64) -> Self {
        let (held, by_use) = (HashMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(Values { max_bytes, bytes: 0, clock: 0, held, by_use })))
    }

    /// A place for one more value.
    pub fn slot(&self) -> Slot<T> {
        let key = self.lock().tick();
        Slot { cache: self.clone(), key }
    }

    /// The bytes of the values that are kept.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// The bytes that values may have together.
    pub fn max_bytes(&self) -> u64 {
        self.lock().max_bytes
    }
}

impl<T> Recent<T> {
    fn lock(&self) -> MutexGuard<'_, Values<T>> {
        // What is behind the lock is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Slot<T> {
    /// The value, if it is kept.
    pub fn get(&self) -> Option<T> {
        let mut values = self.cache.lock();
        let now = values.tick();
        let Values { held, by_use, .. } = &mut *values;
        let found = held.get_mut(&self.key)?;
        by_use.remove(&found.used);
        by_use.insert(now, self.key);
        found.used = now;
        Some(found.value.clone())
    }

    /// Keeps a value of so many bytes, unless it is larger than the cache.
    pub fn put(&self, value: T, bytes: u64) {
        let mut values = self.cache.lock();
        values.remove(self.key);
        if bytes > values.max_bytes {
            return;
        }
        while values.bytes > values.max_bytes - bytes {
            let Some((_, oldest)) = values.by_use.pop_first() else { break };
            values.remove(oldest);
        }
        let used = values.tick();
        values.bytes += bytes;
        values.by_use.insert(used, self.key);
        values.held.insert(self.key, Held { value, bytes, used });
    }
}

impl<T> Values<T> {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn remove(&mut self, key: u64) {
        if let Some(removed) = self.held.remove(&key) {
            self.by_use.remove(&removed.used);
            self.bytes -= removed.bytes;
        }
    }
}

impl<T> Clone for Recent<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        self.cache.lock().remove(self.key);
    }
}

impl<T> Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a slot of {:?}", self.cache)
    }
}

impl<T> Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.lock();
        write!(f, "{} of {} bytes", values.bytes, values.max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let cache = Recent::new(10);
        let [a, b, c] = [cache.slot(), cache.slot(), cache.slot()];
        a.put("a", 4);
        b.put("b", 4);
        assert_eq!((a.get(), b.get(), c.get(), cache.bytes()), (Some("a"), Some("b"), None, 8));
        assert_eq!(a.get(), Some("a"));
        c.put("c", 6);
        assert_eq!((a.get(), b.get(), c.get(), cache.bytes()), (Some("a"), None, Some("c"), 10));
        // One that is larger than the cache displaces none.
        b.put("b", 11);
        assert_eq!((a.get(), b.get(), c.get(), cache.bytes()), (Some("a"), None, Some("c"), 10));
        // One that is put again counts once.
        c.put("c2", 2);
        assert_eq!((c.get(), cache.bytes()), (Some("c2"), 6));
        drop(c);
        drop(a);
        assert_eq!((cache.bytes(), cache.max_bytes()), (0, 10));
    }
}
