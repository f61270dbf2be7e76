//! What a matrix holds, found in one pass over it, block by block.

use std::ops::Range;

use anndata_format::{AxisSelection, DType, Element, Error, Result, Schema, SparseFormat, SparseMatrix, Tensor};

use crate::number::float;

/// About how many bytes of values and indices are in memory at once.
const BLOCK_BYTES: usize = 32 << 20;

/// About how many values a histogram is made of.
const SAMPLE: usize = 1_000_000;

/// What was found in a matrix of numbers.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The number of rows and of columns of the matrix.
    pub(crate) shape: (usize, usize),
    /// How many rows, or columns, were looked at, if not all.
    pub(crate) sampled: Option<(usize, &'static str)>,
    /// Of each row that was looked at, or of each if columns were sampled: the sum of its values.
    pub(crate) row_sums: Vec<f64>,
    /// How many of its values are not zero, or are stored.
    pub(crate) row_counts: Vec<usize>,
    /// The same of each column.
    pub(crate) column_sums: Vec<f64>,
    pub(crate) column_counts: Vec<usize>,
    /// The sums of each row over some columns, if any were given.
    pub(crate) chosen_sums: Vec<f64>,
    /// The position of each column of `column_sums`, if columns were sampled.
    pub(crate) columns: Option<Vec<usize>>,
    /// Some of the values that are not zero, from everywhere.
    pub(crate) sample: Vec<f64>,
    /// How many values are not zero.
    pub(crate) n_values: usize,
    /// How many zeros a sparse matrix stores.
    pub(crate) stored_zeros: usize,
    /// How many values are NaN.
    pub(crate) n_nan: usize,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Whether all values are whole numbers.
    pub(crate) whole: bool,
    /// Every how many values one becomes part of the sample.
    step: usize,
}

impl Scan {
    /// Reads a matrix, or of one that has more bytes than `max_bytes` blocks from all over it. `chosen` are columns.
    ///
    /// # Errors
    /// If it is not a matrix of real numbers, or cannot be read.
    pub(crate) fn of(matrix: &Element, chosen: &[usize], max_bytes: u64) -> Result<Self> {
        let schema = matrix.schema()?;
        let by_columns = matches!(schema, Schema::Sparse { format: SparseFormat::Csc, .. });
        let Some(&[rows, columns]) = schema.shape().as_deref().and_then(|shape| shape.first_chunk::<2>()) else {
            return Err(Error::dtype("it is not a matrix"));
        };
        if schema.dtype().is_none_or(|dtype| !dtype.is_numeric() || dtype.is_complex()) {
            return Err(Error::dtype("its values are not real numbers"));
        }
        let bytes = matrix.size_in_memory(true);
        let len = if by_columns { columns } else { rows };
        let blocks = blocks(len, bytes, max_bytes);
        let read: usize = blocks.iter().map(Range::len).sum();
        let sampled = (read < len).then_some((read, if by_columns { "columns" } else { "rows" }));
        let share = float(read) / float(len.max(1));
        let mut scan = Self {
            shape: (rows, columns),
            sampled,
            columns: (by_columns && read < len).then(|| blocks.iter().cloned().flatten().collect()),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            whole: true,
            step: crate::number::position(float(values_in(bytes, &schema)) * share / float(SAMPLE), usize::MAX).max(1),
            ..Self::default()
        };
        for range in blocks {
            scan.add(matrix, &range, by_columns, chosen)?;
        }
        if float(scan.n_values) < scan.n_cells() {
            (scan.min, scan.max) = (scan.min.min(0.0), scan.max.max(0.0));
        }
        Ok(scan)
    }

