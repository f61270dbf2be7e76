//! [`Tails`]: decoded chunks in which reads ended, for the reads that go on there.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// As long as it lives, arrays that are read only keep the chunks in which runs of their values end, decoded: where many runs are read
/// on from time to time, as by cursors, or what is left of chunks is read later, each chunk is decoded once.
#[derive(Debug)]
#[must_use = "chunks are kept only while this lives"]
pub struct TailReuse {
    limit: usize,
}

impl TailReuse {
    /// Keeps at most so many bytes of chunks of all arrays together, besides those that others keep.
    pub fn up_to(limit: usize) -> Self {
        LIMIT.fetch_add(limit, Ordering::Relaxed);
        Self { limit }
    }
}

impl Drop for TailReuse {
    fn drop(&mut self) {
        let limit = LIMIT.fetch_sub(self.limit, Ordering::Relaxed) - self.limit;
        let freed = kept().shrink_to(limit);
        drop(freed);
    }
}

/// How many bytes are kept at most.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// What is kept.
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An array, and the number of a chunk of it.
type Place = (u64, u64);

/// Decoded chunks.
#[derive(Default)]
struct Kept {
    chunks: HashMap<Place, (u64, Vec<u8>)>,
    /// Which chunk was kept when, the oldest first.
    order: BTreeMap<u64, Place>,
    next: u64,
    bytes: usize,
}

impl Kept {
    fn put(&mut self, place: Place, chunk: Vec<u8>) {
        let before = self.take(place);
        drop(before);
        self.bytes += chunk.capacity();
        self.order.insert(self.next, place);
        self.chunks.insert(place, (self.next, chunk));
        self.next += 1;
    }

    fn take(&mut self, place: Place) -> Option<Vec<u8>> {
        let (number, chunk) = self.chunks.remove(&place)?;
        self.order.remove(&number);
        self.bytes -= chunk.capacity();
        Some(chunk)
    }

    /// Takes the oldest chunks out until no more than so many bytes are left.
    fn shrink_to(&mut self, limit: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        while self.bytes > limit
            && let Some((_, &oldest)) = self.order.first_key_value()
        {
            taken.extend(self.take(oldest));
        }
        taken
    }
}

/// What an array keeps, as long as it is open. Its values must not change meanwhile.
#[derive(Debug)]
pub struct Tails {
    array: u64,
}

impl Default for Tails {
    /// Nothing yet.
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { array: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Tails {
    /// Whether any array keeps chunks now.
    pub(super) fn are_kept() -> bool {
        LIMIT.load(Ordering::Relaxed) > 0
    }

    /// A chunk, which is kept no longer.
    pub(super) fn take(&self, chunk: u64) -> Option<Vec<u8>> {
        kept().take((self.array, chunk))
    }

    /// Keeps a chunk, in the place of older ones where there is no room.
    pub(super) fn put(&self, chunk: u64, bytes: Vec<u8>) {
        let limit = LIMIT.load(Ordering::Relaxed);
        let Some(others) = limit.checked_sub(bytes.capacity()) else { return };
        let mut kept = kept();
        let freed = kept.shrink_to(others);
        kept.put((self.array, chunk), bytes);
        // Others need not wait until the system has it.
        drop(kept);
        drop(freed);
    }
}

impl Drop for Tails {
    fn drop(&mut self) {
        let mut kept = kept();
        let own: Vec<Place> = kept.chunks.keys().filter(|(array, _)| *array == self.array).copied().collect();
        let freed: Vec<_> = own.into_iter().map(|place| kept.take(place)).collect();
        drop(kept);
        drop(freed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_kept_within_the_limit_and_as_long_as_their_array() {
        let chunk = || vec![1_u8; 1000];
        let (first, second) = (Tails::default(), Tails::default());
        first.put(0, chunk());
        assert_eq!(first.take(0), None, "nothing is kept without a guard");
        let reuse = TailReuse::up_to(2500);
        assert!(Tails::are_kept());
        first.put(7, chunk());
        second.put(7, chunk());
        assert_eq!((second.take(8), second.take(7)), (None, Some(chunk())));
        assert_eq!(second.take(7), None, "it was taken");
        second.put(1, chunk());
        second.put(2, chunk());
        // The oldest made room.
        assert_eq!((first.take(7), second.take(1)), (None, Some(chunk())));
        first.put(3, vec![0; 5000]);
        assert_eq!(first.take(3), None, "it is more than all may be");
        drop(second);
        first.put(4, chunk());
        first.put(5, chunk());
        assert!(first.take(4).is_some());
        drop(reuse);
        assert_eq!(first.take(5), None);
    }
}
