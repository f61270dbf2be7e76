//! A selection in the memory of the matrix itself: what is kept moves to the front. Fresh memory costs more than the move.

use std::ops::Range;

use anndata_storage::{AlignedBytes, AxisSelection, OrBug, Result, Tensor};
use rayon::prelude::*;

use super::super::buffers::{Index, by_size, by_width, plain_mut, size_of_value, values_mut, zeroed};
use super::super::major::blocks_of;
use super::super::offsets::Offsets;
use super::minor_map::MinorMap;
use super::{MajorSlices, SparseFormat, SparseMatrix, check, is_whole};

impl SparseMatrix {
    /// The selected rows and columns, as [`select`](Self::select) gives them. Where nothing else holds the values and the
    /// selection keeps their order, what is selected stays in their memory, of which at least half is used afterwards.
    ///
    /// ```
    /// use anndata_array::{AxisSelection, SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([3, 2], vec![1, 0, 0, 3, 4, 5])?;
    /// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    /// let part = matrix.into_selected(&AxisSelection::from(vec![0, 2]), &AxisSelection::Range(0..2))?;
    /// assert_eq!(part.to_dense()?.as_slice::<i32>()?, [1, 0, 4, 5]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn into_selected(self, rows: &AxisSelection, columns: &AxisSelection) -> Result<Self> {
        let (slices, minor) = match self.format {
            SparseFormat::Csr => (rows, columns),
            SparseFormat::Csc => (columns, rows),
        };
        if !self.is_exclusive() || !slices.keeps_order() || !minor.keeps_order() {
            return self.select(rows, columns);
        }
        check("row", rows, self.shape.0)?;
        check("column", columns, self.shape.1)?;
        let whole = is_whole(minor, self.axes().1);
        if whole && matches!(slices, AxisSelection::Range(_)) {
            // Shares the values.
            return self.select(rows, columns);
        }
        let map = MinorMap::new(minor, self.axes().1, self.nnz())?;
        if !map.keeps_order() {
            return self.select(rows, columns);
        }
        let slices = MajorSlices::new(slices, &self.major_offsets()?)?;
        self.compacted(&slices, (!whole).then_some(&map), map.len)
    }

    /// Whether nothing else holds the values and the indices, and they can be changed in place.
    pub fn is_exclusive(&self) -> bool {
        self.data.is_exclusive() && self.indices.is_exclusive()
    }

    /// The major slices, which follow each other, without what the map leaves out.
    fn compacted(self, slices: &MajorSlices, map: Option<&MinorMap>, minor: usize) -> Result<Self> {
        let Self { format, data, indices, indptr, .. } = self;
        let (dtype, index_dtype, size) = (data.dtype().clone(), indices.dtype().clone(), size_of_value(data.dtype())?);
        let (mut data, mut indices) = (memory_of(data)?, memory_of(indices)?);
        let offsets = by_width!(index_dtype, I => {
            // Within the pool, so that no step waits for a thread outside of it.
            rayon::scope(|_| compact::<I>(plain_mut(&mut indices)?, data.as_mut_slice(), size, slices, map))?
        });
        let nnz = offsets.total()?;
        let index_size = size_of_value(&index_dtype)?;
        let data = Tensor::new(dtype, [nnz], first(data, nnz * size)?)?;
        let indices = Tensor::new(index_dtype, [nnz], first(indices, nnz * index_size)?)?;
        Self::assembled(format, minor, data, indices, &offsets, indptr.dtype())
    }
}

/// Moves what is kept of major slices to the front, and gives their offsets there. Each thread compacts a part, to the front of
/// that part; then the parts are put together.
fn compact<I: Index>(
    indices: &mut [I],
    data: &mut [u8],
    size: usize,
    slices: &MajorSlices,
    map: Option<&MinorMap>,
) -> Result<Offsets> {
    let selected = Offsets::of_lengths(slices.ranges.iter().map(Range::len))?;
    let in_part = selected.total()?.div_ceil(rayon::current_num_threads()).max(1);
    let mut parts = Vec::new();
    let (mut rest, mut rest_data, mut at) = (&mut *indices, &mut *data, 0);
    for block in blocks_of(selected.ends().iter().copied(), in_part) {
        let slices = slices.of(&block)?;
        let (Some(head), Some(tail)) = (slices.first(), slices.last()) else { continue };
        let before = head.start - at;
        rest.split_off_mut(..before).or_bug("a major slice beyond the indices")?;
        rest_data.split_off_mut(..before * size).or_bug("a major slice beyond the values")?;
        let len = tail.end - head.start;
        let own = rest.split_off_mut(..len).or_bug("a major slice beyond the indices")?;
        let own_data = rest_data.split_off_mut(..len * size).or_bug("a major slice beyond the values")?;
        parts.push((head.start, slices, own, own_data));
        at = tail.end;
    }
    let compacted = parts.into_par_iter().map(|(start, slices, indices, data)| {
        let lengths = by_size!(size, V => compact_part::<I, V>(indices, values_mut(data)?, start, slices, map))?;
        Ok((start, lengths))
    });
    let compacted = compacted.collect::<Result<Vec<_>>>()?;
    let mut end = 0;
    for (start, lengths) in &compacted {
        let kept = *start..start + lengths.iter().sum::<usize>();
        data.copy_within(kept.start * size..kept.end * size, end * size);
        indices.copy_within(kept.clone(), end);
        end += kept.len();
    }
    Offsets::of_lengths(compacted.into_iter().flat_map(|(_, lengths)| lengths))
}

/// Compacts a part, which begins with a value of the whole, and gives the lengths of the major slices.
fn compact_part<I: Index, V: Copy>(
    indices: &mut [I],
    values: &mut [V],
    start: usize,
    slices: &[Range<usize>],
    map: Option<&MinorMap>,
) -> Result<Vec<usize>> {
    let mut end = 0;
    let mut lengths = Vec::with_capacity(slices.len());
    for slice in slices {
        let slice = slice.start - start..slice.end - start;
        let before = end;
        match map {
            None => {
                indices.copy_within(slice.clone(), end);
                values.copy_within(slice.clone(), end);
                end += slice.len();
            }
            Some(map) => end = map.compact(indices, values, slice, end)?,
        }
        lengths.push(end - before);
    }
    Ok(lengths)
}

/// The memory of a tensor that nothing else holds.
fn memory_of(tensor: Tensor) -> Result<AlignedBytes> {
    tensor.into_aligned().or_bug("memory that something else holds")
}

/// The first bytes, in their memory if they are at least half of it.
fn first(bytes: AlignedBytes, len: usize) -> Result<AlignedBytes> {
    let kept = bytes.as_slice().get(..len).or_bug("more values than there were")?;
    if len >= bytes.as_slice().len() / 2 {
        return Ok(bytes.into_first(len));
    }
    let mut copy = zeroed(len, 1)?;
    copy.as_mut_slice().copy_from_slice(kept);
    Ok(copy)
}
