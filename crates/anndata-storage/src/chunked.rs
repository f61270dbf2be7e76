//! Reading and writing chunked arrays on all cores, once for every backend.
//!
//! A backend hands over raw chunks and codecs ([`ChunkedStorage`]); here is decided which chunks a selection touches,
//! each is decoded once, on all cores, straight into its place in the destination where it can be, and copied from a
//! scratch buffer of the thread where it cannot. Writing mirrors it: chunks are encoded on all cores and handed over in
//! order, in batches of bounded size.

mod copy;
mod kept;
mod read;
mod runs;
mod write;

pub use kept::{ChunkReuse, KeptChunks};
pub use read::{read, read_into};
pub use runs::{read_runs, read_runs_into, tensor_of_runs};
pub use write::write;

use crate::{ArraySpec, Error, Result};

/// What a backend knows of a stored chunk beside its bytes, and needs to decode it, as which of its codecs were skipped. It
/// means something to that backend alone; one that needs none takes the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChunkInfo(u64);

impl ChunkInfo {
    /// What a backend keeps.
    pub const fn new(kept: u64) -> Self {
        Self(kept)
    }

    /// What the backend kept.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The position of a chunk, and its encoded bytes.
pub type RawChunk<'a> = (&'a [u64], &'a [u8]);

/// The raw chunks of one array of a fixed-size dtype (records are packed).
///
/// Chunks are named by their position in the chunk grid. All methods may be called from many threads.
pub trait ChunkedStorage: Send + Sync {
    /// Reads the stored bytes of a chunk into `raw`, replacing its content. `None`: the chunk was never written.
    /// What comes with the bytes is handed back to [`decode`](Self::decode).
    ///
    /// # Errors
    /// If the bytes cannot be read, or are more than a chunk of this array can take.
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>>;

    /// Fills `values` with those of a chunk, from byte `start` of the decoded chunk on, if they are stored as they are and no more
    /// than these has to be read. `false`, the default: they are not, or the chunk was never written.
    ///
    /// # Errors
    /// As [`read_raw`](Self::read_raw).
    fn read_part(&self, chunk: &[u64], start: usize, values: &mut [u8]) -> Result<bool> {
        let _ = (chunk, start, values);
        Ok(false)
    }

    /// Decodes stored bytes into exactly one chunk of native-endian values in C order.
    /// `scratch` is a buffer to reuse; its content means nothing.
    ///
    /// # Errors
    /// If the bytes are not a valid encoding of one chunk.
    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()>;

    /// Encodes one chunk into `raw`, replacing its content.
    ///
    /// # Errors
    /// If a codec cannot encode.
    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()>;

    /// Stores the encoded bytes of a chunk.
    ///
    /// # Errors
    /// If the store is read-only or writing fails.
    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()>;

    /// Stores the encoded bytes of several chunks, in this order: for a backend in which that is less work than to store one after
    /// the other, as by default.
    ///
    /// # Errors
    /// As [`write_raw`](Self::write_raw); the error names the chunk ([`at_chunk`]). Others may have been stored.
    fn write_raw_all(&self, chunks: &[RawChunk<'_>]) -> Result<()> {
        chunks
            .iter()
            .try_for_each(|(position, raw)| self.write_raw(position, raw).map_err(|error| at_chunk(position, error)))
    }

    /// The bytes of one element of a chunk that was never written. Empty: all zeros.
    fn fill_value(&self) -> &[u8];

    /// Whether the values of every chunk are stored as they are, so that decoding is copying.
    fn is_raw(&self) -> bool {
        false
    }

    /// Where decoded chunks are kept, if the array cannot change as long as it is open.
    fn kept_chunks(&self) -> Option<&KeptChunks> {
        None
    }
}

/// The shape of a chunk and the bytes of an element; an array without chunks is one chunk.
fn layout(spec: &ArraySpec) -> Result<(&[u64], usize)> {
    let size = spec.dtype.size().ok_or_else(|| Error::dtype(format!("{} has no fixed size", spec.dtype)))?;
    let chunks = spec.chunks.as_deref().unwrap_or(&spec.shape);
    if chunks.len() != spec.shape.len() || (chunks.contains(&0) && !spec.is_empty()) {
        return Err(Error::invalid_data(format!("chunks of {chunks:?} do not fit an array of {:?}", spec.shape)));
    }
    Ok((chunks, size))
}

/// The bytes of an array in memory. No product of some of its axes overflows.
fn byte_len(shape: &[usize], size: usize) -> Result<usize> {
    let bytes = shape.iter().filter(|&&n| n > 0).try_fold(size.max(1), |product, &n| product.checked_mul(n));
    match bytes {
        Some(_) if shape.contains(&0) || size == 0 => Ok(0),
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(bytes),
        _ => Err(Error::limit_exceeded(format!("an array of shape {shape:?} does not fit into memory"))),
    }
}

/// Makes a buffer at least as long as a chunk. Its content means nothing.
fn resize(buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    buffer
        .try_reserve_exact(len.saturating_sub(buffer.len()))
        .map_err(|error| Error::limit_exceeded(format!("a chunk takes {len} bytes")).with_source(error))?;
    buffer.resize(len, 0);
    Ok(())
}

fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::limit_exceeded(format!("the position {value} does not fit into memory")))
}

/// An error that says at which chunk it was met.
pub fn at_chunk(position: &[u64], error: Error) -> Error {
    Error::new(error.kind(), format!("chunk {position:?}")).with_source(error)
}
