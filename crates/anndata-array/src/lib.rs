//! The arrays of anndata: what a slot of an object holds, without objects and without stores.
//!
//! - [`SparseMatrix`]: compressed sparse rows or columns, in the dtypes and order in which they are stored, with kernels
//!   for selection, conversion, reduction and [stacking](sparse::stack) on all cores.
//! - [`Column`]: a column of a data frame as an Arrow array: plain, nullable, categorical or of times.
//! - [`Mask`] chooses rows of a column, [`Groups`] puts them into groups.
//! - [`Awkward`](awkward::Awkward): nested lists and records of varying length, in the form in which they are stored.
//! - [`NameIndex`] finds names on an axis, [`Reindex`] maps the positions of one axis to those of another, and
//!   [`promote`] says which dtype several become together.
//!
//! Dense arrays are [`Tensor`]s, from `anndata-storage`.
//!
//! ```
//! use anndata_array::{SparseFormat, SparseMatrix, Tensor};
//!
//! let dense = Tensor::from_vec([2, 3], vec![0_u8, 3, 0, 1, 0, 2])?;
//! let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csc)?;
//! assert_eq!((matrix.nnz(), matrix.shape()), (3, (2, 3)));
//! # Ok::<(), anndata_array::Error>(())
//! ```

pub mod awkward;
mod column;
mod groups;
mod mask;
mod names;
mod parallel;
mod prefetch;
pub mod promote;
mod reindex;
pub mod sparse;

pub use anndata_storage::{
    AxisSelection, Complex, DType, Error, ErrorKind, Extreme, Moments, Result, Scalar, Tensor, f16,
};
pub use column::{Column, ColumnItem, ColumnKind, ColumnValue, NaValue, NullableAs, code_dtype, natural_order};
pub use groups::Groups;
pub use mask::Mask;
pub use names::NameIndex;
pub use reindex::Reindex;
pub use sparse::{SparseFormat, SparseMatrix};

/// The example of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
