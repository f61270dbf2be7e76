//! Deflate with miniz_oxide, which is safe Rust and takes about twice as long as libdeflate.

use anndata_storage::Result;
use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{self, DecompressorOxide};

use super::{Fault, Wrapping};
use crate::buffer::append;
use crate::fault::damaged;

/// Decodes a stream into a buffer, and says how long it is.
pub(super) fn decompress(stored: &[u8], wrapping: Wrapping, out: &mut [u8]) -> Result<usize, Fault> {
    match wrapping {
        Wrapping::None => decode(stored, 0, out).map(|(_, written)| written),
        Wrapping::Zlib => decode(stored, TINFL_FLAG_PARSE_ZLIB_HEADER, out).map(|(_, written)| written),
        Wrapping::Gzip => {
            let stream = after_head(stored).ok_or_else(|| fault("the head of a gzip file is not whole"))?;
            let (read, written) = decode(stream, 0, out)?;
            let tail = stream.get(read..).and_then(<[u8]>::first_chunk::<8>);
            let [sum @ .., l0, l1, l2, l3] = tail.ok_or_else(|| fault("the end is missing"))?;
            let bytes = out.get(..written).unwrap_or_default();
            // The length is kept in 32 bits, whatever it is.
            let len = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
            if crc32fast::hash(bytes).to_le_bytes() != *sum || written as u64 & 0xffff_ffff != u64::from(len) {
                return Err(fault("the checksum is wrong"));
            }
            Ok(written)
        }
    }
}

/// Decodes a stream, and says how many bytes were read and written.
fn decode(stored: &[u8], flags: u32, out: &mut [u8]) -> Result<(usize, usize), Fault> {
    let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    match core::decompress(&mut DecompressorOxide::new(), stored, out, 0, flags) {
        (TINFLStatus::Done, read, written) => Ok((read, written)),
        (TINFLStatus::HasMoreOutput, ..) => Err(Fault::TooLong),
        (TINFLStatus::Adler32Mismatch, ..) => Err(fault("the checksum is wrong")),
        (status, ..) => Err(fault(&format!("it cannot be decoded ({status:?})"))),
    }
}

fn fault(why: &str) -> Fault {
    Fault::Damaged(damaged("deflate").with_source(why.to_owned()))
}

/// What follows the head of a gzip file (RFC 1952).
fn after_head(stored: &[u8]) -> Option<&[u8]> {
    let ([0x1f, 0x8b, 8, flags, _, _, _, _, _, _], mut rest) = stored.split_first_chunk::<10>()? else { return None };
    if flags & 4 != 0 {
        let (len, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    // A name and a comment, which end with a NUL.
    for text in [8, 16] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & 2 != 0 { rest.get(2..) } else { Some(rest) }
}

/// Encodes bytes.
pub(super) fn compress(bytes: &[u8], wrapping: Wrapping, level: u8, out: &mut Vec<u8>) -> Result<()> {
    match wrapping {
        Wrapping::None => *out = compress_to_vec(bytes, level),
        Wrapping::Zlib => *out = compress_to_vec_zlib(bytes, level),
        Wrapping::Gzip => {
            out.clear();
            append(out, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
            append(out, &compress_to_vec(bytes, level))?;
            append(out, &crc32fast::hash(bytes).to_le_bytes())?;
            let [l0, l1, l2, l3, ..] = (bytes.len() as u64).to_le_bytes();
            append(out, &[l0, l1, l2, l3])?;
        }
    }
    Ok(())
}
