//! Changing values in place, on all cores: functions of each value, and factors of rows and columns.

use rayon::prelude::*;

use super::reduce::rows_in_task;
use super::{AlignedBytes, Data, Tensor};
use crate::{DType, Error, Result, Scalar, dispatch};

/// About how many values a task works on.
const TASK: usize = 1 << 14;

impl Tensor {
    /// Calls a function with the values in C order, to be changed in place. If something else holds them, such as a clone,
    /// they are copied before.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let mut tensor = Tensor::from_vec([3], vec![1.0_f32, 2.0, 3.0])?;
    /// tensor.modify(|values: &mut [f32]| values.reverse())?;
    /// assert_eq!(tensor.as_slice::<f32>()?, [3.0, 2.0, 1.0]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the dtype's type.
    pub fn modify<T: Scalar, R>(&mut self, change: impl FnOnce(&mut [T]) -> R) -> Result<R> {
        match &mut self.data {
            Data::Buffer(buffer) if self.dtype == T::DTYPE => buffer.modify(change),
            _ => Err(Error::dtype(format!("the values are of type {}, not {}", self.dtype, T::DTYPE))),
        }
    }

    /// Whether nothing else, such as a clone, holds the values, and [`into_aligned`](Self::into_aligned) gives their memory.
    pub fn is_exclusive(&self) -> bool {
        matches!(&self.data, Data::Buffer(buffer) if buffer.is_exclusive())
    }

    /// The memory of the values of a fixed-size dtype, in C order, if nothing else holds it and it was made as
    /// [`AlignedBytes`], as what is read is; see [`is_exclusive`](Self::is_exclusive).
    pub fn into_aligned(self) -> Option<AlignedBytes> {
        match self.data {
            Data::Buffer(buffer) => buffer.into_aligned(),
            _ => None,
        }
    }

    /// The values in C order as a vector. A tensor that was made of one and that nothing else holds, such as a clone, gives it
    /// back; others are copied.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let values = vec![1.0_f32, 2.0];
    /// let at = values.as_ptr();
    /// let back = Tensor::from_vec([2], values)?.into_vec::<f32>()?;
    /// assert_eq!((back.as_ptr(), back), (at, vec![1.0, 2.0]));
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the dtype's type.
    pub fn into_vec<T: Scalar>(self) -> Result<Vec<T>> {
        match self.data {
            Data::Buffer(buffer) if self.dtype == T::DTYPE => buffer
                .into_vec()
                .or_else(|data| Ok(Self { data: Data::Buffer(data), ..self }.as_slice::<T>()?.to_vec())),
            _ => Err(Error::dtype(format!("the values are of type {}, not {}", self.dtype, T::DTYPE))),
        }
    }

    /// Replaces each value by a function of it. Values that something else holds, such as a clone, are copied before.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let mut counts = Tensor::from_vec([3], vec![1_i32, 5, 9])?;
    /// counts.map_in_place(|count: i32| count.min(6))?;
    /// assert_eq!(counts.as_slice::<i32>()?, [1, 5, 6]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the dtype's type.
    #[doc(alias = "apply")]
    pub fn map_in_place<T: Scalar>(&mut self, function: impl Fn(T) -> T + Sync) -> Result<()> {
        self.modify(|values: &mut [T]| {
            values
                .par_chunks_mut(TASK)
                .for_each(|values| values.iter_mut().for_each(|value| *value = function(*value)));
        })
    }

    /// Replaces each value by the natural logarithm of one more than it. Booleans and integers become `F32`, as scanpy
    /// has it; floating point numbers keep their dtype.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if they are not real numbers.
    #[doc(alias = "log1p")]
    pub fn ln_1p(&mut self) -> Result<()> {
        self.make_float()?;
        if self.dtype == DType::F32 {
            return self.modify(|values: &mut [f32]| values.par_chunks_mut(TASK).for_each(super::ln_1p::ln_1p));
        }
        dispatch!(float &self.dtype, T => self.map_in_place(|value: T| T::from_f64(value.to_f64().ln_1p())),
            else => Err(self.no_numbers()))
    }

    /// Multiplies each row of a matrix by a factor. Booleans and integers become `F32`; floating point numbers keep their
    /// dtype, to which products in 64 bits are rounded.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let mut counts = Tensor::from_vec([2, 2], vec![1_u16, 3, 10, 30])?;
    /// counts.scale_rows(&[2.0, 0.5])?;
    /// assert_eq!(counts.as_slice::<f32>()?, [2.0, 6.0, 5.0, 15.0]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it does not have two dimensions, or there is not one factor per
    /// row; [`DType`](crate::ErrorKind::DType) if it does not hold real numbers.
    pub fn scale_rows(&mut self, factors: &[f64]) -> Result<()> {
        let (rows, columns) = self.matrix_shape()?;
        check_factors(factors, rows, "row")?;
        self.make_float()?;
        dispatch!(float &self.dtype, T => self.modify(|values: &mut [T]| {
            let rows = values.par_chunks_mut(columns.max(1)).zip(factors).with_min_len(rows_in_task(columns));
            rows.for_each(|(row, &factor)| row.iter_mut().for_each(|value| *value = times(*value, factor)));
        }), else => Err(self.no_numbers()))
    }

