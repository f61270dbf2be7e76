//! `anndata repack`: the same object in its place, with other chunks and compression.

use std::io::Write;
use std::path::{Path, PathBuf};

use anndata::{ConvertOptions, Error, Format};
use clap::Args;
use serde_json::json;

use super::Failure;
use super::convert::{rewrite, warn};
use super::layout::Layout;
use crate::printable::{Escapes, Printable};

/// Rewrite an object in its place, with other chunks and compression.
///
/// The old one stays until the new one is whole and takes its place. Elements that were deleted from a .h5ad file take no
/// room any more.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata repack cells.h5ad --compression zstd --level 5\n  anndata repack cells.zarr --zarr-format 3 --json"
)]
pub(crate) struct Repack {
    /// The object: a file, or a zarr folder.
    path: PathBuf,
    #[command(flatten)]
    layout: Layout,
    /// Print the sizes as JSON.
    #[arg(long)]
    json: bool,
}

impl Repack {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let failed = Failure::of(&self.path);
        let (named, is) = (Format::for_name(&self.path).map_err(&failed)?, Format::of(&self.path).map_err(&failed)?);
        if named != is {
            return Err(failed(Error::invalid_input(
                "its name says another format than it has: use anndata convert to a new name",
            )));
        }
        if anndata::text::TextFormat::of(&self.path).is_ok_and(|other| other.is_some()) {
            return Err(failed(Error::unsupported(
                "it is not anndata's own format: use anndata convert to a new name",
            )));
        }
        let before = stored(&self.path)?;
        let write = self.layout.write(&self.path)?;
        let options = ConvertOptions::default()
            .with_write(write)
            .with_overwrite(true)
            .with_memory_limit(self.layout.memory_limit);
        let done = rewrite(&self.path, &self.path, options, Ok)?;
        done.notes.iter().for_each(|note| warn(&self.path, note, ""));
        let after = stored(&self.path)?;
        if self.json {
            let object = json!({"path": self.path.to_string_lossy(), "bytes_before": before, "bytes_after": after});
            writeln!(Printable::new(out, Escapes::Json), "{object}")?;
        } else {
            let mut out = Printable::new(out, Escapes::Text);
            writeln!(out, "{}: {before} bytes before, {after} bytes after", self.path.display())?;
        }
        Ok(())
    }
}

/// The bytes of a file, or of all files in a folder.
fn stored(path: &Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::Library(Error::from(error).in_file(path));
    let metadata = path.metadata().map_err(failed)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut bytes = 0;
    for entry in path.read_dir().map_err(failed)? {
        bytes += stored(&entry.map_err(failed)?.path())?;
    }
    Ok(bytes)
}
