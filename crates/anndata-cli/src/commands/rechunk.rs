//! `anndata rechunk`: objects as one store, in another order and other chunks.

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
    after_help = "Examples:\n  anndata rechunk one.h5ad two.h5ad all.zarr --shuffle --seed 7\n  anndata rechunk cells.h5ad grouped.zarr --group-by donor,gene --shuffle\n  anndata rechunk one.h5ad two.h5ad all.zarr --shuffle --rows-per-dataset 2000000"
)]
pub(crate) struct Rechunk {
    /// The objects, in order, and where to write the result.
    #[arg(required = true, num_args = 2.., value_names = ["INPUT", "OUTPUT"])]
    paths: Vec<PathBuf>,
    /// Shuffle the rows; with --group-by, those of each group.
    #[arg(long)]
    shuffle: bool,
    /// What the random order depends on.
    #[arg(long, default_value_t = 0, requires = "shuffle")]
    seed: u64,
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
        let data = Collection::open(inputs, &concat, |path| anndata::open(path)).map_err(Failure::Library)?;

        let seed = self.shuffle.then_some(self.seed);
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
}
