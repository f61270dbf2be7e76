//! Checks of sparse matrices, as a stream: offsets first, then indices row by row, across the borders of blocks.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::ops::Range;

use anndata_storage::{Attribute, DType, Error, OrBug as _, Result, Scalar, Tensor, dispatch};

use super::layout::declared_shape;
use crate::SparseFormat;
use crate::findings::{Checker, rules};
use crate::node::{ArrayNode, Node};
use anndata_array::sparse::{OffsetCheck, first_outside, to_offsets};

/// A sparse matrix whose shape is in an attribute.
pub(in crate::encoding) fn check_sparse(
    node: &Node,
    format: SparseFormat,
    shape_attribute: &str,
    checker: &mut Checker<'_>,
) {
    let Some(group) = checker.group(node) else { return };
    let path = node.path();
    if let Some(Attribute::Tensor(lengths)) = node.attributes().get(shape_attribute)
        && lengths.ndim() != 1
    {
        let message = format!("attribute '{shape_attribute}' has shape {:?}, not that of a list", lengths.shape());
        checker.add(&rules::SPARSE_SHAPE, path, message);
    }
    let shape = if node.attributes().contains_key(shape_attribute) {
        checker.add_failed(&rules::SPARSE_SHAPE, path, declared_shape(node, shape_attribute))
    } else {
        checker.add(&rules::ATTRIBUTE_MISSING, path, format!("attribute '{shape_attribute}' is missing"));
        None
    };
    let [data, indices, indptr] = ["data", "indices", "indptr"].map(|key| checker.array_child(group, key));
    let data = data.filter(|array| check_part(array, DType::is_numeric, "numbers", checker));
    let indices = indices.filter(|array| check_part(array, DType::is_integer, "integers", checker));
    let indptr = indptr.filter(|array| check_part(array, DType::is_integer, "integers", checker));
    if let (Some(data), Some(indices)) = (data, indices)
        && data.spec.shape != indices.spec.shape
    {
        let (values, indices) = (&data.spec.shape, &indices.spec.shape);
        checker.add(&rules::SPARSE_ARRAYS, path, format!("data has shape {values:?}, indices {indices:?}"));
    }
    if let Some(data) = data {
        if data.spec.dtype == DType::F16 {
            checker.add(&rules::SPARSE_HALF, &data.path, "values are of type float16");
        }
        checker.stream(data, &mut |_, _| Ok(()));
    }
    let axes = shape.map(|(rows, columns)| match format {
        SparseFormat::Csr => (rows, columns),
        SparseFormat::Csc => (columns, rows),
    });
    let values = indices.and_then(|indices| indices.shape().ok()?.first().copied());
    let used = indptr.and_then(|indptr| check_offsets(indptr, axes.map(|(major, _)| major), values, checker));
    if let (Some(used), Some(values)) = (used, values)
        && used < values
    {
        checker.add(&rules::SPARSE_UNUSED, path, format!("indptr ends at {used}, but there are {values} values"));
    }
    if let Some(indices) = indices {
        let minor = axes.map(|(_, minor)| minor);
        let Some(rows) = check_indices(indices, indptr.filter(|_| used.is_some()), minor, checker) else { return };
        let slice = match format {
            SparseFormat::Csr => "row",
            SparseFormat::Csc => "column",
        };
        for (rule, found, how) in [
            (&rules::SPARSE_UNSORTED, rows.unsorted, "are not sorted"),
            (&rules::SPARSE_REPEATED, rows.repeated, "are repeated"),
        ] {
            if let Some((first, count)) = found {
                let plural = if count == 1 { "" } else { "s" };
                let message = format!("the indices of {slice} {first} {how}; {count} such {slice}{plural}");
                checker.add(rule, &indices.path, message);
            }
        }
    }
}

