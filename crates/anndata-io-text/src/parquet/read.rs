//! Parquet files into frames: row groups on all cores, and what they have of a column put together.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anndata_core::{Column, DataFrame, NaValue, NullableAs};
use anndata_storage::{DType, Error, OrBug as _, Result, Tensor};
use arrow_array::{Array as _, ArrayRef, RecordBatch, new_empty_array};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, Field};
use arrow_select::concat::{concat, concat_batches};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;
use rayon::prelude::*;

use super::pandas::{self, Described, Index};
use super::{OWN, ReadParquetOptions, failed};

/// The field of the index where nothing says which it is.
const INDEX: &str = "_index";
/// The most rows that are read at a time.
const MOST_ROWS: usize = 1 << 20;

/// Reads a frame from a file. `open` gives a handle to a thread, which must not share its place in the file with another.
///
/// # Errors
/// If it is malformed, has no column of a name that is asked for, or a column has no counterpart.
pub(super) fn frame<R: ChunkReader + 'static>(
    open: impl Fn() -> R + Sync,
    options: &ReadParquetOptions,
) -> Result<DataFrame> {
    let file = open();
    let metadata =
        guarded(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()))?.map_err(failed("reading"))?;
    check(metadata.metadata(), &file)?;
    let schema = metadata.schema();
    let said = schema.metadata();
    let described = said.get(pandas::KEY).map_or_else(|| Ok(Described::default()), |text| Described::parse(text))?;
    let index = match (&options.index, described.index.clone()) {
        (Some(field), _) => Some(Index::Field(field.clone())),
        (None, Some(index)) => Some(index),
        (None, None) => schema.field_with_name(INDEX).is_ok().then(|| Index::Field(INDEX.to_owned())),
    };
    let index_field = match &index {
        Some(Index::Field(field)) => Some(field.as_str()),
        Some(Index::Range { .. }) | None => None,
    };
    let wanted = wanted(schema.fields().iter().map(|field| field.name().as_str()), index_field, options)?;
    let groups = 0..metadata.metadata().num_row_groups();
    let read = |group: usize| -> Result<Vec<RecordBatch>> {
        // Room is made for a batch before its rows are seen to be there.
        let rows = usize::try_from(metadata.metadata().row_group(group).num_rows())
            .map_or(MOST_ROWS, |rows| rows.min(MOST_ROWS));
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(open(), metadata.clone());
        let mask = ProjectionMask::roots(metadata.parquet_schema(), wanted.iter().copied());
        let builder = builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(rows);
        let batches = guarded(|| builder.build().map(Iterator::collect::<std::result::Result<Vec<_>, _>>))?;
        batches
            .map_err(failed("reading"))?
            .map_err(|error| Error::invalid_data(format!("row group {group} cannot be read")).with_source(error))
    };
    let parts: Vec<Vec<RecordBatch>> = groups.into_par_iter().map(read).collect::<Result<_>>()?;
    let parts: Vec<RecordBatch> = parts.into_iter().flatten().collect();
    let kept = said.get(OWN).filter(|_| described.is_own).map(|text| guarded(|| kept(text))?).transpose()?;

    let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
    let column = |field: &Field| {
        let arrays: Vec<ArrayRef> =
            parts.iter().filter_map(|part| part.column_by_name(field.name())).map(Arc::clone).collect();
        let first = kept.as_ref().and_then(|kept| kept.column_by_name(field.name()));
        let nullable = if described.is_own || described.is_nullable(field.name()) {
            NullableAs::Field
        } else {
            NullableAs::WhereNulls
        };
        let mut field = field.clone();
        if described.na_value(field.name()) == NaValue::Nan {
            // As `Column::to_field` says it.
            field.metadata_mut().insert("na-value".to_owned(), "NaN".to_owned());
        }
        column(&field, first, &arrays, nullable).map_err(|error| error.at(field.name()))
    };
    let mut frame = match &index {
        Some(Index::Field(name)) => {
            let field = schema.field_with_name(name).ok().or_bug("the field of the index was looked for")?;
            DataFrame::with_index(names(column(field)?)?).with_index_name(described.index_name(name))
        }
        Some(Index::Range { start, step, name }) => {
            let label = |row: usize| {
                let row = i64::try_from(row).ok()?;
                Some(step.checked_mul(row)?.checked_add(*start)?.to_string())
            };
            let labels: Option<Vec<String>> = (0..rows).map(label).collect();
            let labels = labels.ok_or_else(|| Error::invalid_data("the index has numbers of more than 64 bits"))?;
            DataFrame::new(labels).with_index_name(name.clone())
        }
        None => DataFrame::unnamed(rows),
    };
    // An index without a name is no column where another one takes its place.
    let replaced = match &described.index {
        Some(Index::Field(field)) if described.index_name(field).is_none() => Some(field.as_str()),
        _ => None,
    };
    for field in wanted.iter().filter_map(|&at| schema.fields().get(at)) {
        if [index_field, replaced].contains(&Some(field.name().as_str())) {
            continue;
        }
        if frame.contains(field.name()) {
            return Err(Error::invalid_data(format!("two columns are called '{}'", field.name())));
        }
        frame.insert(field.name(), column(field)?)?;
    }
    Ok(frame)
}

/// Runs code of the crate `parquet`, which trusts files in some places: a panic of it is an error of the file.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| Error::invalid_data("it contradicts itself, and cannot be read"))
}

