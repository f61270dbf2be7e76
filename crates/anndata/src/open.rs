//! Opening what is in any of the formats.

use std::path::Path;
use std::sync::Arc;

use anndata_format::storage::unblock;
use anndata_format::{Group, Mode, Report, Result, Storage, ValidateOptions};

use crate::format::{Location, check_changeable};
use crate::{Format, ReadOptions};

/// The root group of what is at a path or URL, for reading; the format is recognized by its content. Opening reads
/// metadata only.
///
/// A path may lead into a store: `cells.h5mu/mod/rna` is the group `mod/rna` of the file `cells.h5mu`, and so for zarr folders
/// and zip files. Whatever reads an object by its path takes such paths.
///
/// ```
/// # use anndata::{AnnData, io};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write(&path, &AnnData::builder().shape(2, 3).uns("method", "umap").build()?)?;
/// let root = anndata::open(&path)?;
/// let method = io::read_elem(&root, "uns/method", &io::ElemReadOptions::default())?;
/// assert_eq!(method.to_text()?, "umap");
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If nothing is there, it is in no known format, or it cannot be opened.
pub fn open(location: impl AsRef<Path>) -> Result<Group> {
    open_with(location, &ReadOptions::default())
}

/// The root group of what is at a path or URL, opened as the options say: limits, links, requests of remote stores. How
/// elements are read ([`ReadOptions::elem`]) is said to what reads them.
///
/// # Errors
/// As [`open`].
pub fn open_with(location: impl AsRef<Path>, options: &ReadOptions) -> Result<Group> {
    open_as(location.as_ref(), options, Mode::Read)
}

/// The root group of the object at a path or URL, as [`open`]; with the feature `text` also of what is no store: a Matrix Market
/// file or a folder with one, an HDF5 file of 10x Genomics, a table of numbers, a loom file. Those are read into memory as a whole,
/// and the group is that of a [`MemoryStore`](crate::MemoryStore) that holds them.
///
/// A modality of a MuData file is `cells.h5mu::rna`, for every function that reads an object by its path.
///
/// # Errors
/// As [`open`], and if what is no store cannot be read.
pub fn open_object(location: impl AsRef<Path>) -> Result<Group> {
    open_object_with(location, &ReadOptions::default())
}

/// [`open_object`], as the options say.
///
/// # Errors
/// As [`open_object`].
pub fn open_object_with(location: impl AsRef<Path>, options: &ReadOptions) -> Result<Group> {
    let location = location.as_ref();
    #[cfg(feature = "text")]
    if let Some(adata) = crate::format::text::read(location, options)? {
        let store = anndata_format::MemoryStore::new();
        let root = Group::root(Arc::new(store));
        let written =
            anndata_format::io::write_anndata(&root, &adata, &anndata_format::io::ElemWriteOptions::default());
        written.map_err(|error| error.in_file(location))?;
        return Ok(root);
    }
    open_with(location, options)
}

/// The async twin of [`open`]: works on any executor, and blocks none of its threads.
///
/// # Errors
/// As [`open`].
pub async fn open_async(location: impl AsRef<Path>) -> Result<Group> {
    open_with_async(location, &ReadOptions::default()).await
}

/// The async twin of [`open_with`].
///
/// # Errors
/// As [`open`].
pub async fn open_with_async(location: impl AsRef<Path>, options: &ReadOptions) -> Result<Group> {
    let (location, options) = (location.as_ref().to_owned(), options.clone());
    unblock(move || open_with(location, &options)).await
}

/// The root group of the file or zarr folder at a path, for reading and changing single elements. Each
/// [`write_elem`](crate::io::write_elem) is whole or not at all, and in a zarr store brings the collected metadata up to
/// date.
///
/// ```
/// # use anndata::{AnnData, Element, io};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write(&path, &AnnData::builder().shape(2, 3).uns("method", "umap").build()?)?;
/// let root = anndata::open_rw(&path)?;
/// io::write_elem(&root, "uns/method", &Element::from("tsne"), &io::ElemWriteOptions::default())?;
/// drop(root);
/// assert_eq!(anndata::read(&path)?.uns()["method"].to_text()?, "tsne");
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`open`], and if it cannot be changed: a zip file or a URL.
pub fn open_rw(location: impl AsRef<Path>) -> Result<Group> {
    open_rw_with(location, &ReadOptions::default())
}

/// [`open_rw`], as the options say.
///
/// # Errors
/// As [`open_rw`].
pub fn open_rw_with(location: impl AsRef<Path>, options: &ReadOptions) -> Result<Group> {
    open_as(location.as_ref(), options, Mode::ReadWrite)
}

/// The root group of what is at a path or URL, or a group within it.
pub(crate) fn open_as(location: &Path, options: &ReadOptions, mode: Mode) -> Result<Group> {
    let location = Location::of(location)?;
    let store = open_store(&location.store, options, mode).map_err(|error| error.in_file(&location.store))?;
    location.within(Group::root(store))
}

fn open_store(path: &Path, options: &ReadOptions, mode: Mode) -> Result<Arc<dyn Storage>> {
    if mode == Mode::ReadWrite {
        check_changeable(path)?;
    }
    Ok(match (Format::of_store(path)?, mode) {
        #[cfg(feature = "hdf5-read")]
        (Format::H5ad, Mode::Read) => Arc::new(crate::format::h5ad::open(path, options)?),
        #[cfg(feature = "hdf5")]
        (Format::H5ad, Mode::ReadWrite) => Arc::new(anndata_io_hdf5::Hdf5Store::open_rw(path, &options.hdf5)?),
        #[cfg(feature = "zarr")]
        (Format::Zarr, Mode::Read) => Arc::new(crate::format::zarr::open(path, &options.zarr)?),
        #[cfg(feature = "zarr")]
        (Format::Zarr, Mode::ReadWrite) => Arc::new(anndata_io_zarr::ZarrStore::open_rw(path, &options.zarr)?),
        #[cfg(not(all(feature = "hdf5", feature = "zarr")))]
        (other, _) => return Err(crate::format::not_built(other)),
    })
}

/// Looks for everything malformed or dangerous in what is at a path or URL, in bounded memory: see
/// [`validate`](crate::validate()). What is no store of anndata's own (feature `text`) is validated as it would be written to one, and
/// is in memory then.
///
/// ```
/// # use anndata::{AnnData, ValidateOptions};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write(&path, &AnnData::builder().shape(2, 3).build()?)?;
/// let report = anndata::validate_path(&path, &ValidateOptions::default())?;
/// assert!(report.is_clean(), "{report}");
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If nothing is there, it is in no known format, or it cannot be opened. Whatever is wrong within a store is a finding; what is
/// wrong with a text is an error that names the line.
pub fn validate_path(location: impl AsRef<Path>, options: &ValidateOptions) -> Result<Report> {
    let location = location.as_ref();
    #[cfg(feature = "text")]
    let root = if crate::format::text::holds_object(location) { open_object(location)? } else { open(location)? };
    #[cfg(not(feature = "text"))]
    let root = open(location)?;
    anndata_format::validate(&root, options).map_err(|error| error.in_store(&**root.storage()))
}