    fn add(&mut self, matrix: &Element, range: &Range<usize>, by_columns: bool, chosen: &[usize]) -> Result<()> {
        let part = AxisSelection::Range(range.start as u64..range.end as u64);
        let part = if by_columns {
            matrix.select(&[AxisSelection::Range(0..self.shape.0 as u64), part])?
        } else {
            matrix.select(&[part])?
        };
        let block = match part {
            Element::Lazy(lazy) => lazy.load_once()?,
            loaded => loaded,
        };
        let within = |&column: &usize| {
            if by_columns { range.contains(&column).then(|| column - range.start) } else { Some(column) }
        };
        let chosen: Vec<u64> = chosen.iter().filter_map(within).map(|column| column as u64).collect();
        let block = match block {
            Element::Tensor(dense) => Block::of_dense(&dense.cast(&DType::F64)?, &chosen)?,
            Element::Sparse(sparse) => Block::of_sparse(&sparse.cast(&DType::F64)?, chosen)?,
            other => return Err(Error::dtype(format!("it is not a matrix but of kind '{}'", other.kind_name()))),
        };
        put(&mut self.row_sums, block.row_sums, !by_columns, |sum, more| *sum += more);
        put(&mut self.chosen_sums, block.chosen_sums, !by_columns, |sum, more| *sum += more);
        put(&mut self.row_counts, block.row_counts, !by_columns, |sum, more| *sum += more);
        put(&mut self.column_sums, block.column_sums, by_columns, |sum, more| *sum += more);
        put(&mut self.column_counts, block.column_counts, by_columns, |sum, more| *sum += more);
        self.look_at(block.values.as_slice::<f64>()?, block.is_sparse);
        Ok(())
    }

    /// Looks at every value of a block.
    fn look_at(&mut self, values: &[f64], is_sparse: bool) {
        for &value in values {
            if value == 0.0 {
                self.stored_zeros += usize::from(is_sparse);
                continue;
            }
            if self.n_values.is_multiple_of(self.step) {
                self.sample.push(value);
            }
            self.n_values += 1;
            if value.is_nan() {
                self.n_nan += 1;
                continue;
            }
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.whole &= value.fract() == 0.0;
        }
    }

    /// How many values were looked at, zeros included.
    pub(crate) fn n_cells(&self) -> f64 {
        let (rows, columns) = match self.sampled {
            Some((read, "columns")) => (self.shape.0, read),
            Some((read, _)) => (read, self.shape.1),
            None => self.shape,
        };
        float(rows) * float(columns)
    }

    /// Whether no value is below zero, so that sums are counts of something.
    pub(crate) fn is_count_like(&self) -> bool {
        self.min >= 0.0 && self.n_nan == 0
    }
}

/// What is found in a block, whose values are doubles.
struct Block {
    row_sums: Vec<f64>,
    row_counts: Vec<usize>,
    column_sums: Vec<f64>,
    column_counts: Vec<usize>,
    /// Of the columns that were chosen; empty if none were.
    chosen_sums: Vec<f64>,
    values: Tensor,
    is_sparse: bool,
}

impl Block {
    fn of_dense(block: &Tensor, chosen: &[u64]) -> Result<Self> {
        let chosen_sums = if chosen.is_empty() { Vec::new() } else { block.take(1, chosen)?.row_sums_f64()? };
        Ok(Self {
            row_sums: block.row_sums_f64()?,
            row_counts: block.nonzero_per_row()?,
            column_sums: block.column_sums_f64()?,
            column_counts: block.nonzero_per_column()?,
            chosen_sums,
            values: block.clone(),
            is_sparse: false,
        })
    }

    fn of_sparse(block: &SparseMatrix, chosen: Vec<u64>) -> Result<Self> {
        let chosen_sums = if chosen.is_empty() {
            Vec::new()
        } else {
            let rows = AxisSelection::Range(0..block.shape().0 as u64);
            block.select(&rows, &AxisSelection::of_positions(chosen))?.row_sums_f64()?
        };
        Ok(Self {
            row_sums: block.row_sums_f64()?,
            row_counts: block.nnz_per_row()?,
            column_sums: block.column_sums_f64()?,
            column_counts: block.nnz_per_column()?,
            chosen_sums,
            values: block.data().clone(),
            is_sparse: true,
        })
    }
}

