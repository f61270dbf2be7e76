//! Categories of several columns as one set, and codes in it.

use std::cmp::Ordering;
use std::collections::HashMap;

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, TimeUnit, dispatch};

use super::outline::{self, ColumnOutline};
use crate::Column;
pub(super) use anndata_array::code_dtype;
use anndata_array::natural_order;
use anndata_array::promote::result_type;

/// All categories of categorical columns and whether they are ordered; `None` if the orders contradict each other,
/// so that the values are no longer categories.
///
/// Unordered categories are sorted naturally (`a2` before `a10`), unless the first column has all of them. They stay ordered where every column that has any
/// has the same ones in the same order.
pub(super) fn union(columns: &[&ColumnOutline]) -> Result<Option<(Column, bool)>> {
    let parts: Vec<(&Column, bool)> = columns
        .iter()
        .filter_map(|column| match column {
            ColumnOutline::Categorical { categories, ordered, .. } => Some((categories, *ordered)),
            _ => None,
        })
        .collect();
    if parts.iter().any(|(_, ordered)| *ordered) {
        let mut filled = parts.iter().filter(|(categories, _)| !categories.is_empty());
        let Some(&(first, _)) = filled.next() else { return Ok(None) };
        let keys = Keys::of(first)?;
        for (categories, ordered) in parts.iter().filter(|(categories, _)| !categories.is_empty()) {
            if !ordered || Keys::of(categories)?.all != keys.all {
                return Ok(None);
            }
        }
        return Ok(Some((first.clone(), true)));
    }
    // The dtype of no categories at all says nothing.
    let mut known: Vec<&Column> = parts.iter().map(|(categories, _)| *categories).filter(|c| !c.is_empty()).collect();
    if known.is_empty() {
        known.extend(parts.first().map(|(categories, _)| *categories));
    }
    let keys = known.into_iter().map(Keys::of).collect::<Result<Vec<_>>>()?;
    let union = Keys::sorted_union(keys)?;
    // What the first column has is kept as it is where the others add nothing.
    let whole = parts.first().filter(|(first, _)| first.len() == union.len());
    Ok(Some(match whole {
        Some((first, _)) if outline::dtype(first)? == outline::dtype(&union)? => ((*first).clone(), false),
        _ => (union, false),
    }))
}

/// The codes of a categorical column in other categories; -1 where a row is missing or its category is not there.
pub(super) fn codes_in(column: &Column, categories: &Column) -> Result<Vec<i64>> {
    let (codes, own) = column.codes_and_categories()?;
    let positions = Keys::of(categories)?.positions();
    let map: Vec<i64> = Keys::of(&own)?.all.into_iter().map(|key| positions.get(&key).copied().unwrap_or(-1)).collect();
    let codes = codes.cast(&DType::I64)?;
    let code = |&code: &i64| match usize::try_from(code) {
        Ok(code) => map.get(code).copied().or_bug("a code without a category"),
        // A missing row.
        Err(_) => Ok(-1),
    };
    codes.as_slice::<i64>()?.iter().map(code).collect()
}

/// Categories in a form that can be compared across dtypes.
#[derive(Debug)]
pub(super) struct Keys {
    all: Vec<Key>,
    /// Whether they are floats, even where all are integers.
    float: bool,
    /// The dtype of dates or spans of time.
    time: Option<DType>,
}

/// One category.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(String),
    Bool(bool),
    /// Integers, and floats that are integers.
    Integer(i128),
    /// The bits of any other float.
    Float(u64),
    /// Nanoseconds of dates since 1970, or of spans of time.
    Time(i128),
}

impl Keys {
    /// The categories of a column.
    pub(super) fn of(categories: &Column) -> Result<Self> {
        let values = categories.to_tensor()?;
        if values.dtype().is_text() {
            return Ok(Self {
                all: values.to_strings()?.into_iter().map(Key::Text).collect(),
                float: false,
                time: None,
            });
        }
        if values.dtype().is_time() {
            return Self::times(&values);
        }
        dispatch!(real values.dtype(), T => {
            let keys = values.as_slice::<T>()?.iter().map(|&value| match value.to_integer() {
                _ if *values.dtype() == DType::Bool => Key::Bool(value.to_f64() != 0.0),
                Some(integer) => Key::Integer(integer),
                None => Key::float(value.to_f64()),
            });
            Ok(Self { all: keys.collect(), float: values.dtype().is_float(), time: None })
        }, else => Err(Error::unsupported(format!("categories of type {} cannot be joined", values.dtype()))))
    }

