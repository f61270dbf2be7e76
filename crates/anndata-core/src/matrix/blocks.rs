//! A matrix block by block: what is stored, or is a part of something else, is never in memory as a whole.

use std::ops::Range;

use anndata_storage::{AxisSelection, Error, MemoryReuse, OrBug, Result};

use super::Matrix;
use crate::{Element, Lazy, Schema, SparseFormat, SparseMatrix};

/// About how many bytes of values and indices a block has.
const BLOCK_BYTES: usize = 64 << 20;

/// About how many bytes a block has of which only the lengths are wanted.
const COUNTED_BYTES: usize = 4 << 20;

/// The blocks of a matrix along one of its axes: the columns of CSC, the rows of all others. There is at least one, which
/// may be empty. What is in memory is one block; what is read is not kept.
pub(crate) struct Blocks<'a> {
    matrix: &'a Element,
    axis: usize,
    len: usize,
    step: usize,
    next: Option<usize>,
    /// The memory of a block is that of the last one.
    _memory: Option<MemoryReuse>,
}

impl<'a> Blocks<'a> {
    /// Of a matrix.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is not a matrix, or if the metadata of a lazy one are malformed.
    pub(crate) fn of(matrix: &'a Element) -> Result<Self> {
        Self::of_size(matrix, BLOCK_BYTES)
    }

    /// Of a matrix, with about so many bytes of values and indices in a block.
    pub(crate) fn of_size(matrix: &'a Element, block_bytes: usize) -> Result<Self> {
        let schema = matrix.schema()?;
        let (axis, shape) = match &schema {
            Schema::Array { shape, .. } if shape.len() == 2 => (0, shape.clone()),
            Schema::Sparse { shape: (rows, columns), format: SparseFormat::Csr, .. } => (0, vec![*rows, *columns]),
            Schema::Sparse { shape: (rows, columns), format: SparseFormat::Csc, .. } => (1, vec![*rows, *columns]),
            other => {
                let Element::Lazy(lazy) = matrix else { return Err(matrix.is_not("a matrix")) };
                let message = format!("expected a matrix, found a value of kind '{}'", other.kind_name());
                return Err(lazy.locate(Error::dtype(message)));
            }
        };
        let len = *shape.get(axis).or_bug("a matrix has two axes")?;
        let step = match matrix {
            Element::Lazy(lazy) if lazy.selected().is_some() || !lazy.is_loaded() => {
                // Of a matrix of which nothing is known but that it has values, all is one block.
                let bytes = bytes(lazy, &schema, axis, len)?;
                len.min(block_bytes.saturating_mul(len) / bytes.max(1)).max(1)
            }
            _ => len.max(1),
        };
        let memory = (step < len).then(|| MemoryReuse::up_to(block_bytes.saturating_mul(2)));
        Ok(Self { matrix, axis, len, step, next: Some(0), _memory: memory })
    }

    /// The axis along which there are blocks: 0 for rows, 1 for columns.
    pub(crate) fn axis(&self) -> usize {
        self.axis
    }

    /// The rows, or columns, of each block.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (len, step) = (self.len, self.step);
        (0..len.max(1)).step_by(step).map(move |start| start.min(len)..start.saturating_add(step).min(len))
    }

    /// Some rows, or columns.
    pub(crate) fn block(&self, range: &Range<usize>) -> Result<Matrix> {
        if *range == (0..self.len) {
            return match self.matrix {
                Element::Lazy(lazy) => lazy.load_once()?.into_matrix(),
                other => other.clone().into_matrix(),
            };
        }
        let part = AxisSelection::Range(range.start as u64..range.end as u64);
        let part = if self.axis == 0 {
            self.matrix.select(&[part])?
        } else {
            let rows = self.matrix.shape()?.and_then(|shape| shape.first().copied()).or_bug("a matrix without rows")?;
            self.matrix.select(&[AxisSelection::Range(0..rows as u64), part])?
        };
        match part {
            Element::Lazy(lazy) => lazy.load_once()?.into_matrix(),
            loaded => loaded.into_matrix(),
        }
    }
}

