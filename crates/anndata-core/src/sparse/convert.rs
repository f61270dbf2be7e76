//! Sparse to dense, dense to sparse, sorted indices, and parts along the compressed axis.

use std::ops::Range;

use anndata_storage::{Complex, DType, Error, Result, Scalar, Tensor, dispatch};
use rayon::prelude::*;

use super::{SparseFormat, SparseMatrix};

impl SparseMatrix {
    /// The matrix as a dense tensor of shape (rows, columns); repeated indices are summed, as scipy does.
    ///
    /// # Errors
    /// Where the dense matrix does not fit into memory.
    pub fn to_dense(&self) -> Result<Tensor> {
        self.rows_to_dense(0..self.shape.0)
    }

    /// Consecutive rows as a dense tensor of shape (rows, columns), from either format; repeated indices are summed.
    ///
    /// # Errors
    /// Where the range is out of bounds, or the rows do not fit into memory.
    pub fn rows_to_dense(&self, range: Range<usize>) -> Result<Tensor> {
        let (rows, columns) = self.shape;
        if range.start > range.end || range.end > rows {
            return Err(Error::invalid_input(format!("rows {range:?} are out of bounds of {rows}")));
        }
        let fits = range.len().checked_mul(columns).and_then(|len| len.checked_mul(size_of::<Complex<f64>>()));
        if fits.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(Error::limit_exceeded("the dense matrix does not fit into memory"));
        }
        let offsets = self.offsets()?;
        let lanes = match self.format {
            SparseFormat::Csr => range.clone(),
            SparseFormat::Csc => 0..columns,
        };
        dispatch!(self.data.dtype(), T => dispatch!(integer self.indices.dtype(), I => {
            let mut dense = ndarray::Array2::<T>::default((range.len(), columns));
            let (data, indices) = (self.data.as_slice::<T>()?, self.indices.as_slice::<I>()?);
            for major in lanes {
                let [start, end] = *offsets.get(major..major + 2).unwrap_or_default() else { continue };
                let entries = indices.get(start..end).unwrap_or_default().iter();
                for (index, &value) in entries.zip(data.get(start..end).unwrap_or_default()) {
                    let Some(minor) = index.to_integer().and_then(|index| usize::try_from(index).ok()) else { continue };
                    let (row, column) = match self.format {
                        SparseFormat::Csr => (major, minor),
                        SparseFormat::Csc => (minor, major),
                    };
                    let row = row.checked_sub(range.start);
                    if let Some(cell) = row.and_then(|row| dense.get_mut((row, column))) {
                        *cell = cell.plus(value);
                    }
                }
            }
            Ok(Tensor::from_array(dense))
        }, else => Err(not_indices(&self.indices))), else => Err(Error::dtype("values are no numbers")))
    }

    /// The non-zero values of a dense two-dimensional tensor, indices sorted, 32-bit where they fit.
    ///
    /// # Errors
    /// Where the tensor is not two-dimensional, or holds no numbers.
    pub fn from_dense(dense: &Tensor, format: SparseFormat) -> Result<Self> {
        let [rows, columns] = *dense.shape() else {
            return Err(Error::invalid_input(format!("shape {:?} is no matrix", dense.shape())));
        };
        let (data, indices, indptr) = dispatch!(dense.dtype(), T => {
            let view = dense.view::<T>()?;
            let view = view.into_dimensionality::<ndarray::Ix2>()
                .map_err(|error| Error::invalid_input("no matrix").with_source(error))?;
            let lanes = match format {
                SparseFormat::Csr => view,
                SparseFormat::Csc => view.reversed_axes(),
            };
            let zero = T::default();
            let parts: Vec<(Vec<T>, Vec<i64>)> = lanes.outer_iter().into_par_iter().map(|lane| {
                lane.iter().zip(0_i64..).filter(|(value, _)| !zero.eq(*value)).map(|(&value, i)| (value, i)).unzip()
            }).collect();
            let mut indptr = vec![0_i64];
            let mut total = 0_i64;
            for (values, _) in &parts {
                total += i64::try_from(values.len()).unwrap_or(i64::MAX);
                indptr.push(total);
            }
            let (values, indices): (Vec<Vec<T>>, Vec<Vec<i64>>) = parts.into_iter().unzip();
            let (values, indices) = (values.concat(), indices.concat());
            (Tensor::from_vec([values.len()], values)?, indices, indptr)
        }, else => return Err(Error::dtype(format!("values of type {} are no numbers", dense.dtype()))));
        Self::from_parts(format, (rows, columns), data, indices, indptr)
    }

    /// The same matrix with the indices of each row (CSR) or column (CSC) sorted; repeated ones are kept.
    ///
    /// # Errors
    /// None for a matrix that was checked.
    pub fn sorted(&self) -> Result<Self> {
        let offsets = self.offsets()?;
        dispatch!(integer self.indices.dtype(), I => {
            let indices = self.indices.as_slice::<I>()?;
            let lanes = || offsets.windows(2).filter_map(|pair| match *pair {
                [start, end] => Some((start, indices.get(start..end)?)),
                _ => None,
            });
            if lanes().all(|(_, lane)| lane.is_sorted()) {
                return Ok(self.clone());
            }
            let mut order: Vec<u64> = Vec::with_capacity(indices.len());
            for (start, lane) in lanes() {
                let mut places: Vec<usize> = (0..lane.len()).collect();
                places.sort_by_key(|&place| lane.get(place));
                order.extend(places.into_iter().map(|place| (start + place) as u64));
            }
            Ok(Self {
                data: self.data.take(0, &order)?,
                indices: self.indices.take(0, &order)?,
                ..self.clone()
            })
        }, else => Err(not_indices(&self.indices)))
    }

    /// A range along the compressed axis (rows of CSR, columns of CSC), sharing the values.
    ///
    /// # Errors
    /// Where the range is out of bounds.
    pub fn slice_major(&self, range: Range<usize>) -> Result<Self> {
        let (major, minor) = self.axes();
        if range.start > range.end || range.end > major {
            return Err(Error::invalid_input(format!("{range:?} is out of bounds of {major}")));
        }
        let offsets = self.offsets()?;
        let kept = offsets.get(range.start..=range.end).unwrap_or_default();
        let (start, end) = (kept.first().copied().unwrap_or(0), kept.last().copied().unwrap_or(0));
        let indptr: Vec<i64> = kept
            .iter()
            .map(|&offset| i64::try_from(offset - start).map_err(|_| Error::limit_exceeded("over 63 bits")))
            .collect::<Result<_>>()?;
        let shape = match self.format {
            SparseFormat::Csr => (range.len(), minor),
            SparseFormat::Csc => (minor, range.len()),
        };
        Ok(Self {
            format: self.format,
            shape,
            data: self.data.slice_rows(start..end)?,
            indices: self.indices.slice_rows(start..end)?,
            indptr: Tensor::from_vec([indptr.len()], indptr)?.cast(self.indptr.dtype())?,
        })
    }

    /// Matrices one after the other along their compressed axis. Offsets are summed in 64 bits.
    ///
    /// # Errors
    /// Where there is none, or format, dtype or the other axis differ.
    pub fn concat_major(parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::invalid_input("no matrix to concatenate"));
        };
        let minor = first.axes().1;
        if parts.iter().any(|part| part.format != first.format || part.axes().1 != minor) {
            return Err(Error::invalid_input("the matrices do not fit each other"));
        }
        let mut indptr = vec![0_i64];
        let mut indices = Vec::with_capacity(parts.len());
        for part in parts {
            let base = indptr.last().copied().unwrap_or(0);
            for offset in part.offsets()?.into_iter().skip(1) {
                let offset = i64::try_from(offset).ok().and_then(|offset| base.checked_add(offset));
                indptr.push(offset.ok_or_else(|| Error::limit_exceeded("more values than 63 bits can count"))?);
            }
            indices.push(part.indices.cast(&DType::I64)?);
        }
        let data: Vec<Tensor> = parts.iter().map(|part| part.data.clone()).collect();
        let major = indptr.len() - 1;
        let shape = match first.format {
            SparseFormat::Csr => (major, minor),
            SparseFormat::Csc => (minor, major),
        };
        let indices = Tensor::concat_rows(&indices)?.as_slice::<i64>()?.to_vec();
        Self::from_parts(first.format, shape, Tensor::concat_rows(&data)?, indices, indptr)
    }

    /// A matrix from 64-bit indices and offsets, which are stored in 32 bits where both fit.
    fn from_parts(
        format: SparseFormat,
        shape: (usize, usize),
        data: Tensor,
        indices: Vec<i64>,
        indptr: Vec<i64>,
    ) -> Result<Self> {
        let widest = shape.0.max(shape.1).max(data.len());
        let dtype = if i32::try_from(widest).is_ok() { DType::I32 } else { DType::I64 };
        let indices = Tensor::from_vec([indices.len()], indices)?.cast(&dtype)?;
        let indptr = Tensor::from_vec([indptr.len()], indptr)?.cast(&dtype)?;
        Self::new(format, shape, data, indices, indptr)
    }
}

fn not_indices(indices: &Tensor) -> Error {
    Error::dtype(format!("indices of type {} are no integers", indices.dtype()))
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
