//! `anndata stats`: counts, sparsity, and what the columns hold.

use std::io::Write;
use std::path::PathBuf;

use anndata::storage::escaped;
use anndata::{AnnData, Column, ColumnKind, ColumnSchema, DType, DataFrame, Element, Series};
use clap::Args;
use serde_json::{Map, Value, json};

use super::Failure;
use super::head::print_table;
use crate::printable::{Escapes, Printable};

/// Print statistics of an object: counts and genes per observation, sparsity, and of each column of obs and var how many
/// values are missing and how many are distinct. Reads X once or twice, in bounded memory.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  anndata stats cells.h5ad\n  anndata stats cells.h5ad --layer counts --json | jq .matrix.density"
)]
pub(crate) struct Stats {
    /// The object: a path, or the URL of a zarr store.
    path: PathBuf,
    /// A layer, in place of X.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let failed = Failure::of(&self.path);
        let adata = anndata::read_lazy(&self.path).map_err(&failed)?;
        let matrix = match &self.layer {
            None => adata.x().cloned(),
            Some(name) => Some(adata.at(&format!("layers/{name}")).map_err(&failed)?),
        };
        let of_matrix = matrix.map(|matrix| of_matrix(&matrix)).transpose();
        let path = self.layer.as_ref().map_or_else(|| "X".to_owned(), |name| format!("layers/{name}"));
        let of_matrix = of_matrix.map_err(|error| failed(error.at(&path)))?;
        let columns = |frame: &DataFrame, slot| columns(frame).map_err(|error| failed(error.at(slot)));
        let (obs, var) = (columns(adata.obs(), "obs")?, columns(adata.var(), "var")?);
        if self.json {
            let object = json!({
                "n_obs": adata.n_obs(),
                "n_vars": adata.n_vars(),
                "matrix": of_matrix,
                "obs": obs,
                "var": var,
            });
            writeln!(Printable::new(out, Escapes::Json), "{object:#}")?;
            return Ok(());
        }
        print(&adata, &path, of_matrix.as_ref(), out)?;
        for (slot, columns) in [("obs", &obs), ("var", &var)] {
            if !columns.is_empty() {
                writeln!(out)?;
                print_table(&table(slot, columns), out)?;
            }
        }
        Ok(())
    }
}

/// Numbers of a matrix: `n_values` that are not zero (dense) or stored (sparse), and their share of all.
fn of_matrix(matrix: &Element) -> anndata::Result<Value> {
    let schema = matrix.schema()?;
    let format = match matrix.sparse_format()? {
        None => "dense".to_owned(),
        Some(format) => format!("{format:?}").to_lowercase(),
    };
    let genes: Vec<f64> = matrix.nnz_per_row()?.into_iter().map(to_f64).collect();
    let cells = schema.shape().unwrap_or_default().into_iter().map(to_f64).product::<f64>();
    let n_values = genes.iter().sum::<f64>();
    let mut object = Map::new();
    object.insert("dtype".to_owned(), json!(schema.dtype().map(ToString::to_string)));
    object.insert("format".to_owned(), json!(format));
    object.insert("n_values".to_owned(), whole(n_values));
    object.insert("density".to_owned(), if cells > 0.0 { json!(n_values / cells) } else { Value::Null });
    object.insert("genes_per_observation".to_owned(), spread(genes));
    if schema.dtype().is_some_and(|dtype| !dtype.is_complex()) {
        let sums = matrix.row_sums()?.cast(&DType::F64)?;
        object.insert("counts_per_observation".to_owned(), spread(sums.as_slice::<f64>()?.to_vec()));
    }
    Ok(Value::Object(object))
}

#[expect(clippy::cast_precision_loss, reason = "a number to be looked at")]
fn to_f64(number: usize) -> f64 {
    number as f64
}

