//! A lazy sparse matrix that no store holds, written some major slices at a time.
//!
//! Its values are counted first, so that the arrays are made in full size and in integers that are wide enough; then each part
//! of it is read once, for all three arrays.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{AxisSelection, BlockSize, DType, Error, OrBug, Result, Tensor};

use super::layout::shape_value;
use crate::encoding::registry::EncodeContext;
use crate::node::{ArrayNode, BlockGroup, GroupIter, Member, Node, Source, StoredRows};
use crate::stored::StoredTree as _;
use crate::{Element, Lazy, Schema, SparseFormat, SparseMatrix};
use anndata_array::sparse::largest;
use anndata_array::sparse::stack::index_dtype;

/// The arrays of a matrix, in the order of their blocks.
const ARRAYS: [&str; 3] = ["data", "indices", "indptr"];

/// How many major slices are counted at a time.
const COUNTED: usize = 1 << 16;

/// About the most places where a block may begin.
const MAX_STARTS: usize = 1 << 16;

/// The tree of a lazy matrix of this format, to stand at `path`.
pub(super) fn stream(lazy: &Lazy, format: SparseFormat, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
    let Schema::Sparse { shape, dtype, .. } = lazy.schema()? else {
        return Err(Error::bug("a matrix that says that it is none"));
    };
    let (major, minor) = match format {
        SparseFormat::Csr => shape,
        SparseFormat::Csc => (shape.1, shape.0),
    };
    let matrix = Element::Lazy(lazy.clone());
    let empty = read(&matrix, format, minor, 0..0)?;
    let parts = if format == SparseFormat::Csr { lazy.parts()? } else { Vec::new() };
    let (starts, nnz, before) = count(&matrix, major, &parts)?;
    let needed = usize::try_from(nnz).or_bug("more values than memory can address")?;
    let integers = match empty.indices().dtype() {
        own if largest(own)? >= needed.max(major).max(minor) => own.clone(),
        _ => index_dtype(needed, major, minor),
    };
    let mut node = context.encode(&Element::Sparse(empty), path)?;
    node.attributes_mut().insert("shape".to_owned(), shape_value(shape)?);
    let lengths = [nnz, nnz, major as u64 + 1];
    let dtypes = [dtype, integers.clone(), integers];
    let group: Arc<dyn BlockGroup> =
        Arc::new(Parts { matrix, format, minor, starts, dtypes: dtypes.clone(), path: path.to_owned() });
    let Node::Group(tree) = &mut node else { return Err(Error::bug("a sparse matrix is a group")) };
    for (at, ((key, len), dtype)) in ARRAYS.into_iter().zip(lengths).zip(dtypes).enumerate() {
        let Some(Node::Array(array)) = tree.children.get_mut(key) else {
            return Err(Error::bug(format!("a sparse matrix without '{key}'")));
        };
        (array.spec.dtype, array.spec.shape) = (dtype, vec![len]);
        let stored = if key == "indptr" { Vec::new() } else { stored_parts(&parts, &before, key)? };
        array.source = Source::Blocks(Arc::new(Member { group: Arc::clone(&group), at, of: ARRAYS.len(), stored }));
    }
    Ok(node)
}

/// The stored arrays of this name in the matrices that a CSR matrix has the rows of, where each begins among all values.
fn stored_parts(parts: &[(usize, Option<Element>)], before: &[u64], key: &str) -> Result<Vec<StoredRows>> {
    let mut stored = Vec::new();
    for (((_, part), &start), &end) in parts.iter().zip(before).zip(before.iter().skip(1)) {
        let Some(Element::Lazy(part)) = part else { continue };
        let array = match part.node().and_then(|node| node.descendant(key)) {
            // Values behind the last offset are none of the matrix.
            Some(Node::Array(ArrayNode { source: Source::Stored(array), .. })) if array.shape() == [end - start] => {
                array
            }
            _ => continue,
        };
        let axis = match part.schema()? {
            Schema::Sparse { shape, .. } if key == "indices" => Some(shape.1),
            _ => None,
        };
        stored.push(StoredRows { start, array: array.clone(), axis });
    }
    Ok(stored)
}

