//! Annotated data matrices that are larger than memory: lazy elements in chunks, reading and writing with a decision for each
//! element, collections of stores.
#![doc = include_str!("../README.md")]

mod chunks;
mod classes;
mod collection;
mod encoder;
mod gather;
mod loader;
mod manifest;
mod mapped;
mod pool;
mod random;
mod read_ahead;
mod reorder;
mod split;
pub mod tensors;

pub use anndata_format::dispatch::{OnRead, OnWrite, ReadStep, WriteStep, read_dispatched, write_dispatched};
pub use chunks::{ChunkOptions, ElementChunks, chunks, fold_chunks};
pub use collection::{Collection, RowId};
pub use encoder::Encoder;
pub use loader::{
    Batch, BatchMatrix, Compose, Cost, Draw, Epoch, Fields, Loader, LoaderOptions, LoaderState, LoaderStats, MatrixRef,
    Order, Rank, RowSet, Sampling, Short, Tail, Unit, Want, Weights,
};
pub use mapped::{MapKind, map_lazy};
pub use pool::StorePool;
pub use reorder::{Partition, PartitionOptions, ReorderOptions, RowOrder, partition, reorder};
pub use split::{SplitBy, split};
