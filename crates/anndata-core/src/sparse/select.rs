//! Rows and columns of a sparse matrix, in any order and with repeats.
//!
//! The compressed axis is a gather of lanes: their lengths give the new offsets, then whole runs of lanes are copied.
//! The other axis is a filter: each stored index is looked up once, which leaves a bit a value; the bits give the new
//! offsets, and the values at them are copied. Both axes together are one such pass over the selected lanes. All of it
//! runs on all cores.

mod places;

use std::ops::Range;

use anndata_storage::{Axis, DType, Error, Result, Tensor};
use rayon::prelude::*;

use self::places::{Lane, Places, Scratch};
use super::lanes::{blocks, by_width, fill, largest, offsets_of, offsets_tensor, plain};
use super::{SparseFormat, SparseMatrix};

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
            let kept: Vec<Kept> = blocks.par_iter().map(|block| {
                let mut kept = Kept::default();
                for lane in block.clone() {
                    let len = places.mark(old.get(lanes.range(lane)).unwrap_or_default(), &mut kept.bits);
                    kept.lengths.push(len);
                }
                kept
            }).collect();
            let new_offsets = offsets_of(kept.iter().flat_map(|kept| kept.lengths.iter().copied()))?;
            let (new_indices, new_data) = fill::<I, _>(&new_offsets, blocks, size, |scratch: &mut Scratch, number, mut part| {
                let Some(Kept { bits, lengths }) = kept.get(number) else { return };
                let mut bits = bits.as_slice();
                for (lane, &len) in part.lanes.clone().zip(lengths) {
                    let range = lanes.range(lane);
                    let bits = bits.split_off(..range.len().div_ceil(u64::BITS as usize)).unwrap_or_default();
                    let values = data.get(range.start * size..range.end * size).unwrap_or_default();
                    let lane = Lane { indices: old.get(range).unwrap_or_default(), values, size, bits };
                    places.put(&lane, len, &mut part, scratch);
                }
            })?;
            self.rebuilt(indices.dtype(), (lanes.count, places.len), &new_offsets, new_indices.into(), new_data.into())
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
        indices: arrow_buffer::Buffer,
        data: arrow_buffer::Buffer,
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

/// What is kept of the lanes of a block.
#[derive(Default)]
struct Kept {
    /// A bit a value, whole words a lane.
    bits: Vec<u64>,
    /// How many values each lane has in the result.
    lengths: Vec<usize>,
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
