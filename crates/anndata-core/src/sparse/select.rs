//! Rows and columns of a sparse matrix, in any order and with repeats.
//!
//! The compressed axis is a gather of lanes: their lengths give the new offsets, then whole runs of lanes are copied.
//! The other axis is a filter: each stored index is looked up once, and what is kept of a block of lanes is picked while
//! the block is in the cache; then the blocks are put together. Both axes together are one such pass over the selected
//! lanes. All of it runs on all cores.

mod places;

use std::ops::Range;

use anndata_storage::{Axis, DType, Error, Result, Tensor};
use arrow_buffer::Buffer;
use rayon::prelude::*;

use self::places::{Picked, Places, Stored};
use super::lanes::{Index, blocks, by_width, fill, largest, offsets_of, offsets_tensor, plain, plain_mut, zeroed};
use super::{SparseFormat, SparseMatrix};

/// How many blocks of lanes a thread picks from before they are put together.
const BLOCKS: usize = 16;

impl SparseMatrix {
    /// The selected rows and columns, in the order given, repeats allowed.
    ///
    /// Format and dtypes stay. Only where the result has more values, or longer lanes, than the dtype of `indptr` or of
    /// `indices` can count, that dtype becomes wider. What is taken of a row (CSR) or column (CSC) comes out with
    /// sorted indices where its indices were sorted, whatever the order of the selection; otherwise its order stays.
    /// A range along the compressed axis shares the values with the whole matrix.
    ///
    /// ```
    /// use anndata_core::{Axis, SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 3], vec![1, 0, 2, 0, 3, 0])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// let part = matrix.select(&Axis::Range(0..2), &Axis::from(vec![2, 0, 2]))?;
    /// assert_eq!(part.to_dense()?.as_slice::<i32>()?, [2, 1, 2, 0, 0, 0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) where a position is out of bounds;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) where the result does not fit into memory.
    pub fn select(&self, rows: &Axis, columns: &Axis) -> Result<Self> {
        let ((n, p), format) = (self.shape, self.format);
        check("row", rows, n)?;
        check("column", columns, p)?;
        let (lanes, minor) = match format {
            SparseFormat::Csr => (rows, columns),
            SparseFormat::Csc => (columns, rows),
        };
        if is_whole(minor, self.axes().1) {
            return self.select_lanes(lanes);
        }
        let places = Places::new(minor, self.axes().1, self.nnz())?;
        let indices = if places.largest() > largest(self.indices.dtype()) {
            self.indices.cast(&DType::I64)?
        } else {
            self.indices.clone()
        };
        let offsets = self.offsets()?;
        let lanes = Lanes::new(lanes, &offsets)?;
        let (data, size) = (self.data.as_bytes().unwrap_or_default(), self.data.dtype().size().unwrap_or(1));
        by_width!(indices.dtype(), I => {
            let old = plain::<I>(&indices)?;
            let work = offsets_of((0..lanes.count).map(|lane| lanes.range(lane).len()))?;
            let blocks = blocks(lanes.count, |lane| work.get(lane + 1).copied().unwrap_or(0));
            let stored = Stored { indices: old, values: data, size };
            let total = work.last().copied().unwrap_or(0);
            // Within the pool, so that no step waits for a thread outside of it.
            let (new_offsets, new_indices, new_data) =
                rayon::scope(|_| pick(&places, &stored, &lanes, &blocks, total))?;
            self.rebuilt(indices.dtype(), (lanes.count, places.len), &new_offsets, new_indices, new_data)
        })
    }

    /// The selected lanes, whole.
    fn select_lanes(&self, selection: &Axis) -> Result<Self> {
        if let Axis::Range(range) = selection {
            return self.slice_major(if range.is_empty() { 0..0 } else { to_usize(range.start)..to_usize(range.end) });
        }
        let offsets = self.offsets()?;
        let lanes = Lanes::new(selection, &offsets)?;
        let new_offsets = offsets_of((0..lanes.count).map(|lane| lanes.range(lane).len()))?;
        let blocks = blocks(lanes.count, |lane| new_offsets.get(lane + 1).copied().unwrap_or(0));
        let (data, size) = (self.data.as_bytes().unwrap_or_default(), self.data.dtype().size().unwrap_or(1));
        by_width!(self.indices.dtype(), I => {
            let old = plain::<I>(&self.indices)?;
            let (indices, data) = fill::<I, _>(&new_offsets, blocks, size, |(): &mut (), _, mut part| {
                let mut lane = part.lanes.start;
                while lane < part.lanes.end {
                    // Lanes that follow each other are one copy.
                    let mut run = lanes.range(lane);
                    lane += 1;
                    while lane < part.lanes.end && lanes.range(lane).start == run.end {
                        run.end = lanes.range(lane).end;
                        lane += 1;
                    }
                    let (to_indices, to_data) = part.next(run.len(), size);
                    to_data.copy_from_slice(data.get(run.start * size..run.end * size).unwrap_or_default());
                    to_indices.copy_from_slice(old.get(run).unwrap_or_default());
                }
            })?;
            self.rebuilt(self.indices.dtype(), (lanes.count, self.axes().1), &new_offsets, indices.into(), data.into())
        })
    }

