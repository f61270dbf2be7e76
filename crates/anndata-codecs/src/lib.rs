//! Byte codecs of the chunks of HDF5 and Zarr files, for input that nobody vouches for.
//!
#![doc = include_str!("../README.md")]

mod bitshuffle;
mod blosc;
mod buffer;
mod bzip2;
mod checksum;
mod codec;
mod deflate;
mod fault;
mod lz4;
mod lzf;
mod lzma;
mod shuffle;
mod szip;
mod zstandard;

pub use bitshuffle::{Bitshuffle, BitshuffleInner};
pub use blosc::Blosc;
pub use buffer::{reserve, room};
pub use checksum::{Checksum, ChecksumKind, ChecksumPosition};
pub use codec::ByteCodec;
pub use deflate::inflate;
pub use fault::wrong_length;
pub use lz4::Lz4Framing;
pub use lzma::LzmaFormat;
pub use szip::Szip;
pub use zstandard::AUTOMATIC;
