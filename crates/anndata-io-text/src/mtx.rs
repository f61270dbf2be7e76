//! Matrix Market files (`.mtx`): coordinates or arrays of numbers.
//!
//! The format is that of the [Matrix Market](https://math.nist.gov/MatrixMarket/formats.html): a banner that says what the
//! values are, comments, the sizes, and one entry per line. All of it is read but complex numbers: `coordinate` and `array`;
//! `real`, `double`, `integer` and `pattern`; `general`, `symmetric` and `skew-symmetric`.
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("matrix.mtx");
//! std::fs::write(&path, "%%MatrixMarket matrix coordinate integer general\n2 3 2\n1 1 5\n2 3 7\n")?;
//! let adata = anndata_io_text::read_mtx(&path)?;
//! assert_eq!(adata.shape(), (2, 3));
//! assert_eq!(adata.x().unwrap().to_sparse()?.data().as_slice::<f32>()?, [5.0, 7.0]);
//! # Ok::<(), anndata_core::Error>(())
//! ```

mod assemble;
mod buckets;
mod entries;
mod header;
mod write;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anndata_core::{AnnData, SparseMatrix};
use anndata_storage::{DType, Error, Limits, Result};

use crate::number::Number;
use crate::source::{Block, Blocks, Source, parse};
use assemble::{Assembly, Parsed};
use buckets::Plan;
use entries::parse_array;
use header::{Header, Layout};

pub(crate) use write::write_matrix;
pub use write::write_matrix_market;

/// How a Matrix Market file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MtxOptions {
    /// The dtype of the matrix.
    pub dtype: DType,
    /// Whether the columns of the file are the observations.
    pub transpose: bool,
    /// How much sizes that the file declares are trusted.
    pub limits: Limits,
}

impl Default for MtxOptions {
    fn default() -> Self {
        Self { dtype: DType::F32, transpose: false, limits: Limits::default() }
    }
}

impl MtxOptions {
    /// Sets the dtype of the matrix: `f32` (default), `f64`, `i32`, `i64` or `u32`. Values become that as with numpy's
    /// `astype`.
    #[must_use]
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Sets whether the columns of the file are the observations, as in the files of 10x Genomics. Default: no; the rows are.
    #[must_use]
    pub fn with_transpose(mut self, transpose: bool) -> Self {
        self.transpose = transpose;
        self
    }

    /// Sets how much sizes that the file declares are trusted.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Reads a Matrix Market file, compressed (gzip, zstd, bzip2) or not, as an object: `X` is a CSR matrix of `f32` whose
/// rows are those of the file, with entries that are there twice summed. Names are "0", "1", ….
///
/// # Errors
/// If the file cannot be read, is malformed (the error names the line), or holds complex numbers.
pub fn read_mtx(path: impl AsRef<Path>) -> Result<AnnData> {
    read_mtx_with(path, &MtxOptions::default())
}

/// Reads a Matrix Market file as the options say.
///
/// # Errors
/// As [`read_mtx`], and [`Unsupported`](anndata_core::ErrorKind::Unsupported) for other dtypes.
pub fn read_mtx_with(path: impl AsRef<Path>, options: &MtxOptions) -> Result<AnnData> {
    AnnData::builder().x(read_matrix(path.as_ref(), options)?).build()
}

/// The matrix of a file: CSR, canonical.
pub(crate) fn read_matrix(path: &Path, options: &MtxOptions) -> Result<SparseMatrix> {
    let source = Source::open(path)?;
    let read = match options.dtype {
        DType::F32 => read_as::<f32>,
        DType::F64 => read_as::<f64>,
        DType::I32 => read_as::<i32>,
        DType::I64 => read_as::<i64>,
        DType::U32 => read_as::<u32>,
        ref other => {
            return Err(Error::unsupported(format!(
                "an mtx file is read as f32, f64, i32, i64 or u32, not as {other}"
            )));
        }
    };
    read(source, options).map_err(|error| error.in_file(path))
}

/// Whether the beginning of a text is that of a Matrix Market file.
pub(crate) fn is_mtx(beginning: &[u8]) -> bool {
    beginning.get(..header::BANNER.len()).is_some_and(|start| start.eq_ignore_ascii_case(header::BANNER))
}

fn read_as<T: Number>(source: Source, options: &MtxOptions) -> Result<SparseMatrix> {
    let stored = source.stored;
    let mut blocks = Blocks::new(source);
    let header = Header::read(&mut blocks)?;
    let (major, minor) = if options.transpose { (header.columns, header.rows) } else { (header.rows, header.columns) };
    // What is kept of each row, whether it has entries or not.
    options.limits.check(8 * u64::from(major), stored)?;
    // A line has four bytes at least, of which a compressed file keeps as little as the limits say.
    let most = stored.saturating_mul(options.limits.max_expansion.min(1100)) / 4;
    // Fallback: more entries than memory can count do not fit, which is told when room is made for them.
    let expected = usize::try_from(header.expected().min(most)).unwrap_or(usize::MAX);
    let scattered = AtomicBool::new(header.layout == Layout::Array);
    let plan = Plan::new(major, minor, expected);
    let mut assembly = Assembly::<T>::new(plan, &scattered)?;
    let mut found = 0_u64;
    match header.layout {
        Layout::Coordinate => parse(
            &mut blocks,
            |block: &Block| {
                if scattered.load(Ordering::Relaxed) {
                    assemble::scattered(block, &header, options.transpose, &plan)
                } else {
                    assemble::in_order(block, &header, options.transpose)
                }
            },
            |parsed: Parsed<T>| {
                found = found.saturating_add(parsed.lines);
                assembly.push(parsed)
            },
        )?,
        Layout::Array => {
            let mut cell = header.first_cell();
            parse(
                &mut blocks,
                |block: &Block| parse_array::<T>(block, &header),
                |values: Vec<T>| {
                    found = found.saturating_add(values.len() as u64);
                    assembly.push_cells(values, &mut cell, &header, options.transpose)
                },
            )?;
        }
    }
    if found != header.lines() {
        let what = if header.layout == Layout::Array { "values" } else { "entries" };
        let message = format!("the header declares {} {what}, but the file has {found}", header.lines());
        return Err(Error::invalid_data(message));
    }
    assembly.finish()
}

#[cfg(test)]
mod tests;