    /// Multiplies each column of a matrix by a factor; see [`scale_rows`](Self::scale_rows).
    ///
    /// # Errors
    /// As [`scale_rows`](Self::scale_rows), of columns.
    pub fn scale_columns(&mut self, factors: &[f64]) -> Result<()> {
        let (_, columns) = self.matrix_shape()?;
        check_factors(factors, columns, "column")?;
        self.make_float()?;
        dispatch!(float &self.dtype, T => self.modify(|values: &mut [T]| {
            let rows = values.par_chunks_mut(columns.max(1)).with_min_len(rows_in_task(columns));
            rows.for_each(|row| row.iter_mut().zip(factors).for_each(|(value, &factor)| *value = times(*value, factor)));
        }), else => Err(self.no_numbers()))
    }

    /// Turns booleans and integers into `F32`.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values are not real numbers.
    pub fn make_float(&mut self) -> Result<()> {
        if self.dtype.is_float() {
            return Ok(());
        }
        if !self.dtype.is_integer() && self.dtype != DType::Bool {
            return Err(Error::dtype(format!("values of type {} are not real numbers", self.dtype)));
        }
        *self = self.cast(&DType::F32)?;
        Ok(())
    }
}

/// A product in 64 bits, rounded to the type: what scaling makes of a value, of a dense or a sparse matrix.
pub fn times<T: Scalar>(value: T, factor: f64) -> T {
    T::from_f64(value.to_f64() * factor)
}

/// Refuses factors of which there is not one per position of an axis, which is called `axis` (`row`) in the error.
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not.
pub fn check_factors(factors: &[f64], len: usize, axis: &str) -> Result<()> {
    if factors.len() == len {
        return Ok(());
    }
    Err(Error::invalid_input(format!("expected one factor per {axis}, found {} factors and {len}", factors.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Complex;

    #[test]
    fn values_of_every_real_dtype_are_scaled_and_logarithms_taken() -> Result<()> {
        for dtype in DType::NUMERIC.iter().filter(|dtype| !dtype.is_complex()) {
            let ones = Tensor::from_vec([2, 3], vec![1_u8, 0, 1, 1, 1, 0])?.cast(dtype)?;
            let float = if dtype.is_float() { dtype } else { &DType::F32 };
            let expect = |values: [f64; 6]| Tensor::from_vec([2, 3], values.to_vec())?.cast(float);
            let mut rows = ones.clone();
            rows.scale_rows(&[0.5, 4.0])?;
            assert_eq!(rows, expect([0.5, 0.0, 0.5, 4.0, 4.0, 0.0])?, "{dtype}");
            let mut columns = ones.clone();
            columns.scale_columns(&[0.5, 4.0, -1.0])?;
            assert_eq!(columns, expect([0.5, 0.0, -1.0, 0.5, 4.0, -0.0])?, "{dtype}");
            let mut logarithms = ones.clone();
            logarithms.ln_1p()?;
            let ln = 2.0_f64.ln();
            assert_eq!(logarithms, expect([ln, 0.0, ln, ln, ln, 0.0])?, "{dtype}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_changed_stays() -> Result<()> {
        let mut matrix = Tensor::from_vec([2, 3], vec![1_i32, 2, 3, 4, 5, 6])?;
        let before = matrix.clone();
        let few = matrix.scale_rows(&[1.0]).unwrap_err();
        assert!(
            few.is_invalid_input() && few.message() == "expected one factor per row, found 1 factors and 2",
            "{few}"
        );
        assert!(matrix.scale_columns(&[1.0; 2]).is_err_and(|error| error.message().contains("per column")));
        assert!(matrix.map_in_place(|value: f32| value).is_err_and(|error| error.is_dtype()));
        assert_eq!(matrix, before);
        assert!(Tensor::from_vec([1], vec![1])?.scale_rows(&[1.0]).is_err_and(|error| error.is_invalid_input()));
        assert!(Tensor::string("a").ln_1p().is_err_and(|error| error.is_dtype()));
        let mut complex = Tensor::from_vec([1, 1], vec![Complex::new(1.0, 1.0)])?;
        let refused = complex.ln_1p().unwrap_err();
        assert!(refused.message() == "values of type complex128 are not real numbers", "{refused}");
        let mut empty = Tensor::from_vec([0, 3], Vec::<f32>::new())?;
        empty.scale_rows(&[])?;
        empty.scale_columns(&[1.0; 3])?;
        empty.ln_1p()?;
        Ok(())
    }

    #[test]
    fn many_values_are_mapped() -> Result<()> {
        let mut many = Tensor::from_vec([100_000], (0..100_000).collect::<Vec<i64>>())?;
        many.map_in_place(|value: i64| value * 2)?;
        assert_eq!(many.as_slice::<i64>()?.iter().sum::<i64>(), 99_999 * 100_000);
        Ok(())
    }
}
