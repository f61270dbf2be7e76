//! [`Moments`]: means and variances of the rows and columns of a matrix.

use super::Tensor;
use super::reduce::map_rows;
use crate::{DType, Error, Result, Scalar, dispatch, ensure};

/// What means and variances are made of: for each row (or column) of a matrix the sum of its values and the sum of their
/// squared deviations from the mean.
///
/// Moments of parts of a matrix are put together with [`merge`](Self::merge) and [`append`](Self::append), so that a
/// matrix which does not fit into memory is passed over once:
///
/// ```
/// use anndata_storage::Tensor;
///
/// let matrix = Tensor::from_vec([4, 2], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 8.0])?;
/// let (top, bottom) = (matrix.slice_rows(0..2)?, matrix.slice_rows(2..4)?);
/// let moments = top.column_moments()?.merge(&bottom.column_moments()?)?;
/// assert_eq!(moments.means()?.as_slice::<f64>()?, [2.5, 2.0]);
/// assert_eq!(moments.variances(0)?.as_slice::<f64>()?, [1.25, 12.0]);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// How many values each row or column has.
    count: usize,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Moments of rows (or columns) of `count` values each: their sums, and the sums of squared deviations.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there are not as many of the one as of the other.
    pub fn new(count: usize, sums: Vec<f64>, squares: Vec<f64>) -> Result<Self> {
        if sums.len() != squares.len() {
            let message = format!("expected one square per sum, found {} squares and {}", squares.len(), sums.len());
            return Err(Error::invalid_input(message));
        }
        Ok(Self { count, sums, squares })
    }

    /// The mean of each row or column, `F64`; NaN if it has no value.
    ///
    /// # Errors
    /// None for moments of a matrix in memory.
    pub fn means(&self) -> Result<Tensor> {
        Tensor::from_vec([self.sums.len()], self.sums.iter().map(|sum| sum / length(self.count)).collect())
    }

    /// The variance of each row or column, `F64`: the sum of squared deviations divided by the number of values less
    /// `ddof`. NaN if there are no more than `ddof` values.
    ///
    /// # Errors
    /// None for moments of a matrix in memory.
    pub fn variances(&self, ddof: usize) -> Result<Tensor> {
        let divisor = match self.count.checked_sub(ddof) {
            Some(0) | None => f64::NAN,
            Some(divisor) => length(divisor),
        };
        Tensor::from_vec([self.squares.len()], self.squares.iter().map(|squares| squares / divisor).collect())
    }

    /// The moments of the same rows (or columns) with further values.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there are not as many rows (or columns).
    pub fn merge(mut self, other: &Self) -> Result<Self> {
        if self.sums.len() != other.sums.len() {
            let message = format!("moments of {} cannot be merged with those of {}", self.sums.len(), other.sums.len());
            return Err(Error::invalid_input(message));
        }
        if other.count == 0 {
            return Ok(self);
        }
        if self.count == 0 {
            return Ok(other.clone());
        }
        let (own, added) = (length(self.count), length(other.count));
        let weight = own * added / (own + added);
        let sums = self.sums.iter_mut().zip(&other.sums);
        for ((sum, &more), (squares, more_squares)) in sums.zip(self.squares.iter_mut().zip(&other.squares)) {
            let difference = more / added - *sum / own;
            *squares += more_squares + difference * difference * weight;
            *sum += more;
        }
        self.count += other.count;
        Ok(self)
    }

    /// The moments of these rows (or columns) and of further ones.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if those have another number of values each.
    pub fn append(mut self, other: &Self) -> Result<Self> {
        if self.count != other.count {
            let message = format!("moments of {} values cannot follow those of {}", other.count, self.count);
            return Err(Error::invalid_input(message));
        }
        self.sums.extend_from_slice(&other.sums);
        self.squares.extend_from_slice(&other.squares);
        Ok(self)
    }
}

