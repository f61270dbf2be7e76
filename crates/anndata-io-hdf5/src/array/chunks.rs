//! The chunks of an array: where they are, and their bytes without the library.

use std::collections::HashMap;
use std::sync::Arc;

use anndata_codecs::room;
use anndata_storage::{ChunkInfo, ChunkedStorage, Error, OrBug, Result};

use super::Hdf5Array;
use crate::raw::dataset::{self, Chunk, Layout};

/// Bytes of a chunk in memory that need no stored byte behind them.
const UNBACKED: u64 = 64 << 20;

/// The number of a chunk in the grid of an array, `None` if it lies outside. The first axis may grow without
/// changing it.
fn number(position: impl IntoIterator<Item = u64>, grid: &[u64]) -> Option<u64> {
    let mut number = 0_u64;
    for (position, &len) in position.into_iter().zip(grid) {
        if position >= len {
            return None;
        }
        number = number.checked_mul(len)?.checked_add(position)?;
    }
    Some(number)
}

impl Hdf5Array {
    pub(super) fn chunk_shape(&self) -> &[u64] {
        match &self.layout {
            Layout::Chunked(chunks) => chunks,
            _ => &[],
        }
    }

    fn grid(&self, shape: &[u64]) -> Vec<u64> {
        shape.iter().zip(self.chunk_shape()).map(|(&len, &chunk)| len.div_ceil(chunk.max(1))).collect()
    }

    /// Lists the chunks, where that was not done since the last change.
    pub(super) fn list_chunks(&self) -> Result<Arc<HashMap<u64, Chunk>>> {
        let (shape, changes) = {
            let state = self.state();
            if let Some(listed) = &state.index.listed {
                return Ok(Arc::clone(listed));
            }
            (state.shape.clone(), state.index.changes)
        };
        let grid = self.grid(&shape);
        let mut listed = HashMap::new();
        let mut twice = false;
        dataset::visit_chunks(&self.id, |offset, chunk| {
            let position = offset.iter().zip(self.chunk_shape()).map(|(&at, &len)| at / len.max(1));
            // Chunks outside the array are left over from before it shrank.
            if let Some(number) = number(position, &grid) {
                twice |= listed.insert(number, chunk).is_some();
            }
            !twice
        })
        .map_err(|error| if twice { Error::invalid_data("a chunk is stored twice") } else { error })?;
        let listed = Arc::new(listed);
        self.state().index.keep(&listed, changes);
        Ok(listed)
    }

    /// Where a chunk is, `None` if it was never written.
    pub(super) fn chunk(&self, position: &[u64]) -> Result<Option<Chunk>> {
        let offset = self.first_element(position)?;
        let (listed, shape) = {
            let state = self.state();
            (state.index.listed.clone(), state.shape.clone())
        };
        match listed {
            Some(listed) => {
                let number = number(position.iter().copied(), &self.grid(&shape));
                Ok(number.and_then(|number| listed.get(&number).copied()))
            }
            None => dataset::chunk_at(&self.id, &offset),
        }
    }

    /// Whether a chunk stands where encoded bytes of this length are to go, and filters were skipped for it.
    ///
    /// The library keeps the mask of a chunk that is replaced by one of the same length.
    fn keeps_mask(&self, position: &[u64], len: usize) -> Result<bool> {
        if self.pipeline.is_empty() {
            return Ok(false);
        }
        let known = self.state().masks;
        let masks = match known {
            Some(masks) => masks,
            None => self.list_chunks()?.values().any(|chunk| chunk.mask != 0),
        };
        self.state().masks = Some(masks);
        Ok(masks && self.chunk(position)?.is_some_and(|chunk| chunk.mask != 0 && chunk.size == len as u64))
    }

    fn first_element(&self, position: &[u64]) -> Result<Vec<u64>> {
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
        let limits = self.store.options.limits;
        limits.with_max_unbacked(limits.max_unbacked.min(UNBACKED)).check(decoded, chunk.size)?;
        usize::try_from(chunk.size).map_err(|_| Error::limit_exceeded("a chunk does not fit into memory"))
    }
}

impl ChunkedStorage for Hdf5Array {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let Some(chunk) = self.chunk(chunk)? else { return Ok(None) };
        let size = self.check_chunk(chunk)?;
        self.store.raw.check(chunk.address, chunk.size)?;
        room(raw, size)?;
        self.store.raw.read_at(chunk.address, raw)?;
        Ok(Some(ChunkInfo::new(chunk.mask.into())))
    }

    /// The filters that were skipped come with the bytes, a bit each.
    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        let skipped = u32::try_from(info.get()).map_err(|_| Error::invalid_input("the mask of filters has 32 bits"))?;
        self.pipeline.decode(raw, skipped, chunk, scratch)?;
        self.fix().apply(chunk, self.stored.node.size().file);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        if self.fix() == crate::dtype::Fix::None {
            return self.pipeline.encode(chunk, raw, scratch);
        }
        let mut fixed = Vec::new();
        room(&mut fixed, chunk.len())?;
        fixed.copy_from_slice(chunk);
        self.fix().apply(&mut fixed, self.stored.node.size().file);
        self.pipeline.encode(&fixed, raw, scratch)
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        self.check_mode()?;
        if self.pipeline.is_empty() && raw.len() != self.chunk_bytes()? {
            return Err(Error::invalid_input(format!(
                "{} bytes are not a chunk of {}",
                raw.len(),
                self.chunk_bytes()?
            )));
        }
        let offset = self.first_element(chunk)?;
        let mut result = Ok(());
        if self.keeps_mask(chunk, raw.len())? {
            // Another length makes the library note the chunk, and its mask, anew.
            result = dataset::write_chunk(&self.id, &offset, &[raw, &[0]].concat());
        }
        let result = result.and_then(|()| dataset::write_chunk(&self.id, &offset, raw));
        self.state().index.forget();
        result
    }

    fn fill_value(&self) -> &[u8] {
        &self.fill
    }

    fn is_raw(&self) -> bool {
        self.pipeline.is_empty() && self.fix() == crate::dtype::Fix::None
    }
}
