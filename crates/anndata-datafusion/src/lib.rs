//! SQL over annotated data matrices: what is in `.h5ad` files, zarr stores and collections of thousands of them, as tables of
//! DataFusion.
#![doc = include_str!("../README.md")]

mod blocks;
mod dataset;
mod error;
mod filter;
mod functions;
mod matrix;
mod provider;
mod pseudobulk;
mod register;
mod rows;
mod scan;
mod sides;
mod source;
mod table;
mod values;
mod x;

pub use blocks::Blocks;
pub use dataset::Dataset;
pub use matrix::MatrixKey;
pub use register::register;
pub use source::AnnDataSource;
pub use table::{AnnDataTable, TableKind};
