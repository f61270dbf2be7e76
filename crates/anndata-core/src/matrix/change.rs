//! Changing the values of an [`Element`] in place.

use anndata_storage::{Result, Scalar, Tensor};

use crate::{Element, SparseMatrix};

/// Values in place: functions of each value, and factors of rows and columns, on all cores. What nothing else holds is not
/// copied; what a clone or a view shares is copied before, so that it does not see the change. A lazy element is loaded.
/// What is refused leaves the element as it was.
///
/// ```
/// use anndata_core::{Element, SparseFormat, Tensor};
///
/// let counts = Element::from(Tensor::from_vec([2, 2], vec![1_u16, 3, 0, 5])?);
/// let mut x = Element::from(counts.to_format(SparseFormat::Csr)?);
/// let sums = x.row_sums()?.as_slice::<u64>()?.to_vec();
/// x.scale_rows(&sums.iter().map(|&sum| 100.0 / sum as f64).collect::<Vec<_>>())?;
/// assert_eq!(x.to_dense()?.as_slice::<f32>()?, [25.0, 75.0, 0.0, 100.0]);
/// x.ln_1p()?;
/// x.map_in_place(|value: f32| value.min(4.0))?;
/// assert_eq!(x.to_dense()?.as_slice::<f32>()?[1..], [4.0, 0.0, 4.0]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl Element {
    /// Replaces each value of an array or sparse matrix by a function of it. Of a sparse matrix these are the stored
    /// values, and the function has to make 0 of 0.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the type of the values, or it is neither an array nor a sparse
    /// matrix; [`InvalidInput`](crate::ErrorKind::InvalidInput) if the function does not keep the zeros of a sparse matrix.
    #[doc(alias = "apply")]
    pub fn map_in_place<T: Scalar>(&mut self, function: impl Fn(T) -> T + Sync) -> Result<()> {
        self.change(|dense| dense.map_in_place(&function), |sparse| sparse.map_in_place(&function))
    }

    /// Replaces each value by the natural logarithm of one more than it. Booleans and integers become `F32`, as scanpy
    /// has it; floating point numbers keep their dtype.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values are not real numbers, or it is neither an array nor a sparse
    /// matrix.
    #[doc(alias = "log1p")]
    pub fn ln_1p(&mut self) -> Result<()> {
        self.change(Tensor::ln_1p, SparseMatrix::ln_1p)
    }

    /// Multiplies each row of a matrix by a factor. Booleans and integers become `F32`; floating point numbers keep their
    /// dtype, to which products in 64 bits are rounded. Zeros that are not stored stay zeros whatever the factor.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not one factor per row;
    /// [`DType`](crate::ErrorKind::DType) if it is not a matrix of real numbers.
    pub fn scale_rows(&mut self, factors: &[f64]) -> Result<()> {
        self.change(|dense| dense.scale_rows(factors), |sparse| sparse.scale_rows(factors))
    }

    /// Multiplies each column of a matrix by a factor; see [`scale_rows`](Self::scale_rows).
    ///
    /// # Errors
    /// As [`scale_rows`](Self::scale_rows), of columns.
    pub fn scale_columns(&mut self, factors: &[f64]) -> Result<()> {
        self.change(|dense| dense.scale_columns(factors), |sparse| sparse.scale_columns(factors))
    }

    fn change(
        &mut self,
        dense: impl FnOnce(&mut Tensor) -> Result<()>,
        sparse: impl FnOnce(&mut SparseMatrix) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Tensor(tensor) => dense(tensor),
            Self::Sparse(matrix) => sparse(matrix),
            Self::Lazy(lazy) => {
                let mut loaded = lazy.load_once()?;
                loaded.change(dense, sparse)?;
                *self = loaded;
                Ok(())
            }
            other => Err(other.is_not("an array or a sparse matrix")),
        }
    }
}

#[cfg(test)]
mod tests {
    use anndata_storage::AxisSelection;

    use super::*;
    use crate::model::Categories;
    use crate::{Mapping, SparseFormat};

    #[test]
    fn a_view_changes_and_what_it_was_taken_from_stays() -> Result<()> {
        let dense = Element::from(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 4.0])?);
        let sparse = Element::from(dense.to_format(SparseFormat::Csc)?);
        for whole in [&dense, &sparse] {
            let mut view = whole.view(&[AxisSelection::from(vec![1, 0])], Categories::Keep)?;
            assert!(view.scale_rows(&[1.0]).is_err_and(|error| error.is_invalid_input()));
            assert!(matches!(view, Element::Lazy(_)));
            view.scale_columns(&[1.0, 0.5])?;
            view.map_in_place(|value: f32| -value)?;
            assert_eq!(
                view.to_dense()?.as_slice::<f32>()?,
                [0.0, -2.0, -1.0, -1.0].map(|v: f32| if v == 0.0 && matches!(view, Element::Tensor(_)) {
                    -0.0
                } else {
                    v
                })
            );
            assert_eq!(whole.to_dense()?.as_slice::<f32>()?, [1.0, 2.0, 0.0, 4.0]);
        }
        let refused = Element::from(Mapping::new()).ln_1p().unwrap_err();
        assert!(
            refused.is_dtype() && refused.message().contains("an array or a sparse matrix, found a mapping"),
            "{refused}"
        );
        Ok(())
    }
}
