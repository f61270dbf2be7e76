//! Where positions of the minor axis go: a map that is looked up for each stored value.

use std::ops::Range;

use anndata_storage::{AxisSelection, Error, OrBug, Result};
use rayon::prelude::*;

use super::super::buffers::{Index, filled};
use super::super::major::{compact, prefetched};
use super::super::offsets::Offsets;
use super::keep::{Entries, Keep, Positions, pairs_of};
use super::{MajorSlices, to_usize, values_of};

/// The bits of a word.
const BITS: usize = u64::BITS as usize;

/// An axis is mapped densely up to this length, whatever is stored.
const DENSE_AXIS: usize = 1 << 20;

/// What is stored of all major slices.
pub(super) struct Stored<'a, I> {
    pub(super) indices: &'a [I],
    pub(super) values: &'a [u8],
    pub(super) size: usize,
}

/// What is kept of the major slices of a block, under new indices, and the length of each major slice. The memory is used again for
/// the next block.
pub(super) struct Picked<I> {
    pub(super) entries: Entries<I>,
    pub(super) lengths: Vec<usize>,
    scratch: Scratch<I>,
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
    Injective { kept: Positions, new: Vec<u32>, in_order: bool },
    /// Positions with repeats: the new positions of old position `i` are `new[slices.range(i)]`.
    Multi { kept: Positions, slices: Offsets, new: Vec<usize> },
    /// Any others on an axis far longer than what is stored: pairs of old and new position, sorted.
    Sorted(Vec<(usize, usize)>),
}

/// What is used again from major slice to major slice.
struct Scratch<I> {
    /// What is kept of a major slice, under its old indices.
    kept: Entries<I>,
    /// New position, and where the value is among those that are kept.
    pairs: Vec<(usize, usize)>,
    marks: Marks,
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
        let (mut kept, mut new) = (Positions::none(minor)?, filled(minor, 0_u32)?);
        let mut once = u32::try_from(len).is_ok();
        for (position, to) in positions().zip(0..) {
            let position = position?;
            once &= kept.insert(position)?;
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
                compact(indices, values, slice, end, |index| Some((*new.get(index)? as usize, kept.contains(index)?)))
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
                picked.in_order(stored, slices, Keep::Range(*start, self.len), |index| Ok(index.wrapping_sub(*start)))
            }
            Form::Injective { kept, new, in_order } => {
                let position = |index: usize| match new.get(index) {
                    Some(&new) => Ok(new as usize),
                    None => Err(Error::bug(format!("index {index} of an axis of {}", new.len()))),
                };
                if *in_order {
                    return picked.in_order(stored, slices, Keep::Of(kept), position);
                }
                let new = |index: usize| Ok(std::slice::from_ref(new.get(index).or_bug("an index beyond the axis")?));
                picked.sorted(stored, slices, self.len, Keep::Of(kept), new, |&new| new as usize)
            }
            Form::Multi { kept, slices: new_slices, new } => {
                let new = |index| values_of(new, new_slices.range(index)?);
                picked.sorted(stored, slices, self.len, Keep::Of(kept), new, |&new| new)
            }
            Form::Sorted(pairs) => {
                let new = |index| Ok(pairs_of(pairs, index));
                picked.sorted(stored, slices, self.len, Keep::Pairs(pairs), new, |&(_, new)| new)
            }
        }
    }
}

impl<I> Default for Picked<I> {
    fn default() -> Self {
        Self { entries: Entries::default(), lengths: Vec::new(), scratch: Scratch::default() }
    }
}

impl<I> Default for Scratch<I> {
    fn default() -> Self {
        Self { kept: Entries::default(), pairs: Vec::new(), marks: Marks::default() }
    }
}

impl<I: Index> Picked<I> {
    fn clear(&mut self) {
        self.entries.clear();
        self.lengths.clear();
    }