/// One of the three arrays by itself; the values of one that will not do are read all the same. It needs no encoding, and
/// any will do.
fn check_part(array: &ArrayNode, holds: impl Fn(&DType) -> bool, what: &str, checker: &mut Checker<'_>) -> bool {
    let (node, spec) = (Node::Array(array.clone()), &array.spec);
    for name in ["encoding-type", "encoding-version"] {
        checker.add_failed(&rules::ATTRIBUTE_TYPE, &array.path, node.text_attribute(name));
    }
    if !spec.null && spec.ndim() == 1 && holds(&spec.dtype) {
        return true;
    }
    let message = format!("{} of shape {:?}, not {what} in one dimension", spec.dtype, spec.shape);
    checker.add(&rules::SPARSE_ARRAYS, &array.path, message);
    checker.stream(array, &mut |_, _| Ok(()));
    false
}

/// Checks the offsets and gives the last, where they can be used.
fn check_offsets(
    indptr: &ArrayNode,
    major: Option<usize>,
    values: Option<usize>,
    checker: &mut Checker<'_>,
) -> Option<usize> {
    let mut check = OffsetCheck::default();
    let mut wrong = None;
    let read = checker.stream(indptr, &mut |_, offsets| {
        if wrong.is_none() {
            wrong = to_offsets(offsets).and_then(|offsets| check.push(&offsets)).err();
        }
        Ok(())
    });
    if !read {
        return None;
    }
    let end = match wrong {
        Some(error) => Err(error),
        None => check.finish(major?, values?),
    };
    checker.add_failed(&rules::SPARSE_INDPTR, &indptr.path, end)
}

/// Checks that indices are within the axis and, where there are offsets, what the rows are like.
fn check_indices<'n>(
    indices: &'n ArrayNode,
    indptr: Option<&'n ArrayNode>,
    minor: Option<usize>,
    checker: &mut Checker<'_>,
) -> Option<Rows<'n>> {
    let path = indices.path.as_str();
    let mut outside = None;
    let mut rows = indptr.map(|indptr| Rows::new(indices, indptr, checker));
    let read = checker.stream(indices, &mut |start, block| {
        if let (None, Some(minor)) = (&outside, minor) {
            outside = first_outside(block, minor)?.map(|(at, index)| (start + at as u64, index));
        }
        match &mut rows {
            Some(rows) => rows.push(start, block),
            None => Ok(()),
        }
    });
    if let (Some((at, index)), Some(minor)) = (outside, minor) {
        checker.add(
            &rules::SPARSE_INDEX,
            path,
            format!("index {index} at position {at} is out of bounds of an axis of length {minor}"),
        );
    }
    rows.filter(|_| read)
}

/// Where something was found first, and how often.
type Found = Option<(u64, u64)>;

fn count(found: &mut Found, row: u64) {
    let (first, count) = found.unwrap_or((row, 0));
    *found = Some((first, count + 1));
}

/// The rows of a matrix, as their indices come by.
struct Rows<'n> {
    indices: &'n ArrayNode,
    /// The ends of the rows to come.
    ends: Box<dyn Iterator<Item = Result<usize>> + 'n>,
    /// How many rows have begun; the last of them is the current one.
    row: u64,
    current: Range<u64>,
    last: Option<i128>,
    sorted: bool,
    repeats: bool,
    /// How many indices of a row that is not sorted are read, and compared, at a time.
    step: u64,
    at_once: u64,
    seed: RandomState,
    unsorted: Found,
    repeated: Found,
}

impl<'n> Rows<'n> {
    fn new(indices: &'n ArrayNode, indptr: &'n ArrayNode, checker: &Checker<'_>) -> Self {
        let size = indices.spec.dtype.size().unwrap_or(8) as u64;
        let offsets = indptr.source.blocks(checker.block_bytes(&indptr.spec.dtype)).flat_map(|block| {
            let offsets = block.and_then(|(_, offsets)| to_offsets(&offsets));
            let (offsets, error) = offsets.map_or_else(|error| (Vec::new(), Some(error)), |offsets| (offsets, None));
            offsets.into_iter().map(Ok).chain(error.map(Err))
        });
        Self {
            indices,
            ends: Box::new(offsets.skip(1)),
            row: 0,
            current: 0..0,
            last: None,
            sorted: true,
            repeats: false,
            step: (checker.block_bytes(&indices.spec.dtype) / size).max(1),
            at_once: (checker.budget() as u64 / size).max(1),
            seed: RandomState::new(),
            unsorted: None,
            repeated: None,
        }
    }

