//! From and to matrices of `sprs`.

use ::sprs::{CsMat, CsMatBase, CsMatI, CsMatViewI, SpIndex};
use anndata_storage::{Error, OrBug, Result, Scalar, Tensor};

use super::convert::index_dtype;
use super::{SparseFormat, SparseMatrix};

/// Indices and offsets become `I32` where they fit, as scipy chooses, otherwise `I64`. Values are not copied.
impl<T: Scalar, I: SpIndex, P: SpIndex> TryFrom<CsMatI<T, I, P>> for SparseMatrix {
    type Error = Error;

    /// # Errors
    /// None for a matrix that `sprs` made.
    fn try_from(matrix: CsMatI<T, I, P>) -> Result<Self> {
        let (format, shape) = (format_of(matrix.is_csr()), matrix.shape());
        let indptr: Vec<usize> = matrix.proper_indptr().iter().map(|offset| offset.index()).collect();
        let indices: Vec<usize> = matrix.indices().iter().map(|index| index.index()).collect();
        let (_, _, data) = matrix.into_raw_storage();
        made(format, shape, &indptr, &indices, data)
    }
}

/// As of an owned matrix; values are copied.
impl<T: Scalar, I: SpIndex, P: SpIndex> TryFrom<CsMatViewI<'_, T, I, P>> for SparseMatrix {
    type Error = Error;

    /// # Errors
    /// None for a matrix that `sprs` made.
    fn try_from(matrix: CsMatViewI<'_, T, I, P>) -> Result<Self> {
        let indptr: Vec<usize> = matrix.proper_indptr().iter().map(|offset| offset.index()).collect();
        let indices: Vec<usize> = matrix.indices().iter().map(|index| index.index()).collect();
        made(format_of(matrix.is_csr()), matrix.shape(), &indptr, &indices, matrix.data().to_vec())
    }
}

impl SparseMatrix {
    /// A matrix of `sprs`, whatever the dtype of the indices; unsorted indices are sorted, and values of repeated ones
    /// summed. [`view`](Self::view) copies nothing, but has to be told the types.
    ///
    /// ```
    /// use anndata_array::SparseMatrix;
    /// use sprs::{CsMat, TriMat};
    ///
    /// let mut entries = TriMat::new((2, 3));
    /// entries.add_triplet(0, 2, 1.5_f32);
    /// let matrix = SparseMatrix::try_from(entries.to_csr::<usize>())?;
    /// let back: CsMat<f32> = matrix.to_csmat()?;
    /// assert_eq!(back.get(0, 2), Some(&1.5));
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the type of the values.
    pub fn to_csmat<T: Scalar>(&self) -> Result<CsMat<T>> {
        self.data.as_slice::<T>()?;
        let canonical = self.to_canonical()?;
        let indices = super::offsets::to_offsets(&canonical.indices)?;
        let (indptr, data) = (canonical.offsets()?, canonical.data.as_slice::<T>()?.to_vec());
        let made = match self.format {
            SparseFormat::Csr => CsMatBase::try_new(self.shape, indptr, indices, data),
            SparseFormat::Csc => CsMatBase::try_new_csc(self.shape, indptr, indices, data),
        };
        made.map_err(|(_, _, _, error)| Error::bug("a canonical matrix is refused").with_source(error))
    }
}

fn format_of(is_csr: bool) -> SparseFormat {
    if is_csr { SparseFormat::Csr } else { SparseFormat::Csc }
}

fn made<T: Scalar>(
    format: SparseFormat,
    shape: (usize, usize),
    indptr: &[usize],
    indices: &[usize],
    data: Vec<T>,
) -> Result<SparseMatrix> {
    let index = index_dtype(shape, data.len());
    let tensor = |values: &[usize]| -> Result<Tensor> {
        let wide = values.iter().map(|&value| i64::try_from(value).ok().or_bug("a position beyond memory"));
        let wide = wide.collect::<Result<Vec<_>>>()?;
        Tensor::from_vec([wide.len()], wide)?.cast(&index)
    };
    SparseMatrix::new(format, shape, Tensor::from_vec([data.len()], data)?, tensor(indices)?, tensor(indptr)?)
}
