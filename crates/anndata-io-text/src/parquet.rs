//! Frames, such as obs and var, as [Parquet](https://parquet.apache.org/docs/file-format/) files, which pandas reads as it would
//! read its own.
//!
//! ```text
//! column of the frame          column of the file
//! index                        the first one, under its name; `__index_level_0__` if it has none
//! numbers, booleans, text      the same; not optional
//! nullable                     optional
//! categorical                  the categories, all and in order, as the dictionary of each row group
//! metadata `pandas`            which column is the index, and the dtypes of pandas
//! metadata `ARROW:schema`      the types of Arrow
//! metadata `anndata`           categories that are no text, of which no reader keeps the order
//! ```

mod dictionary;
mod pandas;
mod positioned;
mod read;
mod write;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anndata_core::DataFrame;
use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Compression, Error, Result};
use bytes::Bytes;
use parquet::errors::ParquetError;

use positioned::Positioned;

/// The key of the metadata of a file whose value is this library's.
const OWN: &str = "anndata";

/// What of a Parquet file is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReadParquetOptions {
    /// The column that becomes the index. Default: the one that the file says.
    pub index: Option<String>,
    /// The columns that are read, beside the index. Default: all.
    pub columns: Option<Vec<String>>,
}

impl ReadParquetOptions {
    /// Sets the column that becomes the index. Default: the one that the metadata of the file say, else `_index`, else none, and
    /// the rows are called "0", "1", ....
    #[must_use]
    pub fn with_index(mut self, column: impl Into<Option<String>>) -> Self {
        self.index = column.into();
        self
    }

    /// Sets which columns are read, beside the index. Default: all.
    #[must_use]
    pub fn with_columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }
}

/// How a Parquet file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteParquetOptions {
    /// How pages are compressed.
    pub compression: Compression,
    /// The most rows of a row group.
    pub group_rows: usize,
    /// Whether a file that is there is replaced.
    pub overwrite: bool,
    /// Whether the file is on the disk when writing returns.
    pub durable: bool,
}

impl Default for WriteParquetOptions {
    fn default() -> Self {
        Self { compression: Compression::Default, group_rows: 1 << 20, overwrite: false, durable: true }
    }
}

impl WriteParquetOptions {
    /// Sets how pages are compressed: not at all, with gzip or zstd. Default: with Snappy, as pandas does.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the most rows of a row group, which are encoded at a time. Default: 1,048,576.
    #[must_use]
    pub fn with_group_rows(mut self, rows: usize) -> Self {
        self.group_rows = rows;
        self
    }

    /// Sets whether a file that is there is replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets whether the file is on the disk (fsync) when writing returns. Default: yes.
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }
}

/// Reads a frame from a Parquet file.
///
/// The index is the column that pandas, or this library, wrote as such; what pandas describes as a range becomes its numbers as
/// text. A dictionary is a categorical column with the order of its categories. A column is nullable if pandas says so, or else
/// if it has a null; a null among floats is NaN.
///
/// ```
/// # use anndata_core::{Column, DataFrame};
/// # use anndata_io_text::{read_parquet, write_parquet};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("obs.parquet");
/// let kinds = Column::categorical_from_strings(["T", "B"])?;
/// let obs = DataFrame::new(["c1", "c2"]).with_column("kind", kinds)?.with_index_name(Some("cell".to_owned()));
/// write_parquet(&path, &obs)?;
/// assert_eq!(read_parquet(&path)?, obs);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// If it cannot be read or is malformed; if a column has no counterpart, such as lists, or the index has several levels.
pub fn read_parquet(path: impl AsRef<Path>) -> Result<DataFrame> {
    read_parquet_with(path, &ReadParquetOptions::default())
}

/// Reads a frame from a Parquet file as the options say.
///
/// # Errors
/// As [`read_parquet`], and if there is no column of a name that the options say.
pub fn read_parquet_with(path: impl AsRef<Path>, options: &ReadParquetOptions) -> Result<DataFrame> {
    let path = path.as_ref();
    let read = || {
        let file = Positioned::new(File::open(path)?)?;
        read::frame(|| file.clone(), options)
    };
    read().map_err(|error: Error| error.in_file(path))
}

/// The frame of a Parquet file whose bytes are in memory.
///
/// # Errors
/// As [`read_parquet_with`].
pub fn parse_parquet(bytes: Vec<u8>, options: &ReadParquetOptions) -> Result<DataFrame> {
    let bytes = Bytes::from(bytes);
    read::frame(|| bytes.clone(), options)
}

/// Writes a frame as a Parquet file. The file appears whole or not at all.
///
/// pandas' `read_parquet` finds the index with its name, nullable columns, and categories in their order.
///
/// # Errors
/// If something is there, a column has no form in Parquet, or writing fails.
pub fn write_parquet(path: impl AsRef<Path>, frame: &DataFrame) -> Result<()> {
    write_parquet_with(path, frame, &WriteParquetOptions::default())
}

/// Writes a frame as a Parquet file as the options say.
///
/// # Errors
/// As [`write_parquet`]; [`Unsupported`](anndata_core::ErrorKind::Unsupported) if Parquet has no such compression.
pub fn write_parquet_with(path: impl AsRef<Path>, frame: &DataFrame, options: &WriteParquetOptions) -> Result<()> {
    let path = path.as_ref();
    let output = AtomicOutput::create(path, OutputKind::File, options.overwrite)?;
    let write = || {
        let mut file = BufWriter::new(File::create(output.path())?);
        write::frame(&mut file, frame, options)?;
        Ok(file.flush()?)
    };
    write().map_err(|error: Error| error.in_file(path))?;
    output.commit(options.durable)
}

/// A frame as the bytes of a Parquet file.
///
/// # Errors
/// As [`write_parquet_with`].
pub fn to_parquet(frame: &DataFrame, options: &WriteParquetOptions) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write::frame(&mut bytes, frame, options)?;
    Ok(bytes)
}

/// The error of a file that cannot be read or written.
fn failed(doing: &str) -> impl Fn(ParquetError) -> Error {
    move |error| match error {
        ParquetError::External(source) if source.is::<std::io::Error>() => match source.downcast::<std::io::Error>() {
            Ok(io) => (*io).into(),
            Err(other) => Error::invalid_data(format!("{doing} failed: {other}")),
        },
        ParquetError::NYI(_) => Error::unsupported(format!("{doing} failed")).with_source(error),
        _ => Error::invalid_data(format!("{doing} failed")).with_source(error),
    }
}
