//! [`Column`]: one column of a data frame, an Arrow array and what pandas would call its dtype.

mod arrow;
mod cast;
mod categorical;
mod compare;
mod display;
mod distinct;
mod from;
mod labels;
mod natural;
mod read;
mod sort;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{AxisSelection, DType, Error, OrBug, Result, Tensor, TimeStep};
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, LargeStringArray, PrimitiveArray, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

pub use arrow::NullableAs;
pub use categorical::code_dtype;
pub use compare::ColumnValue;
pub use natural::natural_order;
pub use read::ColumnItem;

/// One column: an Arrow array and its kind, so that what is read is what is written.
///
/// A clone shares the values.
#[derive(Debug, Clone)]
pub struct Column {
    kind: ColumnKind,
    array: ArrayRef,
}

/// What a column is beyond its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Values that cannot be missing: an Arrow array without nulls.
    Plain,
    /// Dates, or spans of time, counted in this step: an Arrow timestamp without a time zone, `Date32` or duration. A null
    /// is `NaT`. If Arrow lacks the step (hours, months, 25 s), the array counts in a finer one.
    Time(TimeStep),
    /// Integers, booleans or text that can be missing.
    Nullable(NaValue),
    /// A `DictionaryArray`: the keys are the codes, the values the categories. Missing is a null key.
    Categorical {
        /// Whether the categories are in a meaningful order.
        ordered: bool,
    },
}

/// What pandas shows for a missing text; other nullable types always use `NA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NaValue {
    /// `pandas.NA`.
    #[default]
    Na,
    /// `nan`, the default of pandas 3 for text.
    Nan,
}

impl Column {
    /// A column of values that cannot be missing, or of times, from a one-dimensional tensor.
    ///
    /// # Errors
    /// If the tensor is not one-dimensional, or holds records, or times for which Arrow has no value.
    pub fn plain(values: &Tensor) -> Result<Self> {
        Ok(Self { kind: kind_of(values.dtype()), array: values.to_arrow()? })
    }

    /// A column of text that cannot be missing.
    pub fn strings<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Self {
        Self { kind: ColumnKind::Plain, array: Arc::new(LargeStringArray::from_iter_values(values)) }
    }

    /// A column of integers, booleans or text that can be missing: `missing` has `true` if a value is.
    ///
    /// # Errors
    /// If the lengths differ, or the dtype is none of these.
    pub fn nullable(values: &Tensor, missing: &[bool], na_value: NaValue) -> Result<Self> {
        let dtype = values.dtype();
        if !(dtype.is_integer() || *dtype == DType::Bool || dtype.is_text()) {
            return Err(Error::dtype(format!("a nullable column holds integers, booleans or text, not {dtype}")));
        }
        let values = if dtype.is_text() { values.to_text()? } else { values.clone() };
        let array = values.to_arrow()?;
        if array.len() != missing.len() {
            return Err(Error::invalid_input(format!(
                "{} values were given with a mask of length {}",
                array.len(),
                missing.len()
            )));
        }
        let valid = NullBuffer::from(missing.iter().map(|&missing| !missing).collect::<Vec<_>>());
        let data = array.to_data().into_builder().nulls(Some(valid)).build();
        let data = data.map_err(|error| Error::invalid_input("the mask does not fit the values").with_source(error))?;
        Ok(Self { kind: ColumnKind::Nullable(na_value), array: make_array(data) })
    }

    /// A column from an Arrow array and field: dictionaries are categorical, times are times, nullable fields of others are
    /// nullable, the rest plain.
    ///
    /// # Errors
    /// If the Arrow type has no counterpart in anndata (times of a day, timestamps in a time zone), or a field that is
    /// not nullable has nulls.
    pub fn from_arrow(field: &Field, array: &ArrayRef) -> Result<Self> {
        if let DataType::Dictionary(_, _) = field.data_type() {
            let ordered = field.dict_is_ordered().unwrap_or(false)
                || field.metadata().get("ordered").is_some_and(|value| value == "true");
            return Ok(Self { kind: ColumnKind::Categorical { ordered }, array: Arc::clone(array) });
        }
        let values = Tensor::from_arrow(array.as_ref())?;
        if !field.is_nullable() {
            if array.null_count() > 0 {
                return Err(Error::invalid_input(format!("field '{}' is not nullable but has nulls", field.name())));
            }
            return Self::plain(&values);
        }
        if values.dtype().is_time() {
            return Self::time(field, &values);
        }
        let missing: Vec<bool> = (0..array.len()).map(|i| array.is_null(i)).collect();
        let nan = field.metadata().get("na-value").is_some_and(|value| value == "NaN");
        if values.dtype().is_float() {
            if array.null_count() > 0 {
                return Err(Error::unsupported(format!(
                    "field '{}': anndata has no floats that can be missing; use NaN",
                    field.name()
                )));
            }
            return Self::plain(&values);
        }
        Self::nullable(&values, &missing, if nan { NaValue::Nan } else { NaValue::Na })
    }

