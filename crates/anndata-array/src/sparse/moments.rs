//! Means and variances of rows and columns. Values that are not stored are zeros, and count.
//!
//! Tried, and a third slower: across major slices, first all values of a block that belong to some cells, which stay in the nearest
//! cache, then those of the next cells.

use std::ops::Range;

use anndata_storage::{DType, Error, Moments, OrBug, Result, Scalar, Tensor, dispatch};

use super::buffers::{Index, by_width, plain};
use super::major::{blocks_of, fold_parts, part_size};
use super::{SparseFormat, SparseMatrix};

/// Which share of the sum of squares the squared deviations have at least, for the one to be told from the other: four
/// digits of sixteen are lost then.
const LEAST_DEVIATION: f64 = 1e-4;

/// The sum of some values, and that of their squares.
#[derive(Clone, Copy, Default)]
struct Sums {
    sum: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.squares += value * value;
    }

    fn plus(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, squares: self.squares + other.squares }
    }
}

impl SparseMatrix {
    /// The mean of each row, one dimension, `F64`; NaN if there are no columns. The result does not depend on the number
    /// of cores.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values are complex.
    #[doc(alias = "mean")]
    pub fn row_means(&self) -> Result<Tensor> {
        let (rows, columns) = self.shape;
        Moments::new(columns, self.row_sums_f64()?, vec![0.0; rows])?.means()
    }

    /// The mean of each column; see [`row_means`](Self::row_means).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "mean")]
    pub fn column_means(&self) -> Result<Tensor> {
        let (rows, columns) = self.shape;
        Moments::new(rows, self.column_sums_f64()?, vec![0.0; columns])?.means()
    }

    /// The variance of each row, one dimension, `F64`: squared deviations from the mean, divided by the number of columns
    /// less `ddof`. NaN if there are no more than `ddof` columns. If all values are nearly the same, a second
    /// pass is made, so that no digits are lost.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 0.0, 6.0])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// assert_eq!(matrix.row_variances(1)?.as_slice::<f64>()?, [1.0, 12.0]);
    /// assert_eq!(matrix.column_variances(0)?.as_slice::<f64>()?, [0.25, 0.0, 4.0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "var")]
    pub fn row_variances(&self, ddof: usize) -> Result<Tensor> {
        self.row_moments()?.variances(ddof)
    }

    /// The variance of each column; see [`row_variances`](Self::row_variances).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "var")]
    pub fn column_variances(&self, ddof: usize) -> Result<Tensor> {
        self.column_moments()?.variances(ddof)
    }

