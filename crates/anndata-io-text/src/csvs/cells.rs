//! Values as pandas prints them into csv files.

use std::io::Write;

use anndata_core::{Column, ColumnKind};
use anndata_storage::{DType, Result, Tensor, f16};

use crate::number::{python_float, python_float_16, python_float_32};

/// The cells of a column as text; what is missing is empty.
#[derive(Debug)]
pub(super) struct Cells(Vec<String>);

impl Cells {
    pub(super) fn of_labels(labels: Vec<String>) -> Self {
        Self(labels)
    }

    pub(super) fn of(column: &Column) -> Result<Self> {
        if let ColumnKind::Categorical { .. } = column.kind() {
            // Labels of the categories that the codes lead to.
            return Self::of(&column.without_categories()?);
        }
        let missing = column.missing();
        let cells = match column.to_tensor() {
            Ok(values) if values.ndim() == 1 && values.len() == column.len() => printed(&values)?,
            _ => column.to_labels()?,
        };
        let cells = cells.into_iter().zip(missing);
        Ok(Self(cells.map(|(cell, missing)| if missing { String::new() } else { cell }).collect()))
    }

    /// The columns of a matrix in C order of so many columns.
    pub(super) fn strided(values: &Tensor, columns: usize) -> Result<Vec<Self>> {
        let mut split: Vec<Self> = (0..columns).map(|_| Self(Vec::new())).collect();
        for (at, cell) in printed(values)?.into_iter().enumerate() {
            // There are no values without columns.
            if let Some(column) = split.get_mut(at % columns.max(1)) {
                column.0.push(cell);
            }
        }
        Ok(split)
    }

    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.0.get(row).map(String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The values of a tensor of one dimension.
fn printed(values: &Tensor) -> Result<Vec<String>> {
    let empty_if_nan = |text: String| if text == "nan" { String::new() } else { text };
    Ok(match values.dtype() {
        DType::F64 => values.as_slice::<f64>()?.iter().map(|&value| empty_if_nan(python_float(value))).collect(),
        DType::F32 => values.as_slice::<f32>()?.iter().map(|&value| empty_if_nan(python_float_32(value))).collect(),
        DType::F16 => values.as_slice::<f16>()?.iter().map(|&value| empty_if_nan(python_float_16(value))).collect(),
        DType::Bool => {
            values.as_slice::<bool>()?.iter().map(|&value| if value { "True" } else { "False" }.to_owned()).collect()
        }
        dtype if dtype.is_text() => values.to_strings()?,
        _ => Column::plain(values)?.to_labels()?,
    })
}

/// A line that is being made. Fields are quoted where they have to be.
#[derive(Debug)]
pub(super) struct Row {
    separator: char,
    line: String,
    fields: usize,
}

impl Row {
    pub(super) fn new(separator: char) -> Self {
        Self { separator, line: String::new(), fields: 0 }
    }

    pub(super) fn push(&mut self, field: &str) {
        if self.fields > 0 {
            self.line.push(self.separator);
        }
        self.fields += 1;
        if field.contains([self.separator, '"', '\n', '\r']) {
            self.line.push('"');
            self.line.push_str(&field.replace('"', "\"\""));
            self.line.push('"');
        } else {
            self.line.push_str(field);
        }
    }

    /// Writes the line. A single empty field is quoted, so that the line is not an empty one.
    pub(super) fn end(mut self, file: &mut impl Write) -> Result<()> {
        if self.fields == 1 && self.line.is_empty() {
            self.line.push_str("\"\"");
        }
        self.end_or_empty(file)
    }

    /// Writes the line, also if it is empty.
    pub(super) fn end_or_empty(mut self, file: &mut impl Write) -> Result<()> {
        self.line.push('\n');
        Ok(file.write_all(self.line.as_bytes())?)
    }
}
