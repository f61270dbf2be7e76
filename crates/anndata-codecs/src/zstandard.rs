//! Zstandard: with the C library if the feature `native` is there, else with ruzstd.

#[cfg(feature = "native")]
mod native;
#[cfg(not(feature = "native"))]
mod rust;

#[cfg(feature = "native")]
pub(crate) use native::{declared_length, decode_into, decode_stream, encode};
#[cfg(not(feature = "native"))]
pub(crate) use rust::{declared_length, decode_into, decode_stream, encode};

/// The level that leaves the effort to the writer.
pub const AUTOMATIC: i32 = 0;
