//! Scanning a matrix as a long table: one row per stored value.

use std::ops::Range;
use std::sync::Arc;

use anndata_core::{AxisSelection, Element};
use anndata_storage::{Error, OrBug};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, UInt32Array};
use arrow_select::take::take;
use datafusion::common::Result;

use crate::dataset::Piece;
use crate::error::stored;
use crate::matrix::{MatrixKey, StoreMatrix};
use crate::rows::{Axis, RowColumn, RowReader, local};
use crate::scan::Scan;
use crate::sides::Sides;
use crate::values::{repeated, sql_values};

/// A column of a long table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongColumn {
    ObsId,
    ObsName,
    VarId,
    VarName,
    Value,
    Store,
}

impl LongColumn {
    /// The columns of a matrix of `obs` x `var`, with their names.
    pub(crate) const OF_VARIABLES: [(&'static str, Self); 6] = [
        ("obs_id", Self::ObsId),
        ("obs_name", Self::ObsName),
        ("var_id", Self::VarId),
        ("var_name", Self::VarName),
        ("value", Self::Value),
        ("_store", Self::Store),
    ];

    /// The columns of a matrix whose own columns have no names.
    pub(crate) const OF_COMPONENTS: [(&'static str, Self); 5] = [
        ("obs_id", Self::ObsId),
        ("obs_name", Self::ObsName),
        ("component", Self::VarId),
        ("value", Self::Value),
        ("_store", Self::Store),
    ];

    /// What it is in a table with one row per observation or variable, if it is in one.
    pub(crate) fn as_row_column(self) -> Option<RowColumn> {
        match self {
            Self::ObsId => Some(RowColumn::Id(Axis::Obs)),
            Self::ObsName => Some(RowColumn::Name(Axis::Obs)),
            Self::Store => Some(RowColumn::Store),
            Self::VarId => Some(RowColumn::Id(Axis::Var)),
            Self::VarName => Some(RowColumn::Name(Axis::Var)),
            Self::Value => None,
        }
    }

    /// Whether it is of observations or of variables; `None` for values.
    pub(crate) fn axis(self) -> Option<Axis> {
        match self {
            Self::ObsId | Self::ObsName | Self::Store => Some(Axis::Obs),
            Self::VarId | Self::VarName => Some(Axis::Var),
            Self::Value => None,
        }
    }
}

/// The least memory that chunks are made for.
const LEAST_MEMORY: u64 = 1 << 16;

/// Scans rows of one store.
pub(crate) fn scan(
    scan: &mut Scan<'_>,
    key: &MatrixKey,
    columns: &[LongColumn],
    sides: &Sides,
    variables: Option<&[bool]>,
    piece: &Piece,
    rows: &Range<u64>,
) -> Result<bool> {
    let Some(matrix) = StoreMatrix::new(key, scan.dataset.collection(), piece.store).map_err(stored)? else {
        return Ok(true);
    };
    let passes = |variable: usize| variables.is_none_or(|passing| passing.get(variable).copied().unwrap_or(false));
    let (own, of_collection) = matrix.kept(passes);
    let rows = sides.passing_rows(scan, piece, rows)?;
    if rows.is_empty() || own.is_empty() {
        return Ok(true);
    }
    let projects = |column: LongColumn| scan.projection.iter().any(|&at| columns.get(at) == Some(&column));
    let reader = RowReader { dataset: scan.dataset, piece: Some(piece), memory: scan.memory };
    let kept = AxisSelection::of_positions(own);
    // Where a few values are enough, a few rows are, unless variables are picked.
    let memory = match scan.limit {
        Some(limit) if variables.is_none() => scan.memory.min(((limit as u64).saturating_mul(64)).max(LEAST_MEMORY)),
        _ => scan.memory,
    };
    let dtype = key.dtype(scan.dataset.collection()).map_err(stored)?;
    let (needs_names, needs_values) = (projects(LongColumn::ObsName), projects(LongColumn::Value));
    let chunks = matrix.chunks(&local(&rows, piece.start), &kept, memory).map_err(stored)?;
    let by_row = chunks.by_row;
    let names_of = |rows: &AxisSelection| reader.read(&RowColumn::Name(Axis::Obs), rows).map_err(stored);
    // Of columns, each part has all rows.
    let all_names = if needs_names && !by_row { Some(names_of(&rows)?) } else { None };
    for chunk in chunks {
        let (range, chunk) = chunk.map_err(stored)?;
        let within = AxisSelection::Range(range.start as u64..range.end as u64);
        let (rows, variables) = if by_row {
            (rows.select(&within), of_collection.as_slice())
        } else {
            (rows.clone(), of_collection.get(range).or_bug("columns beyond the last").map_err(stored)?)
        };
        let cells = Cells::of(&chunk).map_err(stored)?;
        let ids: Vec<u64> = rows.positions().collect();
        let values = Values {
            ids: &ids,
            names: if needs_names && by_row { Some(names_of(&rows)?) } else { all_names.clone() },
            variables,
            cells: &cells,
        };
        let value = if needs_values {
            Some(cells.values.cast(&dtype).and_then(|values| values.to_arrow()).and_then(sql_values).map_err(stored)?)
        } else {
            None
        };
        let mut arrays = Vec::with_capacity(scan.projection.len());
        for &at in &scan.projection {
            let column = columns.get(at).or_bug("a column that is not there").map_err(stored)?;
            arrays.push(match (column, &value) {
                (LongColumn::Value, Some(value)) => Arc::clone(value),
                (column, _) => values.column(scan, *column, piece)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(cells.rows.len()));
        if !scan.emit(RecordBatch::try_new_with_options(Arc::clone(&scan.projected), arrays, &options)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The stored values of a part of a matrix, with the row and the column of each.
struct Cells {
    rows: Vec<u32>,
    columns: Vec<u32>,
    values: anndata_core::Tensor,
}

impl Cells {
    fn of(part: &Element) -> anndata_core::Result<Self> {
        let small = |at: usize| u32::try_from(at).map_err(|_| Error::limit_exceeded("more rows or columns than 2^32"));
        if let Element::Sparse(matrix) = part {
            let (_, minor) = matrix.axes();
            small(minor)?;
            let indices = matrix.indices().cast(&anndata_core::DType::U32)?.as_slice::<u32>()?.to_vec();
            let mut major = Vec::with_capacity(indices.len());
            for (slice, len) in matrix.major_offsets()?.lengths().enumerate() {
                major.resize(major.len() + len, small(slice)?);
            }
            let is_csr = matrix.format() == anndata_core::SparseFormat::Csr;
            let (rows, columns) = if is_csr { (major, indices) } else { (indices, major) };
            return Ok(Self { rows, columns, values: matrix.data().clone() });
        }
        let dense = part.to_tensor()?;
        let [n_rows, n_columns] = *dense.shape() else {
            return Err(Error::dtype(format!("shape {:?} is not a matrix", dense.shape())));
        };
        let (n_rows, n_columns) = (small(n_rows)?, small(n_columns)?);
        let rows = (0..n_rows).flat_map(|row| (0..n_columns).map(move |_| row)).collect();
        let columns = (0..n_rows).flat_map(|_| 0..n_columns).collect();
        let len = dense.len();
        Ok(Self { rows, columns, values: dense.reshape([len])? })
    }
}

/// What columns are made of.
struct Values<'a> {
    ids: &'a [u64],
    names: Option<ArrayRef>,
    variables: &'a [usize],
    cells: &'a Cells,
}

impl Values<'_> {
    fn column(&self, scan: &Scan<'_>, column: LongColumn, piece: &Piece) -> Result<ArrayRef> {
        let id = |at: u64| i64::try_from(at).or_bug("a position beyond what there are numbers for");
        let of_rows = || UInt32Array::from(self.cells.rows.clone());
        Ok(match column {
            LongColumn::ObsId => {
                let ids = self.cells.rows.iter().map(|&row| {
                    id(self.ids.get(row as usize).copied().or_bug("a value of a row that was not asked for")?)
                });
                Arc::new(Int64Array::from(ids.collect::<anndata_core::Result<Vec<_>>>().map_err(stored)?))
            }
            LongColumn::ObsName => {
                let names = self.names.as_ref().or_bug("names that were not read").map_err(stored)?;
                take(names, &of_rows(), None)?
            }
            LongColumn::VarId => {
                let ids = self.variable_ids().map(|at| id(at? as u64));
                Arc::new(Int64Array::from(ids.collect::<anndata_core::Result<Vec<_>>>().map_err(stored)?))
            }
            LongColumn::VarName => {
                let ids = self.variable_ids().map(|at| u32::try_from(at?).or_bug("more than 2^32 variables"));
                let ids = ids.collect::<anndata_core::Result<Vec<_>>>().map_err(stored)?;
                let names: &StringViewArray = scan.dataset.var_names().map_err(stored)?;
                take(names, &UInt32Array::from(ids), None)?
            }
            LongColumn::Store => {
                Arc::new(repeated(scan.dataset.key(piece.store).map_err(stored)?, self.cells.rows.len()))
            }
            LongColumn::Value => return Err(stored(Error::bug("values that were not read"))),
        })
    }

    fn variable_ids(&self) -> impl Iterator<Item = anndata_core::Result<usize>> + '_ {
        let variable = |&column: &u32| self.variables.get(column as usize).copied().or_bug("a value of no column");
        self.cells.columns.iter().map(variable)
    }
}
