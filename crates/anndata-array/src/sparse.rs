//! [`SparseMatrix`]: compressed sparse rows or columns, kept as they are on disk.

pub(crate) mod buffers;
mod canonical;
mod change;
mod convert;
mod display;
mod extreme;
mod format;
mod gather;
mod major;
mod moments;
mod offsets;
mod reduce;
mod select;
mod sprs;
pub mod stack;
#[cfg(test)]
mod tests;

use std::fmt;

use ::sprs::{CsMatViewI, SpIndex};
use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch, ensure};
use rayon::prelude::*;

use self::canonical::Canonical;
pub use buffers::largest;
pub use offsets::{OffsetCheck, Offsets, to_offsets};

/// Which axis a sparse matrix is compressed along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SparseFormat {
    /// Compressed sparse rows: the values of a row lie together.
    Csr,
    /// Compressed sparse columns: the values of a column lie together.
    Csc,
}

impl fmt::Display for SparseFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csr => "CSR",
            Self::Csc => "CSC",
        })
    }
}

/// A compressed sparse matrix: shape and three arrays, in the dtypes and order in which they are stored.
///
/// Indices may be unsorted within a row (or column), as scipy allows. Offsets, indices and lengths are checked when
/// the matrix is made, so that no use of it can go out of bounds. A clone shares the values.
///
/// ```
/// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
///
/// let matrix = SparseMatrix::new(
///     SparseFormat::Csr,
///     (2, 3),
///     Tensor::from_vec([3], vec![1.0_f32, 2.0, 3.0])?,
///     Tensor::from_vec([3], vec![0_i32, 2, 1])?,
///     Tensor::from_vec([3], vec![0_i32, 2, 3])?,
/// )?;
/// assert_eq!(matrix.nnz(), 3);
/// assert_eq!(matrix.view::<f32, i32, i32>()?.get(0, 2), Some(&2.0));
/// # Ok::<(), anndata_array::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct SparseMatrix {
    format: SparseFormat,
    shape: (usize, usize),
    data: Tensor,
    indices: Tensor,
    indptr: Tensor,
    canonical: Canonical,
}

impl SparseMatrix {
    /// A matrix of `shape` (rows, columns) from its three arrays, which are checked and not copied.
    ///
    /// Values beyond the last offset, which scipy ignores, are left out.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if lengths disagree, offsets decrease or point beyond the
    /// values, or an index is out of bounds; it names the first such position.
    pub fn new(
        format: SparseFormat,
        shape: (usize, usize),
        data: Tensor,
        indices: Tensor,
        indptr: Tensor,
    ) -> Result<Self> {
        let (major, minor) = match format {
            SparseFormat::Csr => shape,
            SparseFormat::Csc => (shape.1, shape.0),
        };
        for (name, tensor) in [("data", &data), ("indices", &indices), ("indptr", &indptr)] {
            if tensor.ndim() != 1 {
                return Err(Error::invalid_input(format!("{name} has shape {:?}, not one dimension", tensor.shape())));
            }
        }
        if !data.dtype().is_numeric() {
            return Err(Error::invalid_input(format!("data is of type {}, not a number", data.dtype())));
        }
        if data.len() != indices.len() {
            return Err(Error::invalid_input(format!(
                "expected one index per value, found {} values and {} indices",
                data.len(),
                indices.len()
            )));
        }
        let nnz = Offsets::given(&indptr, major, indices.len())?.total()?;
        check_indices(&indices, minor, 0)?;
        let (data, indices) =
            if nnz == data.len() { (data, indices) } else { (data.slice_rows(0..nnz)?, indices.slice_rows(0..nnz)?) };
        Ok(Self { format, shape, data, indices, indptr, canonical: Canonical::default() })
    }

    /// Rows or columns.
    pub fn format(&self) -> SparseFormat {
        self.format
    }

    /// The number of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// The number of stored values.
    pub fn nnz(&self) -> usize {
        self.data.len()
    }

    /// The dtype of the values.
    pub fn dtype(&self) -> &DType {
        self.data.dtype()
    }

    /// The stored values, one dimension.
    pub fn data(&self) -> &Tensor {
        &self.data
    }

    /// The column (CSR) or row (CSC) of each stored value.
    pub fn indices(&self) -> &Tensor {
        &self.indices
    }

    /// Where the values of each row (CSR) or column (CSC) begin, and the end of the last.
    pub fn indptr(&self) -> &Tensor {
        &self.indptr
    }

