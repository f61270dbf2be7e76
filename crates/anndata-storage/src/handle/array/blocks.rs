//! An array as a stream of blocks.

use std::ops::Range;

use super::Array;
use crate::{ArraySpec, AxisSelection, Result, Tensor};

/// How large the blocks of a stream are, and where they may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockSize<'a> {
    /// The most bytes of a block, where a chunk is not larger.
    pub max_bytes: u64,
    /// The chunks that the values are written to: a block that ends between them writes each of them once.
    pub chunks: Option<&'a [u64]>,
    /// The rows that are there already, in order and apart from each other: what makes values may leave them out.
    pub there: &'a [Range<u64>],
}

impl<'a> BlockSize<'a> {
    /// Blocks of at most this many bytes.
    pub fn new(max_bytes: u64) -> Self {
        Self { max_bytes, chunks: None, there: &[] }
    }

    /// Ends blocks where chunks of this shape end.
    #[must_use]
    pub fn with_chunks(mut self, chunks: Option<&'a [u64]>) -> Self {
        self.chunks = chunks;
        self
    }

    /// Tells which rows are there already.
    #[must_use]
    pub fn with_there(mut self, there: &'a [Range<u64>]) -> Self {
        self.there = there;
        self
    }

    /// The parts of some rows that are not there already.
    pub fn missing(self, rows: Range<u64>) -> Vec<Range<u64>> {
        let (mut missing, mut start) = (Vec::new(), rows.start);
        for there in self.there {
            if there.start > start && start < rows.end {
                missing.push(start..there.start.min(rows.end));
            }
            start = start.max(there.end);
        }
        if start < rows.end {
            missing.push(start..rows.end);
        }
        missing
    }

    /// Whether some rows are all there already.
    pub fn has(self, rows: &Range<u64>) -> bool {
        let at = self.there.partition_point(|there| there.end < rows.end);
        rows.is_empty() || self.there.get(at).is_some_and(|there| there.start <= rows.start)
    }

    /// How many rows of so many bytes are a block: at least one, and whole chunks where one fits.
    pub fn rows(self, row_bytes: u64) -> u64 {
        let rows = (self.max_bytes / row_bytes.max(1)).max(1);
        let chunk = self.chunks.and_then(|chunks| chunks.first().copied()).unwrap_or(1).max(1);
        if rows < chunk { rows } else { rows - rows % chunk }
    }
}

impl From<u64> for BlockSize<'_> {
    fn from(max_bytes: u64) -> Self {
        Self::new(max_bytes)
    }
}

/// The blocks of an [`Array`]: offset and values. Made by [`Array::blocks`].
#[derive(Debug)]
pub struct Blocks {
    array: Array,
    shape: Vec<u64>,
    block: Vec<u64>,
    next: Option<Vec<u64>>,
}

impl Blocks {
    pub(super) fn new(array: Array, size: BlockSize<'_>) -> Self {
        let spec = array.spec();
        let block = block_shape(&spec, size);
        let next = (!spec.is_empty()).then(|| vec![0; spec.ndim()]);
        Self { array, shape: spec.shape.clone(), block, next }
    }

    /// The shape of a block; those at the end of an axis are smaller.
    pub fn block_shape(&self) -> &[u64] {
        &self.block
    }
}

impl Iterator for Blocks {
    type Item = Result<(Vec<u64>, Tensor)>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.next.take()?;
        if offset.iter().all(|&at| at == 0)
            && let Err(error) = self.array.check_declared()
        {
            return Some(Err(error));
        }
        let selection: Vec<AxisSelection> = offset
            .iter()
            .zip(&self.block)
            .zip(&self.shape)
            .map(|((&start, &len), &end)| AxisSelection::Range(start..end.min(start.saturating_add(len))))
            .collect();
        self.next = following(&offset, &self.block, &self.shape);
        Some(self.array.read_selection(&selection).map(|tensor| (offset, tensor)))
    }
}

/// The offset of the block after this one, in C order.
fn following(offset: &[u64], block: &[u64], shape: &[u64]) -> Option<Vec<u64>> {
    let mut next = offset.to_vec();
    for ((at, &step), &end) in next.iter_mut().zip(block).zip(shape).rev() {
        *at = at.saturating_add(step);
        if *at < end {
            return Some(next);
        }
        *at = 0;
    }
    None
}

