//! Parts of a stored sparse matrix: major slices (rows of CSR, columns of CSC) as runs of the stored values, and within
//! them positions of the other axis, block by block.

mod filtered;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{AxisSelection, BlockSize, DType, Error, OrBug, Result, Tensor};

use self::filtered::Filtered;
use super::layout::{BLOCK_BYTES, declared_shape, one_dimension, shape_value};
use super::offsets::{KeptOffsets, StoredOffsets};
use crate::node::{ArrayNode, BlockIter, BlockSource, GroupNode, Node, Source, without_rest};
use crate::stored::PartReader;
use crate::{Element, SparseFormat, SparseMatrix};
use anndata_array::sparse::Offsets;

/// The stored tree of the selected rows and columns. Offsets are read; where positions within major slices are selected
/// the indices are read too, once, to count what is kept.
pub(in crate::encoding) fn select(
    node: &Node,
    format: SparseFormat,
    shape_attribute: &str,
    axes: &[AxisSelection],
) -> Result<Node> {
    let part = Arc::new(StoredPart::open(node, format, shape_attribute, axes, None)?);
    let (data, indices, lengths) = if part.is_whole_slices() {
        let runs = part.runs(&part.slices)?;
        let lengths = part.lengths(&part.slices)?;
        (part.data.select_runs(runs.clone())?, part.indices.select_runs(runs)?, lengths)
    } else {
        let lengths = part.count()?;
        let total = lengths.total()? as u64;
        let source = |what| Source::Blocks(Arc::new(Kept { part: Arc::clone(&part), what }));
        (
            part.data.with_source(vec![total], source(What::Data))?,
            part.indices.with_source(vec![total], source(What::Indices))?,
            lengths,
        )
    };
    let mut group = GroupNode { children: indexmap::IndexMap::new(), ..node.as_group()?.clone() };
    group.attributes.insert(shape_attribute.to_owned(), shape_value(part.shape()?)?);
    let indptr = lengths.to_tensor(&part.indptr.spec.dtype)?;
    let mut offsets = ArrayNode::plain(&part.indptr.path, indptr);
    offsets.spec.resizable = part.indptr.spec.resizable;
    for (key, array) in [("data", data), ("indices", indices), ("indptr", offsets)] {
        group.children.insert(key.to_owned(), Node::Array(array));
    }
    Ok(Node::Group(group))
}

/// Of an axis of at least so many times their number, selected positions are few.
const FEW: u64 = 8;

/// What reads parts and keeps the offsets that it finds them by. Those of a store that may be written may change, and are read
/// for each part.
pub(crate) fn part_reader(
    node: &Node,
    format: SparseFormat,
    shape_attribute: &'static str,
) -> Result<Option<Arc<dyn PartReader>>> {
    let indptr = node.as_group()?.child("indptr")?.as_array()?;
    let may_change = match &indptr.source {
        Source::Stored(array) => array.storage().capabilities().write,
        _ => true,
    };
    let parts = || Parts { node: node.clone(), format, shape_attribute, offsets: KeptOffsets::default() };
    Ok((!may_change).then(|| Arc::new(parts()) as Arc<dyn PartReader>))
}

/// A stored matrix, and the offsets of it that were read.
#[derive(Debug)]
struct Parts {
    node: Node,
    format: SparseFormat,
    shape_attribute: &'static str,
    offsets: KeptOffsets,
}

impl PartReader for Parts {
    fn read(&self, axes: &[AxisSelection]) -> Result<Element> {
        let part = StoredPart::open(&self.node, self.format, self.shape_attribute, axes, Some(&self.offsets))?;
        part.build(BLOCK_BYTES).map(Element::Sparse)
    }
}

