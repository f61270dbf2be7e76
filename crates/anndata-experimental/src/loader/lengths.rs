//! What rows take: of a sparse matrix each another number of bytes, and where chunks of the store end.

use std::collections::BTreeSet;

use anndata_core::{Column, Element, Result, Schema, SparseFormat};
use anndata_format::StoredTree as _;
use anndata_format::node::{ArrayNode, Node};
use anndata_storage::{Error, OrBug};

use super::RowSet;
use super::slots::Units;

/// How many rows are looked at at a time.
const BLOCK: usize = 1 << 16;

/// The rows of a unit where nothing says how long it is.
const ROWS: u64 = 512;

/// How many values rows of a sparse matrix have.
#[derive(Debug, Clone, Default)]
pub(super) struct Lengths {
    /// Of how many rows, as a power of two, one number is the largest.
    shift: u32,
    values: Vec<u32>,
    total: u64,
}

impl Lengths {
    /// Those of a row, at most.
    pub(super) fn of(&self, row: u64) -> u64 {
        usize::try_from(row >> self.shift).ok().and_then(|at| self.values.get(at)).copied().map_or(0, u64::from)
    }

    pub(super) fn bytes(&self) -> u64 {
        size_of_val(self.values.as_slice()) as u64
    }

    fn is_exact(&self) -> bool {
        self.shift == 0
    }
}

/// What the rows of one matrix take.
#[derive(Debug, Clone)]
pub(super) struct RowBytes {
    /// Bytes of every row.
    fixed: u64,
    /// Bytes of a stored value of a sparse matrix, and how many there are.
    sparse: Option<(u64, Lengths)>,
    /// The bytes of the largest chunk, decoded.
    pub(super) chunk: u64,
}

impl RowBytes {
    /// The bytes of a row, at most.
    pub(super) fn of(&self, row: u64) -> u64 {
        self.fixed + self.sparse.as_ref().map_or(0, |(value, lengths)| value * lengths.of(row))
    }

    /// The bytes of a row, on average over so many.
    pub(super) fn mean(&self, rows: u64) -> u64 {
        self.fixed + self.sparse.as_ref().map_or(0, |(value, lengths)| (value * lengths.total).div_ceil(rows.max(1)))
    }

    /// Whether what is decoded of its chunks can be kept: those of sparse matrices, which are read in runs.
    pub(super) fn keeps_chunks(&self) -> bool {
        self.sparse.is_some() && self.chunk > 0
    }

    /// The bytes of all rows, of which there are so many.
    pub(super) fn total(&self, rows: u64) -> u64 {
        let values = self.sparse.as_ref().map_or(0, |(value, lengths)| value.saturating_mul(lengths.total));
        self.fixed.saturating_mul(rows).saturating_add(values)
    }

    /// What it takes to know.
    pub(super) fn own_bytes(&self) -> u64 {
        self.sparse.as_ref().map_or(0, |(_, lengths)| lengths.bytes())
    }
}

/// The matrices of all stores under one name: `None` for a store without it. Each has so many rows.
pub(super) type Parts = [(u64, Option<Element>)];

/// What the rows of a matrix take that is put together of those of stores, and is of a schema then. No more than `most` bytes are
/// used to know it.
pub(super) fn row_bytes(parts: &Parts, joined: &Schema, most: u64) -> Result<RowBytes> {
    let dtype = joined.dtype().or_bug("a matrix without a dtype")?;
    let value =
        dtype.size().ok_or_else(|| Error::dtype(format!("a batch has numbers, not values of type {dtype}")))? as u64;
    let chunk = parts.iter().filter_map(|(_, part)| part.as_ref()).map(|part| Chunks::of(part).bytes());
    let chunk = chunk.max().unwrap_or(0);
    match joined {
        Schema::Array { shape, .. } => {
            let others = shape.iter().skip(1).map(|&len| len as u64);
            Ok(RowBytes { fixed: others.fold(value, u64::saturating_mul), sparse: None, chunk })
        }
        Schema::Sparse { .. } => {
            let (mut index, rows) = (size_of::<i32>() as u64, parts.iter().map(|(rows, _)| rows).sum::<u64>());
            let mut shift = 0;
            while ((rows >> shift) + 1) * size_of::<u32>() as u64 > most && shift < 32 {
                shift += 1;
            }
            let mut lengths = Lengths { shift, ..Lengths::default() };
            let mut row = 0_u64;
            for (own, part) in parts {
                if let Some(part) = part {
                    index = index.max(index_bytes(part));
                }
                own_lengths(part.as_ref(), *own, |len| {
                    let len = u32::try_from(len).or_bug("a row of more values than columns can have")?;
                    lengths.total += u64::from(len);
                    let at = usize::try_from(row >> shift).or_bug("more rows than memory can hold")?;
                    match lengths.values.get_mut(at) {
                        Some(largest) => *largest = len.max(*largest),
                        None => lengths.values.push(len),
                    }
                    row += 1;
                    Ok(())
                })?;
            }
            Ok(RowBytes { fixed: size_of::<u64>() as u64, sparse: Some((value + index, lengths)), chunk })
        }
        other => Err(Error::dtype(format!("expected a matrix, found a value of kind '{}'", other.kind_name()))),
    }
}

