//! [`KeptChunks`]: what an array keeps of chunks that it decoded, for the reads that go on there.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::copy::Run;

/// As long as it lives, arrays that are read only, in runs, keep what they decoded and was not asked for yet, so that each chunk is
/// decoded once: where many runs are read on from time to time, as by cursors, or values are read from anywhere, each once.
#[derive(Debug)]
#[must_use = "chunks are kept only while this lives"]
pub struct ChunkReuse {
    limit: usize,
    whole: bool,
}

impl ChunkReuse {
    /// Keeps at most so many bytes of all arrays together, besides those that others keep; beyond, the oldest are dropped. Values that
    /// were asked for are kept no longer.
    pub fn unread(limit: usize) -> Self {
        Self::new(limit, false)
    }

    /// Keeps whole chunks, for values that are asked for more than once; otherwise as [`unread`](Self::unread).
    pub fn whole(limit: usize) -> Self {
        Self::new(limit, true)
    }

    fn new(limit: usize, whole: bool) -> Self {
        // Who keeps nothing does not decide what others keep.
        let whole = whole && limit > 0;
        LIMIT.fetch_add(limit, Ordering::Relaxed);
        WHOLE.fetch_add(usize::from(whole), Ordering::Relaxed);
        Self { limit, whole }
    }
}

impl Drop for ChunkReuse {
    fn drop(&mut self) {
        WHOLE.fetch_sub(usize::from(self.whole), Ordering::Relaxed);
        let limit = LIMIT.fetch_sub(self.limit, Ordering::Relaxed) - self.limit;
        let freed = kept().shrink_to(limit);
        drop(freed);
    }
}

/// How many bytes are kept at most.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// How many ask for whole chunks.
static WHOLE: AtomicUsize = AtomicUsize::new(0);

/// What is kept.
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Some of the values of a decoded chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Which, in order.
    stretches: Vec<Range<usize>>,
    /// The values of all stretches, one after the other.
    bytes: Vec<u8>,
}

impl Part {
    /// All of a chunk of so many values.
    pub(super) fn whole(len: usize, bytes: Vec<u8>) -> Self {
        Self { stretches: std::iter::once(0..len).collect(), bytes }
    }

    /// The values of these runs, and the runs as they are among them; `None` if some are not there.
    pub(super) fn find(&self, runs: &[Run]) -> Option<(&[u8], Vec<Run>)> {
        let mut begins = Vec::with_capacity(self.stretches.len());
        let mut next = 0;
        for stretch in &self.stretches {
            begins.push(next);
            next += stretch.len();
        }
        let found = runs.iter().map(|run| {
            let at = self.stretches.partition_point(|stretch| stretch.end <= run.source);
            let stretch = self.stretches.get(at)?;
            let within = run.source.checked_sub(stretch.start)?;
            (run.len <= stretch.end - run.source).then_some(Run { source: begins.get(at)? + within, ..*run })
        });
        Some((self.bytes.as_slice(), found.collect::<Option<_>>()?))
    }

    /// What is left without the values of these runs, each of `size` bytes; `None` if nothing is.
    pub(super) fn without(&self, runs: &[Run], size: usize) -> Option<Self> {
        let mut read: Vec<Range<usize>> = runs.iter().map(|run| run.source..run.source + run.len).collect();
        read.sort_unstable_by_key(|run| run.start);
        let (mut stretches, mut places) = (Vec::new(), Vec::new());
        let mut begin = 0;
        for stretch in &self.stretches {
            let mut start = stretch.start;
            let mut keep = |left: Range<usize>| {
                if !left.is_empty() {
                    let at = (begin + left.start - stretch.start) * size;
                    places.push(at..at + left.len() * size);
                    stretches.push(left);
                }
            };
            for run in read.iter().filter(|run| run.start < stretch.end && stretch.start < run.end) {
                keep(start..run.start);
                start = start.max(run.end);
            }
            keep(start..stretch.end);
            begin += stretch.len();
        }
        let mut bytes = Vec::with_capacity(places.iter().map(Range::len).sum());
        places.into_iter().filter_map(|place| self.bytes.get(place)).for_each(|values| bytes.extend_from_slice(values));
        (!stretches.is_empty()).then_some(Self { stretches, bytes })
    }
}

/// An array, and the number of a chunk of it.
type Place = (u64, u64);

/// Parts of decoded chunks.
#[derive(Default)]
struct Kept {
    parts: HashMap<Place, (u64, Part)>,
    /// Which part was kept when, the oldest first.
    order: BTreeMap<u64, Place>,
    next: u64,
    bytes: usize,
}