/// As many whole chunks (or shards) as fit, whole inner axes first, so that a block is as contiguous as it can be.
fn block_shape(spec: &ArraySpec, size: BlockSize<'_>) -> Vec<u64> {
    // How large a block is decides about memory, and about no value: a text counts as 32 bytes, and a size beyond all
    // numbers is over every bound.
    let element = spec.dtype.size().unwrap_or(32).max(1) as u64;
    let bytes = |shape: &[u64]| shape.iter().copied().fold(element, u64::saturating_mul);
    let within = |unit: &[u64]| -> Vec<u64> {
        unit.iter().zip(&spec.shape).map(|(&unit, &len)| unit.clamp(1, len.max(1))).collect()
    };
    // The chunks of a shard can be read without the rest, so that a shard that is too large is not a unit.
    let shard = spec.shards.as_deref().map(within).filter(|shard| bytes(shard) <= size.max_bytes);
    let read = shard.or_else(|| spec.chunks.as_deref().map(within)).unwrap_or_else(|| vec![1; spec.ndim()]);
    // Whole chunks of the other side, of which a chunk of this side takes one or more along each axis.
    let both = |chunks: &[u64]| -> Vec<u64> {
        read.iter().zip(chunks).map(|(&len, &chunk)| len.div_ceil(chunk.max(1)).saturating_mul(chunk.max(1))).collect()
    };
    let written = size.chunks.filter(|chunks| chunks.len() == spec.ndim()).map(both);
    let unit = written.filter(|unit| bytes(&within(unit)) <= size.max_bytes).unwrap_or(read);
    let mut block = within(&unit);
    for (i, (&end, &unit)) in spec.shape.iter().zip(&unit).enumerate().rev() {
        let times = (size.max_bytes / bytes(&block)).max(1);
        let Some(len) = block.get_mut(i) else { break };
        *len = unit.saturating_mul(times).clamp(1, end.max(1));
        if *len < end {
            break;
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn blocks_are_whole_chunks_within_the_bound() {
        let spec = ArraySpec::new(DType::F32, [100, 10]).with_chunks([30, 4]);
        let block_shape = |spec: &ArraySpec, max_bytes: u64| block_shape(spec, max_bytes.into());
        assert_eq!(block_shape(&spec, 30 * 4 * 4 * 2), [30, 8]);
        assert_eq!(block_shape(&spec, 30 * 10 * 4 * 2), [60, 10]);
        assert_eq!(block_shape(&spec, 1), [30, 4]);
        assert_eq!(block_shape(&spec, u64::MAX), [100, 10]);
        assert_eq!(block_shape(&ArraySpec::new(DType::F64, [100]), 80), [10]);
        assert!(block_shape(&ArraySpec::new(DType::F64, []), 1).is_empty());
        let mut sharded = spec;
        sharded.shards = Some(vec![60, 8]);
        assert_eq!(block_shape(&sharded, 60 * 8 * 4), [60, 8]);
        assert_eq!(block_shape(&sharded, 60 * 8 * 4 - 1), [30, 10]);
    }

    #[test]
    fn blocks_end_where_chunks_of_the_other_side_do() {
        let spec = ArraySpec::new(DType::F32, [1000]).with_chunks([30]);
        let along = |spec: &ArraySpec, max_bytes, chunks: &[u64]| {
            block_shape(spec, BlockSize::new(max_bytes).with_chunks(Some(chunks)))
        };
        assert_eq!(along(&spec, 1000, &[100]), [200]);
        assert_eq!(along(&spec, 1000, &[20]), [240]);
        assert_eq!(along(&spec, 1 << 20, &[100]), [1000]);
        // Chunks that are too large are written in parts.
        assert_eq!(along(&spec, 300, &[100]), [60]);
        let tiles = ArraySpec::new(DType::F32, [100, 50]).with_chunks([10, 10]);
        assert_eq!(along(&tiles, 100 * 50, &[7, 50]), [14, 50]);
        assert_eq!(along(&tiles, 2 * 14 * 50 * 4, &[7, 50]), [28, 50]);
    }

    #[test]
    fn rows_of_a_block_are_whole_chunks_where_one_fits() {
        let size = BlockSize::new(100);
        assert_eq!((size.rows(30), size.rows(1000), size.rows(0)), (3, 1, 100));
        let chunked = |rows| size.with_chunks(Some(rows)).rows(10);
        assert_eq!((chunked(&[4, 7]), chunked(&[10]), chunked(&[11]), chunked(&[])), (8, 10, 10, 10));
    }

    #[test]
    fn rows_that_are_there_are_left_out() {
        let there = [2..4, 6..10];
        let size = BlockSize::new(1).with_there(&there);
        for (rows, missing) in [
            (0..12, vec![0..2, 4..6, 10..12]),
            (0..1, vec![Range { start: 0, end: 1 }]),
            (3..7, vec![Range { start: 4, end: 6 }]),
            (2..4, vec![]),
            (7..9, vec![]),
            (10..11, vec![Range { start: 10, end: 11 }]),
            (5..5, vec![]),
        ] {
            assert_eq!(size.missing(rows.clone()), missing, "{rows:?}");
        }
    }

    #[test]
    fn every_block_is_visited_in_order() {
        let mut offset = Some(vec![0, 0]);
        let mut seen = Vec::new();
        while let Some(at) = offset {
            offset = following(&at, &[2, 3], &[3, 4]);
            seen.push(at);
        }
        assert_eq!(seen, [[0, 0], [0, 3], [2, 0], [2, 3]]);
    }
}