/// The selected rows and columns in memory. Only the runs of the selected major slices are read; where positions within
/// them are selected, about `max_bytes` at a time.
pub(crate) fn build_part(
    node: &Node,
    format: SparseFormat,
    shape_attribute: &str,
    axes: &[AxisSelection],
    max_bytes: u64,
) -> Result<SparseMatrix> {
    StoredPart::open(node, format, shape_attribute, axes, None)?.build(max_bytes)
}

/// A stored matrix and what is selected of it.
#[derive(Debug)]
pub(super) struct StoredPart {
    format: SparseFormat,
    /// The selected major slices: rows of CSR, columns of CSC.
    slices: AxisSelection,
    /// The selected positions within each major slice.
    minor: AxisSelection,
    minor_len: usize,
    data: ArrayNode,
    indices: ArrayNode,
    indptr: ArrayNode,
    offsets: StoredOffsets,
}

impl StoredPart {
    /// All of a stored matrix.
    pub(super) fn whole(node: &Node, format: SparseFormat, shape_attribute: &str) -> Result<Self> {
        let (rows, columns) = declared_shape(node, shape_attribute)?;
        let axes = [AxisSelection::Range(0..rows as u64), AxisSelection::Range(0..columns as u64)];
        Self::open(node, format, shape_attribute, &axes, None)
    }

    fn open(
        node: &Node,
        format: SparseFormat,
        shape_attribute: &str,
        axes: &[AxisSelection],
        kept: Option<&KeptOffsets>,
    ) -> Result<Self> {
        let (rows, columns) = declared_shape(node, shape_attribute)?;
        let [row_axis, column_axis] = axes else {
            return Err(Error::invalid_input(format!("expected two selections for a matrix, found {}", axes.len())));
        };
        let (slices, minor, major_len, minor_len) = match format {
            SparseFormat::Csr => (row_axis, column_axis, rows, columns),
            SparseFormat::Csc => (column_axis, row_axis, columns, rows),
        };
        if slices.end() > major_len as u64 || minor.end() > minor_len as u64 {
            return Err(Error::invalid_input(format!("the selection is out of bounds of {rows} x {columns}")));
        }
        let cut = without_rest(node, format, shape_attribute)?;
        let group = node.as_group()?;
        let array = |key: &str| group.child(key)?.as_array().cloned();
        let (data, indices) = (array("data")?, array("indices")?);
        let indptr = cut.as_group()?.child("indptr")?.as_array()?.clone();
        let is_cut = matches!(cut, Cow::Owned(_));
        if (data.spec.shape != indices.spec.shape && !is_cut) || data.spec.ndim() != 1 {
            return Err(Error::invalid_data(format!(
                "data has shape {:?} and indices {:?}",
                data.spec.shape, indices.spec.shape
            )));
        }
        let values = one_dimension(&data)?.min(one_dimension(&indices)?);
        // The offsets, which are read next, tell which of their values are needed.
        data.source.anticipate()?;
        indices.source.anticipate()?;
        let offsets = StoredOffsets::read(&indptr, slices, major_len, values, kept);
        let offsets = offsets.map_err(|error| error.at(&indptr.path))?;
        Ok(Self { format, slices: slices.clone(), minor: minor.clone(), minor_len, data, indices, indptr, offsets })
    }

    /// What is selected, in memory; where positions within major slices are selected, about `max_bytes` at a time.
    fn build(&self, max_bytes: u64) -> Result<SparseMatrix> {
        if self.is_whole_slices() {
            return self.read(&self.slices);
        }
        let blocks: Vec<SparseMatrix> =
            self.blocks(max_bytes).map(|slices| self.kept(&slices?)).collect::<Result<_>>()?;
        let mut lengths = Vec::new();
        for block in &blocks {
            lengths.extend(block.major_offsets()?.lengths());
        }
        let indptr = Offsets::of_lengths(lengths)?.to_tensor(&self.indptr.spec.dtype)?;
        let join = |get: fn(&SparseMatrix) -> &Tensor| {
            let parts: Vec<Tensor> = blocks.iter().map(|block| get(block).clone()).collect();
            Tensor::concat_rows(&parts)
        };
        let (data, indices) = if blocks.is_empty() {
            let empty = self.read(&AxisSelection::Range(0..0))?;
            (empty.data().clone(), empty.indices().clone())
        } else {
            (join(SparseMatrix::data)?, join(SparseMatrix::indices)?)
        };
        SparseMatrix::new(self.format, self.shape()?, data, indices, indptr)
    }

