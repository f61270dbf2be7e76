//! The least and the greatest values of the rows and columns of a matrix.

use super::Tensor;
use super::reduce::map_rows;
use crate::{DType, Error, OrBug, Result, dispatch};

/// Values that are compared side by side.
const LANES: usize = 16;

/// Whether the least or the greatest of some values is wanted. NaN counts as both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The least; of booleans `false`.
    Least,
    /// The greatest; of booleans `true`.
    Greatest,
}

impl Extreme {
    /// The extreme of two values; NaN if either is NaN.
    ///
    /// ```
    /// use anndata_storage::Extreme;
    ///
    /// assert_eq!(Extreme::Least.of_two(3, 2), 2);
    /// assert!(Extreme::Least.of_two(3.0, f64::NAN).is_nan());
    /// ```
    pub fn of_two<T: PartialOrd + Copy>(self, a: T, b: T) -> T {
        match self {
            Self::Least => lesser(a, b),
            Self::Greatest => greater(a, b),
        }
    }

    /// The extreme of some values; `None` if there are none.
    pub fn of<T: PartialOrd + Copy>(self, values: &[T]) -> Option<T> {
        // Each loop knows which it is.
        match self {
            Self::Least => reduced(values, |a, b| if b < a { b } else { a }),
            Self::Greatest => reduced(values, |a, b| if b > a { b } else { a }),
        }
    }

    /// Checks that each row (axis 0) or column (axis 1) of a matrix has an extreme.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if values of the dtype have no order;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the rows, or columns, have no values.
    pub fn check(dtype: &DType, (rows, columns): (usize, usize), axis: usize) -> Result<()> {
        if !dtype.is_numeric() || dtype.is_complex() {
            return Err(Error::dtype(format!("values of type {dtype} have no order")));
        }
        let (count, len) = if axis == 0 { (rows, columns) } else { (columns, rows) };
        if count > 0 && len == 0 {
            let message = format!("a matrix of {rows} x {columns} values has none that is the least or the greatest");
            return Err(Error::invalid_input(message));
        }
        Ok(())
    }
}

#[expect(clippy::eq_op, reason = "NaN alone is not equal to itself")]
fn lesser<T: PartialOrd + Copy>(a: T, b: T) -> T {
    if a < b || a != a { a } else { b }
}

#[expect(clippy::eq_op, reason = "NaN alone is not equal to itself")]
fn greater<T: PartialOrd + Copy>(a: T, b: T) -> T {
    if a > b || a != a { a } else { b }
}

/// Reduces many values side by side; NaN if there is one among them. What is picked of a value and NaN is the first of both: the
/// processor has an instruction for that, and NaN is looked for apart from it.
#[expect(clippy::eq_op, reason = "NaN alone is not equal to itself")]
fn reduced<T: PartialOrd + Copy>(values: &[T], pick: impl Fn(T, T) -> T) -> Option<T> {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut nan = [false; LANES];
    let mut lanes = whole.first().copied();
    if let Some(lanes) = &mut lanes {
        for values in whole {
            for ((lane, nan), &value) in lanes.iter_mut().zip(&mut nan).zip(values) {
                *lane = pick(*lane, value);
                *nan |= value != value;
            }
        }
        // One half with the other, as long as there are two: each step waits for the one before it.
        let mut half = LANES / 2;
        while half > 0 {
            let (left, right) = lanes.split_at_mut(half);
            left.iter_mut().zip(right).for_each(|(lane, &mut value)| *lane = pick(*lane, value));
            half /= 2;
        }
    }
    if nan.contains(&true) || rest.iter().any(|value| value != value) {
        return values.iter().copied().find(|value| value != value);
    }
    lanes.iter().flatten().take(1).chain(rest).copied().reduce(pick)
}

impl Tensor {
    /// The least value of each row of a matrix, one dimension, in its own dtype; NaN if there is one among them, as in numpy.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let matrix = Tensor::from_vec([2, 3], vec![1, -2, 3, 5, 5, 7])?;
    /// assert_eq!(matrix.row_minima()?.as_slice::<i32>()?, [-2, 5]);
    /// assert_eq!(matrix.column_maxima()?.as_slice::<i32>()?, [5, 5, 7]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it does not have two dimensions, or rows without values;
    /// [`DType`](crate::ErrorKind::DType) if it does not hold real numbers or booleans.
    #[doc(alias = "min")]
    pub fn row_minima(&self) -> Result<Self> {
        self.row_extremes(Extreme::Least)
    }

    /// The greatest value of each row of a matrix; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    #[doc(alias = "max")]
    pub fn row_maxima(&self) -> Result<Self> {
        self.row_extremes(Extreme::Greatest)
    }

