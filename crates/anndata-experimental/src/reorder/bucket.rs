//! [`Spilled`]: the rows of a matrix in files, each of which has those of one stretch of positions.
//!
//! A file is a row of records, each of what one block of the input has for it: the number of rows and of values, the position of each
//! row, its number of values (of a sparse matrix), the indices in 32 or 64 bits, and the values. Numbers are in the byte order of the
//! machine: no other one reads them.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anndata_array::sparse::stack::index_dtype;
use anndata_core::{AxisSelection, DType, Element, LazySource, Result, Schema, SparseFormat, SparseMatrix, Tensor};
use anndata_storage::{Error, OrBug};
use tempfile::TempDir;

use crate::{ChunkOptions, chunks};

/// A matrix whose rows are in files.
#[derive(Debug)]
pub(super) struct Spilled {
    path: String,
    schema: Schema,
    /// The rows of a file; the last one may have less.
    per_file: u64,
    /// The number of values of each row, of a sparse matrix.
    lengths: Option<Vec<u32>>,
    bytes: u64,
    scratch: Arc<TempDir>,
    /// The file that was read last: rows are asked for in order.
    last: Mutex<Option<(u64, Element)>>,
}

/// Writes the rows of a matrix to so many files, about, each to where its position is.
pub(super) fn spill(
    element: &Element,
    inverse: &[u64],
    files: u64,
    memory: u64,
    scratch: Arc<TempDir>,
    path: &str,
) -> Result<Spilled> {
    let rows = inverse.len() as u64;
    let schema = match element.schema()? {
        Schema::Sparse { format: SparseFormat::Csc, .. } => {
            let message = "a CSC matrix cannot be put in another order of rows: convert it to CSR first";
            return Err(Error::unsupported(message).at(path));
        }
        schema => schema,
    };
    let per_file = rows.div_ceil(files.max(1)).max(1);
    let is_sparse = matches!(schema, Schema::Sparse { .. });
    let mut spilled = Spilled {
        path: path.to_owned(),
        lengths: is_sparse.then(|| vec![0; inverse.len()]),
        schema,
        per_file,
        bytes: element.size_in_memory(true) as u64,
        scratch,
        last: Mutex::new(None),
    };
    for chunk in chunks(element, &ChunkOptions::default().with_memory_limit(memory).with_prefetch(1))? {
        let (range, block) = chunk?;
        let positions = inverse.get(range).or_bug("a row beyond all")?;
        let mut sorted: Vec<(u64, u64)> = positions.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        for part in sorted.chunk_by(|a, b| a.0 / per_file == b.0 / per_file) {
            let file = part.first().or_bug("rows of no file")?.0 / per_file;
            let own = AxisSelection::of_positions(part.iter().map(|(_, row)| *row).collect());
            let positions: Vec<u64> = part.iter().map(|(position, _)| *position).collect();
            let name = spilled.file(file);
            let some = block.select(&[own])?;
            spilled.append(&name, &some, &positions).map_err(|error| error.in_file(&name))?;
        }
    }
    Ok(spilled)
}

impl Spilled {
    fn file(&self, file: u64) -> PathBuf {
        self.scratch.path().join(file.to_string())
    }

    fn width(&self) -> Result<usize> {
        let shape = self.schema.shape().or_bug("a matrix without a shape")?;
        Ok(shape.iter().skip(1).product())
    }

    /// Writes some rows behind those of a file. It is open no longer than that: there may be more than a process may open.
    fn append(&mut self, name: &Path, block: &Element, positions: &[u64]) -> Result<()> {
        let mut out = BufWriter::new(File::options().append(true).create(true).open(name)?);
        self.write(block, positions, &mut out)?;
        Ok(out.flush()?)
    }

