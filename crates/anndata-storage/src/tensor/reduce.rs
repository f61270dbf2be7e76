//! Sums and counts along the axes of a matrix, and single values.

use rayon::prelude::*;

use super::Tensor;
use crate::{AxisSelection, DType, Error, Result, Scalar, dispatch, ensure};

/// About how many values a task works on.
const TASK: usize = 1 << 16;

/// What a function makes of each row of a matrix with so many columns, on all cores. It is a trait object, so that the machinery
/// of threads is not compiled for each dtype.
pub(super) fn map_rows<R: Send>(rows: usize, columns: usize, of: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    (0..rows).into_par_iter().with_min_len(rows_in_task(columns)).map(of).collect()
}

impl Tensor {
    /// The sum of each row of a matrix, one dimension.
    ///
    /// Sums are made in 64 bits. Integers give `I64` or `U64` and wrap around, booleans are counted in `I64`; floating
    /// point and complex numbers give their own dtype, and are rounded to it once.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let matrix = Tensor::from_vec([2, 3], vec![1_u8, 2, 3, 250, 250, 250])?;
    /// assert_eq!(matrix.row_sums()?.as_slice::<u64>()?, [6, 750]);
    /// assert_eq!(matrix.column_sums()?.as_slice::<u64>()?, [251, 252, 253]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it does not have two dimensions, or holds no numbers.
    pub fn row_sums(&self) -> Result<Self> {
        narrowed(self.wide_row_sums()?, &self.dtype)
    }

