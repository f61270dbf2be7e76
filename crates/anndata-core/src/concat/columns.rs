//! Columns of frames: what columns of one name become together, and how they become it.

use std::collections::HashMap;

use anndata_storage::{AlignedBytes, DType, Error, NAT, OrBug, Result, Tensor, dispatch};
use arrow_array::{Array, LargeStringArray};
use arrow_buffer::NullBuffer;

use super::categories;
use super::outline::{self, ColumnOutline};
use crate::{Column, ColumnKind, NaValue};
use anndata_array::promote::{FillValue, result_type};

/// Where inputs do not have a column that others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// All have it.
    Nowhere,
    /// Only in inputs without rows and columns; pandas still makes booleans nullable.
    NoRows,
    /// In others, so that rows have no value.
    Rows,
}

/// What the columns of one name become together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnPlan {
    /// Numbers; a missing value is NaN, so that there is one only among floats.
    Numbers(DType),
    /// Dates or spans of time; a missing one is `NaT`.
    Times(DType),
    /// Integers or booleans that can be missing.
    Nullable(DType),
    /// Text; what a missing one is, where one can be missing.
    Text(Option<NaValue>),
    /// Categories.
    Categorical {
        /// All categories, in order.
        categories: Column,
        /// Whether the order means something.
        ordered: bool,
    },
}

impl ColumnPlan {
    /// The plan for columns of one name; `absent` says where inputs have none.
    ///
    /// The rules are those of pandas. If pandas would give a column of mixed Python objects, or a type that the
    /// on-disk format does not have, numbers become floats with NaN, and anything else is an error.
    pub(super) fn new(columns: &[&ColumnOutline], absent: Absent) -> Result<Self> {
        let mut missing = absent == Absent::Rows;
        let dtypes = columns.iter().map(|column| column.dtype()).collect::<Result<Vec<_>>>()?;
        if columns.iter().all(|column| matches!(column, ColumnOutline::Categorical { .. }))
            && let Some((categories, ordered)) = categories::union(columns)?
        {
            return Ok(Self::Categorical { categories, ordered });
        }
        let text = dtypes.iter().filter(|dtype| dtype.is_text()).count();
        if text == dtypes.len() {
            return Ok(Self::text(columns, missing));
        }
        if text > 0 {
            return Err(mixed(&dtypes));
        }
        let times = dtypes.iter().filter(|dtype| dtype.is_time()).count();
        if times > 0 {
            let joined = if times == dtypes.len() { result_type(&dtypes) } else { None };
            return joined.map(Self::Times).ok_or_else(|| mixed(&dtypes));
        }
        for column in columns.iter().filter(|column| matches!(column, ColumnOutline::Categorical { .. })) {
            missing |= column.has_missing()?;
        }
        // Booleans and numbers go together only as plain columns.
        let categorical = columns.iter().any(|column| matches!(column, ColumnOutline::Categorical { .. }));
        if categorical && dtypes.contains(&DType::Bool) && dtypes.iter().any(|dtype| *dtype != DType::Bool) {
            return Err(mixed(&dtypes));
        }
        let nullable = columns.iter().any(|column| matches!(column, ColumnOutline::Nullable(..)));
        let truth = absent == Absent::NoRows && dtypes.iter().all(|dtype| *dtype == DType::Bool);
        Self::numbers(&dtypes, nullable || truth, missing)
    }

    fn text(columns: &[&ColumnOutline], missing: bool) -> Self {
        let na_value = |column: &&ColumnOutline| match column {
            ColumnOutline::Nullable(_, na_value) => Some(*na_value),
            ColumnOutline::Categorical { .. } => Some(NaValue::Nan),
            ColumnOutline::Plain(_) | ColumnOutline::Unknown(_) => missing.then_some(NaValue::Nan),
        };
        let na_values: Vec<NaValue> = columns.iter().filter_map(na_value).collect();
        let na = na_values.contains(&NaValue::Na);
        Self::Text(if na { Some(NaValue::Na) } else { na_values.first().copied() })
    }

    fn numbers(dtypes: &[DType], nullable: bool, missing: bool) -> Result<Self> {
        let joined = result_type(dtypes).ok_or_else(|| mixed(dtypes))?;
        if joined == DType::Bool {
            return Ok(if nullable || missing { Self::Nullable(joined) } else { Self::Numbers(joined) });
        }
        // Booleans count as numbers only where nothing says that they are not.
        let as_first = |dtype: &DType| dtype.is_integer() || *dtype == DType::Bool || dtypes.first() == Some(dtype);
        if dtypes.contains(&DType::Bool) && (nullable || missing || !dtypes.iter().all(as_first)) {
            return Err(mixed(dtypes));
        }
        Ok(match joined {
            integer if integer.is_integer() && nullable => Self::Nullable(integer),
            integer if integer.is_integer() && missing => Self::Numbers(DType::F64),
            dtype => Self::Numbers(dtype),
        })
    }