/// Where blocks may begin, with the number of values before each, and at the end; the number of all values; and the numbers
/// before each of the parts, and behind the last.
fn count(matrix: &Element, major: usize, parts: &[(usize, Option<Element>)]) -> Result<Counted> {
    let (mut starts, mut nnz, mut before) = (vec![(0, 0)], 0_u64, Vec::with_capacity(parts.len() + 1));
    let mut end_of_part = 0;
    let mut parts = parts.iter();
    // At first each major slice, then, as there are more, those that have so many values between them.
    let mut step = 0;
    let is_far = |starts: &[(usize, u64)], at: u64, step: u64| starts.last().is_none_or(|last| at - last.1 >= step);
    for start in (0..major).step_by(COUNTED) {
        let lengths = matrix.major_lengths(start..major.min(start + COUNTED))?;
        for (slice, len) in (start..).zip(lengths) {
            while slice == end_of_part
                && let Some((rows, _)) = parts.next()
            {
                before.push(nnz);
                end_of_part += rows;
            }
            if slice > 0 && is_far(&starts, nnz, step) {
                starts.push((slice, nnz));
            }
            nnz = nnz.checked_add(len as u64).ok_or_else(|| Error::limit_exceeded("more values than can be stored"))?;
        }
        while starts.len() > MAX_STARTS {
            step = (step * 2).max(1);
            let mut kept = Vec::with_capacity(MAX_STARTS);
            for at in starts {
                if is_far(&kept, at.1, step) {
                    kept.push(at);
                }
            }
            starts = kept;
        }
    }
    starts.push((major, nnz));
    // Behind the last part, and before those without rows.
    before.extend(parts.map(|_| nnz).chain([nnz]));
    Ok((starts, nnz, before))
}

/// What was counted of a matrix: see [`count`].
type Counted = (Vec<(usize, u64)>, u64, Vec<u64>);

/// Some major slices in memory.
fn read(matrix: &Element, format: SparseFormat, minor: usize, slices: Range<usize>) -> Result<SparseMatrix> {
    let some = AxisSelection::Range(slices.start as u64..slices.end as u64);
    let axes = match format {
        SparseFormat::Csr => vec![some],
        SparseFormat::Csc => vec![AxisSelection::Range(0..minor as u64), some],
    };
    matrix.select(&axes)?.to_sparse()
}

/// A matrix in parts.
#[derive(Debug)]
struct Parts {
    matrix: Element,
    format: SparseFormat,
    minor: usize,
    starts: Vec<(usize, u64)>,
    dtypes: [DType; 3],
    path: String,
}