    /// The sum of each column of a matrix, one dimension; see [`row_sums`](Self::row_sums).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn column_sums(&self) -> Result<Self> {
        narrowed(self.wide_column_sums()?, &self.dtype)
    }

    /// The sum of each row of a matrix, not rounded to its dtype: `I64`, `U64`, `F64` or `Complex128`. Such sums of parts
    /// of a row can be added.
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn wide_row_sums(&self) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        dispatch!(&self.dtype, T => {
            let values = self.matrix_values::<T>(rows, columns)?;
            let row = |row: usize| &values[row * columns..(row + 1) * columns];
            Self::from_vec([rows], map_rows(rows, columns, &|i| T::sum(row(i))))
        }, else => Err(self.no_numbers()))
    }

    /// The sum of each column of a matrix, not rounded to its dtype; see [`wide_row_sums`](Self::wide_row_sums).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn wide_column_sums(&self) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        dispatch!(&self.dtype, T => {
            type Wide = <T as Scalar>::Sum;
            let add = |sum: Wide, value: T, _| sum.plus(value.widen());
            let start = vec![Wide::default(); columns];
            Self::from_vec([columns], self.fold_columns((rows, columns), &start, add, Scalar::plus)?)
        }, else => Err(self.no_numbers()))
    }

    /// How many values of each row of a matrix are not zero.
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn nonzero_per_row(&self) -> Result<Vec<usize>> {
        let (rows, columns) = self.matrix_shape()?;
        dispatch!(&self.dtype, T => {
            let values = self.matrix_values::<T>(rows, columns)?;
            let row = |row: usize| &values[row * columns..(row + 1) * columns];
            Ok(map_rows(rows, columns, &|i| row(i).iter().map(|value| usize::from(!T::default().eq(value))).sum()))
        }, else => Err(self.no_numbers()))
    }

    /// How many values of each column of a matrix are not zero.
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    pub fn nonzero_per_column(&self) -> Result<Vec<usize>> {
        let (rows, columns) = self.matrix_shape()?;
        dispatch!(&self.dtype, T => {
            let add = |n: usize, value: T, _| n + usize::from(!T::default().eq(&value));
            self.fold_columns((rows, columns), &vec![0; columns], add, |a, b| a + b)
        }, else => Err(self.no_numbers()))
    }

    /// Columns folded row by row; `add` is given the column as well. Each part begins with `start`, which must change nothing, however
    /// often it is joined. The parts do not depend on how many cores there are, so neither does the result.
    pub(super) fn fold_columns<T: Scalar, A: Copy + Send + Sync>(
        &self,
        (rows, columns): (usize, usize),
        start: &[A],
        add: impl Fn(A, T, usize) -> A + Sync,
        join: impl Fn(A, A) -> A,
    ) -> Result<Vec<A>> {
        let values = self.matrix_values::<T>(rows, columns)?;
        // A row at least, and so many rows that the sums of all parts are few beside the values. If that is beyond all
        // numbers there is one part.
        let part = columns.saturating_mul(64).max(values.len().div_ceil(64).next_multiple_of(columns.max(1))).max(1);
        let parts: Vec<&[T]> = values.chunks(part).collect();
        let sum_part = |number: usize| {
            let mut sums = start.to_vec();
            for row in parts[number].chunks(columns.max(1)) {
                for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum = add(*sum, value, column);
                }
            }
            sums
        };
        let parts: Vec<Vec<A>> = map_rows(parts.len(), TASK, &sum_part);
        let mut total = start.to_vec();
        for part in parts {
            total.iter_mut().zip(part).for_each(|(sum, value)| *sum = join(*sum, value));
        }
        Ok(total)
    }

    /// One value.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the dtype's type;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not one position per axis, or it is out of bounds.
    pub fn get<T: Scalar>(&self, position: &[usize]) -> Result<T> {
        let values = self.as_slice::<T>()?;
        self.position(position).and_then(|at| values.get(at).copied()).ok_or_else(|| {
            Error::invalid_input(format!("position {position:?} is out of bounds of shape {:?}", self.shape))
        })
    }

    /// One value of any type, as a tensor without dimensions.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not one position per axis, or it is out of bounds.
    pub fn get_scalar(&self, position: &[usize]) -> Result<Self> {
        if self.position(position).is_none() {
            return Err(Error::invalid_input(format!(
                "position {position:?} is out of bounds of shape {:?}",
                self.shape
            )));
        }
        let selection: Vec<AxisSelection> =
            position.iter().map(|&i| AxisSelection::Range(i as u64..i as u64 + 1)).collect();
        self.select(&selection)?.reshape([])
    }

    /// Where the value at a position is among all.
    fn position(&self, position: &[usize]) -> Option<usize> {
        let fits = position.len() == self.shape.len() && position.iter().zip(&self.shape).all(|(i, len)| i < len);
        fits.then(|| position.iter().zip(&self.shape).fold(0, |at, (i, len)| at * len + i))
    }

    pub(super) fn matrix_shape(&self) -> Result<(usize, usize)> {
        match *self.shape.as_slice() {
            [rows, columns] => Ok((rows, columns)),
            _ => Err(Error::invalid_input(format!("shape {:?} is not a matrix", self.shape))),
        }
    }

    /// All values of a matrix of this shape.
    pub(super) fn matrix_values<T: Scalar>(&self, rows: usize, columns: usize) -> Result<&[T]> {
        let values = self.as_slice::<T>()?;
        ensure!(values.len() == rows * columns, "{} values of {rows} x {columns}", values.len());
        Ok(values)
    }

    pub(super) fn no_numbers(&self) -> Error {
        Error::dtype(format!("values of type {} are not numbers", self.dtype))
    }
}

/// Sums of values of a dtype: floating point and complex ones in that dtype.
fn narrowed(sums: Tensor, dtype: &DType) -> Result<Tensor> {
    if dtype.is_float() || dtype.is_complex() { sums.cast(dtype) } else { Ok(sums) }
}