    /// Categories of a column are in units that Arrow has.
    fn times(values: &Tensor) -> Result<Self> {
        let key = |&tick: &i64| Some(Key::Time(i128::from(tick).checked_mul(nanoseconds(values.dtype())?)?));
        let keys = values.ticks()?.iter().map(key).collect::<Option<Vec<Key>>>();
        let keys =
            keys.ok_or_else(|| Error::unsupported(format!("categories of type {} cannot be joined", values.dtype())))?;
        Ok(Self { all: keys, float: false, time: Some(values.dtype().clone()) })
    }

    /// Sorts them naturally.
    pub(super) fn sort(&mut self) {
        self.all.sort_by(Key::compare);
    }

    /// Whether the others are the same, of a type that compares as equal.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.all == other.all && self.float == other.float && self.time == other.time
    }

    fn positions(self) -> HashMap<Key, i64> {
        self.all.into_iter().zip(0..).collect()
    }

    /// The different ones in natural order.
    fn sorted_union(all: Vec<Self>) -> Result<Column> {
        let float = all.iter().any(|keys| keys.float);
        let time = result_type(all.iter().filter_map(|keys| keys.time.as_ref()));
        let mut keys: Vec<Key> = all.into_iter().flat_map(|keys| keys.all).collect();
        keys.sort_by(Key::compare);
        keys.dedup();
        let kinds = |test: fn(&Key) -> bool| keys.iter().all(test);
        let len = [keys.len()];
        let tensor = if kinds(|key| matches!(key, Key::Text(_))) {
            Tensor::from_strings(len, keys.iter().map(Key::text))?
        } else if kinds(|key| matches!(key, Key::Bool(_))) {
            Tensor::from_vec(len, keys.iter().map(|key| *key == Key::Bool(true)).collect())?
        } else if let Some(integers) = keys.iter().map(Key::signed).collect::<Option<Vec<i64>>>().filter(|_| !float) {
            Tensor::from_vec(len, integers)?
        } else if let Some(integers) = keys.iter().map(Key::unsigned).collect::<Option<Vec<u64>>>().filter(|_| !float) {
            Tensor::from_vec(len, integers)?
        } else if let (true, Some(dtype)) = (kinds(|key| matches!(key, Key::Time(_))), time) {
            let step = nanoseconds(&dtype);
            let tick = |key: &Key| match (key, step) {
                (Key::Time(time), Some(step)) => i64::try_from(time / step).ok(),
                _ => None,
            };
            let ticks = keys.iter().map(tick).collect::<Option<Vec<i64>>>();
            let ticks = ticks.ok_or_else(|| Error::dtype(format!("not all categories can be of type {dtype}")))?;
            Tensor::from_ticks(dtype, len, ticks)?
        } else if kinds(|key| matches!(key, Key::Integer(_) | Key::Float(_))) {
            Tensor::from_vec(len, keys.iter().map(Key::double).collect())?
        } else {
            return Err(Error::dtype("categories of different types cannot become one set of categories"));
        };
        Column::plain(&tensor)
    }
}

/// The nanoseconds of a step of dates or spans of time, where they are whole.
fn nanoseconds(dtype: &DType) -> Option<i128> {
    let (DType::Datetime(step) | DType::Timedelta(step)) = dtype else { return None };
    let nanoseconds = match step.unit() {
        TimeUnit::Day => 86_400_000_000_000,
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
        _ => return None,
    };
    Some(nanoseconds * i128::from(step.count().get()))
}

impl Key {
    #[expect(clippy::cast_possible_truncation, reason = "a float below 2^53 without a fraction is an integer")]
    fn float(value: f64) -> Self {
        if value.fract() == 0.0 && value.abs() < 9.0e15 {
            Self::Integer(value as i128)
        } else {
            Self::Float(value.to_bits())
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => natural_order(a, b),
            (Self::Integer(a), Self::Integer(b)) | (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            // NaN comes first.
            _ => {
                let key = |key: &Self| (!key.double().is_nan(), key.double());
                key(self).0.cmp(&key(other).0).then(self.double().total_cmp(&other.double()))
            }
        }
    }

    fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    fn signed(&self) -> Option<i64> {
        if let Self::Integer(value) = self { i64::try_from(*value).ok() } else { None }
    }

    fn unsigned(&self) -> Option<u64> {
        if let Self::Integer(value) = self { u64::try_from(*value).ok() } else { None }
    }

    #[expect(clippy::cast_precision_loss, reason = "as float categories hold it")]
    fn double(&self) -> f64 {
        match self {
            Self::Integer(value) => *value as f64,
            Self::Float(bits) => f64::from_bits(*bits),
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Text(_) | Self::Time(_) => f64::INFINITY,
        }
    }
}
