//! `anndata head`: the first rows of a table.

use std::io::Write;
use std::path::PathBuf;

use anndata::storage::escaped;
use anndata::{DataFrame, Selector};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::Failure;
use crate::json::column_values;
use crate::printable::{Escapes, Printable};
use crate::style::Style;

/// Print the first rows of obs or var.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  anndata head cells.h5ad\n  anndata head cells.h5ad var -n 20 --json")]
pub(crate) struct Head {
    /// The object: a path, or the URL of a zarr store.
    path: PathBuf,
    /// The table.
    #[arg(value_enum, default_value_t = Axis::Obs)]
    axis: Axis,
    /// The number of rows.
    #[arg(short, value_name = "N", default_value_t = 10)]
    n: usize,
    /// Print an array of objects, one per row.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Axis {
    Obs,
    Var,
}

/// How many characters wide a cell is at most.
const CELL: usize = 40;

impl Head {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let failed = Failure::of(&self.path);
        let adata = anndata::read_lazy(&self.path).map_err(&failed)?;
        let first = |len: usize| Selector::from(..self.n.min(len));
        let part = match self.axis {
            Axis::Obs => adata.select(first(adata.n_obs()), ..),
            Axis::Var => adata.select(.., first(adata.n_vars())),
        };
        let part = part.map_err(&failed)?;
        let frame = if self.axis == Axis::Obs { part.obs() } else { part.var() };
        if self.json {
            let rows = records(frame).map_err(&failed)?;
            writeln!(Printable::new(out, Escapes::Json), "{:#}", Value::Array(rows))?;
            return Ok(());
        }
        let columns = cells(frame).map_err(failed)?;
        print_table(&columns, out)?;
        Ok(())
    }
}

/// A row is an object of its name, as `_index`, and of the values of all columns.
fn records(frame: &DataFrame) -> anndata::Result<Vec<Value>> {
    let names = frame.names()?;
    let mut rows: Vec<Map<String, Value>> =
        names.into_iter().map(|name| Map::from_iter([("_index".to_owned(), json!(name))])).collect();
    for (name, series) in frame.columns() {
        let values = column_values(&series.load()?).map_err(|error| error.at(name))?;
        for (row, value) in rows.iter_mut().zip(values) {
            row.insert(name.to_owned(), value);
        }
    }
    Ok(rows.into_iter().map(Value::Object).collect())
}

/// The columns of a table, the index first, each with its name on top.
fn cells(frame: &DataFrame) -> anndata::Result<Vec<Vec<String>>> {
    let header = |name: &str| vec![cell(name)];
    let mut columns = vec![header(frame.index_name().unwrap_or(""))];
    columns[0].extend(frame.names()?.iter().map(|name| cell(name)));
    for (name, series) in frame.columns() {
        let mut column = header(name);
        column.extend(series.load().map_err(|error| error.at(name))?.printed().iter().map(|text| cell(text)));
        columns.push(column);
    }
    Ok(columns)
}

fn cell(text: &str) -> String {
    let text = escaped(text).to_string();
    if text.chars().count() <= CELL {
        return text;
    }
    text.chars().take(CELL - 1).chain(['…']).collect()
}

/// Columns side by side, the first to the left, the others to the right; the line on top is the header.
pub(super) fn print_table(columns: &[Vec<String>], out: &mut impl Write) -> std::io::Result<()> {
    let style = Style::of_stdout();
    let width = |column: &[String]| column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = columns.iter().map(|column| width(column)).collect();
    for line in 0..columns.first().map_or(0, Vec::len) {
        let mut text = String::new();
        for (number, (column, &width)) in columns.iter().zip(&widths).enumerate() {
            let cell = column.get(line).map_or("", String::as_str);
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            text.extend(if number == 0 { [cell, &padding, ""] } else { ["  ", &padding, cell] });
        }
        let text = text.trim_end();
        writeln!(out, "{}", if line == 0 { style.bold(text) } else { text.to_owned() })?;
    }
    Ok(())
}