    /// The plan for rows of one column of which some may be missing.
    pub(super) fn reindexed(column: &Column, missing: bool) -> Result<Self> {
        Ok(match column.kind() {
            ColumnKind::Categorical { ordered } => {
                Self::Categorical { categories: column.codes_and_categories()?.1, ordered }
            }
            ColumnKind::Nullable(na_value) => match outline::dtype(column)? {
                dtype if dtype.is_text() => Self::Text(Some(na_value)),
                dtype => Self::Nullable(dtype),
            },
            ColumnKind::Time(_) => Self::Times(outline::dtype(column)?),
            ColumnKind::Plain => {
                let absent = if missing { Absent::Rows } else { Absent::Nowhere };
                Self::new(&[&ColumnOutline::Plain(outline::dtype(column)?)], absent)?
            }
        })
    }

    /// The rows of the inputs, one after the other: of a column all, of an input without it so many missing ones.
    pub(super) fn concat(&self, parts: &[(Option<Column>, usize)]) -> Result<Column> {
        match self {
            Self::Numbers(dtype) => numbers(dtype, parts),
            Self::Times(dtype) => times(dtype, parts),
            Self::Nullable(dtype) => {
                let valid = parts.iter().flat_map(|(column, rows)| valid(column.as_ref(), *rows));
                let missing: Vec<bool> = valid.map(|valid| !valid).collect();
                let values = parts.iter().map(|(column, rows)| match column {
                    Some(column) => values(column)?.cast(dtype),
                    None => zeros(dtype, *rows),
                });
                let values = Tensor::concat_rows(&values.collect::<Result<Vec<_>>>()?)?;
                Column::nullable(&values, &missing, NaValue::Na)
            }
            Self::Text(na_value) => text(*na_value, parts),
            Self::Categorical { categories, ordered } => {
                let codes = parts.iter().map(|(column, rows)| match column {
                    Some(column) => categories::codes_in(column, categories),
                    None => Ok(vec![-1; *rows]),
                });
                let codes = codes.collect::<Result<Vec<Vec<i64>>>>()?.concat();
                let codes = Tensor::from_vec([codes.len()], codes)?.cast(&categories::code_dtype(categories.len()))?;
                Column::categorical(&codes, categories, *ordered)
            }
        }
    }
}

/// The rows of a column at these positions; `None` is a row without a value.
pub(super) fn reindex(column: &Column, rows: &[Option<usize>]) -> Result<Column> {
    let missing = rows.contains(&None);
    let plan = ColumnPlan::reindexed(column, missing)?;
    let array = column.gather(&rows.iter().map(|row| row.map(|row| row as u64)).collect())?;
    if !missing || matches!(plan, ColumnPlan::Categorical { .. } | ColumnPlan::Times(_)) {
        return Column::from_arrow(&column.to_field(""), &array);
    }
    let is_missing = |row: usize| array.is_null(row);
    let values = Tensor::from_arrow(array.as_ref())?;
    if let ColumnPlan::Numbers(dtype) = plan {
        return Column::plain(&with_nan(&values.cast(&dtype)?, is_missing)?);
    }
    let na_value = if let ColumnPlan::Text(Some(na_value)) = plan { na_value } else { NaValue::Na };
    Column::nullable(&values, &(0..array.len()).map(is_missing).collect::<Vec<_>>(), na_value)
}

/// Whether each row of a part has a value.
fn valid(column: Option<&Column>, rows: usize) -> Vec<bool> {
    match column.map(|column| column.array().nulls()) {
        None => vec![false; rows],
        Some(None) => vec![true; rows],
        Some(Some(nulls)) => nulls.iter().collect(),
    }
}

/// The values of a column, categories in place of codes; arbitrary where missing.
fn values(column: &Column) -> Result<Tensor> {
    if !matches!(column.kind(), ColumnKind::Categorical { .. }) {
        return column.to_tensor();
    }
    let (codes, categories) = column.codes_and_categories()?;
    let categories = categories.to_tensor()?;
    if categories.is_empty() {
        return zeros(categories.dtype(), codes.len());
    }
    // Fallback: a missing row has the first category below it.
    let codes = codes.cast(&DType::I64)?;
    let rows: Vec<u64> = codes.as_slice::<i64>()?.iter().map(|&code| u64::try_from(code).unwrap_or(0)).collect();
    categories.take(0, &rows)
}

