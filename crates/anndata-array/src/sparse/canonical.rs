//! The canonical form: sorted indices, none of them twice.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use anndata_storage::{Error, OrBug, Result, Scalar, Tensor, dispatch};
use rayon::prelude::*;

use super::SparseMatrix;
use super::buffers::{Index, by_width, numbers_mut, plain, size_of_value};
use super::major::{blocks, fill};
use super::offsets::Offsets;

/// Whether a matrix is canonical, once somebody looked; clones of the matrix share it.
///
/// It follows from offsets and indices, with which it is made anew. So it makes no difference between matrices.
#[derive(Clone, Default)]
pub(super) struct Canonical(Arc<OnceLock<bool>>);

impl Canonical {
    /// What is known: `None` before anybody looked.
    pub(super) fn known(&self) -> Option<bool> {
        self.0.get().copied()
    }

    /// Keeps what somebody found.
    pub(super) fn found(&self, is_canonical: bool) {
        // Where it was known already, it was the same.
        let _ = self.0.set(is_canonical);
    }
}

impl PartialEq for Canonical {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl SparseMatrix {
    /// Whether the indices of each row (CSR) or column (CSC) are sorted, and none is there twice. The matrix
    /// and its clones keep the answer.
    ///
    /// # Errors
    /// None for a matrix that was checked.
    #[doc(alias = "has_canonical_format")]
    pub fn is_canonical(&self) -> Result<bool> {
        if let Some(known) = self.canonical.known() {
            return Ok(known);
        }
        let offsets = self.major_offsets()?;
        let found = by_width!(self.indices.dtype(), I => {
            let indices = plain::<I>(&self.indices)?;
            // A major slice that cannot be looked at is not canonical: making it so says what is wrong.
            offsets.par_ranges().with_min_len(64).all(|slice| indices.get(slice).is_some_and(increases))
        });
        self.canonical.found(found);
        Ok(found)
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
        self.sorted()?.summed()
    }

    /// The same matrix, whose indices are sorted, with the values of equal ones summed.
    fn summed(&self) -> Result<Self> {
        let (offsets, size) = (self.major_offsets()?, size_of_value(self.dtype())?);
        by_width!(self.indices.dtype(), I => {
            let stored = plain::<I>(&self.indices)?;
            let indices_of = |slice: Range<usize>| stored.get(slice).or_bug("a major slice beyond the indices");
            let lengths = self.of_slices(&|_, slice| Ok(indices_of(slice)?.chunk_by(I::eq).count()))?;
            let new_offsets = Offsets::of_lengths(lengths)?;
            let blocks = blocks(offsets.ends().iter().copied());
            let (indices, data) = fill::<I, ()>(&new_offsets, blocks, size, &|(), part| {
                for slice in part.slices.clone() {
                    let (indices, data) = part.next(new_offsets.range(slice)?.len(), size)?;
                    let slice = offsets.range(slice)?;
                    let runs = indices_of(slice.clone())?.chunk_by(I::eq);
                    for (index, run) in indices.iter_mut().zip(runs.clone()) {
                        *index = *run.first().or_bug("a run without an index")?;
                    }
                    self.sum_runs(slice, runs.map(<[I]>::len), data)?;
                }
                Ok(())
            })?;
            let nnz = new_offsets.total()?;
            let data = Tensor::new(self.dtype().clone(), [nnz], data)?;
            let indices = Tensor::new(self.indices.dtype().clone(), [nnz], indices)?;
            Self::assembled(self.format, self.axes().1, data, indices, &new_offsets, self.indptr.dtype())
        })
    }

    /// The sums of runs of values, one after the other, which begin with a major slice.
    fn sum_runs(&self, slice: Range<usize>, lengths: impl Iterator<Item = usize>, sums: &mut [u8]) -> Result<()> {
        dispatch!(self.dtype(), T => {
            let mut values = self.data.as_slice::<T>()?.get(slice).or_bug("a major slice beyond the values")?;
            for (sum, len) in numbers_mut::<T>(sums)?.iter_mut().zip(lengths) {
                let run = values.split_off(..len).or_bug("fewer values than indices")?;
                *sum = run.iter().fold(T::default(), |sum, &value| sum.plus(value));
            }
            Ok(())
        }, else => Err(Error::dtype("values are not numbers")))
    }
}

/// Whether each value is greater than the one before.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "all pairs are looked at, whatever the first ones say: several at a time"
)]
fn increases<I: Index>(values: &[I]) -> bool {
    let Some((_, next)) = values.split_first() else { return true };
    values.iter().zip(next).fold(true, |increases, (value, next)| increases & (value < next))
}
