//! Changing single elements of a stored object.

use anndata_storage::{Group, Result};

use super::Backed;
use crate::AnnData;
use crate::io::{self, ElemReadOptions, ElemWriteOptions};

/// Changes the object that a group is, as a function changes it in memory. What the function replaces, adds or removes is
/// written, all of it or nothing, and nothing else is touched: elements that it leaves alone are not even read.
///
/// A column of a frame is written with the frame, whose other columns are copied block by block; so are elements that only
/// got another name.
///
/// ```
/// # use std::sync::Arc;
/// use anndata_format::{AnnData, Group, MemoryStore, Tensor, edit_anndata, io};
///
/// let root = Group::root(Arc::new(MemoryStore::new()));
/// let adata = AnnData::builder().shape(2, 3).obsm("X_pca", Tensor::from_vec([2, 1], vec![0.5, 1.5])?).build()?;
/// io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
///
/// let (read, write) = (io::ElemReadOptions::default(), io::ElemWriteOptions::default());
/// edit_anndata(&root, &read, &write, |adata| {
///     adata.rename_obsm("X_pca", "X_harmony")?;
///     adata.set_uns("method", "harmony");
///     Ok(())
/// })?;
/// assert_eq!(root.group("obsm")?.children()?, ["X_harmony"]);
/// # Ok::<(), anndata_format::Error>(())
/// ```
///
/// # Errors
/// As [`Backed::write_back`], those of the function, and if the group is no object; then nothing was changed.
pub fn edit_anndata(
    group: &Group,
    read: &ElemReadOptions,
    write: &ElemWriteOptions,
    change: impl FnOnce(&mut AnnData) -> Result<()>,
) -> Result<()> {
    let adata = io::read_anndata(group, &read.clone().with_lazy(true))?;
    let mut object = Backed { stored: adata.clone(), adata, root: group.clone(), options: read.clone() };
    object.edit(write, change).map_err(|error| object.locate(error))
}

impl Backed {
    fn edit(&mut self, options: &ElemWriteOptions, change: impl FnOnce(&mut AnnData) -> Result<()>) -> Result<()> {
        self.check_current()?;
        change(&mut self.adata)?;
        let changes = self.encoded(options, |context| self.changes(&self.adata, context))?;
        if changes.is_empty() {
            return Ok(());
        }
        self.apply(&changes, options)?;
        self.root.storage().commit()
    }
}