    /// Writes some rows, and notes how long they are.
    fn write(&mut self, block: &Element, positions: &[u64], out: &mut BufWriter<File>) -> Result<()> {
        let mut put = |values: &Tensor| {
            let bytes = values
                .as_bytes()
                .ok_or_else(|| Error::unsupported("values of no fixed size cannot be put in another order"))?;
            Ok::<_, Error>(out.write_all(bytes)?)
        };
        let header = |values: usize| Tensor::from_vec([2], vec![positions.len() as u64, values as u64]);
        match block {
            Element::Tensor(tensor) => {
                put(&header(tensor.len())?)?;
                put(&Tensor::from_vec([positions.len()], positions.to_vec())?)?;
                put(tensor)
            }
            Element::Sparse(matrix) => {
                let lengths: Vec<u64> = matrix.major_offsets()?.lengths().map(|len| len as u64).collect();
                let all = self.lengths.as_mut().or_bug("a sparse matrix of dense rows")?;
                for (&position, &len) in positions.iter().zip(&lengths) {
                    let row = usize::try_from(position).ok().and_then(|row| all.get_mut(row));
                    *row.or_bug("a row beyond all")? =
                        u32::try_from(len).or_bug("a row of more values than columns")?;
                }
                put(&header(matrix.nnz())?)?;
                put(&Tensor::from_vec([positions.len()], positions.to_vec())?)?;
                put(&Tensor::from_vec([lengths.len()], lengths)?)?;
                put(&matrix.indices().cast(&index_dtype(0, 0, matrix.shape().1))?)?;
                put(matrix.data())
            }
            other => Err(Error::bug(format!("a {} among the rows of a matrix", other.kind_name()))),
        }
    }

    /// The rows of a file, in order.
    fn read(&self, file: u64) -> Result<Element> {
        let name = self.file(file);
        self.read_file(&name).map_err(|error| error.in_file(&name))
    }

    fn read_file(&self, name: &Path) -> Result<Element> {
        let mut input = File::open(name)?;
        let mut left = input.metadata()?.len();
        let mut take = |dtype: &DType, len: u64| {
            let size = dtype.size().or_bug("values of no fixed size")? as u64;
            let bytes = size.saturating_mul(len);
            left = left.checked_sub(bytes).ok_or_else(|| Error::invalid_data("a scratch file was changed"))?;
            let mut buffer =
                anndata_storage::AlignedBytes::try_zeroed(usize::try_from(bytes).or_bug("a file beyond memory")?)?;
            input.read_exact(buffer.as_mut_slice())?;
            let len = usize::try_from(len).or_bug("a file beyond memory")?;
            Ok::<_, Error>((Tensor::new(dtype.clone(), [len], buffer)?, left == 0))
        };
        let width = self.width()?;
        let (mut positions, mut parts) = (Vec::new(), Vec::new());
        loop {
            let (header, _) = take(&DType::U64, 2)?;
            let [rows, values] = *header.as_slice::<u64>()? else { return Err(Error::bug("a header of two numbers")) };
            positions.extend_from_slice(take(&DType::U64, rows)?.0.as_slice::<u64>()?);
            let rows = usize::try_from(rows).or_bug("more rows than memory can hold")?;
            let is_last = match &self.schema {
                Schema::Sparse { dtype, .. } => {
                    let (lengths, _) = take(&DType::U64, rows as u64)?;
                    let mut offsets = vec![0_i64];
                    let mut end = 0_i64;
                    for &len in lengths.as_slice::<u64>()? {
                        end = end.saturating_add(i64::try_from(len).or_bug("a row of more values than columns")?);
                        offsets.push(end);
                    }
                    let (indices, _) = take(&index_dtype(0, 0, width), values)?;
                    let (data, is_last) = take(dtype, values)?;
                    let indptr = Tensor::from_vec([rows + 1], offsets)?;
                    parts.push(Element::Sparse(SparseMatrix::new(
                        SparseFormat::Csr,
                        (rows, width),
                        data,
                        indices,
                        indptr,
                    )?));
                    is_last
                }
                Schema::Array { dtype, shape } => {
                    let (data, is_last) = take(dtype, values)?;
                    let shape: Vec<usize> = std::iter::once(rows).chain(shape.iter().skip(1).copied()).collect();
                    parts.push(Element::Tensor(data.reshape(shape)?));
                    is_last
                }
                _ => return Err(Error::bug("rows of what is no matrix")),
            };
            if is_last {
                break;
            }
        }
        let mut order: Vec<(u64, u64)> = positions.into_iter().zip(0..).collect();
        order.sort_unstable();
        let order = AxisSelection::of_positions(order.into_iter().map(|(_, at)| at).collect());
        join(parts)?.select(&[order])
    }

