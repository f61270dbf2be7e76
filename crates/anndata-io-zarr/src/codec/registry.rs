//! Codecs and data types of the registry of `zarrs`: those of the crate, and those that a program registers there.
//!
//! `zarrs` bounds no memory, so that nothing goes there whose length a chunk says: no codec from bytes to bytes, which a frame
//! of 16 bytes makes end the process, and none that holds other codecs. What is left works on values of lengths that are known
//! before: each result is compared with its own. `zfp` and `gdeflate` trust what a chunk says of its shape and length, and are
//! refused.

use anndata_storage::{DType, Result};
use zarrs_metadata::v3::MetadataV3;

/// Codecs that are refused, as their decoders trust the chunk.
const REFUSED: [&str; 3] = ["zfp", "zfpy", "gdeflate"];

/// How data types are named in metadata, which are above this module.
#[cfg_attr(not(feature = "zarrs"), expect(dead_code, reason = "only the registry reads them"))]
pub(crate) struct TypeNames {
    /// The name of a dtype.
    pub(crate) name: fn(&DType) -> Result<MetadataV3>,
    /// The dtype of a name.
    pub(crate) parse: fn(&MetadataV3) -> Result<DType>,
}

/// Whether a codec is refused, whatever this build has.
pub(crate) fn is_refused(codec: &MetadataV3) -> bool {
    REFUSED.contains(&codec.name().rsplit(['.', '/']).next().unwrap_or_default())
}

#[cfg(feature = "zarrs")]
mod zarrs;

#[cfg(feature = "zarrs")]
pub(crate) use zarrs::{Registered, Serializer, Step, find};

#[cfg(not(feature = "zarrs"))]
mod none;

#[cfg(not(feature = "zarrs"))]
pub(crate) use none::{Registered, Serializer, Step, find};
