//! [`StoredOffsets`]: the offsets of a stored sparse matrix, as many of them as a selection needs; [`KeptOffsets`]: those that
//! the next selection may need again.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anndata_core::recent::{Recent, Slot};
use anndata_storage::{AxisSelection, Error, OrBug, Result};

use crate::node::{ArrayNode, Source};
use anndata_array::sparse::{Offsets, to_offsets};

/// The most major slices of a block of offsets, which is read as a whole. Shorter matrices are read at once.
const BLOCK: usize = 1 << 16;

/// A block has about so many at least.
const LEAST: usize = 1 << 12;

/// Where the values of selected major slices are. Of a long matrix only the blocks of offsets are read in which one is
/// selected; what is read is checked, so that no value is looked for beyond those that there are.
#[derive(Debug)]
pub(super) struct StoredOffsets(Vec<Arc<Part>>);

/// The offsets of consecutive major slices, and the end of the last.
#[derive(Debug)]
struct Part {
    first: usize,
    offsets: Vec<usize>,
}

/// The bytes that the kept offsets of all matrices may have together: those of a hundred blocks.
const KEPT_BYTES: u64 = 100 * (BLOCK as u64) * 8;

/// The offsets that are kept; what was not used for the longest time goes first.
static KEPT: LazyLock<Recent<Arc<Part>>> = LazyLock::new(|| Recent::new(KEPT_BYTES));

/// The blocks of offsets of one matrix that were read, as long as there is room for them among those of all matrices.
#[derive(Default)]
pub(super) struct KeptOffsets(Mutex<BTreeMap<usize, Slot<Arc<Part>>>>);

impl Debug for KeptOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptOffsets")
    }
}

impl KeptOffsets {
    fn get(&self, block: usize) -> Option<Arc<Part>> {
        // What is behind the lock is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&block)?.get()
    }

    fn put(&self, block: usize, part: &Arc<Part>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = size_of_val(part.offsets.as_slice()) as u64;
        slots.entry(block).or_insert_with(|| KEPT.slot()).put(Arc::clone(part), bytes);
    }
}

impl StoredOffsets {
    /// The offsets of the selected ones of `major` slices within `values` values. What was kept is not read again, and what is
    /// read is kept, if there is a place for it.
    ///
    /// # Errors
    /// If they cannot be read, or are not what offsets have to be; the error says where.
    pub(super) fn read(
        indptr: &ArrayNode,
        slices: &AxisSelection,
        major: usize,
        values: usize,
        kept: Option<&KeptOffsets>,
    ) -> Result<Self> {
        let get = |block: usize| kept.and_then(|kept| kept.get(block));
        let put = |block: usize, part: &Arc<Part>| {
            if let Some(kept) = kept {
                kept.put(block, part);
            }
        };
        let block_len = block_len(indptr).filter(|_| major > BLOCK);
        let Some(block_len) = block_len else {
            if let Some(all) = get(0) {
                return Ok(Self(vec![all]));
            }
            let all = Offsets::given(&indptr.source.read()?, major, values).map_err(Error::of_stored)?;
            let ends = std::iter::once(0).chain(all.ends().iter().copied());
            let all = Arc::new(Part { first: 0, offsets: ends.collect() });
            put(0, &all);
            return Ok(Self(vec![all]));
        };
        let expected = major.saturating_add(1);
        if indptr.shape()? != [expected] {
            let found = indptr.spec.shape.iter().product::<u64>();
            return Err(Error::invalid_data(format!(
                "expected {expected} entries in indptr, one more than the major axis is long, found {found}"
            )));
        }
        let mut parts = Vec::new();
        for blocks in touched(slices, block_len)? {
            let mut next = blocks.start;
            while next < blocks.end {
                if let Some(part) = get(next) {
                    parts.push(part);
                    next += 1;
                    continue;
                }
                // Blocks that follow each other are read as one.
                let missing = (next..blocks.end).take_while(|&block| get(block).is_none()).count().max(1);
                let (first, end) = (next * block_len, major.min((next + missing) * block_len));
                let stored = indptr.read_rows(first as u64, end - first + 1)?;
                let offsets = to_offsets(&stored).map_err(Error::of_stored)?;
                check(&offsets, first, values)?;
                for block in next..next + missing {
                    let start = (block - next) * block_len;
                    let own = offsets.get(start..offsets.len().min(start + block_len + 1));
                    let own = own.or_bug("a block beyond the offsets")?.to_vec();
                    let part = Arc::new(Part { first: block * block_len, offsets: own });
                    put(block, &part);
                    parts.push(part);
                }
                next += missing;
            }
        }
        Ok(Self(parts))
    }

    /// Where the values of consecutive selected major slices are.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if they were not selected.
    pub(super) fn run(&self, slices: Range<usize>) -> Result<Range<usize>> {
        // The end of a slice that is the last of a block stands in that block.
        Ok(self.offset(slices.start, slices.start)?..self.offset(slices.end, slices.end.saturating_sub(1))?)
    }

