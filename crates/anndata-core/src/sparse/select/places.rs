//! Where positions of the axis that is not compressed go: a map that is looked up for each stored value.

use std::ops::Range;

use anndata_storage::{Axis, Result};
use rayon::prelude::*;

use super::super::lanes::{Index, filled, gather, offsets_of, prefetched};
use super::to_usize;

/// The bits of a word.
const BITS: usize = u64::BITS as usize;

/// An axis is mapped densely up to this length, whatever is stored.
const DENSE_AXIS: usize = 1 << 20;

/// Values of a lane that are looked up, and places that are collected, before what is at these is picked.
const BATCH: usize = 1 << 12;

/// What is stored of all lanes.
pub(super) struct Stored<'a, I> {
    pub(super) indices: &'a [I],
    pub(super) values: &'a [u8],
    pub(super) size: usize,
}

/// What is kept of the lanes of a block: new indices, bytes of the values, and the length of each lane. The memory is
/// used again for the next block.
pub(super) struct Picked<I> {
    pub(super) indices: Vec<I>,
    pub(super) values: Vec<u8>,
    pub(super) lengths: Vec<usize>,
    scratch: Scratch,
}

/// Where the positions of the axis that is not compressed go.
pub(super) struct Places {
    /// The length of the new axis.
    pub(super) len: usize,
    kind: Kind,
}

enum Kind {
    /// Consecutive positions from here on.
    Window(usize),
    /// Positions without repeats: which old ones are kept, what each of those becomes, and whether their order stays.
    Once { kept: Vec<bool>, new: Vec<u32>, in_order: bool },
    /// Positions with repeats: the new positions of old position `i` are `new[starts[i]..starts[i + 1]]`.
    Any { kept: Vec<bool>, starts: Vec<usize>, new: Vec<usize> },
    /// Any others on an axis far longer than what is stored: pairs of old and new position, sorted.
    Far(Vec<(usize, usize)>),
}

/// What is used again from lane to lane.
#[derive(Default)]
struct Scratch {
    /// Where values that are kept are stored.
    places: Vec<usize>,
    /// New position, and where the value is stored.
    pairs: Vec<(usize, usize)>,
    /// Which new positions a lane has, as bits; all unset between lanes.
    seen: Vec<u64>,
    /// The place of each of those.
    slots: Vec<usize>,
}

impl Places {
    /// The map of a checked selection on an axis of length `minor`, for a matrix of `nnz` values.
    pub(super) fn new(selection: &Axis, minor: usize, nnz: usize) -> Result<Self> {
        let indices = match selection {
            Axis::Range(range) => {
                let len = usize::try_from(selection.len()).unwrap_or(usize::MAX);
                return Ok(Self { len, kind: Kind::Window(to_usize(range.start)) });
            }
            Axis::Indices(indices) => indices,
        };
        let len = indices.len();
        let positions = || indices.iter().map(|&position| to_usize(position));
        // A shape is only declared: an axis may be far longer than what is stored, and than memory.
        if minor > DENSE_AXIS.max(nnz.saturating_add(len).saturating_mul(8)) {
            let mut pairs: Vec<(usize, usize)> = positions().zip(0..).collect();
            pairs.sort_unstable();
            return Ok(Self { len, kind: Kind::Far(pairs) });
        }
        let (mut kept, mut new) = (filled(minor, false)?, filled(minor, 0_u32)?);
        let mut once = u32::try_from(len).is_ok();
        for (position, to) in positions().zip(0..) {
            if let (Some(kept), Some(new)) = (kept.get_mut(position), new.get_mut(position)) {
                once &= !*kept;
                (*kept, *new) = (true, to);
            }
        }
        if once {
            return Ok(Self { len, kind: Kind::Once { kept, new, in_order: indices.is_sorted() } });
        }
        let mut counts = filled(minor, 0_usize)?;
        for position in positions() {
            if let Some(count) = counts.get_mut(position) {
                *count += 1;
            }
        }
        let starts = offsets_of(counts)?;
        let (mut ends, mut new) = (starts.clone(), filled(len, 0)?);
        for (position, to) in positions().zip(0..) {
            if let Some(end) = ends.get_mut(position) {
                if let Some(new) = new.get_mut(*end) {
                    *new = to;
                }
                *end += 1;
            }
        }
        Ok(Self { len, kind: Kind::Any { kept, starts, new } })
    }

