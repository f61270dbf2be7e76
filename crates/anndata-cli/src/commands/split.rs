//! `anndata split`: an object for each value of a column.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anndata::experimental::{SplitOptions, SplitPart, split_on_disk};
use anndata::storage::escaped;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Failure;
use super::convert::warn;
use super::layout::Layout;
use crate::printable::{Escapes, Printable};
use crate::progress::Bar;

/// Write an object for each value of a column of obs, block by block.
///
/// The input is read once, whatever the number of parts: rows that memory has no room for go to files in --scratch, which are
/// removed. (Matrices in CSC are read once per part.)
///
/// The files are called after the values; characters that are no letters, digits, '-', '_' or '.' become '_'. Observations
/// without a value are in none of them. Each file is complete or absent.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anndata split cells.h5ad by_donor --by donor")]
pub(crate) struct Split {
    /// The object to read: a path, or the URL of a zarr store.
    input: PathBuf,
    /// The folder for the parts; it is made if it is not there.
    folder: PathBuf,
    /// The column of obs.
    #[arg(long, value_name = "COLUMN")]
    by: String,
    /// The format of the parts.
    #[arg(long, value_enum, default_value_t = Parts::H5ad)]
    format: Parts,
    #[command(flatten)]
    layout: Layout,
    /// The folder for rows that memory has no room for. Default: that of the parts.
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Print the parts as JSON.
    #[arg(long)]
    json: bool,
    /// Replace existing outputs.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Parts {
    H5ad,
    Zarr,
    #[value(name = "zarr.zip")]
    ZarrZip,
}

impl Split {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        if self.folder.to_string_lossy().contains("://") {
            return Err(Failure::Usage("parts are written to a folder, not to a URL".to_owned()));
        }
        let ending = match self.format {
            Parts::H5ad => "h5ad",
            Parts::Zarr => "zarr",
            Parts::ZarrZip => "zarr.zip",
        };
        let bar = Bar::start("written");
        let mut write = self.layout.write(&self.folder.join("part").with_extension(ending))?;
        if let Some(progress) = bar.progress() {
            write = write.with_progress(progress);
        }
        let options = SplitOptions::default()
            .with_write(write.with_overwrite(self.overwrite))
            .with_memory_limit(self.layout.memory_limit)
            .with_scratch(self.scratch.clone().unwrap_or_else(|| self.folder.clone()));
        let mut taken = HashSet::new();
        let path = |value: &str| free_path(&self.folder, value, ending, &mut taken);
        let report = split_on_disk(&self.input, &self.by, path, &options).map_err(Failure::Library)?;
        drop(bar);
        report.converted.notes.iter().for_each(|note| warn(&self.input, note, ""));
        if self.json {
            let part = |part: &SplitPart| json!({"value": part.value, "path": part.path.to_string_lossy(), "n_obs": part.n_obs});
            let parts: Vec<Value> = report.parts.iter().map(part).collect();
            let object = json!({"parts": parts, "n_obs_without_value": report.without_value});
            writeln!(Printable::new(out, Escapes::Json), "{object:#}")?;
            return Ok(());
        }
        let mut out = Printable::new(out, Escapes::Text);
        for part in &report.parts {
            writeln!(out, "{}: {} observations", part.path.display(), part.n_obs)?;
        }
        if report.without_value > 0 {
            let line = format!("anndata: warning: {} observations have no value of {}", report.without_value, self.by);
            // If this cannot be written, the parts still are.
            let _ = writeln!(io::stderr(), "{}", escaped(line));
        }
        Ok(())
    }
}

/// A path for a value that no other value has, also where case does not count.
fn free_path(folder: &Path, value: &str, ending: &str, taken: &mut HashSet<String>) -> PathBuf {
    let is_plain = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
    let mut name: String = value.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    if name.starts_with('.') || name.is_empty() {
        // A hidden file, or none.
        name.insert(0, '_');
    }
    let mut number = 1;
    loop {
        let candidate = if number == 1 { name.clone() } else { format!("{name}-{number}") };
        if taken.insert(candidate.to_lowercase()) {
            return folder.join(format!("{candidate}.{ending}"));
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_path_of_its_own() {
        let mut taken = HashSet::new();
        let mut path = |value: &str| free_path(Path::new("d"), value, "h5ad", &mut taken).display().to_string();
        for (value, expected) in [
            ("B cells", "d/B_cells.h5ad"),
            ("B/cells", "d/B_cells-2.h5ad"),
            ("b_CELLS", "d/b_CELLS-3.h5ad"),
            ("..", "d/_...h5ad"),
            ("", "d/_.h5ad"),
            ("Zürich", "d/Zürich.h5ad"),
        ] {
            assert_eq!(path(value), expected);
        }
    }
}
