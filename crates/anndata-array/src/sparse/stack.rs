//! Sparse matrices one after the other along either axis, the other axis brought into a common order on the way.
//!
//! Both ways count first: the lengths of the new major slices give the exact size of the result, summed in 64 bits,
//! from which the width of its indices follows. Then blocks of major slices are filled on all cores. Indices are looked
//! up in a table from old to new positions; their order within a major slice is kept, as in scipy, so a major slice may
//! be unsorted afterwards.

use std::ops::Range;

use anndata_storage::{DType, Error, OrBug, Result, Tensor, ensure};
use rayon::prelude::*;

use super::buffers::{
    Index, by_size, by_width, bytes_of, plain, plain_mut, size_of_value, to_fill, values, values_mut,
};
use super::major::{Part, blocks, fill};
use super::offsets::Offsets;
use super::{SparseFormat, SparseMatrix, first_outside};
use crate::Reindex;

/// One of the matrices that follow each other.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The matrix; `None` if there is none, so that its range is empty, or filled.
    pub matrix: Option<SparseMatrix>,
    /// Its length along the axis of concatenation.
    pub len: usize,
    /// How its other axis goes to that of the result.
    pub reindex: &'a Reindex,
}

/// What the result is to be.
#[derive(Debug)]
pub struct Target {
    /// The format, which all matrices have.
    pub format: SparseFormat,
    /// The axis along which the matrices follow each other: 0 or 1.
    pub axis: usize,
    /// The length of the other axis.
    pub other_len: usize,
    /// The dtype of the values.
    pub dtype: DType,
    /// What is stored where no matrix has a value; a scalar of this dtype, or `None` for zero, which is not stored.
    pub fill: Option<Tensor>,
}

