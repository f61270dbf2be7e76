//! Statistics of an [`Element`] that is a matrix, by rows and by columns.

use anndata_array::Groups;
use anndata_storage::{Error, Extreme, Moments, OrBug, Result, Scalar, Tensor, dispatch};

use super::Matrix;
use super::blocks::Blocks;
use crate::Element;

/// Sums, means, variances, extremes and counts by row and by column of a matrix, dense or sparse. Values that a sparse matrix does not
/// store are zeros, and count. NaN makes a sum, mean, variance or extreme NaN.
///
/// A matrix that is lazy, stored or part of another, is read in blocks of about 64 MiB that are not kept: rows of a dense or
/// CSR matrix, columns of a CSC matrix. So it may be larger than memory.
///
/// ```
/// use anndata_core::{Element, Tensor};
///
/// let x = Element::from(Tensor::from_vec([2, 3], vec![1_i32, 0, 2, 0, 3, 0])?);
/// assert_eq!(x.row_sums()?.as_slice::<i64>()?, [3, 3]);
/// assert_eq!(x.column_means()?.as_slice::<f64>()?, [0.5, 1.5, 1.0]);
/// assert_eq!(x.column_variances(1)?.as_slice::<f64>()?, [0.5, 4.5, 2.0]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl Element {
    /// The sum of each row, one dimension: integers in 64 bits, floating point and complex numbers in their own dtype.
    ///
    /// # Errors
    /// If it is not a matrix of numbers, or cannot be read.
    #[doc(alias = "sum")]
    pub fn row_sums(&self) -> Result<Tensor> {
        self.sums(0, |matrix| match matrix {
            Matrix::Dense(dense) => dense.wide_row_sums(),
            Matrix::Sparse(sparse) => sparse.wide_row_sums(),
        })
    }

    /// The sum of each column, one dimension; see [`row_sums`](Self::row_sums).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    #[doc(alias = "sum")]
    pub fn column_sums(&self) -> Result<Tensor> {
        self.sums(1, |matrix| match matrix {
            Matrix::Dense(dense) => dense.wide_column_sums(),
            Matrix::Sparse(sparse) => sparse.wide_column_sums(),
        })
    }

    /// The mean of each row, one dimension, `F64`; NaN if there are no columns.
    ///
    /// # Errors
    /// If it is not a matrix of real numbers, or cannot be read.
    #[doc(alias = "mean")]
    pub fn row_means(&self) -> Result<Tensor> {
        self.means(0, |matrix| match matrix {
            Matrix::Dense(dense) => dense.row_sums_f64(),
            Matrix::Sparse(sparse) => sparse.row_sums_f64(),
        })
    }

    /// The mean of each column, one dimension, `F64`; NaN if there are no rows.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "mean")]
    pub fn column_means(&self) -> Result<Tensor> {
        self.means(1, |matrix| match matrix {
            Matrix::Dense(dense) => dense.column_sums_f64(),
            Matrix::Sparse(sparse) => sparse.column_sums_f64(),
        })
    }

    /// The variance of each row, one dimension, `F64`: squared deviations from the mean, divided by the number of columns
    /// less `ddof`. NaN if there are no more than `ddof` columns. numpy has `ddof = 0`, scanpy 1.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "var")]
    pub fn row_variances(&self, ddof: usize) -> Result<Tensor> {
        self.row_moments()?.variances(ddof)
    }

    /// The variance of each column, one dimension, `F64`; see [`row_variances`](Self::row_variances).
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    #[doc(alias = "var")]
    pub fn column_variances(&self, ddof: usize) -> Result<Tensor> {
        self.column_moments()?.variances(ddof)
    }

    /// What the means and the variances of the rows are made of, for both in one pass.
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn row_moments(&self) -> Result<Moments> {
        self.statistic(0, |matrix| match matrix {
            Matrix::Dense(dense) => dense.row_moments(),
            Matrix::Sparse(sparse) => sparse.row_moments(),
        })
    }

    /// What the means and the variances of the columns are made of, for both in one pass.
    ///
    /// ```
    /// use anndata_core::{Element, Tensor};
    ///
    /// let x = Element::from(Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 3.0, 4.0])?);
    /// let moments = x.column_moments()?;
    /// assert_eq!(moments.means()?.as_slice::<f64>()?, [2.0, 2.0]);
    /// assert_eq!(moments.variances(1)?.as_slice::<f64>()?, [2.0, 8.0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`row_means`](Self::row_means).
    pub fn column_moments(&self) -> Result<Moments> {
        self.statistic(1, |matrix| match matrix {
            Matrix::Dense(dense) => dense.column_moments(),
            Matrix::Sparse(sparse) => sparse.column_moments(),
        })
    }

    /// The least value of each row, one dimension, in the dtype of the values.
    ///
    /// ```
    /// use anndata_core::{Element, Tensor};
    ///
    /// let x = Element::from(Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 3.0, 4.0])?);
    /// assert_eq!(x.row_minima()?.as_slice::<f32>()?, [0.0, 3.0]);
    /// assert_eq!(x.column_maxima()?.as_slice::<f32>()?, [3.0, 4.0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it is not a matrix of real numbers or booleans, has rows but no columns, or cannot be read.
    #[doc(alias = "min")]
    pub fn row_minima(&self) -> Result<Tensor> {
        self.extremes(0, Extreme::Least)
    }

    /// The greatest value of each row; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    #[doc(alias = "max")]
    pub fn row_maxima(&self) -> Result<Tensor> {
        self.extremes(0, Extreme::Greatest)
    }

    /// The least value of each column; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima), of columns without rows.
    #[doc(alias = "min")]
    pub fn column_minima(&self) -> Result<Tensor> {
        self.extremes(1, Extreme::Least)
    }

    /// The greatest value of each column; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`column_minima`](Self::column_minima).
    #[doc(alias = "max")]
    pub fn column_maxima(&self) -> Result<Tensor> {
        self.extremes(1, Extreme::Greatest)
    }

    /// How many values of each row are not zero (dense) or stored (sparse, as scipy counts them).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    #[doc(alias = "getnnz")]
    pub fn nnz_per_row(&self) -> Result<Vec<usize>> {
        self.statistic(0, |matrix| match matrix {
            Matrix::Dense(dense) => dense.nonzero_per_row(),
            Matrix::Sparse(sparse) => sparse.nnz_per_row(),
        })
    }

    /// How many values of each column are not zero (dense) or stored (sparse).
    ///
    /// # Errors
    /// As [`row_sums`](Self::row_sums).
    #[doc(alias = "getnnz")]
    pub fn nnz_per_column(&self) -> Result<Vec<usize>> {
        self.statistic(1, |matrix| match matrix {
            Matrix::Dense(dense) => dense.nonzero_per_column(),
            Matrix::Sparse(sparse) => sparse.nnz_per_column(),
        })
    }

    fn extremes(&self, axis: usize, extreme: Extreme) -> Result<Tensor> {
        let found = self.statistic(axis, |matrix| {
            let values = match (matrix, axis) {
                (Matrix::Dense(dense), 0) => dense.row_extremes(extreme)?,
                (Matrix::Dense(dense), _) => dense.column_extremes(extreme)?,
                (Matrix::Sparse(sparse), 0) => sparse.row_extremes(extreme)?,
                (Matrix::Sparse(sparse), _) => sparse.column_extremes(extreme)?,
            };
            Ok(Extremes { values, extreme })
        })?;
        Ok(found.values)
    }

    /// Sums that are rounded to the dtype of floating point and complex numbers once, at the end.
    fn sums(&self, axis: usize, of: impl Fn(&Matrix) -> Result<Tensor>) -> Result<Tensor> {
        let sums = self.statistic(axis, of)?;
        match self.schema()?.dtype() {
            Some(dtype) if dtype.is_float() || dtype.is_complex() => sums.cast(dtype),
            _ => Ok(sums),
        }
    }

    fn means(&self, axis: usize, of: impl Fn(&Matrix) -> Result<Vec<f64>>) -> Result<Tensor> {
        let sums = self.statistic(axis, of)?;
        let count = self.shape()?.and_then(|shape| shape.get(1 - axis).copied()).or_bug("a matrix has two axes")?;
        let squares = vec![0.0; sums.len()];
        Moments::new(count, sums, squares)?.means()
    }

    /// What is made of the rows of each group, a matrix of groups x columns, put together from blocks.
    pub(crate) fn of_groups(&self, groups: &Groups, of: impl Fn(&Groups, &Matrix) -> Result<Tensor>) -> Result<Tensor> {
        let blocks = Blocks::of(self)?;
        let along = blocks.axis();
        let mut parts = blocks.map(|block| {
            let (range, matrix) = block?;
            if along == 1 {
                return of(groups, &matrix)?.transpose();
            }
            let codes = groups.codes().get(range).or_bug("more rows than there are in the groups")?;
            of(&Groups::new(groups.names().clone(), codes.to_vec())?, &matrix)
        });
        if along == 1 {
            return Tensor::concat_rows(&parts.collect::<Result<Vec<_>>>()?)?.transpose();
        }
        let first = parts.next().or_bug("a matrix without a block")??;
        parts.try_fold(first, |total, part| Statistic::merge(total, &part?))
    }

    /// What is found for each row (axis 0) or column (axis 1), put together from blocks.
    fn statistic<S: Statistic>(&self, axis: usize, of: impl Fn(&Matrix) -> Result<S>) -> Result<S> {
        let blocks = Blocks::of(self)?;
        let along = blocks.axis() == axis;
        let mut parts = blocks.map(|block| of(&block?.1));
        if along {
            return S::append(parts.collect::<Result<_>>()?);
        }
        let first = parts.next().or_bug("a matrix without a block")??;
        parts.try_fold(first, |total, part| total.merge(&part?))
    }
}

