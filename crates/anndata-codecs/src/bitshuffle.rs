//! Bitshuffle: the first bits of all elements, then the second ones, and so on, block by block; each block is then
//! compressed with LZ4 or Zstandard, or not.
//!
//! Compressed chunks begin with the bytes that they decode to (8) and those of a block (4); a compressed block with its
//! length (4); all big-endian. Blocks are of multiples of eight elements; what is left over is stored as it is.

use anndata_storage::{Error, Result};

use crate::buffer::{append, reserve, room};
use crate::fault::{damaged, damaged_by, too_large_for, wrong_length};
use crate::zstandard;

/// Elements that are shuffled together.
const EIGHT: usize = 8;
/// Bytes that a block has about, where its size is left open, and the fewest elements.
const TARGET: usize = 8192;
const FEWEST: usize = 128;
/// Bytes before the first block.
const HEADER: usize = 12;

/// The numbers that the HDF5 filter stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bitshuffle {
    /// Bytes of an element.
    pub size: usize,
    /// Elements of a block; 0 leaves it to the filter.
    pub block: usize,
    /// What is done to shuffled blocks.
    pub compression: BitshuffleInner,
}

/// What is done to shuffled blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitshuffleInner {
    /// Nothing.
    None,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd {
        /// Effort.
        level: i32,
    },
    /// One that is not known, by its number.
    Other(u32),
}

impl Bitshuffle {
    /// From the numbers of a file: two of a version, the bytes of an element, the elements of a block, the compression
    /// and its level.
    pub fn new(values: &[u32]) -> Self {
        let value = |position: usize| values.get(position).copied();
        // Fallback: a size of 0 is an error of every use, and a block of 0 is chosen from the size.
        let length = |position| value(position).and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        let compression = match value(4) {
            None | Some(0) => BitshuffleInner::None,
            Some(2) => BitshuffleInner::Lz4,
            Some(3) => BitshuffleInner::Zstd {
                // Fallback: decoding needs no level.
                level: value(5).and_then(|level| i32::try_from(level).ok()).unwrap_or(0).min(22),
            },
            Some(other) => BitshuffleInner::Other(other),
        };
        Self { size: length(2), block: length(3), compression }
    }

    fn block_elements(self) -> usize {
        if self.block > 0 { self.block } else { (TARGET / self.size.max(1) / EIGHT * EIGHT).max(FEWEST) }
    }

    fn check_sizes(self, len: usize, block: usize) -> Result<()> {
        if self.size == 0 || !len.is_multiple_of(self.size) || block == 0 || !block.is_multiple_of(EIGHT) {
            return Err(Error::invalid_data(format!(
                "bitshuffle of {len} bytes in elements of {} bytes and blocks of {block} elements",
                self.size
            )));
        }
        Ok(())
    }

    /// The bytes that a chunk of `stored` bytes says that it decodes to.
    pub(crate) fn declared_length(self, stored: &[u8]) -> Result<usize> {
        if self.compression == BitshuffleInner::None {
            return Ok(stored.len());
        }
        let len = stored.first_chunk::<8>().ok_or_else(|| damaged("bitshuffle"))?;
        usize::try_from(u64::from_be_bytes(*len)).map_err(|_| damaged("bitshuffle"))
    }
}

/// The lengths in bytes of the blocks of a chunk, and the bytes that are left over.
fn blocks(len: usize, size: usize, block: usize) -> (Vec<usize>, usize) {
    let elements = len / size;
    let last = elements % block / EIGHT * EIGHT;
    let mut blocks = vec![block * size; elements / block];
    blocks.extend((last > 0).then_some(last * size));
    (blocks, elements % EIGHT * size)
}