    /// The largest index that can come out larger than it was; increasing ones never do.
    pub(super) fn largest(&self) -> usize {
        match self.kind {
            Kind::Window(_) | Kind::Once { in_order: true, .. } => 0,
            _ => self.len.saturating_sub(1),
        }
    }

    /// At least as many values as blocks of lanes, given where they are stored, have in the result; stored there are
    /// `total`.
    pub(super) fn most<I: Index, L: Iterator<Item = Range<usize>>>(
        &self,
        stored: &Stored<'_, I>,
        total: usize,
        blocks: impl ParallelIterator<Item = L>,
    ) -> usize {
        let sum = |times: &(dyn Fn(usize) -> usize + Sync)| {
            let indices = |lane| stored.indices.get::<Range<usize>>(lane).unwrap_or_default();
            let count =
                |lanes: L| lanes.flat_map(indices).map(|index| times(index.to_usize())).fold(0, usize::saturating_add);
            blocks.map(count).reduce(|| 0, usize::saturating_add)
        };
        match &self.kind {
            Kind::Window(_) | Kind::Once { .. } => total,
            Kind::Any { starts, .. } => sum(&|index| run(starts, index).len()),
            Kind::Far(pairs) => sum(&|index| pairs_of(pairs, index).len()),
        }
    }

