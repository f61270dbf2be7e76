//! Folders as Cell Ranger writes them since version 3.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anndata_core::{AnnData, DataFrame, SparseFormat};
use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Error, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{FEATURE_TYPES, GENE_EXPRESSION};
use crate::mtx::write_matrix;

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
    let mut file = BufWriter::new(File::create(folder.join("matrix.mtx.gz"))?);
    write_matrix(&mut file, &matrix, true, compressed)?;
    file.flush()?;
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

/// A member of a gzip file.
#[expect(clippy::needless_pass_by_value, reason = "what is done to each block of text may keep it")]
fn compressed(text: Vec<u8>) -> Result<Vec<u8>> {
    let mut member = GzEncoder::new(Vec::new(), Compression::default());
    member.write_all(&text)?;
    Ok(member.finish()?)
}
