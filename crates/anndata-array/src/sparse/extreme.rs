//! The least and the greatest values of rows and columns. Values that are not stored are zeros, and count.

use anndata_storage::{Error, Extreme, OrBug, Result, Scalar, Tensor, dispatch};

use super::{SparseFormat, SparseMatrix};

impl SparseMatrix {
    /// The least value of each row, one dimension, in the dtype of the values; NaN if there is one among them, as in scipy. Values of an
    /// index that is stored several times are summed before.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, -3.0])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// assert_eq!(matrix.row_minima()?.as_slice::<f32>()?, [1.0, -3.0]);
    /// assert_eq!(matrix.column_maxima()?.as_slice::<f32>()?, [1.0, 2.0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there are rows but no columns;
    /// [`DType`](crate::ErrorKind::DType) if the values are complex.
    #[doc(alias = "min")]
    pub fn row_minima(&self) -> Result<Tensor> {
        self.row_extremes(Extreme::Least)
    }

    /// The greatest value of each row; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    #[doc(alias = "max")]
    pub fn row_maxima(&self) -> Result<Tensor> {
        self.row_extremes(Extreme::Greatest)
    }

    /// The least value of each column; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima), of columns without rows.
    #[doc(alias = "min")]
    pub fn column_minima(&self) -> Result<Tensor> {
        self.column_extremes(Extreme::Least)
    }

    /// The greatest value of each column; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`column_minima`](Self::column_minima).
    #[doc(alias = "max")]
    pub fn column_maxima(&self) -> Result<Tensor> {
        self.column_extremes(Extreme::Greatest)
    }

    /// The least or the greatest value of each row; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`row_minima`](Self::row_minima).
    pub fn row_extremes(&self, extreme: Extreme) -> Result<Tensor> {
        self.extremes(self.format == SparseFormat::Csr, extreme)
    }

    /// The least or the greatest value of each column; see [`row_minima`](Self::row_minima).
    ///
    /// # Errors
    /// As [`column_minima`](Self::column_minima).
    pub fn column_extremes(&self, extreme: Extreme) -> Result<Tensor> {
        self.extremes(self.format == SparseFormat::Csc, extreme)
    }

    /// Of the major slices, or across them.
    fn extremes(&self, of_slices: bool, extreme: Extreme) -> Result<Tensor> {
        let axis = usize::from(of_slices != (self.format == SparseFormat::Csr));
        Extreme::check(self.dtype(), self.shape, axis)?;
        let (matrix, (_, minor)) = (self.to_canonical()?, self.axes());
        dispatch!(real self.dtype(), T => {
            let data = matrix.data.as_slice::<T>()?;
            let found = if of_slices {
                matrix.of_slices(&|_, slice| {
                    let values = data.get(slice).or_bug("a major slice beyond the values")?;
                    let zero = (values.len() < minor).then(T::default);
                    let found = extreme.of(values).into_iter().chain(zero).reduce(|a, b| extreme.of_two(a, b));
                    found.or_bug("a major slice without values")
                })?
            } else {
                matrix.extremes_across(data, extreme)?
            };
            Tensor::from_vec([found.len()], found)
        }, else => Err(Error::dtype("values are not numbers")))
    }

    /// Across the major slices, of which there are some. No index is stored twice.
    fn extremes_across<T: Scalar + PartialOrd>(&self, data: &[T], extreme: Extreme) -> Result<Vec<T>> {
        // The loop knows which it is.
        let mut all = match extreme {
            Extreme::Least => self.fold_across(data, |a, b| Extreme::Least.of_two(a, b))?,
            Extreme::Greatest => self.fold_across(data, |a, b| Extreme::Greatest.of_two(a, b))?,
        };
        // A zero stands where there may be none: where all values are stored, and lie beyond it.
        let zeros: Vec<usize> =
            (0..).zip(&all).filter(|(_, found)| **found == T::default()).map(|(at, _)| at).collect();
        if zeros.is_empty() {
            return Ok(all);
        }
        let (counts, major) = (self.counts(false)?, self.axes().0);
        let full: Vec<usize> = zeros.into_iter().filter(|&at| counts.get(at) == Some(&major)).collect();
        if full.is_empty() {
            return Ok(all);
        }
        let joined = |a: Option<T>, b: Option<T>| a.into_iter().chain(b).reduce(|a, b| extreme.of_two(a, b));
        let stored = |found: &mut [Option<T>], index: usize, at: usize| {
            let found = found.get_mut(index).or_bug("an index beyond the axis")?;
            *found = joined(*found, Some(*data.get(at).or_bug("an index without a value")?));
            Ok(())
        };
        let stored = self.across(stored, joined)?;
        for at in full {
            let stored = stored.get(at).copied().flatten().or_bug("all values are stored, and there is none")?;
            *all.get_mut(at).or_bug("a position beyond the axis")? = stored;
        }
        Ok(all)
    }

    /// What is picked of zero and all values across the major slices.
    fn fold_across<T: Scalar>(&self, data: &[T], pick: impl Fn(T, T) -> T + Sync) -> Result<Vec<T>> {
        let add = |found: &mut [T], index: usize, at: usize| {
            let found = found.get_mut(index).or_bug("an index beyond the axis")?;
            *found = pick(*found, *data.get(at).or_bug("an index without a value")?);
            Ok(())
        };
        self.across(add, &pick)
    }
}
