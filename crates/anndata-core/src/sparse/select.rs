//! Rows and columns of a sparse matrix, in any order and with repeats.
//!
//! The compressed axis is a gather of lanes: their lengths give the new offsets, then whole runs of lanes are copied.
//! The other axis is a filter: each stored index is looked up once, which leaves a bit a value; the bits give the new
//! offsets, and the values at them are copied. Both axes together are one such pass over the selected lanes. All of it
//! runs on all cores.

use std::ops::Range;

use anndata_storage::{Axis, DType, Error, Result, Tensor};
use rayon::prelude::*;

use super::lanes::{Index, Part, blocks, by_width, fill, filled, gather, largest, offsets_of, offsets_tensor, plain};
use super::{SparseFormat, SparseMatrix};

/// Words of bits that are copied at a time, so that the places of their values stay in the nearest cache.
const WORDS: usize = 64;

/// The bits of a word.
const BITS: usize = u64::BITS as usize;

/// An axis is mapped densely up to this length, whatever is stored.
const DENSE_AXIS: usize = 1 << 20;

impl SparseMatrix {
    /// The selected rows and columns, in the order given, repeats allowed.
    ///
    /// Format and dtypes stay. Only where the result has more values, or longer lanes, than the dtype of `indptr` or of
    /// `indices` can count, that dtype becomes wider. What is taken of a row (CSR) or column (CSC) comes out with
    /// sorted indices where its indices were sorted, whatever the order of the selection; otherwise its order stays.
    /// A range along the compressed axis shares the values with the whole matrix.
    ///
    /// ```
    /// use anndata_core::{Axis, SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 3], vec![1, 0, 2, 0, 3, 0])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// let part = matrix.select(&Axis::Range(0..2), &Axis::from(vec![2, 0, 2]))?;
    /// assert_eq!(part.to_dense()?.as_slice::<i32>()?, [2, 1, 2, 0, 0, 0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) where a position is out of bounds;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) where the result does not fit into memory.
    pub fn select(&self, rows: &Axis, columns: &Axis) -> Result<Self> {
        let ((n, p), format) = (self.shape, self.format);
        check("row", rows, n)?;
        check("column", columns, p)?;
        let (lanes, minor) = match format {
            SparseFormat::Csr => (rows, columns),
            SparseFormat::Csc => (columns, rows),
        };
        if is_whole(minor, self.axes().1) {
            return self.select_lanes(lanes);
        }
        let places = Places::new(minor, self.axes().1, self.nnz())?;
        let indices = if places.largest() > largest(self.indices.dtype()) {
            self.indices.cast(&DType::I64)?
        } else {
            self.indices.clone()
        };
        let offsets = self.offsets()?;
        let lanes = Lanes::new(lanes, &offsets)?;
        let (data, size) = (self.data.as_bytes().unwrap_or_default(), self.data.dtype().size().unwrap_or(1));
        by_width!(indices.dtype(), I => {
            let old = plain::<I>(&indices)?;
            let work = offsets_of((0..lanes.count).map(|lane| lanes.range(lane).len()))?;
            let blocks = blocks(lanes.count, |lane| work.get(lane + 1).copied().unwrap_or(0));
            let kept: Vec<Kept> = blocks.par_iter().map(|block| {
                let mut kept = Kept::default();
                for lane in block.clone() {
                    let len = places.mark(old.get(lanes.range(lane)).unwrap_or_default(), &mut kept.bits);
                    kept.lengths.push(len);
                }
                kept
            }).collect();
            let new_offsets = offsets_of(kept.iter().flat_map(|kept| kept.lengths.iter().copied()))?;
            let (new_indices, new_data) = fill::<I, _>(&new_offsets, blocks, size, |scratch: &mut Scratch, number, mut part| {
                let Some(Kept { bits, lengths }) = kept.get(number) else { return };
                let mut bits = bits.as_slice();
                for (lane, &len) in part.lanes.clone().zip(lengths) {
                    let range = lanes.range(lane);
                    let bits = bits.split_off(..range.len().div_ceil(BITS)).unwrap_or_default();
                    let values = data.get(range.start * size..range.end * size).unwrap_or_default();
                    let lane = Lane { indices: old.get(range).unwrap_or_default(), values, size, bits };
                    places.put(&lane, len, &mut part, scratch);
                }
            })?;
            self.rebuilt(indices.dtype(), (lanes.count, places.len), &new_offsets, new_indices.into(), new_data.into())
        })
    }

