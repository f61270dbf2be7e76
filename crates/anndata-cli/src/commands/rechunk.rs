//! `anndata rechunk`: objects as one store, in another order and other chunks.

use std::ffi::OsString;
use std::path::PathBuf;

use anndata::experimental::{Collection, RechunkOptions, RowOrder, rechunk};
use anndata::{Compression, ConcatOptions, Error, Join, WriteOptions};
use clap::{Args, ValueEnum};

use super::Failure;
use super::layout::size;
use crate::progress::Bar;

/// Write objects as one store whose rows are in another order, in chunks of few rows: to train a model with.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata rechunk one.h5ad two.h5ad all.zarr --shuffle 7\n  anndata rechunk cells.h5ad grouped.zarr --group-by donor,gene --shuffle\n  anndata rechunk one.h5ad two.h5ad all.zarr --shuffle --rows-per-dataset 2000000"
)]
pub(crate) struct Rechunk {
    /// The objects, in order, and where to write the result.
    #[arg(required = true, num_args = 2.., value_names = ["INPUT", "OUTPUT"])]
    paths: Vec<PathBuf>,
    /// Shuffle the rows; with --group-by, those of each group. The order depends on the number that follows (default: 0).
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    shuffle: Option<String>,
    /// What the random order depends on, where it does not follow --shuffle.
    #[arg(long, requires = "shuffle")]
    seed: Option<u64>,
    /// Put rows together that have the same values in these columns of obs, separated by commas.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    group_by: Vec<String>,
    /// Names of the variables to keep: those in all objects (inner), or those in any (outer).
    #[arg(long, value_enum, default_value = "inner")]
    join: Joined,
    /// Add a column that names the object that each row is from.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Make names unique: append this separator and the number of the object to each.
    #[arg(long, value_name = "SEPARATOR", allow_hyphen_values = true)]
    index_unique: Option<String>,
    /// The rows of a chunk.
    #[arg(long, value_name = "ROWS", default_value_t = 64)]
    rows_per_chunk: u32,
    /// Write a folder of datasets of so many rows each, as annbatch reads it.
    #[arg(long, value_name = "ROWS")]
    rows_per_dataset: Option<u64>,
    /// Approximate memory budget for data in flight, in bytes or with a unit (K, M, G).
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = size)]
    memory_limit: u64,
    /// The folder for rows that memory has no room for (default: that of the output).
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Joined {
    Inner,
    Outer,
}

/// The words of a command line with `--shuffle SEED` as one word: what follows is a seed if it is a number, and else an input.
pub(crate) fn with_seeds(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut are_options = true;
    for word in words {
        let is_number = !word.is_empty() && word.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        match joined.last_mut() {
            Some(last) if are_options && is_number && last == "--shuffle" => {
                last.push("=");
                last.push(&word);
            }
            _ => {
                are_options &= word != "--";
                joined.push(word);
            }
        }
    }
    joined
}

impl Rechunk {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let Some((output, inputs)) = self.paths.split_last() else {
            return Err(Failure::Library(Error::invalid_input("expected an input and an output")));
        };
        let mut concat = ConcatOptions::default().with_join(match self.join {
            Joined::Inner => Join::Inner,
            Joined::Outer => Join::Outer,
        });
        concat.label.clone_from(&self.label);
        concat.index_unique.clone_from(&self.index_unique);
        let inputs = (0..inputs.len()).map(|at| at.to_string()).zip(inputs);
        let data = Collection::open(inputs, &concat, |path| anndata::open_object(path)).map_err(Failure::Library)?;

        let seed = self.seed()?;
        let order = match seed {
            _ if !self.group_by.is_empty() => {
                RowOrder::GroupBy { columns: self.group_by.clone(), shuffle_within: seed }
            }
            Some(seed) => RowOrder::Shuffle { seed },
            None => RowOrder::Keep,
        };
        let bar = Bar::start("written");
        let mut write = WriteOptions::default().with_overwrite(self.overwrite).with_compression(Compression::Blosc(5));
        if let Some(progress) = bar.progress() {
            write = write.with_progress(progress);
        }
        let options = RechunkOptions::default()
            .with_order(order)
            .with_rows_per_chunk(self.rows_per_chunk)
            .with_rows_per_dataset(self.rows_per_dataset)
            .with_memory_limit(self.memory_limit)
            .with_scratch(self.scratch.clone())
            .with_write(write);
        let done = rechunk(&data, output, &options);
        drop(bar);
        done.map(drop).map_err(Failure::Library)
    }

    /// What the random order depends on, if there is to be one.
    fn seed(&self) -> Result<Option<u64>, Failure> {
        let Some(own) = self.shuffle.as_deref() else { return Ok(None) };
        match (own.parse::<u64>(), self.seed) {
            (Ok(own), Some(other)) if own != other => {
                Err(Failure::Usage(format!("'--shuffle {own}' and '--seed {other}' cannot be used together")))
            }
            (Ok(own), _) => Ok(Some(own)),
            (Err(_), other) if own.is_empty() => Ok(Some(other.unwrap_or(0))),
            (Err(_), _) => Err(Failure::Usage(format!("the seed '{own}' of '--shuffle' is not a number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_after_shuffle_is_the_seed() {
        let seen = |line: &str| {
            let words = with_seeds(line.split(' ').map(OsString::from));
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(seen("a b --shuffle 7 --join outer"), "a b --shuffle=7 --join outer");
        assert_eq!(seen("--shuffle 7 8 out.zarr"), "--shuffle=7 8 out.zarr");
        assert_eq!(seen("--shuffle in.h5ad out.zarr --shuffle"), "--shuffle in.h5ad out.zarr --shuffle");
        assert_eq!(seen("--shuffle=3 4"), "--shuffle=3 4");
        assert_eq!(seen("-- --shuffle 7"), "-- --shuffle 7");
    }
}
