//! `anndata concat`: several objects as one.

use std::path::PathBuf;

use anndata::{ConcatAxis, ConcatOptions, Error, FillValue, Format, Join, Merge, WriteOptions};
use clap::{Args, ValueEnum};

use super::Failure;

/// Concatenate objects along one axis, joining the other by name.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata concat all.h5ad one.h5ad two.h5ad --in-memory --join outer --label batch --keys one,two\n  anndata concat all.zarr one.h5ad two.zarr --in-memory --index-unique - --merge same"
)]
pub(crate) struct Concat {
    /// Where to write the result.
    output: PathBuf,
    /// The objects, in order.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Axis to concatenate along.
    #[arg(long, value_enum, default_value = "obs")]
    axis: Along,
    /// Names of the other axis to keep: those in all objects (inner), or those in any (outer).
    #[arg(long, value_enum, default_value = "inner")]
    join: Joined,
    /// Annotations of the other axis to keep (default: none).
    #[arg(long, value_enum)]
    merge: Option<Strategy>,
    /// Elements of uns to keep (default: none).
    #[arg(long, value_enum)]
    uns_merge: Option<Strategy>,
    /// Add a column that names the object that each row is from.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Names of the objects, separated by commas (default: 0, 1, ...).
    #[arg(long, value_delimiter = ',')]
    keys: Option<Vec<String>>,
    /// Make names unique: append this separator and the name of the object to each.
    #[arg(long, value_name = "SEPARATOR", allow_hyphen_values = true)]
    index_unique: Option<String>,
    /// Fill value of an outer join (default: 0 in sparse matrices, NaN in dense arrays).
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    fill_value: Option<FillValue>,
    /// Keep obsp (or varp, along that axis), as blocks along a diagonal.
    #[arg(long)]
    pairwise: bool,
    /// Concatenate in memory (required: on-disk concatenation is not implemented yet).
    #[arg(long)]
    in_memory: bool,
    /// Replace an existing output.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Along {
    Obs,
    Var,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Joined {
    Inner,
    Outer,
}

/// Which elements are kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Strategy {
    /// Those that are the same in all objects.
    Same,
    /// Those of which there is only one value.
    Unique,
    /// The first of each key.
    First,
    /// Those that only one object has.
    Only,
}

impl Concat {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        if !self.in_memory {
            let message = "concat on disk is not there yet: use --in-memory, which takes memory for inputs and output";
            return Err(Failure::Usage(message.to_owned()));
        }
        Format::for_name(&self.output).map_err(Failure::of(&self.output))?;
        if !self.overwrite && self.output.exists() {
            // Told before the work, not after it.
            return Err(Failure::of(&self.output)(Error::already_exists("it already exists")));
        }
        // Elements are read when their turn comes.
        let open = |path| anndata::read_lazy(path).map_err(Failure::of(path));
        let inputs = self.inputs.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        // An error about one of the inputs names it.
        let joined = anndata::concat(&inputs.iter().collect::<Vec<_>>(), &self.options()).map_err(Failure::Library)?;
        let write = WriteOptions::default().with_overwrite(self.overwrite);
        anndata::write_with(&self.output, &joined, &write).map_err(Failure::of(&self.output))
    }

    fn options(&self) -> ConcatOptions {
        let mut options = ConcatOptions::default().with_pairwise(self.pairwise);
        options.axis = match self.axis {
            Along::Obs => ConcatAxis::Obs,
            Along::Var => ConcatAxis::Var,
        };
        options.join = match self.join {
            Joined::Inner => Join::Inner,
            Joined::Outer => Join::Outer,
        };
        options.merge = Strategy::merge(self.merge);
        options.uns_merge = Strategy::merge(self.uns_merge);
        options.label.clone_from(&self.label);
        options.keys = self.keys.clone().map(Into::into);
        options.index_unique.clone_from(&self.index_unique);
        options.fill_value = self.fill_value;
        options
    }
}

impl Strategy {
    fn merge(strategy: Option<Self>) -> Merge {
        match strategy {
            None => Merge::Off,
            Some(Self::Same) => Merge::Same,
            Some(Self::Unique) => Merge::Unique,
            Some(Self::First) => Merge::First,
            Some(Self::Only) => Merge::Only,
        }
    }
}
