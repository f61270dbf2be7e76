//! Frames as Arrow record batches.

use std::sync::Arc;

use anndata_storage::{Error, Result};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::DataFrame;
use crate::Column;

impl DataFrame {
    /// The frame as an Arrow record batch, all columns in memory, the index first under `index_field`.
    ///
    /// # Errors
    /// If a column cannot be loaded, or one has the name of the index field.
    pub fn to_record_batch(&self, index_field: &str) -> Result<RecordBatch> {
        if self.columns.contains_key(index_field) {
            return Err(Error::invalid_input(format!("a column has the name '{index_field}' of the index field")));
        }
        let index = self.index.load()?;
        let mut fields = vec![index.to_field(index_field)];
        let mut arrays: Vec<ArrayRef> = vec![Arc::clone(index.array())];
        for (name, series) in &self.columns {
            let column = series.load()?;
            fields.push(column.to_field(name));
            arrays.push(Arc::clone(column.array()));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.len()?));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Error::invalid_data("the columns cannot become a record batch").with_source(error))
    }

    /// A frame from an Arrow record batch: the column `index_field` becomes the index ("0", "1", ... without it).
    ///
    /// # Errors
    /// If there is no such column, or an Arrow type has no counterpart in anndata.
    pub fn from_record_batch(batch: &RecordBatch, index_field: Option<&str>) -> Result<Self> {
        let schema = batch.schema();
        let columns = || schema.fields().iter().map(|field| &**field).zip(batch.columns());
        let mut frame = match index_field {
            None => Self::unnamed(batch.num_rows()),
            Some(name) => {
                let (field, array): (&Field, &ArrayRef) = columns()
                    .find(|(field, _)| field.name() == name)
                    .ok_or_else(|| Error::not_found(format!("the record batch has no column '{name}'")))?;
                Self::with_index(column_of(field, array)?)
            }
        };
        for (field, array) in columns().filter(|(field, _)| Some(field.name().as_str()) != index_field) {
            frame.insert(field.name(), column_of(field, array)?)?;
        }
        Ok(frame)
    }
}

/// A column of a record batch, named in an error.
fn column_of(field: &Field, array: &ArrayRef) -> Result<Column> {
    Column::from_arrow(field, array)
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
