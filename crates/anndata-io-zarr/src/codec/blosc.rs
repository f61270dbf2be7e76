//! The codec blosc: its C library, through the functions without global state.

use std::ffi::{CString, c_int};

use anndata_storage::{Error, Result};

use crate::codec::damaged;
use crate::store::resize;

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
    let unknown = || Error::unsupported(format!("blosc has no compressor '{compressor}'"));
    let name = CString::new(compressor).map_err(|_| unknown())?;
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
        _ => Err(unknown()),
    }
}
