//! Opening what is in any of the formats.

use std::path::Path;

use anndata_format::{Group, Report, Result, ValidateOptions};

use crate::Format;
use crate::format::Location;

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
/// # anndata::write_h5ad(&path, &AnnData::builder().shape(2, 3).uns("method", "umap").build()?)?;
/// let root = anndata::open(&path)?;
/// let method = io::read_elem(&root, "uns/method", &io::ElemReadOptions::default())?;
/// assert_eq!(method.to_text()?, "umap");
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If nothing is there, it is in no known format, or it cannot be opened.
pub fn open(location: impl AsRef<Path>) -> Result<Group> {
    let location = Location::of(location.as_ref())?;
    let path = &location.store;
    let root = match Format::of_store(path)? {
        #[cfg(feature = "hdf5")]
        Format::H5ad => {
            let store = anndata_io_hdf5::Hdf5Store::open(path, &anndata_io_hdf5::Hdf5Options::default())?;
            Group::root(std::sync::Arc::new(store))
        }
        #[cfg(feature = "zarr")]
        Format::Zarr => {
            let store = crate::zarr::open(path, &anndata_io_zarr::ZarrOptions::default())?;
            Group::root(std::sync::Arc::new(store))
        }
        #[cfg(not(all(feature = "hdf5", feature = "zarr")))]
        other => return Err(crate::format::not_built(other).in_file(path)),
    };
    location.within(root)
}

/// Looks for everything malformed or dangerous in what is at a path or URL, in bounded memory: see
/// [`validate`](crate::validate()).
///
/// ```
/// # use anndata::{AnnData, ValidateOptions};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write_h5ad(&path, &AnnData::builder().shape(2, 3).build()?)?;
/// let report = anndata::validate_path(&path, &ValidateOptions::default())?;
/// assert!(report.is_clean(), "{report}");
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If nothing is there, it is in no known format, or it cannot be opened. Whatever is wrong within it is a finding.
pub fn validate_path(location: impl AsRef<Path>, options: &ValidateOptions) -> Result<Report> {
    let root = open(location)?;
    anndata_format::validate(&root, options).map_err(|error| error.in_store(&**root.storage()))
}