    /// A column of times, in the step that the field says where it says one.
    fn time(field: &Field, values: &Tensor) -> Result<Self> {
        let Some(step) = field.metadata().get(STEP) else { return Self::plain(values) };
        let step = step.parse()?;
        let dtype =
            if let DType::Datetime(_) = values.dtype() { DType::Datetime(step) } else { DType::Timedelta(step) };
        Self::plain(&values.cast(&dtype)?)
    }

    /// The Arrow field of this column under a name: the inverse of [`from_arrow`](Self::from_arrow).
    pub fn to_field(&self, name: &str) -> Field {
        let data_type = self.array.data_type().clone();
        match self.kind {
            ColumnKind::Plain => Field::new(name, data_type, false),
            ColumnKind::Time(step) => {
                let natural = kind_of_array(&data_type) == self.kind;
                let field = Field::new(name, data_type, true);
                if natural { field } else { field.with_metadata([(STEP.to_owned(), step.to_string())].into()) }
            }
            ColumnKind::Nullable(na_value) => {
                let field = Field::new(name, data_type, true);
                match na_value {
                    NaValue::Na => field,
                    NaValue::Nan => field.with_metadata([("na-value".to_owned(), "NaN".to_owned())].into()),
                }
            }
            ColumnKind::Categorical { ordered } => {
                let field = Field::new(name, data_type, true).with_dict_is_ordered(ordered);
                field.with_metadata([("ordered".to_owned(), ordered.to_string())].into())
            }
        }
    }

    /// The kind.
    pub fn kind(&self) -> ColumnKind {
        self.kind
    }

    /// The values as an Arrow array.
    pub fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// The bytes that the rows take in memory, with the mask of missing ones and all categories.
    pub fn nbytes(&self) -> usize {
        let data = self.array.to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| self.array.get_buffer_memory_size())
    }

    /// Whether the value of a row is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        row < self.array.len() && self.array.is_null(row)
    }

    /// The values as a one-dimensional tensor; categories in place of codes. What stands for a missing value is
    /// unspecified (see [`missing`](Self::missing)).
    ///
    /// # Errors
    /// If a value of a categorical column is missing, which no plain array can say.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let values = |array: &dyn Array| Tensor::from_arrow(array);
        match self.kind {
            ColumnKind::Categorical { .. } => {}
            ColumnKind::Plain | ColumnKind::Nullable(_) => return values(self.array.as_ref()),
            ColumnKind::Time(step) => {
                let values = values(self.array.as_ref())?;
                return match values.dtype() {
                    DType::Datetime(_) => values.cast(&DType::Datetime(step)),
                    _ => values.cast(&DType::Timedelta(step)),
                };
            }
        }
        if self.array.null_count() > 0 {
            return Err(Error::invalid_input("a missing category has no value"));
        }
        let (codes, categories) = self.codes_and_categories()?;
        let codes = codes.cast(&DType::U64)?;
        categories.to_tensor()?.take(0, codes.as_slice::<u64>()?)
    }

    /// `true` for each row whose value is missing.
    pub fn missing(&self) -> Vec<bool> {
        (0..self.len()).map(|row| self.array.is_null(row)).collect()
    }

    /// The texts of the rows, `None` if missing; categories and fixed-width text included.
    ///
    /// # Errors
    /// If the values are not text.
    pub fn to_strings(&self) -> Result<Vec<Option<String>>> {
        if matches!(self.kind, ColumnKind::Categorical { .. }) {
            let (codes, categories) = self.codes_and_categories()?;
            let texts = categories.to_tensor()?.to_strings()?;
            let codes = codes.cast(&DType::I64)?;
            let text = |&code: &i64| usize::try_from(code).ok().and_then(|code| texts.get(code).cloned());
            return Ok(codes.as_slice::<i64>()?.iter().map(text).collect());
        }
        let texts = Tensor::from_arrow(self.array.as_ref())?.to_strings()?;
        Ok(texts.into_iter().enumerate().map(|(row, text)| (!self.array.is_null(row)).then_some(text)).collect())
    }

    /// The texts of the rows as an Arrow array, shared where they are one already; categories included.
    ///
    /// # Errors
    /// If the values are not text.
    pub fn to_string_array(&self) -> Result<LargeStringArray> {
        match self.array.as_any().downcast_ref::<LargeStringArray>() {
            Some(texts) => Ok(texts.clone()),
            None => Ok(self.to_strings()?.into_iter().collect()),
        }
    }

    /// For each row, whether it says this text: itself, its category, or the number or boolean that the text says. A
    /// missing value does not.
    ///
    /// # Errors
    /// If the column holds numbers or booleans, and the text is none.
    pub fn equals_text(&self, text: &str) -> Result<Vec<bool>> {
        if let ColumnKind::Categorical { .. } = self.kind {
            let (codes, categories) = self.codes_and_categories()?;
            let categories = categories.equals_text(text)?;
            let codes = codes.cast(&DType::I64)?;
            let equal = |&code: &i64| match usize::try_from(code) {
                Ok(code) => categories.get(code).copied().or_bug("a code without a category"),
                // A missing value says no text.
                Err(_) => Ok(false),
            };
            return codes.as_slice::<i64>()?.iter().map(equal).collect();
        }
        let tensor = self.to_tensor()?;
        let missing = self.missing();
        if tensor.dtype().is_text() {
            let texts = tensor.to_text()?;
            let texts = texts.strings()?;
            let equal = |(row, missing): (usize, &bool)| !missing && texts.value(row) == text;
            return Ok(missing.iter().enumerate().map(equal).collect());
        }
        if tensor.dtype().is_time() {
            return Ok(tensor.to_time_strings()?.iter().zip(missing).map(|(time, no)| !no && time == text).collect());
        }
        let wanted = match (tensor.dtype(), text.to_ascii_lowercase().as_str()) {
            (DType::Bool, "true") => 1.0,
            (DType::Bool, "false") => 0.0,
            (_, text) => text.parse::<f64>().map_err(|error| {
                Error::invalid_input(format!("'{text}' is not a value of {}", tensor.dtype())).with_source(error)
            })?,
        };
        let values = tensor.cast(&DType::F64)?;
        #[expect(clippy::float_cmp, reason = "a value is asked for, not one nearby")]
        let equal = |(&value, missing): (&f64, bool)| !missing && value == wanted;
        Ok(values.as_slice::<f64>()?.iter().zip(missing).map(equal).collect())
    }

    /// A range of rows, sharing the values.
    ///
    /// # Errors
    /// If the range is out of bounds.
    pub fn slice(&self, rows: Range<usize>) -> Result<Self> {
        if rows.start > rows.end || rows.end > self.len() {
            return Err(Error::invalid_input(format!("rows {rows:?} are out of bounds: there are {}", self.len())));
        }
        Ok(Self { kind: self.kind, array: self.array.slice(rows.start, rows.len()) })
    }

    /// The rows at these positions, in the order given.
    ///
    /// # Errors
    /// If a position is out of bounds.
    pub fn take(&self, rows: &[u64]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.len() as u64) {
            return Err(Error::invalid_input(format!("row {row} is out of bounds: there are {}", self.len())));
        }
        let array = self.gather(&PrimitiveArray::<UInt64Type>::from(rows.to_vec()))?;
        Ok(Self { kind: self.kind, array })
    }

    /// The selected rows, in the order given; repeats are allowed. A range shares the values.
    ///
    /// # Errors
    /// If a row is out of bounds.
    pub fn select(&self, rows: &AxisSelection) -> Result<Self> {
        let to_usize =
            |row: u64| usize::try_from(row).map_err(|_| Error::invalid_input(format!("row {row} is out of bounds")));
        match rows {
            AxisSelection::Range(range) => self.slice(to_usize(range.start)?..to_usize(range.end)?),
            AxisSelection::Indices(positions) => self.take(positions),
        }
    }

    /// The values at these positions, null if there is none. A categorical column keeps its categories.
    ///
    /// # Errors
    /// If a position is out of bounds.
    pub fn gather(&self, rows: &PrimitiveArray<UInt64Type>) -> Result<ArrayRef> {
        if rows.is_empty() {
            // Arrow's `take` would give a dictionary without values.
            return Ok(self.array.slice(0, 0));
        }
        arrow_select::take::take(self.array.as_ref(), rows, None)
            .map_err(|error| Error::invalid_input("the selected rows cannot be read").with_source(error))
    }
}

