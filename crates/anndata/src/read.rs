//! Reading an object from a path or URL, whatever its format.

use std::path::Path;

use anndata_format::storage::unblock;
use anndata_format::{AnnData, Result, io};

use crate::{ReadOptions, open_object_with, open_with};

/// Reads the object at a path or URL into memory, on all cores: an `.h5ad` file, a `.zarr` folder, a `.zarr.zip` file or,
/// with the feature `cloud`, a zarr store behind a URL. The content says the format, not the name. A path may lead into a
/// store, as for [`open`](crate::open). With the feature `text` all else is read that
/// [`open_object`](crate::open_object) opens.
///
/// ```
/// # use anndata::{AnnData, Tensor};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # let x = Tensor::from_vec([3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// # anndata::write(&path, &AnnData::builder().x(x).build()?)?;
/// let adata = anndata::read(&path)?;
/// assert_eq!(adata.shape(), (3, 2));
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If nothing is there, it is in no known format, or something in it is malformed; the error names the path of the
/// element.
#[doc(alias = "read_h5ad")]
#[doc(alias = "read_zarr")]
pub fn read(location: impl AsRef<Path>) -> Result<AnnData> {
    read_with(location, &ReadOptions::default())
}

/// Reads the object at a path or URL as the options say.
///
/// # Errors
/// As [`read`].
pub fn read_with(location: impl AsRef<Path>, options: &ReadOptions) -> Result<AnnData> {
    let location = location.as_ref();
    #[cfg(feature = "text")]
    if options.elem.skip.is_empty() && options.elem.as_sparse.is_empty() {
        if let Some(adata) = crate::format::text::read(location, options)? {
            return Ok(adata);
        }
        return io::read_anndata(&open_with(location, options)?, &options.elem);
    }
    io::read_anndata(&open_object_with(location, options)?, &options.elem)
}

/// Reads the metadata of the object at a path or URL: elements and columns are read when they are asked for.
///
/// ```
/// # use anndata::{AnnData, Tensor};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # let x = Tensor::from_vec([3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// # anndata::write(&path, &AnnData::builder().x(x).build()?)?;
/// let adata = anndata::read_lazy(&path)?;
/// // No more than the second row is read.
/// let row = adata.select(1, ..)?.load()?;
/// assert_eq!(row.x().unwrap().to_tensor()?.as_slice::<f32>()?, [3.0, 4.0]);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`read`].
pub fn read_lazy(location: impl AsRef<Path>) -> Result<AnnData> {
    read_with(location, &ReadOptions::default().with_lazy(true))
}

/// The async twin of [`read`]: works on any executor, and blocks none of its threads.
///
/// # Errors
/// As [`read`].
pub async fn read_async(location: impl AsRef<Path>) -> Result<AnnData> {
    read_with_async(location, &ReadOptions::default()).await
}

/// The async twin of [`read_with`].
///
/// The arrays of a remote store are all under way at once; a file is read by threads of its own.
///
/// # Errors
/// As [`read`]. Dense matrices of a remote store cannot be made sparse on the way.
pub async fn read_with_async(location: impl AsRef<Path>, options: &ReadOptions) -> Result<AnnData> {
    let (location, options) = (location.as_ref().to_owned(), options.clone());
    if location.to_str().is_some_and(crate::format::is_url) {
        let (opened, elem) = (options.clone(), options.elem);
        let root = unblock(move || open_with(location, &opened)).await?;
        return io::read_anndata_async(&root, &elem).await;
    }
    unblock(move || read_with(location, &options)).await
}

/// The async twin of [`read_lazy`]. [`AnnData::load_async`] then reads what is needed of the object, or of a selection.
///
/// # Errors
/// As [`read`].
pub async fn read_lazy_async(location: impl AsRef<Path>) -> Result<AnnData> {
    read_with_async(location, &ReadOptions::default().with_lazy(true)).await
}
