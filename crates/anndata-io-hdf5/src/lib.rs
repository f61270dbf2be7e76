//! The HDF5 backend of anndata: `.h5ad` files as a [`Storage`](anndata_storage::Storage).
//!
//! [`Hdf5Store`] opens, edits and makes files. What is opened for reading is read by safe Rust: metadata by the crate
//! `anndata-hdf5-meta`, values here. Files are made and edited through the HDF5 library (feature `write`, on by default), which
//! is compiled in and works under its one lock; it reads where [`MetadataReader::Library`] is chosen. Values take the same ways
//! in either case, without it wherever that can be done: chunks are decoded and encoded on all cores, contiguous data is read
//! at its offset in the file, text is taken from the global heap into one buffer.
//!
//! - Types, both ways: booleans, integers, floats (half precision included), complex numbers, text of any and of fixed
//!   length, records. Big-endian data is converted. What has no name here is
//!   [`DType::Opaque`](anndata_storage::DType::Opaque), bytes that are written back as they were; references are the paths
//!   of what they are to, and are made anew in the file that they are written to.
//! - Compression: gzip, LZF, shuffle and Fletcher's checksum, which every h5py has; zstd, lz4, blosc and bitshuffle, for
//!   which plain h5py needs a plugin; szip, which is only read. No plugin is ever loaded from the environment.
//! - Safety: links to other files, values in other files and virtual arrays are refused unless [`Hdf5Options`] allow
//!   them; declared sizes are checked before anything is allocated; addresses are checked against the file; a file with
//!   damaged metadata is not edited.
//! - [`write_atomic`] makes a file that appears whole or not at all. An edit in place is done as a whole, or undone: by the
//!   process itself where it fails, as on a full disk, or by whoever opens the file next where its process was killed.

#[cfg(target_endian = "big")]
compile_error!("tensors are little-endian in memory; big-endian machines are not supported");

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;

#[cfg(feature = "write")]
mod array;
#[cfg(feature = "write")]
mod atomic;
#[cfg(feature = "write")]
mod attributes;
mod blocks;
#[cfg(feature = "write")]
mod create;
mod dtype;
mod file;
mod filters;
mod heap;
mod layout;
#[cfg(feature = "write")]
mod library;
#[cfg(feature = "write")]
mod make;
mod options;
mod plan;
#[cfg(feature = "write")]
mod raw;
mod reader;
mod resolve;
#[cfg(feature = "write")]
mod shared;
mod store;
mod undo;
mod unreadable;

pub use anndata_hdf5_meta::ReadAt;
#[cfg(feature = "write")]
pub use atomic::{AtomicFile, write_atomic, write_signed};
pub use blocks::Blocks;
pub use layout::default_layout;
pub use options::{Hdf5Options, MetadataReader};
pub use store::Hdf5Store;
