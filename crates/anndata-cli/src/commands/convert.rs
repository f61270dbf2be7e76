//! `anndata convert`: rewrites an object, as a stream.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anndata::storage::escaped;
use anndata::{
    Compression, ConvertOptions, Format, Note, ReadOptions, Sharding, WriteOptions, ZarrFormat, ZarrOptions,
};
use clap::{Args, ValueEnum};

use super::Failure;
use crate::progress;

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
    /// Compress arrays. In .h5ad files, Python reads zstd and blosc only with the package hdf5plugin.
    #[arg(long, value_enum)]
    compression: Option<Algorithm>,
    /// Compression level: 0 to 9 for gzip and blosc, 1 to 22 for zstd.
    #[arg(long, requires = "compression")]
    level: Option<u8>,
    /// Number of rows per chunk of a dense matrix.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    chunk_rows: Option<u64>,
    /// Version of the Zarr format to write.
    #[arg(long, value_name = "VERSION", value_parser = ["2", "3"])]
    zarr_format: Option<String>,
    /// Do not shard Zarr output (one file per chunk).
    #[arg(long)]
    no_shard: bool,
    /// Keep the chunks, shards and compression of each array of the input, if the output format supports them;
    /// zlib and gzip are equivalent. Elements that are encoded anew (those of outdated encodings, and awkward
    /// arrays) are laid out as without this option.
    #[arg(long, conflicts_with_all = ["compression", "chunk_rows", "no_shard"])]
    keep_layout: bool,
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
    /// Approximate memory budget for data in flight, in bytes or with a unit (K, M, G).
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = size)]
    memory_limit: u64,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    None,
    Gzip,
    Lzf,
    Zstd,
    Blosc,
}

impl Convert {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut write = WriteOptions::default()
            .with_plain_strings(self.legacy_strings)
            .with_as_sparse(self.as_sparse.clone())
            .with_as_dense(self.as_dense.clone())
            .with_compression(self.compression()?)
            .with_chunk_rows(self.chunk_rows)
            .with_keep_layout(self.keep_layout)
            .with_zarr(self.zarr()?)
            .with_overwrite(self.overwrite);
        let bar = progress::bytes("written");
        if let Some(bar) = &bar {
            let bar = bar.clone();
            write = write.with_progress(anndata::node::Progress::new(move |bytes| bar.inc(bytes)));
        }
        let read =
            ReadOptions::default().with_skip(self.skip.clone()).with_drop_unknown(self.drop).with_repair(self.repair);
        let options = ConvertOptions::default().with_read(read).with_write(write).with_memory_limit(self.memory_limit);
        let done = anndata::convert(&self.input, &self.output, &options);
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        for note in done.map_err(Failure::Library)?.notes {
            let option = if note.unknown_member { "--drop".to_owned() } else { format!("--skip {}", note.path) };
            let (file, Note { path, message, .. }) = (self.input.display(), &note);
            let line = format!("anndata: warning: {file}: {path}: {message}; {option} leaves it out");
            // If this cannot be written, the object still is.
            let _ = writeln!(io::stderr(), "{}", escaped(line));
        }
        Ok(())
    }

    /// How a zarr output is made; its options make no sense for another output.
    fn zarr(&self) -> Result<ZarrOptions, Failure> {
        let format = Format::for_name(&self.output).map_err(Failure::of(&self.output))?;
        if format != Format::Zarr && (self.zarr_format.is_some() || self.no_shard) {
            return Err(Failure::Usage("--zarr-format and --no-shard go with a .zarr output".to_owned()));
        }
        let mut options = ZarrOptions::default();
        if let Some(version) = self.zarr_format.as_deref() {
            options = options.with_format(if version == "2" { ZarrFormat::V2 } else { ZarrFormat::V3 });
        }
        if self.no_shard {
            options = options.with_sharding(Sharding::Off);
        }
        Ok(options)
    }

    fn compression(&self) -> Result<Compression, Failure> {
        let level = |default: u8, range: std::ops::RangeInclusive<u8>| match self.level {
            None => Ok(default),
            Some(level) if range.contains(&level) => Ok(level),
            Some(level) => {
                let (low, high) = (range.start(), range.end());
                Err(Failure::Usage(format!("--level {level} is not between {low} and {high}")))
            }
        };
        Ok(match self.compression {
            None => Compression::Default,
            Some(Algorithm::None | Algorithm::Lzf) if self.level.is_some() => {
                return Err(Failure::Usage("--level goes with gzip, zstd and blosc".to_owned()));
            }
            Some(Algorithm::None) => Compression::None,
            Some(Algorithm::Lzf) => Compression::Lzf,
            Some(Algorithm::Gzip) => Compression::Gzip(level(4, 0..=9)?),
            Some(Algorithm::Zstd) => Compression::Zstd(level(3, 1..=22)?.into()),
            Some(Algorithm::Blosc) => Compression::Blosc(level(5, 0..=9)?),
        })
    }
}

/// A number of bytes: `1000`, `64K`, `512M`, `1GiB`; units are powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err("the unit is none of K, M, G, T".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "it takes a number of bytes, such as 64M".to_owned())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "it takes a size above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("1000"), Ok(1000));
        assert_eq!(size("64k"), Ok(64 << 10));
        assert_eq!(size("512M"), Ok(512 << 20));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        for (wrong, message) in [
            ("", "it takes a number of bytes"),
            ("M", "it takes a number of bytes"),
            ("-1", "the unit is none of"),
            ("1.5G", "the unit is none of"),
            ("3X", "the unit is none of"),
            ("0", "it takes a size above 0"),
            ("99999999T", "it takes a size above 0"),
        ] {
            let error = size(wrong).unwrap_err();
            assert!(error.starts_with(message), "{wrong}: {error}");
        }
    }
}