    /// A matrix of the same format and dtypes with other lanes.
    fn rebuilt(
        &self,
        index_dtype: &DType,
        (major, minor): (usize, usize),
        offsets: &[usize],
        indices: Buffer,
        data: Buffer,
    ) -> Result<Self> {
        let nnz = offsets.last().copied().unwrap_or(0);
        Ok(Self {
            format: self.format,
            shape: match self.format {
                SparseFormat::Csr => (major, minor),
                SparseFormat::Csc => (minor, major),
            },
            data: Tensor::new(self.data.dtype().clone(), [nnz], data)?,
            indices: Tensor::new(index_dtype.clone(), [nnz], indices)?,
            indptr: offsets_tensor(offsets, self.indptr.dtype())?,
        })
    }
}

/// What is kept of selected lanes, in which `total` values are stored: their offsets, indices and values.
///
/// A few blocks for each thread are picked and then put together, again and again, so that what is picked stays in the
/// cache. How many values there will be is known when all is done; until then there is room for all that there can be.
fn pick<I: Index>(
    places: &Places,
    stored: &Stored<'_, I>,
    lanes: &Lanes<'_>,
    blocks: &[Range<usize>],
    total: usize,
) -> Result<(Vec<usize>, Buffer, Buffer)> {
    let most = places.most(stored, total, blocks.par_iter().map(|block| block.clone().map(|lane| lanes.range(lane))));
    let (mut indices, mut data) = (zeroed(most, size_of::<I>())?, zeroed(most, stored.size)?);
    let (mut free_indices, mut free_data) = (plain_mut::<I>(&mut indices), data.as_mut_slice());
    let mut lengths = Vec::with_capacity(lanes.count);
    let mut tasks: Vec<Picked<I>> = (0..rayon::current_num_threads() * BLOCKS).map(|_| Picked::default()).collect();
    for blocks in blocks.chunks(tasks.len()) {
        blocks.par_iter().zip(&mut tasks).for_each(|(block, picked)| {
            places.pick(stored, block.clone().map(|lane| lanes.range(lane)), picked);
        });
        let mut parts = Vec::with_capacity(blocks.len());
        for (picked, _) in tasks.iter().zip(blocks) {
            lengths.extend_from_slice(&picked.lengths);
            let indices = free_indices.split_off_mut(..picked.indices.len()).unwrap_or_default();
            parts.push((indices, free_data.split_off_mut(..picked.values.len()).unwrap_or_default()));
        }
        parts.into_par_iter().zip(&tasks).for_each(|((indices, data), picked)| {
            indices.copy_from_slice(&picked.indices);
            data.copy_from_slice(&picked.values);
        });
    }
    let offsets = offsets_of(lengths)?;
    let nnz = offsets.last().copied().unwrap_or(0);
    Ok((offsets, indices.into_first(nnz * size_of::<I>()), data.into_first(nnz * stored.size)))
}

/// Selected lanes of a matrix.
struct Lanes<'a> {
    selection: &'a Axis,
    offsets: &'a [usize],
    count: usize,
}

impl<'a> Lanes<'a> {
    fn new(selection: &'a Axis, offsets: &'a [usize]) -> Result<Self> {
        let count = usize::try_from(selection.len()).map_err(|_| Error::limit_exceeded("the selection is too long"))?;
        Ok(Self { selection, offsets, count })
    }

    /// Where the values of a selected lane are.
    fn range(&self, lane: usize) -> Range<usize> {
        let lane = match self.selection {
            Axis::Range(range) => to_usize(range.start) + lane,
            Axis::Indices(indices) => indices.get(lane).map_or(usize::MAX - 1, |&lane| to_usize(lane)),
        };
        match (self.offsets.get(lane), self.offsets.get(lane + 1)) {
            (Some(&start), Some(&end)) => start..end,
            _ => 0..0,
        }
    }
}

fn check(what: &str, selection: &Axis, len: usize) -> Result<()> {
    let end = selection.end();
    if end > len as u64 {
        return Err(Error::invalid_input(format!("{what} {} is out of bounds of {len}", end - 1)));
    }
    Ok(())
}

/// Whether all positions are selected as they are.
fn is_whole(selection: &Axis, len: usize) -> bool {
    *selection == Axis::Range(0..len as u64)
}

/// A position that was checked against the length of an axis in memory.
fn to_usize(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
