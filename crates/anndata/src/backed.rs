//! Objects whose matrices stay in their file.

use std::path::Path;

use anndata_format::io::{ElemReadOptions, ElemWriteOptions};
use anndata_format::{AnnData, Backed, Error, Mode, Result};

use crate::open::open_as;
use crate::{ReadOptions, WriteOptions};

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
    let root = open_as(location.as_ref(), &ReadOptions::default(), mode)?;
    Backed::open(&root, &ElemReadOptions::default())
}

/// Writes an object to a file and opens it backed there: Python's `backed.copy(filename)`. Matrices are copied block by
/// block. A file that is there is an error.
///
/// # Errors
/// As writing and [`open_backed`].
pub fn copy_backed(adata: &AnnData, to: impl AsRef<Path>, mode: Mode) -> Result<Backed> {
    let path = to.as_ref();
    crate::write_with(path, adata, &WriteOptions::default().with_overwrite(false))?;
    open_backed(path, mode)
}

/// Moves the file or folder of a backed object, and opens the object there in the same mode: what setting `filename` does in
/// Python. What was changed in memory is written back first. Nothing that is there is replaced.
///
/// ```
/// # use anndata::{AnnData, Mode, Tensor};
/// # let directory = tempfile::tempdir()?;
/// # let (from, to) = (directory.path().join("a.h5ad"), directory.path().join("b.h5ad"));
/// # anndata::write(&from, &AnnData::builder().x(Tensor::from_vec([1, 2], vec![1.0_f32, 2.0])?).build()?)?;
/// let backed = anndata::open_backed(&from, Mode::Read)?;
/// let backed = anndata::move_backed(backed, &to)?;
/// assert_eq!(backed.path(), Some(to.as_path()));
/// assert!(!from.exists());
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If the object is not the whole of a file or folder, was changed but is open for reading only, or something stands at the
/// new path; as [`Backed::write_back`] and [`open_backed`].
#[doc(alias = "filename")]
pub fn move_backed(mut backed: Backed, to: impl AsRef<Path>) -> Result<Backed> {
    let (to, mode) = (to.as_ref(), backed.mode());
    let from = backed.path().map(Path::to_owned).filter(|_| backed.group().path().is_empty());
    let from = from.ok_or_else(|| Error::unsupported("the object is not the whole of a file or folder"))?;
    if to.symlink_metadata().is_ok() {
        return Err(Error::already_exists("it already exists").in_file(to));
    }
    backed.write_back(&ElemWriteOptions::default())?;
    backed.close()?;
    std::fs::rename(&from, to).map_err(|error| Error::from(error).in_file(&from))?;
    open_backed(to, mode)
}
