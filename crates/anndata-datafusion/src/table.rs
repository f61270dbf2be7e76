//! [`AnnDataTable`]: a table of a collection for DataFusion.

mod columns;

use std::fmt;
use std::sync::Arc;

use anndata_core::Element;
use anndata_storage::Error;
use arrow_array::{ArrayRef, StringViewArray};
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics};

use crate::dataset::Dataset;
use crate::error::stored;
use crate::filter::{Filter, Passing};
use crate::rows::{Frame, RowColumn};
use crate::sides::Sides;
use crate::x::LongColumn;
use crate::{Blocks, MatrixKey, pseudobulk};

/// What a table shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// The observations: `obs_id` (the position among those of all stores), `obs_name`, the columns of `obs`, `_store` (the key)
    /// and `_row` (the position in the store).
    Obs,
    /// The variables: `var_id`, `var_name` and the columns of `var`.
    Var,
    /// The stored values of a matrix, one a row: `obs_id`, `obs_name`, `var_id`, `var_name`, `value` and `_store`; of an array of
    /// `obsm`, `component` in place of the variable. Zeros that are stored are rows, others are not.
    Matrix(MatrixKey),
    /// An array or a data frame of `obsm`, one row per observation: `obs_id`, `obs_name`, and the columns `d0`, `d1`, … of an
    /// array or those of a frame.
    Obsm(String),
    /// The values of some variables, one row per observation: `obs_id`, `obs_name` and a column for each variable, of its name;
    /// missing where a store does not have the variable.
    Genes {
        /// The matrix.
        matrix: MatrixKey,
        /// The names of the variables.
        names: Vec<String>,
    },
    /// Sums over the variables, one row per observation: `obs_id`, `obs_name`, `total` and `n_detected`, which is how many
    /// values are not zero.
    Totals {
        /// The matrix.
        matrix: MatrixKey,
    },
    /// Sums over groups of observations, those of one partition: columns of `obs`, `var_id`, `var_name`, `n_cells`, `n_expressed`
    /// and `sum`. Rows of several partitions are to be added.
    Groups {
        /// The matrix.
        matrix: MatrixKey,
        /// The columns of `obs` that make groups.
        by: Vec<String>,
    },
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obs => f.write_str("obs"),
            Self::Var => f.write_str("var"),
            Self::Matrix(key) => write!(f, "{key}"),
            Self::Obsm(key) => write!(f, "obsm/{key}"),
            Self::Genes { matrix, names } => write!(f, "{matrix}[:, {names:?}]"),
            Self::Totals { matrix } => write!(f, "totals of {matrix}"),
            Self::Groups { matrix, by } => write!(f, "sums of {matrix} by {by:?}"),
        }
    }
}

/// A table of a [collection](Dataset), which is read when a query asks for it, and no more of it than the query needs.
#[derive(Debug, Clone)]
pub struct AnnDataTable {
    dataset: Arc<Dataset>,
    kind: TableKind,
    layout: Layout,
    schema: SchemaRef,
}

/// How a table is made.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// One row per observation or variable.
    Rows { columns: Vec<RowColumn>, by_variable: bool },
    /// One row per stored value.
    Long { key: MatrixKey, columns: Vec<LongColumn>, sides: Sides },
    /// Sums of groups.
    Groups { key: MatrixKey, by: Vec<String> },
}

impl AnnDataTable {
    /// A table of a collection.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if it has no such matrix, variable or column;
    /// [`Unsupported`](anndata_core::ErrorKind::Unsupported) if SQL has no type for its values.
    pub fn new(dataset: &Arc<Dataset>, kind: TableKind) -> anndata_core::Result<Arc<Self>> {
        let (layout, fields) = match &kind {
            TableKind::Matrix(key) => columns::long(dataset, key)?,
            TableKind::Groups { matrix, by } => {
                matrix.dtype(dataset.collection())?;
                (Layout::Groups { key: matrix.clone(), by: by.clone() }, pseudobulk::fields(dataset, by)?)
            }
            rows => columns::of_rows(dataset, rows)?,
        };
        let schema = Arc::new(Schema::new(fields));
        Ok(Arc::new(Self { dataset: Arc::clone(dataset), kind, layout, schema }))
    }

