//! Selections of fixed-size values: copied by bytes, on all cores, straight into place.

use rayon::prelude::*;

use super::AlignedBytes;
use crate::{Axis, Result};

/// About how many bytes a task copies.
const TASK_BYTES: usize = 1 << 18;

/// The bytes of the values that a checked selection picks from an array of `shape`, in C order.
///
/// Inner axes that are taken whole are copied with the position they belong to, as one cell. Of the axes that are left,
/// the last one is copied run by run or cell by cell, for each combination of positions of the others.
pub(super) fn select(
    from: &[u8],
    shape: &[usize],
    selection: &[Axis],
    size: usize,
    total: usize,
) -> Result<AlignedBytes> {
    let mut out = AlignedBytes::try_zeroed(total)?;
    let whole = |(axis, &len): (&Axis, &usize)| *axis == Axis::Range(0..len as u64);
    let inner = selection.iter().zip(shape).rev().take_while(|&(axis, len)| whole((axis, len))).count();
    let (shape, inner) = shape.split_at(shape.len() - inner);
    let cell = size * inner.iter().product::<usize>();
    let (Some((last, outer)), true) = (selection.get(..shape.len()).unwrap_or_default().split_last(), total > 0) else {
        if let Some(from) = from.get(..total) {
            out.as_mut_slice().copy_from_slice(from);
        }
        return Ok(out);
    };
    let row = to_usize(last.len());
    let step = (TASK_BYTES / cell).max(1);
    out.as_mut_slice().par_chunks_mut(step * cell).enumerate().for_each(|(number, mut to)| {
        let mut at = number * step;
        while !to.is_empty() {
            let (lane, start) = (at / row, at % row);
            let len = (row - start).min(to.len() / cell);
            let (head, tail) = to.split_at_mut(len * cell);
            copy(from, base(shape, outer, lane), last, start, head, cell);
            (at, to) = (at + len, tail);
        }
    });
    Ok(out)
}

/// Where the last axis begins for the combination `lane` of positions of the other axes, in cells.
fn base(shape: &[usize], outer: &[Axis], mut lane: usize) -> usize {
    let mut stride = shape.last().copied().unwrap_or(1);
    let mut base = 0;
    for (axis, &len) in outer.iter().zip(shape).rev() {
        let selected = to_usize(axis.len()).max(1);
        base += position(axis, lane % selected) * stride;
        lane /= selected;
        stride *= len;
    }
    base
}

/// Copies the cells of consecutive selected positions of an axis, from the one at `start` on.
fn copy(from: &[u8], base: usize, axis: &Axis, start: usize, to: &mut [u8], cell: usize) {
    match axis {
        Axis::Range(range) => {
            let at = (base + to_usize(range.start) + start) * cell;
            if let Some(from) = from.get(at..at + to.len()) {
                to.copy_from_slice(from);
            }
        }
        Axis::Indices(indices) => {
            let (from, indices) =
                (from.get(base * cell..).unwrap_or_default(), indices.get(start..).unwrap_or_default());
            match cell {
                1 => gather::<1>(from, indices, to),
                2 => gather::<2>(from, indices, to),
                4 => gather::<4>(from, indices, to),
                8 => gather::<8>(from, indices, to),
                16 => gather::<16>(from, indices, to),
                _ => {
                    for (to, &index) in to.chunks_mut(cell).zip(indices) {
                        let at = to_usize(index) * cell;
                        if let Some(from) = from.get(at..at + cell) {
                            to.copy_from_slice(from);
                        }
                    }
                }
            }
        }
    }
}

/// Copies cells of a size that the compiler knows.
fn gather<const CELL: usize>(from: &[u8], indices: &[u64], to: &mut [u8]) {
    let ((from, _), (to, _)) = (from.as_chunks::<CELL>(), to.as_chunks_mut::<CELL>());
    for (to, &index) in to.iter_mut().zip(indices) {
        if let Some(from) = from.get(to_usize(index)) {
            *to = *from;
        }
    }
}

fn position(axis: &Axis, at: usize) -> usize {
    match axis {
        Axis::Range(range) => to_usize(range.start) + at,
        Axis::Indices(indices) => indices.get(at).map_or(0, |&index| to_usize(index)),
    }
}

/// A position that was checked against the length of an axis in memory.
fn to_usize(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
