//! Sparse matrices one after the other along either axis, the other axis brought into a common order on the way.
//!
//! Both ways count first: the lengths of the new lanes give the exact size of the result, summed in 64 bits, from which
//! the width of its indices follows. Then blocks of lanes are filled on all cores. Indices are looked up in a table from
//! old to new positions; their order within a lane is kept, as in scipy, so a lane may be unsorted afterwards.

use anndata_storage::{DType, Error, Result, Tensor};
use rayon::prelude::*;

use super::lanes::{Index, Part, blocks, by_size, by_width, fill, offsets_of, offsets_tensor, plain};
use super::{SparseFormat, SparseMatrix};
use crate::concat::Reindex;

/// One of the matrices that follow each other.
pub(crate) struct Piece<'a> {
    /// The matrix; `None` where there is none, so that its place is empty, or filled.
    pub(crate) matrix: Option<SparseMatrix>,
    /// Its length along the axis of concatenation.
    pub(crate) len: usize,
    /// How its other axis goes to that of the result.
    pub(crate) reindex: &'a Reindex,
}

/// What the result is to be.
pub(crate) struct Target {
    /// The format, which all matrices have.
    pub(crate) format: SparseFormat,
    /// The axis along which the matrices follow each other: 0 or 1.
    pub(crate) axis: usize,
    /// The length of the other axis.
    pub(crate) other_len: usize,
    /// The dtype of the values.
    pub(crate) dtype: DType,
    /// What is stored where no matrix has a value; a scalar of this dtype, or `None` for zero, which is not stored.
    pub(crate) fill: Option<Tensor>,
}

/// Matrices of one format one after the other.
///
/// # Errors
/// Where a matrix does not fit, or the result does not fit into memory.
pub(crate) fn stack(pieces: &[Piece<'_>], target: &Target) -> Result<SparseMatrix> {
    let along_lanes = (target.axis == 0) == (target.format == SparseFormat::Csr);
    let total = pieces.iter().map(|piece| piece.len).try_fold(0_usize, usize::checked_add);
    let total = total.ok_or_else(|| Error::limit_exceeded("the axis is longer than memory can hold"))?;
    let (lanes, minor) = if along_lanes { (total, target.other_len) } else { (target.other_len, total) };
    let sources = pieces.iter().map(|piece| Source::new(piece, target, along_lanes)).collect::<Result<Vec<_>>>()?;
    let plan = Stack { starts: offsets_of(pieces.iter().map(|piece| piece.len))?, sources, along_lanes };

    let work = offsets_of((0..lanes).map(|lane| plan.work(lane)))?;
    let tasks = blocks(lanes, |lane| work.get(lane + 1).copied().unwrap_or(0));
    let lengths: Vec<usize> = if plan.sources.iter().any(|source| source.drops) {
        tasks.par_iter().flat_map_iter(|task| task.clone().map(|lane| plan.count(lane))).collect()
    } else {
        (0..lanes).map(|lane| plan.work(lane)).collect()
    };
    let offsets = offsets_of(lengths)?;
    let nnz = offsets.last().copied().unwrap_or(0);
    let index_dtype = if i32::try_from(nnz.max(lanes).max(minor)).is_ok() { DType::I32 } else { DType::I64 };
    let size = target.dtype.size().unwrap_or(1);
    let (indices, data) = by_width!(&index_dtype, O => {
        let tables: Vec<Option<Vec<O>>> = plan.sources.iter().map(|source| source.table(along_lanes)).collect();
        fill::<O, ()>(&offsets, tasks, size, |(), _, part| plan.fill(part, &offsets, &tables, size))?
    });
    // Not checked again: indices come from matrices that were, through tables of this axis.
    Ok(SparseMatrix {
        format: target.format,
        shape: if target.format == SparseFormat::Csr { (lanes, minor) } else { (minor, lanes) },
        data: Tensor::new(target.dtype.clone(), [nnz], data.into())?,
        indices: Tensor::new(index_dtype.clone(), [nnz], indices.into())?,
        indptr: offsets_tensor(&offsets, &index_dtype)?,
    })
}

/// All matrices, and where each begins along the axis.
struct Stack<'a> {
    sources: Vec<Source<'a>>,
    starts: Vec<usize>,
    along_lanes: bool,
}

