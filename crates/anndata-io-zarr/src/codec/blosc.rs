//! The codec blosc: its C library, through the functions without global state.

use std::ffi::{CString, c_int};

use anndata_storage::{Error, Result};

use crate::codec::damaged;
use crate::store::resize;

/// The number in the header of a container of the compressor that is not part of this build.
const SNAPPY: u8 = 2;

/// The flag in the header that says that the values are not packed.
const COPIED: u8 = 2;

/// Refuses what this build cannot unpack. The third byte of the header holds the compressor and flags.
fn check_compressor(raw: &[u8]) -> Result<()> {
    match raw.get(2) {
        Some(flags) if flags >> 5 == SNAPPY && flags & COPIED == 0 => {
            Err(Error::unsupported("the chunk is packed by snappy within blosc, which this build does not have"))
        }
        _ => Ok(()),
    }
}

pub(super) fn decoded_len(raw: &[u8]) -> Result<usize> {
    let mut len = 0;
    // SAFETY: pointer and length are those of one slice; `len` outlives the call.
    let status = unsafe { blosc_src::blosc_cbuffer_validate(raw.as_ptr().cast(), raw.len(), &raw mut len) };
    if status == 0 { Ok(len) } else { Err(damaged("blosc")) }
}

pub(super) fn decode_into(raw: &[u8], out: &mut [u8]) -> Result<usize> {
    let len = decoded_len(raw)?;
    if len != out.len() || len == 0 {
        return Ok(len);
    }
    check_compressor(raw)?;
    // SAFETY: the header was validated against the length of `raw`, so that the library does not read past it; it
    // writes at most `out.len()` bytes.
    let filled = unsafe { blosc_src::blosc_decompress_ctx(raw.as_ptr().cast(), out.as_mut_ptr().cast(), out.len(), 1) };
    usize::try_from(filled).ok().filter(|&filled| filled > 0).ok_or_else(|| damaged("blosc"))
}

pub(super) fn encode(
    bytes: &[u8],
    out: &mut Vec<u8>,
    compressor: &str,
    level: u8,
    shuffle: u8,
    type_size: usize,
    block_size: usize,
) -> Result<()> {
    let cannot = || {
        let len = bytes.len();
        Error::unsupported(format!("blosc cannot pack {len} bytes by the compressor '{compressor}' at level {level}"))
    };
    let name = CString::new(compressor).map_err(|_| cannot())?;
    // The library divides by the size of an element, which it holds in a byte, and takes 0 as a size of blocks of its choice.
    let type_size = if (1..=255).contains(&type_size) { type_size } else { 1 };
    let block_size = if block_size <= bytes.len() { block_size } else { 0 };
    let overhead = usize::try_from(blosc_src::BLOSC_MAX_OVERHEAD).unwrap_or(16);
    resize(out, bytes.len() + overhead)?;
    // SAFETY: pointers and lengths are those of two distinct slices; `name` ends with NUL and outlives the call.
    let written = unsafe {
        blosc_src::blosc_compress_ctx(
            c_int::from(level),
            c_int::from(shuffle),
            type_size,
            bytes.len(),
            bytes.as_ptr().cast(),
            out.as_mut_ptr().cast(),
            out.len(),
            name.as_ptr(),
            block_size,
            1,
        )
    };
    match usize::try_from(written) {
        Ok(written) if written > 0 => {
            out.truncate(written);
            Ok(())
        }
        _ => Err(cannot()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(type_size: usize, block_size: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        encode(&[7; 5000], &mut out, "lz4", 5, 1, type_size, block_size)?;
        Ok(out)
    }

    #[test]
    fn sizes_that_a_file_says_do_no_harm() -> Result<()> {
        for type_size in [0, 1, 4, 255, 256, (1 << 31) + 1, (1 << 32) - 1, 1 << 32, usize::MAX] {
            for block_size in [0, 1, 4096, 1 << 31, usize::MAX] {
                let mut back = vec![0; 5000];
                assert_eq!(decode_into(&packed(type_size, block_size)?, &mut back)?, 5000);
                assert_eq!(back, [7; 5000], "{type_size} {block_size}");
            }
        }
        Ok(())
    }

    #[test]
    fn snappy_is_not_supported_and_damage_is_damage() -> Result<()> {
        let mut raw = packed(4, 0)?;
        raw[2] = (raw[2] & 0x1f) | (SNAPPY << 5);
        let error = decode_into(&raw, &mut [0; 5000]).unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains("snappy"), "{error}");
        raw[0] = 200;
        assert!(decode_into(&raw, &mut [0; 5000]).is_err_and(|error| error.is_invalid_data()));
        assert!(encode(&[7; 50], &mut Vec::new(), "lz4", 200, 1, 1, 0).is_err_and(|error| error.is_unsupported()));
        Ok(())
    }
}
