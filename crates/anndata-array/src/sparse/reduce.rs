//! Sums and counts of rows and columns, and single values.
//!
//! Sums of the other axis wait for memory: asking for the values ahead did not help, as the processor sees that they are read in order.

use std::ops::{Add, Range};

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch};
use rayon::prelude::*;

use super::buffers::{Index, by_width, filled, plain};
use super::major::{fold_parts, part_size};
use super::{SparseFormat, SparseMatrix};
use crate::parallel::map_ranges;

impl SparseMatrix {
    /// The sum of each row, one dimension.
    ///
    /// As in scipy and numpy, integers give `I64` or `U64` and wrap around, booleans are counted in `I64`, and floating
    /// point and complex numbers give their own dtype. Unlike there, floating point sums are made in 64 bits and rounded
    /// once. The result does not depend on the number of cores.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the result does not fit into memory.
    pub fn row_sums(&self) -> Result<Tensor> {
        self.narrowed(self.wide_row_sums()?)
    }

    /// The sum of each column, one dimension; see [`row_sums`](Self::row_sums).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn column_sums(&self) -> Result<Tensor> {
        self.narrowed(self.wide_column_sums()?)
    }

    /// The sum of each row, not rounded to the dtype of the values: `I64`, `U64`, `F64` or `Complex128`. Such sums of
    /// parts of a row can be added.
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn wide_row_sums(&self) -> Result<Tensor> {
        self.sums(self.format == SparseFormat::Csr)
    }

    /// The sum of each column, not rounded to the dtype of the values; see [`wide_row_sums`](Self::wide_row_sums).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn wide_column_sums(&self) -> Result<Tensor> {
        self.sums(self.format == SparseFormat::Csc)
    }

    /// How many values of each row are stored, zeros among them.
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn nnz_per_row(&self) -> Result<Vec<usize>> {
        self.counts(self.format == SparseFormat::Csr)
    }

    /// How many values of each column are stored, zeros among them.
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn nnz_per_column(&self) -> Result<Vec<usize>> {
        self.counts(self.format == SparseFormat::Csc)
    }

    /// One value; 0 where none is stored, the sum where several are.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 3.0])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csc)?;
    /// assert_eq!(matrix.get::<f32>(0, 1)?, 2.0);
    /// assert_eq!(matrix.get::<f32>(1, 0)?, 0.0);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the type of the values;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the position is out of bounds.
    pub fn get<T: Scalar>(&self, row: usize, column: usize) -> Result<T> {
        let (rows, columns) = self.shape;
        if row >= rows || column >= columns {
            return Err(Error::invalid_input(format!("({row}, {column}) is out of bounds of {:?}", self.shape)));
        }
        let (slice, minor) = match self.format {
            SparseFormat::Csr => (row, column),
            SparseFormat::Csc => (column, row),
        };
        let data = self.data.as_slice::<T>()?;
        let slice = self.major_range(slice)?;
        by_width!(self.indices.dtype(), I => {
            let indices = plain::<I>(&self.indices)?.get(slice.clone()).or_bug("a major slice beyond the indices")?;
            let values = data.get(slice).or_bug("a major slice beyond the values")?;
            let found = indices.iter().zip(values).filter(|(index, _)| index.to_usize() == minor);
            Ok(found.fold(T::default(), |sum, (_, &value)| sum.plus(value)))
        })
    }

    /// One value of any type, as a tensor without dimensions; see [`get`](Self::get).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the position is out of bounds.
    pub fn get_scalar(&self, row: usize, column: usize) -> Result<Tensor> {
        dispatch!(self.dtype(), T => Ok(Tensor::scalar(self.get::<T>(row, column)?)),
            else => Err(Error::dtype("values are not numbers")))
    }

    /// Sums of the major slices, or across them.
    pub(super) fn sums(&self, of_slices: bool) -> Result<Tensor> {
        dispatch!(self.dtype(), T => {
            type Wide = <T as Scalar>::Sum;
            let data = self.data.as_slice::<T>()?;
            let sums: Vec<Wide> = if of_slices {
                self.of_slices(&|_, slice| Ok(T::sum(data.get(slice).or_bug("a major slice beyond the values")?)))?
            } else {
                self.across(|sums: &mut [Wide], index, at| {
                    let sum = sums.get_mut(index).or_bug("an index beyond the axis")?;
                    *sum = sum.plus(data.get(at).or_bug("an index without a value")?.widen());
                    Ok(())
                }, Scalar::plus)?
            };
            Tensor::from_vec([sums.len()], sums)
        }, else => Err(Error::dtype("values are not numbers")))
    }

    /// Sums of floating point and complex numbers in their own dtype.
    fn narrowed(&self, sums: Tensor) -> Result<Tensor> {
        if self.dtype().is_float() || self.dtype().is_complex() { sums.cast(self.dtype()) } else { Ok(sums) }
    }

    /// Numbers of values of the major slices, or across them.
    pub(super) fn counts(&self, of_slices: bool) -> Result<Vec<usize>> {
        if of_slices {
            return Ok(self.major_offsets()?.lengths().collect());
        }
        // Counts of half the size stay in a nearer cache.
        if u32::try_from(self.nnz()).is_ok() {
            return Ok(self.counts_across::<u32>()?.into_iter().map(|count| count as usize).collect());
        }
        self.counts_across::<usize>()
    }

    /// Numbers of values across the major slices, in a type that counts all values.
    fn counts_across<C: Copy + Default + Send + From<u8> + Add<Output = C>>(&self) -> Result<Vec<C>> {
        let (nnz, minor) = (self.nnz(), self.axes().1);
        // Together the counts of all parts take no more memory than the values do. A count does not depend on the number of parts.
        let parts = (nnz / minor.max(1)).clamp(1, rayon::current_num_threads());
        by_width!(self.indices.dtype(), I => {
            let counted = plain::<I>(&self.indices)?.par_chunks(nnz.div_ceil(parts).max(1)).map(|indices| {
                let mut counts = filled(minor, C::default())?;
                for index in indices {
                    let count = counts.get_mut(index.to_usize()).or_bug("an index beyond the axis")?;
                    *count = *count + C::from(1);
                }
                Ok(counts)
            });
            let mut counted = counted.collect::<Result<Vec<_>>>()?.into_iter();
            let Some(mut counts) = counted.next() else { return filled(minor, C::default()) };
            for other in counted {
                counts.iter_mut().zip(other).for_each(|(sum, count)| *sum = *sum + count);
            }
            Ok(counts)
        })
    }

    /// What a function makes of each major slice: its number, and where its values are.
    pub(super) fn of_slices<R: Send>(&self, of: &(dyn Fn(usize, Range<usize>) -> Result<R> + Sync)) -> Result<Vec<R>> {
        map_ranges(self.major_offsets()?.par_ranges().with_min_len(64), of)
    }

    /// Folds all values into one cell for each position of the minor axis. `add` adds a value to the cells, of which it
    /// knows the index and where it is stored.
    pub(super) fn across<A: Copy + Default + Send + Sync>(
        &self,
        add: impl Fn(&mut [A], usize, usize) -> Result<()> + Sync,
        join: impl Fn(A, A) -> A + Sync,
    ) -> Result<Vec<A>> {
        let (nnz, minor) = (self.nnz(), self.axes().1);
        let step = part_size(nnz, minor);
        let parts: Vec<_> = (0..nnz).step_by(step).map(|start| start..nnz.min(start + step)).collect();
        let add_part = |cells: &mut [A], part: Range<usize>| {
            by_width!(self.indices.dtype(), I => {
                let indices = plain::<I>(&self.indices)?.get(part.clone()).or_bug("a part beyond the indices")?;
                for (at, index) in part.zip(indices) {
                    add(cells, index.to_usize(), at)?;
                }
                Ok(true)
            })
        };
        fold_parts(&parts, minor, &add_part, &join)?.or_bug("a part that was left out")
    }

    /// Returns the same matrix with values of another numeric dtype, converted as [`Tensor::cast`] does.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the dtype is not numeric, or would lose imaginary parts.
    pub fn cast(&self, dtype: &DType) -> Result<Self> {
        if !dtype.is_numeric() {
            return Err(Error::dtype(format!("a sparse matrix cannot hold values of type {dtype}")));
        }
        Ok(Self { data: self.data.cast(dtype)?, ..self.clone() })
    }

    /// Returns the same matrix with indices and offsets of another integer dtype, so that [`view`](Self::view) can be
    /// asked for one known type.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is not an integer dtype;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if it does not hold them.
    #[doc(alias = "write_csr_csc_indices_with_min_possible_dtype")]
    pub fn cast_indices(&self, dtype: &DType) -> Result<Self> {
        if !dtype.is_integer() {
            return Err(Error::dtype(format!("indices cannot be of type {dtype}")));
        }
        // An axis without positions has no index.
        let largest = self.nnz().max(self.axes().1.saturating_sub(1));
        if largest > super::buffers::largest(dtype)? {
            return Err(Error::limit_exceeded(format!("indices up to {largest} do not fit into {dtype}")));
        }
        Ok(Self { indices: self.indices.cast(dtype)?, indptr: self.indptr.cast(dtype)?, ..self.clone() })
    }
}
