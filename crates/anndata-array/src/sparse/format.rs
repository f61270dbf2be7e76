//! CSR to CSC and back, by counting, on all cores.
//!
//! One pass counts how many values each new major slice gets. Then the values are put where they belong, so that at any time only few
//! positions are written to, which stay in a near cache; indices come out sorted, and no two threads touch the same memory.
//! There are two ways: [`tiles`] for canonical matrices, and [`slabs`] for all others and very sparse ones.

mod slabs;
pub(super) mod tiles;

use anndata_storage::{DType, Result, Tensor};

use self::tiles::Tiles;
use super::buffers::{by_size, by_width, largest, plain, plain_mut, size_of_value, to_fill};
use super::offsets::Offsets;
use super::{SparseFormat, SparseMatrix};

impl SparseMatrix {
    /// Returns the same matrix compressed along `format`; itself where it is already.
    ///
    /// Indices come out sorted where the format changes, whatever they were, and repeated ones are kept. Dtypes stay,
    /// unless that of the indices does not hold the length of the other axis, or that of `indptr` the number of values.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 3.0])?;
    /// let csc = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?.to_format(SparseFormat::Csc)?;
    /// assert_eq!(csc.indices().as_slice::<i32>()?, [0, 0, 1]);
    /// assert_eq!(csc.data().as_slice::<f32>()?, [1.0, 2.0, 3.0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the result does not fit into memory.
    pub fn to_format(&self, format: SparseFormat) -> Result<Self> {
        if format == self.format {
            return Ok(self.clone());
        }
        let major = self.axes().0;
        let indices = if major > 0 && major - 1 > largest(self.indices.dtype())? {
            self.indices.cast(&DType::I64)?
        } else {
            self.indices.clone()
        };
        let (offsets, size) = (self.major_offsets()?, size_of_value(self.data.dtype())?);
        by_width!(indices.dtype(), I => {
            let old = plain::<I>(&indices)?;
            let new_offsets = Offsets::of_lengths(self.counts(false)?)?;
            let is_canonical = self.is_canonical()?;
            let tiles = if is_canonical { Tiles::new(&new_offsets, major) } else { None };
            let (mut new_indices, mut new_data) = (to_fill(self.nnz(), size_of::<I>())?, to_fill(self.nnz(), size)?);
            by_size!(size, V => {
                let old = Stored { offsets: &offsets, indices: old, values: plain::<V>(&self.data)? };
                let (indices, values) = (plain_mut::<I>(&mut new_indices)?, plain_mut::<V>(&mut new_data)?);
                // Within the pool, so that no step waits for a thread outside of it.
                rayon::scope(|_| match &tiles {
                    Some(tiles) => tiles.scatter(&old, &new_offsets, indices, values),
                    None => slabs::scatter(&old, &new_offsets, indices, values),
                })?;
            });
            let data = Tensor::new(self.data.dtype().clone(), [self.nnz()], new_data)?;
            let indices = Tensor::new(indices.dtype().clone(), [self.nnz()], new_indices)?;
            let matrix = Self::assembled(format, major, data, indices, &new_offsets, self.indptr.dtype())?;
            if is_canonical {
                // Each old major slice has an index once at most.
                matrix.canonical.found(true);
            }
            Ok(matrix)
        })
    }

    /// The transposed matrix. Rows of the one are columns of the other, so the format changes and nothing is copied.
    #[must_use]
    pub fn transpose(&self) -> Self {
        Self {
            format: match self.format {
                SparseFormat::Csr => SparseFormat::Csc,
                SparseFormat::Csc => SparseFormat::Csr,
            },
            shape: (self.shape.1, self.shape.0),
            ..self.clone()
        }
    }
}

/// The major slices that are read.
pub(super) struct Stored<'a, I, V> {
    pub(super) offsets: &'a Offsets,
    pub(super) indices: &'a [I],
    pub(super) values: &'a [V],
}