    /// The collection.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// What the table shows.
    pub fn kind(&self) -> &TableKind {
        &self.kind
    }

    pub(crate) fn schema_ref(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many rows there are to split among partitions: observations, or variables.
    pub(crate) fn n_rows(&self) -> u64 {
        match &self.layout {
            Layout::Rows { by_variable: true, .. } => self.dataset.n_vars(),
            _ => self.dataset.n_obs(),
        }
    }

    /// The column by which the rows of each partition are ordered, if they are.
    pub(crate) fn ordered_by(&self) -> Option<usize> {
        match &self.layout {
            Layout::Rows { .. } => Some(0),
            Layout::Long { key, .. } => {
                let objects = self.dataset.collection().objects_of_stores();
                let by_row = |element: &Element| matches!(element.sparse_format(), Ok(format) if format != Some(anndata_core::SparseFormat::Csc));
                objects.iter().filter_map(|object| key.of(object)).all(by_row).then_some(0)
            }
            Layout::Groups { .. } => None,
        }
    }

    /// Whether a condition on these columns can be told before a matrix is read.
    pub(crate) fn can_filter(&self, columns: &[usize]) -> bool {
        match &self.layout {
            Layout::Rows { .. } => true,
            Layout::Long { sides, .. } => sides.tell(columns),
            Layout::Groups { by, .. } => pseudobulk::sides(by).tell(columns),
        }
    }

    /// What a filter costs, as an order.
    pub(crate) fn cost(&self, filter: &Filter) -> (u8, usize) {
        let cost = |&at: &usize| match &self.layout {
            Layout::Rows { columns, .. } => columns.get(at).map_or(0, RowColumn::cost),
            Layout::Long { columns, .. } => {
                columns.get(at).and_then(|column| column.as_row_column()).map_or(0, |column| column.cost())
            }
            Layout::Groups { .. } => 1,
        };
        (filter.columns.iter().map(cost).max().unwrap_or(0), filter.columns.len())
    }

    /// What is read for some columns.
    pub(crate) fn reads(&self, columns: &[usize]) -> Vec<String> {
        let mut reads: Vec<String> = match &self.layout {
            Layout::Rows { columns: all, .. } => {
                columns.iter().filter_map(|&at| all.get(at)?.reads(&self.dataset)).collect()
            }
            Layout::Long { key, columns: all, .. } => {
                let of_rows = columns.iter().filter_map(|&at| all.get(at)?.as_row_column()?.reads(&self.dataset));
                of_rows.chain([format!("{key} (the rows that pass)")]).collect()
            }
            Layout::Groups { key, by } => {
                let obs = by.iter().map(|name| format!("obs/{name}"));
                obs.chain(["var names".to_owned(), format!("{key} (the rows that pass)")]).collect()
            }
        };
        let mut seen = std::collections::HashSet::new();
        reads.retain(|read| seen.insert(read.clone()));
        reads
    }

    /// The position of the column with the key of the store.
    pub(crate) fn store_column(&self) -> Option<usize> {
        match &self.layout {
            Layout::Rows { columns, .. } => columns.iter().position(|column| *column == RowColumn::Store),
            Layout::Long { columns, .. } => columns.iter().position(|column| *column == LongColumn::Store),
            Layout::Groups { .. } => None,
        }
    }

    /// The rows of the stores that pass conditions on their key alone.
    pub(crate) fn rows_of_stores(&self, filters: &[Filter]) -> Result<Blocks> {
        if filters.is_empty() {
            return Blocks::new(std::iter::once(0..self.n_rows())).map_err(stored);
        }
        let keys = self.dataset.collection().stores();
        let array: ArrayRef = Arc::new(StringViewArray::from_iter_values(keys));
        let passing = Passing::of(filters, &self.schema, keys.len(), |_| Ok(Arc::clone(&array)))?;
        let stores = self.dataset.stores().enumerate();
        let passes = |store: usize| passing.mask.as_ref().is_none_or(|mask| mask.value(store));
        Blocks::new(stores.filter(|(store, _)| passes(*store)).map(|(_, rows)| rows)).map_err(stored)
    }

    /// The rows of each of so many partitions at most, which end where chunks of the store do, as far as that is known.
    pub(crate) fn partitions(&self, rows: &Blocks, parts: usize) -> anndata_core::Result<Vec<Blocks>> {
        match &self.layout {
            // It is short.
            Layout::Rows { by_variable: true, .. } => rows.split(1, Ok),
            Layout::Rows { columns, .. } => rows.split(parts, |row| {
                let key = columns.iter().find_map(|column| match column {
                    RowColumn::Gene(key, _) | RowColumn::Total(key) | RowColumn::Detected(key) => Some(key),
                    _ => None,
                });
                match key {
                    Some(key) => self.cut(key, row),
                    None => self.cut_frame(columns, row),
                }
            }),
            Layout::Long { key, .. } | Layout::Groups { key, .. } => rows.split(parts, |row| self.cut(key, row)),
        }
    }

    /// Where a matrix is better cut than at a row.
    fn cut(&self, key: &MatrixKey, row: u64) -> anndata_core::Result<u64> {
        let store = self.dataset.store_of(row);
        let start = self.dataset.stores().nth(store).map_or(0, |rows| rows.start);
        let Some(element) = self.dataset.collection().objects_of_stores().get(store).and_then(|object| key.of(object))
        else {
            return Ok(row);
        };
        // All of its columns would be read for each part.
        if element.sparse_format()? == Some(anndata_core::SparseFormat::Csc) {
            return Ok(start);
        }
        let within =
            usize::try_from(row - start).map_err(|_| Error::limit_exceeded("more rows than memory can hold"))?;
        Ok(start + element.chunk_end(0, within)? as u64)
    }

    /// Where a column of a frame is better cut than at a row.
    fn cut_frame(&self, columns: &[RowColumn], row: u64) -> anndata_core::Result<u64> {
        let obs = self.dataset.collection().obs();
        let series = columns.iter().find_map(|column| match column {
            RowColumn::Series(Frame::Obs, name) => obs.series(name),
            _ => None,
        });
        let at = usize::try_from(row).map_err(|_| Error::limit_exceeded("more rows than memory can hold"))?;
        Ok(series.map_or(Ok(at), |series| series.to_element().chunk_end(0, at))? as u64)
    }

    /// How many rows of the table these rows of the stores make, without reading any.
    pub(crate) fn count(&self, rows: &Blocks) -> Precision<usize> {
        let exact = |n: u64| usize::try_from(n).map_or(Precision::Absent, Precision::Exact);
        match &self.layout {
            Layout::Rows { .. } => exact(rows.len()),
            Layout::Long { key, .. } => self.count_values(key, rows),
            Layout::Groups { .. } => Precision::Absent,
        }
    }

    fn count_values(&self, key: &MatrixKey, rows: &Blocks) -> Precision<usize> {
        let collection = self.dataset.collection();
        let Ok(plan) = key.plan(collection) else { return Precision::Absent };
        let (mut total, mut exact) = (0_usize, true);
        let stores = self.dataset.stores().zip(collection.objects_of_stores()).zip(plan.reindex.iter());
        for ((own, object), reindex) in stores {
            let Some(element) = key.of(object) else { continue };
            let within = |range: &std::ops::Range<u64>| {
                range.end.clamp(own.start, own.end) - range.start.clamp(own.start, own.end)
            };
            let asked: u64 = rows.ranges().iter().map(within).sum();
            let (Ok(asked), all) = (usize::try_from(asked), own.end - own.start) else { return Precision::Absent };
            if asked == 0 {
                continue;
            }
            let Ok(shape) = element.shape() else { return Precision::Absent };
            let columns = shape.as_deref().and_then(|shape| shape.get(1).copied()).unwrap_or(0);
            let values = match (element.is_sparse(), element.nnz()) {
                (Ok(true), Some(nnz)) => nnz,
                (Ok(false), _) => columns.saturating_mul(asked),
                // What is not known is taken to be a tenth.
                _ => {
                    exact = false;
                    columns.saturating_mul(asked) / 10
                }
            };
            exact &= !reindex.drops() && asked as u64 == all;
            total = total.saturating_add(values);
        }
        if exact { Precision::Exact(total) } else { Precision::Inexact(total) }
    }

    pub(crate) fn statistics_of(schema: &Schema, num_rows: Precision<usize>) -> Statistics {
        Statistics { num_rows, ..Statistics::new_unknown(schema) }
    }
}
