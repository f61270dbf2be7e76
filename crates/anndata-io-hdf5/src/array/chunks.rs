//! The chunks of an array that the library has open.

use std::io::IoSlice;
use std::sync::Arc;

use anndata_storage::chunked::{RawChunk, at_chunk};
use anndata_storage::{ChunkInfo, ChunkedStorage, Error, Result};

use super::Hdf5Array;
use crate::plan::{Chunk, Chunks, number};
use crate::raw::dataset;

impl Hdf5Array {
    /// Lists the chunks, where that was not done since the last change.
    pub(super) fn list_chunks(&self) -> Result<Arc<Chunks>> {
        let (shape, changes) = {
            let state = self.state();
            if let Some(listed) = &state.index.listed {
                return Ok(Arc::clone(listed));
            }
            (state.shape.clone(), state.index.changes)
        };
        let grid = self.plan.grid(&shape);
        let mut listed = Chunks::new();
        let mut twice = false;
        dataset::visit_chunks(&self.id, |offset, chunk| {
            let position = offset.iter().zip(self.plan.chunk_shape()).map(|(&at, &len)| at / len.max(1));
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
        let offset = self.plan.first_element(position)?;
        let (listed, shape) = {
            let state = self.state();
            (state.index.listed.clone(), state.shape.clone())
        };
        match listed {
            Some(listed) => {
                let number = number(position.iter().copied(), &self.plan.grid(&shape));
                Ok(number.and_then(|number| listed.get(&number).copied()))
            }
            None => dataset::chunk_at(&self.id, &offset),
        }
    }

    /// Has the library give a chunk of these encoded bytes a place in the file, which they are to be written to; `None` if they are
    /// there.
    fn place(&self, position: &[u64], raw: &[u8]) -> Result<Option<u64>> {
        if self.plan.pipeline.is_empty() && raw.len() != self.plan.chunk_bytes()? {
            let wanted = self.plan.chunk_bytes()?;
            return Err(Error::invalid_input(format!("{} bytes are not a chunk of {wanted}", raw.len())));
        }
        let offset = self.plan.first_element(position)?;
        if self.keeps_mask(position, raw.len())? {
            // Another length makes the library note the chunk, and its mask, anew.
            dataset::place_chunk(&self.id, &offset, &[raw, &[0]].concat())?;
        }
        dataset::place_chunk(&self.id, &offset, raw)
    }

    /// Whether a chunk stands where encoded bytes of this length are to go, and filters were skipped for it.
    ///
    /// The library keeps the mask of a chunk that is replaced by one of the same length.
    fn keeps_mask(&self, position: &[u64], len: usize) -> Result<bool> {
        if self.plan.pipeline.is_empty() {
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
}

/// A chunk that has a place in the file.
struct Placed<'a> {
    position: &'a [u64],
    at: u64,
    raw: &'a [u8],
}

impl Placed<'_> {
    /// Whether another begins where this one ends.
    fn is_followed_by(&self, other: &Self) -> bool {
        self.at.checked_add(self.raw.len() as u64) == Some(other.at)
    }
}

impl ChunkedStorage for Hdf5Array {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let Some(chunk) = self.chunk(chunk)? else { return Ok(None) };
        self.plan.read_chunk(chunk, raw).map(Some)
    }

    fn read_part(&self, chunk: &[u64], start: usize, values: &mut [u8]) -> Result<bool> {
        self.chunk(chunk)?.map_or(Ok(false), |chunk| self.plan.read_part(chunk, start, values))
    }

    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        self.plan.decode(raw, info, chunk, scratch)
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        self.plan.encode(chunk, raw, scratch)
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        self.check_mode()?;
        let placed = self.place(chunk, raw);
        self.state().index.forget();
        placed?.map_or(Ok(()), |at| self.plan.file.write_at(at, raw))
    }

    /// The library gives chunks their places; those that follow each other in the file are written in one piece.
    fn write_raw_all(&self, chunks: &[RawChunk<'_>]) -> Result<()> {
        self.check_mode()?;
        let mut placed: Vec<Placed> = Vec::with_capacity(chunks.len());
        let result = chunks.iter().try_for_each(|&(position, raw)| {
            let at = self.place(position, raw).map_err(|error| at_chunk(position, error))?;
            placed.extend(at.map(|at| Placed { position, at, raw }));
            Ok(())
        });
        self.state().index.forget();
        // Those that have a place are written in any case: it holds what was there before.
        let written = placed.chunk_by(Placed::is_followed_by).try_for_each(|run| {
            let [first, ..] = run else { return Ok(()) };
            let mut pieces: Vec<IoSlice> = run.iter().map(|chunk| IoSlice::new(chunk.raw)).collect();
            self.plan.file.write_pieces_at(first.at, &mut pieces).map_err(|error| at_chunk(first.position, error))
        });
        result.and(written)
    }

    fn fill_value(&self) -> &[u8] {
        &self.plan.fill
    }

    fn is_raw(&self) -> bool {
        self.plan.is_raw()
    }
}