/// The key of the metadata of an Arrow field that names the step of times which Arrow lacks.
const STEP: &str = "step";

/// The kind of a column of values of a dtype none of which is missing, save times.
fn kind_of(dtype: &DType) -> ColumnKind {
    match dtype {
        DType::Datetime(step) | DType::Timedelta(step) => ColumnKind::Time(*step),
        _ => ColumnKind::Plain,
    }
}

/// The same for values of an Arrow type.
fn kind_of_array(data_type: &DataType) -> ColumnKind {
    let none = Tensor::from_arrow(arrow_array::new_empty_array(data_type).as_ref());
    none.map_or(ColumnKind::Plain, |none| kind_of(none.dtype()))
}

/// Equal kind, type and values; what lies below a missing value does not count, floats are equal by bits.
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        if self.kind != other.kind || self.len() != other.len() || self.missing() != other.missing() {
            return false;
        }
        if matches!(self.kind, ColumnKind::Categorical { .. }) {
            return match (self.codes_and_categories(), other.codes_and_categories()) {
                (Ok(a), Ok(b)) => a == b,
                // What has no codes is compared as it is.
                _ => self.array.as_ref() == other.array.as_ref(),
            };
        }
        if self.array.null_count() > 0 {
            return self.array.as_ref() == other.array.as_ref();
        }
        match (Tensor::from_arrow(self.array.as_ref()), Tensor::from_arrow(other.array.as_ref())) {
            (Ok(a), Ok(b)) => a == b,
            _ => self.array.as_ref() == other.array.as_ref(),
        }
    }
}
