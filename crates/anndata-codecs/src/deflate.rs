//! Deflate in a zlib stream or a gzip file, with libdeflate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anndata_storage::{Error, Result};
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

use crate::buffer::room;
use crate::fault::{cannot_encode, damaged_by, too_large, wrong_length};

thread_local! {
    // Making either costs as much as a small chunk: each thread keeps its own.
    static DECODER: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static ENCODERS: RefCell<HashMap<u8, Compressor>> = RefCell::new(HashMap::new());
}

pub(crate) fn decode_zlib(stored: &[u8], out: &mut [u8]) -> Result<()> {
    exactly(DECODER.with_borrow_mut(|decoder| decoder.zlib_decompress(stored, out)), out.len())
}

pub(crate) fn decode_gzip(stored: &[u8], out: &mut [u8]) -> Result<()> {
    exactly(DECODER.with_borrow_mut(|decoder| decoder.gzip_decompress(stored, out)), out.len())
}

fn exactly(decoded: Result<usize, DecompressionError>, len: usize) -> Result<()> {
    match decoded.map_err(damaged_by("deflate"))? {
        written if written == len => Ok(()),
        written => Err(wrong_length(written, len)),
    }
}

/// A deflate stream does not say how long it becomes: tries ever larger buffers.
pub(crate) fn decode(stored: &[u8], is_gzip: bool, max: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut len = stored.len().saturating_mul(4).clamp((1 << 10).min(max), max);
    loop {
        room(out, len)?;
        let decoded = DECODER.with_borrow_mut(|decoder| {
            if is_gzip { decoder.gzip_decompress(stored, out) } else { decoder.zlib_decompress(stored, out) }
        });
        match decoded {
            Ok(written) => {
                out.truncate(written);
                return Ok(());
            }
            Err(DecompressionError::InsufficientSpace) if len < max => len = len.saturating_mul(4).clamp(1, max),
            Err(DecompressionError::InsufficientSpace) => return Err(too_large(len.saturating_add(1), max)),
            Err(error) => return Err(damaged_by("deflate")(error)),
        }
    }
}

/// Levels are those of zlib; libdeflate's are comparable.
pub(crate) fn encode_zlib(bytes: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
    encode(
        level,
        out,
        |encoder| encoder.zlib_compress_bound(bytes.len()),
        |encoder, out| encoder.zlib_compress(bytes, out),
    )
}

pub(crate) fn encode_gzip(bytes: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
    encode(
        level,
        out,
        |encoder| encoder.gzip_compress_bound(bytes.len()),
        |encoder, out| encoder.gzip_compress(bytes, out),
    )
}

fn encode(
    level: u8,
    out: &mut Vec<u8>,
    bound: impl FnOnce(&mut Compressor) -> usize,
    compress: impl FnOnce(&mut Compressor, &mut [u8]) -> Result<usize, libdeflater::CompressionError>,
) -> Result<()> {
    ENCODERS.with_borrow_mut(|encoders| {
        let encoder = match encoders.entry(level) {
            Entry::Occupied(encoder) => encoder.into_mut(),
            Entry::Vacant(free) => {
                let level = CompressionLvl::new(i32::from(level))
                    .map_err(|_| Error::invalid_input(format!("deflate has no level {level}: levels are 0 to 9")))?;
                free.insert(Compressor::new(level))
            }
        };
        let bound = bound(encoder);
        room(out, bound)?;
        let written = compress(encoder, out).map_err(cannot_encode("deflate"))?;
        out.truncate(written);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_there_is_not_is_an_error() {
        let error = encode_zlib(&[1], 200, &mut Vec::new()).unwrap_err();
        assert!(error.is_invalid_input() && error.message().starts_with("deflate has no level 200"), "{error}");
    }

    #[test]
    fn what_grows_a_thousandfold_is_found_and_bounded() -> Result<()> {
        let (mut stored, mut out) = (Vec::new(), Vec::new());
        encode_gzip(&vec![0; 100_000], 6, &mut stored)?;
        decode(&stored, true, 100_000, &mut out)?;
        assert_eq!(out, vec![0; 100_000]);
        assert!(decode(&stored, true, 99_999, &mut out).is_err_and(|error| error.is_limit_exceeded()));
        assert!(decode(&stored, true, 0, &mut out).is_err_and(|error| error.is_limit_exceeded()));
        Ok(())
    }
}