    /// Some rows of one file.
    fn rows_of(&self, file: u64, rows: &AxisSelection) -> Result<Element> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((own, element)) = &*last
            && *own == file
        {
            return element.select(std::slice::from_ref(rows));
        }
        // Before the next one is read.
        *last = None;
        let element = self.read(file)?;
        let some = element.select(std::slice::from_ref(rows))?;
        *last = Some((file, element));
        Ok(some)
    }

    /// No rows.
    fn empty(&self) -> Result<Element> {
        match &self.schema {
            Schema::Sparse { dtype, shape, .. } => {
                let dense = Tensor::zeros(dtype, [0, shape.1])?;
                SparseMatrix::from_dense(&dense, SparseFormat::Csr).map(Element::Sparse)
            }
            Schema::Array { dtype, shape } => {
                let shape: Vec<usize> = std::iter::once(0).chain(shape.iter().skip(1).copied()).collect();
                Tensor::zeros(dtype, shape).map(Element::Tensor)
            }
            _ => Err(Error::bug("rows of what is no matrix")),
        }
    }
}

/// Rows one below the other.
fn join(parts: Vec<Element>) -> Result<Element> {
    let mut parts = parts;
    if parts.len() == 1 {
        return parts.pop().or_bug("one part");
    }
    if let Some(Element::Sparse(_)) = parts.first() {
        let parts = parts.iter().map(Element::to_sparse).collect::<Result<Vec<_>>>()?;
        return SparseMatrix::concat_major(&parts).map(Element::Sparse);
    }
    let parts = parts.iter().map(Element::to_tensor).collect::<Result<Vec<_>>>()?;
    Tensor::concat_rows(&parts).map(Element::Tensor)
}

impl LazySource for Spilled {
    fn path(&self) -> &str {
        &self.path
    }

    fn schema(&self) -> Result<Schema> {
        Ok(self.schema.clone())
    }

    fn load(&self) -> Result<Element> {
        let len = self.schema.shape().and_then(|shape| shape.first().copied()).or_bug("a matrix without rows")?;
        self.select(&[AxisSelection::Range(0..len as u64)])
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        let (rows, others) = axes.split_first().or_bug("a matrix without axes")?;
        let mut wanted: Vec<u64> = rows.positions().collect();
        let sorted = wanted.is_sorted_by(|a, b| a < b);
        if !sorted {
            wanted.sort_unstable();
            wanted.dedup();
        }
        let mut parts = Vec::new();
        for part in wanted.chunk_by(|a, b| a / self.per_file == b / self.per_file) {
            let file = part.first().or_bug("rows of no file")? / self.per_file;
            let own = part.iter().map(|position| position - file * self.per_file).collect();
            parts.push(self.rows_of(file, &AxisSelection::of_positions(own))?);
        }
        let mut all = if parts.is_empty() { self.empty()? } else { join(parts)? };
        if !sorted {
            let place = |position: u64| wanted.partition_point(|&other| other < position) as u64;
            all = all.select(&[AxisSelection::of_positions(rows.positions().map(place).collect())])?;
        }
        let shape = self.schema.shape().or_bug("a matrix without a shape")?;
        let is_whole = others.iter().zip(shape.iter().skip(1)).all(|(axis, &len)| axis.is_whole(len as u64));
        if is_whole {
            return Ok(all);
        }
        let axes: Vec<AxisSelection> =
            std::iter::once(AxisSelection::Range(0..rows.len())).chain(others.iter().cloned()).collect();
        all.select(&axes)
    }

    fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        let Some(lengths) = &self.lengths else { return Ok(None) };
        let lengths = lengths.get(slices).or_bug("a row beyond all")?;
        lengths.iter().map(|&len| usize::try_from(len).or_bug("a row beyond memory")).collect::<Result<_>>().map(Some)
    }

    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        let per_file = usize::try_from(self.per_file).or_bug("a file beyond memory")?;
        Ok(if axis == 0 { position - position % per_file } else { position })
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        // Fallback: more bytes than memory holds are over every limit that this is compared with.
        if with_stored { usize::try_from(self.bytes).unwrap_or(usize::MAX) } else { 0 }
    }
}
