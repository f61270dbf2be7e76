//! Sparse to dense, dense to sparse, sorted indices, and parts along the compressed axis.

use std::ops::Range;

use anndata_storage::{AlignedBytes, AxisSelection, DType, Error, OrBug, Result, Scalar, Tensor, dispatch, ensure};
use rayon::prelude::*;

use super::buffers::{Index, by_width, bytes_of, gather, numbers_mut, plain, size_of_value};
use super::canonical::Canonical;
use super::major::{blocks, fill};
use super::offsets::Offsets;
use super::{SparseFormat, SparseMatrix};
use crate::parallel::for_each_chunk;

impl SparseMatrix {
    /// The matrix as a dense tensor of shape (rows, columns); repeated indices are summed, as scipy does.
    ///
    /// # Errors
    /// If the dense matrix does not fit into memory.
    pub fn to_dense(&self) -> Result<Tensor> {
        self.rows_to_dense(0..self.shape.0)
    }

    /// Consecutive rows as a dense tensor of shape (rows, columns), from either format; repeated indices are summed.
    ///
    /// Rows of a CSC matrix are first put together as CSR; to take many parts, do that once with
    /// [`to_format`](Self::to_format). Columns first is the dense form of [`transpose`](Self::transpose).
    ///
    /// # Errors
    /// If the range is out of bounds, or the rows do not fit into memory.
    pub fn rows_to_dense(&self, range: Range<usize>) -> Result<Tensor> {
        let (rows, columns) = self.shape;
        if range.start > range.end || range.end > rows {
            return Err(Error::invalid_input(format!("rows {range:?} are out of bounds: there are {rows}")));
        }
        let size = size_of_value(self.dtype())?;
        let bytes = range.len().checked_mul(columns).and_then(|len| len.checked_mul(size));
        let bytes = bytes.filter(|&bytes| isize::try_from(bytes).is_ok());
        let bytes = bytes.ok_or_else(|| Error::limit_exceeded("the dense matrix does not fit into memory"))?;
        if self.format == SparseFormat::Csc {
            let rows = AxisSelection::Range(range.start as u64..range.end as u64);
            let part = self.select(&rows, &AxisSelection::Range(0..columns as u64))?;
            return part.to_format(SparseFormat::Csr)?.rows_to_dense(0..range.len());
        }
        let mut dense = AlignedBytes::try_zeroed(bytes)?;
        let offsets = self.major_offsets()?;
        // Without columns there are no cells, and nothing is stored.
        for_each_chunk(dense.as_mut_slice(), columns * size, &|number, row| {
            let slice = offsets.range(range.start + number)?;
            dispatch!(self.dtype(), T => by_width!(self.indices.dtype(), I => {
                let row = numbers_mut::<T>(row)?;
                let values = self.data.as_slice::<T>()?.get(slice.clone()).or_bug("a major slice beyond the values")?;
                let indices = plain::<I>(&self.indices)?.get(slice).or_bug("a major slice beyond the indices")?;
                for (index, &value) in indices.iter().zip(values) {
                    let cell = row.get_mut(index.to_usize()).or_bug("an index beyond the axis")?;
                    *cell = cell.plus(value);
                }
                Ok(())
            }), else => Err(Error::dtype("values are not numbers")))
        })?;
        Tensor::new(self.dtype().clone(), [range.len(), columns], dense)
    }

