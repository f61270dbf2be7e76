//! Tables of numbers as text: csv, tsv, and any other separator.
//!
//! What the first lines hold says what they are, by the rules of Python's `read_text`:
//!
//! - lines that begin with `#` at the top are comments, and the last of them has the names of the columns if no line has them;
//! - the first other line has the names of the columns if its last field is not a number; without any they are "0", "1", …;
//! - the first column has the names of the rows if that of the first row is not a number, or if it is said so.
//!
//! Unlike there, a field in double quotes may hold the separator.

use std::path::Path;

use anndata_core::{AnnData, DataFrame};
use anndata_storage::{DType, Error, Result, Tensor};

use crate::fields::{Delimiter, fields, next_field, ragged, text};
use crate::number::{Number, float, short_decimal};
use crate::source::{Block, Blocks, Source, at_line, parse, shown};

/// How a table of numbers is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextOptions {
    /// What separates the fields of a line.
    pub delimiter: Delimiter,
    /// Whether the first column has the names of the rows, also if they are numbers.
    pub first_column_names: bool,
    /// The dtype of the matrix.
    pub dtype: DType,
}

impl TextOptions {
    /// Fields separated by commas, as `f32`.
    #[must_use]
    pub fn csv() -> Self {
        Self { delimiter: Delimiter::Char(b','), first_column_names: false, dtype: DType::F32 }
    }

    /// Fields separated by spaces and tabs, as `f32`.
    #[must_use]
    pub fn text() -> Self {
        Self { delimiter: Delimiter::Whitespace, ..Self::csv() }
    }

    /// Sets what separates the fields of a line.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: Delimiter) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Sets whether the first column has the names of the rows, also if they are numbers. Default: only if they are not.
    #[must_use]
    pub fn with_first_column_names(mut self, names: bool) -> Self {
        self.first_column_names = names;
        self
    }

    /// Sets the dtype of the matrix. Default: `f32`. Numbers are read as `f64` and then become that.
    #[must_use]
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }
}

/// Reads a table of numbers that are separated by commas, compressed or not, on all cores. `X` is dense.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("counts.csv");
/// std::fs::write(&path, ",CD4,CD8A\ncell-1,1,0\ncell-2,3,2.5\n")?;
/// let adata = anndata_io_text::read_csv(&path)?;
/// assert_eq!(adata.var_names()?, ["CD4", "CD8A"]);
/// assert_eq!(adata.x().unwrap().to_tensor()?.as_slice::<f32>()?, [1.0, 0.0, 3.0, 2.5]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, a line has another number of fields than the others, or a field is not a number; the error
/// names the line.
pub fn read_csv(path: impl AsRef<Path>) -> Result<AnnData> {
    read_text_with(path, &TextOptions::csv())
}

/// Reads a table of numbers that are separated by any number of spaces and tabs.
///
/// # Errors
/// As [`read_csv`].
pub fn read_text(path: impl AsRef<Path>) -> Result<AnnData> {
    read_text_with(path, &TextOptions::text())
}

/// Reads a table of numbers as the options say.
///
/// # Errors
/// As [`read_csv`], and if the dtype is not one of numbers.
pub fn read_text_with(path: impl AsRef<Path>, options: &TextOptions) -> Result<AnnData> {
    let path = path.as_ref();
    if !options.dtype.is_numeric() || options.dtype.is_complex() {
        return Err(Error::unsupported(format!("text is read as numbers, not as {}", options.dtype)));
    }
    let source = Source::open(path)?;
    let read = || {
        let table = match options.dtype {
            DType::F32 => read_as::<f32>(source, options)?,
            _ => read_as::<f64>(source, options)?,
        };
        let x = table.values.cast(&options.dtype)?;
        AnnData::builder().x(x).obs(DataFrame::new(table.rows)).var(DataFrame::new(table.columns)).build()
    };
    read().map_err(|error| error.in_file(path))
}

struct Table {
    rows: Vec<String>,
    columns: Vec<String>,
    values: Tensor,
}

