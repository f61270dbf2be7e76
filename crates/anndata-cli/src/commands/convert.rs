//! `anndata convert`: rewrites an object, as a stream.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anndata::storage::escaped;
use anndata::{AnnData, ConvertOptions, Converted, Note, ReadOptions};
use clap::Args;

use super::Failure;
use super::layout::Layout;
use crate::progress::{Bar, bytes_of};

/// Convert an object to the format named by the extension of the output, block by block.
#[derive(Debug, Args)]
#[command(
    long_about = "Convert an object to the format named by the extension of the output, block by block.\n\n\
        Every element is written in its current encoding, whatever it was read from. An element that cannot be read or \
        written is an error that names it; --skip leaves it out. Elements of unknown encodings \
        and members of the object that are not slots are copied unchanged, and each is reported on standard error, \
        as Python refuses an object that has any.\n\n\
        Chunks, shards and compression are chosen anew, whatever the input has: from the options, or else as this \
        program writes any object. --keep-layout keeps those of the input.",
    after_help = "Examples:\n  anndata convert cells.h5ad smaller.h5ad --compression gzip --level 6\n  anndata convert cells.h5ad cells.zarr\n  anndata convert cells.h5ad fewer.h5ad --skip uns/spatial --skip obs/odd"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Convert {
    /// The object to read: a path, or the URL of a zarr store.
    input: PathBuf,
    /// Where to write it: an .h5ad file, a .zarr folder, a .zarr.zip file, or the URL of a zarr store.
    output: PathBuf,
    #[command(flatten)]
    layout: Layout,
    /// Write nullable text as plain text, which anndata before 0.11 reads; a missing value is an error.
    #[arg(long)]
    legacy_strings: bool,
    /// Dense matrices to write sparse, separated by commas: X, raw/X, layers/counts.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    as_sparse: Vec<String>,
    /// Sparse matrices to write dense, separated by commas.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    as_dense: Vec<String>,
    /// Leave out the element at this path, such as uns/x or obs/column, without looking at it. Repeatable.
    #[arg(long, value_name = "PATH")]
    skip: Vec<String>,
    /// Leave out members of the object, and of its raw, that are not slots.
    #[arg(long)]
    drop: bool,
    /// Repair malformed elements whose meaning is clear: category codes that count from 1, equal categories, which
    /// are merged, masks of 0 and 1, and keys of layers and arrays with '/', which becomes '_'.
    #[arg(long)]
    repair: bool,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

impl Convert {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let write = self
            .layout
            .write(&self.output)?
            .with_plain_strings(self.legacy_strings)
            .with_as_sparse(self.as_sparse.clone())
            .with_as_dense(self.as_dense.clone())
            .with_overwrite(self.overwrite);
        let read =
            ReadOptions::default().with_skip(self.skip.clone()).with_drop_unknown(self.drop).with_repair(self.repair);
        let options =
            ConvertOptions::default().with_read(read).with_write(write).with_memory_limit(self.layout.memory_limit);
        let done = rewrite(&self.input, &self.output, options, Ok)?;
        for note in &done.notes {
            let option = if note.unknown_member { "--drop".to_owned() } else { format!("--skip {}", note.path) };
            warn(&self.input, note, &format!("; {option} leaves it out"));
        }
        Ok(())
    }
}

/// Rewrites an object, with a progress bar.
pub(crate) fn rewrite(
    input: &Path,
    output: &Path,
    mut options: ConvertOptions,
    change: impl FnOnce(AnnData) -> anndata::Result<AnnData>,
) -> Result<Converted, Failure> {
    let bar = Bar::start("written");
    if let Some(progress) = bar.progress() {
        options.write = options.write.with_progress(progress);
    }
    let done = anndata::rewrite(input, output, &options, |adata| {
        let changed = change(adata)?;
        bar.expect(|| bytes_of(&changed));
        Ok(changed)
    });
    done.map_err(Failure::Library)
}

/// Tells what was written although other readers refuse it.
pub(crate) fn warn(file: &Path, note: &Note, advice: &str) {
    let line = format!("anndata: warning: {}: {}: {}{advice}", file.display(), note.path, note.message);
    // If this cannot be written, the object still is.
    let _ = writeln!(io::stderr(), "{}", escaped(line));
}
