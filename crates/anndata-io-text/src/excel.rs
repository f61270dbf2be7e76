//! Spreadsheets: `.xlsx`, `.xlsm`, `.xlsb`, `.xls` and `.ods`.

use std::path::Path;

use anndata_core::{AnnData, DataFrame};
use anndata_storage::{Error, Result, Tensor};
use calamine::{Data, Reader as _, Sheets, open_workbook_auto};

use crate::number::python_float;

/// Which sheet of a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sheet {
    /// That of this name.
    Name(String),
    /// That of this position, from 0.
    Position(usize),
}

impl From<&str> for Sheet {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Sheet {
    fn from(position: usize) -> Self {
        Self::Position(position)
    }
}

/// Reads a sheet of numbers as an object: the first row has the names of the variables, the first column those of the
/// observations, which the index of `obs` has the title of. `X` is dense, of `f32`. An empty cell is NaN.
///
/// # Errors
/// If the file cannot be read, has no such sheet, or a cell is not a number; the error names the cell.
pub fn read_excel(path: impl AsRef<Path>, sheet: impl Into<Sheet>) -> Result<AnnData> {
    let path = path.as_ref();
    std::fs::metadata(path).map_err(|error| Error::from(error).in_file(path))?;
    read(path, &sheet.into()).map_err(|error| error.in_file(path))
}

fn read(path: &Path, sheet: &Sheet) -> Result<AnnData> {
    let unreadable = |error: calamine::Error| Error::invalid_data("it is not a spreadsheet").with_source(error);
    let mut workbook = open_workbook_auto(path).map_err(unreadable)?;
    let name = name_of(&workbook, sheet)?;
    let range = workbook.worksheet_range(&name).map_err(unreadable)?;
    let mut rows = range.rows();
    let header = rows.next().ok_or_else(|| Error::invalid_data(format!("the sheet '{name}' is empty")))?;
    let (title, columns) = header.split_first().unwrap_or((&Data::Empty, &[]));
    let columns: Vec<String> = columns.iter().map(label).collect();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (number, row) in (2_usize..).zip(rows) {
        let (first, cells) = row.split_first().unwrap_or((&Data::Empty, &[]));
        names.push(label(first));
        for (column, cell) in cells.iter().enumerate() {
            values.push(value(cell).ok_or_else(|| {
                let (column, shown) = (letters(column + 1), label(cell));
                Error::invalid_data(format!("cell {column}{number} of the sheet '{name}' is '{shown}', not a number"))
            })?);
        }
    }
    let x = Tensor::from_vec([names.len(), columns.len()], values)?;
    let title = Some(label(title)).filter(|title| !title.is_empty());
    AnnData::builder().x(x).obs(DataFrame::new(names).with_index_name(title)).var(DataFrame::new(columns)).build()
}

fn name_of<R: std::io::Read + std::io::Seek>(workbook: &Sheets<R>, sheet: &Sheet) -> Result<String> {
    let names = workbook.sheet_names();
    let found = match sheet {
        Sheet::Name(name) => names.iter().find(|other| *other == name),
        Sheet::Position(position) => names.get(*position),
    };
    found.cloned().ok_or_else(|| {
        let asked = match sheet {
            Sheet::Name(name) => format!("'{name}'"),
            Sheet::Position(position) => position.to_string(),
        };
        Error::not_found(format!("there is no sheet {asked}; there are '{}'", names.join("', '")))
    })
}

/// The number of a cell, as `f32`.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the dtype of the matrix")]
fn value(cell: &Data) -> Option<f32> {
    match cell {
        Data::Int(value) => Some(*value as f32),
        Data::Float(value) => Some(*value as f32),
        Data::Bool(value) => Some(f32::from(u8::from(*value))),
        Data::Empty => Some(f32::NAN),
        _ => None,
    }
}

/// A cell as a name; a whole number has no point.
fn label(cell: &Data) -> String {
    match cell {
        Data::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        Data::Float(value) => python_float(*value),
        other => other.to_string(),
    }
}

/// The letters of a column, from 0.
fn letters(column: usize) -> String {
    let (mut column, mut letters) = (column + 1, String::new());
    while column > 0 {
        column -= 1;
        // Fallback: never: it is below 26.
        letters.insert(0, char::from(b'A' + u8::try_from(column % 26).unwrap_or(0)));
        column /= 26;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }

    #[test]
    fn cells_become_numbers_and_names() {
        assert_eq!(label(&Data::Float(12.0)), "12");
        assert_eq!(label(&Data::String("a".into())), "a");
        assert_eq!([value(&Data::Int(3)), value(&Data::String("x".into()))], [Some(3.0), None]);
        assert!(value(&Data::Empty).is_some_and(f32::is_nan));
    }
}