/// Matrices of one format one after the other.
///
/// # Errors
/// If a matrix does not fit, or the result does not fit into memory.
pub fn stack(pieces: &[Piece<'_>], target: &Target) -> Result<SparseMatrix> {
    let along_major = (target.axis == 0) == (target.format == SparseFormat::Csr);
    let total = pieces.iter().map(|piece| piece.len).try_fold(0_usize, usize::checked_add);
    let total = total.ok_or_else(|| Error::limit_exceeded("the axis is longer than memory can hold"))?;
    let (slices, minor) = if along_major { (total, target.other_len) } else { (target.other_len, total) };
    if along_major && let Some(same) = unchanged(pieces, target)? {
        return Ok(same);
    }
    let sources = pieces.iter().map(|piece| Source::new(piece, target, along_major)).collect::<Result<Vec<_>>>()?;
    let plan = Stack { starts: Offsets::of_lengths(pieces.iter().map(|piece| piece.len))?, sources, along_major };

    let work = Offsets::of_lengths((0..slices).map(|slice| plan.work(slice)).collect::<Result<Vec<_>>>()?)?;
    let tasks = blocks(work.ends().iter().copied());
    let offsets = if plan.sources.iter().any(|source| source.drops) {
        let count = |task: &Range<usize>| task.clone().map(|slice| plan.count(slice)).collect::<Result<Vec<_>>>();
        Offsets::of_lengths(tasks.par_iter().map(count).collect::<Result<Vec<_>>>()?.concat())?
    } else {
        work
    };
    let nnz = offsets.total()?;
    let index_dtype = index_dtype(nnz, slices, minor);
    let size = size_of_value(&target.dtype)?;
    let (indices, data) = by_width!(&index_dtype, O => {
        let tables: Vec<Option<Vec<O>>> =
            plan.sources.iter().map(|source| source.table(along_major)).collect::<Result<_>>()?;
        fill::<O, ()>(&offsets, tasks, size, &|(), part| plan.fill(part, &offsets, &tables, size))?
    });
    // Not checked again: indices come from matrices that were, through tables of this axis.
    let data = Tensor::new(target.dtype.clone(), [nnz], data)?;
    let indices = Tensor::new(index_dtype.clone(), [nnz], indices)?;
    SparseMatrix::assembled(target.format, minor, data, indices, &offsets, &index_dtype)
}

/// The dtype of the offsets and indices of a matrix of so many values that is put together: 32 bits where they hold all of
/// them, as in scipy.
pub fn index_dtype(nnz: usize, major: usize, minor: usize) -> DType {
    if i32::try_from(nnz.max(major).max(minor)).is_ok() { DType::I32 } else { DType::I64 }
}

/// The one matrix that has major slices, if all that is stored of it is the same in the result: then it is not copied, but for
/// indices that become wider or narrower.
fn unchanged(pieces: &[Piece<'_>], target: &Target) -> Result<Option<SparseMatrix>> {
    let mut pieces = pieces.iter().filter(|piece| piece.len > 0);
    let (Some(piece), None) = (pieces.next(), pieces.next()) else { return Ok(None) };
    let Some(matrix) = &piece.matrix else { return Ok(None) };
    let reindex = piece.reindex;
    let keeps = || reindex.is_identity() || (0..reindex.old_len()).all(|old| reindex.to_new(old) == Some(old));
    let wanted = index_dtype(matrix.nnz(), piece.len, target.other_len);
    let is_same = matrix.format == target.format
        && *matrix.dtype() == target.dtype
        && matrix.axes() == (piece.len, reindex.old_len())
        && reindex.new_len() == target.other_len
        && (target.fill.is_none() || !reindex.misses())
        && keeps();
    if !is_same {
        return Ok(None);
    }
    // An index beyond the axis of a broken matrix would be one of a longer axis.
    if target.other_len > reindex.old_len() {
        let outside = first_outside(&matrix.indices, reindex.old_len())?;
        ensure!(outside.is_none(), "an index beyond the axis");
    }
    let (data, indices) = (matrix.data.clone(), as_wide(&matrix.indices, &wanted)?);
    SparseMatrix::assembled(target.format, target.other_len, data, indices, &matrix.major_offsets()?, &wanted).map(Some)
}

/// How many indices a task converts.
const TASK: usize = 1 << 16;

/// Indices in a dtype that holds all of them.
fn as_wide(indices: &Tensor, wanted: &DType) -> Result<Tensor> {
    if indices.dtype() == wanted {
        return Ok(indices.clone());
    }
    let converted = by_width!(wanted, O => {
        let mut converted = to_fill(indices.len(), size_of::<O>())?;
        let places = plain_mut::<O>(&mut converted)?.par_chunks_mut(TASK);
        by_width!(indices.dtype(), I => {
            places.zip(plain::<I>(indices)?.par_chunks(TASK)).for_each(|(to, from)| {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = O::from_usize(from.to_usize()));
            });
        });
        converted
    });
    Tensor::new(wanted.clone(), [indices.len()], converted)
}

/// All matrices.
struct Stack<'a> {
    sources: Vec<Source<'a>>,
    /// Where each begins along the axis, and the end of the last.
    starts: Offsets,
    along_major: bool,
}

/// A matrix as the kernels read it.
struct Source<'a> {
    /// Where the values of its major slices are; `None` if there is no matrix.
    offsets: Option<Offsets>,
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
    fn new(piece: &Piece<'a>, target: &'a Target, along_major: bool) -> Result<Self> {
        let fill = target.fill.as_ref().map(bytes_of).transpose()?;
        ensure!(fill.is_none_or(|fill| Some(fill.len()) == target.dtype.size()), "a fill value of another dtype");
        let (offsets, indices, data) = match &piece.matrix {
            Some(matrix) => {
                let (major, minor) = matrix.axes();
                let axes = if along_major { (major, minor) } else { (minor, major) };
                if axes != (piece.len, piece.reindex.old_len()) || matrix.format != target.format {
                    return Err(Error::invalid_data(format!("a matrix of shape {:?} does not fit", matrix.shape)));
                }
                (Some(matrix.major_offsets()?), matrix.indices.clone(), matrix.data.clone())
            }
            None => (None, Tensor::from_vec([0], Vec::<i32>::new())?, Tensor::zeros(&target.dtype, [0])?),
        };
        // With no values there is nothing to cast, even where their dtype cannot become that of the result.
        let data = if data.is_empty() { Tensor::zeros(&target.dtype, [0])? } else { data };
        let missing = match (&piece.matrix, fill) {
            (_, None) => Vec::new(),
            (Some(_), _) => piece.reindex.missing().collect(),
            (None, _) => (0..piece.reindex.new_len()).collect(),
        };
        let drops = along_major && piece.matrix.is_some() && piece.reindex.drops();
        let (dtype, reindex, len) = (target.dtype.clone(), piece.reindex, piece.len);
        Ok(Self { offsets, indices, data, dtype, fill, reindex, missing, len, drops })
    }

    /// Where the values of consecutive major slices are.
    fn range(&self, first: usize, count: usize) -> Result<Range<usize>> {
        // Nothing is stored of a matrix that is not there.
        self.offsets.as_ref().map_or(Ok(0..0), |offsets| offsets.run(first..first + count))
    }

    /// The new positions of old indices, and the largest number for what goes nowhere; `None` if they do not change.
    fn table<O: Index>(&self, along_major: bool) -> Result<Option<Vec<O>>> {
        if !along_major || self.reindex.is_identity() {
            return Ok(None);
        }
        let positions = (0..self.reindex.old_len()).map(|old| match self.reindex.to_new(old) {
            Some(new) => Ok(O::from_usize(new)),
            // The width was chosen so that no position is the largest number of it.
            None if self.drops || self.offsets.is_none() => Ok(O::from_usize(usize::MAX)),
            None => Err(Error::bug(format!("index {old} goes nowhere"))),
        });
        positions.collect::<Result<_>>().map(Some)
    }

    /// The values of a range, in the dtype of the result.
    fn values(&self, range: Range<usize>, size: usize) -> Result<Values<'_>> {
        if *self.data.dtype() == self.dtype {
            let values = bytes_of(&self.data)?.get(range.start * size..range.end * size);
            return Ok(Values::Shared(values.or_bug("a major slice beyond the values")?));
        }
        Ok(Values::Cast(self.data.slice_rows(range)?.cast(&self.dtype)?))
    }
}

