//! Blosc (version 1), through its C library, in contexts of its own so that threads do not wait for each other.

use std::ffi::c_int;

use anndata_storage::{Error, Result};
use blosc_src::{
    BLOSC_MAX_BUFFERSIZE, BLOSC_MAX_OVERHEAD, blosc_cbuffer_validate, blosc_compress_ctx, blosc_decompress_ctx,
};

use super::{BloscOptions, corrupt, room, wrong_len};

/// The number of bytes that a buffer decodes to.
pub(super) fn decoded_len(stored: &[u8]) -> Result<usize> {
    let mut len = 0;
    let header = BLOSC_MAX_OVERHEAD as usize;
    // SAFETY: the pointer and length are those of a live slice, which holds at least a header.
    let valid = stored.len() >= header
        && unsafe { blosc_cbuffer_validate(stored.as_ptr().cast(), stored.len(), &raw mut len) } == 0;
    if valid { Ok(len) } else { Err(corrupt("blosc")) }
}

/// Whether the bytes are compressed with snappy, which is not compiled in. Sound data must not be called corrupt.
fn is_snappy(stored: &[u8]) -> bool {
    const COPIED: u8 = 2;
    const SNAPPY: u8 = 2;
    stored.get(2).is_some_and(|flags| flags & COPIED == 0 && flags >> 5 == SNAPPY)
}

pub(super) fn decode(stored: &[u8], chunk: &mut [u8]) -> Result<()> {
    let len = decoded_len(stored)?;
    if is_snappy(stored) {
        return Err(Error::unsupported(
            "blosc with the compressor snappy is not supported; write the array anew with another, as lz4 or zstd",
        ));
    }
    if len != chunk.len() {
        return Err(wrong_len(len, chunk.len()));
    }
    // SAFETY: the buffer was validated, and the destination is of the length that is told.
    let written = unsafe { blosc_decompress_ctx(stored.as_ptr().cast(), chunk.as_mut_ptr().cast(), chunk.len(), 1) };
    if usize::try_from(written) == Ok(chunk.len()) { Ok(()) } else { Err(corrupt("blosc")) }
}

pub(super) fn encode(bytes: &[u8], options: BloscOptions, out: &mut Vec<u8>) -> Result<()> {
    if bytes.len() > BLOSC_MAX_BUFFERSIZE as usize {
        return Err(Error::unsupported("the chunk is too large for blosc"));
    }
    let compressor = match options.compressor {
        0 => c"blosclz",
        1 => c"lz4",
        2 => c"lz4hc",
        4 => c"zlib",
        5 => c"zstd",
        _ => return Err(Error::unsupported("this compressor of blosc is not supported")),
    };
    room(out, bytes.len() + BLOSC_MAX_OVERHEAD as usize)?;
    // SAFETY: pointers and lengths are those of live slices; the name is a C string.
    let written = unsafe {
        blosc_compress_ctx(
            c_int::from(options.level),
            c_int::from(options.shuffle),
            options.size,
            bytes.len(),
            bytes.as_ptr().cast(),
            out.as_mut_ptr().cast(),
            out.len(),
            compressor.as_ptr(),
            0,
            1,
        )
    };
    match usize::try_from(written) {
        Ok(written) if written > 0 => {
            out.truncate(written);
            Ok(())
        }
        _ => Err(Error::io("blosc cannot compress a chunk")),
    }
}
