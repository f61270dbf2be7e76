//! `anndata transpose`: observations and variables interchanged, as a stream.

use std::path::PathBuf;

use anndata::ConvertOptions;
use clap::Args;

use super::Failure;
use super::convert::{rewrite, warn};
use super::layout::Layout;

/// Write an object with observations and variables interchanged, block by block.
///
/// X and layers are transposed, a sparse matrix by changing its format (CSR becomes CSC); obs and var, obsm and varm, obsp
/// and varp change places. raw is left out, as its variables are others than those of the object.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata transpose genes_by_cells.h5ad cells_by_genes.h5ad")]
pub(crate) struct Transpose {
    /// The object to read: a path, or the URL of a zarr store.
    input: PathBuf,
    /// Where to write it.
    output: PathBuf,
    #[command(flatten)]
    layout: Layout,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

impl Transpose {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let write = self.layout.write(&self.output)?.with_overwrite(self.overwrite);
        let options = ConvertOptions::default().with_write(write).with_memory_limit(self.layout.memory_limit);
        let done = rewrite(&self.input, &self.output, options, |adata| adata.transpose_lazy())?;
        done.notes.iter().for_each(|note| warn(&self.input, note, ""));
        Ok(())
    }
}