enum Values<'a> {
    Shared(&'a [u8]),
    Cast(Tensor),
}

impl Values<'_> {
    fn bytes(&self) -> Result<&[u8]> {
        match self {
            Self::Shared(bytes) => Ok(bytes),
            Self::Cast(tensor) => bytes_of(tensor),
        }
    }
}

impl Stack<'_> {
    /// The matrix that a major slice of the result is from, and which major slice of it, where they follow each other
    /// in major slices.
    fn source(&self, slice: usize) -> Result<(usize, &Source<'_>, usize)> {
        let position = self.starts.ends().partition_point(|&end| end <= slice);
        let source = self.sources.get(position).or_bug("a major slice of no matrix")?;
        Ok((position, source, slice - self.starts.range(position)?.start))
    }

    /// The most values that a major slice of the result can have.
    fn work(&self, slice: usize) -> Result<usize> {
        if self.along_major {
            let (_, source, own) = self.source(slice)?;
            return Ok(source.range(own, 1)?.len() + source.missing.len());
        }
        let mut sum = 0_usize;
        for source in &self.sources {
            let len = match (source.old_slice(slice), source.fill) {
                (Some(own), _) => source.range(own, 1)?.len(),
                (None, Some(_)) => source.len,
                (None, None) => 0,
            };
            sum = sum
                .checked_add(len)
                .ok_or_else(|| Error::limit_exceeded("a major slice has more values than memory"))?;
        }
        Ok(sum)
    }

    /// The values that a major slice of the result has.
    fn count(&self, slice: usize) -> Result<usize> {
        let (_, source, own) = self.source(slice)?;
        if !source.drops {
            return self.work(slice);
        }
        let kept = by_width!(source.indices.dtype(), I => {
            let indices = plain::<I>(&source.indices)?;
            let own = indices.get(source.range(own, 1)?).or_bug("a major slice beyond the indices")?;
            own.iter().filter(|index| source.reindex.to_new(index.to_usize()).is_some()).count()
        });
        Ok(kept + source.missing.len())
    }

    /// Fills the major slices of a part.
    fn fill<O: Index>(
        &self,
        part: &mut Part<'_, O>,
        offsets: &Offsets,
        tables: &[Option<Vec<O>>],
        size: usize,
    ) -> Result<()> {
        let mut slice = part.slices.start;
        while slice < part.slices.end {
            if self.along_major {
                let (position, source, own) = self.source(slice)?;
                // Without a value between them, major slices that follow each other are one run.
                let count = if source.missing.is_empty() { (source.len - own).min(part.slices.end - slice) } else { 1 };
                let len = offsets.run(slice..slice + count)?.len();
                let kept = len.checked_sub(source.missing.len()).or_bug("fewer values than are filled in")?;
                let (indices, data) = part.next(kept, size)?;
                let table = tables.get(position).or_bug("a matrix without a table")?.as_deref();
                source.copy(source.range(own, count)?, table, 0, indices, data, size)?;
                let (indices, data) = part.next(len - kept, size)?;
                source.put_fill(source.missing.iter().copied(), indices, data, size)?;
                slice += count;
                continue;
            }
            for (source, &shift) in self.sources.iter().zip(self.starts.starts()) {
                match source.old_slice(slice) {
                    Some(own) => {
                        let range = source.range(own, 1)?;
                        let (indices, data) = part.next(range.len(), size)?;
                        source.copy(range, None, shift, indices, data, size)?;
                    }
                    None if source.fill.is_some() => {
                        let (indices, data) = part.next(source.len, size)?;
                        source.put_fill(shift..shift + source.len, indices, data, size)?;
                    }
                    None => {}
                }
            }
            slice += 1;
        }
        Ok(())
    }
}

