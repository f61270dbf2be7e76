//! An object as a loom file.

use std::path::Path;
use std::sync::Arc;

use anndata_core::{AnnData, Column, ColumnKind, DataFrame, Element, Mapping, SparseFormat};
use anndata_io_hdf5::write_atomic;
use anndata_storage::{ArraySpec, Codec, DType, Error, Group, Result, Storage, Tensor};

use super::graphs;
use super::place::{child, put};

/// The side of the chunks of matrices, as loompy makes them.
const CHUNK: usize = 64;
/// The level of compression, as there.
const LEVEL: u8 = 2;
/// How many bytes of a matrix are dense in memory at a time.
const BLOCK: usize = 64 << 20;

/// How a loom file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "what is written, slot by slot")]
pub struct WriteLoomOptions {
    /// Whether arrays of `obsm` and `varm` are written.
    pub write_obsm_varm: bool,
    /// Whether matrices of `obsp` and `varp` are written.
    pub write_obsp_varp: bool,
    /// Whether elements of `uns` are written.
    pub write_uns: bool,
    /// Whether a file that is there is replaced.
    pub overwrite: bool,
    /// Whether the file is on the disk when writing returns.
    pub durable: bool,
}

impl Default for WriteLoomOptions {
    fn default() -> Self {
        Self { write_obsm_varm: false, write_obsp_varp: false, write_uns: false, overwrite: false, durable: true }
    }
}

impl WriteLoomOptions {
    /// Sets whether arrays of `obsm` and `varm` are written, as attributes of two dimensions. Default: no.
    #[must_use]
    pub fn with_write_obsm_varm(mut self, write: bool) -> Self {
        self.write_obsm_varm = write;
        self
    }

    /// Sets whether matrices of `obsp` and `varp` are written, as graphs. Default: no.
    #[must_use]
    pub fn with_write_obsp_varp(mut self, write: bool) -> Self {
        self.write_obsp_varp = write;
        self
    }