/// What is known of each row, or each column, of a matrix.
trait Statistic: Sized {
    /// Of some rows (or columns), and then of others.
    fn append(parts: Vec<Self>) -> Result<Self>;

    /// Of the same rows (or columns), with further values.
    fn merge(self, other: &Self) -> Result<Self>;
}

impl Statistic for Tensor {
    fn append(parts: Vec<Self>) -> Result<Self> {
        Self::concat_rows(&parts)
    }

    fn merge(self, other: &Self) -> Result<Self> {
        dispatch!(self.dtype(), T => {
            let sums = self.as_slice::<T>()?.iter().zip(other.as_slice::<T>()?).map(|(a, &b)| a.plus(b));
            Self::from_vec(self.shape(), sums.collect::<Vec<T>>())
        }, else => Err(Error::bug(format!("sums of type {}", self.dtype()))))
    }
}

/// The least or the greatest values.
struct Extremes {
    values: Tensor,
    extreme: Extreme,
}

impl Statistic for Extremes {
    fn append(parts: Vec<Self>) -> Result<Self> {
        let extreme = parts.first().or_bug("a matrix without a block")?.extreme;
        let values = Tensor::concat_rows(&parts.into_iter().map(|part| part.values).collect::<Vec<_>>())?;
        Ok(Self { values, extreme })
    }

