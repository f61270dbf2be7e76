//! `.zarr` folders and `.zarr.zip` files.

use std::path::Path;
use std::sync::Arc;

use anndata_format::{AnnData, Error, Group, Result, io};
use anndata_io_zarr::{ZarrOptions, ZarrStore, write_atomic, write_url};

use crate::format::{Location, output_url};
use crate::{Format, ReadOptions, WriteOptions};

/// Reads the object in a `.zarr` folder, a `.zarr.zip` file or, with the feature `cloud`, at a URL.
///
/// # Errors
/// If there is no zarr store, or something in it is malformed; the error names the path of the element.
pub fn read_zarr(location: impl AsRef<Path>) -> Result<AnnData> {
    read_zarr_with(location, &ReadOptions::default())
}

/// Reads the object in a zarr store as the options say.
///
/// # Errors
/// As [`read_zarr`].
pub fn read_zarr_with(location: impl AsRef<Path>, options: &ReadOptions) -> Result<AnnData> {
    let location = Location::of(location.as_ref())?;
    if let Ok(Format::H5ad) = Format::of_store(&location.store) {
        let message = "it is an HDF5 file: `read_h5ad` reads it, and `read` reads any format";
        return Err(Error::invalid_input(message).in_file(location.store));
    }
    let store = open(&location.store, &options.zarr)?;
    io::read_anndata(&location.within(Group::root(Arc::new(store)))?, &options.elem)
}

/// Opens what is at a path or URL.
pub(crate) fn open(location: &Path, options: &ZarrOptions) -> Result<ZarrStore> {
    match location.to_str().filter(|location| crate::format::is_url(location)) {
        Some(url) => ZarrStore::open(url, options),
        None => ZarrStore::open_path(location, options),
    }
}

/// Writes a zarr store that Python's anndata reads: version 3, zstd, shards, collected metadata. A path that ends in
/// `.zip` becomes a zip file. A zarr store that is there is replaced, whole and at once; nothing else is.
/// [`storage::atomic`](crate::storage::atomic) says what else is promised: of permissions, links, and what a kill leaves. An
/// object that is lazy or [backed](crate::Backed) by the folder that was there can no longer be read, and does not
/// change the new one.
///
/// With the feature `cloud` the path may be a URL such as `s3://bucket/cells.zarr`; [`write()`](crate::write()) says what differs.
///
/// ```
/// # use anndata::{AnnData, Tensor};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.zarr");
/// let adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1_i32, 2, 3, 4])?).build()?;
/// anndata::write_zarr(&path, &adata)?;
/// assert_eq!(anndata::read_zarr(&path)?, adata);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If something has no stored form, what is there is not a zarr store, or writing fails; then what was there stays.
pub fn write_zarr(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_zarr_with(path, adata, &WriteOptions::default())
}

/// Writes a zarr store as the options say.
///
/// # Errors
/// As [`write_zarr`], and if a store is there that is not to be replaced.
pub fn write_zarr_with(path: impl AsRef<Path>, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    write(path.as_ref(), adata, options).map_err(|error| error.in_file(path))
}

/// As above, but errors about the object itself name no file.
pub(crate) fn write(path: &Path, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    let zarr = options.zarr.clone().with_durable(options.durable && options.zarr.durable);
    let (overwrite, build) =
        (options.overwrite.unwrap_or(true), |root: &Group| io::write_anndata(root, adata, &options.elem));
    match output_url(path)? {
        Some(url) => write_url(url, &zarr, overwrite, build),
        None => write_atomic(path, &zarr, overwrite, build),
    }
}
