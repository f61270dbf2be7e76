//! Arrays as JSON and CSV, with the names of their rows and columns.
//!
//! A matrix is printed row by row, so that its text is never in memory as a whole.

use std::io::{self, Write};
use std::sync::Arc;

use anndata::acc::{AdRef, Container as _, Dim, Idx, Idx2D, RefAcc, Target};
use anndata::storage::{OrBug, ensure};
use anndata::{AnnData, ColumnKind, DType, DataFrame, Element, NameIndex, SparseFormat, SparseMatrix};
use serde_json::{Value, json};

use crate::json::{column_values, values};

/// Why an array could not be printed.
pub(super) enum Error {
    Output(io::Error),
    Data(anndata::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<anndata::Error> for Error {
    fn from(error: anndata::Error) -> Self {
        Self::Data(error)
    }
}

/// One object: `reference`, `dims`, names, and values: `names` and `values` of a vector, `rows`, `columns` and `values`
/// of a matrix. A sparse matrix has `row`, `column` and `value` of each stored value instead, a frame an object of its
/// columns.
pub(super) fn json(out: &mut impl Write, adata: &AnnData, target: &Target, element: &Element) -> Result<(), Error> {
    let dims = dims(target);
    let names: Vec<&str> = dims.iter().map(Dim::name).collect();
    write!(out, "{{\"reference\":{},\"dims\":{}", json!(target.to_string()), json!(names))?;
    match element {
        Element::Column(column) => {
            if !is_index(target) {
                write_names(out, "names", &names_of(adata, dims.first())?)?;
            }
            if let ColumnKind::Categorical { ordered } = column.kind() {
                let categories = column_values(&column.codes_and_categories()?.1)?;
                write!(out, ",\"categories\":{},\"ordered\":{ordered}", Value::Array(categories))?;
            }
            write!(out, ",\"values\":{}", Value::Array(column_values(column)?))?;
        }
        Element::Tensor(tensor) if tensor.ndim() == 1 => {
            write_names(out, "names", &names_of(adata, dims.first())?)?;
            write!(out, ",\"values\":{}", Value::Array(values(tensor)?))?;
        }
        Element::Tensor(tensor) => {
            write_names(out, "rows", &names_of(adata, dims.first())?)?;
            if let Some(columns) = dims.get(1) {
                write_names(out, "columns", &names_of(adata, Some(columns))?)?;
            }
            let Some((&rows, inner)) = tensor.shape().split_first() else {
                return Err(anndata::Error::bug("an array of names without axes").into());
            };
            write!(out, ",\"shape\":{:?},\"values\":[", tensor.shape())?;
            for row in 0..rows {
                let row_values = tensor.slice_rows(row..row + 1)?;
                let nested = nest(values(&row_values)?, inner)?;
                write!(out, "{}{nested}", if row == 0 { "" } else { "," })?;
            }
            out.write_all(b"]")?;
        }
        Element::Sparse(matrix) => {
            write_names(out, "rows", &names_of(adata, dims.first())?)?;
            if let Some(columns) = dims.get(1) {
                write_names(out, "columns", &names_of(adata, Some(columns))?)?;
            }
            let (rows, columns) = matrix.shape();
            let entries = Entries::of(matrix)?;
            write!(out, ",\"shape\":[{rows},{columns}],\"row\":[")?;
            entries.each(|first, row, _, _| write_item(out, first, &row))?;
            out.write_all(b"],\"column\":[")?;
            entries.each(|first, _, column, _| write_item(out, first, &column))?;
            out.write_all(b"],\"value\":[")?;
            entries.each(|first, _, _, value| write_item(out, first, value))?;
            out.write_all(b"]")?;
        }
        Element::Frame(frame) => {
            write_names(out, "rows", &frame.name_index()?)?;
            out.write_all(b",\"columns\":{")?;
            for (number, (name, column)) in frame.columns().enumerate() {
                let values = Value::Array(column_values(&column.load()?)?);
                write!(out, "{}{}:{values}", if number == 0 { "" } else { "," }, json!(name))?;
            }
            out.write_all(b"}")?;
        }
        Element::Awkward(awkward) => {
            write_names(out, "rows", &names_of(adata, dims.first())?)?;
            write!(out, ",\"values\":{}", awkward.to_list()?)?;
        }
        other => return Err(cannot(other).into()),
    }
    out.write_all(b"}\n")?;
    Ok(())
}

/// A header, and a row for each name: `name,value` of a vector, a value for each column of a matrix or frame. Of a
/// sparse matrix a row for each stored value: `row,column,value`.
pub(super) fn csv(out: &mut impl Write, adata: &AnnData, target: &Target, element: &Element) -> Result<(), Error> {
    let dims = dims(target);
    match element {
        Element::Column(column) if is_index(target) => {
            write_row(out, [&json!("name")])?;
            for value in &column_values(column)? {
                write_row(out, [value])?;
            }
        }
        Element::Column(column) => vector(out, adata, &dims, target, &column_values(column)?)?,
        Element::Tensor(tensor) if tensor.ndim() == 1 => vector(out, adata, &dims, target, &values(tensor)?)?,
        Element::Tensor(tensor) if tensor.ndim() == 2 => {
            let rows = names_of(adata, dims.first())?;
            // There are two axes.
            let width = tensor.shape()[1];
            let columns: Vec<Value> = match dims.get(1) {
                Some(dim) => names_of(adata, Some(dim))?.names().iter().map(|name| json!(name)).collect(),
                None => (0..width).map(|number| json!(number)).collect(),
            };
            write_row(out, [&json!("name")].into_iter().chain(&columns))?;
            for (row, name) in rows.names().iter().enumerate() {
                write_row(out, [&json!(name)].into_iter().chain(&values(&tensor.slice_rows(row..row + 1)?)?))?;
            }
        }
        Element::Sparse(matrix) => {
            let rows = names_of(adata, dims.first())?;
            let columns = dims.get(1).map(|dim| names_of(adata, Some(dim))).transpose()?;
            let name = |names: &NameIndex, at: usize| {
                ensure!(at < names.len(), "the position {at} of {} names", names.len());
                Ok(json!(names.names().value(at)))
            };
            write_row(out, ["row", "column", "value"].map(|text| json!(text)).iter())?;
            Entries::of(matrix)?.each(|_, row, column, value| {
                let column = columns
                    .as_ref()
                    .map_or_else(|| Ok::<_, anndata::Error>(json!(column)), |names| name(names, column))?;
                write_row(out, [&name(&rows, row)?, &column, value])
            })?;
        }
        Element::Frame(frame) => table(out, frame)?,
        Element::Tensor(tensor) => {
            return Err(anndata::Error::unsupported(format!(
                "{target} has {} dimensions, of which CSV has two; use --format json",
                tensor.ndim()
            ))
            .into());
        }
        Element::Awkward(_) => {
            return Err(anndata::Error::unsupported(format!("{target} is nested; use --format json")).into());
        }
        other => return Err(cannot(other).into()),
    }
    Ok(())
}

fn cannot(element: &Element) -> anndata::Error {
    anndata::Error::unsupported(format!("{} cannot be printed", element.kind_name()))
}

/// A vector as CSV, under the name of its column or index.
fn vector(out: &mut impl Write, adata: &AnnData, dims: &[Dim], target: &Target, values: &[Value]) -> Result<(), Error> {
    write_row(out, [&json!("name"), &json!(header(target))])?;
    let names = names_of(adata, dims.first())?;
    check_rows(&names, values.len())?;
    for (name, value) in names.names().iter().zip(values) {
        write_row(out, [&json!(name), value])?;
    }
    Ok(())
}

/// Rows are aligned in an object, whatever they are made of.
fn check_rows(names: &NameIndex, rows: usize) -> anndata::Result<()> {
    ensure!(names.len() == rows, "{rows} values of {} names", names.len());
    Ok(())
}

/// A frame as CSV.
fn table(out: &mut impl Write, frame: &DataFrame) -> Result<(), Error> {
    let header: Vec<Value> = frame.column_names().map(|name| json!(name)).collect();
    write_row(out, [&json!("name")].into_iter().chain(&header))?;
    let columns: Vec<Vec<Value>> =
        frame.columns().map(|(_, column)| column_values(&column.load()?)).collect::<anndata::Result<_>>()?;
    let names = frame.name_index()?;
    columns.iter().try_for_each(|column| check_rows(&names, column.len()))?;
    for (row, name) in names.names().iter().enumerate() {
        write_row(out, [&json!(name)].into_iter().chain(columns.iter().map(|column| &column[row])))?;
    }
    Ok(())
}

/// What a vector is called in a table: the column, the number, or the name of the row or column.
pub(super) fn header(target: &Target) -> String {
    let Target::Ref(reference) = target else { return "value".to_owned() };
    match reference.idx() {
        Idx::Column(Some(name)) => name.to_owned(),
        Idx::Matrix(Idx2D::Row(name) | Idx2D::Column(name)) => name.clone(),
        Idx::Position(position) => position.to_string(),
        _ => "value".to_owned(),
    }
}

/// The dimensions of the rows and, where they are named, the columns.
pub(super) fn dims(target: &Target) -> Vec<Dim> {
    match target {
        Target::Ref(reference) => reference.dims(),
        Target::Acc(RefAcc::Layer(_)) => vec![Dim::Obs, Dim::Var],
        Target::Acc(RefAcc::Meta(acc)) => vec![acc.dim.clone()],
        Target::Acc(RefAcc::Multi(acc)) => vec![acc.dim.clone()],
        Target::Acc(RefAcc::Graph(acc)) => vec![acc.dim.clone(), acc.dim.clone()],
        Target::Acc(_) => Vec::new(),
    }
}

pub(super) fn is_index(target: &Target) -> bool {
    matches!(target, Target::Ref(AdRef::Meta(_, None)))
}

pub(super) fn names_of(adata: &AnnData, dim: Option<&Dim>) -> anndata::Result<Arc<NameIndex>> {
    let names = dim.map(|dim| adata.names(dim)).transpose()?.flatten();
    names.ok_or_else(|| anndata::Error::not_found("the array has no names"))
}

fn write_names(out: &mut impl Write, key: &str, names: &Arc<NameIndex>) -> io::Result<()> {
    let names: Vec<Value> = names.names().iter().map(|name| json!(name)).collect();
    write!(out, ",\"{key}\":{}", Value::Array(names))
}

fn write_item(out: &mut impl Write, first: bool, item: &impl std::fmt::Display) -> Result<(), Error> {
    write!(out, "{}{item}", if first { "" } else { "," })?;
    Ok(())
}

/// A line of CSV; text in quotes where it has to be, nothing for a missing value.
fn write_row<'a>(out: &mut impl Write, cells: impl IntoIterator<Item = &'a Value>) -> Result<(), Error> {
    for (number, cell) in cells.into_iter().enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Value::Null => {}
            Value::String(text) if text.contains([',', '"', '\n', '\r']) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Value::String(text) => out.write_all(text.as_bytes())?,
            Value::Object(parts) => {
                let part = |key| parts.get(key).map(plain).or_bug("a complex number without one of its parts");
                let (real, imaginary) = (part("real")?, part("imag")?);
                write!(out, "{real}{}{imaginary}j", if imaginary.starts_with('-') { "" } else { "+" })?;
            }
            other => write!(out, "{other}")?,
        }
    }
    out.write_all(b"\n")?;
    Ok(())
}