impl Tensor {
    /// The mean of each row of a matrix, one dimension, `F64`. NaN counts as a value, and rows without values have it.
    ///
    /// # Errors
    /// If it does not have two dimensions, or does not hold real numbers.
    #[doc(alias = "mean")]
    pub fn row_means(&self) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        Moments::new(columns, self.row_sums_f64()?, vec![0.0; rows])?.means()
    }

    /// The mean of each column of a matrix; see [`row_means`](Self::row_means).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "mean")]
    pub fn column_means(&self) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        Moments::new(rows, self.column_sums_f64()?, vec![0.0; columns])?.means()
    }

    /// The variance of each row of a matrix, one dimension, `F64`, in two passes: squared deviations from the mean,
    /// divided by the number of columns less `ddof`. NaN if there are no more than `ddof` columns.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let matrix = Tensor::from_vec([2, 3], vec![1_u8, 2, 3, 5, 5, 5])?;
    /// assert_eq!(matrix.row_variances(1)?.as_slice::<f64>()?, [1.0, 0.0]);
    /// assert_eq!(matrix.column_variances(0)?.as_slice::<f64>()?, [4.0, 2.25, 1.0]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "var")]
    pub fn row_variances(&self, ddof: usize) -> Result<Self> {
        self.row_moments()?.variances(ddof)
    }

    /// The variance of each column of a matrix; see [`row_variances`](Self::row_variances).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "var")]
    pub fn column_variances(&self, ddof: usize) -> Result<Self> {
        self.column_moments()?.variances(ddof)
    }

    /// The moments of each row of a matrix.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn row_moments(&self) -> Result<Moments> {
        let (rows, columns) = self.matrix_shape()?;
        if matches!(self.dtype, DType::I64 | DType::U64) {
            // Their sums may wrap around.
            return self.cast(&DType::F64)?.row_moments();
        }
        // The sum of a row, and then its squared deviations, while it is in the cache.
        let moments = dispatch!(real &self.dtype, T => {
            let values = self.matrix_values::<T>(rows, columns)?;
            map_rows(rows, columns, &|row| {
                let row = &values[row * columns..(row + 1) * columns];
                let sum = T::sum(row).to_f64();
                (sum, T::squares(row, sum / length(columns)))
            })
        }, else => return Err(self.no_doubles()));
        let (sums, squares) = moments.into_iter().unzip();
        Moments::new(columns, sums, squares)
    }

    /// The moments of each column of a matrix.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn column_moments(&self) -> Result<Moments> {
        let (rows, columns) = self.matrix_shape()?;
        let sums = self.column_sums_f64()?;
        let means: Vec<f64> = sums.iter().map(|sum| sum / length(rows)).collect();
        ensure!(means.len() == columns, "{} means of {columns} columns", means.len());
        let squares = dispatch!(real &self.dtype, T => {
            let add = |squares: f64, value: T, column: usize| {
                let deviation = value.to_f64() - means[column];
                squares + deviation * deviation
            };
            self.fold_columns((rows, columns), &vec![0.0; columns], add, |a, b| a + b)?
        }, else => return Err(self.no_numbers()));
        Moments::new(rows, sums, squares)
    }

    /// The sum of each row of a matrix as a double: what a mean is made of. It does not wrap around, as that of integers in
    /// 64 bits may.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn row_sums_f64(&self) -> Result<Vec<f64>> {
        self.sums_f64(Self::wide_row_sums)
    }

    /// The sum of each column of a matrix as a double; see [`row_sums_f64`](Self::row_sums_f64).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn column_sums_f64(&self) -> Result<Vec<f64>> {
        self.sums_f64(Self::wide_column_sums)
    }

    fn sums_f64(&self, sums: impl Fn(&Self) -> Result<Self>) -> Result<Vec<f64>> {
        let sums = match self.dtype {
            DType::I64 | DType::U64 => sums(&self.cast(&DType::F64)?)?,
            DType::Complex64 | DType::Complex128 => return Err(self.no_doubles()),
            _ => sums(self)?,
        };
        Ok(sums.cast(&DType::F64)?.as_slice::<f64>()?.to_vec())
    }

    fn no_doubles(&self) -> Error {
        Error::dtype(format!("values of type {} have no mean and variance as doubles", self.dtype))
    }
}

