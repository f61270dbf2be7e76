//! One text for every fault of a chunk.

use std::collections::TryReserveError;
use std::error::Error as StdError;

use anndata_storage::Error;

/// The bytes are not what the codec writes.
pub(crate) fn damaged(codec: &str) -> Error {
    Error::invalid_data(format!("the {codec} data of a chunk is damaged"))
}

/// A fault as a library reports it.
pub(crate) fn damaged_by<E: StdError + Send + Sync + 'static>(codec: &'static str) -> impl Fn(E) -> Error {
    move |error| damaged(codec).with_source(error)
}

/// The length that was found is not the one that the array declares.
pub fn wrong_length(found: usize, expected: usize) -> Error {
    Error::invalid_data(format!("a chunk holds {found} bytes where it must hold {expected}"))
}

/// The chunk becomes larger than it may.
pub(crate) fn too_large(len: usize, max: usize) -> Error {
    Error::limit_exceeded(format!("a chunk becomes {len} bytes or more; the limits allow {max}"))
}

/// The memory for a chunk cannot be had.
pub(crate) fn no_memory(len: usize, error: TryReserveError) -> Error {
    Error::limit_exceeded(format!("{len} bytes of memory cannot be allocated for a chunk")).with_source(error)
}

/// The codec was left out when this program was built.
#[cfg_attr(
    all(feature = "blosc", feature = "bzip2", feature = "lzma"),
    expect(dead_code, reason = "nothing was left out")
)]
pub(crate) fn left_out(codec: &str, feature: &str) -> Error {
    Error::unsupported(format!(
        "the codec '{codec}' is not part of this build: build with the feature `{feature}` of the crate `anndata-codecs`"
    ))
}

/// The values cannot be put into the form that is asked for.
pub(crate) fn cannot_encode<E: StdError + Send + Sync + 'static>(codec: &'static str) -> impl Fn(E) -> Error {
    move |error| Error::unsupported(format!("a chunk cannot be packed with {codec}")).with_source(error)
}

/// The format counts in 32 bits.
pub(crate) fn too_large_for(codec: &str, len: usize) -> Error {
    Error::unsupported(format!("a chunk of {len} bytes is too large for {codec}"))
}