    /// The non-zero values of a dense two-dimensional tensor, indices sorted, 32-bit where they fit.
    ///
    /// # Errors
    /// If the tensor is not two-dimensional, or holds no numbers.
    pub fn from_dense(dense: &Tensor, format: SparseFormat) -> Result<Self> {
        let [rows, columns] = *dense.shape() else {
            return Err(Error::invalid_input(format!("shape {:?} is not a matrix", dense.shape())));
        };
        let offsets = Offsets::of_lengths(dense.nonzero_per_row()?)?;
        ensure!(offsets.n_major() == rows, "{rows} rows, of which {} were counted", offsets.n_major());
        let nnz = offsets.total()?;
        let index = index_dtype((rows, columns), nnz);
        let (bytes, size) = (bytes_of(dense)?, size_of_value(dense.dtype())?);
        let (indices, data) = by_width!(index, I => {
            // All cells are in memory, so their number is that of a machine.
            let blocks = blocks((0..rows).map(|row| (row + 1) * columns));
            fill::<I, Vec<usize>>(&offsets, blocks, size, &|positions, part| {
                for row in part.slices.clone() {
                    positions.clear();
                    let row = row * columns..(row + 1) * columns;
                    nonzero(dense, row.clone(), positions)?;
                    let (indices, values) = part.next(positions.len(), size)?;
                    indices.iter_mut().zip(&*positions).for_each(|(index, &position)| *index = I::from_usize(position));
                    let row = bytes.get(row.start * size..row.end * size).or_bug("a row beyond the values")?;
                    gather(row, positions, |position| position, values, size)?;
                }
                Ok(())
            })?
        });
        let data = Tensor::new(dense.dtype().clone(), [nnz], data)?;
        let indices = Tensor::new(index.clone(), [nnz], indices)?;
        Self::assembled(SparseFormat::Csr, columns, data, indices, &offsets, &index)?.to_format(format)
    }

    /// Returns the same matrix with the indices of each row (CSR) or column (CSC) sorted; repeated ones are kept.
    ///
    /// # Errors
    /// If the result does not fit into memory.
    pub fn sorted(&self) -> Result<Self> {
        let offsets = self.major_offsets()?;
        let (bytes, size) = (bytes_of(&self.data)?, size_of_value(self.dtype())?);
        by_width!(self.indices.dtype(), I => {
            let old = plain::<I>(&self.indices)?;
            // A major slice that cannot be looked at is not sorted: sorting it says what is wrong.
            if offsets.par_ranges().all(|slice| old.get(slice).is_some_and(<[I]>::is_sorted)) {
                return Ok(self.clone());
            }
            let blocks = blocks(offsets.ends().iter().copied());
            let (indices, data) = fill::<I, Vec<(I, usize)>>(&offsets, blocks, size, &|order, part| {
                for slice in part.slices.clone() {
                    let slice = offsets.range(slice)?;
                    let values = bytes.get(slice.start * size..slice.end * size).or_bug("a major slice beyond the values")?;
                    order.clear();
                    order.extend(old.get(slice).or_bug("a major slice beyond the indices")?.iter().copied().zip(0..));
                    order.sort_unstable();
                    let (to_indices, to_values) = part.next(order.len(), size)?;
                    to_indices.iter_mut().zip(&*order).for_each(|(to, &(index, _))| *to = index);
                    gather(values, order, |(_, position)| position, to_values, size)?;
                }
                Ok(())
            })?;
            Ok(Self {
                data: Tensor::new(self.dtype().clone(), [self.nnz()], data)?,
                indices: Tensor::new(self.indices.dtype().clone(), [self.nnz()], indices)?,
                canonical: Canonical::default(),
                ..self.clone()
            })
        })
    }

    /// A range along the compressed axis (rows of CSR, columns of CSC), sharing the values.
    ///
    /// # Errors
    /// If the range is out of bounds.
    pub fn slice_major(&self, range: Range<usize>) -> Result<Self> {
        let (major, minor) = self.axes();
        if range.start > range.end || range.end > major {
            return Err(Error::invalid_input(format!(
                "the range {range:?} is out of bounds of an axis of length {major}"
            )));
        }
        let offsets = self.major_offsets()?;
        let values = offsets.run(range.clone())?;
        let (data, indices) = (self.data.slice_rows(values.clone())?, self.indices.slice_rows(values)?);
        Self::assembled(self.format, minor, data, indices, &offsets.slice(range)?, self.indptr.dtype())
    }