/// A number of values as a double, which it is rounded to only beyond 2^53.
#[expect(clippy::cast_precision_loss, reason = "documented rounding")]
fn length(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Complex;

    fn doubles(tensor: &Tensor) -> Vec<f64> {
        tensor.as_slice::<f64>().unwrap().to_vec()
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        let near = |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs().max(1.0);
        a.len() == b.len() && a.iter().zip(b).all(near)
    }

    /// Mean and variance of values, the plainest way.
    fn plain(values: &[f64], ddof: usize) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / length(values.len());
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let divisor = if values.len() > ddof { length(values.len() - ddof) } else { f64::NAN };
        (mean, squares / divisor)
    }

    proptest! {
        #[test]
        fn moments_of_every_real_dtype(
            (rows, columns, values) in (0_usize..30, 0_usize..30).prop_flat_map(|(r, c)| {
                (Just(r), Just(c), proptest::collection::vec(0_u8..100, r * c))
            }),
            dtype in proptest::sample::select(DType::NUMERIC.iter().filter(|d| !d.is_complex()).cloned().collect::<Vec<_>>()),
            (ddof, cut) in (0_usize..3, 0_usize..30),
        ) {
            let matrix = Tensor::from_vec([rows, columns], values)?.cast(&dtype)?;
            let wide = matrix.cast(&DType::F64)?;
            let (by_rows, turned) = (doubles(&wide), doubles(&wide.transpose()?));
            let expected = |values: &[f64], len: usize, n: usize| -> (Vec<f64>, Vec<f64>) {
                (0..n).map(|i| plain(&values[i * len..(i + 1) * len], ddof)).unzip()
            };
            let (means, variances) = expected(&by_rows, columns, rows);
            prop_assert!(close(&doubles(&matrix.row_means()?), &means));
            prop_assert!(close(&doubles(&matrix.row_variances(ddof)?), &variances));
            let (means, variances) = expected(&turned, rows, columns);
            prop_assert!(close(&doubles(&matrix.column_means()?), &means));
            prop_assert!(close(&doubles(&matrix.column_variances(ddof)?), &variances));

            let cut = cut.min(rows);
            let (top, bottom) = (matrix.slice_rows(0..cut)?, matrix.slice_rows(cut..rows)?);
            let merged = top.column_moments()?.merge(&bottom.column_moments()?)?;
            prop_assert!(close(&doubles(&merged.means()?), &means));
            prop_assert!(close(&doubles(&merged.variances(ddof)?), &variances));
            prop_assert_eq!(top.row_moments()?.append(&bottom.row_moments()?)?, matrix.row_moments()?);
        }
    }

    #[test]
    fn values_far_from_zero_keep_their_variance() -> Result<()> {
        let far = Tensor::from_vec([4, 1], vec![1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0])?;
        assert_eq!(far.column_variances(1)?.as_slice::<f64>()?, [30.0]);
        let halves = far.slice_rows(0..2)?.column_moments()?.merge(&far.slice_rows(2..4)?.column_moments()?)?;
        assert_eq!(halves.variances(1)?.as_slice::<f64>()?, [30.0]);
        let large = Tensor::from_vec([2, 1], vec![u64::MAX, u64::MAX])?;
        assert!((large.column_means()?.get::<f64>(&[0])? / 2.0_f64.powi(64) - 1.0).abs() < 1e-15);
        Ok(())
    }

    #[test]
    fn nan_stays_and_what_has_no_mean_is_refused() -> Result<()> {
        let matrix = Tensor::from_vec([2, 2], vec![f32::NAN, 1.0, 2.0, 3.0])?;
        let means = matrix.column_means()?;
        assert!(means.get::<f64>(&[0])?.is_nan() && close(&doubles(&means)[1..], &[2.0]));
        assert!(matrix.row_variances(0)?.get::<f64>(&[0])?.is_nan());
        assert!(matrix.row_variances(2)?.as_slice::<f64>()?.iter().all(|value| value.is_nan()));
        let complex = Tensor::from_vec([1, 1], vec![Complex::new(1.0_f32, 1.0)])?;
        let refused = complex.column_means().unwrap_err();
        assert!(refused.is_dtype() && refused.message().contains("complex64 have no mean"), "{refused}");
        assert!(Tensor::from_strings([1, 1], ["a"])?.row_moments().is_err_and(|error| error.is_dtype()));
        assert!(Tensor::from_vec([1], vec![1])?.row_means().is_err_and(|error| error.is_invalid_input()));
        let (one, two) = (Moments::new(1, vec![1.0], vec![0.0])?, Moments::new(2, vec![1.0; 2], vec![0.0; 2])?);
        assert!(one.clone().merge(&two).is_err_and(|error| error.is_invalid_input()));
        assert!(one.append(&two).is_err_and(|error| error.is_invalid_input()));
        assert!(Moments::new(1, vec![1.0], vec![]).is_err_and(|error| error.is_invalid_input()));
        Ok(())
    }
}
