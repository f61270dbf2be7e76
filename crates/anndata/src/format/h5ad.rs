//! `.h5ad` files.

use std::path::Path;
use std::sync::Arc;

use anndata_format::{AnnData, Error, Group, Result, io};
#[cfg(feature = "zarr")]
use anndata_io_hdf5::Blocks;
use anndata_io_hdf5::Hdf5Store;
#[cfg(feature = "hdf5")]
use anndata_io_hdf5::write_atomic;

#[cfg(feature = "hdf5")]
use crate::WriteOptions;
use crate::format::Location;
#[cfg(feature = "hdf5")]
use crate::format::is_url;
use crate::{Format, ReadOptions};

/// Reads an `.h5ad` file of any version since 0.5 into memory, on all cores. Anything else is an error; [`read`](crate::read)
/// reads any format. With the feature `cloud` the path may be a URL such as `s3://bucket/cells.h5ad`.
///
/// # Errors
/// If the file cannot be read, or something in it is malformed; the error names the path of the element.
pub fn read_h5ad(path: impl AsRef<Path>) -> Result<AnnData> {
    read_h5ad_with(path, &ReadOptions::default())
}

/// Reads an `.h5ad` file as the options say.
///
/// # Errors
/// As [`read_h5ad`].
pub fn read_h5ad_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<AnnData> {
    let location = Location::of(path.as_ref())?;
    if let Ok(Format::Zarr) = Format::of_store(&location.store) {
        let message = "it is a zarr store: `read_zarr` reads it, and `read` reads any format";
        return Err(Error::invalid_input(message).in_file(location.store));
    }
    if location.store.is_dir() {
        return Err(Error::invalid_input("it is a folder, not an .h5ad file").in_file(location.store));
    }
    let store = open(&location.store, options)?;
    io::read_anndata(&location.within(Group::root(Arc::new(store)))?, &options.elem)
}

/// Opens what is at a path or URL.
pub(crate) fn open(location: &Path, options: &ReadOptions) -> Result<Hdf5Store> {
    match location.to_str().filter(|location| crate::format::is_url(location)) {
        Some(url) => by_url(url, options),
        None => Hdf5Store::open(location, &options.hdf5),
    }
}

/// Opens a file behind a URL, of which no more is fetched than what is asked for.
#[cfg(feature = "zarr")]
fn by_url(url: &str, options: &ReadOptions) -> Result<Hdf5Store> {
    let object = anndata_io_zarr::RemoteObject::by_url(url, &options.zarr)?;
    let size = object.size().map_err(|error| error.in_file(url))?;
    let source = Blocks::new(Bytes { object, size }).map_err(|error| Error::from(error).in_file(url))?;
    Hdf5Store::open_source(source, Path::new(url), &options.hdf5)
}

#[cfg(not(feature = "zarr"))]
fn by_url(url: &str, _: &ReadOptions) -> Result<Hdf5Store> {
    Err(Error::unsupported("this build knows no URLs: its feature 'cloud' is off").in_file(url))
}

/// The bytes of an object behind a URL.
#[cfg(feature = "zarr")]
struct Bytes {
    object: anndata_io_zarr::RemoteObject,
    size: u64,
}

#[cfg(feature = "zarr")]
impl anndata_io_hdf5::ReadAt for Bytes {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|&end| end <= self.size);
        let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let read = self.object.read(offset..end).map_err(std::io::Error::other)?;
        if read.len() != bytes.len() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.copy_from_slice(&read);
        Ok(())
    }
}

/// Writes an `.h5ad` file that Python's anndata reads. A file that is there is replaced, whole and at once: whatever
/// happens meanwhile, the old or the new one is there. [`storage::atomic`](crate::storage::atomic) says what else is promised:
/// of permissions, links, devices, and what a kill leaves. An object that is lazy or [backed](crate::Backed) by the file
/// that was there still reads from that, and does not change the new one.
///
/// # Errors
/// If something has no stored form, or writing fails; then the old file stays.
#[cfg(feature = "hdf5")]
pub fn write_h5ad(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_h5ad_with(path, adata, &WriteOptions::default())
}

/// Writes an `.h5ad` file as the options say.
///
/// # Errors
/// As [`write_h5ad`], and if a file is there that is not to be replaced.
#[cfg(feature = "hdf5")]
pub fn write_h5ad_with(path: impl AsRef<Path>, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    let path = path.as_ref();
    if path.to_str().is_some_and(is_url) {
        let message = "only zarr stores are written to URLs: `write` and `write_zarr` do";
        return Err(Error::unsupported(message).in_file(path));
    }
    write(path, adata, options).map_err(|error| error.in_file(path))
}

/// As above, but errors about the object itself name no file.
#[cfg(feature = "hdf5")]
pub(crate) fn write(path: &Path, adata: &AnnData, options: &WriteOptions) -> Result<()> {
    write_atomic(path, options.overwrite.unwrap_or(true), options.durable, |store| {
        let store = Arc::clone(store);
        io::write_anndata(&Group::root(store), adata, &options.elem)
    })
}