    fn merge(self, other: &Self) -> Result<Self> {
        let Self { values, extreme } = self;
        let values = dispatch!(real values.dtype(), T => {
            let pairs = values.as_slice::<T>()?.iter().zip(other.values.as_slice::<T>()?);
            Tensor::from_vec(values.shape(), pairs.map(|(&a, &b)| extreme.of_two(a, b)).collect::<Vec<T>>())?
        }, else => return Err(Error::bug(format!("extremes of type {}", values.dtype()))));
        Ok(Self { values, extreme })
    }
}

impl Statistic for Moments {
    fn append(parts: Vec<Self>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let first = parts.next().or_bug("a matrix without a block")?;
        parts.try_fold(first, |all, part| all.append(&part))
    }

    fn merge(self, other: &Self) -> Result<Self> {
        Self::merge(self, other)
    }
}

impl Statistic for Vec<f64> {
    fn append(parts: Vec<Self>) -> Result<Self> {
        Ok(parts.concat())
    }

    fn merge(mut self, other: &Self) -> Result<Self> {
        self.iter_mut().zip(other).for_each(|(sum, more)| *sum += more);
        Ok(self)
    }
}

impl Statistic for Vec<usize> {
    fn append(parts: Vec<Self>) -> Result<Self> {
        Ok(parts.concat())
    }

    fn merge(mut self, other: &Self) -> Result<Self> {
        self.iter_mut().zip(other).for_each(|(count, more)| *count += more);
        Ok(self)
    }
}
