//! Folders as Cell Ranger writes them since version 3.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anndata_core::{AnnData, DataFrame, SparseFormat, SparseMatrix};
use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{DType, Error, OrBug as _, Result, Tensor};
use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;

use super::{FEATURE_TYPES, GENE_EXPRESSION};
use crate::number::python_float;

/// How many entries are compressed at a time by a core.
const BLOCK: usize = 1 << 18;
/// Within these bounds every integer is a double.
const WHOLE: f64 = 9_007_199_254_740_992.0;
/// How many blocks are in memory at a time, per core.
const AHEAD: usize = 4;

/// How a folder of a matrix of text is written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteMtxOptions {
    /// The layer that is the matrix; `X` without one.
    pub layer: Option<String>,
    /// Whether a folder that is there is replaced.
    pub overwrite: bool,
    /// Whether the folder is on the disk when writing returns.
    pub durable: bool,
}

impl Default for WriteMtxOptions {
    fn default() -> Self {
        Self { layer: None, overwrite: false, durable: true }
    }
}

impl WriteMtxOptions {
    /// Sets the layer that is the matrix. Default: `X`.
    #[must_use]
    pub fn with_layer(mut self, layer: impl Into<String>) -> Self {
        self.layer = Some(layer.into());
        self
    }

    /// Sets whether a folder that is there is replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets whether the folder is on the disk (fsync) when writing returns. Default: yes.
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }
}

/// Writes `X` and the names of the axes as a folder as Cell Ranger does since version 3, which scanpy's `read_10x_mtx` and
/// Seurat's `Read10X` read: `matrix.mtx.gz`, `features.tsv.gz` and `barcodes.tsv.gz`. Nothing else of the object is written.
///
/// Ids of the features are the column `gene_ids` of `var`, or their names; types are `feature_types`, or "Gene Expression".
/// Values are written as integers where all are whole. The folder appears whole or not at all.
///
/// # Errors
/// If something is there, the object has no `X`, a name holds a tab or the end of a line, or writing fails.
pub fn write_mtx(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_mtx_with(path, adata, &WriteMtxOptions::default())
}

/// Writes a folder of a matrix of text as the options say.
///
/// # Errors
/// As [`write_mtx`].
pub fn write_mtx_with(path: impl AsRef<Path>, adata: &AnnData, options: &WriteMtxOptions) -> Result<()> {
    let path = path.as_ref();
    let layer = options.layer.as_deref();
    let element = adata.layer(layer).ok_or_else(|| match layer {
        None => Error::not_found("the object has no X"),
        Some(layer) => Error::not_found(format!("the object has no layer '{layer}'")),
    })?;
    // Rows of the file are variables, and its entries go down the columns.
    let matrix = element.to_format(SparseFormat::Csr)?.to_canonical()?;
    let output = AtomicOutput::create(path, OutputKind::Folder, options.overwrite)?;
    let folder = output.path();
    fs::create_dir(folder)?;
    write_matrix(&folder.join("matrix.mtx.gz"), &matrix)?;
    let barcodes = adata.obs_names()?;
    write_lines(&folder.join("barcodes.tsv.gz"), barcodes.iter().map(|name| [name.as_str()]))?;
    let names = adata.var_names()?;
    let column = |name: &str| texts(adata.var(), name);
    let ids = column("gene_ids")?.unwrap_or_else(|| names.clone());
    let types = column(FEATURE_TYPES)?.unwrap_or_else(|| vec![GENE_EXPRESSION.to_owned(); names.len()]);
    let features = ids.iter().zip(&names).zip(&types).map(|((id, name), kind)| [id.as_str(), name, kind]);
    write_lines(&folder.join("features.tsv.gz"), features)?;
    output.commit(options.durable)
}

/// A column as text, if there is one.
fn texts(frame: &DataFrame, name: &str) -> Result<Option<Vec<String>>> {
    if !frame.contains(name) {
        return Ok(None);
    }
    Ok(Some(frame.column(name)?.to_labels()?))
}

fn write_lines<'a, const N: usize>(path: &Path, lines: impl Iterator<Item = [&'a str; N]>) -> Result<()> {
    let mut file = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::default());
    for fields in lines {
        if let Some(field) = fields.iter().find(|field| field.contains(['\t', '\n', '\r'])) {
            let message = format!("the name '{field}' holds a tab or the end of a line, which the format cannot have");
            return Err(Error::invalid_input(message));
        }
        writeln!(file, "{}", fields.join("\t"))?;
    }
    file.finish()?.flush()?;
    Ok(())
}