    /// The offsets in 64 bits, whatever their stored width.
    ///
    /// # Errors
    /// None for a matrix that was checked.
    pub fn offsets(&self) -> Result<Vec<usize>> {
        Ok(self.major_offsets()?.into_vec())
    }

    /// The offsets, which were checked when the matrix was made.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if the offsets are not those that were checked when the matrix was made.
    pub fn major_offsets(&self) -> Result<Offsets> {
        Offsets::checked(&self.indptr, self.axes().0, self.nnz())
    }

    /// A matrix of kernels: `minor` is the length of the minor axis, and `indptr` the dtype wanted.
    ///
    /// Indices are not looked at again: the kernels looked up each of them.
    fn assembled(
        format: SparseFormat,
        minor: usize,
        data: Tensor,
        indices: Tensor,
        offsets: &Offsets,
        indptr: &DType,
    ) -> Result<Self> {
        let (nnz, major) = (offsets.total()?, offsets.n_major());
        ensure!(data.shape() == [nnz] && indices.shape() == [nnz], "{nnz} values, but {data:?} and {indices:?}");
        let shape = match format {
            SparseFormat::Csr => (major, minor),
            SparseFormat::Csc => (minor, major),
        };
        let indptr = offsets.to_tensor(indptr)?;
        Ok(Self { format, shape, data, indices, indptr, canonical: Canonical::default() })
    }

    /// A typed `sprs` view, without a copy: `T` of the values, `I` of the indices, `P` of the offsets.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if a type is not the stored one;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if indices are unsorted or repeated, which `sprs` does not
    /// allow: see [`sorted`](Self::sorted).
    pub fn view<T: Scalar, I: Scalar + SpIndex, P: Scalar + SpIndex>(&self) -> Result<CsMatViewI<'_, T, I, P>> {
        let (data, indices, indptr) =
            (self.data.as_slice::<T>()?, self.indices.as_slice::<I>()?, self.indptr.as_slice::<P>()?);
        let view = match self.format {
            SparseFormat::Csr => CsMatViewI::try_new(self.shape, indptr, indices, data),
            SparseFormat::Csc => CsMatViewI::try_new_csc(self.shape, indptr, indices, data),
        };
        view.map_err(|(_, _, _, error)| Error::unsupported("sprs cannot view this matrix").with_source(error))
    }

    /// The lengths of the compressed and of the other axis.
    pub fn axes(&self) -> (usize, usize) {
        match self.format {
            SparseFormat::Csr => self.shape,
            SparseFormat::Csc => (self.shape.1, self.shape.0),
        }
    }
}

impl fmt::Debug for SparseMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, shape, data, indices, .. } = self;
        write!(
            f,
            "SparseMatrix({format:?}, {shape:?}, {} of {}, indices {})",
            data.len(),
            data.dtype(),
            indices.dtype()
        )
    }
}

/// Refuses an index that is not within the axis, of those behind the first `before` ones of a matrix.
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the index and where it is.
pub fn check_indices(indices: &Tensor, minor: usize, before: u64) -> Result<()> {
    match first_outside(indices, minor)? {
        Some((at, index)) => Err(Error::invalid_input(format!(
            "index {index} at position {} is out of bounds of an axis of length {minor}",
            before.saturating_add(at as u64)
        ))),
        None => Ok(()),
    }
}

/// The first index that is not within the axis: its position and value. Looks for it on all cores.
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are not integers.
pub fn first_outside(indices: &Tensor, minor: usize) -> Result<Option<(usize, i128)>> {
    dispatch!(integer indices.dtype(), I => {
        // Compared as what they are, of which a register holds several. No index is beyond an axis that is longer than all.
        let last = minor.checked_sub(1).map(|last| I::try_from(last).unwrap_or(I::MAX));
        #[expect(clippy::needless_bitwise_bool, reason = "without a branch several are compared at once")]
        let bad = |index: I| last.is_none_or(|last| (index < I::default()) | (index > last));
        let slice = indices.as_slice::<I>()?;
        // A block at a time without a branch in it, so that the check runs at the speed of memory.
        let found = slice.par_chunks(1 << 16).any(|block| block.iter().fold(false, |any, &index| any | bad(index)));
        if !found {
            return Ok(None);
        }
        let (at, index) = slice.iter().enumerate().find(|&(_, &index)| bad(index)).or_bug("no index is outside")?;
        Ok(Some((at, index.to_integer().or_bug("an index is not an integer")?)))
    }, else => Err(Error::invalid_input(format!("indices are of type {}, not an integer", indices.dtype()))))
}
