//! Where positions of the minor axis go: a map that is looked up for each stored value.

// Long file: the forms of the map, and picking by each, with what the loops have in common.

use std::ops::Range;

use anndata_storage::{AxisSelection, Error, OrBug, Result, ensure};
use rayon::prelude::*;

use super::super::buffers::{Index, filled, gather};
use super::super::major::{compact, prefetched};
use super::super::offsets::Offsets;
use super::{MajorSlices, to_usize, values_of};

/// The bits of a word.
const BITS: usize = u64::BITS as usize;

/// An axis is mapped densely up to this length, whatever is stored.
const DENSE_AXIS: usize = 1 << 20;

/// Entries processed per batch: indices are mapped first, then values are gathered.
const BATCH: usize = 1 << 12;

/// What is stored of all major slices.
pub(super) struct Stored<'a, I> {
    pub(super) indices: &'a [I],
    pub(super) values: &'a [u8],
    pub(super) size: usize,
}

/// What is kept of the major slices of a block: new indices, bytes of the values, and the length of each major slice.
/// The memory is used again for the next block.
pub(super) struct Picked<I> {
    pub(super) indices: Vec<I>,
    pub(super) values: Vec<u8>,
    pub(super) lengths: Vec<usize>,
    scratch: Scratch,
}

/// Where the positions of the minor axis go.
pub(super) struct MinorMap {
    /// The length of the new axis.
    pub(super) len: usize,
    form: Form,
}

enum Form {
    /// Consecutive positions from here on.
    Slice(usize),
    /// Positions without repeats: which old ones are kept, what each of those becomes, and whether their order stays.
    Injective { kept: Vec<bool>, new: Vec<u32>, in_order: bool },
    /// Positions with repeats: the new positions of old position `i` are `new[slices.range(i)]`.
    Multi { kept: Vec<bool>, slices: Offsets, new: Vec<usize> },
    /// Any others on an axis far longer than what is stored: pairs of old and new position, sorted.
    Sorted(Vec<(usize, usize)>),
}

/// What is used again from major slice to major slice.
#[derive(Default)]
struct Scratch {
    /// Where values that are kept are stored.
    positions: Vec<usize>,
    /// New position, and where the value is stored.
    pairs: Vec<(usize, usize)>,
    /// Which new positions a major slice has, as bits; all unset between major slices.
    seen: Vec<u64>,
    /// The position of each of those.
    stored_at: Vec<usize>,
}

impl MinorMap {
    /// The map of a checked selection on an axis of length `minor`, for a matrix of `nnz` values.
    pub(super) fn new(selection: &AxisSelection, minor: usize, nnz: usize) -> Result<Self> {
        let indices = match selection {
            AxisSelection::Range(range) => {
                return Ok(Self { len: to_usize(selection.len())?, form: Form::Slice(to_usize(range.start)?) });
            }
            AxisSelection::Indices(indices) => indices,
        };
        let len = indices.len();
        // The selection was checked against the axis, so that a position is one of a machine.
        let positions = || indices.iter().map(|&position| to_usize(position));
        // A shape is only declared: an axis may be far longer than what is stored, and than memory.
        if minor > DENSE_AXIS.max(nnz.saturating_add(len).saturating_mul(8)) {
            let mut pairs =
                positions().zip(0..).map(|(position, to)| Ok((position?, to))).collect::<Result<Vec<_>>>()?;
            pairs.sort_unstable();
            return Ok(Self { len, form: Form::Sorted(pairs) });
        }
        let (mut kept, mut new) = (filled(minor, false)?, filled(minor, 0_u32)?);
        let mut once = u32::try_from(len).is_ok();
        for (position, to) in positions().zip(0..) {
            let position = position?;
            let kept = kept.get_mut(position).or_bug("a position beyond the axis")?;
            once &= !*kept;
            *kept = true;
            *new.get_mut(position).or_bug("a position beyond the axis")? = to;
        }
        if once {
            return Ok(Self { len, form: Form::Injective { kept, new, in_order: indices.is_sorted() } });
        }
        let mut counts = filled(minor, 0_usize)?;
        for position in positions() {
            *counts.get_mut(position?).or_bug("a position beyond the axis")? += 1;
        }
        let slices = Offsets::of_lengths(counts)?;
        let (mut ends, mut new) = (slices.starts().to_vec(), filled(len, 0)?);
        for (position, to) in positions().zip(0..) {
            let end = ends.get_mut(position?).or_bug("a position beyond the axis")?;
            *new.get_mut(*end).or_bug("more positions than were counted")? = to;
            *end += 1;
        }
        Ok(Self { len, form: Form::Multi { kept, slices, new } })
    }