/// So many zeros.
fn zeros(dtype: &DType, rows: usize) -> Result<Tensor> {
    let size = dtype.size().or_bug("a number without a size")?;
    let bytes = rows.checked_mul(size).ok_or_else(|| Error::limit_exceeded("the rows do not fit into memory"))?;
    Tensor::new(dtype.clone(), [rows], AlignedBytes::try_zeroed(bytes)?)
}

fn numbers(dtype: &DType, parts: &[(Option<Column>, usize)]) -> Result<Column> {
    let parts = parts.iter().map(|(column, rows)| match column {
        None => with_nan(&zeros(dtype, *rows)?, |_| true),
        Some(column) => {
            let values = values(column)?.cast(dtype)?;
            match column.array().nulls().filter(|nulls| nulls.null_count() > 0) {
                Some(nulls) => with_nan(&values, |row| nulls.is_null(row)),
                None => Ok(values),
            }
        }
    });
    Column::plain(&Tensor::concat_rows(&parts.collect::<Result<Vec<_>>>()?)?)
}

fn times(dtype: &DType, parts: &[(Option<Column>, usize)]) -> Result<Column> {
    let parts = parts.iter().map(|(column, rows)| {
        let Some(column) = column else { return Tensor::from_ticks(dtype.clone(), [*rows], vec![NAT; *rows]) };
        let values = values(column)?.cast(dtype)?;
        if !matches!(column.kind(), ColumnKind::Categorical { .. }) {
            return Ok(values);
        }
        let ticks = values.ticks()?.iter().zip(column.missing());
        let ticks = ticks.map(|(&tick, missing)| if missing { NAT } else { tick });
        Tensor::from_ticks(dtype.clone(), [values.len()], ticks.collect())
    });
    Column::plain(&Tensor::concat_rows(&parts.collect::<Result<Vec<_>>>()?)?)
}

/// Numbers with NaN where a function says so.
fn with_nan(values: &Tensor, missing: impl Fn(usize) -> bool) -> Result<Tensor> {
    dispatch!(values.dtype(), T => {
        let nan = FillValue::NAN.to_tensor(values.dtype())?;
        let nan = *nan.as_slice::<T>()?.first().or_bug("a scalar without a value")?;
        let rows = values.as_slice::<T>()?.iter().enumerate();
        Tensor::from_vec([values.len()], rows.map(|(row, &value)| if missing(row) { nan } else { value }).collect())
    }, else => Err(Error::dtype(format!("values of type {} are not numbers", values.dtype()))))
}

fn text(na_value: Option<NaValue>, parts: &[(Option<Column>, usize)]) -> Result<Column> {
    let arrays = parts.iter().map(|(column, rows)| {
        Ok(match column {
            None => LargeStringArray::new_null(*rows),
            Some(column) => match column.array().as_any().downcast_ref::<LargeStringArray>() {
                Some(texts) => texts.clone(),
                None => LargeStringArray::from(column.to_strings()?),
            },
        })
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let refs: Vec<&dyn Array> = arrays.iter().map(|array| array as &dyn Array).collect();
    let joined = arrow_select::concat::concat(&refs)
        .map_err(|error| Error::invalid_data("texts cannot be joined").with_source(error))?;
    let nulls = joined.nulls().cloned();
    let (offsets, data, _) = LargeStringArray::from(joined.to_data()).into_parts();
    let values = Tensor::from_string_array([joined.len()], LargeStringArray::new(offsets, data, None))?;
    match na_value {
        None => Column::plain(&values),
        Some(na_value) => {
            let missing = |nulls: NullBuffer| nulls.iter().map(|valid| !valid).collect();
            Column::nullable(&values, &nulls.map_or_else(|| vec![false; values.len()], missing), na_value)
        }
    }
}

/// The names of the columns of all frames, in order of first appearance, or of those that all have.
pub(super) fn names(frames: &[Vec<&str>], inner: bool) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut order = Vec::new();
    for name in frames.iter().flatten() {
        let count = counts.entry(name).or_default();
        if *count == 0 {
            order.push(*name);
        }
        *count += 1;
    }
    let kept = |name: &&str| !inner || counts.get(name) == Some(&frames.len());
    order.into_iter().filter(kept).map(str::to_owned).collect()
}

fn mixed(dtypes: &[DType]) -> Error {
    let mut names: Vec<String> = dtypes.iter().map(DType::to_string).collect();
    names.dedup();
    Error::dtype(format!("columns of type {} cannot become one column", names.join(" and ")))
}
