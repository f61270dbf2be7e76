//! HDF5 metadata, read by safe Rust: groups and links, attributes, types, shapes, filters, and where the bytes of arrays are.
//!
//! [`MetaFile`] reads a file of unknown origin from anything that has bytes at positions ([`ReadAt`]): it never panics, never
//! runs on, and takes no more memory than the [limits](MetaLimits) allow; a damaged file is an [`Error`] that names the
//! structure, the byte and the section of the specification. It decodes no values: a chunk is told by its offset, length
//! and filter mask, and whoever wants it reads and decodes it.
//!
//! - All versions of the format are read: superblocks 0 to 3 behind a user block, object headers 1 and 2, groups of both styles,
//!   compact and dense links and attributes, shared messages and named types, every class of types, every layout, and all
//!   six indexes of chunks. Where the format has checksums they are checked.
//! - What is in other files is [refused](ErrorKind::Refused) by name: external links, external storage, virtual arrays.
//! - [Not supported](ErrorKind::Unsupported) are files that are one of several (family and multi drivers), and heaps whose
//!   blocks are filtered, which the library makes only when told so through its C interface.
//! - Damage spoils what it is in: an attribute that cannot be read keeps no other from being read, an array whose layout is
//!   damaged still has a type.
//!
//! Sections in these pages are those of the
//! [HDF5 File Format Specification Version 3.0](https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html).

#![forbid(unsafe_code)]

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;

mod btree_v1;
mod btree_v2;
mod checksum;
mod chunk_index;
mod context;
mod cursor;
mod error;
mod file;
mod fractal_heap;
mod global_heap;
mod kept;
mod limits;
mod local_heap;
mod message;
mod object;
mod object_header;
mod read_at;
mod reader;
mod shared_message_table;
mod source;
mod superblock;
mod symbol_table_node;

pub use chunk_index::ChunkLocation;
pub use error::{Error, ErrorKind, Result, Section};
pub use file::MetaFile;
pub use global_heap::HeapReference;
pub use limits::MetaLimits;
pub use message::data_layout::{ChunkIndex, ChunkedLayout, DataLayout};
pub use message::dataspace::Dataspace;
pub use message::datatype::{
    ByteOrder, CharacterSet, CompoundMember, Datatype, DatatypeClass, EnumMember, FloatFields, ReferenceKind,
    TextPadding, VariableLength,
};
pub use message::fill_value::FillValue;
pub use message::filter_pipeline::Filter;
pub use message::link::{Link, LinkTarget};
pub use object::{AttributeEntry, AttributeValue, Object, ObjectKind};
pub use read_at::ReadAt;
pub use superblock::Superblock;
