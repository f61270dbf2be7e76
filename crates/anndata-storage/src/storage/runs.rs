//! Runs of an array whose backend has nothing better than selections.

use std::ops::Range;

use crate::{AxisSelection, OrBug, Result, Tensor, ensure};

/// Runs of a one-dimensional array by a function that reads selections of strictly increasing positions: what
/// [`ArrayStorage::read_runs`](crate::ArrayStorage::read_runs) does where a backend has nothing better.
///
/// # Errors
/// As the function.
pub fn read_positions(read: impl Fn(&[AxisSelection]) -> Result<Tensor>, runs: &[Range<u64>]) -> Result<Tensor> {
    if let [run] = runs {
        return read(&[AxisSelection::Range(run.clone())]);
    }
    let wanted: Vec<u64> = runs.iter().cloned().flatten().collect();
    if wanted.is_sorted_by(|a, b| a < b) {
        return read(&[AxisSelection::of_positions(wanted)]);
    }
    let mut sorted = wanted.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let position =
        |at| Ok(sorted.binary_search(at).ok().or_bug("a position that is not among the sorted ones")? as u64);
    let positions = wanted.iter().map(position).collect::<Result<Vec<_>>>()?;
    read(&[AxisSelection::of_positions(sorted)])?.take(0, &positions)
}

/// Copies numbers into memory of their size: what is left for a backend whose [`read_runs`](crate::ArrayStorage::read_runs) is all that
/// it has.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) if they are not numbers, or the memory is of another size.
pub fn copy_values(values: &Tensor, out: &mut [u8]) -> Result<()> {
    let bytes = values.as_bytes().or_bug("numbers without bytes")?;
    ensure!(bytes.len() == out.len(), "{} bytes for {} of values", out.len(), bytes.len());
    out.copy_from_slice(bytes);
    Ok(())
}
