//! Major slices of several matrices, put together in any order.

use std::ops::Range;

use anndata_storage::{Error, OrBug, Result, Tensor};

use super::SparseMatrix;
use super::buffers::{Index as _, by_width, bytes_of, plain, size_of_value};
use super::major::{blocks, fill};
use super::offsets::Offsets;
use super::stack::index_dtype;

impl SparseMatrix {
    /// Some major slices (rows of CSR, columns of CSC) of several matrices, in the order given, repeats allowed: of each the position of
    /// its matrix, and its own in that. Indices and offsets have 32 bits if these hold them all.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let rows = |values: Vec<i32>| SparseMatrix::from_dense(&Tensor::from_vec([2, 2], values)?, SparseFormat::Csr);
    /// let (a, b) = (rows(vec![1, 0, 0, 2])?, rows(vec![3, 4, 0, 0])?);
    /// let all = SparseMatrix::gather_major(&[&a, &b], &[(1, 0), (0, 1), (1, 0)])?;
    /// assert_eq!(all.to_dense()?.as_slice::<i32>()?, [3, 4, 0, 2, 3, 4]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no matrix or no such slice, or formats, dtypes or the other axes
    /// differ; [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the result does not fit into memory.
    pub fn gather_major(matrices: &[&Self], slices: &[(usize, usize)]) -> Result<Self> {
        let first =
            *matrices.first().ok_or_else(|| Error::invalid_input("expected at least one matrix, found none"))?;
        let (format, minor, size) = (first.format, first.axes().1, size_of_value(first.dtype())?);
        let fits = |other: &&Self| other.format == format && other.axes().1 == minor && other.dtype() == first.dtype();
        if !matrices.iter().all(fits) {
            return Err(Error::invalid_input("the matrices do not fit each other"));
        }
        let old = matrices.iter().map(|matrix| matrix.major_offsets()).collect::<Result<Vec<_>>>()?;
        let range = |&(matrix, slice): &(usize, usize)| match old.get(matrix) {
            Some(offsets) if slice < offsets.n_major() => offsets.range(slice),
            _ => Err(Error::invalid_input(format!("there is no major slice {slice} of matrix {matrix}"))),
        };
        let ranges = slices.iter().map(range).collect::<Result<Vec<Range<usize>>>>()?;
        let offsets = Offsets::of_lengths(ranges.iter().map(Range::len))?;
        let dtype = index_dtype(offsets.total()?, slices.len(), minor);
        let tasks = blocks(offsets.ends().iter().copied());
        let (indices, data) = by_width!(&dtype, O => fill::<O, ()>(&offsets, tasks, size, &|(), part| {
            let own = part.slices.clone();
            let (of, ranges) = slices.get(own.clone()).zip(ranges.get(own)).or_bug("a block beyond the major slices")?;
            let mut each = of.iter().map(|(matrix, _)| *matrix).zip(ranges).peekable();
            while let Some((matrix, run)) = each.next() {
                let mut run = run.clone();
                // Major slices that follow each other are one copy.
                while let Some((_, next)) = each.next_if(|(other, next)| *other == matrix && next.start == run.end) {
                    run.end = next.end;
                }
                let from = matrices.get(matrix).or_bug("a matrix that is not there")?;
                let (to_indices, to_data) = part.next(run.len(), size)?;
                let values = bytes_of(&from.data)?.get(run.start * size..run.end * size);
                to_data.copy_from_slice(values.or_bug("a major slice beyond the values")?);
                by_width!(from.indices.dtype(), I => {
                    let indices = plain::<I>(&from.indices)?.get(run).or_bug("a major slice beyond the indices")?;
                    to_indices.iter_mut().zip(indices).for_each(|(to, index)| *to = O::from_usize(index.to_usize()));
                });
            }
            Ok(())
        })?);
        let nnz = offsets.total()?;
        let data = Tensor::new(first.dtype().clone(), [nnz], data)?;
        let indices = Tensor::new(dtype.clone(), [nnz], indices)?;
        Self::assembled(format, minor, data, indices, &offsets, &dtype)
    }
}

#[cfg(test)]
mod tests {
    use anndata_storage::{AxisSelection, DType};

    use super::*;
    use crate::SparseFormat;

    /// A matrix with some empty rows, in a dtype of indices.
    fn matrix(rows: usize, index: &DType) -> Result<SparseMatrix> {
        let values: Vec<i16> = (0..40 * rows).map(|at| i16::try_from(at * 7 % 11).unwrap_or(0)).collect();
        let values = values.chunks(40).enumerate().flat_map(|(row, values)| {
            values.iter().map(move |&value| if value > 4 || row % 3 == 1 { 0 } else { value })
        });
        let dense = Tensor::from_vec([rows, 40], values.collect())?;
        SparseMatrix::from_dense(&dense, SparseFormat::Csr)?.cast_indices(index)
    }

    #[test]
    fn rows_of_several_matrices_are_those_of_all_one_below_the_other() -> Result<()> {
        for dtypes in [[DType::U8, DType::I64, DType::I32], [DType::U16, DType::U16, DType::U64]] {
            let parts =
                [5, 1, 9].iter().zip(&dtypes).map(|(&rows, index)| matrix(rows, index)).collect::<Result<Vec<_>>>()?;
            let all = SparseMatrix::concat_major(&parts)?;
            let place = |row: usize| {
                if row < 5 {
                    (0, row)
                } else if row < 6 {
                    (1, 0)
                } else {
                    (2, row - 6)
                }
            };
            for rows in [vec![], vec![14, 0, 5, 5, 6, 7, 8, 2], (0..15).collect::<Vec<usize>>()] {
                let slices: Vec<(usize, usize)> = rows.iter().map(|&row| place(row)).collect();
                let found = SparseMatrix::gather_major(&parts.iter().collect::<Vec<_>>(), &slices)?;
                let rows = AxisSelection::from(rows.into_iter().map(|row| row as u64).collect::<Vec<_>>());
                let expected = all.select(&rows, &AxisSelection::Range(0..40))?.cast_indices(&DType::I32)?;
                assert_eq!(found, expected, "{rows:?}");
                // In both formats.
                let columns: Vec<SparseMatrix> = parts.iter().map(SparseMatrix::transpose).collect();
                let found = SparseMatrix::gather_major(&columns.iter().collect::<Vec<_>>(), &slices)?;
                assert_eq!(found, expected.transpose());
            }
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() -> Result<()> {
        let (a, b) = (matrix(2, &DType::I32)?, matrix(2, &DType::I32)?.cast(&DType::F32)?);
        let refused = |matrices: &[&SparseMatrix], slices: &[(usize, usize)]| {
            SparseMatrix::gather_major(matrices, slices).map_err(|error| (error.is_invalid_input(), error.text()))
        };
        let fits = "the matrices do not fit each other".to_owned();
        assert_eq!(refused(&[&a, &b], &[]), Err((true, fits.clone())));
        assert_eq!(refused(&[&a, &a.transpose()], &[]), Err((true, fits)));
        assert_eq!(refused(&[], &[]), Err((true, "expected at least one matrix, found none".to_owned())));
        for slice in [(0, 2), (1, 0)] {
            let text = format!("there is no major slice {} of matrix {}", slice.1, slice.0);
            assert_eq!(refused(&[&a], &[slice]), Err((true, text)));
        }
        Ok(())
    }
}
