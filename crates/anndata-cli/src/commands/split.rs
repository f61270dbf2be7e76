//! `anndata split`: an object for each value of a column.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anndata::storage::escaped;
use anndata::{AxisSelection, ConvertOptions, Error, Groups};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::Failure;
use super::convert::{rewrite, warn};
use super::layout::Layout;
use crate::printable::{Escapes, Printable};

/// Write an object for each value of a column of obs, block by block.
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

/// An object to be written.
struct Part {
    value: String,
    path: PathBuf,
    rows: Vec<u64>,
}

impl Split {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        if self.folder.to_string_lossy().contains("://") {
            return Err(Failure::Usage("parts are written to a folder, not to a URL".to_owned()));
        }
        let failed = Failure::of(&self.input);
        let groups = self.groups().map_err(&failed)?;
        let without = groups.codes().iter().filter(|&&code| code < 0).count();
        let parts = self.parts(&groups).map_err(&failed)?;
        if let Some(part) = parts.iter().find(|part| !self.overwrite && part.path.exists()) {
            // Told before any is written.
            return Err(Failure::of(&part.path)(Error::already_exists("it already exists")));
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| Failure::of(&self.folder)(error.into()))?;
        let mut written = Vec::new();
        for Part { value, path, rows } in parts {
            let write = self.layout.write(&path)?.with_overwrite(self.overwrite);
            let options = ConvertOptions::default().with_write(write).with_memory_limit(self.layout.memory_limit);
            let n_obs = rows.len();
            let done = rewrite(&self.input, &path, options, |adata| adata.select(AxisSelection::from(rows), ..))?;
            if written.is_empty() {
                done.notes.iter().for_each(|note| warn(&self.input, note, ""));
            }
            if !self.json {
                writeln!(Printable::new(&mut *out, Escapes::Text), "{}: {n_obs} observations", path.display())?;
            }
            written.push(json!({"value": value, "path": path.to_string_lossy(), "n_obs": n_obs}));
        }
        if self.json {
            let object = json!({"parts": written, "n_obs_without_value": without});
            writeln!(Printable::new(out, Escapes::Json), "{object:#}")?;
        } else if without > 0 {
            let line = format!("anndata: warning: {without} observations have no value of {}", self.by);
            // If this cannot be written, the parts still are.
            let _ = writeln!(io::stderr(), "{}", escaped(line));
        }
        Ok(())
    }

    fn groups(&self) -> anndata::Result<Groups> {
        let adata = anndata::read_lazy(&self.input)?;
        adata.obs().group_by(&self.by).map_err(|error| error.at("obs"))?.without_empty()
    }

    fn parts(&self, groups: &Groups) -> anndata::Result<Vec<Part>> {
        let ending = match self.format {
            Parts::H5ad => "h5ad",
            Parts::Zarr => "zarr",
            Parts::ZarrZip => "zarr.zip",
        };
        let mut taken = HashSet::new();
        let mut parts = Vec::with_capacity(groups.len());
        for (value, rows) in groups.names().to_labels()?.into_iter().zip(groups.rows()) {
            parts.push(Part { path: free_path(&self.folder, &value, ending, &mut taken), value, rows: rows.clone() });
        }
        Ok(parts)
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
