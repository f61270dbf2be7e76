//! The model of anndata: [`AnnData`] and the values it holds. It knows no store.
//!
//! - [`AnnData`]: a matrix `X` of observations x variables with annotations that stay aligned with it.
//! - [`Element`]: anything that a slot can hold: [`Tensor`]s, [`SparseMatrix`], [`DataFrame`], [`Column`]s,
//!   [`Awkward`](awkward::Awkward) arrays, mappings, and elements of unknown encodings ([`Opaque`]).
//! - [`Lazy`]: an element that is read when it is asked for, from whatever implements [`LazySource`]; its [`Schema`] says
//!   what it is without reading it.
//! - [`AnnData::select`] makes views, [`concat`](mod@concat) joins objects, [`namespace`] adds functions of other crates.
//!
//! The arrays are those of [`anndata-array`](anndata_array); reading and writing is in `anndata-format`.
//!
//! ```
//! use anndata_core::{AnnData, DataFrame, Tensor};
//!
//! let adata = AnnData::builder()
//!     .x(Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?)
//!     .obs(DataFrame::new(["cell-1", "cell-2"]).with_column("n_genes", vec![2_i64, 1])?)
//!     .obsm("X_pca", Tensor::from_vec([2, 1], vec![0.5, -0.5])?)
//!     .build()?;
//! let second = adata.select("cell-2", ..)?;
//! assert_eq!(second.shape(), (1, 3));
//! assert_eq!(second.x().unwrap().to_tensor()?.as_slice::<f32>()?, [0.0, 3.0, 0.0]);
//! # Ok::<(), anndata_core::Error>(())
//! ```

mod adata;
mod assign;
mod caches;
pub mod concat;
mod element;
mod extension;
mod frame;
mod lazy;
mod leaves;
mod matrix;
mod model;
pub mod namespace;
mod opaque;
mod raw;
#[doc(hidden)]
pub mod recent;
mod schema;
mod select;
mod selector;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use adata::{
    Aggregate, AnnDataBuilder, Chunks, Difference, GroupBy, MemorySize, SelectOptions, Tolerance, make_unique,
};
pub use anndata_array::{
    Column, ColumnItem, ColumnKind, ColumnValue, Groups, Mask, NaValue, NameIndex, NullableAs, Reindex, SparseFormat,
    SparseMatrix, awkward,
};
pub use anndata_storage::{
    AxisSelection, Complex, DType, Error, ErrorKind, Extreme, Moments, Result, Scalar, Tensor, f16,
};
pub use concat::{
    ColumnPlan, ConcatAxis, ConcatOptions, ConcatPlan, FillValue, Join, Merge, concat, concat_lazy, concat_named,
};
pub use extension::Extension;
pub use model::{
    AnnData, DataFrame, Element, ElementCache, Keep, Layers, Lazy, LazySource, Mapping, Raw, Selection, Series,
};
pub use namespace::Namespace;
pub use opaque::{Opaque, OpaqueSource};
pub use schema::{ColumnSchema, Schema};
pub use selector::Selector;
