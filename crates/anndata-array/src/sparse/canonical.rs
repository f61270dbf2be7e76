//! The canonical form: sorted indices, none of them twice.

use anndata_storage::{Error, OrBug, Result, Scalar, Tensor, dispatch};
use arrow_buffer::Buffer;
use rayon::prelude::*;

use super::SparseMatrix;
use super::buffers::{by_width, plain};
use super::offsets::Offsets;

impl SparseMatrix {
    /// Whether the indices of each row (CSR) or column (CSC) are sorted, and none is there twice.
    ///
    /// # Errors
    /// None for a matrix that was checked.
    #[doc(alias = "has_canonical_format")]
    pub fn is_canonical(&self) -> Result<bool> {
        let offsets = self.major_offsets()?;
        by_width!(self.indices.dtype(), I => {
            let indices = plain::<I>(&self.indices)?;
            // A major slice that cannot be looked at is not canonical: making it so says what is wrong.
            let canonical = |slice: &[I]| slice.is_sorted_by(|a, b| a < b);
            Ok(offsets.par_ranges().with_min_len(64).all(|slice| indices.get(slice).is_some_and(canonical)))
        })
    }

    /// Returns the same matrix with sorted indices, and the values of an index that is there several times summed into
    /// one. A matrix that is canonical already is not copied.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let matrix = SparseMatrix::new(
    ///     SparseFormat::Csr,
    ///     (1, 4),
    ///     Tensor::from_vec([3], vec![1.0_f32, 2.0, 4.0])?,
    ///     Tensor::from_vec([3], vec![3_i32, 0, 3])?,
    ///     Tensor::from_vec([2], vec![0_i32, 3])?,
    /// )?;
    /// let canonical = matrix.to_canonical()?;
    /// assert_eq!(canonical.indices().as_slice::<i32>()?, [0, 3]);
    /// assert_eq!(canonical.data().as_slice::<f32>()?, [2.0, 5.0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the result does not fit into memory.
    #[doc(alias = "sum_duplicates")]
    pub fn to_canonical(&self) -> Result<Self> {
        if self.is_canonical()? {
            return Ok(self.clone());
        }
        let sorted = self.sorted()?;
        let offsets = sorted.major_offsets()?;
        dispatch!(self.dtype(), T => by_width!(self.indices.dtype(), I => {
            let (values, indices) = (sorted.data.as_slice::<T>()?, plain::<I>(&sorted.indices)?);
            let slices = offsets.par_ranges().with_min_len(64).map(|slice| {
                let indices = indices.get(slice.clone()).or_bug("a major slice beyond the indices")?;
                let mut values = values.get(slice).or_bug("a major slice beyond the values")?;
                let mut kept: (Vec<I>, Vec<T>) = (Vec::new(), Vec::new());
                for same in indices.chunk_by(|a, b| a == b) {
                    let summed = values.split_off(..same.len()).or_bug("fewer values than indices")?;
                    kept.0.push(*same.first().or_bug("a run without an index")?);
                    kept.1.push(summed.iter().fold(T::default(), |sum, &value| sum.plus(value)));
                }
                Ok(kept)
            });
            let (indices, values): (Vec<Vec<I>>, Vec<Vec<T>>) =
                slices.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            let offsets = Offsets::of_lengths(indices.iter().map(Vec::len))?;
            let indices = Buffer::from_vec(indices.concat());
            let indices = Tensor::new(self.indices.dtype().clone(), [offsets.total()?], indices)?;
            let data = Tensor::from_vec([offsets.total()?], values.concat())?;
            Self::assembled(self.format, self.axes().1, data, indices, &offsets, self.indptr.dtype())
        }), else => Err(Error::dtype("values are not numbers")))
    }
}