    /// The selected lanes, whole.
    fn select_lanes(&self, selection: &Axis) -> Result<Self> {
        if let Axis::Range(range) = selection {
            return self.slice_major(if range.is_empty() { 0..0 } else { to_usize(range.start)..to_usize(range.end) });
        }
        let offsets = self.offsets()?;
        let lanes = Lanes::new(selection, &offsets)?;
        let new_offsets = offsets_of((0..lanes.count).map(|lane| lanes.range(lane).len()))?;
        let blocks = blocks(lanes.count, |lane| new_offsets.get(lane + 1).copied().unwrap_or(0));
        let (data, size) = (self.data.as_bytes().unwrap_or_default(), self.data.dtype().size().unwrap_or(1));
        by_width!(self.indices.dtype(), I => {
            let old = plain::<I>(&self.indices)?;
            let (indices, data) = fill::<I, _>(&new_offsets, blocks, size, |(): &mut (), _, mut part| {
                let mut lane = part.lanes.start;
                while lane < part.lanes.end {
                    // Lanes that follow each other are one copy.
                    let mut run = lanes.range(lane);
                    lane += 1;
                    while lane < part.lanes.end && lanes.range(lane).start == run.end {
                        run.end = lanes.range(lane).end;
                        lane += 1;
                    }
                    let (to_indices, to_data) = part.next(run.len(), size);
                    to_data.copy_from_slice(data.get(run.start * size..run.end * size).unwrap_or_default());
                    to_indices.copy_from_slice(old.get(run).unwrap_or_default());
                }
            })?;
            self.rebuilt(self.indices.dtype(), (lanes.count, self.axes().1), &new_offsets, indices.into(), data.into())
        })
    }

    /// A matrix of the same format and dtypes with other lanes.
    fn rebuilt(
        &self,
        index_dtype: &DType,
        (major, minor): (usize, usize),
        offsets: &[usize],
        indices: arrow_buffer::Buffer,
        data: arrow_buffer::Buffer,
    ) -> Result<Self> {
        let nnz = offsets.last().copied().unwrap_or(0);
        Ok(Self {
            format: self.format,
            shape: match self.format {
                SparseFormat::Csr => (major, minor),
                SparseFormat::Csc => (minor, major),
            },
            data: Tensor::new(self.data.dtype().clone(), [nnz], data)?,
            indices: Tensor::new(index_dtype.clone(), [nnz], indices)?,
            indptr: offsets_tensor(offsets, self.indptr.dtype())?,
        })
    }
}

/// Selected lanes of a matrix.
struct Lanes<'a> {
    selection: &'a Axis,
    offsets: &'a [usize],
    count: usize,
}

impl<'a> Lanes<'a> {
    fn new(selection: &'a Axis, offsets: &'a [usize]) -> Result<Self> {
        let count = usize::try_from(selection.len()).map_err(|_| Error::limit_exceeded("the selection is too long"))?;
        Ok(Self { selection, offsets, count })
    }

    /// Where the values of a selected lane are.
    fn range(&self, lane: usize) -> Range<usize> {
        let lane = match self.selection {
            Axis::Range(range) => to_usize(range.start) + lane,
            Axis::Indices(indices) => indices.get(lane).map_or(usize::MAX - 1, |&lane| to_usize(lane)),
        };
        match (self.offsets.get(lane), self.offsets.get(lane + 1)) {
            (Some(&start), Some(&end)) => start..end,
            _ => 0..0,
        }
    }
}

/// What is kept of the lanes of a block.
#[derive(Default)]
struct Kept {
    /// A bit a value, whole words a lane.
    bits: Vec<u64>,
    /// How many values each lane has in the result.
    lengths: Vec<usize>,
}

/// The stored values of one lane, and which of them are kept.
struct Lane<'a, I> {
    indices: &'a [I],
    values: &'a [u8],
    size: usize,
    bits: &'a [u64],
}

/// Where the positions of the axis that is not compressed go.
struct Places {
    /// The length of the new axis.
    len: usize,
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
struct Scratch {
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
    fn new(selection: &Axis, minor: usize, nnz: usize) -> Result<Self> {
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
    fn largest(&self) -> usize {
        match self.kind {
            Kind::Window(_) | Kind::Once { in_order: true, .. } => 0,
            _ => self.len.saturating_sub(1),
        }
    }

    /// Appends a bit for each value of a lane: whether it is kept. Gives how many values that makes in the result.
    fn mark<I: Index>(&self, lane: &[I], bits: &mut Vec<u64>) -> usize {
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
    fn put<I: Index>(&self, lane: &Lane<'_, I>, len: usize, part: &mut Part<'_, I>, scratch: &mut Scratch) {
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
        for (number, &word) in (0_u16..).zip(words) {
            let mut rest = word;
            while rest != 0 {
                #[expect(clippy::cast_possible_truncation, reason = "at most 63")]
                let at = rest.trailing_zeros() as u16;
                if let Some(place) = scratch.places.get_mut(found) {
                    *place = number * BITS as u16 + at;
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

fn check(what: &str, selection: &Axis, len: usize) -> Result<()> {
    let end = selection.end();
    if end > len as u64 {
        return Err(Error::invalid_input(format!("{what} {} is out of bounds of {len}", end - 1)));
    }
    Ok(())
}

/// Whether all positions are selected as they are.
fn is_whole(selection: &Axis, len: usize) -> bool {
    *selection == Axis::Range(0..len as u64)
}

/// A position that was checked against the length of an axis in memory.
fn to_usize(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
