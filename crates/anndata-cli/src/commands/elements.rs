//! `anndata rm`, `mv` and `cp`: single elements of an object, changed in its file.

use std::path::PathBuf;

use anndata::{AnnData, Error, Result};
use clap::Args;

use super::Failure;

/// Remove elements of an object, in its file.
///
/// The object is changed as a whole or not at all. A .h5ad file does not become smaller: anndata repack does that.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata rm cells.h5ad obsp/distances uns/neighbors obs/leiden")]
pub(crate) struct Rm {
    /// The object: a file, or a zarr folder.
    path: PathBuf,
    /// Paths of elements: X, layers/counts, obs/louvain, obsm/X_pca, uns/pca/params, raw.
    #[arg(required = true, value_name = "ELEMENT")]
    elements: Vec<String>,
}

impl Rm {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        let remove = |adata: &mut AnnData| self.elements.iter().try_for_each(|path| adata.remove_at(path).map(drop));
        anndata::edit(&self.path, remove).map_err(Failure::of(&self.path))
    }
}

/// Rename an element of an object, or move it to another slot, in its file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata mv cells.h5ad obs/louvain obs/cluster")]
pub(crate) struct Mv {
    #[command(flatten)]
    between: Between,
}

/// Copy an element of an object, in its file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata cp cells.h5ad X layers/counts")]
pub(crate) struct Cp {
    #[command(flatten)]
    between: Between,
}

#[derive(Debug, Args)]
struct Between {
    /// The object: a file, or a zarr folder.
    path: PathBuf,
    /// The path of the element: X, layers/counts, obs/louvain, obsm/X_pca, uns/pca/params, raw.
    from: String,
    /// The path that it gets.
    to: String,
    /// Replace an element that is there.
    #[arg(long)]
    overwrite: bool,
}

impl Mv {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.between.run(|adata, from, to| match column_names(from, to) {
            // It stays where it is among the others.
            Some(("obs", from, to)) if !adata.obs().contains(to) => adata.rename_obs_column(from, to),
            Some(("var", from, to)) if !adata.var().contains(to) => adata.rename_var_column(from, to),
            _ => {
                let element = adata.remove_at(from)?;
                adata.set_at(to, element)
            }
        })
    }
}

impl Cp {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.between.run(|adata, from, to| {
            let element = adata.at(from)?;
            adata.set_at(to, element)
        })
    }
}

impl Between {
    fn run(&self, change: impl FnOnce(&mut AnnData, &str, &str) -> Result<()>) -> std::result::Result<(), Failure> {
        let Self { path, from, to, overwrite } = self;
        let is_within = |path: &str, other: &str| path.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
        if from == to || is_within(to, from) || is_within(from, to) {
            return Err(Failure::Usage(format!("{from} and {to} are the same, or one of them is in the other")));
        }
        let checked = |adata: &mut AnnData| {
            if !overwrite && adata.at(to).is_ok() {
                return Err(Error::already_exists("there is such an element already").at(to));
            }
            change(adata, from, to)
        };
        anndata::edit(path, checked).map_err(Failure::of(path))
    }
}

/// Two columns of one frame.
fn column_names<'a>(from: &'a str, to: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let ((slot, from), (other, to)) = (from.split_once('/')?, to.split_once('/')?);
    (slot == other && from != "_index" && to != "_index").then_some((slot, from, to))
}