impl Iterator for Blocks<'_> {
    /// The rows, or columns, of a block, and the block.
    type Item = Result<(Range<usize>, Matrix)>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next?;
        let end = start.saturating_add(self.step).min(self.len);
        self.next = (end < self.len).then_some(end);
        Some(self.block(&(start..end)).map(|block| (start..end, block)))
    }
}

impl Element {
    /// How many values each of some major slices (rows of CSR, columns of CSC) of a sparse matrix has. Of what is stored, values
    /// are read only where nothing else tells, some slices at a time.
    ///
    /// ```
    /// use anndata_core::{Element, SparseFormat, Tensor};
    ///
    /// let dense = Element::from(Tensor::from_vec([3, 2], vec![1, 2, 0, 0, 0, 3])?);
    /// let matrix = Element::from(dense.to_format(SparseFormat::Csr)?);
    /// assert_eq!(matrix.major_lengths(1..3)?, [0, 1]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it is not a sparse matrix, the slices are out of bounds, or it cannot be read.
    pub fn major_lengths(&self, slices: Range<usize>) -> Result<Vec<usize>> {
        let Schema::Sparse { format, shape: (rows, columns), .. } = self.schema()? else {
            return Err(self.is_not("a sparse matrix"));
        };
        let len = if format == SparseFormat::Csr { rows } else { columns };
        if slices.start > slices.end || slices.end > len {
            return Err(Error::invalid_input(format!("the slices {slices:?} are out of bounds of {len}")));
        }
        match self {
            Self::Sparse(matrix) => return Ok(matrix.major_offsets()?.slice(slices)?.lengths().collect()),
            Self::Lazy(lazy) => {
                if let Some(lengths) = lazy.major_lengths(slices.clone())? {
                    return Ok(lengths);
                }
            }
            _ => {}
        }
        let some = AxisSelection::Range(slices.start as u64..slices.end as u64);
        let part = match format {
            SparseFormat::Csr => self.select(&[some])?,
            SparseFormat::Csc => self.select(&[AxisSelection::Range(0..rows as u64), some])?,
        };
        let mut lengths = Vec::with_capacity(slices.len());
        for block in Blocks::of_size(&part, COUNTED_BYTES)? {
            match block?.1 {
                Matrix::Sparse(matrix) => lengths.extend(matrix.major_offsets()?.lengths()),
                Matrix::Dense(_) => return Err(self.is_not("a sparse matrix")),
            }
        }
        Ok(lengths)
    }
}

impl Element {
    /// The last position along an axis, at most `position`, at which a chunk of the stored values ends: blocks that end there
    /// decode each chunk once. What is in memory, or stored without such chunks, has one at each position.
    ///
    /// # Errors
    /// If the metadata of a lazy element are malformed.
    pub fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        match self {
            Self::Lazy(lazy) => lazy.chunk_end(axis, position),
            _ => Ok(position),
        }
    }
}

