//! Changing stored values in place, on all cores: functions of each value, and factors of rows and columns.

use std::ops::Range;

use anndata_storage::{DType, Error, OrBug, Result, Scalar, check_factors, dispatch, times};

use super::buffers::{Index, by_width, plain};
use super::major::blocks;
use super::offsets::Offsets;
use super::{SparseFormat, SparseMatrix};
use crate::parallel::{for_each, for_each_chunk};

/// About how many values a task works on.
const TASK: usize = 1 << 14;

impl SparseMatrix {
    /// Replaces each stored value by a function of it, which has to make 0 of 0. Values that something else holds, such as
    /// a clone, are copied before. Values of an index that is there several times are summed before. A value that becomes
    /// 0 stays stored.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([1, 3], vec![0.0_f32, 4.0, 9.0])?;
    /// let mut matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// matrix.map_in_place(f32::sqrt)?;
    /// assert_eq!(matrix.data().as_slice::<f32>()?, [2.0, 3.0]);
    /// let error = matrix.map_in_place(|value: f32| value + 1.0).unwrap_err();
    /// assert_eq!(error.message(), "the function makes 1.0 of 0, which a sparse matrix does not store: make it dense first");
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the type of the values;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the function makes something else of 0.
    #[doc(alias = "apply")]
    pub fn map_in_place<T: Scalar>(&mut self, function: impl Fn(T) -> T + Sync) -> Result<()> {
        self.data.as_slice::<T>()?;
        let of_zero = function(T::default());
        if of_zero != T::default() {
            let message = format!(
                "the function makes {of_zero:?} of 0, which a sparse matrix does not store: make it dense first"
            );
            return Err(Error::invalid_input(message));
        }
        self.make_canonical()?;
        self.data.map_in_place(function)
    }

    /// Replaces each value by the natural logarithm of one more than it. Booleans and integers become `F32`, as scanpy
    /// has it; floating point numbers keep their dtype.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values are complex.
    #[doc(alias = "log1p")]
    pub fn ln_1p(&mut self) -> Result<()> {
        if self.dtype().is_complex() {
            return Err(Error::dtype(format!("values of type {} are not real numbers", self.dtype())));
        }
        self.make_canonical()?;
        self.data.ln_1p()
    }

    /// Multiplies each row by a factor. Booleans and integers become `F32`; floating point numbers keep their dtype, to
    /// which products in 64 bits are rounded. Only what is stored is multiplied: zeros stay zeros whatever the factor.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 2], vec![0_u8, 3, 10, 30])?;
    /// let mut matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// matrix.scale_rows(&[2.0, 0.5])?;
    /// assert_eq!(matrix.data().as_slice::<f32>()?, [6.0, 5.0, 15.0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not one factor per row;
    /// [`DType`](crate::ErrorKind::DType) if the values are complex.
    pub fn scale_rows(&mut self, factors: &[f64]) -> Result<()> {
        check_factors(factors, self.shape.0, "row")?;
        self.scale(factors, self.format == SparseFormat::Csr)
    }

    /// Multiplies each column by a factor; see [`scale_rows`](Self::scale_rows).
    ///
    /// # Errors
    /// As [`scale_rows`](Self::scale_rows), of columns.
    pub fn scale_columns(&mut self, factors: &[f64]) -> Result<()> {
        check_factors(factors, self.shape.1, "column")?;
        self.scale(factors, self.format == SparseFormat::Csc)
    }

    /// Calls a function with the stored values, to be changed in place; see [`Tensor::modify`](crate::Tensor::modify).
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the type of the values.
    pub fn modify_data<T: Scalar, R>(&mut self, change: impl FnOnce(&mut [T]) -> R) -> Result<R> {
        self.data.modify(change)
    }

    /// The positions of the values of one row (CSR) or column (CSC) among those that are stored.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is out of bounds.
    pub fn major_range(&self, slice: usize) -> Result<Range<usize>> {
        let major = self.axes().0;
        if slice >= major {
            return Err(Error::invalid_input(format!("{slice} is out of bounds of an axis of length {major}")));
        }
        let ends = super::offsets::to_offsets(&self.indptr.slice_rows(slice..slice + 2)?)?;
        match *ends.as_slice() {
            [start, end] => Ok(start..end),
            _ => Err(Error::bug(format!("a major slice has the offsets {ends:?}"))),
        }
    }

    fn make_canonical(&mut self) -> Result<()> {
        if !self.is_canonical()? {
            *self = self.to_canonical()?;
        }
        Ok(())
    }

    /// A factor for each major slice, or for each position of the minor axis.
    fn scale(&mut self, factors: &[f64], of_slices: bool) -> Result<()> {
        if *self.dtype() == DType::Bool {
            // Repeated values that are true are one, not two.
            self.make_canonical()?;
        }
        self.data.make_float()?;
        if of_slices {
            let offsets = self.major_offsets()?;
            return dispatch!(float self.data.dtype(), T => {
                self.data.modify(|values: &mut [T]| scale_slices(values, &offsets, factors))?
            }, else => Err(Error::dtype("values are not numbers")));
        }
        let indices = &self.indices;
        dispatch!(float self.data.dtype(), T => self.data.modify(|values: &mut [T]| {
            for_each_chunk(values, TASK, &|number, values| by_width!(indices.dtype(), I => {
                let indices = plain::<I>(indices)?.get(number * TASK..).or_bug("values without an index")?;
                for (value, index) in values.iter_mut().zip(indices) {
                    *value = times(*value, *factors.get(index.to_usize()).or_bug("an index beyond the axis")?);
                }
                Ok(())
            }))
        })?, else => Err(Error::dtype("values are not numbers")))
    }
}

/// Multiplies the values of each major slice by its factor.
fn scale_slices<T: Scalar>(mut values: &mut [T], offsets: &Offsets, factors: &[f64]) -> Result<()> {
    let mut parts = Vec::new();
    for slices in blocks(offsets.ends().iter().copied()) {
        let len = offsets.run(slices.clone())?.len();
        parts.push((slices, values.split_off_mut(..len).or_bug("a major slice beyond the values")?));
    }
    for_each(parts, &|(slices, mut values): (Range<usize>, &mut [T])| {
        for slice in slices {
            let len = offsets.range(slice)?.len();
            let factor = *factors.get(slice).or_bug("a major slice without a factor")?;
            for value in values.split_off_mut(..len).or_bug("a major slice beyond the values")? {
                *value = times(*value, factor);
            }
        }
        Ok(())
    })
}
