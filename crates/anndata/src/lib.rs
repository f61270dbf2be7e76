//! Annotated data matrices in memory and on disk: anndata for Rust.
//!
//! [`AnnData`] is the data structure of single-cell biology: a matrix of observations x variables and annotations that
//! stay aligned with it. This crate brings its parts together: the model (`anndata-core`), the on-disk
//! format (`anndata-format`) and the backends of HDF5 and Zarr.
//!
//! ```
//! use anndata::{AnnData, DataFrame, Tensor};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("cells.h5ad");
//! let adata = AnnData::builder()
//!     .x(Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?)
//!     .obs(DataFrame::new(["cell-1", "cell-2"]).with_column("n_genes", vec![2_i64, 1])?)
//!     .build()?;
//! anndata::write(&path, &adata)?;
//!
//! let back = anndata::read(&path)?;
//! assert_eq!(back, adata);
//! println!("{back}");
//! # Ok::<(), anndata::Error>(())
//! ```
//!
//! Reading without loading: [`read_lazy`] gives an object whose elements are read when they are asked for, [`open`] the
//! root [`Group`] of a file, and [`io::read_elem`] any element of it. The module [`mod@acc`] and
//! the macro [`acc!`] make references such as `X[:, "gene-3"]` and `obsm["pca"][:, 0]` and apply them to objects:
//!
//! ```
//! use anndata::prelude::*;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("cells.h5ad");
//! # let x = Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 2.0, 3.0])?;
//! # write(&path, &AnnData::builder().x(x).var(DataFrame::new(["CD4", "CD8A"])).build()?)?;
//! let adata = read_lazy(&path)?;
//! assert_eq!(adata.get_as::<Vec<f32>>(&acc!(X[:, "CD8A"]))?, [0.0, 3.0]);
//! assert!(!adata.contains(&A.obs("cell_type"))?);
//! # Ok::<(), anndata::Error>(())
//! ```
//!
//! The [`guide`] teaches the rest, page by page: it begins with a [quick start](guide::quick_start), and has
//! [every name of Python's anndata](guide::from_python) for those who come from there.
//!
//! # What there is
//!
//! All names stand at the root of the crate; here they are by what they are for. The module [`prelude`] has those that most
//! programs need.
//!
//! ## Objects and their slots
//!
//! - [`AnnData`], made by an [`AnnDataBuilder`]; [`Raw`], its matrix before filtering; [`Layers`] and [`Mapping`], its slots of
//!   named elements.
//! - [`DataFrame`], what `obs` and `var` are, and [`Series`], a column of it that is in memory or still stored.
//! - [`Element`], anything that a slot can hold; [`Schema`] and [`ColumnSchema`], what it is without reading it.
//! - [`Lazy`], an element that is read when it is asked for, from a [`LazySource`] or as a [`Selection`] of another. [`Keep`] says
//!   what becomes of its values then, an [`ElementCache`] keeps those of many.
//! - [`Opaque`] and [`OpaqueSource`], elements of unknown encodings; [`Extension`], those of encodings that you add.
//! - [`Tolerance`] and [`Difference`], to compare objects; [`MemorySize`], what one takes; [`make_unique`], for its names.
//! - `testing` (feature `testing`): objects made at random for the tests of your crate.
//! - [`namespace`], [`Namespace`] and [`register_anndata_namespace!`], functions of your crate on an object.
//!
//! ## Values
//!
//! - [`Tensor`], a dense array of any [`DType`], [`struct@f16`] and [`Complex`] among them; [`Scalar`], the Rust types of its elements.
//! - [`SparseMatrix`], by rows or by columns ([`SparseFormat`]).
//! - [`Column`], [`ColumnKind`] and [`NaValue`]: plain, nullable and categorical columns, and times. [`NullableAs`] says which
//!   columns from Arrow are nullable, [`ColumnItem`] the Rust types that values are read as.
//! - [`awkward`], nested lists and records of varying length.
//!
//! ## Selection
//!
//! - [`Selector`], what [`AnnData::select`] takes: ranges, positions, masks, names, conditions; [`SelectOptions`].
//! - [`Mask`], the rows that fulfil a condition on a column, and [`ColumnValue`], what it is compared with; [`Groups`], the rows
//!   of each of its values.
//! - [`AxisSelection`], checked positions along one axis; [`NameIndex`], where each name is; [`Reindex`], from one axis to another.
//! - [`Chunks`], a matrix as blocks of rows.
//! - [`GroupBy`] and [`Aggregate`], statistics of groups of observations; [`Moments`], means and variances of blocks.
//! - [`mod@acc`] and [`acc!`], references to the arrays of an object.
//!
//! ## Reading and writing
//!
//! - [`read`], [`read_lazy`] and [`write()`], an object at a path or URL in any [`Format`]; [`read_with`] and [`write_with`] take
//!   options. For one format alone: [`read_h5ad`], [`write_h5ad`], [`read_zarr`], [`write_zarr`] and their `_with`.
//! - [`read_async`], [`read_lazy_async`], [`write_async`], [`open_async`] and their `_with`: the same on any executor.
//! - [`open`] and [`open_rw`], the root group to read and to change elements of; [`io`], objects and elements in any store.
//! - [`open_object`], the root group of an object in any format, text read into memory. The module `text` (feature `text`) has
//!   readers and writers of Matrix Market, 10x Genomics, csv, loom, MuData and their like.
//! - [`convert`](convert()), from file to file in bounded memory, and [`rewrite`], selected, transposed or otherwise changed on the
//!   way; [`Converted`] and [`Note`] say what came of it.
//! - [`edit`](edit()) and [`edit_anndata`], single elements changed in their store.
//! - [`open_backed`], an object whose matrices stay in their file ([`Backed`], [`SparseDataset`], [`Mode`]); [`copy_backed`], [`move_backed`].
//! - [`validate_path`] and [`validate()`]: a [`Report`] of [`Finding`]s by [`Severity`]; [`Unwriteable`] and [`unwriteable`], what
//!   of an object has no stored form.
//! - `report_path` and the module `report` (feature `report`): an object as one page of HTML to look at.
//! - [`Description`] and [`StoredTree`], what a store holds, without reading it; [`PartReader`], for encodings whose parts are
//!   read again and again.
//!
//! ## Stores and encodings
//!
//! - [`Group`], [`Array`] and [`MemoryStore`]; [`Storage`], what a backend implements; [`storage`], all of that layer.
//! - [`ArraySpec`], [`Attribute`], [`Attributes`], [`Codec`], [`NodeKind`]: how arrays and groups are declared.
//! - [`specification`], the format; [`encoding`] and [`node`], how it is read and written; [`mod@validate`], its rules;
//!   [`hdf5`] and [`zarr`], the backends.
//!
//! ## Concatenation
//!
//! - [`concat()`] and [`concat_named`]; [`concat_lazy`], an object whose elements are put together when they are asked for;
//!   the module [`mod@concat`] has examples.
//! - [`ConcatPlan`] and [`ColumnPlan`], what would become of each element, without reading it.
//!
//! ## Collections larger than memory
//!
//! - `experimental` (feature `experimental`): `read_lazy` with options, `chunks` and `map_lazy`; `read_dispatched` and
//!   `write_dispatched`; `Collection`, many stores as one object, and `concat_on_disk`; `Loader`, batches of rows to train with,
//!   `split` and `Encoder`; `rechunk`, one store of many in another order.
//!
//! ## Options
//!
//! - [`ReadOptions`], [`WriteOptions`], [`ConvertOptions`], [`ValidateOptions`].
//! - [`Compression`]; [`ZarrOptions`], [`ZarrFormat`], [`Sharding`] and [`PageCache`]; [`Limits`], how far declared sizes are trusted.
//! - [`ConcatOptions`] with [`ConcatAxis`], [`Join`], [`Merge`] and [`FillValue`].
//! - [`settings`], what stands in the place of Python's global settings.
//!
//! ## Crates whose types stand in this API
//!
//! - [`ndarray`], [`sprs`], [`arrow_array`] and [`arrow_schema`], [`indexmap`], [`object_store`]: in the versions that it takes, so
//!   that yours are the same types.
//!
//! ## Errors
//!
//! - [`Error`], one type for all: an [`ErrorKind`] to act on, the file, the path of the element, and the cause; [`Result`].

