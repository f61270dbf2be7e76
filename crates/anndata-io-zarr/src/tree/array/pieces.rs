//! Chunks, or shards where there are such, as the values of the store that they are.

use std::ops::Range;

use anndata_storage::{Error, PieceFormat, PieceState, Result, StoredPieces};

use super::Inner;
use crate::store::ByteRange;

impl StoredPieces for Inner {
    fn format(&self) -> Result<PieceFormat> {
        let (meta, pipeline) = (&self.meta, self.pipeline()?);
        let shard = meta.shard.as_ref();
        let shard = shard.map(|shard| (&meta.chunks, shard.index_at_end, shard.checksum, shard.little_endian));
        Ok(PieceFormat {
            grid: meta.grid.clone(),
            shape: meta.shard.as_ref().map_or(&meta.chunks, |shard| &shard.shape).clone(),
            // The version of the format does not matter: a pipeline says all that is done to values.
            encoding: format!("zarr: {:?} {shard:?} {} {:?}", meta.dtype, pipeline.says(), meta.fill),
            in_parts: self.shared.store.appends(),
        })
    }

    fn state(&self, position: &[u64]) -> Result<PieceState> {
        Ok(self.shared.store.size(&self.key(position))?.map_or(PieceState::Missing, PieceState::Stored))
    }

    fn read(&self, position: &[u64], range: Range<u64>, bytes: &mut Vec<u8>) -> Result<()> {
        let key = self.key(position);
        let len = range.end.saturating_sub(range.start);
        let part = ByteRange::Part { start: range.start, len };
        if self.shared.store.read(&key, part, len, bytes)? {
            return self.unchanged(Ok(()));
        }
        Err(self.unchanged(Ok(())).err().unwrap_or_else(|| Error::invalid_data(format!("'{key}' vanished"))))
    }

    fn write(&self, position: &[u64], start: u64, bytes: &[u8]) -> Result<()> {
        let key = self.key(position);
        self.check_writable()?;
        if start > 0 {
            self.shared.store.write_from(&key, start, bytes)
        } else {
            self.shared.forget_index(&key);
            self.shared.store.write(&key, bytes)
        }
    }
}