    /// The largest index that can come out larger than it was; increasing ones never do.
    pub(super) fn largest(&self) -> usize {
        match self.form {
            Form::Slice(_) | Form::Injective { in_order: true, .. } => 0,
            _ => self.len.saturating_sub(1),
        }
    }

    /// Whether what is kept stays in its order, and is not repeated.
    pub(super) fn keeps_order(&self) -> bool {
        matches!(self.form, Form::Slice(_) | Form::Injective { in_order: true, .. })
    }

    /// Moves what is kept of a major slice to `end`, which is not behind its start, under new indices; gives the new end. The
    /// map [keeps the order](Self::keeps_order).
    pub(super) fn compact<I: Index, V: Copy>(
        &self,
        indices: &mut [I],
        values: &mut [V],
        slice: Range<usize>,
        end: usize,
    ) -> Result<usize> {
        match &self.form {
            Form::Slice(start) => compact(indices, values, slice, end, |index| {
                let new = index.wrapping_sub(*start);
                Some((new, new < self.len))
            }),
            Form::Injective { kept, new, .. } => {
                compact(indices, values, slice, end, |index| Some((*new.get(index)? as usize, *kept.get(index)?)))
            }
            Form::Multi { .. } | Form::Sorted(_) => Err(Error::bug("a map that does not keep the order")),
        }
    }

    /// At least as many values as blocks of major slices have in the result; stored there are `total`.
    pub(super) fn most<I: Index>(
        &self,
        stored: &Stored<'_, I>,
        total: usize,
        slices: &MajorSlices,
        blocks: &[Range<usize>],
    ) -> Result<usize> {
        let plus =
            |a: usize, b: usize| a.checked_add(b).ok_or_else(|| Error::limit_exceeded("more values than memory holds"));
        let sum = |times: &(dyn Fn(usize) -> Result<usize> + Sync)| {
            let count = |block: &Range<usize>| {
                let mut sum = 0;
                for slice in slices.of(block)? {
                    for index in values_of(stored.indices, slice.clone())? {
                        sum = plus(sum, times(index.to_usize())?)?;
                    }
                }
                Ok(sum)
            };
            blocks.par_iter().map(count).try_reduce(|| 0, plus)
        };
        match &self.form {
            Form::Slice(_) | Form::Injective { .. } => Ok(total),
            Form::Multi { slices, .. } => sum(&|index| Ok(slices.range(index)?.len())),
            Form::Sorted(pairs) => sum(&|index| Ok(pairs_of(pairs, index).len())),
        }
    }

