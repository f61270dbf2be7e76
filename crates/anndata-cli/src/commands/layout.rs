//! How an output is laid out: the options of every subcommand that rewrites an object.

use std::path::Path;

use anndata::{Compression, Format, Sharding, WriteOptions, ZarrFormat, ZarrOptions};
use clap::{Args, ValueEnum};

use super::Failure;

/// Chunks, compression and memory.
#[derive(Debug, Args)]
pub(crate) struct Layout {
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
    #[arg(long = "keep-layout", conflicts_with_all = ["compression", "chunk_rows", "no_shard"])]
    keep: bool,
    /// Approximate memory budget for data in flight, in bytes or with a unit (K, M, G).
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = size)]
    pub(crate) memory_limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    None,
    Gzip,
    Lzf,
    Zstd,
    Blosc,
}

impl Layout {
    /// How an output of this name is written.
    pub(crate) fn write(&self, output: &Path) -> Result<WriteOptions, Failure> {
        Ok(WriteOptions::default()
            .with_compression(self.compression()?)
            .with_chunk_rows(self.chunk_rows)
            .with_keep_layout(self.keep)
            .with_zarr(self.zarr(output)?))
    }

    /// How a zarr output is made; its options make no sense for another output.
    fn zarr(&self, output: &Path) -> Result<ZarrOptions, Failure> {
        let format = Format::for_name(output).map_err(Failure::of(output))?;
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
