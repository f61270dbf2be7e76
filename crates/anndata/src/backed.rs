//! Objects whose matrices stay in their file.

use std::path::Path;
use std::sync::Arc;

use anndata_format::io::{ElemReadOptions, ElemWriteOptions};
use anndata_format::{AnnData, Backed, Group, Result, Storage};

use crate::Format;
use crate::format::Location;

/// Whether a backing file is only read, or changed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It is only read; Python's `"r"`.
    #[default]
    Read,
    /// Its matrices can be changed in place; Python's `"r+"`.
    ReadWrite,
}

/// Opens an `.h5ad` file or zarr store with everything in memory but `X`, layers and `raw.X`: see [`Backed`].
///
/// ```
/// # use anndata::{AnnData, Mode, Tensor};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # let adata = AnnData::builder().x(Tensor::from_vec([3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?).build()?;
/// # anndata::write_h5ad(&path, &adata)?;
/// let mut backed = anndata::open_backed(&path, Mode::ReadWrite)?;
/// backed.write_x(0, .., &Tensor::from_vec([1, 2], vec![10.0_f32, 20.0])?)?;
/// backed.close()?;
///
/// let x = anndata::open_backed(&path, Mode::Read)?.select(0, ..)?.x().unwrap().to_tensor()?;
/// assert_eq!(x.as_slice::<f32>()?, [10.0, 20.0]);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`open`](crate::open), or if something but a matrix cannot be read.
pub fn open_backed(location: impl AsRef<Path>, mode: Mode) -> Result<Backed> {
    let location = Location::of(location.as_ref())?;
    let path = &location.store;
    let store: Arc<dyn Storage> = match (Format::of_store(path)?, mode) {
        (_, Mode::Read) => Arc::clone(crate::open(path)?.storage()),
        #[cfg(feature = "hdf5")]
        (Format::H5ad, Mode::ReadWrite) => {
            let options = anndata_io_hdf5::Hdf5Options::default();
            Arc::new(anndata_io_hdf5::Hdf5Store::open_rw(path, &options)?)
        }
        #[cfg(feature = "zarr")]
        (Format::Zarr, Mode::ReadWrite) => {
            let options = anndata_io_zarr::ZarrOptions::default();
            Arc::new(anndata_io_zarr::ZarrStore::open_rw(path, &options)?)
        }
        #[cfg(not(all(feature = "hdf5", feature = "zarr")))]
        (format, _) => return Err(crate::format::not_built(format).in_file(path)),
    };
    Backed::open(&location.within(Group::root(store))?, &ElemReadOptions::default())
}

/// Writes an object to a file and opens it backed there: Python's `backed.copy(filename)`. Matrices are copied block by
/// block. A file that is there is an error.
///
/// # Errors
/// As writing and [`open_backed`].
pub fn copy_backed(adata: &AnnData, to: impl AsRef<Path>, mode: Mode) -> Result<Backed> {
    let path = to.as_ref();
    let write = ElemWriteOptions::default();
    match Format::for_name(path)? {
        #[cfg(feature = "hdf5")]
        Format::H5ad => {
            let options = crate::H5adWriteOptions::default().with_write(write).with_overwrite(false);
            crate::write_h5ad_with(path, adata, &options)?;
        }
        #[cfg(feature = "zarr")]
        Format::Zarr => {
            let options = crate::ZarrWriteOptions::default().with_write(write).with_overwrite(false);
            crate::write_zarr_with(path, adata, &options)?;
        }
        #[cfg(not(all(feature = "hdf5", feature = "zarr")))]
        format => return Err(crate::format::not_built(format)),
    }
    open_backed(path, mode)
}
