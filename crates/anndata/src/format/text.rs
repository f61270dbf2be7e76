//! What is no store of anndata's own: text, and HDF5 files of others.

use std::path::Path;

use anndata_format::{AnnData, Result};
use anndata_io_text::TextFormat;

use crate::ReadOptions;

/// Reads what is at a path, if it is one of these formats. What cannot be looked at is left to what opens stores, which says why.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Option<AnnData>> {
    if is_elsewhere(path) {
        return Ok(None);
    }
    match TextFormat::of(path) {
        Ok(Some(format)) => format.read_with(path, &options.hdf5).map(Some),
        Ok(None) | Err(_) => Ok(None),
    }
}

/// Whether what is at a path is in one of these formats, and holds one object.
pub(crate) fn holds_object(path: &Path) -> bool {
    !is_elsewhere(path) && matches!(TextFormat::of(path), Ok(Some(format)) if format != TextFormat::H5mu)
}

/// Whether it is none of these for sure: behind a URL, within a store, or a zarr store.
fn is_elsewhere(path: &Path) -> bool {
    path.to_str().is_some_and(crate::format::is_url) || !path.exists() || is_zarr(path)
}

/// Whether it is a zarr store, of which nothing more has to be looked at.
fn is_zarr(path: &Path) -> bool {
    path.is_dir() && ["zarr.json", ".zgroup", ".zmetadata"].iter().any(|name| path.join(name).is_file())
}
