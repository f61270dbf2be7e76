//! Which stored values are kept: told by their indices, and taken without a branch that depends on them.
//!
//! With AVX-512, 32-bit indices and their 4- or 8-byte values are looked up and moved sixteen at a time. Whether an index is kept is
//! then a bit of a set that fits the nearest cache: flags of a byte take twice as long.

use anndata_storage::{OrBug, Result};

use super::super::buffers::{Index, filled, gather};
use super::values_of;

#[cfg(target_arch = "x86_64")]
mod lanes;

/// How many values are looked up before those that are kept are moved: what there is room for beside those.
const BATCH: usize = 1 << 12;

/// Positions of an axis.
pub(super) struct Positions {
    flags: Vec<bool>,
    /// The same as bits, where these are looked at.
    words: Vec<u32>,
}

impl Positions {
    /// No positions of an axis of a length.
    pub(super) fn none(len: usize) -> Result<Self> {
        let words = if has_lanes() { len.div_ceil(32) } else { 0 };
        Ok(Self { flags: filled(len, false)?, words: filled(words, 0)? })
    }

    /// Adds a position; returns whether it was not there.
    pub(super) fn insert(&mut self, position: usize) -> Result<bool> {
        let flag = self.flags.get_mut(position).or_bug("a position beyond the axis")?;
        if let Some(word) = self.words.get_mut(position / 32) {
            *word |= 1 << (position % 32);
        }
        Ok(!std::mem::replace(flag, true))
    }

    pub(super) fn contains(&self, position: usize) -> Option<bool> {
        self.flags.get(position).copied()
    }
}

/// Which indices are kept.
#[derive(Clone, Copy)]
pub(super) enum Keep<'a> {
    /// So many from the first on.
    Range(usize, usize),
    Of(&'a Positions),
    /// The first of each pair; they are sorted.
    Pairs(&'a [(usize, usize)]),
}

/// Whether the processor has the lanes that bits are for.
fn has_lanes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return lanes::are_there();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Indices with the bytes of their values. The memory is used again.
pub(super) struct Entries<I> {
    indices: Vec<I>,
    values: Vec<u8>,
    len: usize,
    /// The places of the values that are kept.
    places: Vec<usize>,
}

impl<I> Default for Entries<I> {
    fn default() -> Self {
        Self { indices: Vec::new(), values: Vec::new(), len: 0, places: Vec::new() }
    }
}

impl<I: Index> Entries<I> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn indices(&self) -> Result<&[I]> {
        values_of(&self.indices, 0..self.len)
    }

    pub(super) fn indices_mut(&mut self) -> Result<&mut [I]> {
        self.indices.get_mut(..self.len).or_bug("fewer indices than were kept")
    }

    /// The bytes of the values, which are of `size` bytes.
    pub(super) fn values(&self, size: usize) -> Result<&[u8]> {
        values_of(&self.values, 0..self.len * size)
    }

    /// Appends what is kept of some values of `size` bytes, in their order.
    pub(super) fn append_kept(&mut self, keep: Keep<'_>, indices: &[I], values: &[u8], size: usize) -> Result<()> {
        let mut places = std::mem::take(&mut self.places);
        for (indices, values) in indices.chunks(BATCH).zip(values.chunks(BATCH * size)) {
            if self.append_lanes(keep, indices, values, size)? {
                continue;
            }
            let found = find(keep, indices, &mut places)?;
            let index = |at: usize| indices.get(at).copied().or_bug("a place beyond the indices");
            self.append(values_of(&places, 0..found)?, |at| at, index, values, size)?;
        }
        self.places = places;
        Ok(())
    }

    /// Appends what is kept of some values; false where the processor has no lanes for such.
    #[cfg(target_arch = "x86_64")]
    fn append_lanes(&mut self, keep: Keep<'_>, indices: &[I], values: &[u8], size: usize) -> Result<bool> {
        let Some(kept) = lanes::Kept::new(keep, size_of::<I>(), size) else { return Ok(false) };
        let (to_indices, to_values) = self.free(indices.len().next_multiple_of(lanes::LANES), size)?;
        self.len += kept.take(indices, values, to_indices, to_values).or_bug("an index beyond the axis")?;
        Ok(true)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn append_lanes(&mut self, _: Keep<'_>, _: &[I], _: &[u8], _: usize) -> Result<bool> {
        Ok(false)
    }

    /// Appends an index for each of some places, and the value of `size` bytes that is there.
    pub(super) fn append<P: Copy>(
        &mut self,
        places: &[P],
        place: impl Fn(P) -> usize,
        index: impl Fn(P) -> Result<I>,
        values: &[u8],
        size: usize,
    ) -> Result<()> {
        let (to_indices, to_values) = self.free(places.len(), size)?;
        for (to, &at) in to_indices.iter_mut().zip(places) {
            *to = index(at)?;
        }
        gather(values, places, place, to_values, size)?;
        self.len += places.len();
        Ok(())
    }

    /// Memory for more entries behind those that are there.
    fn free(&mut self, more: usize, size: usize) -> Result<(&mut [I], &mut [u8])> {
        let end = self.len + more;
        if self.indices.len() < end || self.values.len() < end * size {
            self.indices.resize(end.max(self.indices.len()), I::zeroed());
            self.values.resize((end * size).max(self.values.len()), 0);
        }
        let indices = self.indices.get_mut(self.len..end).or_bug("indices that are not there")?;
        Ok((indices, self.values.get_mut(self.len * size..end * size).or_bug("values that are not there")?))
    }
}

/// Puts the places of the indices that are kept to the front of `places`; gives how many there are.
fn find<I: Index>(keep: Keep<'_>, indices: &[I], places: &mut Vec<usize>) -> Result<usize> {
    if places.len() < indices.len() {
        places.resize(indices.len(), 0);
    }
    let found = match keep {
        Keep::Range(start, len) => scan(indices, move |index| Some(index.wrapping_sub(start) < len), places),
        Keep::Of(positions) => {
            let flags = positions.flags.as_slice();
            scan(indices, move |index| flags.get(index).copied(), places)
        }
        Keep::Pairs(pairs) => scan(indices, move |index| Some(!pairs_of(pairs, index).is_empty()), places),
    };
    found.or_bug("an index beyond the axis")
}

/// Finds by a function. Out of line and with what `keep` captures by value: in the midst of its callers the loop has too few
/// registers.
#[inline(never)]
fn scan<I: Index>(indices: &[I], keep: impl Fn(usize) -> Option<bool>, free: &mut [usize]) -> Option<usize> {
    let mut found = 0;
    for (at, index) in indices.iter().enumerate() {
        *free.get_mut(found)? = at;
        found += usize::from(keep(index.to_usize())?);
    }
    Some(found)
}

/// The pairs of an old position.
pub(super) fn pairs_of(pairs: &[(usize, usize)], position: usize) -> &[(usize, usize)] {
    let (_, rest) = pairs.split_at(pairs.partition_point(|&(old, _)| old < position));
    rest.split_at(rest.partition_point(|&(old, _)| old == position)).0
}
