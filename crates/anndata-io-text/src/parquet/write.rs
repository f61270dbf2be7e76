//! Frames into Parquet files, a row group at a time, its columns on all cores.

use std::io::Write;
use std::sync::Arc;

use anndata_core::{Column, DataFrame};
use anndata_storage::{Compression, Error, OrBug as _, Result};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::{self, GzipLevel, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;

use super::{OWN, WriteParquetOptions, dictionary, failed, pandas};

/// The key of the metadata of a field by which a column of times comes back in the step that it had ([`Column::to_field`]).
const STEP: &str = "step";

/// A column of a row group, encoded.
enum Chunk {
    Values(ArrowColumnChunk),
    Dictionary(Bytes, ColumnCloseResult),
}

/// Writes a frame.
///
/// # Errors
/// If a column has no form in Parquet, or writing fails.
pub(super) fn frame<W: Write + Send>(out: W, frame: &DataFrame, options: &WriteParquetOptions) -> Result<()> {
    let frame = frame.load()?;
    let index_field = pandas::index_field(&frame);
    let batch = storable(&frame.to_record_batch(&index_field)?)?;
    let mut metadata = batch.schema().metadata().clone();
    metadata.insert(pandas::KEY.to_owned(), pandas::describe(&frame, &index_field)?);
    metadata.extend(categories(&batch)?.map(|own| (OWN.to_owned(), own)));
    // In the metadata of the file for all, and in the schema of Arrow, where that is the only place that is looked at.
    let of_file = metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let schema: SchemaRef = Arc::new(Schema::new(batch.schema().fields().clone()).with_metadata(metadata));
    let compression = compression(options.compression)?;
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_key_value_metadata(Some(of_file))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(failed("writing"))?;
    let (mut file, factory) = writer.into_serialized_writer().map_err(failed("writing"))?;
    let descriptors: Vec<ColumnDescPtr> = file.schema_descr().columns().to_vec();
    let (rows, most) = (batch.num_rows(), options.group_rows.max(1));
    for (number, start) in (0..rows).step_by(most).enumerate() {
        let part = batch.slice(start, most.min(rows - start));
        let writers = factory.create_column_writers(number).map_err(failed("writing"))?;
        let columns: Vec<_> = schema.fields().iter().zip(part.columns()).zip(&descriptors).zip(writers).collect();
        let chunks: Vec<Chunk> = columns
            .into_par_iter()
            .map(|(((field, array), descriptor), writer)| {
                encode(field, array, descriptor, writer, compression).map_err(|error| error.at(field.name()))
            })
            .collect::<Result<_>>()?;
        let mut group = file.next_row_group().map_err(failed("writing"))?;
        for chunk in chunks {
            match chunk {
                Chunk::Values(chunk) => chunk.append_to_row_group(&mut group),
                Chunk::Dictionary(bytes, close) => group.append_column(&bytes, close),
            }
            .map_err(failed("writing"))?;
        }
        group.close().map_err(failed("writing"))?;
    }
    file.close().map_err(failed("writing"))?;
    Ok(())
}

fn encode(
    field: &Field,
    array: &ArrayRef,
    descriptor: &ColumnDescPtr,
    mut writer: ArrowColumnWriter,
    compression: basic::Compression,
) -> Result<Chunk> {
    if is_text(field) {
        let (bytes, close) = dictionary::chunk(descriptor, &Column::from_arrow(field, array)?, compression)?;
        return Ok(Chunk::Dictionary(bytes, close));
    }
    for leaf in compute_leaves(field, array).map_err(failed("encoding"))? {
        writer.write(&leaf).map_err(failed("encoding"))?;
    }
    writer.close().map(Chunk::Values).map_err(failed("encoding"))
}

/// Whether a column is categorical, and its categories are text.
fn is_text(field: &Field) -> bool {
    let text = [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View];
    matches!(field.data_type(), DataType::Dictionary(_, values) if text.contains(values))
}

/// The same batch, times in the steps that Parquet has: what counts seconds counts milliseconds.
///
/// # Errors
/// If a row has several values of a column.
fn storable(batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() && !matches!(field.data_type(), DataType::Dictionary(..)) {
            let message = format!("values of the type {} are not written to Parquet", field.data_type());
            return Err(Error::unsupported(message).at(field.name()));
        }
        let DataType::Timestamp(TimeUnit::Second, zone) = field.data_type() else {
            fields.push(Arc::clone(field));
            arrays.push(Arc::clone(array));
            continue;
        };
        let data_type = DataType::Timestamp(TimeUnit::Millisecond, zone.clone());
        let finer = cast(array, &data_type)
            .map_err(|error| Error::unsupported("Parquet has no such times").with_source(error).at(field.name()))?;
        let mut field = field.as_ref().clone().with_data_type(data_type);
        field.metadata_mut().entry(STEP.to_owned()).or_insert_with(|| "s".to_owned());
        fields.push(Arc::new(field));
        arrays.push(finer);
    }
    let schema = Schema::new(fields).with_metadata(batch.schema().metadata().clone());
    batch_of(Arc::new(schema), arrays, batch.num_rows())
}

/// What no reader would know of the file: the categories of columns that are not of text, or have no row. They are a batch
/// without rows, as a stream of Arrow, as text. Nothing if there are none such.
fn categories(batch: &RecordBatch) -> Result<Option<String>> {
    let schema = batch.schema();
    let wanted = |field: &Field| {
        matches!(field.data_type(), DataType::Dictionary(..)) && (!is_text(field) || batch.num_rows() == 0)
    };
    let positions: Vec<usize> =
        schema.fields().iter().enumerate().filter(|(_, field)| wanted(field)).map(|(at, _)| at).collect();
    if positions.is_empty() {
        return Ok(None);
    }
    let write = || -> std::result::Result<Vec<u8>, ArrowError> {
        let empty = batch.project(&positions)?.slice(0, 0);
        let mut writer = StreamWriter::try_new(Vec::new(), &empty.schema())?;
        writer.write(&empty)?;
        writer.into_inner()
    };
    let bytes = write().map_err(|error| Error::unsupported("the categories cannot be kept").with_source(error))?;
    Ok(Some(STANDARD.encode(bytes)))
}

fn batch_of(schema: SchemaRef, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, arrays, &options).ok().or_bug("columns of the same frame do not fit")
}

fn compression(asked: Compression) -> Result<basic::Compression> {
    let level = |error| Error::invalid_input("there is no such level of compression").with_source(error);
    Ok(match asked {
        Compression::Default => basic::Compression::SNAPPY,
        Compression::None => basic::Compression::UNCOMPRESSED,
        Compression::Gzip(at) => basic::Compression::GZIP(GzipLevel::try_new(at.into()).map_err(level)?),
        Compression::Zstd(at) => basic::Compression::ZSTD(ZstdLevel::try_new(at).map_err(level)?),
        other => return Err(Error::unsupported(format!("Parquet has no compression {other:?}; it has gzip and zstd"))),
    })
}
