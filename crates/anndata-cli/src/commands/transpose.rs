//! `anndata transpose`: observations and variables interchanged, as a stream.

use std::path::PathBuf;

use anndata::{ConvertOptions, Keep, ReadOptions};
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
        // Matrices that are not kept are transposed as they are read.
        let read = ReadOptions::default().with_keep(Keep::Never);
        let options =
            ConvertOptions::default().with_read(read).with_write(write).with_memory_limit(self.layout.memory_limit);
        let done = rewrite(&self.input, &self.output, options, |adata| adata.transpose())?;
        done.notes.iter().for_each(|note| warn(&self.input, note, ""));
        Ok(())
    }
}