    /// The dtype of the values.
    pub(super) fn dtype(&self) -> &DType {
        &self.data.spec.dtype
    }

    /// The path of the values.
    pub(super) fn path(&self) -> &str {
        &self.data.path
    }

    /// The selected number of rows and of columns.
    pub(super) fn shape(&self) -> Result<(usize, usize)> {
        let (slices, minor) = (selected(&self.slices)?, selected(&self.minor)?);
        Ok(match self.format {
            SparseFormat::Csr => (slices, minor),
            SparseFormat::Csc => (minor, slices),
        })
    }

    fn is_whole_slices(&self) -> bool {
        self.minor.is_whole(self.minor_len as u64)
    }

    /// Where the values of a major slice are.
    fn slice(&self, slice: u64) -> Result<Range<usize>> {
        let slice = usize::try_from(slice).or_bug("a major slice that was not checked")?;
        self.offsets.run(slice..slice + 1)
    }

    /// The offsets of selected major slices alone.
    fn lengths(&self, slices: &AxisSelection) -> Result<Offsets> {
        let lengths = slices.positions().map(|slice| Ok(self.slice(slice)?.len()));
        Offsets::of_lengths(lengths.collect::<Result<Vec<_>>>()?)
    }

    /// The runs of values of major slices; major slices that follow each other are one.
    fn runs(&self, slices: &AxisSelection) -> Result<Vec<Range<u64>>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for (start, len) in slices.runs() {
            let end = start.checked_add(len).or_bug("a run of major slices without an end")?;
            let slices = usize::try_from(start).or_bug("a major slice that was not checked")?
                ..usize::try_from(end).or_bug("a major slice that was not checked")?;
            let values = self.offsets.run(slices)?;
            let run = values.start as u64..values.end as u64;
            match runs.last_mut() {
                Some(before) if before.end == run.start => before.end = run.end,
                _ if run.is_empty() => {}
                _ => runs.push(run),
            }
        }
        Ok(runs)
    }

    /// Whole major slices in memory.
    pub(super) fn read(&self, slices: &AxisSelection) -> Result<SparseMatrix> {
        let runs = self.runs(slices)?;
        let (lengths, (data, indices)) = rayon::join(
            || self.lengths(slices),
            || {
                rayon::join(
                    || self.data.select_runs(runs.clone())?.source.read(),
                    || self.indices.select_runs(runs.clone())?.source.read(),
                )
            },
        );
        self.matrix(slices, &lengths?, data?, indices?)
    }

    fn matrix(&self, slices: &AxisSelection, lengths: &Offsets, data: Tensor, indices: Tensor) -> Result<SparseMatrix> {
        let indptr = lengths.to_tensor(&self.indptr.spec.dtype)?;
        let major = selected(slices)?;
        let shape = match self.format {
            SparseFormat::Csr => (major, self.minor_len),
            SparseFormat::Csc => (self.minor_len, major),
        };
        SparseMatrix::new(self.format, shape, data, indices, indptr)
    }

    /// The selected positions of some major slices, in memory. If they are few, the indices are read first, and then
    /// the values that are kept alone.
    fn kept(&self, slices: &AxisSelection) -> Result<SparseMatrix> {
        if self.minor.len().saturating_mul(FEW) > self.minor_len as u64 {
            return self.keep(&self.read(slices)?);
        }
        let runs = self.runs(slices)?;
        let indices = self.indices.select_runs(runs.clone())?.source.read()?;
        let all = self.without_values(slices, indices)?;
        let mut wanted = vec![false; self.minor_len];
        for position in self.minor.positions() {
            let at = usize::try_from(position).or_bug("a position that was not checked")?;
            *wanted.get_mut(at).or_bug("a position that was not checked")? = true;
        }
        let kept = Filtered::new(&all, &runs, &wanted)?;
        let values = self.data.select_runs(kept.runs)?.source.read()?;
        let indptr = kept.lengths.to_tensor(&self.indptr.spec.dtype)?;
        self.keep(&SparseMatrix::new(self.format, all.shape(), values, kept.indices, indptr)?)
    }

    /// Whole major slices whose values do not matter.
    fn without_values(&self, slices: &AxisSelection, indices: Tensor) -> Result<SparseMatrix> {
        let data = Tensor::from_vec([indices.len()], vec![0_u8; indices.len()])?;
        self.matrix(slices, &self.lengths(slices)?, data, indices)
    }

    fn keep(&self, slices: &SparseMatrix) -> Result<SparseMatrix> {
        let (rows, columns) = slices.shape();
        match self.format {
            SparseFormat::Csr => slices.select(&AxisSelection::Range(0..rows as u64), &self.minor),
            SparseFormat::Csc => slices.select(&self.minor, &AxisSelection::Range(0..columns as u64)),
        }
    }

    /// The offsets of what is kept of each major slice. Only indices are read.
    fn count(&self) -> Result<Offsets> {
        let mut counts = Vec::new();
        for slices in self.blocks(BLOCK_BYTES) {
            let slices = slices?;
            let indices = self.indices.select_runs(self.runs(&slices)?)?.source.read()?;
            let kept = self.keep(&self.without_values(&slices, indices)?)?;
            counts.extend(kept.major_offsets()?.lengths());
        }
        Offsets::of_lengths(counts)
    }

    /// The selected major slices, as many at a time as have about `max_bytes` of values and indices.
    fn blocks(&self, max_bytes: u64) -> impl Iterator<Item = Result<AxisSelection>> + '_ {
        // How large a block is decides about memory, and about no value: values without a size count as eight bytes, and
        // a sum beyond all numbers is over every limit.
        let size = |array: &ArrayNode| array.spec.dtype.size().unwrap_or(8) as u64;
        let value = size(&self.data) + size(&self.indices);
        let mut next = 0;
        std::iter::from_fn(move || {
            let start = next;
            let mut bytes = 0_u64;
            let rest = self.slices.select(&AxisSelection::Range(start..self.slices.len()));
            for slice in rest.positions() {
                let slice = match self.slice(slice) {
                    Ok(slice) => slice,
                    Err(error) => {
                        next = self.slices.len();
                        return Some(Err(error));
                    }
                };
                bytes = bytes.saturating_add((slice.len() as u64).saturating_mul(value));
                if bytes > max_bytes && next > start {
                    break;
                }
                next += 1;
            }
            (next > start).then(|| Ok(self.slices.select(&AxisSelection::Range(start..next))))
        })
    }
}

/// How many positions are selected.
fn selected(axis: &AxisSelection) -> Result<usize> {
    usize::try_from(axis.len())
        .map_err(|_| Error::limit_exceeded(format!("a selection of {} positions does not fit into memory", axis.len())))
}

/// The values or indices that are kept, block by block.
#[derive(Debug)]
struct Kept {
    part: Arc<StoredPart>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Data,
    Indices,
}

impl BlockSource for Kept {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let mut at = 0_u64;
        Box::new(self.part.blocks(size.max_bytes).map(move |slices| {
            let kept = self.part.kept(&slices?)?;
            let values = match self.what {
                What::Data => kept.data().clone(),
                What::Indices => kept.indices().clone(),
            };
            let offset = at;
            at += values.len() as u64;
            Ok((vec![offset], values))
        }))
    }
}
