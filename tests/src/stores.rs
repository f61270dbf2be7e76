//! Stores to test on: in memory and in a file.

use std::path::Path;
use std::sync::Arc;

use anndata::encoding::Registry;
use anndata::hdf5::{Hdf5Options, Hdf5Store};
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{AnnData, Group, MemoryStore, Result};

/// The root of an empty store in memory.
pub fn memory() -> Group {
    Group::root(Arc::new(MemoryStore::new()))
}

/// The root of a new HDF5 file.
///
/// # Errors
/// If the file cannot be made.
pub fn hdf5(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::create(path)?)))
}

/// The root of an HDF5 file, to be edited in place.
///
/// # Errors
/// If the file cannot be opened.
pub fn edit(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open_rw(path, &Hdf5Options::default())?)))
}

/// Runs a check on an empty store of each kind.
///
/// # Errors
/// What the check returns, or if a file cannot be made.
pub fn on_each(check: impl Fn(&Group) -> Result<()>) -> Result<()> {
    check(&memory())?;
    let directory = tempfile::tempdir()?;
    check(&hdf5(&directory.path().join("a.h5ad"))?)
}

/// The object as it is once it was written to a store and read again.
///
/// # Errors
/// If that fails.
pub fn through(root: &Group, adata: &AnnData) -> Result<AnnData> {
    through_with(root, adata, &ElemWriteOptions::default(), &Registry::default())
}

/// [`through`] with other options and encodings.
///
/// # Errors
/// If that fails.
pub fn through_with(root: &Group, adata: &AnnData, options: &ElemWriteOptions, registry: &Registry) -> Result<AnnData> {
    io::write_anndata(root, adata, &options.clone().with_registry(registry.clone()))?;
    io::read_anndata(root, &ElemReadOptions::default().with_registry(registry.clone()))
}
