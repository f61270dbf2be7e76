//! Lazy elements in chunks, collections of many stores, and concatenation on disk: what Python has in `anndata.experimental`.
//! Feature `experimental`.
//!
//! [`read_lazy`] opens an object of which nothing is in memory, [`chunks()`] and [`fold_chunks`] go through an element of any size,
//! and [`map_lazy`] makes a new one of it that is computed when it is asked for, or written.
//!
//! [`read_dispatched`] and [`write_dispatched`] ask a function what becomes of each element.
//!
//! [`Collection::open`] takes [`open`](crate::open()) to open stores in any format:
//!
//! ```
//! use anndata::experimental::Collection;
//! use anndata::{AnnData, ConcatOptions, Tensor};
//!
//! # let directory = tempfile::tempdir()?;
//! # let (a, b) = (directory.path().join("a.h5ad"), directory.path().join("b.zarr"));
//! # let object = |value: f32| AnnData::builder().x(Tensor::from_vec([2, 1], vec![value; 2])?).build();
//! # anndata::write(&a, &object(1.0)?)?;
//! # anndata::write(&b, &object(2.0)?)?;
//! let all = Collection::open([("a", &a), ("b", &b)], &ConcatOptions::default(), |path| anndata::open(path))?;
//! assert_eq!(all.shape(), (4, 1));
//! let some = all.select(vec![3, 0], ..)?.load()?;
//! assert_eq!(some.x().unwrap().to_tensor()?.as_slice::<f32>()?, [2.0, 1.0]);
//! # Ok::<(), anndata::Error>(())
//! ```
//!
//! [`concat_on_disk`] writes what [`concat`](crate::concat()) would give, without having it in memory.
//!
//! [`Loader`] gives the rows of a collection in batches, to train with: [`Sampling`] says in which order, [`Fields`] what of them,
//! [`split`] makes the parts to train and to test with, and [`Encoder`] numbers of labels. The page
//! [From AnnLoader and annbatch](crate::guide::loaders) goes through all of it. [`rechunk`] writes a collection as one store in another
//! order and in small chunks; [`reorder`] is the object that it writes. [`split_on_disk`] writes one for each value of a column, and
//! reads its input once; [`partition`] are the objects that it writes.

mod lazy;
mod on_disk;
mod rechunk;
mod split;

pub use anndata_experimental::{
    Batch, BatchMatrix, ChunkOptions, Collection, Compose, Cost, Draw, ElementChunks, Encoder, Epoch, Fields, Loader,
    LoaderOptions, LoaderState, LoaderStats, MapKind, MatrixRef, OnRead, OnWrite, Order, Partition, PartitionOptions,
    Rank, ReadStep, ReorderOptions, RowId, RowOrder, RowSet, Sampling, Short, SplitBy, StorePool, Tail, Unit, Want,
    Weights, WriteStep, chunks, fold_chunks, map_lazy, partition, read_dispatched, reorder, split, tensors,
    write_dispatched,
};
pub use anndata_format::node::Grid;
pub use lazy::{read_elem_lazy, read_elem_lazy_async, read_lazy, read_lazy_async};
pub use on_disk::{OnDiskOptions, OnDiskReport, concat_on_disk, plan_on_disk};
pub use rechunk::{RechunkOptions, rechunk};
pub use split::{SplitOptions, SplitPart, SplitReport, split_on_disk};