/// About how many bytes a lazy matrix of this schema takes in memory; `len` is the length of its axis.
fn bytes(lazy: &Lazy, schema: &Schema, axis: usize, len: usize) -> Result<usize> {
    if let Schema::Array { dtype, shape } = schema {
        return Ok(shape.iter().copied().fold(dtype.size().unwrap_or(size_of::<u64>()), usize::saturating_mul));
    }
    let nbytes = |matrix: &SparseMatrix| matrix.data().nbytes().saturating_add(matrix.indices().nbytes());
    let in_memory = |element: &Element| if let Element::Sparse(matrix) = element { nbytes(matrix) } else { 0 };
    let Some(selection) = lazy.selected() else { return Ok(lazy.nbytes(true).unwrap_or(0)) };
    // Each slice has as many values as the others, so far as is known.
    let whole = match selection.of() {
        Element::Lazy(whole) => match whole.nbytes(true) {
            Some(bytes) => bytes,
            None => in_memory(&whole.load_once()?),
        },
        other => in_memory(other),
    };
    let slices = selection.of().shape()?.and_then(|shape| shape.get(axis).copied()).or_bug("a matrix without axes")?;
    Ok((whole / slices.max(1)).saturating_mul(len))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{LazySource, Tensor};

    /// A matrix that says it is large, and notes how much of it is asked for at a time.
    #[derive(Debug)]
    struct Large {
        matrix: Element,
        bytes: usize,
        asked: &'static Mutex<Vec<u64>>,
    }

    impl LazySource for Large {
        fn path(&self) -> &'static str {
            "X"
        }

        fn schema(&self) -> Result<Schema> {
            self.matrix.schema()
        }

        fn load(&self) -> Result<Element> {
            Err(Error::limit_exceeded("too large to be read as a whole"))
        }

        fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
            let longest = axes.iter().map(AxisSelection::len).min();
            self.asked.lock().map_err(|_| Error::bug("poisoned"))?.extend(longest);
            self.matrix.select(axes)
        }

        fn nbytes(&self, _with_stored: bool) -> usize {
            self.bytes
        }
    }

    #[test]
    fn a_stored_matrix_is_never_read_as_a_whole() -> Result<()> {
        static ASKED: Mutex<Vec<u64>> = Mutex::new(Vec::new());
        let values: Vec<i32> = (0..9 * 9).map(|i| i * (i % 3)).collect();
        let dense = Element::from(Tensor::from_vec([9, 9], values)?);
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let matrix = Element::from(dense.to_format(format)?);
            let stored = Element::from(Lazy::new(Large { matrix, bytes: 3 * BLOCK_BYTES, asked: &ASKED }));
            assert_eq!(stored.row_sums()?, dense.row_sums()?);
            assert_eq!(stored.column_sums()?, dense.column_sums()?);
            assert_eq!(stored.row_means()?, dense.row_means()?);
            assert_eq!(stored.column_means()?, dense.column_means()?);
            for (a, b) in [
                (stored.row_variances(1)?, dense.row_variances(1)?),
                (stored.column_variances(0)?, dense.column_variances(0)?),
            ] {
                for (a, b) in a.as_slice::<f64>()?.iter().zip(b.as_slice::<f64>()?) {
                    assert!((a - b).abs() < 1e-9, "{a} {b}");
                }
            }
            assert_eq!(stored.row_minima()?, dense.row_minima()?);
            assert_eq!(stored.row_maxima()?, dense.row_maxima()?);
            assert_eq!(stored.column_minima()?, dense.column_minima()?);
            assert_eq!(stored.column_maxima()?, dense.column_maxima()?);
            assert_eq!(stored.nnz_per_row()?, dense.nnz_per_row()?);
            assert_eq!(stored.nnz_per_column()?, dense.nnz_per_column()?);
            let part = [AxisSelection::from(vec![8, 0, 3, 3, 1, 7]), AxisSelection::from(vec![2, 5, 4, 1])];
            let (view, expected) = (stored.select(&part)?, dense.select(&part)?);
            assert_eq!(view.column_sums()?, expected.column_sums()?);
            assert_eq!(view.row_means()?, expected.row_means()?);
            let Element::Lazy(lazy) = &stored else { return Err(Error::bug("not lazy")) };
            assert!(!lazy.is_loaded());
        }
        let asked = ASKED.lock().map_err(|_| Error::bug("poisoned"))?;
        assert!(asked.iter().all(|&len| len <= 4), "{asked:?}");
        Ok(())
    }

    #[test]
    fn there_is_a_block_of_nothing() -> Result<()> {
        let empty = Element::from(Tensor::from_vec([0, 2], Vec::<u8>::new())?);
        let view = empty.view(&[], crate::model::Categories::Keep)?;
        for matrix in [&empty, &view] {
            assert_eq!(Blocks::of(matrix)?.count(), 1);
            assert_eq!(matrix.column_sums()?.as_slice::<u64>()?, [0, 0]);
            assert!(matrix.column_means()?.as_slice::<f64>()?.iter().all(|mean| mean.is_nan()));
            assert!(matrix.row_variances(1)?.is_empty());
        }
        Ok(())
    }
}