/// Calls a function with the number of values of each row of what a store has.
fn own_lengths(part: Option<&Element>, rows: u64, mut each: impl FnMut(usize) -> Result<()>) -> Result<()> {
    let rows = usize::try_from(rows).or_bug("more rows than memory can hold")?;
    let Some(part) = part else { return (0..rows).try_for_each(|_| each(0)) };
    match part.schema()? {
        Schema::Sparse { format: SparseFormat::Csr, .. } => {
            for start in (0..rows).step_by(BLOCK) {
                part.major_lengths(start..rows.min(start + BLOCK))?.into_iter().try_for_each(&mut each)?;
            }
            Ok(())
        }
        Schema::Sparse { format: SparseFormat::Csc, .. } => match part {
            Element::Sparse(matrix) => matrix.nnz_per_row()?.into_iter().try_for_each(each),
            Element::Lazy(lazy) if lazy.is_loaded() => part.to_sparse()?.nnz_per_row()?.into_iter().try_for_each(each),
            Element::Lazy(lazy) => {
                let message = "a CSC matrix in a store is read as a whole for any of its rows: convert it to CSR first";
                Err(lazy.locate(Error::unsupported(message)))
            }
            _ => Err(Error::bug("a sparse matrix that is none")),
        },
        // A dense matrix among sparse ones.
        Schema::Array { shape, .. } => {
            let columns = shape.get(1).copied().unwrap_or(1);
            (0..rows).try_for_each(|_| each(columns))
        }
        other => Err(Error::dtype(format!("expected a matrix, found a value of kind '{}'", other.kind_name()))),
    }
}

/// The stored tree of an element that is not in memory.
fn node(part: &Element) -> Option<&Node> {
    match part {
        Element::Lazy(lazy) if !lazy.is_loaded() => lazy.node(),
        _ => None,
    }
}

fn array<'n>(node: &'n Node, key: &str) -> Option<&'n ArrayNode> {
    match node {
        Node::Group(group) => group.child(key).ok()?.as_array().ok(),
        Node::Array(_) => None,
    }
}

/// The bytes of a stored index.
fn index_bytes(part: &Element) -> u64 {
    let indices = match part {
        Element::Sparse(matrix) => matrix.indices().dtype().size(),
        part => node(part).and_then(|node| array(node, "indices")?.spec.dtype.size()),
    };
    indices.unwrap_or(size_of::<i32>()) as u64
}

/// How a stored matrix is cut.
enum Chunks {
    /// It is not.
    None,
    /// So many rows, of so many bytes.
    Rows(u64, u64),
    /// So many values, of so many bytes.
    Values(u64, u64),
}

impl Chunks {
    fn of(part: &Element) -> Self {
        let bytes = |array: &ArrayNode, chunk: &[u64]| {
            let value = array.spec.dtype.size().unwrap_or(size_of::<u64>()) as u64;
            chunk.iter().copied().fold(value, u64::saturating_mul)
        };
        match node(part) {
            Some(Node::Array(array)) => match array.spec.chunks.as_deref() {
                Some(chunk @ [rows, ..]) if *rows > 0 => Self::Rows(*rows, bytes(array, chunk)),
                _ => Self::None,
            },
            Some(node) => {
                let chunk = |key: &str| {
                    let array = array(node, key)?;
                    let chunk = array.spec.chunks.as_deref()?;
                    Some((chunk.first().copied().filter(|&len| len > 0)?, bytes(array, chunk)))
                };
                match (chunk("data"), chunk("indices")) {
                    (Some(data), Some(indices)) => Self::Values(data.0.max(indices.0), data.1.max(indices.1)),
                    _ => Self::None,
                }
            }
            None => Self::None,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Rows(_, bytes) | Self::Values(_, bytes) => *bytes,
        }
    }
}

