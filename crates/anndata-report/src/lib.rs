//! An annotated data matrix as one page to look at.
//!
//! [`report()`] makes a page of HTML that needs nothing else: no network, no scripts. It has what the object is, its
//! embeddings, what its matrix and its columns hold, the findings of a validation, and where it comes from. It is light or dark
//! as the reader's system is, and can be read on a phone.
//!
//! What an object holds is text of others, names above all. All of it is escaped, and the page itself forbids a browser to run
//! anything or to load anything.
//!
//! ```
//! use anndata_format::{AnnData, DataFrame, Tensor};
//! use anndata_report::{ReportOptions, report};
//!
//! let adata = AnnData::builder()
//!     .x(Tensor::from_vec([3, 2], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?)
//!     .obs(DataFrame::new(["a", "b", "c"]).with_column("kind", vec!["T", "B", "T"])?)
//!     .obsm("X_umap", Tensor::from_vec([3, 2], vec![0.0_f32, 0.0, 1.0, 0.0, 0.0, 1.0])?)
//!     .build()?;
//! let page = report(&adata, &ReportOptions::default().with_title("three cells").with_color("kind"))?;
//! assert!(page.starts_with("<!DOCTYPE html>"));
//! assert!(page.contains("three cells") && page.contains("data:image/png;base64,"));
//! # Ok::<(), anndata_format::Error>(())
//! ```
//!
//! Where things are: [`ReportOptions`]; a module for each section of the page in `section/`; charts in `chart/`; what is found
//! out about a matrix, in one pass over it, in `scan.rs`.

mod chart;
mod color;
mod number;
mod options;
mod page;
mod scan;
mod section;

use anndata_format::{AnnData, Result};

pub use options::ReportOptions;

/// Makes a page about an object.
///
/// Columns are looked at one by one, and a matrix block by block, so that memory is bounded whatever the size of the object if
/// it is lazy. What is larger than the limits in the options is sampled, evenly along its axis, and the page says so.
/// An element that cannot be read does not keep the page from being made: the error stands in its place.
///
/// # Errors
/// [`NotFound`](anndata_format::ErrorKind::NotFound) if the options name a layer or a column that the object does not have.
pub fn report(adata: &AnnData, options: &ReportOptions) -> Result<String> {
    options.check(adata)?;
    Ok(page::page(adata, options).into_string())
}

/// The example of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