pub(crate) fn decode_into(stored: &[u8], options: Bitshuffle, chunk: &mut [u8]) -> Result<()> {
    let cut = || damaged("bitshuffle");
    let (block, mut stored) = if options.compression == BitshuffleInner::None {
        if stored.len() != chunk.len() {
            return Err(wrong_length(stored.len(), chunk.len()));
        }
        (options.block_elements(), stored)
    } else {
        let (total, rest) = stored.split_first_chunk::<8>().ok_or_else(cut)?;
        let (block, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let total = usize::try_from(u64::from_be_bytes(*total)).map_err(|_| cut())?;
        if total != chunk.len() {
            return Err(wrong_length(total, chunk.len()));
        }
        let block = usize::try_from(u32::from_be_bytes(*block)).map_err(|_| cut())?;
        // Fallback: a block of 0 is refused below.
        (block.checked_div(options.size).unwrap_or(0), rest)
    };
    options.check_sizes(chunk.len(), block)?;
    let (blocks, left) = blocks(chunk.len(), options.size, block);
    let mut remaining = chunk;
    let mut shuffled = Vec::new();
    for len in blocks {
        let (target, after) = remaining.split_at_mut_checked(len).ok_or_else(cut)?;
        remaining = after;
        if options.compression == BitshuffleInner::None {
            let (bytes, rest) = stored.split_at_checked(len).ok_or_else(cut)?;
            stored = rest;
            unshuffle(bytes, options.size, target);
            continue;
        }
        let (packed, rest) = stored.split_first_chunk::<4>().ok_or_else(cut)?;
        let packed = usize::try_from(u32::from_be_bytes(*packed)).map_err(|_| cut())?;
        let (packed, rest) = rest.split_at_checked(packed).ok_or_else(cut)?;
        stored = rest;
        room(&mut shuffled, len)?;
        match options.compression {
            BitshuffleInner::Lz4 => {
                let written =
                    lz4_flex::block::decompress_into(packed, &mut shuffled).map_err(damaged_by("bitshuffle"))?;
                if written != len {
                    return Err(wrong_length(written, len));
                }
            }
            BitshuffleInner::Zstd { .. } => zstandard::decode_into(packed, &mut shuffled)?,
            BitshuffleInner::None => {}
            BitshuffleInner::Other(number) => return Err(unknown(number)),
        }
        unshuffle(&shuffled, options.size, target);
    }
    let (bytes, rest) = stored.split_at_checked(left).ok_or_else(cut)?;
    if remaining.len() != left || !rest.is_empty() {
        return Err(cut());
    }
    remaining.copy_from_slice(bytes);
    Ok(())
}

pub(crate) fn encode(bytes: &[u8], options: Bitshuffle, out: &mut Vec<u8>) -> Result<()> {
    let block = options.block_elements();
    options.check_sizes(bytes.len(), block)?;
    let number = |len: usize| u32::try_from(len).map_err(|_| too_large_for("bitshuffle", bytes.len()));
    reserve(out, HEADER)?;
    if options.compression != BitshuffleInner::None {
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(&number(block * options.size)?.to_be_bytes());
    }
    let (blocks, left) = blocks(bytes.len(), options.size, block);
    let (mut rest, mut shuffled, mut packed) = (bytes, Vec::new(), Vec::new());
    for len in blocks {
        let (source, after) = rest.split_at(len.min(rest.len()));
        rest = after;
        room(&mut shuffled, source.len())?;
        shuffle(source, options.size, &mut shuffled);
        match options.compression {
            BitshuffleInner::None => {
                append(out, &shuffled)?;
                continue;
            }
            BitshuffleInner::Lz4 => packed = lz4_flex::block::compress(&shuffled),
            BitshuffleInner::Zstd { level } => zstandard::encode(&shuffled, level, false, &mut packed)?,
            BitshuffleInner::Other(number) => return Err(unknown(number)),
        }
        append(out, &number(packed.len())?.to_be_bytes())?;
        append(out, &packed)?;
    }
    debug_assert_eq!(rest.len(), left);
    append(out, rest)
}

fn unknown(number: u32) -> Error {
    Error::unsupported(format!(
        "bitshuffle with compression {number} is not supported; write the array anew with LZ4 (2) or Zstandard (3)"
    ))
}

/// The bytes of elements from their bits: a row of bits for each bit of an element.
fn unshuffle(shuffled: &[u8], size: usize, elements: &mut [u8]) {
    let row = (elements.len() / size / EIGHT).max(1);
    for (byte, rows) in shuffled.chunks_exact(row * EIGHT).enumerate() {
        for (column, group) in elements.chunks_exact_mut(EIGHT * size).enumerate() {
            let bits = transpose(gather(rows.iter().skip(column).step_by(row)));
            for (target, bits) in group.iter_mut().skip(byte).step_by(size).zip(bits) {
                *target = bits;
            }
        }
    }
}

fn shuffle(elements: &[u8], size: usize, shuffled: &mut [u8]) {
    let row = (elements.len() / size / EIGHT).max(1);
    for (byte, rows) in shuffled.chunks_exact_mut(row * EIGHT).enumerate() {
        for (column, group) in elements.chunks_exact(EIGHT * size).enumerate() {
            let bits = transpose(gather(group.iter().skip(byte).step_by(size)));
            for (target, bits) in rows.iter_mut().skip(column).step_by(row).zip(bits) {
                *target = bits;
            }
        }
    }
}

fn gather<'a>(bytes: impl Iterator<Item = &'a u8>) -> [u8; EIGHT] {
    let mut gathered = [0; EIGHT];
    for (target, byte) in gathered.iter_mut().zip(bytes) {
        *target = *byte;
    }
    gathered
}

/// Bit i of byte k becomes bit k of byte i.
fn transpose(bytes: [u8; EIGHT]) -> [u8; EIGHT] {
    let mut bits = u64::from_le_bytes(bytes);
    for (distance, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)] {
        let swap = (bits ^ bits >> distance) & mask;
        bits ^= swap ^ swap << distance;
    }
    bits.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_turned_as_defined() {
        assert_eq!(transpose([1, 0, 0, 0, 0, 0, 0, 0x80]), [1, 0, 0, 0, 0, 0, 0, 0x80]);
        assert_eq!(transpose([0xff, 0, 0, 0, 0, 0, 0, 0]), [1; 8]);
        let mut shuffled = [0; 16];
        shuffle(&[1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2], 2, &mut shuffled);
        assert_eq!(shuffled, [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn every_size_of_elements_and_blocks() -> Result<()> {
        for compression in [BitshuffleInner::None, BitshuffleInner::Lz4, BitshuffleInner::Zstd { level: 3 }] {
            for (size, block) in [(1, 0), (2, 8), (3, 16), (4, 0), (8, 24), (16, 8), (300, 0)] {
                for elements in [0, 1, 7, 8, 9, 24, 25, 130, 2000] {
                    let options = Bitshuffle { size, block, compression };
                    let bytes: Vec<u8> = (0..size * elements).map(|i| ((i * i) >> 5).to_le_bytes()[0]).collect();
                    let (mut stored, mut back) = (Vec::new(), vec![1; bytes.len()]);
                    encode(&bytes, options, &mut stored)?;
                    decode_into(&stored, options, &mut back)?;
                    assert_eq!(back, bytes, "{options:?}, {elements} elements");
                    let cut = stored.get(..stored.len().saturating_sub(1)).unwrap_or_default();
                    assert!(stored.is_empty() || decode_into(cut, options, &mut back).is_err());
                }
            }
        }
        Ok(())
    }
}