impl Source<'_> {
    /// The major slice of this matrix that goes to a major slice of the result.
    fn old_slice(&self, slice: usize) -> Option<usize> {
        self.offsets.as_ref().and_then(|_| self.reindex.to_old(slice))
    }

    /// Copies a range of values with their indices looked up and shifted; those that go nowhere are left out.
    fn copy<O: Index>(
        &self,
        range: Range<usize>,
        table: Option<&[O]>,
        shift: usize,
        indices: &mut [O],
        data: &mut [u8],
        size: usize,
    ) -> Result<()> {
        let stored = self.values(range.clone(), size)?;
        let stored = stored.bytes()?;
        by_width!(self.indices.dtype(), I => {
            let own = plain::<I>(&self.indices)?.get(range).or_bug("a major slice beyond the indices")?;
            if let Some(table) = table.filter(|_| self.drops) {
                return by_size!(size, V => keep(own, values::<V>(stored)?, table, indices, values_mut::<V>(data)?));
            }
            let (len, free) = (own.len(), indices.len());
            ensure!(len == free && stored.len() == data.len(), "{len} values for {free} places");
            match table {
                None => own.iter().zip(indices).for_each(|(from, to)| *to = O::from_usize(from.to_usize() + shift)),
                Some(table) => {
                    for (from, to) in own.iter().zip(indices) {
                        *to = *table.get(from.to_usize()).or_bug("an index beyond the axis")?;
                    }
                }
            }
        });
        data.copy_from_slice(stored);
        Ok(())
    }

    /// Stores what is filled in at these positions.
    fn put_fill<O: Index>(
        &self,
        positions: impl ExactSizeIterator<Item = usize>,
        indices: &mut [O],
        data: &mut [u8],
        size: usize,
    ) -> Result<()> {
        let (wanted, free) = (positions.len(), indices.len());
        ensure!(wanted == free && data.len() == free * size, "{wanted} values to fill in for {free} places");
        // Without a fill value nothing is missing.
        let Some(fill) = self.fill else { return Ok(()) };
        for ((position, index), value) in positions.zip(indices).zip(data.chunks_exact_mut(size)) {
            *index = O::from_usize(position);
            value.copy_from_slice(fill);
        }
        Ok(())
    }
}

/// Copies the values that go somewhere. The target has exactly that many positions; a value that goes nowhere is
/// overwritten by the next, so that the loop has no branch that cannot be foreseen.
fn keep<I: Index, O: Index, V: Copy>(
    from: &[I],
    values: &[V],
    table: &[O],
    indices: &mut [O],
    data: &mut [V],
) -> Result<()> {
    let nowhere = O::from_usize(usize::MAX);
    let (mut next, room) = (0, indices.len());
    for (index, value) in from.iter().zip(values) {
        let position = *table.get(index.to_usize()).or_bug("an index beyond the axis")?;
        // What is behind the last position goes nowhere, or else there is one too many at the end.
        if let (Some(to), Some(slot)) = (indices.get_mut(next), data.get_mut(next)) {
            (*to, *slot) = (position, *value);
        }
        next += usize::from(position != nowhere);
    }
    ensure!(from.len() == values.len() && next == room && data.len() == room, "{next} values for {room} positions");
    Ok(())
}
