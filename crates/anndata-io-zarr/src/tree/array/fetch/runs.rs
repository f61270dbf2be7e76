//! Reading runs of a one-dimensional array.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{OrBug, Result, chunked, ensure};

use super::super::Inner;
use super::parts::{Ahead, PART};
use super::{MAX_CHUNKS, too_many_chunks};
use crate::store::Remote;

/// Reads runs of a one-dimensional array into memory of the size of their values; see [`read`].
pub(in super::super) fn read_runs_into(
    array: &Arc<Inner>,
    remote: &Remote,
    runs: &[Range<u64>],
    mut out: &mut [u8],
) -> Result<()> {
    array.pipeline()?;
    let size = array.meta.dtype.size().or_bug("numbers without a size")? as u64;
    let groups = groups(runs, PART / size.max(1));
    let mut groups = Ahead::new(array, remote, groups, |array, group| chunks_of_runs(group, first_chunk(array)?));
    while let Some((group, fetch)) = groups.next()? {
        let fetched = remote.runtime().join(fetch)?;
        let bytes = group.iter().map(|run| run.end - run.start).sum::<u64>().saturating_mul(size);
        let own = usize::try_from(bytes).ok().and_then(|bytes| out.split_off_mut(..bytes));
        let own = own.or_bug("runs of more values than there is memory for")?;
        chunked::read_runs_into(&fetched, &array.spec(), &group, own)?;
    }
    ensure!(out.is_empty(), "the runs leave {} bytes out", out.len());
    Ok(())
}

fn first_chunk(array: &Inner) -> Result<u64> {
    array.meta.chunks.first().copied().or_bug("runs of an array without axes")
}

/// The chunks that runs touch, each once.
fn chunks_of_runs(runs: &[Range<u64>], chunk: u64) -> Result<Vec<Vec<u64>>> {
    let chunk = chunk.max(1);
    let mut chunks = BTreeSet::new();
    for run in runs.iter().filter(|run| !run.is_empty()) {
        for number in run.start / chunk..=(run.end - 1) / chunk {
            chunks.insert(number);
            if chunks.len() as u64 > MAX_CHUNKS {
                return Err(too_many_chunks());
            }
        }
    }
    Ok(chunks.into_iter().map(|number| vec![number]).collect())
}

/// Runs, cut and put together so that no group has more than `most` values.
fn groups(runs: &[Range<u64>], most: u64) -> Vec<Vec<Range<u64>>> {
    let most = most.max(1);
    let (mut groups, mut room): (Vec<Vec<Range<u64>>>, u64) = (Vec::new(), 0);
    for run in runs {
        let mut start = run.start;
        while start < run.end {
            if room == 0 {
                groups.push(Vec::new());
                room = most;
            }
            let end = run.end.min(start.saturating_add(room));
            if let Some(group) = groups.last_mut() {
                group.push(start..end);
            }
            room -= end - start;
            start = end;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use anndata_storage::{ArraySpec, Group, Storage, Tensor};

    use super::*;
    use crate::{ZarrFormat, ZarrOptions, ZarrStore};

    #[test]
    fn runs_touch_each_chunk_once_and_are_cut_into_groups() -> Result<()> {
        assert_eq!(chunks_of_runs(&[9..14, 2..2, 0..1, 3..4], 4)?, [[0], [2], [3]]);
        let most = 0..MAX_CHUNKS * 2 + 2;
        assert!(chunks_of_runs(&[most], 2).is_err_and(|error| error.is_limit_exceeded()));
        let cut = groups(&[3..9, 5..5, 1..2, 0..4], 4);
        assert_eq!(cut.concat(), [3..7, 7..9, 1..2, 0..1, 1..4]);
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 1]);
        assert_eq!(groups(&[], 4), [[]; 0]);
        Ok(())
    }

    #[test]
    fn runs_are_read_group_by_group() -> Result<()> {
        let objects = Arc::new(object_store::memory::InMemory::new());
        let store = ZarrStore::create_objects(objects, "a", ZarrFormat::V3, &ZarrOptions::default())?;
        let root = Group::root(Arc::new(store) as Arc<dyn Storage>);
        let line = Tensor::from_vec([5000], (0..5000).collect::<Vec<i32>>())?;
        let array = root.create_array("line", &ArraySpec::of(&line).with_chunks([70]))?;
        array.write(&[0], &line)?;
        for runs in [vec![0..4999, 4999..5000], vec![4000..4001, 3..2900, 10..10, 2..7], vec![]] {
            let positions: Vec<u64> = runs.iter().cloned().flatten().collect();
            assert_eq!(array.read_runs(&runs)?, line.take(0, &positions)?);
        }
        // Chunks that were never written are zero, also in memory that was used before.
        let array = root.create_array("never written", &ArraySpec::of(&line).with_chunks([70]))?;
        let mut out = vec![0xa5; 12];
        array.read_runs_into(&[4000..4002, 3..4], &mut out)?;
        assert_eq!(out, [0; 12]);
        Ok(())
    }
}