/// A number without a fraction where it has none; nothing where JSON has no such number.
fn whole(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() != 0.0 || number.abs() >= EXACT {
        return json!(number);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is a whole number of at most 53 bits")]
    let integer = number as i64;
    json!(integer)
}

/// Minimum, median, mean and maximum.
fn spread(mut values: Vec<f64>) -> Value {
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return Value::Null };
    let at = |position: usize| values.get(position).copied().unwrap_or(f64::NAN);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle - 1), at(middle)) };
    let mean = values.iter().sum::<f64>() / to_f64(values.len());
    json!({"min": whole(min), "median": whole(median), "mean": whole(mean), "max": whole(max)})
}

/// An object for each column of a frame.
fn columns(frame: &DataFrame) -> anndata::Result<Vec<Value>> {
    frame.columns().map(|(name, series)| of_column(name, series).map_err(|error| error.at(name))).collect()
}

fn of_column(name: &str, series: &Series) -> anndata::Result<Value> {
    let column = series.load()?;
    let dtype = ColumnSchema::of(&column)?.dtype;
    let kind = match column.kind() {
        ColumnKind::Categorical { .. } => "categorical",
        ColumnKind::Nullable(_) => "nullable",
        ColumnKind::Time(_) => "time",
        ColumnKind::Plain => "plain",
    };
    let missing = column.is_missing_or_nan()?.count();
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(name));
    object.insert("kind".to_owned(), json!(kind));
    object.insert("dtype".to_owned(), json!(dtype.to_string()));
    object.insert("missing".to_owned(), json!(missing));
    object.insert("distinct".to_owned(), json!(distinct(&column)?));
    let is_number =
        (dtype.is_integer() || dtype.is_float()) && !matches!(column.kind(), ColumnKind::Categorical { .. });
    if is_number {
        let values = column.to_tensor()?.cast(&DType::F64)?;
        let present = values.as_slice::<f64>()?.iter().zip(column.missing()).filter(|(_, missing)| !missing);
        if let Value::Object(spread) = spread(present.map(|(&value, _)| value).collect()) {
            object.extend(spread);
        }
    }
    Ok(Value::Object(object))
}

/// How many different values there are, missing ones and NaN not counted.
fn distinct(column: &Column) -> anndata::Result<usize> {
    let unique = column.unique()?;
    Ok(unique.len() - unique.is_missing_or_nan()?.count())
}

fn print(adata: &AnnData, path: &str, matrix: Option<&Value>, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{} observations × {} variables", adata.n_obs(), adata.n_vars())?;
    let Some(matrix) = matrix else { return writeln!(out, "no {}", escaped(path)) };
    let text = |value: &Value| value.as_str().map_or_else(|| shown(value), str::to_owned);
    let percent = matrix["density"].as_f64().map_or_else(String::new, |share| format!(", {:.2}%", share * 100.0));
    let (format, dtype, values) = (text(&matrix["format"]), text(&matrix["dtype"]), text(&matrix["n_values"]));
    writeln!(out, "{}: {format} {dtype}, {values} values{percent}", escaped(path))?;
    for (key, title) in [("genes_per_observation", "genes"), ("counts_per_observation", "counts")] {
        if let Value::Object(spread) = &matrix[key] {
            let parts: Vec<String> = spread.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
            writeln!(out, "{title} per observation: {}", parts.join(", "))?;
        }
    }
    Ok(())
}

/// A number with as many digits as one looks at.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let text = format!("{number:.4}");
            let short = text.trim_end_matches('0').trim_end_matches('.');
            if short == "0" || short == "-0" { format!("{number:.3e}") } else { short.to_owned() }
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The columns of a table of columns.
fn table(slot: &str, columns: &[Value]) -> Vec<Vec<String>> {
    let text = |value: &Value| value.as_str().map_or_else(|| shown(value), |text| escaped(text).to_string());
    ["name", "kind", "dtype", "missing", "distinct", "min", "median", "mean", "max"]
        .iter()
        .map(|&key| {
            let title = if key == "name" { slot } else { key };
            std::iter::once(title.to_owned()).chain(columns.iter().map(|column| text(&column[key]))).collect()
        })
        .collect()
}