/// Refuses pieces that lie outside of a file, and numbers below zero, which its reader takes for granted.
fn check(metadata: &ParquetMetaData, file: &impl ChunkReader) -> Result<()> {
    let end = file.len();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let wrong = |what: &str| Error::invalid_data(format!("row group {number}: {what}"));
        if group.num_rows() < 0 {
            return Err(wrong("it has a number of rows below zero"));
        }
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let piece = (u64::try_from(start), u64::try_from(column.compressed_size()));
            let within = matches!(piece, (Ok(start), Ok(len)) if start.checked_add(len).is_some_and(|to| to <= end));
            if !within || column.data_page_offset() < 0 || column.num_values() < 0 {
                return Err(wrong(&format!("the values of '{}' are not within the file", column.column_path())));
            }
        }
    }
    Ok(())
}

/// The positions of the fields that are read, in the order of the file.
fn wanted<'a>(
    fields: impl Iterator<Item = &'a str>,
    index: Option<&str>,
    options: &ReadParquetOptions,
) -> Result<Vec<usize>> {
    let fields: Vec<&str> = fields.collect();
    let named = index.into_iter().chain(options.columns.iter().flatten().map(String::as_str));
    if let Some(absent) = named.into_iter().find(|name| !fields.contains(name)) {
        return Err(Error::not_found(format!("it has no column '{absent}'; it has: {}", fields.join(", "))));
    }
    let is_wanted = |name: &str| match &options.columns {
        None => true,
        Some(columns) => Some(name) == index || columns.iter().any(|column| column == name),
    };
    Ok(fields.iter().enumerate().filter(|(_, name)| is_wanted(name)).map(|(at, _)| at).collect())
}

/// The names of rows: text, whatever they are in the file.
fn names(column: Column) -> Result<Column> {
    if let Some(row) = (0..column.len()).find(|&row| column.is_missing(row)) {
        return Err(Error::invalid_data(format!("row {row} has no name in the index")));
    }
    if column.slice(0..0)?.without_categories()?.to_tensor()?.dtype().is_text() {
        Ok(column)
    } else {
        Ok(Column::strings(column.to_labels()?))
    }
}

/// The batch without rows that has categories.
fn kept(text: &str) -> Result<RecordBatch> {
    let malformed = || Error::invalid_data(format!("the metadata '{OWN}' are no stream of Arrow"));
    let bytes = STANDARD.decode(text).map_err(|error| malformed().with_source(error))?;
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(|error| malformed().with_source(error))?;
    let schema = reader.schema();
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| malformed().with_source(error))?;
    concat_batches(&schema, &batches).map_err(|error| malformed().with_source(error))
}

/// A column of what each row group has of it; of a categorical one, `kept` has categories in front of all others.
fn column(field: &Field, kept: Option<&ArrayRef>, parts: &[ArrayRef], nullable: NullableAs) -> Result<Column> {
    if let DataType::Dictionary(..) = field.data_type() {
        let parts: Vec<Column> = kept
            .into_iter()
            .chain(parts)
            .map(|part| {
                Column::from_arrow_with(
                    &field.clone().with_data_type(part.data_type().clone()),
                    part,
                    NullableAs::WhereNulls,
                )
            })
            .collect::<Result<_>>()?;
        if let Some(joined) = join(&parts)? {
            return Ok(joined);
        }
    }
    let refs: Vec<&dyn arrow_array::Array> = parts.iter().map(AsRef::as_ref).collect();
    let array = match refs.as_slice() {
        [] => new_empty_array(field.data_type()),
        refs => concat(refs).map_err(|error| Error::unsupported("row groups cannot be joined").with_source(error))?,
    };
    Column::from_arrow_with(field, &array, nullable)
}

/// Categorical columns one after the other: the categories of the first, and those that others add. Nothing if there are none.
fn join(parts: &[Column]) -> Result<Option<Column>> {
    let Some(first) = parts.first() else { return Ok(None) };
    let anndata_core::ColumnKind::Categorical { ordered } = first.kind() else { return Ok(None) };
    let [_, _, ..] = parts else { return Ok(Some(first.clone())) };
    let (mut codes, mut arrays, mut offset) = (Vec::new(), Vec::new(), 0_i64);
    for part in parts {
        let (own, categories) = part.codes_and_categories()?;
        let own = own.cast(&DType::I64)?;
        codes.extend(own.as_slice::<i64>()?.iter().map(|&code| if code < 0 { -1 } else { code + offset }));
        offset += i64::try_from(categories.len()).ok().or_bug("more categories than numbers")?;
        arrays.push(Arc::clone(categories.array()));
    }
    let refs: Vec<&dyn arrow_array::Array> = arrays.iter().map(AsRef::as_ref).collect();
    let categories =
        concat(&refs).map_err(|error| Error::unsupported("categories cannot be joined").with_source(error))?;
    let categories = Column::try_from(&categories)?;
    let codes = Tensor::from_vec([codes.len()], codes)?;
    let joined = Column::categorical(&codes, &categories, ordered)?.with_distinct_categories()?;
    let (codes, categories) = joined.codes_and_categories()?;
    let codes = codes.cast(&anndata_array::code_dtype(categories.len()))?;
    Column::categorical(&codes, &categories, ordered).map(Some)
}
