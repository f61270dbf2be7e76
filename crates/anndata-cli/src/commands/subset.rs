//! `anndata subset`: some observations and variables, as a stream.

use std::path::PathBuf;

use anndata::{ConvertOptions, SelectOptions};
use clap::Args;

use super::Failure;
use super::convert::{rewrite, warn};
use super::layout::Layout;
use super::selection::Selection;

/// Write some observations and variables of an object, block by block.
#[derive(Debug, Args)]
#[command(
    long_about = "Write some observations and variables of an object, block by block.\n\n\
        A selection is one of:\n  \
        10:20, :100, -5:         positions, from the first and without the last; negative ones count from the end\n  \
        CD4,CD8A                 names, in this order\n  \
        @FILE                    names, one per line; @- reads standard input\n  \
        louvain==B cells         values of a column; also != < <= > >=\n  \
        louvain in B cells,NK    one of several values\n\n\
        Given more than once, all of them have to hold, and the order is that of the object. A missing value fulfils no \
        condition. Categories that nothing selected has are left out, as in Python.",
    after_help = "Examples:\n  anndata subset cells.h5ad b.h5ad --obs 'louvain==B cells' --var @genes.txt\n  anndata subset cells.zarr few.zarr --obs :1000 --var 'highly_variable==true'"
)]
pub(crate) struct Subset {
    /// The object to read: a path, or the URL of a zarr store.
    input: PathBuf,
    /// Where to write it.
    output: PathBuf,
    /// Observations. Repeatable.
    #[arg(long, value_name = "SELECTION", allow_hyphen_values = true)]
    obs: Vec<Selection>,
    /// Variables. Repeatable.
    #[arg(long, value_name = "SELECTION", allow_hyphen_values = true)]
    var: Vec<Selection>,
    /// Keep categories that nothing selected has.
    #[arg(long)]
    keep_categories: bool,
    #[command(flatten)]
    layout: Layout,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

impl Subset {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if self.obs.is_empty() && self.var.is_empty() {
            return Err(Failure::Usage("say what to keep with --obs, --var or both".to_owned()));
        }
        let write = self.layout.write(&self.output)?.with_overwrite(self.overwrite);
        let options = ConvertOptions::default().with_write(write).with_memory_limit(self.layout.memory_limit);
        let (obs, var) = (Selection::read_all(&self.obs)?, Selection::read_all(&self.var)?);
        let select = SelectOptions::default().with_keep_unused_categories(self.keep_categories);
        let done = rewrite(&self.input, &self.output, options, |adata| {
            let obs = Selection::selector(&obs, adata.obs()).map_err(|error| error.at("obs"))?;
            let var = Selection::selector(&var, adata.var()).map_err(|error| error.at("var"))?;
            adata.select_with(obs, var, &select)
        })?;
        done.notes.iter().for_each(|note| warn(&self.input, note, ""));
        Ok(())
    }
}
