//! Scanning a table with one row per observation or variable: filters first, the cheapest before the others, then the other
//! columns of the rows that pass.

use std::ops::Range;
use std::sync::Arc;

use anndata_core::AxisSelection;
use anndata_storage::OrBug;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::DataType;
use arrow_select::filter::filter;
use datafusion::common::Result;

use super::{Frame, RowColumn, RowReader, series};
use crate::dataset::Piece;
use crate::error;
use crate::filter::Passing;
use crate::matrix::StoreMatrix;
use crate::scan::Scan;

/// At least so many rows are read at a time, and at most so many.
const ROWS: Range<u64> = 1024..1 << 20;

/// What a text, or a value of any length, is taken to be long.
const TEXT_BYTES: usize = 32;

/// Where fewer than this part of the rows pass, only theirs are read.
const FEW: usize = 4;

/// Scans rows of one store, or variables; `columns` are those of the table.
pub(crate) fn scan(
    scan: &mut Scan<'_>,
    columns: &[RowColumn],
    piece: Option<&Piece>,
    rows: &Range<u64>,
) -> Result<bool> {
    let reader = RowReader { dataset: scan.dataset, piece, memory: scan.memory };
    let step = rows_at_a_time(scan, columns, piece)?;
    let mut start = rows.start;
    while start < rows.end {
        let end = cut(scan, columns, start, start.saturating_add(step).min(rows.end), rows.end)?;
        if !some_rows(scan, columns, &reader, &(start..end))? {
            return Ok(false);
        }
        start = end;
    }
    Ok(true)
}

fn some_rows(scan: &mut Scan<'_>, columns: &[RowColumn], reader: &RowReader<'_>, rows: &Range<u64>) -> Result<bool> {
    let n = usize::try_from(rows.end - rows.start).or_bug("more rows than memory can hold").map_err(error::stored)?;
    let whole = AxisSelection::Range(rows.clone());
    let column = |at: usize| columns.get(at).or_bug("a column that is not there").map_err(error::stored);
    let passing =
        Passing::of(scan.filters(), &scan.schema, n, |at| reader.read(column(at)?, &whole).map_err(error::stored))?;
    let count = passing.count(n);
    if count == 0 {
        return Ok(true);
    }
    // Rows that are few are read alone.
    let few = count < n / FEW;
    let selected = if few { AxisSelection::of_positions(passing.positions(rows.start, n)) } else { whole };
    let missing: Vec<usize> = scan.projection.iter().copied().filter(|at| !passing.read.contains_key(at)).collect();
    let wanted = missing.iter().map(|&at| column(at).cloned()).collect::<Result<Vec<_>>>()?;
    let arrays = reader.read_all(&wanted, &selected).map_err(error::stored)?;
    let read: Vec<(usize, ArrayRef)> = missing.into_iter().zip(arrays).collect();
    let project = |&at: &usize| -> Result<ArrayRef> {
        let (array, whole) = match read.iter().find(|(column, _)| *column == at) {
            Some((_, array)) => (array, !few),
            None => (passing.read.get(&at).or_bug("a column that was not read").map_err(error::stored)?, true),
        };
        match &passing.mask {
            Some(mask) if whole => Ok(filter(array, mask)?),
            _ => Ok(Arc::clone(array)),
        }
    };
    let arrays = scan.projection.iter().map(project).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    scan.emit(RecordBatch::try_new_with_options(Arc::clone(&scan.projected), arrays, &options)?)
}

/// How many rows fit into memory.
fn rows_at_a_time(scan: &Scan<'_>, columns: &[RowColumn], piece: Option<&Piece>) -> Result<u64> {
    let used = scan.used_columns();
    let fields = used.iter().filter_map(|&at| scan.schema.fields().get(at));
    let width: usize = fields.map(|field| width_of(field.data_type())).sum();
    let fit = (scan.memory / width.max(1) as u64).clamp(ROWS.start, ROWS.end);
    for column in used.iter().filter_map(|&at| columns.get(at)) {
        let (RowColumn::Gene(key, _) | RowColumn::Total(key) | RowColumn::Detected(key), Some(piece)) = (column, piece)
        else {
            continue;
        };
        let matrix = StoreMatrix::new(key, scan.dataset.collection(), piece.store).map_err(error::stored)?;
        // Its columns would be read again for each part of the rows.
        if matrix.map(|matrix| matrix.is_csc()).transpose().map_err(error::stored)? == Some(true) {
            return Ok(u64::MAX);
        }
    }
    // Nothing that is not asked for is read.
    Ok(match scan.limit {
        Some(limit) if scan.filters().next().is_none() => fit.min((limit as u64).max(1)),
        _ => fit,
    })
}

fn width_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::Dictionary(..) => size_of::<i32>(),
        other => other.primitive_width().unwrap_or(TEXT_BYTES),
    }
}

/// Where some rows end: at the end of a chunk of the first stored column of a frame, if there is one.
fn cut(scan: &Scan<'_>, columns: &[RowColumn], start: u64, end: u64, last: u64) -> Result<u64> {
    if end >= last || scan.limit.is_some() {
        return Ok(end);
    }
    let used = scan.used_columns();
    let first = used.iter().filter_map(|&at| columns.get(at)).find_map(|column| match column {
        RowColumn::Series(frame @ (Frame::Obs | Frame::Var), name) => Some((frame, name)),
        _ => None,
    });
    let Some((frame, name)) = first else { return Ok(end) };
    let at = usize::try_from(end).or_bug("more rows than memory can hold");
    let series = series(scan.dataset, frame, name).map_err(error::stored)?;
    let at = at.and_then(|at| series.to_element().chunk_end(0, at)).map_err(error::stored)? as u64;
    Ok(if at > start { at } else { end })
}
