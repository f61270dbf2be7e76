//! `anndata concat`: several objects as one.

use std::io::{self, Write};
use std::path::PathBuf;

use anndata::concat::{ConcatPlan, ElementKind};
use anndata::experimental::{Grid, OnDiskOptions, concat_on_disk, plan_on_disk};
use anndata::storage::escaped;
use anndata::{ConcatAxis, ConcatOptions, Error, FillValue, Format, Join, Merge, WriteOptions};
use clap::{Args, ValueEnum};

use super::Failure;
use super::layout::size;
use crate::progress::Bar;

/// Concatenate objects along one axis, joining the other by name.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata concat all.h5ad one.h5ad two.h5ad --join outer --label batch --keys one,two\n  anndata concat all.zarr one.h5ad two.zarr --index-unique - --merge same --memory-limit 2G"
)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
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
    /// Concatenate in memory, which holds the output, instead of block by block.
    #[arg(long, conflicts_with_all = ["memory_limit", "dry_run", "rectilinear", "resume"])]
    in_memory: bool,
    /// Let the chunks of the inputs follow each other, so that they are copied as they are (output: zarr version 3).
    #[arg(long)]
    rectilinear: bool,
    /// Keep what was written if this is interrupted, and go on with it next time (output: a .zarr folder).
    #[arg(long)]
    resume: bool,
    /// Approximate memory budget for data in flight, in bytes or with a unit (K, M, G).
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = size)]
    memory_limit: u64,
    /// Print what the output would be, and write nothing.
    #[arg(long)]
    dry_run: bool,
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
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        if !self.in_memory {
            return self.on_disk(out);
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

    /// Block by block.
    fn on_disk(&self, out: &mut impl Write) -> Result<(), Failure> {
        let keys = match &self.keys {
            // In memory they are the categories of a label, of which some may have no object.
            Some(keys) if keys.len() != self.inputs.len() => {
                let inputs = self.inputs.len();
                let message = format!("expected one key per object, found {} keys for {inputs} objects", keys.len());
                return Err(Failure::Library(Error::invalid_input(message)));
            }
            Some(keys) => keys.clone(),
            None => (0..self.inputs.len()).map(|at| at.to_string()).collect(),
        };
        let inputs = keys.into_iter().zip(&self.inputs);
        let mut write = WriteOptions::default().with_overwrite(self.overwrite);
        let bar = if self.dry_run { None } else { Some(Bar::start("written")) };
        if let Some(progress) = bar.as_ref().and_then(Bar::progress) {
            write = write.with_progress(progress);
        }
        let mut concat = self.options();
        concat.keys = None;
        let options =
            OnDiskOptions::default().with_concat(concat).with_write(write).with_memory_limit(self.memory_limit);
        let grid = if self.rectilinear { Grid::Rectilinear } else { Grid::Regular };
        let options = options.with_resume(self.resume).with_grid(grid);
        if self.dry_run {
            let (plan, bytes) = plan_on_disk(inputs, &self.output, &options).map_err(Failure::Library)?;
            return describe(&plan, bytes, out).map_err(Failure::Output);
        }
        let inputs: Vec<_> = inputs.collect();
        if let Some(bar) = &bar {
            // What is wrong with the plan is told when it is carried out.
            bar.expect(|| plan_on_disk(inputs.clone(), &self.output, &options).map_or(0, |(_, bytes)| bytes));
        }
        concat_on_disk(inputs, &self.output, &options).map(drop).map_err(Failure::Library)
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

/// What a plan makes, a line for each element.
fn describe(plan: &ConcatPlan, bytes: u64, out: &mut impl Write) -> io::Result<()> {
    let (n_obs, n_vars) = plan.shape();
    writeln!(out, "n_obs × n_vars = {n_obs} × {n_vars}, about {bytes} bytes of values")?;
    let axis = plan.axis.name();
    for (name, _) in &plan.annotation.columns {
        writeln!(out, "{axis}/{}", escaped(name))?;
    }
    if let Some((name, _)) = &plan.label {
        writeln!(out, "{axis}/{}", escaped(name))?;
    }
    let layers = plan.layers.iter().map(|(key, element)| match key {
        None => ("X".to_owned(), element),
        Some(key) => (format!("layers/{key}"), element),
    });
    let arrays = plan.arrays.iter().map(|(key, element)| (format!("{axis}m/{key}"), element));
    let pairwise = plan.pairwise.iter().map(|(key, element)| (format!("{axis}p/{key}"), element));
    for (path, element) in layers.chain(arrays).chain(pairwise) {
        let kind = match &element.kind {
            ElementKind::Dense { dtype, .. } => format!("array of {dtype}"),
            ElementKind::Sparse { dtype, .. } | ElementKind::Diagonal { dtype } => format!("CSR matrix of {dtype}"),
            ElementKind::Frame(_) => "data frame".to_owned(),
            ElementKind::Awkward { .. } => "awkward array".to_owned(),
            ElementKind::Extension { encoding } => encoding.clone(),
            _ => "element".to_owned(),
        };
        writeln!(out, "{}: {}", escaped(&path), escaped(&kind))?;
    }
    if let Some(raw) = &plan.raw {
        let (n_obs, n_vars) = raw.shape();
        writeln!(out, "raw: {n_obs} × {n_vars}")?;
    }
    Ok(())
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