/// What was found out of the first lines.
#[derive(Debug, Default)]
struct Head<T> {
    columns: Vec<String>,
    rows: Vec<String>,
    data: Vec<Vec<T>>,
    has_names: bool,
}

/// The rows of a block.
struct Rows<T> {
    /// The bytes of their text.
    bytes: usize,
    names: Vec<String>,
    values: Vec<T>,
    count: usize,
}

fn read_as<T: Number>(source: Source, options: &TextOptions) -> Result<Table> {
    let stored = source.stored;
    let mut blocks = Blocks::new(source);
    let Head { mut columns, rows: mut names, data, has_names } = head::<T>(&mut blocks, options)?;
    let width = data.first().map_or(0, Vec::len);
    let data_rows = data.len();
    let (mut count, mut values) = (data_rows, data.concat());
    parse(
        &mut blocks,
        |block: &Block| rows_of::<T>(block, options.delimiter, has_names, width),
        |rows: Rows<T>| {
            if count == data_rows {
                // At once what a text that is not compressed has, if there is so much: large memory comes in large pages.
                let _ = values.try_reserve_exact(expected(stored, &rows));
            }
            let room = values.try_reserve(rows.values.len());
            room.map_err(|_| Error::limit_exceeded("there is no memory for the values"))?;
            values.extend_from_slice(&rows.values);
            names.extend(rows.names);
            count += rows.count;
            Ok(())
        },
    )?;
    if !has_names {
        names = (0..count).map(|row| row.to_string()).collect();
    }
    if columns.len() > width {
        columns.remove(0);
    }
    if columns.len() != width {
        let message = format!("{} columns are named, but rows have {width} numbers", columns.len());
        return Err(Error::invalid_data(message));
    }
    values.shrink_to_fit();
    Ok(Table { rows: names, columns, values: Tensor::from_vec([count, width], values)? })
}

/// Reads as many lines as it takes to know what the columns are: names, and up to two rows.
fn head<T: Number>(blocks: &mut Blocks, options: &TextOptions) -> Result<Head<T>> {
    let mut head = Head { has_names: options.first_column_names, ..Head::default() };
    let mut last_comment = None;
    while let Some((number, line)) = blocks.next_line()? {
        let here = |error: Error| at_line(error, number);
        if let [b'#', ..] = line.as_slice() {
            let comment = text(&line).map_err(here)?.trim_start_matches(['#', ' ']).to_owned();
            last_comment = Some(comment).filter(|comment| !comment.is_empty()).or(last_comment);
            continue;
        }
        if let Delimiter::Char(delimiter) = options.delimiter
            && !line.contains(&delimiter)
        {
            let message = format!("the first line has no separator {}: {}", shown(&[delimiter]), shown(&line));
            return Err(here(Error::invalid_data(message)));
        }
        head.first_line(&line, options).map_err(here)?;
        break;
    }
    if head.columns.is_empty() {
        head.columns = match (last_comment, head.data.first()) {
            (Some(comment), _) => comment.split_whitespace().map(unquoted).collect(),
            (None, Some(row)) => (0..row.len()).map(|column| column.to_string()).collect(),
            (None, None) => return Err(Error::invalid_data("the file has no rows")),
        };
    }
    if let Some((number, line)) = blocks.next_line()? {
        head.second_line(&line, options).map_err(|error| at_line(error, number))?;
    }
    if head.data.is_empty() {
        return Err(Error::invalid_data("the file has no rows of numbers"));
    }
    Ok(head)
}

impl<T: Number> Head<T> {
    /// The first line that is not a comment: names of columns, or a row.
    fn first_line(&mut self, line: &[u8], options: &TextOptions) -> Result<()> {
        let fields = fields(line, options.delimiter)?;
        let is_number = |field: Option<&std::borrow::Cow<'_, [u8]>>| field.is_some_and(|field| float(field).is_some());
        if !is_number(fields.last()) {
            let names = fields.iter().map(|field| Ok(unquoted(text(field)?)));
            self.columns = names.collect::<Result<_>>()?;
            return Ok(());
        }
        self.has_names |= !is_number(fields.first());
        self.row(line, options)
    }

