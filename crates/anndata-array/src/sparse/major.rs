//! New indices and values, filled slice by slice along the major axis, on all cores.
//!
//! A major slice is a row of a CSR matrix or a column of a CSC matrix.

use std::ops::Range;

use anndata_storage::{AlignedBytes, OrBug, Result, ensure};
use rayon::prelude::*;

use super::buffers::{Index, filled, plain_mut, to_fill};
use super::offsets::Offsets;
use crate::prefetch;

/// About how many values a task works on: enough to be worth a task, few enough to share the work evenly.
const TASK: usize = 1 << 16;

/// Consecutive major slices with about [`TASK`] values per block; `ends` are the ends of all major slices, which never
/// decrease.
pub(super) fn blocks(ends: impl ExactSizeIterator<Item = usize>) -> Vec<Range<usize>> {
    blocks_of(ends, TASK)
}

/// Consecutive major slices with about `size` values per block.
pub(super) fn blocks_of(ends: impl ExactSizeIterator<Item = usize>, size: usize) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (mut first, mut base) = (0, 0);
    let slices = ends.len();
    for (slice, end) in ends.enumerate() {
        // A major slice without values is work as well. The sum is compared with a small number only.
        let work = (end - base).saturating_add(slice - first);
        if work >= size || slice + 1 == slices {
            blocks.push(first..slice + 1);
            (first, base) = (slice + 1, end);
        }
    }
    blocks
}

/// The part of two buffers that belongs to consecutive major slices: their indices, and the bytes of their values.
pub(super) struct Part<'a, I> {
    pub(super) slices: Range<usize>,
    pub(super) indices: &'a mut [I],
    pub(super) data: &'a mut [u8],
}

impl<'a, I> Part<'a, I> {
    /// The next `len` values of `size` bytes, to be filled.
    pub(super) fn next(&mut self, len: usize, size: usize) -> Result<(&'a mut [I], &'a mut [u8])> {
        let indices = self.indices.split_off_mut(..len).or_bug("more values than were counted")?;
        Ok((indices, self.data.split_off_mut(..len * size).or_bug("more values than were counted")?))
    }
}

/// New indices and values for major slices at `offsets`, filled block by block on all cores.
///
/// `work` is handed what a thread reuses from block to block, and its part of the result, of which it has to take all.
pub(super) fn fill<I: Index, S: Default>(
    offsets: &Offsets,
    blocks: Vec<Range<usize>>,
    size: usize,
    work: &(dyn Fn(&mut S, &mut Part<'_, I>) -> Result<()> + Sync),
) -> Result<(AlignedBytes, AlignedBytes)> {
    let nnz = offsets.total()?;
    let (mut indices, mut data) = (to_fill(nnz, size_of::<I>())?, to_fill(nnz, size)?);
    let mut rest =
        Part { slices: 0..offsets.n_major(), indices: plain_mut::<I>(&mut indices)?, data: data.as_mut_slice() };
    let mut parts = Vec::with_capacity(blocks.len());
    for slices in blocks {
        let (indices, data) = rest.next(offsets.run(slices.clone())?.len(), size)?;
        parts.push(Part { slices, indices, data });
    }
    ensure!(rest.indices.is_empty(), "the blocks leave {} values out", rest.indices.len());
    parts.into_par_iter().try_for_each_init(S::default, |scratch, mut part| {
        work(scratch, &mut part)?;
        let (slices, left) = (part.slices, part.indices.len());
        ensure!(left == 0 && part.data.is_empty(), "{left} values of major slices {slices:?} were not filled");
        Ok(())
    })?;
    Ok((indices, data))
}

/// At most this many parts have cells of their own; a constant, so that a sum does not depend on the number of cores.
const PARTS: usize = 64;

/// How many cells are joined at a time.
const JOINED: usize = 1 << 10;

/// About how many values each part has, if the cells of all parts together are to be fewer than the values.
pub(super) fn part_size(nnz: usize, cells: usize) -> usize {
    let parts = (nnz / cells.max(1)).clamp(1, PARTS);
    nnz.div_ceil(parts).max(1)
}

/// Adds a part of the values to cells; returns whether it could.
pub(super) type AddPart<'a, A> = dyn Fn(&mut [A], Range<usize>) -> Result<bool> + Sync + 'a;

/// Folds parts of the values into one cell for each position of the minor axis, on all cores. If `add` returns false for
/// any of the parts, there is no result.
///
/// Always the same halves are joined, so that a sum does not depend on the number of cores, and at once, while their cells are
/// still in a near cache.
pub(super) fn fold_parts<A: Copy + Default + Send + Sync>(
    parts: &[Range<usize>],
    minor: usize,
    add: &AddPart<A>,
    join: &(impl Fn(A, A) -> A + Sync),
) -> Result<Option<Vec<A>>> {
    match parts {
        [] => filled(minor, A::default()).map(Some),
        [part] => {
            let mut cells = filled(minor, A::default())?;
            Ok(add(&mut cells, part.clone())?.then_some(cells))
        }
        _ => {
            let (before, after) = parts.split_at(parts.len() / 2);
            let fold = |parts| fold_parts(parts, minor, add, join);
            let (before, after) = rayon::join(|| fold(before), || fold(after));
            let (Some(mut cells), Some(after)) = (before?, after?) else { return Ok(None) };
            cells.par_chunks_mut(JOINED).zip(after.par_chunks(JOINED)).for_each(|(cells, after)| {
                cells.iter_mut().zip(after).for_each(|(cell, &after)| *cell = join(*cell, after));
            });
            Ok(Some(cells))
        }
    }
}

/// Moves the values of a major slice that are kept to `end`, without a branch that depends on them; gives the new end.
/// `position` tells the new index of an old one, and whether it is kept.
pub(super) fn compact<I: Index, V: Copy>(
    indices: &mut [I],
    values: &mut [V],
    slice: Range<usize>,
    mut end: usize,
    position: impl Fn(usize) -> Option<(usize, bool)>,
) -> Result<usize> {
    ensure!(end <= slice.start && slice.end <= indices.len().min(values.len()), "{slice:?} cannot move to {end}");
    for at in slice {
        let (new, is_kept) = position(indices[at].to_usize()).or_bug("an index beyond the axis")?;
        // What is not kept is written over by what comes next.
        indices[end] = I::from_usize(new);
        values[end] = values[at];
        end += usize::from(is_kept);
    }
    Ok(end)
}

/// How many major slices ahead memory is asked for.
const AHEAD: usize = 2;

/// The same major slices; while one is worked on, the values of those that follow are brought into the cache. Major
/// slices that are not neighbours would be waited for otherwise.
pub(super) fn prefetched<'a, T>(
    values: &'a [T],
    slices: impl Iterator<Item = Range<usize>> + Clone + 'a,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut ahead = slices.clone().skip(AHEAD);
    // A hint to the processor: where there is nothing ahead, none is given.
    slices.inspect(move |_| prefetch::read(ahead.next().and_then(|slice| values.get(slice)).unwrap_or_default()))
}
