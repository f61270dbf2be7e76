//! [`KeptChunks`]: what an array keeps of chunks that it decoded; of those in which reads ended for the reads that go on there.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::image::Image;

/// As long as it lives, arrays that are read only keep the chunks in which runs of their values end, decoded: where many runs are read
/// on from time to time, as by cursors, each chunk is decoded once.
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
pub struct KeptChunks {
    array: u64,
    image: Mutex<Weak<Image>>,
}

impl fmt::Debug for KeptChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptChunks").field("array", &self.array).finish_non_exhaustive()
    }
}

impl Default for KeptChunks {
    /// Nothing yet.
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { array: NEXT.fetch_add(1, Ordering::Relaxed), image: Mutex::default() }
    }
}

impl KeptChunks {
    /// Whether arrays keep chunks in which reads ended now.
    pub(super) fn are_wanted() -> bool {
        LIMIT.load(Ordering::Relaxed) > 0
    }

    /// Where all chunks are kept, of which there are so many, if there is room for them.
    pub(super) fn image(&self, chunks: usize, chunk_bytes: usize) -> Option<Arc<Image>> {
        if !Image::is_wanted() {
            return None;
        }
        let mut own = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = own.upgrade() {
            return Some(image);
        }
        let image = Image::make(chunks, chunk_bytes)?;
        *own = Arc::downgrade(&image);
        Some(image)
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

impl Drop for KeptChunks {
    fn drop(&mut self) {
        let mut kept = kept();
        let own: Vec<Place> = kept.chunks.keys().filter(|(array, _)| *array == self.array).copied().collect();
        let freed: Vec<_> = own.into_iter().map(|place| kept.take(place)).collect();
        drop(kept);
        drop(freed);
    }
}

/// Held by tests that say how much is kept, which is the same for the whole process.
#[cfg(test)]
pub(super) static ALONE: Mutex<()> = Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_kept_within_the_limit_and_as_long_as_their_array() {
        let _alone = ALONE.lock();
        let chunk = || vec![1_u8; 1000];
        let (first, second) = (KeptChunks::default(), KeptChunks::default());
        first.put(0, chunk());
        assert_eq!(first.take(0), None, "nothing is kept without a guard");
        let reuse = TailReuse::up_to(2500);
        assert!(KeptChunks::are_wanted());
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
