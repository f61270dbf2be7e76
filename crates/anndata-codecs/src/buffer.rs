//! Buffers whose lengths come from a file: memory that cannot be had is an error, and not the end of the process.

use anndata_storage::Result;

use crate::fault::no_memory;

/// Makes a buffer of a length. What is in it means nothing.
///
/// # Errors
/// If there is not that much memory.
pub fn room(buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    buffer.try_reserve_exact(len.saturating_sub(buffer.len())).map_err(|error| no_memory(len, error))?;
    buffer.resize(len, 0);
    Ok(())
}

/// Empties a buffer that is to take so many bytes.
///
/// # Errors
/// If there is not that much memory.
pub fn reserve(buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    buffer.clear();
    buffer.try_reserve_exact(len).map_err(|error| no_memory(len, error))
}

/// Adds bytes to a buffer.
pub(crate) fn append(buffer: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    buffer.try_reserve(bytes.len()).map_err(|error| no_memory(buffer.len() + bytes.len(), error))?;
    buffer.extend_from_slice(bytes);
    Ok(())
}

/// Reads a stream to its end into an emptied buffer, which grows with what is read, to one byte more than `max` at most.
#[cfg(any(feature = "native", feature = "bzip2", feature = "lzma"))]
pub(crate) fn read_to_end(
    stream: impl std::io::Read,
    max: usize,
    out: &mut Vec<u8>,
    damaged: impl Fn(std::io::Error) -> anndata_storage::Error,
) -> Result<()> {
    use std::io::{ErrorKind, Read as _};
    out.clear();
    let mut stream = stream.take((max as u64).saturating_add(1));
    let mut piece = [0; 16 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => append(out, piece.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged(error)),
        }
    }
    if out.len() > max { Err(crate::fault::too_large(out.len(), max)) } else { Ok(()) }
}
