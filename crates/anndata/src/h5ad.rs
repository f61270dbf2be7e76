//! `.h5ad` files.

use std::path::Path;
use std::sync::Arc;

use anndata_format::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata_format::{AnnData, Compression, Error, Group, Result};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_atomic};

use crate::Format;
use crate::format::Location;

/// How an `.h5ad` file is read.
///
/// ```
/// use anndata::{H5adReadOptions, SparseFormat, io::ElemReadOptions};
///
/// let options = H5adReadOptions::default()
///     .with_read(ElemReadOptions::default().with_as_sparse(["X"], SparseFormat::Csr));
/// assert!(!options.read.lazy);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct H5adReadOptions {
    /// How elements are read: lazily, dense matrices as sparse ones, with which encodings.
    pub read: ElemReadOptions,
    /// How the file is opened: limits, and what is refused.
    pub hdf5: Hdf5Options,
}

impl H5adReadOptions {
    /// Sets how elements are read.
    #[must_use]
    pub fn with_read(mut self, read: ElemReadOptions) -> Self {
        self.read = read;
        self
    }

    /// Sets how the file is opened.
    #[must_use]
    pub fn with_hdf5(mut self, hdf5: Hdf5Options) -> Self {
        self.hdf5 = hdf5;
        self
    }
}

/// How an `.h5ad` file is written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct H5adWriteOptions {
    /// How elements are written: compression, matrices made dense or sparse, text made categorical.
    pub write: ElemWriteOptions,
    /// Whether an existing file is replaced, atomically. Default: yes.
    pub overwrite: bool,
    /// Whether the file is on disk (fsync) when writing returns. Default: yes.
    pub durable: bool,
}

impl Default for H5adWriteOptions {
    fn default() -> Self {
        Self { write: ElemWriteOptions::default(), overwrite: true, durable: true }
    }
}

impl H5adWriteOptions {
    /// Sets how elements are written.
    #[must_use]
    pub fn with_write(mut self, write: ElemWriteOptions) -> Self {
        self.write = write;
        self
    }

    /// Sets the compression. Default: none, as in Python. Every reader has gzip; for zstd and blosc, Python
    /// needs the package `hdf5plugin`.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.write = self.write.with_compression(compression);
        self
    }

    /// Sets whether an existing file is replaced.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets whether writing waits for the disk (fsync).
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }
}

/// Reads an `.h5ad` file of any version since 0.5 into memory, on all cores.
///
/// # Errors
/// If the file cannot be read, or something in it is malformed; the error names the path of the element.
pub fn read_h5ad(path: impl AsRef<Path>) -> Result<AnnData> {
    read_h5ad_with(path, &H5adReadOptions::default())
}

/// Reads an `.h5ad` file as the options say.
///
/// # Errors
/// As [`read_h5ad`].
pub fn read_h5ad_with(path: impl AsRef<Path>, options: &H5adReadOptions) -> Result<AnnData> {
    let location = Location::of(path.as_ref())?;
    if let Ok(Format::Zarr) = Format::of_store(&location.store) {
        let message = "it is a zarr store: `read_zarr` reads it, and `open` opens files of any format";
        return Err(Error::invalid_input(message).in_file(location.store));
    }
    if location.store.is_dir() {
        return Err(Error::invalid_input("it is a folder, not an .h5ad file").in_file(location.store));
    }
    let store = Hdf5Store::open(&location.store, &options.hdf5)?;
    io::read_anndata(&location.within(Group::root(Arc::new(store)))?, &options.read)
}

/// Writes an `.h5ad` file that Python's anndata reads. A file that is there is replaced, whole and at once: whatever
/// happens meanwhile, the old or the new one is there. [`storage::atomic`](crate::storage::atomic) says what else is promised:
/// of permissions, links, devices, and what a kill leaves. An object that is lazy or [backed](crate::Backed) by the file
/// that was there still reads from that, and does not change the new one.
///
/// # Errors
/// If something has no stored form, or writing fails; then the old file stays.
pub fn write_h5ad(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_h5ad_with(path, adata, &H5adWriteOptions::default())
}

/// Writes an `.h5ad` file as the options say.
///
/// # Errors
/// As [`write_h5ad`], and if a file is there that is not to be replaced.
pub fn write_h5ad_with(path: impl AsRef<Path>, adata: &AnnData, options: &H5adWriteOptions) -> Result<()> {
    write(path.as_ref(), adata, options).map_err(|error| error.in_file(path))
}

/// As above, but errors about the object itself name no file.
pub(crate) fn write(path: &Path, adata: &AnnData, options: &H5adWriteOptions) -> Result<()> {
    crate::format::check_output(path)?;
    write_atomic(path, options.overwrite, options.durable, |store| {
        let store = Arc::clone(store);
        io::write_anndata(&Group::root(store), adata, &options.write)
    })
}
