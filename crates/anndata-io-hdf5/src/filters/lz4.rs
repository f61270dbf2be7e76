//! LZ4 as its HDF5 filter frames it, big-endian: length of all data (8), length of a block (4), then for each block its
//! stored length (4) and its bytes. A block that did not shrink is stored as it is.

use anndata_storage::{Error, Result};

use super::{corrupt, wrong_len};

/// The block length where none is asked for.
const DEFAULT_BLOCK: usize = 1 << 30;

pub(super) fn decode(stored: &[u8], chunk: &mut [u8]) -> Result<()> {
    let cut = || corrupt("LZ4");
    let (total, stored) = stored.split_first_chunk::<8>().ok_or_else(cut)?;
    let (block, mut stored) = stored.split_first_chunk::<4>().ok_or_else(cut)?;
    let total = usize::try_from(u64::from_be_bytes(*total)).unwrap_or(usize::MAX);
    if total != chunk.len() {
        return Err(wrong_len(total, chunk.len()));
    }
    let block = usize::try_from(u32::from_be_bytes(*block)).unwrap_or(0);
    if block == 0 {
        return Err(cut());
    }
    for place in chunk.chunks_mut(block) {
        let (len, rest) = stored.split_first_chunk::<4>().ok_or_else(cut)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        let (bytes, rest) = rest.split_at_checked(len).ok_or_else(cut)?;
        stored = rest;
        if len == place.len() {
            place.copy_from_slice(bytes);
            continue;
        }
        let written = lz4_flex::block::decompress_into(bytes, place).map_err(|error| cut().with_source(error))?;
        if written != place.len() {
            return Err(wrong_len(written, place.len()));
        }
    }
    Ok(())
}

pub(super) fn encode(bytes: &[u8], block: usize, out: &mut Vec<u8>) -> Result<()> {
    let block = if block == 0 { DEFAULT_BLOCK } else { block }.min(bytes.len()).max(1);
    let number = |len: usize| u32::try_from(len).map_err(|_| Error::unsupported("the chunk is too large for LZ4"));
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(&number(block)?.to_be_bytes());
    for piece in bytes.chunks(block) {
        let packed = lz4_flex::block::compress(piece);
        let stored = if packed.len() < piece.len() { &packed } else { piece };
        out.extend_from_slice(&number(stored.len())?.to_be_bytes());
        out.extend_from_slice(stored);
    }
    Ok(())
}