impl Kept {
    fn put(&mut self, place: Place, part: Part) {
        let before = self.take(place);
        drop(before);
        self.bytes += part.bytes.capacity();
        self.order.insert(self.next, place);
        self.parts.insert(place, (self.next, part));
        self.next += 1;
    }

    fn take(&mut self, place: Place) -> Option<Part> {
        let (number, part) = self.parts.remove(&place)?;
        self.order.remove(&number);
        self.bytes -= part.bytes.capacity();
        Some(part)
    }

    /// Takes the oldest parts out until no more than so many bytes are left.
    fn shrink_to(&mut self, limit: usize) -> Vec<Part> {
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
        Self { array: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}

impl KeptChunks {
    /// Whether arrays keep anything now.
    pub(super) fn are_wanted() -> bool {
        LIMIT.load(Ordering::Relaxed) > 0
    }

    /// What there is of a chunk, which is kept no longer.
    pub(super) fn take(&self, chunk: u64) -> Option<Part> {
        kept().take((self.array, chunk))
    }

    /// Keeps what is left of a chunk once these runs were read, or all of it if whole chunks are asked for. Gives memory back that is
    /// not kept.
    pub(super) fn keep(&self, chunk: u64, part: Part, read: &[Run], size: usize) -> Option<Vec<u8>> {
        if WHOLE.load(Ordering::Relaxed) > 0 {
            self.put(chunk, part);
            return None;
        }
        if let Some(left) = part.without(read, size) {
            self.put(chunk, left);
        }
        Some(part.bytes)
    }

    /// Keeps a part of a chunk. Where there is no room, the oldest parts make way.
    fn put(&self, chunk: u64, part: Part) {
        let limit = LIMIT.load(Ordering::Relaxed);
        let Some(others) = limit.checked_sub(part.bytes.capacity()) else { return };
        let mut kept = kept();
        let freed = kept.shrink_to(others);
        kept.put((self.array, chunk), part);
        // Others need not wait until the system has it.
        drop(kept);
        drop(freed);
    }
}

impl Drop for KeptChunks {
    fn drop(&mut self) {
        let mut kept = kept();
        let own: Vec<Place> = kept.parts.keys().filter(|(array, _)| *array == self.array).copied().collect();
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

    fn run(source: usize, len: usize) -> Run {
        Run { source, target: 0, len }
    }

    #[test]
    fn what_was_read_is_kept_no_longer() {
        let bytes: Vec<u8> = (0..20).collect();
        let all = Part::whole(10, bytes);
        let left = all.without(&[run(7, 1), run(2, 3)], 2).unwrap();
        assert_eq!(
            left,
            Part { stretches: vec![0..2, 5..7, 8..10], bytes: [0..4, 10..14, 16..20].into_iter().flatten().collect() }
        );
        let (values, found) = left.find(&[run(8, 2), run(1, 1)]).unwrap();
        assert_eq!(values, left.bytes);
        assert_eq!(found.iter().map(|run| (run.source, run.len)).collect::<Vec<_>>(), [(4, 2), (1, 1)]);
        for missing in [run(2, 1), run(6, 2), run(4, 2), run(9, 2), run(10, 1)] {
            assert!(left.find(&[run(0, 1), missing]).is_none());
        }
        let left = left.without(&[run(8, 2), run(1, 1), run(5, 2)], 2).unwrap();
        assert_eq!(left, Part { stretches: std::iter::once(0..1).collect(), bytes: vec![0, 1] });
        assert_eq!(left.without(&[run(0, 1)], 2), None);
    }

    #[test]
    fn chunks_are_kept_within_the_limit_and_as_long_as_their_array() {
        let _alone = ALONE.lock();
        let part = || Part::whole(1000, vec![1_u8; 1000]);
        let (first, second) = (KeptChunks::default(), KeptChunks::default());
        first.put(0, part());
        assert_eq!(first.take(0), None, "nothing is kept without a guard");
        let reuse = ChunkReuse::unread(2500);
        assert!(KeptChunks::are_wanted());
        first.put(7, part());
        second.put(7, part());
        assert_eq!((second.take(8), second.take(7)), (None, Some(part())));
        assert_eq!(second.take(7), None, "it was taken");
        second.put(1, part());
        second.put(2, part());
        // The oldest made room.
        assert_eq!((first.take(7), second.take(1)), (None, Some(part())));
        first.put(3, Part::whole(5000, vec![0; 5000]));
        assert_eq!(first.take(3), None, "it is more than all may be");
        drop(second);
        first.put(4, part());
        first.put(5, part());
        assert!(first.take(4).is_some());
        drop(reuse);
        assert_eq!(first.take(5), None);
    }
}
