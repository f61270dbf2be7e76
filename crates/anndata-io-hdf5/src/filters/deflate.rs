//! Deflate in a zlib stream, with libdeflate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anndata_storage::{Error, OrBug as _, Result};
use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::{corrupt, room, wrong_len};

thread_local! {
    static DECODER: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static ENCODERS: RefCell<HashMap<u8, Compressor>> = RefCell::new(HashMap::new());
}

pub(super) fn decode(stored: &[u8], chunk: &mut [u8]) -> Result<()> {
    let written = DECODER
        .with_borrow_mut(|decoder| decoder.zlib_decompress(stored, chunk))
        .map_err(|error| corrupt("deflate").with_source(error))?;
    if written == chunk.len() { Ok(()) } else { Err(wrong_len(written, chunk.len())) }
}

/// Levels are those of zlib; libdeflate's are comparable.
pub(super) fn encode(bytes: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
    ENCODERS.with_borrow_mut(|encoders| {
        let encoder = match encoders.entry(level) {
            Entry::Occupied(encoder) => encoder.into_mut(),
            Entry::Vacant(free) => {
                let level = CompressionLvl::new(i32::from(level)).ok().or_bug("a level that deflate does not have")?;
                free.insert(Compressor::new(level))
            }
        };
        room(out, encoder.zlib_compress_bound(bytes.len()))?;
        let written = encoder
            .zlib_compress(bytes, out)
            .map_err(|error| Error::io("deflate cannot compress a chunk").with_source(error))?;
        out.truncate(written);
        Ok(())
    })
}
