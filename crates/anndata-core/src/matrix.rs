//! What can be asked of an [`Element`] that is a matrix, dense or sparse, in memory or stored.

mod blocks;
mod change;
mod statistics;

use anndata_storage::{DType, Result, Scalar, Tensor};

use crate::{Element, SparseFormat, SparseMatrix};
pub(crate) use blocks::Blocks;

/// A matrix in memory.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Matrix {
    Dense(Tensor),
    Sparse(SparseMatrix),
}

/// Values, dtypes and formats of a matrix, whether it is a [`Tensor`] or a [`SparseMatrix`]. One that is
/// lazy is read. Anything else, and a tensor that does not have two dimensions, is an error.
///
/// ```
/// use anndata_core::{DType, Element, SparseFormat, Tensor};
///
/// let x = Element::from(Tensor::from_vec([2, 3], vec![1_i32, 0, 2, 0, 3, 0])?);
/// assert_eq!(x.row_sums()?.as_slice::<i64>()?, [3, 3]);
/// let csc = Element::from(x.to_format(SparseFormat::Csc)?);
/// assert_eq!(csc.nnz_per_column()?, [1, 1, 1]);
/// assert_eq!(csc.cast(&DType::F32)?.to_dense()?.as_slice::<f32>()?, [1.0, 0.0, 2.0, 0.0, 3.0, 0.0]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl Element {
    /// One value.
    ///
    /// # Errors
    /// If it is not a matrix of this type, or the position is out of bounds.
    pub fn value<T: Scalar>(&self, row: usize, column: usize) -> Result<T> {
        match self.matrix()? {
            Matrix::Dense(dense) => dense.get(&[row, column]),
            Matrix::Sparse(sparse) => sparse.get(row, column),
        }
    }

    /// Returns the same matrix with values of another numeric dtype, in the same format.
    ///
    /// # Errors
    /// If it is not a matrix of numbers, or the dtype would lose imaginary parts.
    pub fn cast(&self, dtype: &DType) -> Result<Self> {
        Ok(match self.matrix()? {
            Matrix::Dense(dense) => dense.cast(dtype)?.into(),
            Matrix::Sparse(sparse) => sparse.cast(dtype)?.into(),
        })
    }

    /// The matrix as a dense tensor of shape (rows, columns).
    ///
    /// # Errors
    /// If it is not a matrix, or does not fit into memory.
    pub fn to_dense(&self) -> Result<Tensor> {
        match self.matrix()? {
            Matrix::Dense(dense) => Ok(dense),
            Matrix::Sparse(sparse) => sparse.to_dense(),
        }
    }

    /// The matrix as a sparse one of this format. Of a dense one, the values that are not zero.
    ///
    /// # Errors
    /// If it is not a matrix of numbers.
    pub fn to_format(&self, format: SparseFormat) -> Result<SparseMatrix> {
        match self.matrix()? {
            Matrix::Dense(dense) => SparseMatrix::from_dense(&dense, format),
            Matrix::Sparse(sparse) => sparse.to_format(format),
        }
    }

    /// The transposed matrix: a sparse one changes its format, and nothing is copied.
    ///
    /// # Errors
    /// If it is not a matrix.
    #[doc(alias = "T")]
    pub fn transpose(&self) -> Result<Self> {
        Ok(match self.matrix()? {
            Matrix::Dense(dense) => dense.transpose()?.into(),
            Matrix::Sparse(sparse) => sparse.transpose().into(),
        })
    }

    fn matrix(&self) -> Result<Matrix> {
        self.load()?.into_matrix()
    }

    /// An element in memory as a matrix.
    fn into_matrix(self) -> Result<Matrix> {
        match self {
            Self::Tensor(dense) if dense.ndim() == 2 => Ok(Matrix::Dense(dense)),
            Self::Sparse(sparse) => Ok(Matrix::Sparse(sparse)),
            other => Err(other.is_not("a matrix")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_matrices_say_the_same() -> Result<()> {
        let dense = Element::from(Tensor::from_vec([2, 3], vec![1.5_f32, 0.0, 2.0, 0.0, -3.0, 0.0])?);
        let csr = Element::from(dense.to_format(SparseFormat::Csr)?);
        let csc = Element::from(csr.to_format(SparseFormat::Csc)?);
        for matrix in [&dense, &csr, &csc] {
            assert_eq!(matrix.row_sums()?.as_slice::<f32>()?, [3.5, -3.0]);
            assert_eq!(matrix.column_sums()?.as_slice::<f32>()?, [1.5, -3.0, 2.0]);
            assert_eq!(matrix.nnz_per_row()?, [2, 1]);
            assert_eq!(matrix.nnz_per_column()?, [1, 1, 1]);
            assert_eq!(matrix.value::<f32>(1, 1)?.to_bits(), (-3.0_f32).to_bits());
            assert!(matrix.value::<f64>(1, 1).is_err_and(|error| error.is_dtype()));
            assert!(matrix.value::<f32>(1, 3).is_err_and(|error| error.is_invalid_input()));
            assert_eq!(Element::from(matrix.to_dense()?), dense);
            assert_eq!(matrix.transpose()?.to_dense()?, dense.transpose()?.to_dense()?);
            assert_eq!(matrix.cast(&DType::I8)?.to_dense()?.as_slice::<i8>()?, [1, 0, 2, 0, -3, 0]);
        }
        Ok(())
    }

    #[test]
    fn what_is_no_matrix_is_refused() -> Result<()> {
        assert!(Element::Null.row_sums().is_err_and(|error| error.is_dtype()));
        let cube = Element::from(Tensor::from_vec([1, 1, 1], vec![1])?);
        assert!(cube.transpose().is_err_and(|error| error.is_dtype()));
        let texts = Element::from(Tensor::from_strings([1, 1], ["a"])?);
        assert!(texts.column_sums().is_err_and(|error| error.is_dtype()));
        assert!(texts.to_format(SparseFormat::Csr).is_err_and(|error| error.is_dtype()));
        Ok(())
    }
}
