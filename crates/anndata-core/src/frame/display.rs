//! The text form of a [`DataFrame`]: an aligned table of its first and last rows.

use std::fmt;
use std::ops::Range;

use anndata_storage::{Result, escaped};

use super::{DataFrame, Series};
use crate::Element;

/// How many rows are shown at each end; all where there are no more than both.
const ROWS: usize = 5;
/// How many characters wide a table is at most.
const WIDTH: usize = 100;
/// How many characters wide a cell is at most.
const CELL: usize = 30;
/// What stands for rows, columns and the ends of texts that are left out.
const MORE: &str = "...";

/// A table of the index and as many columns as fit into 100 characters, of the first and last five rows. A column that was not
/// read yet is not read for it.
///
/// ```
/// # use anndata_core::DataFrame;
/// let frame = DataFrame::new(["a", "b"]).with_column("n", [Some(10_i64), None])?.with_column("cell type", ["T", "NK"])?;
/// let table = "      n  cell type
/// a    10          T
/// b  <NA>         NK
/// 2 rows × 2 columns";
/// assert_eq!(frame.to_string(), table);
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl fmt::Display for DataFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(rows) = self.len() else { return f.write_str("a frame whose index cannot be read") };
        let mut columns = vec![column(self.index_name().unwrap_or(""), &self.index, rows)];
        let mut width = widest(columns.iter().flatten());
        for (name, series) in self.columns() {
            let cells = column(name, series, rows);
            let wide = width + 2 + widest(&cells);
            // Room is left for the mark of what does not fit, unless nothing comes after.
            let last = columns.len() == self.columns.len();
            if wide + if last { 0 } else { 2 + MORE.len() } > WIDTH {
                columns.push(vec![MORE.to_owned(); cells.len()]);
                break;
            }
            width = wide;
            columns.push(cells);
        }
        table(f, &columns)?;
        let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        write!(f, "{} × {}", plural(rows, "row"), plural(self.columns.len(), "column"))
    }
}

/// Lines of cells: the first column, which is the index, to the left, the others to the right.
fn table(f: &mut fmt::Formatter<'_>, columns: &[Vec<String>]) -> fmt::Result {
    let lines = columns.first().map_or(0, Vec::len);
    for line in 0..lines {
        let mut text = String::new();
        for (number, cells) in columns.iter().enumerate() {
            let (cell, width) = (cells.get(line).map_or("", String::as_str), widest(cells));
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let parts = if number == 0 { [cell, &padding, ""] } else { ["  ", &padding, cell] };
            text.extend(parts);
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}

/// The name of a column and its cells, with `...` for the rows that are left out.
fn column(name: &str, series: &Series, rows: usize) -> Vec<String> {
    let ends = if rows <= 2 * ROWS { [0..rows, rows..rows] } else { [0..ROWS, rows - ROWS..rows] };
    let shown: usize = ends.iter().map(ExactSizeIterator::len).sum();
    let mut cells = match printed(series, ends) {
        Ok(Some(cells)) if cells.len() == shown => cells,
        Ok(None) => vec!["(not read)".to_owned(); shown],
        _ => vec!["?".to_owned(); shown],
    };
    if shown < rows {
        cells.insert(ROWS, MORE.to_owned());
    }
    cells.insert(0, escaped(name).to_string());
    cells.into_iter().map(short).collect()
}

/// The cells of a column that is in memory.
fn printed(series: &Series, ends: [Range<usize>; 2]) -> Result<Option<Vec<String>>> {
    let column = match series {
        Series::Loaded(column) => column.clone(),
        Series::Lazy(lazy) => match lazy.in_memory().map(Element::into_column) {
            Some(column) => column?,
            None => return Ok(None),
        },
        Series::Opaque(_) => return Ok(None),
    };
    let parts = ends.into_iter().map(|rows| Ok(column.slice(rows)?.printed()));
    Ok(Some(parts.collect::<Result<Vec<_>>>()?.concat()))
}

/// A text that fits into a cell.
fn short(text: String) -> String {
    if text.chars().count() <= CELL {
        return text;
    }
    text.chars().take(CELL - MORE.len()).chain(MORE.chars()).collect()
}

fn widest<'a>(cells: impl IntoIterator<Item = &'a String>) -> usize {
    cells.into_iter().map(|cell| cell.chars().count()).max().unwrap_or(0)
}