/// A number, or the text that stands for one that is not finite.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The stored values of a sparse matrix, in the order in which they are stored.
struct Entries<'a> {
    matrix: &'a SparseMatrix,
    /// Where each major slice begins, and the end of the last: checked by the matrix.
    offsets: Vec<usize>,
}

impl<'a> Entries<'a> {
    fn of(matrix: &'a SparseMatrix) -> anndata::Result<Self> {
        Ok(Self { matrix, offsets: matrix.offsets()? })
    }

    /// Calls a function with: whether it is the first, row, column, value.
    fn each(&self, mut call: impl FnMut(bool, usize, usize, &Value) -> Result<(), Error>) -> Result<(), Error> {
        let mut first = true;
        for (slice, (&start, &end)) in self.offsets.iter().zip(self.offsets.iter().skip(1)).enumerate() {
            let indices = self.matrix.indices().slice_rows(start..end)?.cast(&DType::U64)?;
            let values = values(&self.matrix.data().slice_rows(start..end)?)?;
            for (&minor, value) in indices.as_slice::<u64>()?.iter().zip(&values) {
                let minor = usize::try_from(minor).or_bug("an index that was not checked")?;
                match self.matrix.format() {
                    SparseFormat::Csr => call(first, slice, minor, value)?,
                    SparseFormat::Csc => call(first, minor, slice, value)?,
                }
                first = false;
            }
        }
        Ok(())
    }
}

/// Values in C order as nested arrays of this shape.
fn nest(values: Vec<Value>, shape: &[usize]) -> anndata::Result<Value> {
    let count = values.len();
    ensure!(count == shape.iter().product::<usize>(), "{count} values of the shape {shape:?}");
    let mut values = values.into_iter();
    let Some((&len, inner)) = shape.split_first() else { return values.next().or_bug("a scalar without a value") };
    if inner.is_empty() {
        return Ok(Value::Array(values.collect()));
    }
    let size: usize = inner.iter().product();
    (0..len).map(|_| nest(values.by_ref().take(size).collect(), inner)).collect::<Result<_, _>>().map(Value::Array)
}
