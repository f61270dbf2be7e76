//! `.zarr` folders and `.zarr.zip` files.

use std::path::Path;
use std::sync::Arc;

use anndata_format::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata_format::{AnnData, Compression, Error, Group, Result};
use anndata_io_zarr::{ZarrOptions, ZarrStore, write_atomic};

use crate::Format;
use crate::format::Location;

/// How a zarr store is read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ZarrReadOptions {
    /// How elements are read: lazily, dense matrices as sparse ones, with which encodings.
    pub read: ElemReadOptions,
    /// How the store is opened: limits, requests under way.
    pub zarr: ZarrOptions,
}

impl ZarrReadOptions {
    /// Sets how elements are read.
    #[must_use]
    pub fn with_read(mut self, read: ElemReadOptions) -> Self {
        self.read = read;
        self
    }

    /// Sets how the store is opened.
    #[must_use]
    pub fn with_zarr(mut self, zarr: ZarrOptions) -> Self {
        self.zarr = zarr;
        self
    }
}

/// How a zarr store is written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ZarrWriteOptions {
    /// How elements are written: compression, matrices made dense or sparse, text made categorical.
    pub write: ElemWriteOptions,
    /// How the store is made: version of the format, shards, collected metadata.
    pub zarr: ZarrOptions,
    /// Whether a zarr store that is there is replaced, whole and at once. Default: yes. Anything else is never replaced.
    pub overwrite: bool,
}

impl Default for ZarrWriteOptions {
    fn default() -> Self {
        Self { write: ElemWriteOptions::default(), zarr: ZarrOptions::default(), overwrite: true }
    }
}

impl ZarrWriteOptions {
    /// Sets how elements are written.
    #[must_use]
    pub fn with_write(mut self, write: ElemWriteOptions) -> Self {
        self.write = write;
        self
    }

    /// Sets how the store is created.
    #[must_use]
    pub fn with_zarr(mut self, zarr: ZarrOptions) -> Self {
        self.zarr = zarr;
        self
    }

    /// Sets the compression. Default: zstd, as in Python.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.write = self.write.with_compression(compression);
        self
    }

    /// Sets whether an existing zarr store is replaced.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }
}

/// Reads the object in a `.zarr` folder, a `.zarr.zip` file or, with the feature `cloud`, at a URL.
///
/// # Errors
/// If there is no zarr store, or something in it is malformed; the error names the path of the element.
pub fn read_zarr(location: impl AsRef<Path>) -> Result<AnnData> {
    read_zarr_with(location, &ZarrReadOptions::default())
}

/// Reads the object in a zarr store as the options say.
///
/// # Errors
/// As [`read_zarr`].
pub fn read_zarr_with(location: impl AsRef<Path>, options: &ZarrReadOptions) -> Result<AnnData> {
    let location = Location::of(location.as_ref())?;
    if let Ok(Format::H5ad) = Format::of_store(&location.store) {
        let message = "it is an HDF5 file: `read_h5ad` reads it, and `open` opens files of any format";
        return Err(Error::invalid_input(message).in_file(location.store));
    }
    let store = open(&location.store, &options.zarr)?;
    io::read_anndata(&location.within(Group::root(Arc::new(store)))?, &options.read)
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
    write_zarr_with(path, adata, &ZarrWriteOptions::default())
}

/// Writes a zarr store as the options say.
///
/// # Errors
/// As [`write_zarr`], and if a store is there that is not to be replaced.
pub fn write_zarr_with(path: impl AsRef<Path>, adata: &AnnData, options: &ZarrWriteOptions) -> Result<()> {
    write(path.as_ref(), adata, options).map_err(|error| error.in_file(path))
}

/// As above, but errors about the object itself name no file.
pub(crate) fn write(path: &Path, adata: &AnnData, options: &ZarrWriteOptions) -> Result<()> {
    crate::format::check_output(path)?;
    write_atomic(path, &options.zarr, options.overwrite, |root| io::write_anndata(root, adata, &options.write))
}
