//! Writing an object to a path, in the format that its name says.

use std::path::Path;

use anndata_format::storage::unblock;
use anndata_format::{AnnData, Result};

use crate::{Format, WriteOptions};

/// Writes an object that Python's anndata reads, in the format that the name says: `.h5ad`, `.zarr` or `.zarr.zip`.
///
/// What is there is replaced, whole and at once: whatever happens meanwhile, the old or the new one is there.
/// [`storage::atomic`](crate::storage::atomic) says what else is promised: of permissions, links, devices, and what a kill
/// leaves.
///
/// With the feature `cloud` the path may be the URL of a zarr store: `s3://`, `gs://`, `az://`, or `http(s)://` of a server that
/// takes `PUT`. Values are sent while the next ones are made, in about 128 MiB of memory beside those of the object. The metadata of
/// the root come last, so that an object is complete or cannot be opened, and what fails is removed. Object stores cannot rename:
/// there, what is replaced is removed *before* the new object is written, and what fails later does not bring it back.
///
/// ```
/// # use anndata::{AnnData, Tensor};
/// # let directory = tempfile::tempdir()?;
/// let adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1_i32, 2, 3, 4])?).build()?;
/// for name in ["cells.h5ad", "cells.zarr", "cells.zarr.zip"] {
///     let path = directory.path().join(name);
///     anndata::write(&path, &adata)?;
///     assert_eq!(anndata::read(&path)?, adata);
/// }
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If the name says no format, something has no stored form, or writing fails; then what was there stays.
pub fn write(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_with(path, adata, &WriteOptions::default())
}

/// Writes an object as the options say.
///
/// ```
/// # use anndata::{AnnData, Compression, Tensor, WriteOptions};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # let adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1_i32, 2, 3, 4])?).build()?;
/// let options = WriteOptions::default().with_compression(Compression::Gzip(4)).with_as_sparse(["X"]);
/// anndata::write_with(&path, &adata, &options)?;
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`write()`], and if something is there that is not to be replaced.
pub fn write_with(path: impl AsRef<Path>, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    let path = path.as_ref();
    crate::format::output_url(path)?;
    to(Format::for_name(path)?, path, adata, options).map_err(|error| error.in_file(path))
}

/// The async twin of [`write()`]: works on any executor, and blocks none of its threads.
///
/// # Errors
/// As [`write()`].
pub async fn write_async(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_with_async(path, adata, &WriteOptions::default()).await
}

/// The async twin of [`write_with`].
///
/// # Errors
/// As [`write_with`].
pub async fn write_with_async(path: impl AsRef<Path>, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    // Buffers are shared, so a clone is cheap.
    let (path, adata, options) = (path.as_ref().to_owned(), adata.clone(), options.clone());
    unblock(move || write_with(path, &adata, &options)).await
}

/// Writes an object in a format to a path that was checked. Errors about the object itself name no file.
#[cfg_attr(
    not(any(feature = "hdf5", feature = "zarr")),
    expect(unused_variables, reason = "without a format there is nothing to write to")
)]
pub(crate) fn to(format: Format, path: &Path, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    match format {
        #[cfg(feature = "hdf5")]
        Format::H5ad => crate::format::h5ad::write(path, adata, options),
        #[cfg(feature = "zarr")]
        Format::Zarr => crate::format::zarr::write(path, adata, options),
        #[cfg(not(all(feature = "hdf5", feature = "zarr")))]
        other => Err(crate::format::not_built(other).in_file(path)),
    }
}
