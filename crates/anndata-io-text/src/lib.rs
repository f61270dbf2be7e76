//! Text, 10x Genomics, loom and MuData files as annotated data matrices, and the way back.
//!
//! - Matrix Market: [`read_mtx`], [`write_matrix_market`]; folders with such a file: [`read_10x_mtx`], [`read_mtx_folder`] of other programs, [`write_mtx`].
//! - 10x Genomics in HDF5: [`read_10x_h5`].
//! - Tables of numbers: [`read_csv`], [`read_text`]; an object as a folder of tables: [`write_csvs`].
//! - [`read_umi_tools`], [`read_hdf`], and with the feature `excel` `read_excel`.
//! - With the feature `parquet` frames, such as obs and var, as Parquet files: `read_parquet`, `write_parquet`.
//! - Loom: [`read_loom`], [`write_loom`]. MuData: [`read_h5mu`], [`read_h5mu_modality`], [`write_h5mu`].
//! - [`TextFormat`] tells which of these a file or folder is, and reads it.
//!
//! Each function has a twin that takes options, if there are any: its name with `_with`. Text may be compressed with gzip, zstd or
//! bzip2; it is decompressed by one thread while others parse, and never in memory as a whole. Matrices are in memory, on the axes
//! of anndata: observations are rows. What is malformed is an error that names the file, and the line of a text.

mod csvs;
#[cfg(feature = "excel")]
mod excel;
mod fields;
mod hdf;
mod loom;
mod mtx;
mod mudata;
mod number;
#[cfg(feature = "parquet")]
mod parquet;
mod recognize;
mod source;
mod table;
mod tenx;
mod umi_tools;

pub use csvs::{WriteCsvsOptions, write_csvs, write_csvs_with};
#[cfg(feature = "excel")]
pub use excel::{Sheet, read_excel};
pub use fields::Delimiter;
pub use hdf::read_hdf;
pub use loom::{LoomOptions, WriteLoomOptions, read_loom, read_loom_with, write_loom, write_loom_with};
pub use mtx::{MtxOptions, read_mtx, read_mtx_with, write_matrix_market};
pub use mudata::{MuData, SharedAxis, h5mu_modalities, read_h5mu, read_h5mu_modality, read_mudata, write_h5mu};
#[cfg(feature = "parquet")]
pub use parquet::{
    ReadParquetOptions, WriteParquetOptions, parse_parquet, read_parquet, read_parquet_with, to_parquet, write_parquet,
    write_parquet_with,
};
pub use recognize::TextFormat;
pub use table::{TextOptions, read_csv, read_text, read_text_with};
pub use tenx::{
    MtxFolder, Tenx5Options, TenxMtxOptions, VarNames, WriteMtxOptions, read_10x_h5, read_10x_h5_with, read_10x_mtx,
    read_10x_mtx_with, read_mtx_folder, write_mtx, write_mtx_with,
};
pub use umi_tools::read_umi_tools;

/// The example of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
