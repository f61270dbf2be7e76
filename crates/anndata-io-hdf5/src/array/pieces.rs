//! Chunks as the bytes of the file that they are.

use std::ops::Range;

use anndata_storage::chunked::RawChunk;
use anndata_storage::{ChunkedStorage, Error, OrBug, PieceFormat, PieceState, Result, StoredPieces};

use super::Hdf5Array;

impl StoredPieces for Hdf5Array {
    fn format(&self) -> Result<PieceFormat> {
        Ok(self.plan.piece_format())
    }

    /// A chunk for which filters were skipped is not what its bytes alone say.
    fn state(&self, position: &[u64]) -> Result<PieceState> {
        self.store.settle()?;
        self.list_chunks()?;
        let state = self.chunk(position).map(|chunk| match chunk {
            None => PieceState::Missing,
            Some(chunk) if chunk.mask == 0 => PieceState::Stored(chunk.size),
            Some(_) => PieceState::Odd,
        });
        self.store.unchanged(state)
    }

    fn read(&self, position: &[u64], range: Range<u64>, bytes: &mut Vec<u8>) -> Result<()> {
        let found = self.store.unchanged(self.read_raw(position, bytes))?;
        found.ok_or_else(|| Error::invalid_data("a chunk vanished while it was copied"))?;
        let place = |at: u64| usize::try_from(at).or_bug("a position beyond what memory can hold");
        bytes.truncate(place(range.end)?);
        bytes.drain(..place(range.start)?.min(bytes.len()));
        Ok(())
    }

    fn write(&self, position: &[u64], start: u64, bytes: &[u8]) -> Result<()> {
        if start > 0 {
            return Err(Error::bug("a chunk is written as a whole"));
        }
        self.check_writable()?;
        self.write_raw(position, bytes)
    }

    fn write_all(&self, pieces: &[RawChunk<'_>]) -> Result<()> {
        self.check_writable()?;
        self.write_raw_all(pieces)
    }
}