// Without a backend nothing can be opened, and much of what is here has nothing to do.
#![cfg_attr(
    not(any(feature = "hdf5-read", feature = "zarr")),
    allow(dead_code, unreachable_code, unused_variables, reason = "no format is built")
)]

mod backed;
mod convert;
mod edit;
#[cfg(feature = "experimental")]
pub mod experimental;
mod format;
pub mod guide;
mod open;
mod options;
mod read;
#[cfg(feature = "report")]
mod report_path;
mod write;

// Objects and their slots.
#[doc(inline)]
pub use anndata_format::{
    AnnData, AnnDataBuilder, ColumnSchema, DataFrame, Difference, Element, ElementCache, Extension, Keep, Layers, Lazy,
    LazySource, Mapping, MemorySize, Namespace, Opaque, OpaqueSource, Raw, Schema, Selection, Series, Tolerance,
    make_unique, namespace, register_anndata_namespace,
};
// Values.
#[doc(inline)]
pub use anndata_format::{
    Column, ColumnItem, ColumnKind, Complex, DType, NaValue, NullableAs, Scalar, SparseFormat, SparseMatrix, Tensor,
    awkward, f16,
};
// Selection.
#[doc(inline)]
pub use anndata_format::{
    Aggregate, AxisSelection, Chunks, ColumnValue, GroupBy, Groups, Mask, Moments, NameIndex, Reindex, SelectOptions,
    Selector,
};
// Reading and writing.
#[doc(inline)]
pub use anndata_format::{
    Backed, Description, Finding, Mode, PartReader, Report, Severity, SparseDataset, StoredTree, Unwriteable,
    ValidateOptions, edit_anndata, io, unwriteable, validate,
};
// Stores and encodings.
#[doc(inline)]
pub use anndata_format::{
    Array, ArraySpec, Attribute, Attributes, Codec, Compression, Group, Limits, MemoryStore, NodeKind, Storage,
    encoding, node, specification, storage,
};
// Concatenation.
#[doc(inline)]
pub use anndata_format::{
    ColumnPlan, ConcatAxis, ConcatOptions, ConcatPlan, FillValue, Join, Merge, concat, concat_lazy, concat_named,
};
// For tests.
#[cfg(feature = "testing")]
#[doc(inline)]
pub use anndata_format::testing;
// Errors.
#[doc(inline)]
pub use anndata_format::{Error, ErrorKind, Result};

