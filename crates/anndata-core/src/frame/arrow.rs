//! Frames as Arrow record batches.

use std::sync::Arc;

use anndata_storage::{Error, Result};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::DataFrame;
use crate::{Column, NullableAs};

/// The field of an index without a name, as anndata stores it.
const UNNAMED: &str = "_index";
/// The key of the metadata of a field that says the name of the index, if it is not that of the field; empty if it has none.
const INDEX_NAME: &str = "index-name";
/// The key of the metadata of a schema that says which field is the index.
const INDEX_FIELD: &str = "index-field";

impl DataFrame {
    /// The frame as an Arrow record batch, all columns in memory, the index first under `index_field`. The name of the index is
    /// kept, whatever the field is called.
    ///
    /// # Errors
    /// If a column cannot be loaded, or one has the name of the index field.
    pub fn to_record_batch(&self, index_field: &str) -> Result<RecordBatch> {
        if self.columns.contains_key(index_field) {
            return Err(Error::invalid_input(format!("a column has the name '{index_field}' of the index field")));
        }
        let index = self.index.load()?;
        let mut field = index.to_field(index_field);
        if self.index_name.as_deref() != implied_name(index_field) {
            let name = self.index_name.as_deref().unwrap_or("");
            field.metadata_mut().insert(INDEX_NAME.to_owned(), name.to_owned());
        }
        let mut fields = vec![field];
        let mut arrays: Vec<ArrayRef> = vec![Arc::clone(index.array())];
        for (name, series) in &self.columns {
            let column = series.load()?;
            fields.push(column.to_field(name));
            arrays.push(Arc::clone(column.array()));
        }
        let metadata = [(INDEX_FIELD.to_owned(), index_field.to_owned())].into();
        let options = RecordBatchOptions::new().with_row_count(Some(self.len()?));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields).with_metadata(metadata)), arrays, &options)
            .map_err(|error| Error::invalid_data("the columns cannot become a record batch").with_source(error))
    }

    /// A frame from an Arrow record batch: the column `index_field` becomes the index ("0", "1", ... without it), and its name
    /// that of the index, unless it is `_index`. Fields say which columns are nullable.
    ///
    /// # Errors
    /// If there is no such column, two have the same name, or an Arrow type has no counterpart in anndata.
    pub fn from_record_batch(batch: &RecordBatch, index_field: Option<&str>) -> Result<Self> {
        Self::from_record_batch_with(batch, index_field, NullableAs::Field)
    }

    /// A frame from an Arrow record batch, as [`from_record_batch`](Self::from_record_batch), with a choice of which columns are
    /// nullable: for a batch of polars or pyarrow, those [that have nulls](NullableAs::WhereNulls).
    ///
    /// # Errors
    /// As [`from_record_batch`](Self::from_record_batch).
    pub fn from_record_batch_with(
        batch: &RecordBatch,
        index_field: Option<&str>,
        nullable_as: NullableAs,
    ) -> Result<Self> {
        let schema = batch.schema();
        let columns = || schema.fields().iter().map(|field| &**field).zip(batch.columns());
        let mut frame = match index_field {
            None => Self::unnamed(batch.num_rows()),
            Some(name) => {
                let (field, array): (&Field, &ArrayRef) = columns()
                    .find(|(field, _)| field.name() == name)
                    .ok_or_else(|| Error::not_found(format!("the record batch has no column '{name}'")))?;
                let index_name = match field.metadata().get(INDEX_NAME) {
                    Some(name) => Some(name.as_str()).filter(|name| !name.is_empty()),
                    None => implied_name(name),
                };
                Self::with_index(column_of(field, array, nullable_as)?).with_index_name(index_name.map(str::to_owned))
            }
        };
        for (field, array) in columns().filter(|(field, _)| Some(field.name().as_str()) != index_field) {
            if frame.contains(field.name()) {
                return Err(Error::invalid_input(format!(
                    "two columns of the record batch are called '{}'",
                    field.name()
                )));
            }
            frame.insert(field.name(), column_of(field, array, nullable_as)?)?;
        }
        Ok(frame)
    }
}

/// The index is the field that [`DataFrame::to_record_batch`] or the other way of this conversion wrote as such, else a column
/// `_index`, else "0", "1", .... Columns are nullable where their fields say so.
impl TryFrom<&RecordBatch> for DataFrame {
    type Error = Error;

    fn try_from(batch: &RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        let named = schema.metadata().get(INDEX_FIELD).map_or(UNNAMED, String::as_str);
        let index = schema.fields().iter().any(|field| field.name() == named).then_some(named);
        Self::from_record_batch(batch, index)
    }
}

/// As for `&RecordBatch`.
impl TryFrom<RecordBatch> for DataFrame {
    type Error = Error;

    fn try_from(batch: RecordBatch) -> Result<Self> {
        Self::try_from(&batch)
    }
}

/// The index is the first field, under its name, or `_index` if it has none or a column has the same name.
impl TryFrom<&DataFrame> for RecordBatch {
    type Error = Error;

    fn try_from(frame: &DataFrame) -> Result<Self> {
        let name = frame.index_name().filter(|name| !frame.contains(name));
        frame.to_record_batch(name.unwrap_or(UNNAMED))
    }
}

/// As for `&DataFrame`.
impl TryFrom<DataFrame> for RecordBatch {
    type Error = Error;

    fn try_from(frame: DataFrame) -> Result<Self> {
        Self::try_from(&frame)
    }
}

/// The name of the index that the name of its field says.
fn implied_name(index_field: &str) -> Option<&str> {
    Some(index_field).filter(|&name| name != UNNAMED)
}

/// A column of a record batch, named in an error.
fn column_of(field: &Field, array: &ArrayRef, nullable_as: NullableAs) -> Result<Column> {
    Column::from_arrow_with(field, array, nullable_as)
        .map_err(|error| Error::new(error.kind(), format!("column '{}'", field.name())).with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_batches_keep_kinds() -> Result<()> {
        let frame = DataFrame::new(["a", "b"])
            .with_column("n", vec![1_i64, 2])?
            .with_column("c", Column::categorical_from_strings(["x", "y"])?)?;
        let batch = frame.to_record_batch("_index")?;
        assert_eq!(batch.num_columns(), 3);
        assert_eq!(DataFrame::from_record_batch(&batch, Some("_index"))?, frame);
        let taken = frame.to_record_batch("n").unwrap_err();
        assert!(taken.to_string().contains("'n'"), "{taken:?}");
        let absent = DataFrame::from_record_batch(&batch, Some("nope")).unwrap_err();
        assert!(absent.is_not_found() && absent.to_string().contains("nope"), "{absent:?}");
        assert_eq!(DataFrame::from_record_batch(&batch, None)?.names()?, ["0", "1"]);
        Ok(())
    }
}
