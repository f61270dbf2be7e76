//! Zstandard: one frame a chunk.

use std::cell::RefCell;

use anndata_storage::{Error, Result};
use zstd::bulk::{Compressor, Decompressor};

use super::{corrupt, room, wrong_len};

thread_local! {
    static DECODER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    static ENCODER: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
}

pub(super) fn decode(stored: &[u8], chunk: &mut [u8]) -> Result<()> {
    let written = DECODER
        .with_borrow_mut(|decoder| {
            let decoder = match decoder {
                Some(decoder) => decoder,
                None => decoder.insert(Decompressor::new()?),
            };
            decoder.decompress_to_buffer(stored, chunk)
        })
        .map_err(|error| corrupt("zstd").with_source(error))?;
    if written == chunk.len() { Ok(()) } else { Err(wrong_len(written, chunk.len())) }
}

pub(super) fn encode(bytes: &[u8], level: i32, out: &mut Vec<u8>) -> Result<()> {
    room(out, zstd::zstd_safe::compress_bound(bytes.len()))?;
    let written = ENCODER
        .with_borrow_mut(|encoder| {
            let encoder = match encoder {
                Some((made, encoder)) if *made == level => encoder,
                _ => &mut encoder.insert((level, Compressor::new(level)?)).1,
            };
            encoder.compress_to_buffer(bytes, out)
        })
        .map_err(|error| Error::io("zstd cannot compress a chunk").with_source(error))?;
    out.truncate(written);
    Ok(())
}
