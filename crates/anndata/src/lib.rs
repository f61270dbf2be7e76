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
//! anndata::write_h5ad(&path, &adata)?;
//!
//! let back = anndata::read_h5ad(&path)?;
//! assert_eq!(back, adata);
//! println!("{back}");
//! # Ok::<(), anndata::Error>(())
//! ```
//!
//! Reading without loading: [`open`] gives the root [`Group`] of a file, [`io::read_elem`] any element of it, and
//! [`io::ReadOptions::with_lazy`] an object whose elements are read when they are asked for. The module [`mod@acc`] and
//! the macro [`acc!`] make references such as `X[:, "gene-3"]` and `obsm["pca"][:, 0]` and apply them to objects:
//!
//! ```
//! use anndata::prelude::*;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("cells.h5ad");
//! # let x = Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 2.0, 3.0])?;
//! # write_h5ad(&path, &AnnData::builder().x(x).var(DataFrame::new(["CD4", "CD8A"])).build()?)?;
//! let adata = io::read_anndata(&anndata::open(&path)?, &io::ReadOptions::default().with_lazy(true))?;
//! assert_eq!(adata.get_as::<Vec<f32>>(&acc!(X[:, "CD8A"]))?, [0.0, 3.0]);
//! assert!(!adata.contains(&A.obs("cell_type"))?);
//! # Ok::<(), anndata::Error>(())
//! ```

// Without a backend nothing can be opened, and much of what is here has nothing to do.
#![cfg_attr(
    not(any(feature = "hdf5", feature = "zarr")),
    allow(dead_code, unreachable_code, unused_variables, reason = "no format is built")
)]

mod backed;
mod convert;
mod format;
#[cfg(feature = "hdf5")]
mod h5ad;
mod open;
#[cfg(feature = "zarr")]
mod zarr;

#[doc(no_inline)]
pub use anndata_acc as acc;
#[doc(no_inline)]
pub use anndata_acc::acc;
pub use anndata_format::*;
pub use backed::{Mode, copy_backed, open_backed};
pub use convert::{ConvertOptions, Converted, Note, convert};
pub use format::Format;
pub use open::{open, validate_path};
#[cfg(feature = "hdf5")]
pub use {
    anndata_io_hdf5 as hdf5,
    h5ad::{H5adReadOptions, H5adWriteOptions, read_h5ad, read_h5ad_with, write_h5ad, write_h5ad_with},
};
#[cfg(feature = "zarr")]
pub use {
    anndata_io_zarr::{self, Sharding, ZarrFormat, ZarrOptions},
    zarr::{ZarrReadOptions, ZarrWriteOptions, read_zarr, read_zarr_with, write_zarr, write_zarr_with},
};

#[doc = include_str!("../docs/settings.md")]
pub mod settings {}

/// The names that most programs need.
pub mod prelude {
    pub use crate::{
        AnnData, Column, Compression, DType, DataFrame, Element, Group, Mapping, Raw, SparseFormat, SparseMatrix,
        Tensor, acc, io,
    };
    #[cfg(feature = "hdf5")]
    pub use crate::{read_h5ad, write_h5ad};
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
