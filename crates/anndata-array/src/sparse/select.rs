//! Rows and columns of a sparse matrix, in any order and with repeats.
//!
//! The compressed axis is a gather of major slices: their lengths give the new offsets, then whole runs of major slices
//! are copied. The other axis is a filter: each stored index is looked up once, and what is kept of a block of major
//! slices is picked while the block is in the cache; then the blocks are put together. Both axes together are one such
//! pass over the selected major slices. All of it runs on all cores.
//!
//! Tried, and not faster: asking for the values that are gathered, or for the next run of major slices, ahead of their copy.

mod in_place;
mod keep;
mod minor_map;

use std::ops::Range;

use anndata_storage::{AlignedBytes, AxisSelection, DType, Error, OrBug, Result, Tensor, ensure};
use rayon::prelude::*;

use self::minor_map::{MinorMap, Picked, Stored};
use super::buffers::{Index, by_width, bytes_of, largest, plain, plain_mut, size_of_value, too_many, zeroed};
use super::major::{blocks, fill};
use super::offsets::Offsets;
use super::{SparseFormat, SparseMatrix};

/// How many blocks of major slices a thread picks from before they are put together.
const BLOCKS: usize = 16;

impl SparseMatrix {
    /// The selected rows and columns, in the order given, repeats allowed.
    ///
    /// Format and dtypes stay. Only where the result has more values, or longer major slices, than the dtype of
    /// `indptr` or of `indices` can count, that dtype becomes wider. What is taken of a row (CSR) or column (CSC) comes
    /// out with sorted indices where its indices were sorted, whatever the order of the selection; otherwise its order
    /// stays. A range along the compressed axis shares the values with the whole matrix.
    ///
    /// ```
    /// use anndata_array::{AxisSelection, SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 3], vec![1, 0, 2, 0, 3, 0])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// let part = matrix.select(&AxisSelection::Range(0..2), &AxisSelection::from(vec![2, 0, 2]))?;
    /// assert_eq!(part.to_dense()?.as_slice::<i32>()?, [2, 1, 2, 0, 0, 0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a position is out of bounds;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the result does not fit into memory.
    pub fn select(&self, rows: &AxisSelection, columns: &AxisSelection) -> Result<Self> {
        let ((n, p), format) = (self.shape, self.format);
        check("row", rows, n)?;
        check("column", columns, p)?;
        let (slices, minor) = match format {
            SparseFormat::Csr => (rows, columns),
            SparseFormat::Csc => (columns, rows),
        };
        if is_whole(minor, self.axes().1) {
            return self.select_major(slices);
        }
        let map = MinorMap::new(minor, self.axes().1, self.nnz())?;
        let indices = if map.largest() > largest(self.indices.dtype())? {
            self.indices.cast(&DType::I64)?
        } else {
            self.indices.clone()
        };
        let offsets = self.major_offsets()?;
        let slices = MajorSlices::new(slices, &offsets)?;
        let (data, size) = (bytes_of(&self.data)?, size_of_value(self.data.dtype())?);
        by_width!(indices.dtype(), I => {
            let stored = Stored { indices: plain::<I>(&indices)?, values: data, size };
            let work = Offsets::of_lengths(slices.ranges.iter().map(Range::len))?;
            let blocks = blocks(work.ends().iter().copied());
            // Within the pool, so that no step waits for a thread outside of it.
            let (new_offsets, new_indices, new_data) =
                rayon::scope(|_| pick(&map, &stored, &slices, &blocks, work.total()?))?;
            self.rebuilt(indices.dtype(), map.len, &new_offsets, new_indices, new_data)
        })
    }

    /// The selected major slices, whole.
    fn select_major(&self, selection: &AxisSelection) -> Result<Self> {
        if let AxisSelection::Range(range) = selection {
            let range = if range.is_empty() { 0..0 } else { to_usize(range.start)?..to_usize(range.end)? };
            return self.slice_major(range);
        }
        let offsets = self.major_offsets()?;
        let slices = MajorSlices::new(selection, &offsets)?;
        let new_offsets = Offsets::of_lengths(slices.ranges.iter().map(Range::len))?;
        let blocks = blocks(new_offsets.ends().iter().copied());
        let (data, size) = (bytes_of(&self.data)?, size_of_value(self.data.dtype())?);
        by_width!(self.indices.dtype(), I => {
            let old = plain::<I>(&self.indices)?;
            let (indices, data) = fill::<I, ()>(&new_offsets, blocks, size, &|(), part| {
                let mut ranges = slices.of(&part.slices)?.iter().cloned().peekable();
                while let Some(mut run) = ranges.next() {
                    // Major slices that follow each other are one copy.
                    while let Some(next) = ranges.next_if(|next| next.start == run.end) {
                        run.end = next.end;
                    }
                    let (to_indices, to_data) = part.next(run.len(), size)?;
                    to_data.copy_from_slice(values_of(data, run.start * size..run.end * size)?);
                    to_indices.copy_from_slice(values_of(old, run)?);
                }
                Ok(())
            })?;
            self.rebuilt(self.indices.dtype(), self.axes().1, &new_offsets, indices, data)
        })
    }