    /// Picks what is kept of some major slices, given where they are stored.
    pub(super) fn pick<I: Index>(
        &self,
        stored: &Stored<'_, I>,
        slices: impl Iterator<Item = Range<usize>> + Clone,
        picked: &mut Picked<I>,
    ) -> Result<()> {
        picked.clear();
        let slices = prefetched(stored.indices, slices);
        match &self.form {
            Form::Slice(start) => {
                let (start, len) = (*start, self.len);
                let position = move |index: usize| index.wrapping_sub(start);
                picked.in_order(stored, slices, move |index| Ok(position(index) < len), |index| Ok(position(index)))
            }
            Form::Injective { kept, new, in_order } => {
                let position = |index: usize| match new.get(index) {
                    Some(&new) => Ok(new as usize),
                    None => Err(Error::bug(format!("index {index} of an axis of {}", new.len()))),
                };
                if *in_order {
                    return picked.in_order(stored, slices, is_kept(kept), position);
                }
                let push = |index, at, pairs: &mut Vec<_>| {
                    pairs.push((position(index)?, at));
                    Ok(())
                };
                picked.sorted(stored, slices, self.len, is_kept(kept), push)
            }
            Form::Multi { kept, slices: new_slices, new } => {
                let push = |index, at, pairs: &mut Vec<_>| {
                    let new = values_of(new, new_slices.range(index)?)?;
                    pairs.extend(new.iter().map(|&new| (new, at)));
                    Ok(())
                };
                picked.sorted(stored, slices, self.len, is_kept(kept), push)
            }
            Form::Sorted(pairs) => {
                let pairs = pairs.as_slice();
                let push = |index, at, to: &mut Vec<_>| {
                    to.extend(pairs_of(pairs, index).iter().map(|&(_, new)| (new, at)));
                    Ok(())
                };
                picked.sorted(stored, slices, self.len, move |index| Ok(!pairs_of(pairs, index).is_empty()), push)
            }
        }
    }
}

impl<I> Default for Picked<I> {
    fn default() -> Self {
        Self { indices: Vec::new(), values: Vec::new(), lengths: Vec::new(), scratch: Scratch::default() }
    }
}

impl<I: Index> Picked<I> {
    fn clear(&mut self) {
        self.indices.clear();
        self.values.clear();
        self.lengths.clear();
    }

    /// The kept values of major slices in their order.
    fn in_order(
        &mut self,
        stored: &Stored<'_, I>,
        slices: impl Iterator<Item = Range<usize>>,
        keep: impl Fn(usize) -> Result<bool> + Copy,
        position: impl Fn(usize) -> Result<usize>,
    ) -> Result<()> {
        let index = |at: usize| position(stored.index(at)?);
        let mut positions = std::mem::take(&mut self.scratch.positions);
        let mut found = 0;
        for slice in slices {
            let mut len = 0;
            for start in slice.clone().step_by(BATCH) {
                let new = find(stored, start..slice.end.min(start + BATCH), keep, &mut positions, found)?;
                len += new;
                found += new;
                // Major slices may be short: positions are collected over some of them.
                if found >= BATCH {
                    self.append(stored, values_of(&positions, 0..found)?, |at| at, index)?;
                    found = 0;
                }
            }
            self.lengths.push(len);
        }
        self.append(stored, values_of(&positions, 0..found)?, |at| at, index)?;
        self.scratch.positions = positions;
        Ok(())
    }

    /// The kept values of major slices at the pairs that `push` makes of old index and position; those of a major slice
    /// are sorted where the old indices were. New positions are below `width`.
    fn sorted(
        &mut self,
        stored: &Stored<'_, I>,
        slices: impl Iterator<Item = Range<usize>>,
        width: usize,
        keep: impl Fn(usize) -> Result<bool> + Copy,
        push: impl Fn(usize, usize, &mut Vec<(usize, usize)>) -> Result<()>,
    ) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        for slice in slices {
            let found = find(stored, slice, keep, &mut scratch.positions, 0)?;
            let (mut in_order, mut last) = (true, 0);
            scratch.pairs.clear();
            for &at in values_of(&scratch.positions, 0..found)? {
                let index = stored.index(at)?;
                push(index, at, &mut scratch.pairs)?;
                in_order &= last <= index;
                last = index;
            }
            if in_order {
                scratch.sort(width)?;
            }
            self.append(stored, &scratch.pairs, |(_, at)| at, |(new, _)| Ok(new))?;
            self.lengths.push(scratch.pairs.len());
        }
        self.scratch = scratch;
        Ok(())
    }

    /// Appends what is stored at some positions, under new indices.
    fn append<P: Copy>(
        &mut self,
        stored: &Stored<'_, I>,
        positions: &[P],
        position: impl Fn(P) -> usize,
        index: impl Fn(P) -> Result<usize>,
    ) -> Result<()> {
        self.indices.reserve(positions.len());
        for &at in positions {
            self.indices.push(I::from_usize(index(at)?));
        }
        let before = self.values.len();
        self.values.resize(before + positions.len() * stored.size, 0);
        let free = self.values.get_mut(before..).or_bug("values that are not there")?;
        gather(stored.values, positions, position, free, stored.size)
    }
}

