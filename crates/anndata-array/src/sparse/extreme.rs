//! The least and the greatest values of rows and columns. Values that are not stored are zeros, and count.

use anndata_storage::{Error, Extreme, OrBug, Result, Scalar, Tensor, dispatch};

use super::{SparseFormat, SparseMatrix};

/// The least or greatest value so far, of how many.
#[derive(Clone, Copy, Default)]
struct Found<T> {
    value: T,
    count: usize,
}

impl<T: Scalar + PartialOrd> Found<T> {
    fn with(self, value: T, extreme: Extreme) -> Self {
        let value = if self.count == 0 { value } else { extreme.of_two(self.value, value) };
        Self { value, count: self.count + 1 }
    }

    fn join(self, other: Self, extreme: Extreme) -> Self {
        match (self.count, other.count) {
            (0, _) => other,
            (_, 0) => self,
            (a, b) => Self { value: extreme.of_two(self.value, other.value), count: a + b },
        }
    }

    /// That of `len` values, of which the others are zeros.
    fn of(self, len: usize, extreme: Extreme) -> Option<T> {
        match len {
            0 => None,
            len if self.count < len => Some(self.with(T::default(), extreme).value),
            _ => Some(self.value),
        }
    }
}

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
        if self.dtype().is_complex() {
            return Err(Error::dtype(format!("values of type {} have no order", self.dtype())));
        }
        let matrix = self.to_canonical()?;
        let (major, minor) = self.axes();
        let none = || {
            let (rows, columns) = self.shape;
            let message = format!("a matrix of {rows} x {columns} values has none that is the least or the greatest");
            Error::invalid_input(message)
        };
        dispatch!(real self.dtype(), T => {
            let data = matrix.data.as_slice::<T>()?;
            let found: Vec<T> = if of_slices {
                matrix.of_slices(&|_, slice| {
                    let values = data.get(slice).or_bug("a major slice beyond the values")?;
                    let value = extreme.of(values).unwrap_or_default();
                    Found { value, count: values.len() }.of(minor, extreme).ok_or_else(none)
                })?
            } else {
                let add = |cells: &mut [Found<T>], index: usize, at: usize| {
                    let cell = cells.get_mut(index).or_bug("an index beyond the axis")?;
                    *cell = cell.with(*data.get(at).or_bug("an index without a value")?, extreme);
                    Ok(())
                };
                let found = matrix.across(add, |a, b| a.join(b, extreme))?;
                found.into_iter().map(|found| found.of(major, extreme).ok_or_else(none)).collect::<Result<_>>()?
            };
            Tensor::from_vec([found.len()], found)
        }, else => Err(Error::dtype("values are not numbers")))
    }
}
