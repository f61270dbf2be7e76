//! Reading and writing chunked arrays on all cores, once for every backend.
//!
//! A backend hands over raw chunks and codecs ([`ChunkedStorage`]); here is decided which chunks a selection touches,
//! each is decoded once, on all cores, straight into its place in the destination where it can be, and copied from a
//! scratch buffer of the thread where it cannot. Writing mirrors it: chunks are encoded on all cores and handed over in
//! order, in batches of bounded size.

mod copy;
mod read;
mod write;

pub use read::read;
pub use write::write;

use crate::Result;

/// The raw chunks of one array of a fixed-size dtype (records are packed).
///
/// Chunks are named by their position in the chunk grid. All methods may be called from many threads.
pub trait ChunkedStorage: Send + Sync {
    /// Reads the stored bytes of a chunk into `raw`, replacing its content. `None`: the chunk was never written.
    /// The number is handed back to [`decode`](Self::decode): a mask of codecs that were skipped, or 0.
    ///
    /// # Errors
    /// Where the bytes cannot be read, or are more than a chunk of this array can take.
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<u32>>;

    /// Decodes stored bytes into exactly one chunk of native-endian values in C order.
    /// `scratch` is a buffer to reuse; its content means nothing.
    ///
    /// # Errors
    /// Where the bytes are not a valid encoding of one chunk.
    fn decode(&self, raw: &[u8], skipped: u32, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()>;

    /// Encodes one chunk into `raw`, replacing its content.
    ///
    /// # Errors
    /// Where a codec cannot encode.
    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()>;

    /// Stores the encoded bytes of a chunk.
    ///
    /// # Errors
    /// Where the store is read-only or writing fails.
    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()>;

    /// The bytes of one element of a chunk that was never written. Empty: all zeros.
    fn fill_value(&self) -> &[u8];

    /// Whether values are stored as they are, so that decoding is copying.
    fn is_raw(&self) -> bool {
        false
    }
}