impl Parts {
    /// The major slices of blocks of about so many values each, and how many values there really are. Of a block either all
    /// values are there already or, but for a few, none, so that no more are read than have to be.
    fn ranges<'a>(
        &'a self,
        max_values: u64,
        sizes: &[BlockSize<'a>],
    ) -> impl Iterator<Item = (Range<usize>, u64)> + Send + 'a {
        let mut rest = self.starts.as_slice();
        let values: Vec<BlockSize<'a>> = sizes.iter().take(2).copied().collect();
        std::iter::from_fn(move || {
            let &(start, before) = rest.first()?;
            let (mut end, mut are_there) = (before, None);
            let mut is_alike = |at: u64| {
                let step = std::mem::replace(&mut end, at)..at;
                let is_there = values.iter().all(|size| size.has(&step));
                // Slices without values are like any other.
                step.is_empty() || *are_there.get_or_insert(is_there) == is_there
            };
            let within = |at: &&(usize, u64)| is_alike(at.1) && at.1 - before <= max_values;
            // The step behind the first is taken, however long it is.
            let taken = rest.iter().skip(1).take_while(within).count().max(1);
            let &(end, after) = rest.get(taken)?;
            rest = rest.get(taken..)?;
            Some((start..end, after - before))
        })
    }

    /// The values of each array that a block has. The offset before the first major slice is that of the first block.
    fn block(&self, slices: &Range<usize>, values: u64, before: u64) -> Result<[Tensor; 3]> {
        let matrix = read(&self.matrix, self.format, self.minor, slices.clone())?;
        check_count(slices, values, matrix.nnz() as u64)?;
        let offsets = self.offsets(slices, before, matrix.major_offsets()?.lengths())?;
        let [data, indices, _] = &self.dtypes;
        Ok([matrix.data().cast(data)?, matrix.indices().cast(indices)?, offsets])
    }

    /// The offsets of a block whose values are there already.
    fn offsets_alone(&self, slices: &Range<usize>, values: u64, before: u64) -> Result<Tensor> {
        let lengths = self.matrix.major_lengths(slices.clone())?;
        check_count(slices, values, lengths.iter().map(|&len| len as u64).sum())?;
        self.offsets(slices, before, lengths.into_iter())
    }

    fn offsets(&self, slices: &Range<usize>, before: u64, lengths: impl Iterator<Item = usize>) -> Result<Tensor> {
        let first = if slices.start == 0 { Some(0) } else { None };
        let ends = lengths.scan(before, |end, len| {
            *end += len as u64;
            Some(*end)
        });
        let ends: Vec<u64> = first.into_iter().chain(ends).collect();
        let [_, _, offsets] = &self.dtypes;
        Tensor::from_vec([ends.len()], ends)?.cast(offsets)
    }
}

fn check_count(slices: &Range<usize>, counted: u64, found: u64) -> Result<()> {
    if counted == found {
        return Ok(());
    }
    let message = format!("slices {slices:?} had {counted} values when they were counted, now {found}");
    Err(Error::new(anndata_storage::ErrorKind::Stale, message))
}

impl BlockGroup for Parts {
    fn blocks<'a>(&'a self, sizes: &[BlockSize<'a>]) -> GroupIter<'a> {
        let value: u64 = self.dtypes.iter().take(2).map(|dtype| dtype.size().unwrap_or(1) as u64).sum();
        // Fallback: without a size there is no limit.
        let max_bytes = sizes.iter().map(|size| size.max_bytes).min().unwrap_or(u64::MAX);
        Box::new(PartBlocks {
            parts: self,
            ranges: self.ranges((max_bytes / value.max(1)).max(1), sizes),
            whole: sizes.iter().map(|size| WholeChunks::new(*size)).collect(),
            ready: VecDeque::new(),
            before: 0,
            done: false,
        })
    }
}

/// The blocks of all arrays, a part of the matrix after the other.
struct PartBlocks<'a, R> {
    parts: &'a Parts,
    ranges: R,
    whole: Vec<WholeChunks<'a>>,
    ready: VecDeque<(usize, Vec<u64>, Tensor)>,
    /// The values before the next part.
    before: u64,
    done: bool,
}

impl<R: Iterator<Item = (Range<usize>, u64)>> PartBlocks<'_, R> {
    /// Reads the next part, as far as it is not there already, or takes what is left behind the last one.
    fn advance(&mut self) -> Result<()> {
        let Some((slices, values)) = self.ranges.next() else {
            self.done = true;
            for (at, whole) in self.whole.iter_mut().enumerate() {
                self.ready.extend(whole.rest()?.map(|(offset, values)| (at, offset, values)));
            }
            return Ok(());
        };
        let before = self.before;
        self.before += values;
        // The offset before the first slice comes with it.
        let first = if slices.start == 0 { 0 } else { slices.start as u64 + 1 };
        let (own, offsets) = (before..self.before, first..slices.end as u64 + 1);
        let is_missing = |at: usize, range: &Range<u64>| self.whole.get(at).is_some_and(|whole| whole.misses(range));
        if is_missing(0, &own) || is_missing(1, &own) {
            let [data, indices, indptr] = self.parts.block(&slices, values, before)?;
            self.push(0, before, &data)?;
            self.push(1, before, &indices)?;
            self.push(2, first, &indptr)?;
        } else if is_missing(2, &offsets) {
            let indptr = self.parts.offsets_alone(&slices, values, before)?;
            self.push(2, first, &indptr)?;
        }
        Ok(())
    }

    /// Hands values on to an array, in which they begin at `start`.
    fn push(&mut self, at: usize, start: u64, values: &Tensor) -> Result<()> {
        if let Some(whole) = self.whole.get_mut(at) {
            self.ready.extend(whole.push(start, values)?.into_iter().map(|(offset, values)| (at, offset, values)));
        }
        Ok(())
    }
}

