//! [`Spilled`]: the rows of a matrix in files, each of which has those of one stretch of positions.
//!
//! A file is a row of records, each of what one block of the input has for it, compressed with LZ4: the number of rows and of values,
//! and of bytes before and after compression; then the position of each row, its number of values (of a sparse matrix), the values,
//! and their indices in 32 or 64 bits. Numbers are in the byte order of the machine: no other one reads them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anndata_array::sparse::stack::index_dtype;
use anndata_core::{AxisSelection, DType, Element, LazySource, Result, Schema, SparseFormat, SparseMatrix, Tensor};
use anndata_storage::{AlignedBytes, Error, MemoryReuse, OrBug};
use arrow_buffer::Buffer;
use lz4_flex::block;
use rayon::prelude::*;
use tempfile::TempDir;

use crate::{ChunkOptions, chunks};

/// The most bytes of a block of the input: what it has for a file is compressed as a whole.
const LARGEST_BLOCK: u64 = 256 << 20;

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
    #[expect(dead_code, reason = "memory is kept as long as it lives")]
    memory: MemoryReuse,
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
        // Fallback: no more is kept than there is.
        memory: MemoryReuse::up_to(usize::try_from(memory).unwrap_or(usize::MAX)),
    };
    // Beside the block there is what it becomes.
    let of_block = (memory / 2).clamp(1, LARGEST_BLOCK);
    for chunk in chunks(element, &ChunkOptions::default().with_memory_limit(of_block).with_prefetch(1))? {
        let (range, block) = chunk?;
        let positions = inverse.get(range).or_bug("a row beyond all")?;
        let mut sorted: Vec<(u64, u64)> = positions.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let parts: Vec<&[(u64, u64)]> = sorted.chunk_by(|a, b| a.0 / per_file == b.0 / per_file).collect();
        // Each goes to a file of its own.
        let lengths = parts.par_iter().map(|part| spilled.append(&block, part)).collect::<Result<Vec<_>>>()?;
        let Some(all) = spilled.lengths.as_mut() else { continue };
        for (&(position, _), len) in parts.iter().copied().flatten().zip(lengths.into_iter().flatten()) {
            *usize::try_from(position).ok().and_then(|row| all.get_mut(row)).or_bug("a row beyond all")? = len;
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

    /// Writes some rows of a block, each with its position, behind those of their file. It is open no longer than that: there may be
    /// more than a process may open. Gives the number of values of each row of a sparse matrix.
    fn append(&self, block: &Element, part: &[(u64, u64)]) -> Result<Vec<u32>> {
        let file = part.first().or_bug("rows of no file")?.0 / self.per_file;
        let name = self.file(file);
        let rows = AxisSelection::of_positions(part.iter().map(|(_, row)| *row).collect());
        let positions: Vec<u64> = part.iter().map(|(position, _)| *position).collect();
        let (record, len, lengths) = record(&block.select(&[rows])?, positions)?;
        let write = || {
            let mut out = File::options().append(true).create(true).open(&name)?;
            Ok::<_, Error>(out.write_all(record.as_slice().get(..len).or_bug("a record that is too short")?)?)
        };
        write().map_err(|error| error.in_file(&name))?;
        Ok(lengths)
    }

    /// The rows of a file, in order.
    fn read(&self, file: u64) -> Result<Element> {
        let name = self.file(file);
        self.read_file(&name).map_err(|error| error.in_file(&name))
    }

    fn read_file(&self, name: &Path) -> Result<Element> {
        let mut input = File::open(name)?;
        let (mut positions, mut parts) = (Vec::<u64>::new(), Vec::new());
        let mut left = input.metadata()?.len();
        while left > 0 {
            let mut header = [0_u64; HEADER];
            let bytes = bytemuck::cast_slice_mut::<u64, u8>(&mut header);
            input.read_exact(bytes)?;
            let [rows, values, raw, compressed] = header;
            let read = (size_of_val(&header) as u64).saturating_add(compressed);
            left = left.checked_sub(read).ok_or_else(changed)?;
            let mut packed = AlignedBytes::try_to_fill(in_memory(compressed)?)?;
            input.read_exact(packed.as_mut_slice())?;
            let mut payload = AlignedBytes::try_to_fill(in_memory(raw)?)?;
            let found = block::decompress_into(packed.as_slice(), payload.as_mut_slice());
            if found.is_err() || found.is_ok_and(|found| found as u64 != raw) {
                return Err(changed());
            }
            drop(packed);
            let (own, part) = self.parse(payload.into(), in_memory(rows)?, in_memory(values)?)?;
            positions.extend(own.as_slice::<u64>()?);
            parts.push(part);
        }
        let mut order: Vec<(u64, u64)> = positions.into_iter().zip(0..).collect();
        order.sort_unstable();
        let order = AxisSelection::of_positions(order.into_iter().map(|(_, at)| at).collect());
        join(parts)?.select(&[order])
    }

    /// What is in a record: positions and rows.
    fn parse(&self, payload: Buffer, rows: usize, values: usize) -> Result<(Tensor, Element)> {
        let mut rest = payload;
        let mut take = |dtype: &DType, len: usize| {
            let bytes = dtype.size().or_bug("values of no fixed size")?.checked_mul(len);
            let bytes = bytes.filter(|&bytes| bytes <= rest.len()).ok_or_else(changed)?;
            let own = rest.slice_with_length(0, bytes);
            rest = rest.slice(bytes);
            Tensor::new(dtype.clone(), [len], own)
        };
        let positions = take(&DType::U64, rows)?;
        let width = self.width()?;
        let part = match &self.schema {
            Schema::Sparse { dtype, .. } => {
                let lengths = take(&DType::U64, rows)?;
                let mut offsets = vec![0_i64];
                let mut end = 0_i64;
                for &len in lengths.as_slice::<u64>()? {
                    end = end.saturating_add(i64::try_from(len).or_bug("a row of more values than columns")?);
                    offsets.push(end);
                }
                // The values, which are as wide as the indices or wider, but for small ones, come first.
                let data = take(dtype, values)?;
                let indices = take(&index_dtype(0, 0, width), values)?;
                let indptr = Tensor::from_vec([rows + 1], offsets)?;
                SparseMatrix::new(SparseFormat::Csr, (rows, width), data, indices, indptr)?.into()
            }
            Schema::Array { dtype, shape } => {
                let shape: Vec<usize> = std::iter::once(rows).chain(shape.iter().skip(1).copied()).collect();
                take(dtype, values)?.reshape(shape)?.into()
            }
            _ => return Err(Error::bug("rows of what is no matrix")),
        };
        Ok((positions, part))
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

/// The numbers before what is compressed.
const HEADER: usize = 4;

/// Rows at their positions as a record, how many of the bytes are that, and the number of values of each row of a sparse matrix.
fn record(rows: &Element, positions: Vec<u64>) -> Result<(AlignedBytes, usize, Vec<u32>)> {
    let count = positions.len() as u64;
    let positions = Tensor::from_vec([positions.len()], positions)?;
    let (parts, values, lengths) = match rows {
        Element::Tensor(tensor) => (vec![positions, tensor.clone()], tensor.len(), Vec::new()),
        Element::Sparse(matrix) => {
            let lengths: Vec<u64> = matrix.major_offsets()?.lengths().map(|len| len as u64).collect();
            let narrow = |&len: &u64| u32::try_from(len).or_bug("a row of more values than columns");
            let narrow = lengths.iter().map(narrow).collect::<Result<Vec<u32>>>()?;
            let indices = matrix.indices().cast(&index_dtype(0, 0, matrix.shape().1))?;
            let lengths = Tensor::from_vec([lengths.len()], lengths)?;
            (vec![positions, lengths, matrix.data().clone(), indices], matrix.nnz(), narrow)
        }
        other => return Err(Error::bug(format!("a {} among the rows of a matrix", other.kind_name()))),
    };
    let bytes = parts.iter().map(|part| {
        let none = || Error::unsupported("values of no fixed size cannot be put in another order");
        part.as_bytes().ok_or_else(none)
    });
    let bytes = bytes.collect::<Result<Vec<&[u8]>>>()?;
    let mut payload = AlignedBytes::try_to_fill(bytes.iter().map(|bytes| bytes.len()).sum())?;
    let mut free = payload.as_mut_slice();
    for bytes in bytes {
        free.split_off_mut(..bytes.len()).or_bug("a payload that is too short")?.copy_from_slice(bytes);
    }
    let begin = HEADER * size_of::<u64>();
    let most = begin.saturating_add(block::get_maximum_output_size(payload.as_slice().len()));
    let mut record = AlignedBytes::try_to_fill(most)?;
    let (header, packed) = record.as_mut_slice().split_at_mut(begin);
    let packed = block::compress_into(payload.as_slice(), packed).ok().or_bug("a record that is too short")?;
    let numbers = [count, values as u64, payload.as_slice().len() as u64, packed as u64];
    header.copy_from_slice(bytemuck::cast_slice(&numbers));
    Ok((record, begin + packed, lengths))
}

fn in_memory(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| changed())
}

fn changed() -> Error {
    Error::invalid_data("a scratch file was changed")
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
