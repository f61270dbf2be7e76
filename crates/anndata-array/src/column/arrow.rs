//! Arrow arrays as columns: dictionaries of any kind, any layout of text, and which columns can have missing values.

use std::sync::Arc;

use anndata_storage::{DType, Error, OrBug, Result, Tensor};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{DataType, Field};

use super::{Column, NaValue};
use crate::ColumnKind;

/// Which columns from Arrow are nullable ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NullableAs {
    /// Those whose field says so: what [`Column::to_field`] says comes back as it was.
    #[default]
    Field,
    /// Those that have a null. Polars and pyarrow say of every field that it is nullable, which would make every integer and
    /// text a nullable one in the file. A null among floats becomes NaN.
    WhereNulls,
}

impl Column {
    /// A column from an Arrow array and field: as [`from_arrow`](Self::from_arrow), with a choice of which are nullable.
    ///
    /// # Errors
    /// As [`from_arrow`](Self::from_arrow).
    pub fn from_arrow_with(field: &Field, array: &ArrayRef, nullable_as: NullableAs) -> Result<Self> {
        if array.data_type() != field.data_type() {
            return Err(Error::invalid_input(format!(
                "field '{}' is of type {}, but its array of type {}",
                field.name(),
                field.data_type(),
                array.data_type()
            )));
        }
        if let DataType::RunEndEncoded(_, values) = array.data_type() {
            let array = cast(array, values.data_type())
                .map_err(|error| Error::unsupported("the runs of values cannot be read").with_source(error))?;
            let field = field.clone().with_data_type(values.data_type().clone());
            return Self::from_arrow_with(&field, &array, nullable_as);
        }
        if let DataType::Dictionary(_, _) = array.data_type() {
            let column = Self::from_arrow(field, array)?.without_missing_categories()?;
            return if nullable_as == NullableAs::WhereNulls { column.with_distinct_categories() } else { Ok(column) };
        }
        if nullable_as == NullableAs::Field {
            return Self::from_arrow(field, array);
        }
        let nulls = array.logical_null_count();
        let values = Tensor::from_arrow(array.as_ref())?;
        if nulls == 0 || values.dtype().is_time() {
            return Self::from_arrow(&field.clone().with_nullable(nulls > 0), array);
        }
        let valid = array.logical_nulls().or_bug("nulls are counted that are not there")?;
        let missing: Vec<bool> = valid.iter().map(|valid| !valid).collect();
        let nan = field.metadata().get("na-value").is_some_and(|value| value == "NaN");
        Self::with_missing(&values, &missing, if nan { NaValue::Nan } else { NaValue::Na })
    }

    /// The column with a missing value in the rows whose category is a null.
    fn without_missing_categories(&self) -> Result<Self> {
        let ColumnKind::Categorical { ordered } = self.kind else { return Ok(self.clone()) };
        let (codes, categories) = self.codes_and_categories()?;
        if categories.array.null_count() == 0 {
            return Ok(self.clone());
        }
        let mut new_codes = Vec::with_capacity(categories.len());
        let mut kept = Vec::new();
        for (position, missing) in (0_u64..).zip(categories.missing()) {
            if missing {
                new_codes.push(-1);
            } else {
                new_codes.push(i64::try_from(kept.len()).ok().or_bug("more categories than numbers")?);
                kept.push(position);
            }
        }
        let codes = codes.cast(&DType::I64)?;
        let renumber = |&code: &i64| match usize::try_from(code) {
            Ok(code) => new_codes.get(code).copied().or_bug("a code without a category"),
            Err(_) => Ok(-1),
        };
        let codes = codes.as_slice::<i64>()?.iter().map(renumber).collect::<Result<Vec<_>>>()?;
        let codes = Tensor::from_vec([codes.len()], codes)?.cast(&super::code_dtype(kept.len()))?;
        Self::categorical(&codes, &categories.take(&kept)?, ordered)
    }
}

/// Nullable only if there is a null ([`NullableAs::WhereNulls`]); a dictionary is categorical, without a meaningful order.
impl TryFrom<&dyn Array> for Column {
    type Error = Error;

    fn try_from(array: &dyn Array) -> Result<Self> {
        let array = arrow_array::make_array(array.to_data());
        Self::try_from(&array)
    }
}

/// Nullable only if there is a null ([`NullableAs::WhereNulls`]); a dictionary is categorical, without a meaningful order.
impl TryFrom<&ArrayRef> for Column {
    type Error = Error;

    fn try_from(array: &ArrayRef) -> Result<Self> {
        let field = Field::new("", array.data_type().clone(), true);
        Self::from_arrow_with(&field, array, NullableAs::WhereNulls)
    }
}

/// Nullable only if there is a null ([`NullableAs::WhereNulls`]); a dictionary is categorical, without a meaningful order.
impl TryFrom<ArrayRef> for Column {
    type Error = Error;

    fn try_from(array: ArrayRef) -> Result<Self> {
        Self::try_from(&array)
    }
}

impl From<Column> for ArrayRef {
    fn from(column: Column) -> Self {
        column.array
    }
}

impl From<&Column> for ArrayRef {
    fn from(column: &Column) -> Self {
        Arc::clone(&column.array)
    }
}