    /// Matrices one after the other along their compressed axis. Offsets are summed in 64 bits.
    ///
    /// # Errors
    /// If there is none, or format, dtype or the other axis differ.
    pub fn concat_major(parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::invalid_input("expected at least one matrix to concatenate, found none"));
        };
        let minor = first.axes().1;
        if parts.iter().any(|part| part.format != first.format || part.axes().1 != minor) {
            return Err(Error::invalid_input("the matrices do not fit each other"));
        }
        let mut lengths = Vec::new();
        for part in parts {
            lengths.extend(part.major_offsets()?.lengths());
        }
        let offsets = Offsets::of_lengths(lengths)?;
        let index = index_dtype((offsets.n_major(), minor), offsets.total()?);
        let indices = parts.iter().map(|part| part.indices.cast(&index)).collect::<Result<Vec<_>>>()?;
        let data: Vec<Tensor> = parts.iter().map(|part| part.data.clone()).collect();
        let (data, indices) = (Tensor::concat_rows(&data)?, Tensor::concat_rows(&indices)?);
        Self::assembled(first.format, minor, data, indices, &offsets, &index)
    }
}

/// 32 bits where they hold lengths and offsets, as scipy chooses, otherwise 64.
pub(super) fn index_dtype(shape: (usize, usize), nnz: usize) -> DType {
    let widest = shape.0.max(shape.1).max(nnz);
    if i32::try_from(widest).is_ok() { DType::I32 } else { DType::I64 }
}

/// Appends which of some values are not zero, counted from the first of them.
fn nonzero(dense: &Tensor, range: Range<usize>, positions: &mut Vec<usize>) -> Result<()> {
    dispatch!(dense.dtype(), T => {
        let values = dense.as_slice::<T>()?.get(range).or_bug("a row beyond the values")?;
        let zero = T::default();
        positions.extend(values.iter().enumerate().filter(|(_, value)| !zero.eq(*value)).map(|(position, _)| position));
        Ok(())
    }, else => Err(Error::dtype("values are not numbers")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn dense_and_sparse_agree(
            (rows, columns, values) in (0_usize..6, 0_usize..6).prop_flat_map(|(r, c)| {
                (Just(r), Just(c), proptest::collection::vec(prop_oneof![Just(0_i32), 1..9], r * c))
            }),
            cut in 0_usize..6,
        ) {
            let dense = Tensor::from_vec([rows, columns], values)?;
            for format in [SparseFormat::Csr, SparseFormat::Csc] {
                let sparse = SparseMatrix::from_dense(&dense, format)?;
                prop_assert_eq!(&sparse.to_dense()?, &dense);
                let cut_row = cut.min(rows);
                prop_assert_eq!(sparse.rows_to_dense(cut_row..rows)?, dense.slice_rows(cut_row..rows)?);
                let major = sparse.axes().0;
                let cut = cut.min(major);
                let parts = [sparse.slice_major(0..cut)?, sparse.slice_major(cut..major)?];
                prop_assert_eq!(SparseMatrix::concat_major(&parts)?, sparse);
            }
        }
    }

    #[test]
    fn repeated_indices_are_summed() -> Result<()> {
        let matrix = SparseMatrix::new(
            SparseFormat::Csc,
            (2, 1),
            Tensor::from_vec([2], vec![1.5_f32, 2.0])?,
            Tensor::from_vec([2], vec![1_i64, 1])?,
            Tensor::from_vec([2], vec![0_i64, 2])?,
        )?;
        assert_eq!(matrix.to_dense()?.as_slice::<f32>()?, [0.0, 3.5]);
        Ok(())
    }

    #[test]
    fn every_numeric_dtype_becomes_dense() -> Result<()> {
        for dtype in [DType::Bool, DType::I8, DType::U64, DType::F16, DType::Complex64] {
            let dense = Tensor::from_vec([1, 2], vec![0.0, 1.0])?.cast(&dtype)?;
            assert_eq!(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?.to_dense()?, dense);
        }
        Ok(())
    }
}