    /// The least value of each column of a matrix; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    #[doc(alias = "min")]
    pub fn column_minima(&self) -> Result<Self> {
        self.column_extremes(Extreme::Least)
    }

    /// The greatest value of each column of a matrix; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    #[doc(alias = "max")]
    pub fn column_maxima(&self) -> Result<Self> {
        self.column_extremes(Extreme::Greatest)
    }

    /// The least or the greatest value of each row of a matrix; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    pub fn row_extremes(&self, extreme: Extreme) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        Extreme::check(&self.dtype, (rows, columns), 0)?;
        dispatch!(real &self.dtype, T => {
            let values = self.matrix_values::<T>(rows, columns)?;
            let row = |row: usize| extreme.of(&values[row * columns..(row + 1) * columns]);
            let found = map_rows(rows, columns, &row).into_iter().collect::<Option<Vec<T>>>();
            Self::from_vec([rows], found.or_bug("a row without values")?)
        }, else => Err(self.no_numbers()))
    }

    /// The least or the greatest value of each column of a matrix; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    pub fn column_extremes(&self, extreme: Extreme) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        Extreme::check(&self.dtype, (rows, columns), 1)?;
        dispatch!(real &self.dtype, T => {
            // It changes nothing to look at the first row several times.
            let first = self.matrix_values::<T>(rows, columns)?.get(..columns).or_bug("columns without a row")?;
            let found = match extreme {
                Extreme::Least => self.fold_columns((rows, columns), first, |a, b: T, _| lesser(a, b), lesser)?,
                Extreme::Greatest => self.fold_columns((rows, columns), first, |a, b: T, _| greater(a, b), greater)?,
            };
            Self::from_vec([columns], found)
        }, else => Err(self.no_numbers()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Complex;

    proptest! {
        #[test]
        fn extremes_of_every_real_dtype(
            (rows, columns, values) in (1_usize..150, 1_usize..40).prop_flat_map(|(r, c)| {
                (Just(r), Just(c), proptest::collection::vec(0_u8..100, r * c))
            }),
            dtype in proptest::sample::select(DType::NUMERIC.iter().filter(|d| !d.is_complex()).cloned().collect::<Vec<_>>()),
        ) {
            let matrix = Tensor::from_vec([rows, columns], values)?.cast(&dtype)?;
            let doubles = |tensor: &Tensor| tensor.cast(&DType::F64).unwrap().as_slice::<f64>().unwrap().to_vec();
            let plain = |matrix: &Tensor, len: usize, of: fn(f64, f64) -> f64| {
                doubles(matrix).chunks(len).map(|values| values.iter().copied().reduce(of).unwrap()).collect::<Vec<_>>()
            };
            let turned = matrix.transpose()?;
            for (found, expected) in [
                (matrix.row_minima()?, plain(&matrix, columns, f64::min)),
                (matrix.row_maxima()?, plain(&matrix, columns, f64::max)),
                (matrix.column_minima()?, plain(&turned, rows, f64::min)),
                (matrix.column_maxima()?, plain(&turned, rows, f64::max)),
            ] {
                prop_assert_eq!(found.dtype(), &dtype);
                prop_assert_eq!(doubles(&found), expected);
            }
        }
    }

    #[test]
    fn nan_is_both() -> Result<()> {
        for len in [1, 7, 16, 40] {
            for at in 0..len {
                let mut values = vec![1.0_f32; len];
                values[at] = f32::NAN;
                let (row, column) = (Tensor::from_vec([1, len], values.clone())?, Tensor::from_vec([len, 1], values)?);
                for found in [row.row_minima()?, row.row_maxima()?, column.column_minima()?, column.column_maxima()?] {
                    assert!(found.get::<f32>(&[0])?.is_nan(), "{at} of {len}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn what_has_no_extreme_is_refused() -> Result<()> {
        let (flat, thin) = (Tensor::from_vec([0, 3], Vec::<u8>::new())?, Tensor::from_vec([3, 0], Vec::<u8>::new())?);
        assert!(flat.row_minima()?.is_empty() && thin.column_maxima()?.is_empty());
        for refused in [flat.column_minima(), thin.row_maxima()] {
            let error = refused.unwrap_err();
            assert!(error.is_invalid_input() && error.message().contains("has none that is the least"), "{error}");
        }
        let complex = Tensor::from_vec([1, 1], vec![Complex::new(1.0_f32, 1.0)])?.row_minima().unwrap_err();
        assert!(complex.is_dtype() && complex.message() == "values of type complex64 have no order", "{complex}");
        assert!(Tensor::from_strings([1, 1], ["a"])?.column_maxima().is_err_and(|error| error.is_dtype()));
        Ok(())
    }
}
