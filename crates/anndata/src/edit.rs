//! Changing single elements of an object in its file.

use std::path::Path;

use anndata_format::io::ElemWriteOptions;
use anndata_format::{AnnData, Mode, Result, edit_anndata};

use crate::ReadOptions;
use crate::open::open_as;

/// Changes the object in an `.h5ad` file or zarr store, as a function changes it in memory: see
/// [`edit_anndata`](crate::edit_anndata). What the function replaces, adds or removes is written, all of it or nothing;
/// everything else stays as it is, and is not read.
///
/// ```
/// # use anndata::{AnnData, DataFrame};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # let obs = DataFrame::new(["a", "b"]).with_column("louvain", ["0", "1"])?;
/// # anndata::write(&path, &AnnData::builder().shape(2, 3).obs(obs).build()?)?;
/// anndata::edit(&path, |adata| {
///     adata.rename_obs_column("louvain", "cluster")?;
///     adata.set_at("uns/cluster/method", "louvain")
/// })?;
/// assert!(anndata::read(&path)?.obs().contains("cluster"));
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`open_rw`](crate::open_rw), those of the function, and if something has no stored form; then nothing was changed.
pub fn edit(location: impl AsRef<Path>, change: impl FnOnce(&mut AnnData) -> Result<()>) -> Result<()> {
    let options = ReadOptions::default();
    let root = open_as(location.as_ref(), &options, Mode::ReadWrite)?;
    edit_anndata(&root, &options.elem, &ElemWriteOptions::default(), change)?;
    root.storage().flush().map_err(|error| error.in_file(location.as_ref()))
}