impl<I: Index> Stored<'_, I> {
    /// The index of a stored value.
    fn index(&self, at: usize) -> Result<usize> {
        Ok(self.indices.get(at).or_bug("a position beyond the stored indices")?.to_usize())
    }
}

/// Which old positions are kept, as a function that captures by value what [`scan`] needs in registers.
fn is_kept(kept: &[bool]) -> impl Fn(usize) -> Result<bool> + Copy {
    move |index| kept.get(index).copied().or_bug("an index beyond the axis")
}

/// Finds the values to keep among some stored ones. Their positions go behind the first `found` of `positions`; gives how many there are.
fn find<I: Index>(
    stored: &Stored<'_, I>,
    values: Range<usize>,
    keep: impl Fn(usize) -> Result<bool>,
    positions: &mut Vec<usize>,
    found: usize,
) -> Result<usize> {
    let end = found + values.len();
    if positions.len() < end {
        positions.resize(end, 0);
    }
    let free = positions.get_mut(found..end).or_bug("positions that are not there")?;
    scan(values_of(stored.indices, values.clone())?, values.start, keep, free)
}

/// Puts the positions of the indices to keep, of which the first is at `first`, to the front of `free`, without a branch that depends on
/// them. Out of line and with what it captures by value: in the midst of its callers the loop has too few registers.
#[inline(never)]
fn scan<I: Index>(
    indices: &[I],
    first: usize,
    keep: impl Fn(usize) -> Result<bool>,
    free: &mut [usize],
) -> Result<usize> {
    let mut found = 0;
    for (index, at) in indices.iter().zip(first..) {
        *free.get_mut(found).or_bug("more values than a major slice has")? = at;
        found += usize::from(keep(index.to_usize())?);
    }
    Ok(found)
}

impl Scratch {
    /// Sorts the pairs, whose new positions are below `width`.
    fn sort(&mut self, width: usize) -> Result<()> {
        let words = width.div_ceil(BITS);
        // Looking at a bit of every position is far cheaper than comparing, unless few of them are set.
        if words > self.pairs.len().saturating_mul(8) {
            self.pairs.sort_unstable();
            return Ok(());
        }
        self.seen.resize(words, 0);
        self.stored_at.resize(width, 0);
        let mut repeated = false;
        for &(new, at) in &self.pairs {
            let word = self.seen.get_mut(new / BITS).or_bug("a new position beyond the axis")?;
            let bit = 1 << (new % BITS);
            repeated |= *word & bit != 0;
            *word |= bit;
            *self.stored_at.get_mut(new).or_bug("a new position beyond the axis")? = at;
        }
        if repeated {
            // An index was stored twice.
            self.pairs.sort_unstable();
            self.seen.fill(0);
            return Ok(());
        }
        let mut pairs = self.pairs.iter_mut();
        for (number, word) in self.seen.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                let new = number * BITS + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let at = *self.stored_at.get(new).or_bug("a new position beyond the axis")?;
                *pairs.next().or_bug("more positions than a major slice has")? = (new, at);
            }
        }
        ensure!(pairs.next().is_none(), "fewer positions than a major slice has");
        Ok(())
    }
}

/// The pairs of an old position.
fn pairs_of(pairs: &[(usize, usize)], position: usize) -> &[(usize, usize)] {
    let (_, rest) = pairs.split_at(pairs.partition_point(|&(old, _)| old < position));
    rest.split_at(rest.partition_point(|&(old, _)| old == position)).0
}