/// Puts what was found in a block after what was found before, or adds it to that.
fn put<T: Copy>(all: &mut Vec<T>, block: Vec<T>, after: bool, add: impl Fn(&mut T, T)) {
    if after || all.is_empty() {
        all.extend(block);
    } else {
        all.iter_mut().zip(block).for_each(|(all, more)| add(all, more));
    }
}

/// The ranges of an axis that are read: all of it, or blocks that are equally far from each other.
fn blocks(len: usize, bytes: usize, max_bytes: u64) -> Vec<Range<usize>> {
    let step = (len.saturating_mul(BLOCK_BYTES) / bytes.max(1)).clamp(1, len.max(1));
    let n_blocks = len.div_ceil(step).max(1);
    // Fallback: more than memory has is no limit.
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let wanted = (max_bytes / (bytes / n_blocks).max(1)).clamp(1, n_blocks);
    (0..wanted)
        .map(|at| {
            let start = at * n_blocks / wanted * step;
            start.min(len)..(start + step).min(len)
        })
        .collect()
}

/// About how many values a matrix of so many bytes stores.
fn values_in(bytes: usize, schema: &Schema) -> usize {
    let size = schema.dtype().and_then(DType::size).unwrap_or(8);
    // Indices have four bytes, or eight in large matrices.
    bytes / (size + if matches!(schema, Schema::Sparse { .. }) { 4 } else { 0 }).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense() -> Result<Tensor> {
        Tensor::from_vec([3, 4], vec![1_i32, 0, 2, 0, 0, 0, 0, 5, 7, 0, 0, 1])
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_format() -> Result<()> {
        for format in [None, Some(SparseFormat::Csr), Some(SparseFormat::Csc)] {
            let matrix = Element::from(dense()?);
            let matrix = match format {
                Some(format) => matrix.to_format(format)?.into(),
                None => matrix,
            };
            let scan = Scan::of(&matrix, &[0, 3], u64::MAX)?;
            assert_eq!(scan.row_sums, [3.0, 5.0, 8.0], "{format:?}");
            assert_eq!(scan.row_counts, [2, 1, 2]);
            assert_eq!(scan.column_sums, [8.0, 0.0, 2.0, 6.0]);
            assert_eq!(scan.column_counts, [2, 0, 1, 2]);
            assert_eq!(scan.chosen_sums, [1.0, 5.0, 8.0]);
            assert_eq!((scan.n_values, scan.min, scan.max, scan.whole), (5, 0.0, 7.0, true));
            let mut sample = scan.sample;
            sample.sort_unstable_by(f64::total_cmp);
            assert_eq!(sample, [1.0, 1.0, 2.0, 5.0, 7.0]);
        }
        Ok(())
    }

    #[test]
    fn large_matrices_are_sampled_evenly() {
        assert_eq!(blocks(10, 100, u64::MAX).first(), Some(&(0..10)));
        assert_eq!(blocks(0, 0, 10).first(), Some(&(0..0)));
        let size = 8 * BLOCK_BYTES;
        assert_eq!(blocks(800, size, u64::MAX).len(), 8);
        assert_eq!(blocks(800, size, 2 * BLOCK_BYTES as u64), [0..100, 400..500]);
        assert_eq!((blocks(800, size, 0).len(), blocks(800, size, 0).first()), (1, Some(&(0..100))));
    }

    #[test]
    fn what_is_no_matrix_of_numbers_is_told() -> Result<()> {
        let texts = Element::from(Tensor::from_strings([1, 1], ["a"])?);
        assert!(Scan::of(&texts, &[], u64::MAX).is_err_and(|error| error.is_dtype()));
        assert!(Scan::of(&Element::Null, &[], u64::MAX).is_err_and(|error| error.is_dtype()));
        Ok(())
    }
}
