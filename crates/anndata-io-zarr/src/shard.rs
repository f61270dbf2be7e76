//! The index of a shard: where in the file each of its chunks is.
//!
//! Layout: for every chunk of the shard, in C order, offset and length as 8 bytes each, all ones for a chunk that was never
//! written; then, usually, a CRC-32C of that. It stands at the end or the start of the file.

use anndata_codecs::Checksum;
use anndata_storage::{Error, OrBug, Result};

use crate::store::ByteRange;

const MISSING: u64 = u64::MAX;

/// How chunks are put together in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardMeta {
    /// The shape of a shard, a multiple of the shape of a chunk.
    pub(crate) shape: Vec<u64>,
    /// Whether the index stands at the end (otherwise at the start).
    pub(crate) index_at_end: bool,
    /// Whether a checksum follows the index.
    pub(crate) checksum: bool,
    /// Whether the numbers of the index are little-endian.
    pub(crate) little_endian: bool,
}

/// Where the chunks of a shard are: `(offset, length)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardIndex(Vec<(u64, u64)>);

impl ShardIndex {
    /// The index of a shard without chunks.
    pub(crate) fn empty(count: usize) -> Result<Self> {
        let mut entries = Vec::new();
        entries
            .try_reserve_exact(count)
            .map_err(|_| Error::limit_exceeded(format!("an index of {count} chunks does not fit into memory")))?;
        entries.resize(count, (MISSING, MISSING));
        Ok(Self(entries))
    }

    /// Offset and length of a chunk, `None` if it was never written.
    pub(crate) fn get(&self, slot: usize) -> Result<Option<(u64, u64)>> {
        let &entry = self.0.get(slot).or_bug("a chunk that its shard has no place for")?;
        Ok(Some(entry).filter(|&entry| entry != (MISSING, MISSING)))
    }

    /// Notes where a chunk is.
    pub(crate) fn set(&mut self, slot: usize, offset: u64, len: u64) -> Result<()> {
        *self.0.get_mut(slot).or_bug("a chunk that its shard has no place for")? = (offset, len);
        Ok(())
    }

    /// Reads an index of `count` chunks.
    pub(crate) fn parse(bytes: &[u8], meta: &ShardMeta, count: usize) -> Result<Self> {
        let (words, rest) = if meta.checksum { Checksum::CRC32C.verify(bytes)? } else { bytes }.as_chunks::<8>();
        let (entries, odd) = words.as_chunks::<2>();
        if entries.len() != count || !rest.is_empty() || !odd.is_empty() {
            let message =
                format!("the index of a shard has {} bytes, but {count} chunks take more or fewer", bytes.len());
            return Err(Error::invalid_data(message));
        }
        let number = |&bytes: &[u8; 8]| {
            if meta.little_endian { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) }
        };
        Ok(Self(entries.iter().map(|[offset, len]| (number(offset), number(len))).collect()))
    }

    /// The stored form.
    pub(crate) fn to_bytes(&self, meta: &ShardMeta) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 16 + 4);
        for number in self.0.iter().flat_map(|&(offset, len)| [offset, len]) {
            bytes.extend_from_slice(&if meta.little_endian { number.to_le_bytes() } else { number.to_be_bytes() });
        }
        if meta.checksum {
            bytes.extend_from_slice(&Checksum::CRC32C.of(&bytes));
        }
        bytes
    }
}

impl ShardMeta {
    /// The bytes that the index of `count` chunks takes.
    pub(crate) fn index_len(&self, count: usize) -> u64 {
        // There are at most 2^28 chunks.
        (count as u64).saturating_mul(16).saturating_add(if self.checksum { 4 } else { 0 })
    }

    /// Where the index is in its file.
    pub(crate) fn index_range(&self, count: usize) -> ByteRange {
        let len = self.index_len(count);
        if self.index_at_end { ByteRange::Last(len) } else { ByteRange::Part { start: 0, len } }
    }

    /// The chunks of a shard along each axis.
    fn chunks_along<'a>(&'a self, chunks: &'a [u64]) -> impl Iterator<Item = u64> + 'a {
        self.shape.iter().zip(chunks).map(|(&shard, &chunk)| (shard / chunk.max(1)).max(1))
    }

    /// Refuses chunks that do not fill a shard.
    pub(crate) fn check(&self, chunks: &[u64]) -> Result<()> {
        let fit = self.shape.len() == chunks.len()
            && self.shape.iter().zip(chunks).all(|(shard, chunk)| shard.checked_rem(*chunk) == Some(0));
        if fit {
            return Ok(());
        }
        Err(Error::invalid_data(format!("a shard of {:?} is not a multiple of its chunks of {chunks:?}", self.shape)))
    }

    /// The number of chunks of a shard.
    pub(crate) fn count(&self, chunks: &[u64]) -> Result<usize> {
        let count = self.chunks_along(chunks).try_fold(1_u64, u64::checked_mul);
        count
            .and_then(|count| usize::try_from(count).ok())
            .filter(|&count| count <= 1 << 28)
            .ok_or_else(|| Error::limit_exceeded(format!("a shard of {:?} has too many chunks", self.shape)))
    }

    /// The shard that holds a chunk, and the position of the chunk in its index.
    pub(crate) fn locate(&self, chunks: &[u64], chunk: &[u64]) -> (Vec<u64>, usize) {
        let mut slot = 0_u64;
        let mut shard = Vec::with_capacity(chunk.len());
        for (&position, count) in chunk.iter().zip(self.chunks_along(chunks)) {
            shard.push(position / count);
            slot = slot.saturating_mul(count).saturating_add(position % count);
        }
        // Fallback: a position beyond the numbers is in no index, which `get` and `set` report.
        (shard, usize::try_from(slot).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_goes_there_and_back() -> Result<()> {
        for (checksum, little_endian) in [(true, true), (false, true), (true, false)] {
            let meta = ShardMeta { shape: vec![4], index_at_end: true, checksum, little_endian };
            let mut index = ShardIndex::empty(2)?;
            index.set(1, 7, 9)?;
            let bytes = index.to_bytes(&meta);
            assert_eq!(bytes.len() as u64, meta.index_len(2));
            assert_eq!(ShardIndex::parse(&bytes, &meta, 2)?, index);
            assert_eq!((index.get(0)?, index.get(1)?), (None, Some((7, 9))));
            for count in [1, 3] {
                let error = ShardIndex::parse(&bytes, &meta, count).unwrap_err();
                assert!(error.is_invalid_data() && error.message().contains(&format!("{count} chunks")), "{error}");
            }
            let beyond = [index.get(2).unwrap_err(), index.set(2, 1, 1).unwrap_err()];
            assert!(
                beyond.iter().all(|error| error.is_bug() && error.message().contains("no place for")),
                "{beyond:?}"
            );
        }
        Ok(())
    }

    #[test]
    fn a_damaged_index_is_an_error() -> Result<()> {
        let meta = ShardMeta { shape: vec![4], index_at_end: true, checksum: true, little_endian: true };
        let mut bytes = ShardIndex::empty(2)?.to_bytes(&meta);
        bytes[3] ^= 1;
        assert!(ShardIndex::parse(&bytes, &meta, 2).is_err_and(|error| error.is_invalid_data()));
        Ok(())
    }
}
