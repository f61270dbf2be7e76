//! `anndata create`: an object without values, to be filled by `anndata set`.

use std::path::PathBuf;

use anndata::{AnnData, DataFrame, WriteOptions};
use clap::Args;

use super::Failure;
use super::selection::names_in;

/// Write an object that has names and nothing else, to be filled with anndata set.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  anndata create cells.h5ad --obs-names barcodes.txt --var-names genes.txt\n  anndata set cells.h5ad X --from counts.npy"
)]
pub(crate) struct Create {
    /// Where to write it.
    output: PathBuf,
    /// A file with the names of the observations, one per line; - reads standard input.
    #[arg(long, value_name = "FILE")]
    obs_names: Option<PathBuf>,
    /// A file with the names of the variables.
    #[arg(long, value_name = "FILE")]
    var_names: Option<PathBuf>,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

impl Create {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let frame = |path: &Option<PathBuf>| {
            let names = path.as_deref().map_or(Ok(Vec::new()), names_in)?;
            Ok::<_, Failure>(DataFrame::new(names))
        };
        let (obs, var) = (frame(&self.obs_names)?, frame(&self.var_names)?);
        let failed = Failure::of(&self.output);
        let adata = AnnData::builder().obs(obs).var(var).build().map_err(&failed)?;
        let options = WriteOptions::default().with_overwrite(self.overwrite);
        anndata::write_with(&self.output, &adata, &options).map_err(failed)
    }
}
