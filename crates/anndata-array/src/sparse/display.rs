//! The text form of a [`SparseMatrix`]: what it is, and its first and last stored values.

use std::fmt;

use anndata_storage::{DType, OrBug, Result};

use super::{SparseFormat, SparseMatrix};

/// How many stored values are shown at each end.
const SHOWN: usize = 3;

impl SparseMatrix {
    /// Stored values with their row and column, as they are printed.
    fn printed(&self, values: std::ops::Range<usize>) -> Result<Vec<String>> {
        let offsets = self.offsets()?;
        let indices = self.indices.slice_rows(values.clone())?.cast(&DType::U64)?;
        let texts = self.data.slice_rows(values.clone())?.printed();
        let printed = values.zip(indices.as_slice::<u64>()?).zip(texts).map(|((position, minor), text)| {
            let major = offsets.partition_point(|&offset| offset <= position).checked_sub(1);
            let major = major.or_bug("a value before the first row")?;
            Ok(match self.format {
                SparseFormat::Csr => format!("({major}, {minor}) {text}"),
                SparseFormat::Csc => format!("({minor}, {major}) {text}"),
            })
        });
        printed.collect()
    }

    /// The first and the last stored values, with `...` for those between.
    fn printed_ends(&self) -> Result<Vec<String>> {
        let nnz = self.nnz();
        if nnz <= 2 * SHOWN {
            return self.printed(0..nnz);
        }
        Ok([self.printed(0..SHOWN)?, vec!["...".to_owned()], self.printed(nnz - SHOWN..nnz)?].concat())
    }
}

/// The format, the dtype, the shape, the number of stored values, and the first and last of them in the order in which they are
/// stored, each with its row and column.
///
/// ```
/// # use anndata_array::{SparseFormat, SparseMatrix, Tensor};
/// let dense = Tensor::from_vec([2, 3], vec![0_u8, 3, 0, 1, 0, 2])?;
/// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csc)?;
/// assert_eq!(matrix.to_string(), "CSC, uint8, 2 × 3, 3 stored: (1, 0) 1, (0, 1) 3, (1, 2) 2");
/// # Ok::<(), anndata_array::Error>(())
/// ```
impl fmt::Display for SparseMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = self.shape;
        write!(f, "{}, {}, {rows} × {columns}, {} stored", self.format, self.dtype(), self.nnz())?;
        match self.printed_ends() {
            Ok(values) if !values.is_empty() => write!(f, ": {}", values.join(", ")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn long_matrices_show_both_ends_and_empty_ones_none() -> Result<()> {
        let dense = Tensor::from_vec([3, 3], vec![1.5, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 4.0, 5.0])?;
        let dense = Tensor::concat_rows(&[dense.clone(), dense])?;
        let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
        let text = "CSR, float64, 6 × 3, 10 stored: (0, 0) 1.5, (0, 2) 2.0, (2, 0) 3.0, ..., (5, 0) 3.0, (5, 1) 4.0, (5, 2) 5.0";
        assert_eq!(matrix.to_string(), text);
        let none = SparseMatrix::from_dense(&Tensor::from_vec([0, 2], Vec::<i32>::new())?, SparseFormat::Csc)?;
        assert_eq!(none.to_string(), "CSC, int32, 0 × 2, 0 stored");
        Ok(())
    }
}
