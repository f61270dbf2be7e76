//! The on-disk format of anndata, on any store: elements as trees of nodes, reading and writing, validation, and objects
//! whose matrices stay in their store.
//!
//! - [`io`]: reads and writes elements on any [`Group`] of a store.
//! - [`encoding`]: one module for each `encoding-type` of the format. An encoding does no IO: it turns an element into a
//!   tree of [`node`]s and back.
//! - [`specification`]: what a store has to look like, encoding by encoding.
//! - [`validate`](mod@validate): every violation of the format and every danger in a store, as a list.
//! - [`Backed`] and [`SparseDataset`]: matrices that stay in their store.
//!
//! The model is that of [`anndata-core`](anndata_core), stores are those of [`anndata-storage`](anndata_storage).
//!
//! ```
//! use std::sync::Arc;
//! use anndata_format::{AnnData, DataFrame, Group, MemoryStore, Tensor, io};
//!
//! let adata = AnnData::builder()
//!     .x(Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?)
//!     .obs(DataFrame::new(["cell-1", "cell-2"]).with_column("n_genes", vec![2_i64, 1])?)
//!     .obsm("X_pca", Tensor::from_vec([2, 1], vec![0.5, -0.5])?)
//!     .build()?;
//!
//! let store = Group::root(Arc::new(MemoryStore::new()));
//! io::write_anndata(&store, &adata, &io::ElemWriteOptions::default())?;
//! let back = io::read_anndata(&store, &io::ElemReadOptions::default())?;
//! assert_eq!(back, adata);
//! assert_eq!(back.shape(), (2, 3));
//! # Ok::<(), anndata_format::Error>(())
//! ```

mod backed;
mod description;
pub mod dispatch;
pub mod encoding;
mod findings;
pub mod io;
pub mod node;
mod sparse_dataset;
mod stored;
mod unwriteable;
pub mod validate;

pub use anndata_core::*;
pub use anndata_storage::{
    self as storage, Array, ArraySpec, Attribute, Attributes, Codec, Compression, Group, Limits, MemoryStore, NodeKind,
    Storage,
};
pub use backed::{Backed, Mode, edit_anndata};
pub use description::Description;
pub use sparse_dataset::SparseDataset;
pub use stored::{PartReader, StoredTree};
pub use unwriteable::{Unwriteable, unwriteable};
pub use validate::{Finding, Report, Severity, ValidateOptions, validate};

#[doc = include_str!("../docs/format.md")]
pub mod specification {}