    /// Takes the next block.
    fn push(&mut self, start: u64, block: &Tensor) -> Result<()> {
        dispatch!(integer block.dtype(), I => self.push_typed::<I>(start, block.as_slice::<I>()?),
            else => Err(Error::invalid_data("indices are not integers")))
    }

    fn push_typed<I: Scalar + Ord>(&mut self, start: u64, block: &[I]) -> Result<()> {
        let end = start + block.len() as u64;
        let mut at = start;
        while at < end {
            while self.current.end <= at {
                let Some(row_end) = self.ends.next().transpose()? else { return Ok(()) };
                self.current = self.current.end..row_end as u64;
                self.row += 1;
                (self.last, self.sorted, self.repeats) = (None, true, false);
            }
            let until = self.current.end.min(end);
            self.segment(part(block, start, at..until)?);
            if until == self.current.end && (self.repeats || !self.sorted) {
                self.end_row(start, block)?;
            }
            at = until;
        }
        Ok(())
    }

    /// Takes the next indices of the current row.
    fn segment<I: Scalar + Ord>(&mut self, indices: &[I]) {
        let (Some(first), Some(last)) = (indices.first(), indices.last()) else { return };
        let first = first.to_integer();
        let rises = self.last.is_none() || self.last < first;
        if !rises || !indices.is_sorted_by(|a, b| a < b) {
            self.sorted &= (self.last.is_none() || self.last <= first) && indices.is_sorted();
            self.repeats |= self.last == first || indices.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        }
        self.last = last.to_integer();
    }

    /// Counts a row that is not strictly increasing.
    fn end_row<I: Scalar + Ord>(&mut self, start: u64, block: &[I]) -> Result<()> {
        let row = self.row - 1;
        if !self.sorted {
            count(&mut self.unsorted, row);
            if !self.repeats {
                self.repeats = self.has_repeats(start, block)?;
            }
        }
        if self.repeats {
            count(&mut self.repeated, row);
        }
        Ok(())
    }

    /// Whether an index is there twice in the current row, of which `block` has the end at least. What was in blocks
    /// before is read again. As many indices as the memory allows are compared at a time.
    fn has_repeats<I: Scalar + Ord>(&self, start: u64, block: &[I]) -> Result<bool> {
        let row = self.current.clone();
        let inside = part(block, start, row.start.max(start)..row.end)?;
        let passes = (row.end - row.start).div_ceil(self.at_once);
        for pass in 0..passes {
            let is_due = |index: &I| passes == 1 || self.seed.hash_one(index.to_integer()) % passes == pass;
            let mut due: Vec<I> = Vec::new();
            let mut at = row.start;
            while at < start {
                let until = start.min(at.saturating_add(self.step));
                // Fallback: more than memory holds is an error of reading.
                let before = self.indices.read_rows(at, usize::try_from(until - at).unwrap_or(usize::MAX))?;
                due.extend(before.as_slice::<I>()?.iter().filter(|index| is_due(index)));
                at = until;
            }
            due.extend(inside.iter().filter(|index| is_due(index)));
            due.sort_unstable();
            if due.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The part of a block that begins at `start`.
fn part<I>(block: &[I], start: u64, range: Range<u64>) -> Result<&[I]> {
    let position = |at: u64| at.checked_sub(start).and_then(|at| usize::try_from(at).ok());
    position(range.start)
        .zip(position(range.end))
        .and_then(|(start, end)| block.get(start..end))
        .or_bug("a row beyond its block")
}
