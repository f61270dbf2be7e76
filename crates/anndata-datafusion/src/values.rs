//! Values as SQL has them.

use std::sync::Arc;

use anndata_core::{Column, Result, Tensor};
use anndata_experimental::Collection;
use anndata_storage::{Error, OrBug};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, StringViewArray, builder::StringViewBuilder};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

use crate::matrix::MatrixKey;

/// Positions as a column.
pub(crate) fn ids(positions: impl Iterator<Item = u64>) -> Result<ArrayRef> {
    let ids = positions.map(|row| i64::try_from(row).or_bug("more rows than there are numbers for"));
    Ok(Arc::new(Int64Array::from(ids.collect::<Result<Vec<_>>>()?)))
}

/// A text, so many times.
pub(crate) fn repeated(text: &str, n: usize) -> StringViewArray {
    let mut builder = StringViewBuilder::with_capacity(n).with_deduplicate_strings();
    (0..n).for_each(|_| builder.append_value(text));
    builder.finish()
}

/// Labels as text; a missing one is empty.
pub(crate) fn to_views(labels: &Column) -> Result<StringViewArray> {
    let strings = labels.to_string_array()?;
    let views = cast(&strings, &DataType::Utf8View).map_err(|error| converted(&error))?;
    Ok(views.as_string_view().clone())
}

/// A column as SQL has it.
pub(crate) fn sql_array(column: &Column) -> Result<ArrayRef> {
    sql_values(Arc::clone(column.array()))
}

/// Values as SQL has them: see [`sql_type`].
pub(crate) fn sql_values(array: ArrayRef) -> Result<ArrayRef> {
    let wanted = sql_type(array.data_type());
    if *array.data_type() == wanted { Ok(array) } else { cast(&array, &wanted).map_err(|error| converted(&error)) }
}

/// The type that values have in SQL: their own, but categories have codes of one width, as those of rows of several stores may
/// differ, and half-precision numbers, which functions of SQL do not know, are of single precision.
pub(crate) fn sql_type(own: &DataType) -> DataType {
    match own {
        DataType::Dictionary(_, values) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(sql_type(values))),
        DataType::Float16 => DataType::Float32,
        other => other.clone(),
    }
}

/// The type of the values of a matrix in SQL.
///
/// # Errors
/// [`Unsupported`](anndata_core::ErrorKind::Unsupported) if SQL has none.
pub(crate) fn sql_number(key: &MatrixKey, collection: &Collection) -> Result<DataType> {
    let dtype = key.dtype(collection)?;
    let none = Tensor::zeros(&dtype, [0]).and_then(|none| none.to_arrow());
    let none = none.map_err(|error| {
        Error::unsupported(format!("SQL has no type for the values of {key}, which are {dtype}")).with_source(error)
    })?;
    Ok(sql_type(none.data_type()))
}

fn converted(error: &ArrowError) -> Error {
    Error::invalid_data(format!("a column cannot become one of SQL: {error}"))
}
