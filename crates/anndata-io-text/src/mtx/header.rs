//! The banner and the sizes of a Matrix Market file.

use anndata_storage::{Error, OrBug as _, Result};

use crate::number::digits;
use crate::source::{Block, Blocks, at_line, shown};

/// What a file begins with, in letters of any case.
pub(super) const BANNER: &[u8] = b"%%MatrixMarket";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Coordinate,
    Array,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Real,
    Integer,
    Pattern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symmetry {
    General,
    Symmetric,
    Skew,
}

/// What a file says of its matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) field: Field,
    pub(super) symmetry: Symmetry,
    pub(super) rows: u32,
    pub(super) columns: u32,
    /// The entries that a coordinate file declares.
    entries: u64,
}

impl Header {
    /// Reads the header; what follows it is the next block.
    pub(super) fn read(blocks: &mut Blocks) -> Result<Self> {
        let mut kinds = None;
        while let Some(block) = blocks.next()? {
            let mut sizes = None;
            for (number, line) in block.lines() {
                let Some((layout, field, symmetry)) = kinds else {
                    kinds = Some(banner(line).map_err(|error| at_line(error, number))?);
                    continue;
                };
                let is_blank = line.trim_ascii().is_empty();
                if is_blank || line.starts_with(b"%") {
                    continue;
                }
                let header = Self::of_sizes(line, layout, field, symmetry).map_err(|error| at_line(error, number))?;
                sizes = Some((header, number));
                break;
            }
            if let Some((header, number)) = sizes {
                let lines = number.checked_sub(block.first_line).or_bug("a line before its block")? + 1;
                blocks.put_back(block.after(lines));
                return Ok(header);
            }
        }
        Err(match kinds {
            None => Error::invalid_data("the file is empty"),
            Some(_) => Error::invalid_data("the file ends before the line of its sizes"),
        })
    }

    fn of_sizes(line: &[u8], layout: Layout, field: Field, symmetry: Symmetry) -> Result<Self> {
        let numbers: Option<Vec<u64>> = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .map(|word| digits(word).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number))
            .collect();
        let (rows, columns, entries) = match (layout, numbers.as_deref()) {
            (Layout::Coordinate, Some(&[rows, columns, entries])) => (rows, columns, entries),
            (Layout::Array, Some(&[rows, columns])) => (rows, columns, 0),
            _ => {
                let expected = match layout {
                    Layout::Coordinate => "the numbers of rows, columns and entries",
                    Layout::Array => "the numbers of rows and columns",
                };
                return Err(Error::invalid_data(format!("expected {expected}, found {}", shown(line))));
            }
        };
        let axis = |len: u64| {
            i32::try_from(len).ok().and_then(|len| u32::try_from(len).ok()).ok_or_else(|| {
                Error::unsupported(format!("an axis of {len} is longer than {}, the most that is read", i32::MAX))
            })
        };
        let header = Self { layout, field, symmetry, rows: axis(rows)?, columns: axis(columns)?, entries };
        if symmetry != Symmetry::General && rows != columns {
            let message =
                format!("a symmetric matrix has as many rows as columns, but {rows} and {columns} are declared");
            return Err(Error::invalid_data(message));
        }
        Ok(header)
    }

    /// How many entries or values the file has to have.
    pub(super) fn lines(&self) -> u64 {
        let (rows, columns) = (u64::from(self.rows), u64::from(self.columns));
        match (self.layout, self.symmetry) {
            (Layout::Coordinate, _) => self.entries,
            (Layout::Array, Symmetry::General) => rows * columns,
            (Layout::Array, Symmetry::Symmetric) => rows * (rows + 1) / 2,
            (Layout::Array, Symmetry::Skew) => rows * rows.saturating_sub(1) / 2,
        }
    }

    /// How many entries the matrix has at most.
    pub(super) fn expected(&self) -> u64 {
        let times = if self.symmetry == Symmetry::General { 1 } else { 2 };
        self.lines().saturating_mul(times)
    }

    /// Row and column of the first value of an array.
    pub(super) fn first_cell(&self) -> (u32, u32) {
        (u32::from(self.symmetry == Symmetry::Skew), 0)
    }

    /// Row and column of the value that follows in an array: down the columns, of symmetric ones below the diagonal.
    pub(super) fn next_cell(&self, (row, column): (u32, u32)) -> (u32, u32) {
        if row + 1 < self.rows {
            return (row + 1, column);
        }
        let column = column + 1;
        let row = match self.symmetry {
            Symmetry::General => 0,
            Symmetry::Symmetric => column,
            Symmetry::Skew => column + 1,
        };
        (row, column)
    }
}

/// What the first line says.
fn banner(line: &[u8]) -> Result<(Layout, Field, Symmetry)> {
    let words: Vec<String> = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let &["%%matrixmarket", "matrix", layout, field, symmetry] = words.as_slice() else {
        return Err(Error::invalid_data(format!(
            "expected '%%MatrixMarket matrix LAYOUT FIELD SYMMETRY', found {}",
            shown(line)
        )));
    };
    let layout = match layout {
        "coordinate" => Layout::Coordinate,
        "array" => Layout::Array,
        _ => return Err(Error::invalid_data(format!("the layout '{layout}' is neither 'coordinate' nor 'array'"))),
    };
    let field = match field {
        "real" | "double" => Field::Real,
        "integer" | "unsigned-integer" => Field::Integer,
        "pattern" if layout == Layout::Coordinate => Field::Pattern,
        "pattern" => return Err(Error::invalid_data("an array has values, which the field 'pattern' has not")),
        "complex" => return Err(Error::unsupported("matrices of complex numbers are not read")),
        _ => return Err(Error::invalid_data(format!("the field '{field}' is not 'real', 'integer' or 'pattern'"))),
    };
    let symmetry = match symmetry {
        "general" => Symmetry::General,
        "symmetric" => Symmetry::Symmetric,
        "skew-symmetric" if field != Field::Pattern => Symmetry::Skew,
        "skew-symmetric" => {
            return Err(Error::invalid_data("a pattern has no signs, so that it cannot be skew-symmetric"));
        }
        "hermitian" => return Err(Error::unsupported("matrices of complex numbers are not read")),
        _ => {
            let message = format!("the symmetry '{symmetry}' is not 'general', 'symmetric' or 'skew-symmetric'");
            return Err(Error::invalid_data(message));
        }
    };
    Ok((layout, field, symmetry))
}

/// Row and column, from 1 in the file, as positions.
pub(super) fn check_cell(header: &Header, row: u64, column: u64) -> Result<(u32, u32)> {
    let axis = |what: &str, number: u64, len: u32| {
        let position = number.checked_sub(1).filter(|&at| at < u64::from(len)).and_then(|at| u32::try_from(at).ok());
        position.ok_or_else(|| Error::invalid_data(format!("{what} {number} is not between 1 and {len}")))
    };
    let (row, column) = (axis("row", row, header.rows)?, axis("column", column, header.columns)?);
    match header.symmetry {
        Symmetry::Skew if row == column => Err(Error::invalid_data("a skew-symmetric matrix has no diagonal")),
        _ => Ok((row, column)),
    }
}

/// The error of what a line of entries holds.
pub(super) fn malformed(block: &Block, rest: &[u8], error: Error) -> Error {
    at_line(error, block.line_of(rest))
}