    /// Picks what is kept of some lanes, given where they are stored.
    pub(super) fn pick<I: Index>(
        &self,
        stored: &Stored<'_, I>,
        lanes: impl Iterator<Item = Range<usize>> + Clone,
        picked: &mut Picked<I>,
    ) {
        picked.clear();
        let lanes = prefetched(stored.indices, lanes);
        let is_kept = |kept: &[bool], index: usize| kept.get(index).copied().unwrap_or(false);
        match &self.kind {
            Kind::Window(start) => {
                let place = |index: usize| index.wrapping_sub(*start);
                picked.in_order(stored, lanes, |index| place(index) < self.len, place);
            }
            Kind::Once { kept, new, in_order } => {
                let place = |index: usize| new.get(index).map_or(0, |&new| new as usize);
                if *in_order {
                    picked.in_order(stored, lanes, |index| is_kept(kept, index), place);
                } else {
                    let push = |index, at, pairs: &mut Vec<_>| pairs.push((place(index), at));
                    picked.sorted(stored, lanes, self.len, |index| is_kept(kept, index), push);
                }
            }
            Kind::Any { kept, starts, new } => {
                let push = |index, at, pairs: &mut Vec<_>| {
                    let new = new.get(run(starts, index)).unwrap_or_default();
                    pairs.extend(new.iter().map(|&new| (new, at)));
                };
                picked.sorted(stored, lanes, self.len, |index| is_kept(kept, index), push);
            }
            Kind::Far(pairs) => {
                let push = |index, at, to: &mut Vec<_>| {
                    to.extend(pairs_of(pairs, index).iter().map(|&(_, new)| (new, at)));
                };
                picked.sorted(stored, lanes, self.len, |index| !pairs_of(pairs, index).is_empty(), push);
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

    /// The kept values of lanes in their order.
    fn in_order(
        &mut self,
        stored: &Stored<'_, I>,
        lanes: impl Iterator<Item = Range<usize>>,
        keep: impl Fn(usize) -> bool,
        place: impl Fn(usize) -> usize,
    ) {
        let index = |at: usize| stored.indices.get(at).map_or(0, |index| place(index.to_usize()));
        let mut places = std::mem::take(&mut self.scratch.places);
        let mut found = 0;
        for lane in lanes {
            let mut len = 0;
            for start in lane.clone().step_by(BATCH) {
                let new = find(stored, start..lane.end.min(start + BATCH), &keep, &mut places, found);
                len += new;
                found += new;
                // Lanes may be short: places are collected over some of them.
                if found >= BATCH {
                    self.append(stored, places.get(..found).unwrap_or_default(), |at| at, index);
                    found = 0;
                }
            }
            self.lengths.push(len);
        }
        self.append(stored, places.get(..found).unwrap_or_default(), |at| at, index);
        self.scratch.places = places;
    }

    /// The kept values of lanes at the pairs that `push` makes of old index and place; those of a lane are sorted where
    /// the old indices were. New positions are below `width`.
    fn sorted(
        &mut self,
        stored: &Stored<'_, I>,
        lanes: impl Iterator<Item = Range<usize>>,
        width: usize,
        keep: impl Fn(usize) -> bool,
        push: impl Fn(usize, usize, &mut Vec<(usize, usize)>),
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for lane in lanes {
            let found = find(stored, lane, &keep, &mut scratch.places, 0);
            let (mut in_order, mut last) = (true, 0);
            scratch.pairs.clear();
            for &at in scratch.places.get(..found).unwrap_or_default() {
                let index = stored.indices.get(at).map_or(0, |index| index.to_usize());
                push(index, at, &mut scratch.pairs);
                in_order &= last <= index;
                last = index;
            }
            if in_order {
                scratch.sort(width);
            }
            self.append(stored, &scratch.pairs, |(_, at)| at, |(new, _)| new);
            self.lengths.push(scratch.pairs.len());
        }
        self.scratch = scratch;
    }

    /// Appends what is stored at some places, under new indices.
    fn append<P: Copy>(
        &mut self,
        stored: &Stored<'_, I>,
        places: &[P],
        place: impl Fn(P) -> usize,
        index: impl Fn(P) -> usize,
    ) {
        self.indices.extend(places.iter().map(|&at| I::from_usize(index(at))));
        let before = self.values.len();
        self.values.resize(before + places.len() * stored.size, 0);
        gather(stored.values, places, place, self.values.get_mut(before..).unwrap_or_default(), stored.size);
    }
}

/// Finds the values to keep among some stored ones, without a branch that depends on them. Their places go behind the
/// first `found` of `places`; gives how many there are.
fn find<I: Index>(
    stored: &Stored<'_, I>,
    values: Range<usize>,
    keep: impl Fn(usize) -> bool,
    places: &mut Vec<usize>,
    found: usize,
) -> usize {
    let end = found + values.len();
    if places.len() < end {
        places.resize(end, 0);
    }
    let free = places.get_mut(found..end).unwrap_or_default();
    let mut found = 0;
    for (index, at) in stored.indices.get(values.clone()).unwrap_or_default().iter().zip(values) {
        if let Some(place) = free.get_mut(found) {
            *place = at;
        }
        found += usize::from(keep(index.to_usize()));
    }
    found
}

impl Scratch {
    /// Sorts the pairs, whose new positions are below `width`.
    fn sort(&mut self, width: usize) {
        let words = width.div_ceil(BITS);
        // Looking at a bit of every position is far cheaper than comparing, unless few of them are set.
        if words > self.pairs.len().saturating_mul(8) {
            self.pairs.sort_unstable();
            return;
        }
        self.seen.resize(words, 0);
        self.slots.resize(width, 0);
        let mut repeated = false;
        for &(new, at) in &self.pairs {
            if let (Some(word), Some(slot)) = (self.seen.get_mut(new / BITS), self.slots.get_mut(new)) {
                let bit = 1 << (new % BITS);
                repeated |= *word & bit != 0;
                *word |= bit;
                *slot = at;
            }
        }
        if repeated {
            // An index was stored twice.
            self.pairs.sort_unstable();
            self.seen.fill(0);
            return;
        }
        let mut pairs = self.pairs.iter_mut();
        for (number, word) in self.seen.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                let new = number * BITS + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if let (Some(pair), Some(&at)) = (pairs.next(), self.slots.get(new)) {
                    *pair = (new, at);
                }
            }
        }
    }
}

/// The new positions of an old one.
fn run(starts: &[usize], position: usize) -> Range<usize> {
    match starts.get(position..).unwrap_or_default() {
        [start, end, ..] => *start..*end,
        _ => 0..0,
    }
}

/// The pairs of an old position.
fn pairs_of(pairs: &[(usize, usize)], position: usize) -> &[(usize, usize)] {
    let start = pairs.partition_point(|&(old, _)| old < position);
    let rest = pairs.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|&(old, _)| old == position)).unwrap_or_default()
}
