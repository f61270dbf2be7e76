//! Work on all cores, compiled once for all kernels.
//!
//! A kernel is compiled for each dtype and each width of an index. It comes here as a trait object that is called once
//! per block or major slice, so that the machinery of threads is not compiled with it.

use std::ops::Range;

use anndata_storage::Result;
use rayon::prelude::*;

/// What a function makes of each of some ranges, in order.
pub(crate) fn map_ranges<R: Send>(
    ranges: impl IndexedParallelIterator<Item = Range<usize>>,
    work: &(dyn Fn(usize, Range<usize>) -> Result<R> + Sync),
) -> Result<Vec<R>> {
    // So many are known beforehand; a result of all is not.
    let made: Vec<Result<R>> = ranges.enumerate().map(|(number, range)| work(number, range)).collect();
    made.into_iter().collect()
}

/// Calls a function with each of some parts of a whole.
pub(crate) fn for_each<T: Send>(parts: Vec<T>, work: &(dyn Fn(T) -> Result<()> + Sync)) -> Result<()> {
    parts.into_par_iter().try_for_each(work)
}

/// Calls a function with the number and the values of each chunk of `len` values; the last may be shorter.
pub(crate) fn for_each_chunk<T: Send>(
    values: &mut [T],
    len: usize,
    work: &(dyn Fn(usize, &mut [T]) -> Result<()> + Sync),
) -> Result<()> {
    values.par_chunks_mut(len.max(1)).enumerate().try_for_each(|(number, chunk)| work(number, chunk))
}
