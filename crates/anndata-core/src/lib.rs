//! The model of anndata: [`AnnData`] and the values it holds, and how they are encoded in a store.
//!
//! - [`AnnData`]: a matrix `X` of observations x variables with annotations that stay aligned with it.
//! - [`Element`]: anything that a slot can hold: [`Tensor`]s, [`SparseMatrix`], [`DataFrame`], [`Column`]s,
//!   [`Awkward`](awkward::Awkward) arrays, mappings, and elements of unknown encodings ([`Opaque`]).
//! - [`encoding`]: one module for each `encoding-type` of the on-disk format. An encoding does no IO: it turns an
//!   element into a tree of [`node`]s and back.
//! - [`io`]: reads and writes elements on any [`Group`] of a store.
//! - [`validate`](mod@validate): every violation of the format and every danger in a store, as a list.
//!
//! ```
//! use std::sync::Arc;
//! use anndata_core::{AnnData, DataFrame, Group, MemoryStore, Tensor, io};
//!
//! let adata = AnnData::builder()
//!     .x(Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?)
//!     .obs(DataFrame::new(["cell-1", "cell-2"]).with_column("n_genes", vec![2_i64, 1])?)
//!     .obsm("X_pca", Tensor::from_vec([2, 1], vec![0.5, -0.5])?)
//!     .build()?;
//!
//! let store = Group::root(Arc::new(MemoryStore::new()));
//! io::write_anndata(&store, &adata, &io::WriteOptions::default())?;
//! let back = io::read_anndata(&store, &io::ReadOptions::default())?;
//! assert_eq!(back, adata);
//! assert_eq!(back.shape(), (2, 3));
//! # Ok::<(), anndata_core::Error>(())
//! ```

mod adata;
mod assign;
pub mod awkward;
mod backed;
mod column;
pub mod concat;
mod element;
pub mod encoding;
mod frame;
mod index;
pub mod io;
mod lazy;
mod matrix;
mod names;
pub mod namespace;
pub mod node;
mod opaque;
mod raw;
mod select;
mod sparse;
mod sparse_dataset;
pub mod validate;

pub use adata::{
    AnnData, AnnDataBuilder, Chunks, Difference, Layers, MemorySize, SelectOptions, Tolerance, Unwriteable, make_unique,
};
pub use anndata_storage::{
    self as storage, Array, ArraySpec, Attribute, Attributes, Axis, Codec, Complex, Compression, DType, Error,
    ErrorKind, Group, Limits, MemoryStore, NodeKind, Result, Scalar, Storage, Tensor, f16,
};
pub use backed::Backed;
pub use column::{Column, ColumnKind, NaValue};
pub use concat::{ColumnPlan, ConcatAxis, ConcatOptions, ConcatPlan, FillValue, Join, Merge, concat, concat_named};
pub use element::{Element, Extension, Mapping};
pub use frame::{DataFrame, Series};
pub use index::Index;
pub use lazy::Lazy;
pub use names::NameIndex;
pub use namespace::Namespace;
pub use opaque::Opaque;
pub use raw::Raw;
pub use sparse::{SparseFormat, SparseMatrix};
pub use sparse_dataset::SparseDataset;
pub use validate::{Finding, Report, Severity, ValidateOptions, validate};
