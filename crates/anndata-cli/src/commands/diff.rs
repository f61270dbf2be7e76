//! `anndata diff`: what differs between two objects, element by element.

use std::io::Write;
use std::path::{Path, PathBuf};

use anndata::storage::escaped;
use anndata::{AnnData, Difference, Keep, ReadOptions, Tolerance};
use clap::Args;
use serde_json::{Value, json};

use super::Failure;
use crate::printable::{Escapes, Printable};
use crate::progress::Bar;
use crate::style::Style;

/// Compare two objects, element by element, whatever formats they are in. Reads all values, in bounded memory.
///
/// Numbers are equal if |a - b| <= atol + rtol * |b|, and NaN is equal to NaN. Sparse matrices are compared by the values
/// that they stand for. Chunks, compression and the order of keys do not matter.
///
/// Exit status: 0 if nothing differs, 1 if something does, 2 if one of them cannot be read.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata diff before.h5ad after.zarr\n  anndata diff a.h5ad b.h5ad --rtol 1e-5 --json | jq '.differences[].path'"
)]
pub(crate) struct Diff {
    /// An object.
    first: PathBuf,
    /// Another one.
    second: PathBuf,
    /// Relative tolerance for numbers.
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = tolerance)]
    rtol: f64,
    /// Absolute tolerance for numbers.
    #[arg(long, value_name = "A", default_value_t = 0.0, value_parser = tolerance)]
    atol: f64,
    /// Compare numbers of different dtypes by value.
    #[arg(long)]
    any_dtype: bool,
    /// Print the differences as JSON.
    #[arg(long)]
    json: bool,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => Ok(number),
        _ => Err("it takes a number that is not negative".to_owned()),
    }
}

impl Diff {
    /// Prints what differs. Whether nothing does.
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<bool, Failure> {
        let (first, second) = (open(&self.first)?, open(&self.second)?);
        let tolerance = Tolerance::EXACT.with_rtol(self.rtol).with_atol(self.atol).with_any_dtype(self.any_dtype);
        let bar = Bar::start("compared");
        let differences = first.differences(&second, tolerance);
        drop(bar);
        if self.json {
            let object = json!({
                "equal": differences.is_empty(),
                "differences": differences.iter().map(described).collect::<Vec<_>>(),
            });
            writeln!(Printable::new(out, Escapes::Json), "{object:#}")?;
        } else {
            print(&differences, out)?;
        }
        Ok(differences.is_empty())
    }
}

/// An object of which nothing is kept that is read.
fn open(path: &Path) -> Result<AnnData, Failure> {
    let options = ReadOptions::default().with_lazy(true).with_keep(Keep::Never);
    anndata::read_with(path, &options).map_err(Failure::of(path))
}

fn described(difference: &Difference) -> Value {
    json!({
        "path": difference.path(),
        "message": parts(difference).1,
        "n_values": difference.n_values(),
        "positions": difference.positions(),
    })
}

/// The path as it is printed, and what differs there, with the cause if it cannot be read.
fn parts(difference: &Difference) -> (String, String) {
    let path = escaped(if difference.path().is_empty() { "/" } else { difference.path() }).to_string();
    let line = difference.to_string();
    let message = line.strip_prefix(&format!("{path}: ")).unwrap_or(&line).to_owned();
    (path, message)
}

fn print(differences: &[Difference], out: &mut impl Write) -> std::io::Result<()> {
    let style = Style::of_stdout();
    for difference in differences {
        let (path, message) = parts(difference);
        write!(out, "{}: {message}", style.bold(&path))?;
        match difference.n_values() {
            0 | 1 => writeln!(out)?,
            values => writeln!(out, "; {values} values differ")?,
        }
    }
    match differences.len() {
        0 => Ok(()),
        1 => writeln!(out, "1 difference"),
        many => writeln!(out, "{many} differences"),
    }
}
