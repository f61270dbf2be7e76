//! LZ4 blocks, in the frames of the two formats.
//!
//! - [numcodecs](Lz4Framing::Numcodecs): length of all data (4, little-endian), then one block.
//! - [HDF5](Lz4Framing::Hdf5), big-endian: length of all data (8), length of a block (4), then for each block its stored
//!   length (4) and its bytes. A block that did not shrink is stored as it is.

use anndata_storage::Result;
use lz4_flex::block::{compress, compress_into, decompress_into, get_maximum_output_size};

use crate::buffer::{append, reserve, room};
use crate::fault::{cannot_encode, damaged, damaged_by, too_large_for, wrong_length};

/// How LZ4 blocks are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lz4Framing {
    /// As numcodecs, and with it zarr, has it.
    Numcodecs,
    /// As the filter of HDF5 has it.
    Hdf5 {
        /// Bytes of a block; 0 leaves it to the filter.
        block: usize,
    },
}

/// The block length where none is asked for.
const DEFAULT_BLOCK: usize = 1 << 30;

fn cut() -> anndata_storage::Error {
    damaged("lz4")
}

/// The bytes that a frame says that it decodes to.
pub(crate) fn declared_length(stored: &[u8], framing: Lz4Framing) -> Result<usize> {
    let len = match framing {
        Lz4Framing::Numcodecs => u64::from(u32::from_le_bytes(*stored.first_chunk().ok_or_else(cut)?)),
        Lz4Framing::Hdf5 { .. } => u64::from_be_bytes(*stored.first_chunk().ok_or_else(cut)?),
    };
    usize::try_from(len).map_err(|_| cut())
}

pub(crate) fn decode_into(stored: &[u8], framing: Lz4Framing, out: &mut [u8]) -> Result<()> {
    let total = declared_length(stored, framing)?;
    if total != out.len() {
        return Err(wrong_length(total, out.len()));
    }
    match framing {
        Lz4Framing::Numcodecs => decode_block(stored.get(4..).ok_or_else(cut)?, out),
        Lz4Framing::Hdf5 { .. } => decode_blocks(stored.get(8..).ok_or_else(cut)?, out),
    }
}

fn decode_block(stored: &[u8], out: &mut [u8]) -> Result<()> {
    let written = decompress_into(stored, out).map_err(damaged_by("lz4"))?;
    if written == out.len() { Ok(()) } else { Err(wrong_length(written, out.len())) }
}

fn decode_blocks(stored: &[u8], out: &mut [u8]) -> Result<()> {
    let (block, mut stored) = stored.split_first_chunk::<4>().ok_or_else(cut)?;
    let block = usize::try_from(u32::from_be_bytes(*block)).map_err(|_| cut())?;
    if block == 0 {
        return Err(cut());
    }
    for target in out.chunks_mut(block) {
        let (len, rest) = stored.split_first_chunk::<4>().ok_or_else(cut)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| cut())?;
        let (bytes, rest) = rest.split_at_checked(len).ok_or_else(cut)?;
        stored = rest;
        if len == target.len() {
            target.copy_from_slice(bytes);
        } else {
            decode_block(bytes, target)?;
        }
    }
    Ok(())
}

pub(crate) fn encode(bytes: &[u8], framing: Lz4Framing, out: &mut Vec<u8>) -> Result<()> {
    let number = |len: usize| u32::try_from(len).map_err(|_| too_large_for("lz4", bytes.len()));
    match framing {
        Lz4Framing::Numcodecs => {
            room(out, 4 + get_maximum_output_size(bytes.len()))?;
            let (head, body) = out.split_at_mut(4);
            head.copy_from_slice(&number(bytes.len())?.to_le_bytes());
            let packed = compress_into(bytes, body).map_err(cannot_encode("lz4"))?;
            out.truncate(4 + packed);
        }
        Lz4Framing::Hdf5 { block } => {
            let block = if block == 0 { DEFAULT_BLOCK } else { block }.min(bytes.len()).max(1);
            reserve(out, 12)?;
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(&number(block)?.to_be_bytes());
            for piece in bytes.chunks(block) {
                let packed = compress(piece);
                let stored = if packed.len() < piece.len() { &packed } else { piece };
                append(out, &number(stored.len())?.to_be_bytes())?;
                append(out, stored)?;
            }
        }
    }
    Ok(())
}