pub(super) fn rows_in_task(len: usize) -> usize {
    (TASK / len.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Complex;

    proptest! {
        #[test]
        fn rows_and_columns_of_every_dtype(
            (rows, columns, values) in (0_usize..40, 0_usize..40).prop_flat_map(|(r, c)| {
                (Just(r), Just(c), proptest::collection::vec(0_u8..3, r * c))
            }),
            dtype in proptest::sample::select(DType::NUMERIC.to_vec()),
        ) {
            let matrix = Tensor::from_vec([rows, columns], values)?.cast(&dtype)?;
            let plain = ndarray::Array2::from_shape_fn((rows, columns), |(i, j)| {
                matrix.get_scalar(&[i, j]).unwrap().cast(&DType::Complex128).unwrap().as_slice::<Complex<f64>>().unwrap()[0].re
            });
            let wide = |tensor: Tensor| -> Vec<f64> {
                tensor.cast(&DType::Complex128).unwrap().as_slice::<Complex<f64>>().unwrap().iter().map(|v| v.re).collect()
            };
            prop_assert_eq!(wide(matrix.row_sums()?), plain.sum_axis(ndarray::Axis(1)).to_vec());
            prop_assert_eq!(wide(matrix.column_sums()?), plain.sum_axis(ndarray::Axis(0)).to_vec());
            let count = |slice: ndarray::ArrayView1<'_, f64>| slice.iter().filter(|v| **v != 0.0).count();
            prop_assert_eq!(matrix.nonzero_per_row()?, plain.outer_iter().map(count).collect::<Vec<_>>());
            prop_assert_eq!(matrix.nonzero_per_column()?, plain.columns().into_iter().map(count).collect::<Vec<_>>());
            let turned = matrix.transpose()?;
            prop_assert_eq!(turned.shape(), [columns, rows]);
            prop_assert_eq!(wide(turned.clone()), plain.t().iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(turned.transpose()?, matrix);
        }
    }

    #[test]
    fn sums_are_as_wide_as_numpys() -> Result<()> {
        for (dtype, sum) in [
            (DType::Bool, DType::I64),
            (DType::I8, DType::I64),
            (DType::U32, DType::U64),
            (DType::F16, DType::F16),
            (DType::F32, DType::F32),
            (DType::Complex64, DType::Complex64),
        ] {
            let ones = Tensor::from_vec([1, 3], vec![1_u8; 3])?.cast(&dtype)?;
            assert_eq!(ones.row_sums()?.dtype(), &sum);
            assert_eq!(ones.column_sums()?.dtype(), &sum);
            assert_eq!(ones.row_sums()?, Tensor::from_vec([1], vec![3_u8])?.cast(&sum)?);
        }
        assert_eq!(Tensor::from_vec([1, 2], vec![i64::MAX, 1])?.row_sums()?.get::<i64>(&[0])?, i64::MIN);
        assert!(Tensor::from_strings([1, 1], ["a"])?.row_sums().is_err_and(|error| error.is_dtype()));
        let line = Tensor::from_vec([1], vec![1])?.column_sums().unwrap_err();
        assert!(line.is_invalid_input() && line.message() == "shape [1] is not a matrix", "{line}");
        Ok(())
    }

    #[test]
    fn text_and_records_are_transposed_too() -> Result<()> {
        let texts = Tensor::from_strings([2, 2], ["a", "b", "c", "d"])?;
        assert_eq!(texts.transpose()?.to_strings()?, ["a", "c", "b", "d"]);
        let pairs = Tensor::from_vec([2, 2, 2], vec![1_u8, 1, 2, 2, 3, 3, 4, 4])?;
        let records = Tensor::from_fields([2, 2], [("t", texts), ("n", pairs)])?.transpose()?;
        assert_eq!(records.field("t")?.to_strings()?, ["a", "c", "b", "d"]);
        assert_eq!(records.field("n")?.as_slice::<u8>()?, [1, 1, 3, 3, 2, 2, 4, 4]);
        let fixed = Tensor::from_bytes(DType::FixedBytes(3), [2, 1], *b"abcdef")?.transpose()?;
        assert_eq!((fixed.shape(), fixed.as_bytes()), ([1, 2].as_slice(), Some(b"abcdef".as_slice())));
        Ok(())
    }

    #[test]
    fn values_out_of_bounds_are_refused() -> Result<()> {
        let matrix = Tensor::from_vec([2, 2], vec![1_i16, 2, 3, 4])?;
        assert_eq!(matrix.get::<i16>(&[1, 0])?, 3);
        assert!(matrix.get::<i16>(&[0, 2]).is_err_and(|error| error.is_invalid_input()));
        assert!(matrix.get::<i16>(&[0]).is_err_and(|error| error.is_invalid_input()));
        assert!(matrix.get::<i32>(&[0, 0]).is_err_and(|error| error.is_dtype()));
        assert!(matrix.get_scalar(&[2, 0]).is_err_and(|error| error.is_invalid_input()));
        assert_eq!(matrix.get_scalar(&[1, 1])?, Tensor::scalar(4_i16));
        Ok(())
    }
}
