//! Frames of annotations as data frames of Polars, and back, through the C data interface of Arrow.
//!
//! ```
//! use anndata::{NullableAs, prelude::*};
//! use anndata_polars_example::{from_polars, to_polars};
//!
//! let obs = DataFrame::new(["c1", "c2"]).with_column("n_genes", vec![310_i64, 95])?;
//! let frame = to_polars(&obs.to_record_batch("cell")?)?;
//! assert_eq!(frame.shape(), (2, 2));
//!
//! let back = DataFrame::from_record_batch_with(&from_polars(&frame)?, Some("cell"), NullableAs::WhereNulls)?;
//! assert_eq!(back.column("n_genes")?.to_vec::<i64>()?, [310, 95]);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

use std::error::Error;

use anndata::arrow_array::{ArrayRef, RecordBatch, ffi, make_array};
use polars_arrow::ffi as polars_ffi;
use polars_core::prelude::{Column, CompatLevel, DataFrame, Series};

/// An error of either side.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A record batch as a data frame of Polars.
///
/// # Errors
/// If a column is of a type that Polars does not have.
pub fn to_polars(batch: &RecordBatch) -> Result<DataFrame> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let (array, schema) = ffi::to_ffi(&column.to_data())?;
        // SAFETY: both sides declare the structs of the C data interface, whose layout the interface fixes. The array is
        // moved, so that one side alone releases it; the schema is read while it lives.
        let array = unsafe {
            let array = std::mem::transmute::<ffi::FFI_ArrowArray, polars_ffi::ArrowArray>(array);
            let schema = &*(&raw const schema).cast::<polars_ffi::ArrowSchema>();
            let dtype = polars_ffi::import_field_from_c(schema)?.dtype;
            polars_ffi::import_array_from_c(array, dtype)?
        };
        Ok(Series::from_arrow(field.name().as_str().into(), array)?.into())
    });
    Ok(DataFrame::new(batch.num_rows(), columns.collect::<Result<Vec<Column>>>()?)?)
}

/// A data frame of Polars as a record batch. Polars calls every field nullable: take
/// [`NullableAs::WhereNulls`](anndata::NullableAs::WhereNulls) to make a frame of it.
///
/// # Errors
/// If a column is of a type that Arrow does not have.
pub fn from_polars(frame: &DataFrame) -> Result<RecordBatch> {
    let columns = frame.columns().iter().map(|column| {
        let series = column.as_materialized_series().rechunk();
        // The oldest level has offsets where the newer ones have views.
        let array = series.to_arrow(0, CompatLevel::oldest());
        let field = series.field().to_arrow(CompatLevel::oldest());
        let (array, schema) = (polars_ffi::export_array_to_c(array), polars_ffi::export_field_to_c(&field));
        // SAFETY: as in `to_polars`.
        let data = unsafe {
            let array = std::mem::transmute::<polars_ffi::ArrowArray, ffi::FFI_ArrowArray>(array);
            ffi::from_ffi(array, &*(&raw const schema).cast::<ffi::FFI_ArrowSchema>())?
        };
        Ok((series.name().to_string(), make_array(data)))
    });
    Ok(RecordBatch::try_from_iter(columns.collect::<Result<Vec<(String, ArrayRef)>>>()?)?)
}
