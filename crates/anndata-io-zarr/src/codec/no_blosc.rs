//! Without the C library of blosc every use of the codec is an error.

use anndata_storage::{Error, Result};

fn missing() -> Error {
    Error::unsupported("codec 'blosc' is not part of this build")
}

pub(super) fn decoded_len(_raw: &[u8]) -> Result<usize> {
    Err(missing())
}

pub(super) fn decode_into(_raw: &[u8], _out: &mut [u8]) -> Result<usize> {
    Err(missing())
}

pub(super) fn encode(
    _bytes: &[u8],
    _out: &mut Vec<u8>,
    _compressor: &str,
    _level: u8,
    _shuffle: u8,
    _type_size: usize,
    _block_size: usize,
) -> Result<()> {
    Err(missing())
}