/// A matrix as the kernels read it.
struct Source<'a> {
    offsets: Vec<usize>,
    indices: Tensor,
    data: Tensor,
    dtype: DType,
    /// What is stored where there is no value.
    fill: Option<&'a [u8]>,
    reindex: &'a Reindex,
    /// The new positions that the other axis does not have, where they are filled.
    missing: Vec<usize>,
    len: usize,
    /// Whether stored values are dropped.
    drops: bool,
}

impl<'a> Source<'a> {
    fn new(piece: &Piece<'a>, target: &'a Target, along_lanes: bool) -> Result<Self> {
        let fill = target.fill.as_ref().and_then(Tensor::as_bytes);
        let (offsets, indices, data) = match &piece.matrix {
            Some(matrix) => {
                let (major, minor) = matrix.axes();
                let expected = (piece.len, piece.reindex.old_len());
                if (if along_lanes { (major, minor) } else { (minor, major) }) != expected
                    || matrix.format != target.format
                {
                    return Err(Error::invalid_data(format!("a matrix of shape {:?} does not fit", matrix.shape)));
                }
                (matrix.offsets()?, matrix.indices.clone(), matrix.data.clone())
            }
            None => (Vec::new(), Tensor::from_vec([0], Vec::<i32>::new())?, Tensor::from_vec([0], Vec::<f64>::new())?),
        };
        let missing = match (&piece.matrix, fill) {
            (_, None) => Vec::new(),
            (Some(_), _) => piece.reindex.missing().collect(),
            (None, _) => (0..piece.reindex.new_len()).collect(),
        };
        let drops = along_lanes && piece.matrix.is_some() && piece.reindex.drops();
        let (dtype, reindex, len) = (target.dtype.clone(), piece.reindex, piece.len);
        Ok(Self { offsets, indices, data, dtype, fill, reindex, missing, len, drops })
    }

    /// Where the values of consecutive lanes are.
    fn range(&self, first: usize, count: usize) -> std::ops::Range<usize> {
        let at = |lane: usize| self.offsets.get(lane).copied().unwrap_or(0);
        at(first)..at(first + count).max(at(first))
    }

    /// The new positions of old indices; `None` where they do not change.
    fn table<O: Index>(&self, along_lanes: bool) -> Option<Vec<O>> {
        if !along_lanes || self.reindex.is_identity() {
            return None;
        }
        let places = (0..self.reindex.old_len()).map(|old| self.reindex.to_new(old));
        Some(places.map(|new| O::from_usize(new.unwrap_or(usize::MAX))).collect())
    }

    /// The values of a range, in the dtype of the result.
    fn values(&self, range: std::ops::Range<usize>, size: usize) -> Result<Values<'_>> {
        if *self.data.dtype() == self.dtype {
            let bytes = self.data.as_bytes().unwrap_or_default();
            return Ok(Values::Shared(bytes.get(range.start * size..range.end * size).unwrap_or_default()));
        }
        Ok(Values::Cast(self.data.slice_rows(range)?.cast(&self.dtype)?))
    }
}

enum Values<'a> {
    Shared(&'a [u8]),
    Cast(Tensor),
}

impl Values<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Cast(tensor) => tensor.as_bytes().unwrap_or_default(),
        }
    }
}

