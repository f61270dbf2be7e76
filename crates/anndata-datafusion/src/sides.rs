//! [`Sides`]: the columns of a table that are of observations alone, and those that are of variables alone, and what passes the
//! filters on them. So a matrix is read for what passes both, and nothing else.

use std::ops::Range;

use anndata_core::AxisSelection;
use anndata_storage::OrBug;
use arrow_cast::cast;
use datafusion::common::Result;

use crate::dataset::Piece;
use crate::error::stored;
use crate::filter::{Filter, Passing};
use crate::rows::{RowColumn, RowReader};
use crate::scan::Scan;

/// What each column of a table is as one of observations, and as one of variables, if it is.
#[derive(Debug, Clone)]
pub(crate) struct Sides {
    pub(crate) obs: Vec<Option<RowColumn>>,
    pub(crate) var: Vec<Option<RowColumn>>,
}

/// How many rows are looked at for filters at a time.
const FILTERED: u64 = 1 << 16;

impl Sides {
    /// Whether a condition on these columns can be told from observations alone, or from variables alone.
    pub(crate) fn tell(&self, columns: &[usize]) -> bool {
        is_of(columns, &self.obs) || is_of(columns, &self.var)
    }

    /// Which variables pass the filters on them; `None` if all do.
    pub(crate) fn passing_variables(&self, scan: &Scan<'_>) -> Result<Option<Vec<bool>>> {
        let n = scan.dataset.collection().n_vars();
        let reader = RowReader { dataset: scan.dataset, piece: None, memory: scan.memory };
        let passing = passing(scan, &self.var, &reader, &(0..n as u64))?;
        Ok(passing.and_then(|(passing, _)| passing.mask).map(|mask| mask.values().iter().collect()))
    }

    /// The rows of a store that pass the filters on observations.
    pub(crate) fn passing_rows(&self, scan: &Scan<'_>, piece: &Piece, rows: &Range<u64>) -> Result<AxisSelection> {
        let reader = RowReader { dataset: scan.dataset, piece: Some(piece), memory: scan.memory };
        let mut positions = Vec::new();
        let mut start = rows.start;
        while start < rows.end {
            let end = start.saturating_add(FILTERED).min(rows.end);
            match passing(scan, &self.obs, &reader, &(start..end))? {
                None => return Ok(AxisSelection::Range(rows.clone())),
                Some((passing, n)) if passing.count(n) > 0 => positions.extend(passing.positions(start, n)),
                Some(_) => {}
            }
            start = end;
        }
        Ok(AxisSelection::of_positions(positions))
    }
}

fn is_of(columns: &[usize], side: &[Option<RowColumn>]) -> bool {
    !columns.is_empty() && columns.iter().all(|&at| side.get(at).is_some_and(Option::is_some))
}

/// What passes the filters on one side, and out of how many; `None` if there are no filters on it.
fn passing(
    scan: &Scan<'_>,
    side: &[Option<RowColumn>],
    reader: &RowReader<'_>,
    rows: &Range<u64>,
) -> Result<Option<(Passing, usize)>> {
    let filters: Vec<&Filter> = scan.filters().filter(|filter| is_of(&filter.columns, side)).collect();
    if filters.is_empty() {
        return Ok(None);
    }
    let n = usize::try_from(rows.end - rows.start).or_bug("more rows than memory can hold").map_err(stored)?;
    let passing = Passing::of(filters, &scan.schema, n, |at| {
        let column = side.get(at).and_then(Option::as_ref).or_bug("a filter on a column of the other side");
        let array = column.and_then(|column| reader.read(column, &AxisSelection::Range(rows.clone())));
        Ok(cast(&array.map_err(stored)?, scan.schema.field(at).data_type())?)
    })?;
    Ok(Some((passing, n)))
}
