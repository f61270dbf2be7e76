//! Where positions of the axis that is not compressed go: a map that is looked up for each stored value.

use std::ops::Range;

use anndata_storage::{Axis, Result};

use super::super::lanes::{Index, Part, filled, gather, offsets_of};
use super::to_usize;

/// Words of bits that are copied at a time, so that the places of their values stay in the nearest cache.
const WORDS: usize = 64;

/// The bits of a word.
const BITS: usize = u64::BITS as usize;

/// An axis is mapped densely up to this length, whatever is stored.
const DENSE_AXIS: usize = 1 << 20;

/// The stored values of one lane, and which of them are kept.
pub(super) struct Lane<'a, I> {
    pub(super) indices: &'a [I],
    pub(super) values: &'a [u8],
    pub(super) size: usize,
    pub(super) bits: &'a [u64],
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

/// What a task reuses from lane to lane.
#[derive(Default)]
pub(super) struct Scratch {
    /// Places within some words of a lane.
    places: Vec<u16>,
    /// New position, and place within the lane.
    pairs: Vec<(usize, usize)>,
    /// Whether the old indices of the pairs are in order.
    in_order: bool,
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

    /// Appends a bit for each value of a lane: whether it is kept. Gives how many values that makes in the result.
    pub(super) fn mark<I: Index>(&self, lane: &[I], bits: &mut Vec<u64>) -> usize {
        let first = bits.len();
        match &self.kind {
            Kind::Window(start) => mark(lane, bits, |index| index.wrapping_sub(*start) < self.len),
            Kind::Once { kept, .. } | Kind::Any { kept, .. } => {
                mark(lane, bits, |index| kept.get(index).copied().unwrap_or(false));
            }
            Kind::Far(pairs) => mark(lane, bits, |index| !pairs_of(pairs, index).is_empty()),
        }
        let bits = bits.get(first..).unwrap_or_default();
        let kept = || set_bits(bits).filter_map(|at| lane.get(at)).map(|index| index.to_usize());
        match &self.kind {
            Kind::Any { starts, .. } => kept().map(|index| run(starts, index).len()).sum(),
            Kind::Far(pairs) => kept().map(|index| pairs_of(pairs, index).len()).sum(),
            Kind::Window(_) | Kind::Once { .. } => bits.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }

    /// Puts what is kept of a lane, `len` values in the result, into the next places of a part.
    pub(super) fn put<I: Index>(&self, lane: &Lane<'_, I>, len: usize, part: &mut Part<'_, I>, scratch: &mut Scratch) {
        match &self.kind {
            Kind::Window(start) => put_in_order(lane, part, scratch, |index| index.wrapping_sub(*start)),
            Kind::Once { new, in_order, .. } => {
                let place = |index: usize| new.get(index).map_or(0, |&new| new as usize);
                if *in_order {
                    put_in_order(lane, part, scratch, place);
                } else {
                    scratch.collect(lane, |index, at, pairs| pairs.push((place(index), at)));
                    put_pairs(lane, len, self.len, part, scratch);
                }
            }
            Kind::Any { starts, new, .. } => {
                scratch.collect(lane, |index, at, pairs| {
                    let new = new.get(run(starts, index)).unwrap_or_default();
                    pairs.extend(new.iter().map(|&new| (new, at)));
                });
                put_pairs(lane, len, self.len, part, scratch);
            }
            Kind::Far(pairs) => {
                scratch.collect(lane, |index, at, to| {
                    to.extend(pairs_of(pairs, index).iter().map(|&(_, new)| (new, at)));
                });
                put_pairs(lane, len, self.len, part, scratch);
            }
        }
    }
}

/// Appends a bit a value, the first in the lowest place, without a branch that depends on the values.
fn mark<I: Index>(lane: &[I], bits: &mut Vec<u64>, keep: impl Fn(usize) -> bool) {
    let (whole, rest) = lane.as_chunks::<BITS>();
    bits.extend(whole.iter().map(|indices| {
        // Bytes first, which are made several at a time, and then their lowest bits.
        let mut kept = [0_u8; BITS];
        for (kept, index) in kept.iter_mut().zip(indices) {
            *kept = u8::from(keep(index.to_usize()));
        }
        kept.as_chunks::<8>().0.iter().rev().fold(0, |word, &bytes| (word << 8) | low_bits(bytes))
    }));
    if !rest.is_empty() {
        let bit = |(at, index): (usize, &I)| u64::from(keep(index.to_usize())) << at;
        bits.push(rest.iter().enumerate().map(bit).fold(0, |word, bit| word | bit));
    }
}

/// The lowest bit of each of eight bytes that are 0 or 1: the product puts bit `i` of the bytes at place `56 + i`.
fn low_bits(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The places of the bits that are set, in order.
fn set_bits(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(number, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let at = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            (at < BITS).then_some(number * BITS + at)
        })
    })
}

/// The kept values of a lane in their order.
fn put_in_order<I: Index>(
    lane: &Lane<'_, I>,
    part: &mut Part<'_, I>,
    scratch: &mut Scratch,
    place: impl Fn(usize) -> usize,
) {
    scratch.places.resize(WORDS * BITS, 0);
    let pieces = lane.indices.chunks(WORDS * BITS).zip(lane.values.chunks(WORDS * BITS * lane.size));
    for (words, (indices, values)) in lane.bits.chunks(WORDS).zip(pieces) {
        let mut found = 0;
        for (first, &word) in (0_u16..).step_by(BITS).zip(words) {
            let mut rest = word;
            while rest != 0 {
                #[expect(clippy::cast_possible_truncation, reason = "at most 63")]
                let at = rest.trailing_zeros() as u16;
                if let Some(place) = scratch.places.get_mut(found) {
                    *place = first + at;
                }
                rest &= rest - 1;
                found += 1;
            }
        }
        let places = scratch.places.get(..found).unwrap_or_default();
        let (to_indices, to_values) = part.next(found, lane.size);
        for (to, &at) in to_indices.iter_mut().zip(places) {
            if let Some(index) = indices.get(usize::from(at)) {
                *to = I::from_usize(place(index.to_usize()));
            }
        }
        gather(values, places, usize::from, to_values, lane.size);
    }
}

/// The values at the pairs of new index and place; sorted where the old indices were.
fn put_pairs<I: Index>(lane: &Lane<'_, I>, len: usize, width: usize, part: &mut Part<'_, I>, scratch: &mut Scratch) {
    if scratch.in_order {
        scratch.sort(width);
    }
    let (to_indices, to_values) = part.next(len, lane.size);
    for (to, &(new, _)) in to_indices.iter_mut().zip(&scratch.pairs) {
        *to = I::from_usize(new);
    }
    gather(lane.values, &scratch.pairs, |(_, at)| at, to_values, lane.size);
}

impl Scratch {
    /// Collects the pairs that `push` makes of old index and place, and finds whether the old indices are in order.
    fn collect<I: Index>(&mut self, lane: &Lane<'_, I>, push: impl Fn(usize, usize, &mut Vec<(usize, usize)>)) {
        self.pairs.clear();
        self.in_order = true;
        let mut last = 0;
        for (words, number) in lane.bits.iter().zip(0..) {
            let mut rest = *words;
            while rest != 0 {
                let at = number * BITS + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if let Some(index) = lane.indices.get(at).map(|index| index.to_usize()) {
                    push(index, at, &mut self.pairs);
                    self.in_order &= last <= index;
                    last = index;
                }
            }
        }
    }

    /// Sorts pairs whose new positions are below `width`.
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
