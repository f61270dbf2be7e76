//! Tables with one row per observation or variable: their columns, and how these are read.

mod genes;
mod scan;

use std::sync::Arc;

use anndata_core::{AxisSelection, Column, DataFrame, Element, Result, Series, SparseFormat};
use anndata_storage::{Error, OrBug};
use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field};

pub(crate) use self::genes::local;
pub(crate) use self::scan::scan;
use crate::dataset::{Dataset, Piece};
use crate::matrix::MatrixKey;
use crate::values::{ids, repeated, sql_array, sql_number, sql_type, sql_values, to_views};

/// A column of a table with one row per observation or variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowColumn {
    /// The position of the observation among those of all stores, or of the variable.
    Id(Axis),
    /// The name.
    Name(Axis),
    /// The key of the store.
    Store,
    /// The position of the observation in its store.
    RowInStore,
    /// A column of a data frame.
    Series(Frame, String),
    /// A column of an array of `obsm`.
    Component(String, usize),
    /// The values of a variable in a matrix; missing in stores that do not have it.
    Gene(MatrixKey, usize),
    /// The sum of the values of an observation in a matrix.
    Total(MatrixKey),
    /// How many values of an observation in a matrix are not zero.
    Detected(MatrixKey),
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// An observation.
    Obs,
    /// A variable.
    Var,
}

impl Axis {
    /// Its name in the names of columns.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Obs => "obs",
            Self::Var => "var",
        }
    }
}

/// A data frame with one row per observation or variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `obs`.
    Obs,
    /// `var`.
    Var,
    /// A frame of `obsm`.
    Obsm(String),
}

impl RowColumn {
    /// What it costs to read, as an order.
    pub(crate) fn cost(&self) -> u8 {
        match self {
            Self::Id(_) | Self::Store | Self::RowInStore => 0,
            Self::Series(..) => 1,
            Self::Name(_) => 2,
            Self::Component(..) => 3,
            Self::Gene(..) | Self::Total(_) | Self::Detected(_) => 4,
        }
    }

    /// What of a store is read for it; `None` if nothing is.
    pub(crate) fn reads(&self, dataset: &Dataset) -> Option<String> {
        let whole = |key: &MatrixKey, what: &str| {
            let objects = dataset.collection().objects_of_stores();
            let by_column = objects.iter().filter_map(|object| key.of(object)).all(|element| {
                // What cannot be known here is told where it is read.
                matches!(element.sparse_format(), Ok(Some(SparseFormat::Csc)))
            });
            if by_column { format!("{key} ({what})") } else { format!("{key} (all of the rows)") }
        };
        match self {
            Self::Id(_) | Self::Store | Self::RowInStore => None,
            Self::Name(axis) => Some(format!("{} names", axis.name())),
            Self::Series(Frame::Obs, name) => Some(format!("obs/{name}")),
            Self::Series(Frame::Var, name) => Some(format!("var/{name}")),
            Self::Series(Frame::Obsm(key), name) => Some(format!("obsm/{key}/{name}")),
            Self::Component(key, _) => Some(format!("obsm/{key}")),
            Self::Gene(key, _) => Some(whole(key, "the columns asked for")),
            Self::Total(key) | Self::Detected(key) => Some(format!("{key} (all of the rows)")),
        }
    }

    /// The field of the column in a table.
    ///
    /// # Errors
    /// If the values have no Arrow type, or the metadata are malformed.
    pub(crate) fn field(&self, dataset: &Dataset, name: &str) -> Result<Field> {
        let (data_type, nullable) = match self {
            Self::Id(_) | Self::RowInStore => (DataType::Int64, false),
            Self::Name(_) | Self::Store => (DataType::Utf8View, false),
            Self::Series(frame, column) => {
                let none = series(dataset, frame, column)?.slice(0..0)?;
                let field = none.to_field(name);
                (sql_type(field.data_type()), true)
            }
            Self::Component(key, _) => (sql_number(&MatrixKey::Obsm(key.clone()), dataset.collection())?, false),
            Self::Gene(key, _) => (sql_number(key, dataset.collection())?, true),
            Self::Total(_) => (DataType::Float64, true),
            Self::Detected(_) => (DataType::Int64, true),
        };
        Ok(Field::new(name, data_type, nullable))
    }
}

