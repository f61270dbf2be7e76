//! `anndata validate`: every violation of the format and every danger.

use std::io::Write;
use std::path::PathBuf;

use anndata::ValidateOptions;
use anndata::node::Progress;
use clap::Args;

use super::Failure;
use crate::printable::{Escapes, Printable};
use crate::progress;

/// Check for violations of the format and for dangers. Reads all values, in bounded memory.
///
/// Exit status: 0 if there is no error and no warning (notes of severity info do not count), 1 if there is one, 2
/// if nothing can be opened at the path.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata validate cells.h5ad\n  anndata validate cells.zarr --json | jq '.findings[].rule'"
)]
pub(crate) struct Validate {
    /// The object.
    path: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Validate {
    /// Prints what is found. Whether the object is clean.
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<bool, Failure> {
        let mut options = ValidateOptions::default();
        let bar = progress::bytes("read");
        if let Some(bar) = &bar {
            let bar = bar.clone();
            options = options.with_progress(Progress::new(move |bytes| bar.inc(bytes)));
        }
        let report = anndata::validate_path(&self.path, &options);
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let report = report.map_err(Failure::of(&self.path))?;
        if self.json {
            writeln!(Printable::new(out, Escapes::Json), "{:#}", report.to_json())?;
        } else {
            writeln!(out, "{report}")?;
        }
        Ok(report.is_clean())
    }
}
