//! The chunks of an array: where they are, and what their bytes stand for.

use std::collections::HashMap;

use anndata_codecs::room;
use anndata_storage::{ChunkInfo, Error, OrBug, Result};

use super::{Layout, Plan};
use crate::dtype::Fix;

/// Bytes of a chunk in memory that need no stored byte behind them.
const UNBACKED: u64 = 64 << 20;

/// Where the stored bytes of a chunk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) address: u64,
    pub(crate) size: u64,
    /// The filters that were skipped, a bit each.
    pub(crate) mask: u32,
}

/// Where chunks are, by their number in the grid, in C order.
pub(crate) type Chunks = HashMap<u64, Chunk>;

/// The number of a chunk in the grid of an array, `None` if it lies outside. The first axis may grow without
/// changing it.
pub(crate) fn number(position: impl IntoIterator<Item = u64>, grid: &[u64]) -> Option<u64> {
    let mut number = 0_u64;
    for (position, &len) in position.into_iter().zip(grid) {
        if position >= len {
            return None;
        }
        number = number.checked_mul(len)?.checked_add(position)?;
    }
    Some(number)
}

impl Plan {
    /// The number of chunks along each axis.
    pub(crate) fn grid(&self, shape: &[u64]) -> Vec<u64> {
        shape.iter().zip(self.chunk_shape()).map(|(&len, &chunk)| len.div_ceil(chunk.max(1))).collect()
    }

    /// The bytes of one decoded chunk.
    pub(crate) fn chunk_bytes(&self) -> Result<usize> {
        let Layout::Chunked(chunks) = &self.layout else { return Ok(0) };
        chunks
            .iter()
            .try_fold(self.stored.node.size().file, |product, &len| product.checked_mul(usize::try_from(len).ok()?))
            .ok_or_else(|| Error::invalid_data(format!("chunks of shape {chunks:?} are too large")))
    }

    /// The position of the first element of a chunk.
    pub(crate) fn first_element(&self, position: &[u64]) -> Result<Vec<u64>> {
        let chunks = self.chunk_shape();
        if position.len() != chunks.len() {
            return Err(Error::invalid_input(format!("{position:?} is not a position of a chunk of shape {chunks:?}")));
        }
        let first = |(&at, &len): (&u64, &u64)| at.checked_mul(len).or_bug("a chunk beyond all numbers");
        position.iter().zip(chunks).map(first).collect()
    }

    /// Checks what a file says of a chunk before anything is allocated.
    fn check_chunk(&self, chunk: Chunk) -> Result<usize> {
        let decoded = self.chunk_bytes()? as u64;
        if chunk.size > decoded.saturating_mul(2).saturating_add(1 << 16) {
            return Err(Error::invalid_data(format!(
                "a chunk of {decoded} bytes is stored in {}, which is too many",
                chunk.size
            )));
        }
        self.limits.with_max_unbacked(self.limits.max_unbacked.min(UNBACKED)).check(decoded, chunk.size)?;
        usize::try_from(chunk.size).map_err(|_| Error::limit_exceeded("a chunk does not fit into memory"))
    }

    /// Reads the stored bytes of a chunk.
    pub(crate) fn read_chunk(&self, chunk: Chunk, raw: &mut Vec<u8>) -> Result<ChunkInfo> {
        let size = self.check_chunk(chunk)?;
        self.file.check(chunk.address, chunk.size)?;
        room(raw, size)?;
        self.file.read_at(chunk.address, raw)?;
        Ok(ChunkInfo::new(chunk.mask.into()))
    }

    /// Fills `values` with those of a chunk from byte `start` on, if they are stored as they are.
    pub(crate) fn read_part(&self, chunk: Chunk, start: usize, values: &mut [u8]) -> Result<bool> {
        let end = start.checked_add(values.len());
        let is_within = end.is_some_and(|end| end as u64 <= chunk.size);
        if !self.is_raw() || !is_within || chunk.size != self.chunk_bytes()? as u64 {
            return Ok(false);
        }
        self.file.check(chunk.address, chunk.size)?;
        self.file.read_at(chunk.address + start as u64, values)?;
        Ok(true)
    }

    /// Decodes the stored bytes of a chunk. The filters that were skipped come with them, a bit each.
    pub(crate) fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        let skipped = u32::try_from(info.get()).map_err(|_| Error::invalid_input("the mask of filters has 32 bits"))?;
        self.pipeline.decode(raw, skipped, chunk, scratch)?;
        self.fix().apply(chunk, self.stored.node.size().file);
        Ok(())
    }

    /// Encodes the values of a chunk.
    pub(crate) fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        if self.fix() == Fix::None {
            return self.pipeline.encode(chunk, raw, scratch);
        }
        let mut fixed = Vec::new();
        room(&mut fixed, chunk.len())?;
        fixed.copy_from_slice(chunk);
        self.fix().apply(&mut fixed, self.stored.node.size().file);
        self.pipeline.encode(&fixed, raw, scratch)
    }

    /// Whether the stored bytes of a chunk are its values.
    pub(crate) fn is_raw(&self) -> bool {
        self.pipeline.is_empty() && self.fix() == Fix::None
    }
}
