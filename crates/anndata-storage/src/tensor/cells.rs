//! Selections of fixed-size values: copied by bytes, on all cores, straight into place.

use rayon::prelude::*;

use super::AlignedBytes;
use crate::{AxisSelection, Error, OrBug, Result, ensure};

/// About how many bytes a task copies.
const TASK_BYTES: usize = 1 << 18;

/// The bytes of the values that a checked selection picks from an array of `shape`, in C order.
///
/// Inner axes that are taken whole are copied with the position they belong to, as one cell. Of the axes that are left,
/// the last one is copied run by run or cell by cell, for each combination of positions of the others.
pub(super) fn select(
    from: &[u8],
    shape: &[usize],
    selection: &[AxisSelection],
    size: usize,
    total: usize,
) -> Result<AlignedBytes> {
    let mut out = AlignedBytes::try_zeroed(total)?;
    let whole = |(axis, &len): (&AxisSelection, &usize)| *axis == AxisSelection::Range(0..len as u64);
    let inner = selection.iter().zip(shape).rev().take_while(|&(axis, len)| whole((axis, len))).count();
    let (shape, inner) = shape.split_at(shape.len() - inner);
    let cell = size * inner.iter().product::<usize>();
    let selected = selection.get(..shape.len()).or_bug("fewer selections than axes")?;
    let (Some((last, outer)), true) = (selected.split_last(), total > 0) else {
        out.as_mut_slice().copy_from_slice(from.get(..total).or_bug("fewer values than the shape has")?);
        return Ok(out);
    };
    let row = to_usize(last.len());
    ensure!(row > 0 && total.is_multiple_of(row * cell), "{total} bytes of rows of {row} x {cell}");
    let step = (TASK_BYTES / cell).max(1);
    out.as_mut_slice().par_chunks_mut(step * cell).enumerate().try_for_each(|(number, mut to)| {
        let mut at = number * step;
        while !to.is_empty() {
            let (outer_index, start) = (at / row, at % row);
            let len = (row - start).min(to.len() / cell);
            let (head, tail) = to.split_at_mut(len * cell);
            copy(from, base(shape, outer, outer_index)?, last, start, head, cell)?;
            (at, to) = (at + len, tail);
        }
        Ok::<(), Error>(())
    })?;
    Ok(out)
}

/// Where the last axis begins for the combination `outer_index` of positions of the other axes, in cells.
fn base(shape: &[usize], outer: &[AxisSelection], mut outer_index: usize) -> Result<usize> {
    let mut stride = *shape.last().or_bug("an array without axes")?;
    let mut base = 0;
    for (axis, &len) in outer.iter().zip(shape).rev() {
        let selected = to_usize(axis.len()).max(1);
        base += position(axis, outer_index % selected)? * stride;
        outer_index /= selected;
        stride *= len;
    }
    Ok(base)
}

/// Copies the cells of consecutive selected positions of an axis, from the one at `start` on.
fn copy(from: &[u8], base: usize, axis: &AxisSelection, start: usize, to: &mut [u8], cell: usize) -> Result<()> {
    match axis {
        AxisSelection::Range(range) => {
            let at = (base + to_usize(range.start) + start) * cell;
            to.copy_from_slice(from.get(at..at + to.len()).or_bug(OUTSIDE)?);
            Ok(())
        }
        AxisSelection::Indices(indices) => {
            let from = from.get(base * cell..).or_bug(OUTSIDE)?;
            let indices = indices.get(start..start + to.len() / cell).or_bug("a position beyond the selection")?;
            match cell {
                1 => gather::<1>(from, indices, to),
                2 => gather::<2>(from, indices, to),
                4 => gather::<4>(from, indices, to),
                8 => gather::<8>(from, indices, to),
                16 => gather::<16>(from, indices, to),
                _ => {
                    for (to, &index) in to.chunks_exact_mut(cell).zip(indices) {
                        let at = to_usize(index) * cell;
                        to.copy_from_slice(from.get(at..at + cell).or_bug(OUTSIDE)?);
                    }
                    Ok(())
                }
            }
        }
    }
}

/// What is wrong where a position that was checked is not there.
const OUTSIDE: &str = "a position beyond the values";

/// Copies cells of a size that the compiler knows.
fn gather<const CELL: usize>(from: &[u8], indices: &[u64], to: &mut [u8]) -> Result<()> {
    let ((from, _), (to, _)) = (from.as_chunks::<CELL>(), to.as_chunks_mut::<CELL>());
    for (to, &index) in to.iter_mut().zip(indices) {
        *to = *from.get(to_usize(index)).or_bug(OUTSIDE)?;
    }
    Ok(())
}

fn position(axis: &AxisSelection, at: usize) -> Result<usize> {
    match axis {
        AxisSelection::Range(range) => Ok(to_usize(range.start) + at),
        AxisSelection::Indices(indices) => Ok(to_usize(*indices.get(at).or_bug("a position beyond the selection")?)),
    }
}

/// A position that was checked against the length of an axis in memory.
fn to_usize(position: u64) -> usize {
    // Fallback: beyond every axis; whatever looks it up finds nothing there.
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_there_are_no_zeros() -> Result<()> {
        let (list, range) = (AxisSelection::from(vec![1, 0]), AxisSelection::Range(0..2));
        assert_eq!(select(&[1, 2, 3, 4], &[2, 2], &[list.clone(), range.clone()], 1, 4)?.as_slice(), [3, 4, 1, 2]);
        for (selection, size) in [
            ([list.clone(), range.clone()], 1),
            ([range.clone(), list.clone()], 1),
            ([list.clone(), list.clone()], 1),
            ([list.clone(), list], 3),
            ([AxisSelection::Range(1..2), range.clone()], 1),
            ([range.clone(), AxisSelection::Range(1..2)], 1),
        ] {
            let total = selection.iter().map(|axis| to_usize(axis.len())).product::<usize>() * size;
            let error = select(&vec![1; 3 * size], &[2, 2], &selection, size, total).unwrap_err();
            assert!(error.is_bug() && error.message().starts_with(OUTSIDE), "{selection:?}: {error}");
        }
        let error = select(&[1, 2, 3], &[2, 2], &[range.clone(), range], 1, 4).unwrap_err();
        assert!(error.is_bug() && error.message().starts_with("fewer values than the shape has"), "{error}");
        Ok(())
    }
}
