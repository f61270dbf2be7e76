//! [`Base`]: positions in units, the units in some order.

use std::ops::Range;
use std::sync::Arc;

use anndata_core::{Result, Scalar};
use anndata_storage::{Error, OrBug};
use rayon::prelude::*;

use crate::random::{Key, Permutation};

/// Consecutive positions that are read together.
#[derive(Debug, Clone)]
pub(super) enum Units {
    /// Of equal length, but for the last.
    Equal(u64),
    /// Where each ends.
    Ends(Arc<[u64]>),
}

impl Units {
    pub(super) fn count(&self, len: u64) -> u64 {
        match self {
            Self::Equal(each) => len.div_ceil((*each).max(1)),
            Self::Ends(ends) => ends.len() as u64,
        }
    }

    fn range(&self, unit: u64, len: u64) -> Range<u64> {
        match self {
            Self::Equal(each) => unit.saturating_mul(*each).min(len)..(unit + 1).saturating_mul(*each).min(len),
            Self::Ends(ends) => {
                let end = |unit: usize| ends.get(unit).copied().unwrap_or(len);
                // Fallback: a unit beyond memory is beyond all ends, and its range is empty.
                let unit = usize::try_from(unit).unwrap_or(usize::MAX);
                unit.checked_sub(1).map_or(0, end)..end(unit)
            }
        }
    }

    /// The end of the unit that has a position.
    pub(super) fn end_of(&self, position: u64, len: u64) -> u64 {
        match self {
            Self::Equal(each) => (position / (*each).max(1) + 1).saturating_mul(*each).min(len),
            Self::Ends(ends) => ends.get(ends.partition_point(|&end| end <= position)).copied().unwrap_or(len),
        }
    }
}

/// Positions in the order in which they are read.
#[derive(Debug, Clone)]
pub(super) enum Base {
    /// All, in order.
    Whole,
    Slots(Arc<Slots>),
}

/// Units in some order.
#[derive(Debug)]
pub(super) struct Slots {
    /// The number of positions that there are.
    positions: u64,
    units: Units,
    permutation: Option<Permutation>,
    starts: Starts,
    copies: Option<Copies>,
}

/// Where the positions of each unit begin.
#[derive(Debug)]
enum Starts {
    /// Units of equal length, of which the one in this slot has another.
    Equal { each: u64, short: u64, len: u64 },
    /// Where each slot ends.
    Ends(Vec<u64>),
}

/// How often positions come.
#[derive(Debug)]
pub(super) struct Copies {
    pub(super) weights: Arc<[f32]>,
    pub(super) key: Key,
}

impl Base {
    /// Whether the units are in another order.
    pub(super) fn is_shuffled(&self) -> bool {
        matches!(self, Self::Slots(slots) if slots.permutation.is_some())
    }

    pub(super) fn extend(&self, range: Range<u64>, out: &mut Vec<u64>) -> Result<()> {
        match self {
            Self::Whole => out.extend(range),
            Self::Slots(slots) => return slots.extend(range, out),
        }
        Ok(())
    }
}

impl Slots {
    /// The units of positions, and how many positions come.
    pub(super) fn base(
        positions: u64,
        units: Units,
        permutation: Option<Permutation>,
        copies: Option<Copies>,
    ) -> Result<(Base, u64)> {
        let count = units.count(positions);
        let unit = |slot: u64| permutation.map_or(slot, |permutation| permutation.apply(slot));
        let (starts, len) = if let (Units::Equal(each), None) = (&units, &copies) {
            let last = count.saturating_sub(1);
            let short = permutation.map_or(last, |permutation| permutation.invert(last));
            let range = units.range(last, positions);
            (Starts::Equal { each: *each, short, len: range.end - range.start }, positions)
        } else {
            let len = |slot: u64| {
                let range = units.range(unit(slot), positions);
                copies.as_ref().map_or(Ok(range.end - range.start), |copies| copies.count(range))
            };
            let mut ends = (0..count).into_par_iter().map(len).collect::<Result<Vec<u64>>>()?;
            let mut total = 0_u64;
            for end in &mut ends {
                total = total.checked_add(*end).ok_or_else(too_many)?;
                *end = total;
            }
            (Starts::Ends(ends), total)
        };
        Ok((Base::Slots(Arc::new(Self { positions, units, permutation, starts, copies })), len))
    }

    fn extend(&self, range: Range<u64>, out: &mut Vec<u64>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let (mut slot, start) = self.starts.slot_of(range.start);
        let (mut skip, mut left) = (range.start - start, range.end - range.start);
        while left > 0 {
            let unit = self.permutation.map_or(slot, |permutation| permutation.apply(slot));
            let positions = self.units.range(unit, self.positions);
            let before = out.len();
            let (from, most) = (usize::try_from(skip), usize::try_from(left));
            let (from, most) = (from.ok().or_bug("a unit beyond memory")?, most.ok().or_bug("a window beyond memory")?);
            match &self.copies {
                None => out.extend(
                    (positions.start + skip).min(positions.end)..positions.end.min(positions.start + skip + left),
                ),
                Some(copies) => {
                    let all = positions.flat_map(|position| {
                        // Fallback: so many copies are never all taken.
                        std::iter::repeat_n(position, usize::try_from(copies.of(position)).unwrap_or(usize::MAX))
                    });
                    out.extend(all.skip(from).take(most));
                }
            }
            left -= (out.len() - before) as u64;
            (slot, skip) = (slot + 1, 0);
            if slot > self.units.count(self.positions) {
                return Err(Error::bug("a window beyond the end of an epoch"));
            }
        }
        Ok(())
    }
}

impl Starts {
    /// The slot that has a position of the stream, and where it begins.
    fn slot_of(&self, index: u64) -> (u64, u64) {
        match self {
            Self::Equal { each, short, len } => {
                let start = |slot: u64| slot * each - if slot > *short { each - len } else { 0 };
                let slot = if index < short * each + len { index / each } else { (index + each - len) / each };
                (slot, start(slot))
            }
            Self::Ends(ends) => {
                let slot = ends.partition_point(|&end| end <= index);
                // Fallback: no slot ends before the first, which begins at 0.
                (slot as u64, slot.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0))
            }
        }
    }
}

impl Copies {
    /// How often a position comes.
    fn of(&self, position: u64) -> u64 {
        let weight = usize::try_from(position).ok().and_then(|position| self.weights.get(position)).copied();
        let weight = f64::from(weight.unwrap_or(0.0));
        let more = self.key.unit(position) < weight.fract();
        u64::from_f64(weight).saturating_add(u64::from(more))
    }

    fn count(&self, positions: Range<u64>) -> Result<u64> {
        let count = |sum: u64, position: u64| sum.checked_add(self.of(position)).ok_or_else(too_many);
        positions.into_iter().try_fold(0, count)
    }
}

fn too_many() -> Error {
    Error::invalid_input("the weights ask for more rows than can be counted: scale them so that they are about 1")
}
