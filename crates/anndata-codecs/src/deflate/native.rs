//! Deflate with libdeflate, which is written in C.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anndata_storage::{Error, Result};
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

use super::{Fault, Wrapping};
use crate::buffer::room;
use crate::fault::{cannot_encode, damaged_by};

thread_local! {
    // Making either costs as much as a small chunk: each thread keeps its own.
    static DECODER: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static ENCODERS: RefCell<HashMap<u8, Compressor>> = RefCell::new(HashMap::new());
}

/// Decodes a stream into a buffer, and says how long it is.
pub(super) fn decompress(stored: &[u8], wrapping: Wrapping, out: &mut [u8]) -> Result<usize, Fault> {
    let decoded = DECODER.with_borrow_mut(|decoder| match wrapping {
        Wrapping::None => decoder.deflate_decompress(stored, out),
        Wrapping::Zlib => decoder.zlib_decompress(stored, out),
        Wrapping::Gzip => decoder.gzip_decompress(stored, out),
    });
    decoded.map_err(|error| match error {
        DecompressionError::InsufficientSpace => Fault::TooLong,
        error @ DecompressionError::BadData => Fault::Damaged(damaged_by("deflate")(error)),
    })
}

/// Encodes bytes.
pub(super) fn compress(bytes: &[u8], wrapping: Wrapping, level: u8, out: &mut Vec<u8>) -> Result<()> {
    ENCODERS.with_borrow_mut(|encoders| {
        let encoder = match encoders.entry(level) {
            Entry::Occupied(encoder) => encoder.into_mut(),
            Entry::Vacant(free) => {
                let level = CompressionLvl::new(i32::from(level))
                    .map_err(|_| Error::invalid_input(format!("deflate has no level {level}")))?;
                free.insert(Compressor::new(level))
            }
        };
        let bound = match wrapping {
            Wrapping::None => encoder.deflate_compress_bound(bytes.len()),
            Wrapping::Zlib => encoder.zlib_compress_bound(bytes.len()),
            Wrapping::Gzip => encoder.gzip_compress_bound(bytes.len()),
        };
        room(out, bound)?;
        let written = match wrapping {
            Wrapping::None => encoder.deflate_compress(bytes, out),
            Wrapping::Zlib => encoder.zlib_compress(bytes, out),
            Wrapping::Gzip => encoder.gzip_compress(bytes, out),
        };
        out.truncate(written.map_err(cannot_encode("deflate"))?);
        Ok(())
    })
}