/// The units of rows that begin in the same stored chunk, as positions among some rows.
pub(super) fn stored_units(parts: &Parts, bytes: &RowBytes, rows: &RowSet) -> Units {
    let lengths = bytes.sparse.as_ref().map(|(_, lengths)| lengths);
    let total: u64 = parts.iter().map(|(rows, _)| rows).sum();
    let mean = lengths.map_or(1, |lengths| lengths.total / total.max(1)).max(1);
    let (mut ends, mut start) = (Vec::new(), 0_u64);
    for (own, part) in parts {
        let each = match part.as_ref().map_or(Chunks::None, Chunks::of) {
            Chunks::None => ROWS,
            Chunks::Rows(rows, _) => rows,
            Chunks::Values(values, _) => match lengths {
                Some(lengths) if lengths.is_exact() => {
                    let (mut offset, mut chunk) = (0_u64, 0_u64);
                    for row in start..start + own {
                        if offset / values > chunk {
                            chunk = offset / values;
                            ends.push(row);
                        }
                        offset += lengths.of(row);
                    }
                    (*own).max(1)
                }
                _ => (values / mean).max(1),
            },
        };
        ends.extend((1..own.div_ceil(each)).map(|unit| start + unit * each));
        start += own;
        ends.push(start);
    }
    let mut ends: Vec<u64> = ends.into_iter().map(|row| rows.count_before(row)).filter(|&end| end > 0).collect();
    ends.dedup();
    Units::Ends(ends.into())
}

/// The largest sum that so many of some rows have together.
pub(super) fn largest_sum(bytes: &[&RowBytes], rows: &RowSet, count: u64, repeats: bool) -> u64 {
    let is_exact = bytes.iter().all(|one| one.sparse.as_ref().is_none_or(|(_, lengths)| lengths.is_exact()));
    let of = |row: u64| bytes.iter().map(|one| one.of(row)).sum::<u64>();
    let varies = bytes.iter().any(|one| one.sparse.is_some());
    if !varies {
        return of(0).saturating_mul(count);
    }
    if repeats || !is_exact || count <= 1 {
        return rows.iter().map(of).max().unwrap_or(0).saturating_mul(count);
    }
    let mut all: Vec<u64> = rows.iter().map(of).collect();
    match usize::try_from(count).ok().filter(|&count| count < all.len()) {
        Some(count) => {
            let (large, _, _) = all.select_nth_unstable_by(count, |a, b| b.cmp(a));
            large.iter().sum()
        }
        None => all.into_iter().sum(),
    }
}

/// The bytes of a column.
pub(super) fn column_bytes(column: &Column) -> u64 {
    column.nbytes() as u64
}

/// A stored chunk of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Touched {
    store: usize,
    chunk: u64,
    pub(super) bytes: u64,
    pub(super) requests: u64,
}

/// Adds the chunks that rows from one to another are in, about.
pub(super) fn touched(parts: &Parts, bytes: &RowBytes, first: u64, last: u64, chunks: &mut BTreeSet<Touched>) {
    let lengths = bytes.sparse.as_ref().map(|(_, lengths)| lengths);
    let total: u64 = parts.iter().map(|(rows, _)| rows).sum();
    let mut start = 0;
    for (store, (rows, part)) in parts.iter().enumerate() {
        let (from, to) = (first.max(start), last.min(start + rows.saturating_sub(1)));
        let own = start;
        start += rows;
        let Some(part) = part.as_ref().filter(|_| from <= to && *rows > 0) else { continue };
        // Rows are of the same length here.
        let mean = lengths.map_or(0, |lengths| lengths.total);
        // Fallback: never: `row - own` is below `total`, so that what is divided is at most `mean`.
        let value = |row: u64| u64::try_from(u128::from(row - own) * u128::from(mean) / u128::from(total)).unwrap_or(0);
        let (from, to, len, size, requests) = match Chunks::of(part) {
            Chunks::None => (from - own, to - own, 1, bytes.mean(total), 0),
            Chunks::Rows(rows, size) => (from - own, to - own, rows, size, 1),
            Chunks::Values(len, size) => {
                (value(from), value(to + 1).saturating_sub(1).max(value(from)), len, size.saturating_mul(2), 2)
            }
        };
        for chunk in from / len..=to / len {
            chunks.insert(Touched { store, chunk, bytes: size, requests });
        }
    }
}