    /// The kept values of major slices in their order.
    fn in_order(
        &mut self,
        stored: &Stored<'_, I>,
        slices: impl Iterator<Item = Range<usize>>,
        keep: Keep<'_>,
        position: impl Fn(usize) -> Result<usize>,
    ) -> Result<()> {
        for slice in slices {
            let before = self.entries.len();
            stored.append_kept(keep, slice, &mut self.entries)?;
            self.lengths.push(self.entries.len() - before);
        }
        for index in self.entries.indices_mut()? {
            *index = I::from_usize(position(index.to_usize())?);
        }
        Ok(())
    }

    /// The kept values of major slices at the new positions of each old one, all below `width`; those of a major slice are
    /// sorted where the old indices were.
    fn sorted<'a, P: 'a>(
        &mut self,
        stored: &Stored<'_, I>,
        slices: impl Iterator<Item = Range<usize>>,
        width: usize,
        keep: Keep<'_>,
        new: impl Fn(usize) -> Result<&'a [P]>,
        position: impl Fn(&P) -> usize,
    ) -> Result<()> {
        let Scratch { kept, pairs, marks } = &mut self.scratch;
        let words = width.div_ceil(BITS);
        for slice in slices {
            kept.clear();
            stored.append_kept(keep, slice, kept)?;
            let indices = kept.indices()?;
            pairs.clear();
            // Looking at a bit of every position is far cheaper than comparing, unless few of them are set. An index that is stored twice
            // would need two.
            let mark = words <= indices.len().saturating_mul(8) && indices.is_sorted_by(|a, b| a < b);
            if mark {
                marks.cover(width);
                for index in indices {
                    new(index.to_usize())?.iter().try_for_each(|new| marks.set(position(new)))?;
                }
                pairs.resize(marks.count(), (0, 0));
            }
            for (at, index) in indices.iter().enumerate() {
                let mut new = new(index.to_usize())?.iter().map(&position);
                if mark {
                    new.try_for_each(|new| {
                        let pair = pairs.get_mut(marks.before(new)?);
                        *pair.or_bug("more positions than were marked")? = (new, at);
                        Ok::<_, Error>(())
                    })?;
                } else {
                    pairs.extend(new.map(|new| (new, at)));
                }
            }
            if mark {
                marks.clear();
            } else if indices.is_sorted() {
                pairs.sort_unstable();
            }
            let values = kept.values(stored.size)?;
            self.entries.append(pairs, |(_, at)| at, |(new, _)| Ok(I::from_usize(new)), values, stored.size)?;
            self.lengths.push(pairs.len());
        }
        Ok(())
    }
}

impl<I: Index> Stored<'_, I> {
    /// Appends what is kept of a major slice.
    fn append_kept(&self, keep: Keep<'_>, slice: Range<usize>, to: &mut Entries<I>) -> Result<()> {
        let indices = values_of(self.indices, slice.clone())?;
        let values = values_of(self.values, slice.start * self.size..slice.end * self.size)?;
        to.append_kept(keep, indices, values, self.size)
    }
}

/// New positions that a major slice has; none between major slices. Where each belongs among them is how many are before it: to count
/// bits takes half the time of looking for one after the other.
#[derive(Default)]
struct Marks {
    /// A bit for each position, and how many are before the first of a word.
    words: Vec<(u64, usize)>,
}

impl Marks {
    /// Makes room for positions below `width`.
    fn cover(&mut self, width: usize) {
        self.words.resize(width.div_ceil(BITS), (0, 0));
    }

    fn set(&mut self, new: usize) -> Result<()> {
        let (word, _) = self.words.get_mut(new / BITS).or_bug("a new position beyond the axis")?;
        *word |= 1 << (new % BITS);
        Ok(())
    }

    /// How many positions there are, counted once all are set.
    fn count(&mut self) -> usize {
        let mut count = 0;
        for (word, before) in &mut self.words {
            *before = count;
            count += word.count_ones() as usize;
        }
        count
    }

    /// How many of the positions that were counted are before one.
    fn before(&self, new: usize) -> Result<usize> {
        let (word, before) = self.words.get(new / BITS).or_bug("a new position beyond the axis")?;
        Ok(before + (word & ((1 << (new % BITS)) - 1)).count_ones() as usize)
    }

    fn clear(&mut self) {
        self.words.fill((0, 0));
    }
}