    /// A matrix of the same format and dtypes with other major slices.
    fn rebuilt(
        &self,
        index_dtype: &DType,
        minor: usize,
        offsets: &Offsets,
        indices: AlignedBytes,
        data: AlignedBytes,
    ) -> Result<Self> {
        let nnz = offsets.total()?;
        let data = Tensor::new(self.data.dtype().clone(), [nnz], data)?;
        let indices = Tensor::new(index_dtype.clone(), [nnz], indices)?;
        Self::assembled(self.format, minor, data, indices, offsets, self.indptr.dtype())
    }
}

/// The values of a major slice.
fn values_of<T>(values: &[T], slice: Range<usize>) -> Result<&[T]> {
    values.get(slice).or_bug("a major slice beyond the stored values")
}

/// What is kept of selected major slices, in which `total` values are stored: their offsets, indices and values.
///
/// A few blocks for each thread are picked and then put together, again and again, so that what is picked stays in the
/// cache. How many values there will be is known when all is done; until then there is room for all that there can be.
fn pick<I: Index>(
    map: &MinorMap,
    stored: &Stored<'_, I>,
    slices: &MajorSlices,
    blocks: &[Range<usize>],
    total: usize,
) -> Result<(Offsets, AlignedBytes, AlignedBytes)> {
    let most = map.most(stored, total, slices, blocks)?;
    let (mut indices, mut data) = (zeroed(most, size_of::<I>())?, zeroed(most, stored.size)?);
    let (mut free_indices, mut free_data) = (plain_mut::<I>(&mut indices)?, data.as_mut_slice());
    let mut lengths = Vec::with_capacity(slices.ranges.len());
    let mut tasks: Vec<Picked<I>> = (0..rayon::current_num_threads() * BLOCKS).map(|_| Picked::default()).collect();
    for blocks in blocks.chunks(tasks.len()) {
        blocks
            .par_iter()
            .zip(&mut tasks)
            .try_for_each(|(block, picked)| map.pick(stored, slices.of(block)?.iter().cloned(), picked))?;
        let mut parts = Vec::with_capacity(blocks.len());
        for (picked, _) in tasks.iter().zip(blocks) {
            lengths.extend_from_slice(&picked.lengths);
            let len = picked.entries.len();
            let indices = free_indices.split_off_mut(..len).or_bug("more values than were counted")?;
            let data = free_data.split_off_mut(..len * stored.size).or_bug("more values than were counted")?;
            parts.push((indices, data));
        }
        parts.into_par_iter().zip(&tasks).try_for_each(|((indices, data), picked)| {
            indices.copy_from_slice(picked.entries.indices()?);
            data.copy_from_slice(picked.entries.values(stored.size)?);
            Ok::<(), Error>(())
        })?;
    }
    let offsets = Offsets::of_lengths(lengths)?;
    let nnz = offsets.total()?;
    ensure!(most - free_indices.len() == nnz, "{} values, of which {nnz} were counted", most - free_indices.len());
    Ok((offsets, indices.into_first(nnz * size_of::<I>()), data.into_first(nnz * stored.size)))
}

/// Selected major slices of a matrix: where the values of each are.
struct MajorSlices {
    ranges: Vec<Range<usize>>,
}

impl MajorSlices {
    fn new(selection: &AxisSelection, offsets: &Offsets) -> Result<Self> {
        let count = to_usize(selection.len())?;
        let mut ranges = Vec::new();
        ranges.try_reserve_exact(count).map_err(|error| too_many(count).with_source(error))?;
        for slice in selection.positions() {
            ranges.push(offsets.range(to_usize(slice)?)?);
        }
        Ok(Self { ranges })
    }

    /// Where the values of consecutive selected major slices are.
    fn of(&self, slices: &Range<usize>) -> Result<&[Range<usize>]> {
        self.ranges.get(slices.clone()).or_bug("a block of major slices that were not selected")
    }
}

fn check(what: &str, selection: &AxisSelection, len: usize) -> Result<()> {
    let end = selection.end();
    if end > len as u64 {
        return Err(Error::invalid_input(format!("{what} {} is out of bounds: there are {len}", end - 1)));
    }
    Ok(())
}

/// Whether all positions are selected as they are.
fn is_whole(selection: &AxisSelection, len: usize) -> bool {
    *selection == AxisSelection::Range(0..len as u64)
}

/// A position that was checked against the length of an axis in memory.
fn to_usize(position: u64) -> Result<usize> {
    usize::try_from(position).map_err(|_| Error::bug(format!("position {position} of an axis in memory")))
}
