//! The least and the greatest values of the rows and columns of a matrix.

use super::Tensor;
use super::reduce::map_rows;
use crate::{Error, OrBug, Result, Scalar, dispatch};

/// About how many values of each column are looked at for one part, if there are many.
const ROWS: usize = 64;

/// Values that are compared side by side.
const LANES: usize = 16;

/// Which of some values is wanted: the least or the greatest. NaN is both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The least; of booleans `false`.
    Least,
    /// The greatest; of booleans `true`.
    Greatest,
}

impl Extreme {
    /// That of two values, and NaN if one of them is.
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

    /// That of some values; none of none.
    pub fn of<T: PartialOrd + Copy>(self, values: &[T]) -> Option<T> {
        // The loops know which it is.
        match self {
            Self::Least => reduced(values, lesser),
            Self::Greatest => reduced(values, greater),
        }
    }

    /// Puts that of each value, and the value at its place in `others`, in its place.
    pub fn of_each<T: PartialOrd + Copy>(self, values: &mut [T], others: &[T]) {
        match self {
            Self::Least => values.iter_mut().zip(others).for_each(|(value, &other)| *value = lesser(*value, other)),
            Self::Greatest => values.iter_mut().zip(others).for_each(|(value, &other)| *value = greater(*value, other)),
        }
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

/// Reduces many values side by side.
fn reduced<T: Copy>(values: &[T], pick: impl Fn(T, T) -> T) -> Option<T> {
    let (whole, rest) = values.as_chunks::<LANES>();
    let (first, others) = whole.split_first().unzip();
    let mut lanes = first.copied();
    if let Some(lanes) = &mut lanes {
        for values in others.unwrap_or_default() {
            lanes.iter_mut().zip(values).for_each(|(lane, &value)| *lane = pick(*lane, value));
        }
    }
    lanes.iter().flatten().chain(rest).copied().reduce(pick)
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
        dispatch!(real &self.dtype, T => {
            let values = self.matrix_values::<T>(rows, columns)?;
            let row = |row: usize| extreme.of(&values[row * columns..(row + 1) * columns]);
            let found = map_rows(rows, columns, &row).into_iter().collect::<Option<Vec<T>>>();
            Self::from_vec([rows], found.ok_or_else(|| no_extreme((rows, columns)))?)
        }, else => Err(self.no_order()))
    }

    /// The least or the greatest value of each column of a matrix; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    pub fn column_extremes(&self, extreme: Extreme) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        if rows == 0 && columns > 0 {
            return Err(no_extreme((rows, columns)));
        }
        dispatch!(real &self.dtype, T => {
            let values = self.matrix_values::<T>(rows, columns)?;
            Self::from_vec([columns], of_columns(values, columns, extreme)?)
        }, else => Err(self.no_order()))
    }

    fn no_order(&self) -> Error {
        Error::dtype(format!("values of type {} have no order", self.dtype))
    }
}

/// Of each column of a matrix that has a row, or no columns.
fn of_columns<T: Scalar + PartialOrd>(values: &[T], columns: usize, extreme: Extreme) -> Result<Vec<T>> {
    let rows: Vec<&[T]> = values.chunks(columns.saturating_mul(ROWS).max(1)).collect();
    let of_part = |part: usize| {
        let mut rows = rows[part].chunks(columns.max(1));
        let mut found = rows.next().unwrap_or_default().to_vec();
        for row in rows {
            extreme.of_each(&mut found, row);
        }
        found
    };
    let parts = map_rows(rows.len(), columns.saturating_mul(ROWS), &of_part).into_iter();
    let found = parts.reduce(|mut all, part| {
        extreme.of_each(&mut all, &part);
        all
    });
    match found {
        None if columns > 0 => None.or_bug("a matrix without a part"),
        found => Ok(found.unwrap_or_default()),
    }
}

/// What is said of rows, or columns, without values.
#[cold]
fn no_extreme((rows, columns): (usize, usize)) -> Error {
    Error::invalid_input(format!("a matrix of {rows} x {columns} values has none that is the least or the greatest"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Complex, DType};

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