    /// Sets whether elements of `uns` are written, as attributes of the file: texts and numbers. Default: no.
    #[must_use]
    pub fn with_write_uns(mut self, write: bool) -> Self {
        self.write_uns = write;
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

/// Writes `X`, layers, `obs` and `var` of an object as a loom file of version 3, which loompy reads. The names of the
/// observations are an attribute of the name of their index, or `obs_names`; those of the variables `var_names`. Categories
/// become text, booleans bytes. Nothing else of the object has a place in the format, which is why Python deprecates it.
///
/// # Errors
/// If something is there, the object has no `X`, no observations or no variables, a value of a column is missing, or writing
/// fails.
pub fn write_loom(path: impl AsRef<Path>, adata: &AnnData) -> Result<()> {
    write_loom_with(path, adata, &WriteLoomOptions::default())
}

/// Writes a loom file as the options say.
///
/// # Errors
/// As [`write_loom`], and if what the options ask for has no place in the format: an array of `obsm` or `varm` that is not one of
/// numbers, an element of `uns` that is neither text nor number.
pub fn write_loom_with(path: impl AsRef<Path>, adata: &AnnData, options: &WriteLoomOptions) -> Result<()> {
    let x = adata.x().ok_or_else(|| Error::invalid_input("the object has no X, which a loom file has to have"))?;
    if adata.n_obs() == 0 || adata.n_vars() == 0 {
        return Err(Error::invalid_input("a loom file has to have observations and variables"));
    }
    write_atomic(path.as_ref(), options.overwrite, options.durable, |store| {
        let root = Group::root(Arc::clone(store) as Arc<dyn Storage>);
        for name in ["attrs", "layers", "row_attrs", "col_attrs", "row_graphs", "col_graphs"] {
            root.create_group(name)?;
        }
        put(&root, "attrs/LOOM_SPEC_VERSION", &Tensor::string("3.0.0"))?;
        write_matrix(&root, "matrix", x)?;
        for (key, layer) in adata.layers().iter().filter_map(|(key, layer)| Some((key.as_deref()?, layer))) {
            write_matrix(&root, &child("layers", key)?, layer)?;
        }
        write_frame(&root, "row_attrs", "var_names", adata.var())?;
        write_frame(&root, "col_attrs", "obs_names", adata.obs())?;
        if options.write_obsm_varm {
            write_arrays(&root, "col_attrs", adata.obsm())?;
            write_arrays(&root, "row_attrs", adata.varm())?;
        }
        if options.write_obsp_varp {
            graphs::write(&root, "col_graphs", adata.obsp())?;
            graphs::write(&root, "row_graphs", adata.varp())?;
        }
        if options.write_uns {
            graphs::write_attributes(&root, adata.uns())?;
        }
        Ok(())
    })
}

/// Writes a matrix transposed and dense, block by block.
fn write_matrix(root: &Group, path: &str, element: &Element) -> Result<()> {
    // By columns, so that blocks of the transposed matrix lie together.
    let sparse = element.to_format(SparseFormat::Csc)?;
    let turned = sparse.transpose();
    let stored = stored_dtype(turned.dtype()).map_err(|error| error.at(path))?;
    let (rows, columns) = turned.shape();
    let shape = [rows as u64, columns as u64];
    let spec = ArraySpec::new(stored.clone(), shape)
        .with_chunks([rows, columns].map(|len| len.min(CHUNK) as u64))
        .with_codecs([Codec::Zlib { level: LEVEL }]);
    let array = root.create_array(path, &spec)?;
    let step = (BLOCK / (columns * stored.size().unwrap_or(8)).max(1) / CHUNK).max(1) * CHUNK;
    for start in (0..rows).step_by(step) {
        let block = turned.rows_to_dense(start..rows.min(start + step))?;
        array.write(&[start as u64, 0], &block.cast(&stored)?)?;
    }
    Ok(())
}

fn write_frame(root: &Group, slot: &str, default: &str, frame: &DataFrame) -> Result<()> {
    for (name, series) in frame.columns() {
        let path = child(slot, name)?;
        let values = values_of(&series.load()?).map_err(|error| error.at(&path))?;
        put(root, &path, &values)?;
    }
    let path = child(slot, frame.index_name().unwrap_or(default))?;
    let labels = frame.index().load()?.to_labels()?;
    put(root, &path, &Tensor::from_strings([labels.len()], labels)?)
}

fn write_arrays(root: &Group, slot: &str, arrays: &Mapping) -> Result<()> {
    for (key, element) in arrays {
        let path = child(slot, key)?;
        let Element::Tensor(tensor) = element.load()? else {
            return Err(Error::unsupported("a loom file has only dense arrays as attributes").at(&path));
        };
        let stored = stored_dtype(tensor.dtype()).map_err(|error| error.at(&path))?;
        put(root, &path, &tensor.cast(&stored)?)?;
    }
    Ok(())
}

/// The values of a column as the format has them.
fn values_of(column: &Column) -> Result<Tensor> {
    if column.missing().contains(&true) {
        return Err(Error::unsupported("a value is missing, which a loom file cannot say"));
    }
    let values = match column.kind() {
        ColumnKind::Categorical { .. } => {
            let labels = column.to_labels()?;
            return Tensor::from_strings([labels.len()], labels);
        }
        _ => column.to_tensor()?,
    };
    match values.dtype() {
        dtype if dtype.is_text() => values.to_text(),
        dtype => values.cast(&stored_dtype(dtype)?),
    }
}

/// The dtype of numbers in the file: booleans are bytes.
fn stored_dtype(dtype: &DType) -> Result<DType> {
    match dtype {
        DType::Bool => Ok(DType::U8),
        dtype if dtype.is_integer() || dtype.is_float() => Ok(dtype.clone()),
        other => Err(Error::unsupported(format!("a loom file has no values of type {other}"))),
    }
}