/// Writes the matrix transposed, compressed on all cores: gzip of several members, one for each block of entries.
fn write_matrix(path: &Path, matrix: &SparseMatrix) -> Result<()> {
    let (cells, features) = matrix.shape();
    let values = Values::of(matrix.data())?;
    let field = if matches!(values, Values::Integers(_)) { "integer" } else { "real" };
    let mut file = BufWriter::new(File::create(path)?);
    let header = format!("%%MatrixMarket matrix coordinate {field} general\n{features} {cells} {}\n", matrix.nnz());
    file.write_all(&compressed(header.as_bytes())?)?;
    let indices = matrix.indices().cast(&DType::I64)?;
    let (indices, offsets) = (indices.as_slice::<i64>()?, matrix.offsets()?);
    let mut starts: Vec<usize> = (0..cells).collect();
    // Blocks of whole rows.
    let mut from = 0;
    starts.retain(|&row| {
        let first =
            row == 0 || offsets.get(row).zip(offsets.get(from)).is_some_and(|(&at, &start)| at - start >= BLOCK);
        if first {
            from = row;
        }
        first
    });
    let ends = starts.iter().copied().skip(1).chain([cells]);
    let blocks: Vec<_> = starts.iter().copied().zip(ends).collect();
    for group in blocks.chunks(rayon::current_num_threads().max(1) * AHEAD) {
        let made: Vec<Result<Vec<u8>>> = group
            .par_iter()
            .map(|&(start, end)| {
                let mut text = Vec::new();
                for row in start..end {
                    let range = matrix.major_range(row)?;
                    for at in range {
                        let index = indices.get(at).or_bug("an index beyond the values")?;
                        write!(text, "{} {} ", index + 1, row + 1)?;
                        values.write(at, &mut text)?;
                        text.push(b'\n');
                    }
                }
                compressed(&text)
            })
            .collect();
        for block in made {
            file.write_all(&block?)?;
        }
    }
    file.flush()?;
    Ok(())
}

fn compressed(text: &[u8]) -> Result<Vec<u8>> {
    let mut member = GzEncoder::new(Vec::new(), Compression::default());
    member.write_all(text)?;
    Ok(member.finish()?)
}

/// The values of a matrix as they are written.
enum Values {
    Integers(Tensor),
    Floats(Tensor),
}

impl Values {
    fn of(data: &Tensor) -> Result<Self> {
        if data.dtype().is_complex() {
            return Err(Error::unsupported("matrices of complex numbers are not written as text"));
        }
        if !data.dtype().is_float() {
            if *data.dtype() == DType::U64 && data.as_slice::<u64>()?.iter().any(|&value| i64::try_from(value).is_err())
            {
                return Err(Error::unsupported("a value is beyond 63 bits, the most that is written as text"));
            }
            return Ok(Self::Integers(data.cast(&DType::I64)?));
        }
        let floats = data.cast(&DType::F64)?;
        let whole = |value: &f64| value.fract() == 0.0 && value.abs() <= WHOLE;
        if floats.as_slice::<f64>()?.par_iter().all(whole) {
            return Ok(Self::Integers(floats.cast(&DType::I64)?));
        }
        Ok(Self::Floats(data.clone()))
    }

    fn write(&self, at: usize, text: &mut Vec<u8>) -> Result<()> {
        const BEYOND: &str = "a value beyond the matrix";
        match self {
            Self::Integers(values) => write!(text, "{}", values.as_slice::<i64>()?.get(at).or_bug(BEYOND)?)?,
            // The shortest text that is the same value: of 32 bits shorter than of 64.
            Self::Floats(values) if *values.dtype() == DType::F32 => {
                let value = values.as_slice::<f32>()?.get(at).or_bug(BEYOND)?;
                text.extend_from_slice(crate::number::python_float_32(*value).as_bytes());
            }
            Self::Floats(values) => {
                let value = values.slice_rows(at..at + 1)?.cast(&DType::F64)?;
                let value = value.as_slice::<f64>()?.first().or_bug(BEYOND)?;
                text.extend_from_slice(python_float(*value).as_bytes());
            }
        }
        Ok(())
    }
}
