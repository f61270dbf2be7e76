//! `anndata validate`: every violation of the format and every danger.

use std::io::Write;
use std::path::PathBuf;

use anndata::ValidateOptions;
use clap::Args;

use super::Failure;
use crate::printable::{Escapes, Printable};
use crate::progress::{Bar, bytes_of};
use crate::style::Style;

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
        let bar = Bar::start("read");
        if let Some(progress) = bar.progress() {
            options = options.with_progress(progress);
        }
        // What cannot be read at all is told by the check.
        bar.expect(|| anndata::read_lazy(&self.path).map_or(0, |adata| bytes_of(&adata)));
        let report = anndata::validate_path(&self.path, &options);
        drop(bar);
        let report = report.map_err(Failure::of(&self.path))?;
        if self.json {
            writeln!(Printable::new(out, Escapes::Json), "{:#}", report.to_json())?;
        } else {
            let style = Style::of_stdout();
            for line in report.to_string().lines() {
                writeln!(out, "{}", painted(line, style))?;
            }
        }
        Ok(report.is_clean())
    }
}

/// A line of a report, in the colour of its severity.
fn painted(line: &str, style: Style) -> String {
    let paint = |severity: &str, paint: fn(Style, &str) -> String| {
        line.strip_prefix(severity).filter(|rest| rest.starts_with(' ')).map(|rest| paint(style, severity) + rest)
    };
    let severity = paint("error", Style::red).or_else(|| paint("warning", Style::yellow));
    severity.or_else(|| paint("info", Style::cyan)).unwrap_or_else(|| line.to_owned())
}