impl<R: Iterator<Item = (Range<usize>, u64)>> Iterator for PartBlocks<'_, R> {
    type Item = Result<(usize, Vec<u64>, Tensor)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.done {
            if let Err(error) = self.advance() {
                self.done = true;
                return Some(Err(error.at(&self.parts.path)));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Gathers values until they are whole chunks of the array that they go to, so that no chunk is written twice.
struct WholeChunks<'a> {
    size: BlockSize<'a>,
    chunk: u64,
    /// Where the values that are kept begin in the array.
    at: u64,
    kept: Vec<Tensor>,
}

impl<'a> WholeChunks<'a> {
    fn new(size: BlockSize<'a>) -> Self {
        let chunk = size.chunks.and_then(|chunks| chunks.first().copied()).unwrap_or(1).max(1);
        // One that is larger than a block is written in parts.
        let chunk = if chunk > size.max_bytes / 8 { 1 } else { chunk };
        Self { size, chunk, at: 0, kept: Vec::new() }
    }

    /// Whether some of these values are not there already.
    fn misses(&self, range: &Range<u64>) -> bool {
        !self.size.missing(range.clone()).is_empty()
    }

    fn len(&self) -> u64 {
        self.kept.iter().map(|values| values.len() as u64).sum()
    }

    /// Adds values that begin at `start`, as far as they are not there already; gives those that are whole chunks.
    fn push(&mut self, start: u64, values: &Tensor) -> Result<Vec<(Vec<u64>, Tensor)>> {
        let mut whole = Vec::new();
        for range in self.size.missing(start..start + values.len() as u64) {
            if range.start != self.at + self.len() {
                whole.extend(self.rest()?);
                self.at = range.start;
            }
            let place = |at: u64| usize::try_from(at - start).or_bug("a position beyond the values");
            // A chunk that was begun is completed on its own, so that the values behind it are not copied.
            let begun = if self.kept.is_empty() { range.start } else { range.start.next_multiple_of(self.chunk) };
            let begun = begun.min(range.end);
            for part in [range.start..begun, begun..range.end] {
                if !part.is_empty() {
                    self.kept.push(values.slice_rows(place(part.start)?..place(part.end)?)?);
                    whole.extend(self.take((part.end - part.end % self.chunk).saturating_sub(self.at))?);
                }
            }
        }
        Ok(whole)
    }

    fn rest(&mut self) -> Result<Option<(Vec<u64>, Tensor)>> {
        self.take(self.len())
    }

    /// So many of the values.
    fn take(&mut self, len: u64) -> Result<Option<(Vec<u64>, Tensor)>> {
        if len == 0 {
            return Ok(None);
        }
        let all = match self.kept.as_slice() {
            [single] => single.clone(),
            several => Tensor::concat_rows(several)?,
        };
        let offset = self.at;
        self.at += len;
        self.kept.clear();
        let len = usize::try_from(len).or_bug("more values than memory can hold")?;
        if len < all.len() {
            // A copy, so that what was taken is not kept with it.
            let positions: Vec<u64> = (len as u64..all.len() as u64).collect();
            self.kept.push(all.take(0, &positions)?);
        }
        Ok(Some((vec![offset], all.slice_rows(0..len)?)))
    }
}
