//! Annotated data matrices that are larger than memory: lazy elements in chunks, reading and writing with a decision for each
//! element, collections of stores.
#![doc = include_str!("../README.md")]

mod chunks;
mod collection;
mod manifest;
mod mapped;
mod pool;

pub use anndata_format::dispatch::{OnRead, OnWrite, ReadStep, WriteStep, read_dispatched, write_dispatched};
pub use chunks::{ChunkOptions, ElementChunks, chunks, fold_chunks};
pub use collection::{Collection, RowId};
pub use mapped::{MapKind, map_lazy};
pub use pool::StorePool;