impl Stack<'_> {
    /// The matrix that a lane of the result is from, and which lane of it, where they follow each other in lanes.
    fn source(&self, lane: usize) -> Option<(usize, &Source<'_>, usize)> {
        let place = self.starts.partition_point(|&start| start <= lane).saturating_sub(1);
        Some((place, self.sources.get(place)?, lane - self.starts.get(place)?))
    }

    /// The most values that a lane of the result can have.
    fn work(&self, lane: usize) -> usize {
        if self.along_lanes {
            return self.source(lane).map_or(0, |(_, source, own)| source.range(own, 1).len() + source.missing.len());
        }
        let lengths = self.sources.iter().map(|source| match (source.old_lane(lane), source.fill) {
            (Some(own), _) => source.range(own, 1).len(),
            (None, Some(_)) => source.len,
            (None, None) => 0,
        });
        lengths.sum()
    }

    /// The values that a lane of the result has.
    fn count(&self, lane: usize) -> usize {
        let Some((_, source, own)) = self.source(lane) else { return 0 };
        if !source.drops {
            return self.work(lane);
        }
        let kept = by_width!(source.indices.dtype(), I => {
            let indices = plain::<I>(&source.indices).unwrap_or_default();
            let own = indices.get(source.range(own, 1)).unwrap_or_default();
            own.iter().filter(|index| source.reindex.to_new(index.to_usize()).is_some()).count()
        });
        kept + source.missing.len()
    }

    /// Fills the lanes of a part.
    fn fill<O: Index>(&self, mut part: Part<'_, O>, offsets: &[usize], tables: &[Option<Vec<O>>], size: usize) {
        let mut lane = part.lanes.start;
        while lane < part.lanes.end {
            if self.along_lanes {
                let Some((place, source, own)) = self.source(lane) else { return };
                // Without a value between them, lanes that follow each other are one run.
                let count = if source.missing.is_empty() { (source.len - own).min(part.lanes.end - lane) } else { 1 };
                let at = |lane: usize| offsets.get(lane).copied().unwrap_or(0);
                let len = at(lane + count) - at(lane);
                let kept = len - if source.missing.is_empty() { 0 } else { source.missing.len() };
                let (indices, data) = part.next(kept, size);
                let table = tables.get(place).and_then(Option::as_deref);
                source.copy(source.range(own, count), table, 0, indices, data, size);
                let (indices, data) = part.next(len - kept, size);
                source.put_fill(source.missing.iter().copied(), indices, data, size);
                lane += count;
                continue;
            }
            for (source, &shift) in self.sources.iter().zip(&self.starts) {
                match source.old_lane(lane) {
                    Some(own) => {
                        let range = source.range(own, 1);
                        let (indices, data) = part.next(range.len(), size);
                        source.copy(range, None, shift, indices, data, size);
                    }
                    None if source.fill.is_some() => {
                        let (indices, data) = part.next(source.len, size);
                        source.put_fill(shift..shift + source.len, indices, data, size);
                    }
                    None => {}
                }
            }
            lane += 1;
        }
    }
}

impl Source<'_> {
    /// The lane of this matrix that goes to a lane of the result.
    fn old_lane(&self, lane: usize) -> Option<usize> {
        if self.offsets.is_empty() { None } else { self.reindex.to_old(lane) }
    }

    /// Copies a range of values with their indices looked up and shifted; those that go nowhere are left out.
    fn copy<O: Index>(
        &self,
        range: std::ops::Range<usize>,
        table: Option<&[O]>,
        shift: usize,
        indices: &mut [O],
        data: &mut [u8],
        size: usize,
    ) {
        let Ok(values) = self.values(range.clone(), size) else { return };
        let values = values.bytes();
        by_width!(self.indices.dtype(), I => {
            let own = plain::<I>(&self.indices).unwrap_or_default().get(range).unwrap_or_default();
            match table {
                None => own.iter().zip(indices).for_each(|(from, to)| *to = O::from_usize(from.to_usize() + shift)),
                Some(table) if !self.drops => {
                    let place = |from: &I| table.get(from.to_usize()).copied().unwrap_or(O::from_usize(0));
                    own.iter().zip(indices).for_each(|(from, to)| *to = place(from));
                }
                Some(table) => {
                    by_size!(size, V => {
                        let values: &[V] = bytemuck::try_cast_slice(values).unwrap_or_default();
                        let data: &mut [V] = bytemuck::try_cast_slice_mut(data).unwrap_or_default();
                        keep(own, values, table, indices, data);
                    });
                    return;
                }
            }
        });
        if let Some(data) = data.get_mut(..values.len()) {
            data.copy_from_slice(values);
        }
    }

    /// Stores what is filled in at these positions.
    fn put_fill<O: Index>(
        &self,
        positions: impl Iterator<Item = usize>,
        indices: &mut [O],
        data: &mut [u8],
        size: usize,
    ) {
        let Some(fill) = self.fill else { return };
        for ((position, index), value) in positions.zip(indices).zip(data.chunks_exact_mut(size)) {
            *index = O::from_usize(position);
            value.copy_from_slice(fill);
        }
    }
}

/// Copies the values that go somewhere. The target has exactly that many places; a value that goes nowhere is
/// overwritten by the next, so that the loop has no branch that cannot be foreseen.
fn keep<I: Index, O: Index, V: Copy>(from: &[I], values: &[V], table: &[O], indices: &mut [O], data: &mut [V]) {
    let nowhere = O::from_usize(usize::MAX);
    let mut next = 0;
    for (index, value) in from.iter().zip(values) {
        let (Some(to), Some(slot)) = (indices.get_mut(next), data.get_mut(next)) else { return };
        let place = table.get(index.to_usize()).copied().unwrap_or(nowhere);
        (*to, *slot) = (place, *value);
        next += usize::from(place != nowhere);
    }
}
