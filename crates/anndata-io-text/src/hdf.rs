//! A matrix in any HDF5 file, by its path.

use std::path::Path;
use std::sync::Arc;

use anndata_core::{AnnData, Column, DataFrame};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store};
use anndata_storage::{Error, Group, NodeKind, Result};

/// Reads the array at a path of an HDF5 file as `X`, and the arrays `row_names` and `col_names` of the root as names, if they
/// are there.
///
/// # Errors
/// If the file cannot be read, or has no such array; then the error lists those of the root.
pub fn read_hdf(path: impl AsRef<Path>, key: &str) -> Result<AnnData> {
    let path = path.as_ref();
    let root = Group::root(Arc::new(Hdf5Store::open(path, &Hdf5Options::default())?));
    read(&root, key).map_err(|error| error.of_stored().in_file(path))
}

fn read(root: &Group, key: &str) -> Result<AnnData> {
    if key.is_empty() || root.kind(key)? != Some(NodeKind::Array) {
        let there = root.children()?.join("', '");
        return Err(Error::not_found(format!("there is no array '{key}'; the file has '{there}'")));
    }
    let mut built = AnnData::builder().x(root.array(key)?.read().map_err(|error| error.at(key))?);
    if let Some(names) = names(root, "row_names")? {
        built = built.obs(names);
    }
    if let Some(names) = names(root, "col_names")? {
        built = built.var(names);
    }
    built.build()
}

/// An array of the root as the index of a frame.
fn names(root: &Group, key: &str) -> Result<Option<DataFrame>> {
    if root.kind(key)? != Some(NodeKind::Array) {
        return Ok(None);
    }
    let values = root.array(key)?.read()?;
    let labels = if values.dtype().is_text() { values.to_strings() } else { Column::plain(&values)?.to_labels() };
    Ok(Some(DataFrame::new(labels.map_err(|error| error.at(key))?)))
}