    /// The line that follows: a row, which says whether its first field is a name.
    fn second_line(&mut self, line: &[u8], options: &TextOptions) -> Result<()> {
        let (first, _) = next_field(line, options.delimiter)?;
        self.has_names |= float(&first).is_none();
        self.row(line, options)?;
        let [names, row] = self.data.as_slice() else { return Ok(()) };
        if names.len() == row.len() {
            return Ok(());
        }
        // Names of columns that are numbers, and one less than there are fields.
        let (columns, row) = (names.clone(), row.clone());
        let Some((&name, values)) = row.split_first() else { return Ok(()) };
        let label = |value: T| i64::from_float(value.to_f64()).to_string();
        self.has_names = true;
        self.columns = columns.into_iter().map(label).collect();
        self.rows.push(label(name));
        self.data = vec![values.to_vec()];
        Ok(())
    }

    fn row(&mut self, line: &[u8], options: &TextOptions) -> Result<()> {
        let (mut rest, mut values) = (Some(line), Vec::new());
        if self.has_names {
            rest = take_name(line, options.delimiter, &mut self.rows)?;
        }
        while let Some(line) = rest {
            let (value, after) = number_field(line, options.delimiter)?;
            values.push(value);
            rest = after;
        }
        self.data.push(values);
        Ok(())
    }
}

/// About how many values a text of so many bytes has, if all of it is like these rows; with a twentieth more.
fn expected<T>(bytes: u64, rows: &Rows<T>) -> usize {
    // Fallback: more than memory can hold is not reserved.
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let values = (bytes / rows.bytes.max(1)).saturating_add(1).saturating_mul(rows.values.len());
    values.saturating_add(values / 20)
}

/// Parses rows that have to be of so many numbers.
fn rows_of<T: Number>(block: &Block, delimiter: Delimiter, has_names: bool, width: usize) -> Result<Rows<T>> {
    let bytes = block.bytes.len();
    let mut rows = Rows { bytes, names: Vec::new(), values: Vec::with_capacity(bytes / 6), count: 0 };
    for (number, line) in block.lines() {
        if line.is_empty() {
            continue;
        }
        let mut parse_line = || {
            let mut rest = Some(line);
            if has_names {
                rest = take_name(line, delimiter, &mut rows.names)?;
            }
            let before = rows.values.len();
            while let Some(line) = rest {
                let (value, after) = number_field(line, delimiter)?;
                rows.values.push(value);
                rest = after;
            }
            let found = rows.values.len() - before;
            if found == width {
                Ok(())
            } else {
                Err(ragged(width + usize::from(has_names), found + usize::from(has_names)))
            }
        };
        parse_line().map_err(|error| at_line(error, number))?;
        rows.count += 1;
    }
    Ok(rows)
}

/// Takes the name of a row; gives what follows it.
fn take_name<'a>(line: &'a [u8], delimiter: Delimiter, names: &mut Vec<String>) -> Result<Option<&'a [u8]>> {
    let (name, rest) = next_field(line, delimiter)?;
    names.push(unquoted(text(&name)?));
    Ok(rest)
}

/// The number of the first field, and what follows it.
#[inline]
fn number_field<T: Number>(line: &[u8], delimiter: Delimiter) -> Result<(T, Option<&[u8]>)> {
    if let (Delimiter::Char(delimiter), Some((value, rest))) = (delimiter, short_decimal(line)) {
        match rest {
            [] => return Ok((T::from_float(value), None)),
            [byte, rest @ ..] if *byte == delimiter => return Ok((T::from_float(value), Some(rest))),
            _ => {}
        }
    }
    let (field, rest) = next_field(line, delimiter)?;
    let value =
        float(&field).ok_or_else(|| Error::invalid_data(format!("expected a number, found {}", shown(&field))))?;
    Ok((T::from_float(value), rest))
}

/// A name without quotes around it.
fn unquoted(name: &str) -> String {
    name.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests;
