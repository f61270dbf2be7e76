//! Files that are read without the HDF5 library: metadata by [`anndata_hdf5_meta`], values as the [`Plan`](crate::plan) of an
//! array says.
//!
//! Nothing here is unsafe. What the library alone can read is refused, and says so.

#![forbid(unsafe_code)]

mod array;
mod attributes;
#[cfg(feature = "write")]
mod check;
mod chunks;
mod datatype;
mod error;
mod file;
mod references;
mod region;
mod store;

#[cfg(feature = "write")]
pub(crate) use check::check;
pub(crate) use store::ReaderStore;
