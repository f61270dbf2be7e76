//! [`Filtered`]: what is kept of major slices of which few positions are wanted.

use std::ops::Range;

use anndata_storage::{Error, OrBug, Result, Scalar as _, Tensor, dispatch};

use crate::SparseMatrix;
use anndata_array::sparse::Offsets;

/// The values of major slices at wanted positions: their indices, how many each major slice has, and the runs in which they
/// are stored.
pub(super) struct Filtered {
    pub(super) indices: Tensor,
    pub(super) lengths: Offsets,
    pub(super) runs: Vec<Range<u64>>,
}

impl Filtered {
    /// Those of a matrix that was checked, whose values are stored in these runs.
    pub(super) fn new(matrix: &SparseMatrix, stored: &[Range<u64>], wanted: &[bool]) -> Result<Self> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        let mut places = stored.iter().cloned().flatten();
        let mut lengths = Vec::new();
        let indices = dispatch!(integer matrix.indices().dtype(), T => {
            let indices = matrix.indices().as_slice::<T>()?;
            let mut kept: Vec<T> = Vec::new();
            for slice in matrix.major_offsets()?.ranges() {
                let before = kept.len();
                for &index in indices.get(slice).or_bug("a major slice beyond the indices")? {
                    let place = places.next().or_bug("more indices than are stored")?;
                    let at = index.to_integer().and_then(|index| usize::try_from(index).ok());
                    if !at.and_then(|at| wanted.get(at)).copied().or_bug("an index that was not checked")? {
                        continue;
                    }
                    kept.push(index);
                    match runs.last_mut() {
                        Some(run) if run.end == place => run.end += 1,
                        _ => runs.push(place..place + 1),
                    }
                }
                lengths.push(kept.len() - before);
            }
            Tensor::from_vec([kept.len()], kept)?
        }, else => return Err(Error::bug("indices that are not integers")));
        Ok(Self { indices, lengths: Offsets::of_lengths(lengths)?, runs })
    }
}