    /// The moments of each row.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn row_moments(&self) -> Result<Moments> {
        self.moments(self.format == SparseFormat::Csr)
    }

    /// The moments of each column.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn column_moments(&self) -> Result<Moments> {
        self.moments(self.format == SparseFormat::Csc)
    }

    /// Moments of the major slices, or across them.
    fn moments(&self, of_slices: bool) -> Result<Moments> {
        if self.dtype().is_complex() {
            return Err(self.no_doubles());
        }
        if !of_slices && let Some(moments) = self.moments_at_once()? {
            return Ok(moments);
        }
        // The square of a sum is not the sum of squares.
        let matrix = self.to_canonical()?;
        let (major, minor) = self.axes();
        if of_slices {
            // Sums of integers of 64 bits may wrap around.
            let is_wide = matches!(matrix.dtype(), DType::I64 | DType::U64);
            return if is_wide { matrix.cast(&DType::F64)?.moments_of(minor) } else { matrix.moments_of(minor) };
        }
        let sums = matrix.sums_f64(|matrix| matrix.sums(false))?;
        let squares = matrix.squares_across(&sums, major)?;
        Moments::new(major, sums, squares)
    }

    /// Moments across the major slices in one pass, from the sums of the squares. None where these do not tell the
    /// deviations well, as those of values that are all nearly the same, and where an index is stored twice.
    fn moments_at_once(&self) -> Result<Option<Moments>> {
        let offsets = self.major_offsets()?;
        let (major, minor) = self.axes();
        let parts = blocks_of(offsets.ends().iter().copied(), part_size(self.nnz(), minor));
        if self.canonical.known() == Some(false) {
            return Ok(None);
        }
        let sums = by_width!(self.indices.dtype(), I => {
            let indices = plain::<I>(&self.indices)?;
            let add = |cells: &mut [Sums], slices: Range<usize>| {
                let slices = slices.map(|slice| offsets.range(slice));
                dispatch!(real self.dtype(), T => add_all(indices, self.data.as_slice::<T>()?, slices, cells), else => {
                    Err(self.no_doubles())
                })
            };
            fold_parts(&parts, minor, &add, &Sums::plus)?
        });
        self.canonical.found(sums.is_some());
        let Some(sums) = sums else { return Ok(None) };
        let count = length(major);
        let deviations = sums.iter().map(|cell| (cell.squares - cell.sum * cell.sum / count, cell.squares));
        let (squares, of_values): (Vec<f64>, Vec<f64>) = deviations.unzip();
        // Not so for NaN, which is what infinite squares make of any values.
        if !squares.iter().zip(&of_values).all(|(squares, of_values)| *squares >= LEAST_DEVIATION * of_values) {
            return Ok(None);
        }
        Moments::new(major, sums.iter().map(|cell| cell.sum).collect(), squares).map(Some)
    }

    /// The moments of the major slices of `len` values: the sum of one, and then its squared deviations, while it is in the cache.
    fn moments_of(&self, len: usize) -> Result<Moments> {
        let moments = dispatch!(real self.dtype(), T => {
            let data = self.data.as_slice::<T>()?;
            self.of_slices(&|_, slice| {
                let values = data.get(slice).or_bug("a major slice beyond the values")?;
                let sum = T::sum(values).to_f64();
                let mean = sum / length(len);
                Ok((sum, with_zeros(T::squares(values, mean), mean, len, values.len())?))
            })?
        }, else => return Err(self.no_doubles()));
        let (sums, squares) = moments.into_iter().unzip();
        Moments::new(len, sums, squares)
    }

    /// The squared deviations of the values at each position of the minor axis.
    fn squares_across(&self, sums: &[f64], len: usize) -> Result<Vec<f64>> {
        let means: Vec<f64> = sums.iter().map(|sum| sum / length(len)).collect();
        let stored = dispatch!(real self.dtype(), T => {
            let data = self.data.as_slice::<T>()?;
            let add = |cells: &mut [(f64, usize)], index: usize, at: usize| {
                let mean = means.get(index).or_bug("an index beyond the axis")?;
                let (squares, count) = cells.get_mut(index).or_bug("an index beyond the axis")?;
                *squares += (data.get(at).or_bug("an index without a value")?.to_f64() - mean).powi(2);
                *count += 1;
                Ok(())
            };
            self.across(add, |a, b| (a.0 + b.0, a.1 + b.1))?
        }, else => return Err(self.no_doubles()));
        let all = means.iter().zip(stored);
        all.map(|(&mean, (squares, count))| with_zeros(squares, mean, len, count)).collect()
    }

    /// The sum of each row as a double: what a mean is made of. It does not wrap around, as that of integers in 64 bits may.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn row_sums_f64(&self) -> Result<Vec<f64>> {
        self.sums_f64(Self::wide_row_sums)
    }

    /// The sum of each column as a double; see [`row_sums_f64`](Self::row_sums_f64).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn column_sums_f64(&self) -> Result<Vec<f64>> {
        self.sums_f64(Self::wide_column_sums)
    }

    fn sums_f64(&self, sums: impl Fn(&Self) -> Result<Tensor>) -> Result<Vec<f64>> {
        let sums = match self.dtype() {
            DType::I64 | DType::U64 => sums(&self.cast(&DType::F64)?)?,
            dtype if dtype.is_complex() => return Err(self.no_doubles()),
            _ => sums(self)?,
        };
        Ok(sums.cast(&DType::F64)?.as_slice::<f64>()?.to_vec())
    }

    fn no_doubles(&self) -> Error {
        Error::dtype(format!("values of type {} have no mean and variance as doubles", self.dtype()))
    }
}

/// Adds the values of major slices to the cells that their indices name. False as soon as the indices of one do not increase; what
/// is in the cells is of no use then.
fn add_all<I: Index, T: Scalar>(
    indices: &[I],
    values: &[T],
    slices: impl Iterator<Item = Result<Range<usize>>>,
    cells: &mut [Sums],
) -> Result<bool> {
    for slice in slices {
        let slice = slice?;
        let indices = indices.get(slice.clone()).or_bug("a major slice beyond the indices")?;
        let values = values.get(slice).or_bug("a major slice beyond the values")?;
        // Told once for all, so that nothing in the loop waits for it.
        let (mut last, mut increase) = (None, true);
        for (&index, &value) in indices.iter().zip(values) {
            increase &= last < Some(index);
            last = Some(index);
            cells.get_mut(index.to_usize()).or_bug("an index beyond the axis")?.add(value.to_f64());
        }
        if !increase {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Squared deviations of `len` values, of which `stored` are known and the others are zeros.
fn with_zeros(squares: f64, mean: f64, len: usize, stored: usize) -> Result<f64> {
    // The square of a large mean may be infinite: without a zero it has no part in this.
    match len.checked_sub(stored).or_bug("more values are stored than there are")? {
        0 => Ok(squares),
        zeros => Ok(squares + mean * mean * length(zeros)),
    }
}

/// A number of values as a double, which it is rounded to only beyond 2^53.
#[expect(clippy::cast_precision_loss, reason = "documented rounding")]
fn length(count: usize) -> f64 {
    count as f64
}