// Crates whose types stand in this API, in the versions that it takes.
#[cfg(feature = "zarr")]
#[doc(no_inline)]
pub use anndata_io_zarr::object_store;
#[doc(no_inline)]
pub use {arrow_array, arrow_schema, indexmap, ndarray, sprs};

#[doc(no_inline)]
pub use anndata_acc as acc;
#[doc(no_inline)]
pub use anndata_acc::acc;
#[cfg(feature = "text")]
#[doc(no_inline)]
pub use anndata_io_text as text;
#[cfg(feature = "report")]
#[doc(no_inline)]
pub use anndata_report as report;
pub use backed::{copy_backed, move_backed, open_backed};
pub use convert::{ConvertOptions, Converted, Note, convert, rewrite};
pub use edit::edit;
pub use format::Format;
#[cfg(feature = "hdf5")]
pub use format::h5ad::{write_h5ad, write_h5ad_with};
pub use open::{
    open, open_async, open_object, open_object_with, open_rw, open_rw_with, open_with, open_with_async, validate_path,
};
pub use options::{ReadOptions, WriteOptions};
pub use read::{read, read_async, read_lazy, read_lazy_async, read_with, read_with_async};
#[cfg(feature = "report")]
pub use report_path::report_path;
pub use write::{write, write_async, write_with, write_with_async};
#[cfg(feature = "hdf5-read")]
pub use {
    anndata_io_hdf5 as hdf5,
    format::h5ad::{read_h5ad, read_h5ad_with},
};
#[cfg(feature = "zarr")]
pub use {
    anndata_io_zarr as zarr,
    anndata_io_zarr::{PageCache, Sharding, ZarrFormat, ZarrOptions},
    format::zarr::{read_zarr, read_zarr_with, write_zarr, write_zarr_with},
};

#[doc = include_str!("../docs/settings.md")]
pub mod settings {}

/// The names that most programs need.
pub mod prelude {
    #[cfg(feature = "hdf5-read")]
    pub use crate::read_h5ad;
    #[cfg(feature = "hdf5")]
    pub use crate::write_h5ad;
    pub use crate::{
        AnnData, Column, Compression, ConcatOptions, ConvertOptions, DType, DataFrame, Element, Error, Group, Mapping,
        Mode, Raw, ReadOptions, Result, Scalar, Selector, SparseFormat, SparseMatrix, Tensor, WriteOptions, acc,
        concat, convert, io, open, open_backed, open_rw, read, read_lazy, read_with, write, write_with,
    };
    #[cfg(feature = "zarr")]
    pub use crate::{read_zarr, write_zarr};
    pub use anndata_acc::{A, Access, AdRef};
}

/// The example of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The example of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;