    /// The offset at a position, from the block that has a major slice.
    fn offset(&self, at: usize, slice: usize) -> Result<usize> {
        let after = self.0.partition_point(|part| part.first <= slice);
        let part = after.checked_sub(1).and_then(|at| self.0.get(at));
        let part = part.or_bug("a major slice before all that were read")?;
        let own = at.checked_sub(part.first);
        own.and_then(|own| part.offsets.get(own)).copied().or_bug("a major slice that was not selected")
    }
}

/// The major slices of a block of stored offsets: chunks are read as a whole.
fn block_len(indptr: &ArrayNode) -> Option<usize> {
    let Source::Stored(array) = &indptr.source else { return None };
    let chunk = array.spec().chunks.as_ref().and_then(|chunks| chunks.first().copied());
    // Fallback: a chunk that is longer than memory is longer than a block.
    let chunk = usize::try_from(chunk.unwrap_or(1)).unwrap_or(BLOCK).clamp(1, BLOCK);
    Some(chunk * (LEAST / chunk).max(1))
}

/// The runs of blocks in which a major slice is selected, in order.
fn touched(slices: &AxisSelection, block_len: usize) -> Result<Vec<Range<usize>>> {
    let block = |slice: u64| {
        usize::try_from(slice).map(|slice| slice / block_len).ok().or_bug("a major slice that was not checked")
    };
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for (start, len) in slices.runs() {
        let last =
            start.checked_add(len).and_then(|end| end.checked_sub(1)).or_bug("a run of major slices without an end")?;
        blocks.push(block(start)?..block(last)? + 1);
    }
    blocks.sort_unstable_by_key(|run| (run.start, run.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for run in blocks {
        match joined.last_mut() {
            Some(before) if run.start <= before.end => before.end = before.end.max(run.end),
            _ => joined.push(run),
        }
    }
    Ok(joined)
}

/// Checks that offsets never decrease and stay within the values.
fn check(offsets: &[usize], first: usize, values: usize) -> Result<()> {
    if let (0, Some(&start)) = (first, offsets.first())
        && start != 0
    {
        return Err(Error::invalid_data(format!("indptr begins with {start}, not 0")));
    }
    let mut pairs = offsets.iter().zip(offsets.iter().skip(1)).zip(first..);
    if let Some(((last, offset), at)) = pairs.find(|((last, offset), _)| offset < last) {
        return Err(Error::invalid_data(format!("indptr decreases from {last} to {offset} at {at}")));
    }
    match offsets.last() {
        Some(&last) if last > values => {
            Err(Error::invalid_data(format!("indptr ends at {last} but there are {values} values")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use anndata_storage::{Array, ArraySpec, ArrayStorage, MemoryStore, Tensor};

    use super::*;

    /// An array that counts the values that are read.
    #[derive(Debug)]
    struct Counting {
        values: Tensor,
        chunk: usize,
        read: AtomicU64,
    }

    impl ArrayStorage for Counting {
        fn spec(&self) -> Arc<ArraySpec> {
            Arc::new(ArraySpec::of(&self.values).with_chunks([self.chunk as u64]))
        }

        fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
            self.read.fetch_add(selection.iter().map(AxisSelection::len).product(), Ordering::Relaxed);
            self.values.select(selection)
        }
    }

    fn stored(offsets: Vec<i64>) -> Result<(ArrayNode, Arc<Counting>)> {
        chunked(offsets, BLOCK)
    }

    fn chunked(offsets: Vec<i64>, chunk: usize) -> Result<(ArrayNode, Arc<Counting>)> {
        let values = Tensor::from_vec([offsets.len()], offsets)?;
        let counting = Arc::new(Counting { values: values.clone(), chunk, read: AtomicU64::new(0) });
        let array = Array::new(Arc::new(MemoryStore::new()), Arc::clone(&counting) as Arc<dyn ArrayStorage>, "indptr");
        let node = ArrayNode { source: Source::Stored(array), ..ArrayNode::plain("X/indptr", values) };
        Ok((node, counting))
    }

    #[test]
    fn only_the_blocks_are_read_in_which_something_is_selected() -> Result<()> {
        let major = 4 * BLOCK + 5;
        let (indptr, counting) = stored((0..).take(major + 1).map(|at: i64| 2 * at).collect())?;
        let last = major as u64 - 1;
        for (slices, blocks) in [
            (AxisSelection::Range(3..4), 1),
            (AxisSelection::from(vec![last, 3, 7]), 2),
            (AxisSelection::Range(BLOCK as u64 - 1..BLOCK as u64 + 1), 2),
            (AxisSelection::from(vec![3 * BLOCK as u64, 5, 5]), 2),
            (AxisSelection::Range(0..0), 0),
        ] {
            counting.read.store(0, Ordering::Relaxed);
            let offsets = StoredOffsets::read(&indptr, &slices, major, 2 * major, None)?;
            let read = usize::try_from(counting.read.load(Ordering::Relaxed)).unwrap();
            assert!(read <= blocks * (BLOCK + 1), "{read} offsets for {slices:?}");
            for (start, len) in slices.runs() {
                let run = usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap();
                assert_eq!(offsets.run(run.clone())?, 2 * run.start..2 * run.end);
            }
        }
        Ok(())
    }

    #[test]
    fn blocks_are_whole_chunks() -> Result<()> {
        let major = 4 * BLOCK + 5;
        for (chunk, block) in [(1, 4096), (10, 4090), (3000, 3000), (6251, 6251), (1 << 20, BLOCK)] {
            let (indptr, counting) = chunked((0..).take(major + 1).map(|at: i64| 2 * at).collect(), chunk)?;
            let kept = KeptOffsets::default();
            for (slices, blocks) in [(block..block + 3, 1), (2 * block - 1..2 * block + 1, 1), (0..3 * block, 1)] {
                counting.read.store(0, Ordering::Relaxed);
                let selection = AxisSelection::Range(slices.start as u64..slices.end as u64);
                let offsets = StoredOffsets::read(&indptr, &selection, major, 2 * major, Some(&kept))?;
                assert_eq!(counting.read.load(Ordering::Relaxed), (blocks * block + 1) as u64, "{chunk} {slices:?}");
                assert_eq!(offsets.run(slices.clone())?, 2 * slices.start..2 * slices.end);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_kept_is_not_read_again() -> Result<()> {
        let major = 3 * BLOCK + 5;
        let (indptr, counting) = stored((0..).take(major + 1).map(|at: i64| 2 * at).collect())?;
        let kept = KeptOffsets::default();
        for (slices, read) in [
            (BLOCK - 1..BLOCK, BLOCK + 1),
            (5..BLOCK, 0),
            // The second block and the last, with one that is kept before them.
            (BLOCK - 2..2 * BLOCK + 1, 2 * BLOCK + 1),
            (0..3 * BLOCK, 0),
            (3 * BLOCK..major, 6),
            (0..major, 0),
        ] {
            counting.read.store(0, Ordering::Relaxed);
            let selection = AxisSelection::Range(slices.start as u64..slices.end as u64);
            let offsets = StoredOffsets::read(&indptr, &selection, major, 2 * major, Some(&kept))?;
            assert_eq!(counting.read.load(Ordering::Relaxed), read as u64, "{slices:?}");
            assert_eq!(offsets.run(slices.clone())?, 2 * slices.start..2 * slices.end);
        }
        let (indptr, counting) = stored(vec![0, 2, 5])?;
        let kept = KeptOffsets::default();
        for read in [3, 0] {
            counting.read.store(0, Ordering::Relaxed);
            assert_eq!(StoredOffsets::read(&indptr, &AxisSelection::Range(1..2), 2, 5, Some(&kept))?.run(1..2)?, 2..5);
            assert_eq!(counting.read.load(Ordering::Relaxed), read);
        }
        Ok(())
    }

    #[test]
    fn offsets_of_long_matrices_are_checked_where_they_are_read() -> Result<()> {
        let major = 2 * BLOCK;
        let good: Vec<i64> = (0..).take(major + 1).collect();
        let all = AxisSelection::Range(0..major as u64);
        let refused = |offsets: Vec<i64>, values: usize, slices: &AxisSelection| {
            let (indptr, _) = stored(offsets)?;
            Ok::<_, Error>(
                StoredOffsets::read(&indptr, slices, major, values, None).map(|_| ()).map_err(|error| error.text()),
            )
        };
        let with = |at: usize, offset: i64| {
            let mut offsets = good.clone();
            offsets[at] = offset;
            offsets
        };
        assert_eq!(refused(good.clone(), major, &all)?, Ok(()));
        let says = |text: String| Err(text);
        assert_eq!(refused(with(0, 1), major, &all)?, says("indptr begins with 1, not 0".to_owned()));
        assert_eq!(refused(with(9, 3), major, &all)?, says("indptr decreases from 8 to 3 at 8".to_owned()));
        assert_eq!(refused(with(5, -3), major, &all)?, says("indptr has the impossible offset -3".to_owned()));
        let beyond = format!("indptr ends at {major} but there are 7 values");
        assert_eq!(refused(good.clone(), 7, &AxisSelection::Range(major as u64 - 1..major as u64))?, says(beyond));
        let short = format!("expected {} entries in indptr, one more than the major axis is long, found 4", major + 1);
        assert_eq!(refused(vec![0, 1, 2, 3], 7, &all)?, says(short));
        Ok(())
    }
}
