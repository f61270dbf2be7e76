//! An array as a stream of blocks.

use super::Array;
use crate::{ArraySpec, Axis, Result, Tensor};

/// The blocks of an [`Array`]: offset and values. Made by [`Array::blocks`].
#[derive(Debug)]
pub struct Blocks {
    array: Array,
    shape: Vec<u64>,
    block: Vec<u64>,
    next: Option<Vec<u64>>,
}

impl Blocks {
    pub(super) fn new(array: Array, max_bytes: u64) -> Self {
        let spec = array.spec();
        let block = block_shape(&spec, max_bytes);
        let next = (!spec.is_empty()).then(|| vec![0; spec.ndim()]);
        Self { array, shape: spec.shape, block, next }
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
        let selection: Vec<Axis> = offset
            .iter()
            .zip(&self.block)
            .zip(&self.shape)
            .map(|((&start, &len), &end)| Axis::Range(start..end.min(start.saturating_add(len))))
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
fn block_shape(spec: &ArraySpec, max_bytes: u64) -> Vec<u64> {
    let size = spec.dtype.size().unwrap_or(32) as u64;
    let within = |unit: &Vec<u64>| -> Vec<u64> {
        unit.iter().zip(&spec.shape).map(|(&unit, &len)| unit.clamp(1, len.max(1))).collect()
    };
    // The chunks of a shard can be read without the rest, so that a shard that is too large is no unit.
    let fits = |unit: &Vec<u64>| unit.iter().copied().fold(size.max(1), u64::saturating_mul) <= max_bytes;
    let shard = spec.shards.as_ref().map(within).filter(fits);
    let mut block = shard.or_else(|| spec.chunks.as_ref().map(within)).unwrap_or_else(|| vec![1; spec.ndim()]);
    for (i, &end) in spec.shape.iter().enumerate().rev() {
        let bytes = block.iter().copied().fold(size.max(1), u64::saturating_mul);
        let Some(len) = block.get_mut(i) else { break };
        *len = len.saturating_mul((max_bytes / bytes).max(1)).min(end.max(1));
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