/// A column of a frame of the collection, not read.
fn series(dataset: &Dataset, frame: &Frame, name: &str) -> Result<Series> {
    let collection = dataset.collection();
    let none = || Error::not_found(format!("there is no column '{name}'"));
    match frame {
        Frame::Obs => collection.obs().series(name).cloned().ok_or_else(none),
        Frame::Var => collection.var().series(name).cloned().ok_or_else(none),
        Frame::Obsm(key) => obsm_frame(dataset, key, None)?.series(name).cloned().ok_or_else(none),
    }
}

/// A frame of `obsm`, or some rows of it.
pub(crate) fn obsm_frame(dataset: &Dataset, key: &str, rows: Option<&AxisSelection>) -> Result<DataFrame> {
    let element =
        dataset.collection().obsm().get(key).ok_or_else(|| Error::not_found(format!("there is no obsm/{key}")))?;
    let some = match (rows, element) {
        (Some(rows), element) => element.select(std::slice::from_ref(rows))?,
        (None, Element::Frame(frame)) => return Ok(frame.clone()),
        (None, lazy) => lazy.select(&[AxisSelection::Range(0..0)])?,
    };
    Ok(some.load()?.as_frame()?.clone())
}

/// Reads columns of the rows of one store, or of the variables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowReader<'a> {
    pub(crate) dataset: &'a Dataset,
    /// The store, and where its rows begin; `None` for variables.
    pub(crate) piece: Option<&'a Piece>,
    /// About how many bytes may be in memory at a time.
    pub(crate) memory: u64,
}

impl RowReader<'_> {
    /// A column of some rows, which are counted among all.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(&self, column: &RowColumn, rows: &AxisSelection) -> Result<ArrayRef> {
        let n = usize::try_from(rows.len()).or_bug("more rows than memory can hold")?;
        Ok(match column {
            RowColumn::Id(_) => ids(rows.positions())?,
            RowColumn::RowInStore => {
                let start = self.piece()?.start;
                ids(rows.positions().map(|row| row - start))?
            }
            RowColumn::Store => Arc::new(repeated(self.dataset.key(self.piece()?.store)?, n)),
            RowColumn::Name(Axis::Var) if rows.is_whole(self.dataset.n_vars()) => {
                Arc::new(self.dataset.var_names()?.clone())
            }
            RowColumn::Name(axis) => {
                let frame = match axis {
                    Axis::Obs => self.dataset.collection().obs(),
                    Axis::Var => self.dataset.collection().var(),
                };
                Arc::new(to_views(&part_of(frame.index(), rows)?)?)
            }
            RowColumn::Series(Frame::Obsm(key), name) => {
                sql_array(&obsm_frame(self.dataset, key, Some(rows))?.column(name)?)?
            }
            RowColumn::Series(frame, name) => {
                let path = match frame {
                    Frame::Var => "var",
                    _ => "obs",
                };
                let column = part_of(&series(self.dataset, frame, name)?, rows);
                sql_array(&column.map_err(|error| error.at(&format!("{path}/{name}")))?)?
            }
            RowColumn::Component(key, at) => {
                let element = self.dataset.collection().obsm().get(key);
                let element = element.ok_or_else(|| Error::not_found(format!("there is no obsm/{key}")))?;
                let at = *at as u64;
                let some = element.select(&[rows.clone(), AxisSelection::Range(at..at + 1)])?;
                sql_values(some.load()?.to_dense()?.reshape([n])?.to_arrow()?)?
            }
            RowColumn::Gene(..) | RowColumn::Total(_) | RowColumn::Detected(_) => {
                self.read_all(std::slice::from_ref(column), rows)?.pop().or_bug("a column that was not read")?
            }
        })
    }

    /// Some columns of some rows; a matrix is read once for all that are of it.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn read_all(&self, columns: &[RowColumn], rows: &AxisSelection) -> Result<Vec<ArrayRef>> {
        let mut of_matrices = genes::read(self, columns, rows)?;
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| match of_matrices.remove(&at) {
                Some(array) => Ok(array),
                None => self.read(column, rows),
            })
            .collect()
    }

    fn piece(&self) -> Result<&Piece> {
        self.piece.or_bug("a column of observations asked for of variables")
    }
}

/// Some rows of a column, in memory.
fn part_of(series: &Series, rows: &AxisSelection) -> Result<Column> {
    match rows {
        AxisSelection::Range(range) => {
            let end = usize::try_from(range.end).or_bug("more rows than memory can hold")?;
            series.slice(usize::try_from(range.start).or_bug("more rows than memory can hold")?..end)
        }
        AxisSelection::Indices(_) => series.to_element().select(std::slice::from_ref(rows))?.into_column(),
    }
}
