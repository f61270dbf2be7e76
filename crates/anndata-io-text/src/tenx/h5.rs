//! The HDF5 files of Cell Ranger.
//!
//! Since version 3 the group `matrix` has the matrix of all [features](https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-h5-matrices),
//! before that there was a group for each genome.

use std::path::Path;
use std::sync::Arc;

use anndata_array::sparse::stack::index_dtype;
use anndata_core::{AnnData, Column, DataFrame, SparseFormat, SparseMatrix};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store};
use anndata_storage::{Array, AxisSelection, DType, Error, Group, NodeKind, OrBug as _, Result, Scalar, Tensor};

use super::{FEATURE_TYPES, GENE_EXPRESSION, values_of, with_value};

/// How many values are converted at a time.
const BLOCK: u64 = 4 << 20;
/// Features that have columns of other names, or none.
const RENAMED: [&str; 5] = ["name", "feature_type", "id", "gene_id", "_all_tag_keys"];

/// How an HDF5 file of Cell Ranger is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tenx5Options {
    /// The genome whose features are kept. A file of Cell Ranger 2 has one matrix for each.
    pub genome: Option<String>,
    /// Whether only features of the type "Gene Expression" are kept.
    pub gex_only: bool,
    /// How the file is opened.
    pub hdf5: Hdf5Options,
}

impl Default for Tenx5Options {
    fn default() -> Self {
        Self { genome: None, gex_only: true, hdf5: Hdf5Options::default() }
    }
}

impl Tenx5Options {
    /// Sets the genome whose features are kept. Default: all; of a file of Cell Ranger 2, the only one.
    #[must_use]
    pub fn with_genome(mut self, genome: impl Into<String>) -> Self {
        self.genome = Some(genome.into());
        self
    }

    /// Sets whether only features of the type "Gene Expression" are kept, and antibodies, guides and the like left out.
    /// Default: yes, as in scanpy.
    #[must_use]
    pub fn with_gex_only(mut self, gex_only: bool) -> Self {
        self.gex_only = gex_only;
        self
    }

    /// Sets how the file is opened: limits, links.
    #[must_use]
    pub fn with_hdf5(mut self, hdf5: Hdf5Options) -> Self {
        self.hdf5 = hdf5;
        self
    }
}

/// Reads an HDF5 file of Cell Ranger, of any version, with its genes alone: scanpy's function of the same name.
///
/// `X` is a CSR matrix, of `f32` where the file has `i32`. Observations are named by their barcodes, variables by gene symbols,
/// which may stand twice ([`var_names_make_unique`](AnnData::var_names_make_unique)). `var` has `gene_ids`, `feature_types` and
/// whatever else the file says of its features; `probe_ids` if the features are probes; `obs` has `filtered_barcodes` if the file
/// has it.
///
/// # Errors
/// If the file cannot be read, or is no such file.
pub fn read_10x_h5(path: impl AsRef<Path>) -> Result<AnnData> {
    read_10x_h5_with(path, &Tenx5Options::default())
}

/// Reads an HDF5 file of Cell Ranger as the options say.
///
/// # Errors
/// As [`read_10x_h5`], and if the file has no such genome, or several and none is said.
pub fn read_10x_h5_with(path: impl AsRef<Path>, options: &Tenx5Options) -> Result<AnnData> {
    let path = path.as_ref();
    let root = Group::root(Arc::new(Hdf5Store::open(path, &options.hdf5)?));
    read(&root, options).map_err(|error| error.of_stored().in_file(path))
}

/// Whether a file looks like one of Cell Ranger.
pub(crate) fn is_10x(root: &Group) -> Result<bool> {
    if root.kind("matrix")? == Some(NodeKind::Group) {
        return Ok(["barcodes", "data", "indices", "indptr"]
            .iter()
            .all(|name| root.kind(&format!("matrix/{name}")).is_ok_and(|kind| kind == Some(NodeKind::Array))));
    }
    let genomes = root.children()?;
    Ok(!genomes.is_empty() && genomes.iter().all(|genome| is_genome(root, genome)))
}

/// Whether a group is the matrix of a genome, as Cell Ranger 2 has them.
fn is_genome(root: &Group, name: &str) -> bool {
    ["barcodes", "gene_names", "genes", "data", "indptr"]
        .iter()
        .all(|array| root.kind(&format!("{name}/{array}")).is_ok_and(|kind| kind == Some(NodeKind::Array)))
}

fn read(root: &Group, options: &Tenx5Options) -> Result<AnnData> {
    if root.kind("matrix")?.is_none() {
        return read_genome(root, options.genome.as_deref());
    }
    let mut adata = read_features(&root.group("matrix")?)?;
    if let Some(genome) = &options.genome {
        let known = adata.var().contains("genome");
        let all = adata.n_vars();
        if known {
            let wanted = with_value(&adata, "genome", genome)?;
            if wanted.n_vars() == 0 && all > 0 {
                let there = values_of(adata.var(), "genome")?;
                return Err(Error::not_found(format!("there is no genome '{genome}'; there are {there}")));
            }
            adata = wanted;
        } else {
            return Err(Error::not_found(format!("there is no genome '{genome}': the file names none")));
        }
    }
    if options.gex_only {
        adata = with_value(&adata, FEATURE_TYPES, GENE_EXPRESSION)?;
    }
    Ok(adata)
}

/// A matrix of features, as Cell Ranger has it since version 3.
fn read_features(group: &Group) -> Result<AnnData> {
    let features = group.group("features")?;
    let mut obs = DataFrame::with_index(texts(group, "barcodes")?);
    if group.contains("filtered_barcodes")? {
        let filtered = group.array("filtered_barcodes")?.read()?.cast(&DType::Bool)?;
        obs.insert("filtered_barcodes", Column::plain(&filtered)?)?;
    }
    let mut var = DataFrame::with_index(texts(&features, "name")?);
    if features.contains("gene_id")? {
        var.insert("gene_ids", texts(&features, "gene_id")?)?;
        var.insert("probe_ids", texts(&features, "id")?)?;
    } else {
        var.insert("gene_ids", texts(&features, "id")?)?;
    }
    var.insert(FEATURE_TYPES, texts(&features, "feature_type")?)?;
    let mut others = features.children()?;
    others.sort();
    for name in others.iter().filter(|name| !RENAMED.contains(&name.as_str())) {
        if features.kind(name)? != Some(NodeKind::Array) {
            continue;
        }
        let column = match features.array(name)?.dtype() {
            DType::Bool => Column::plain(&features.array(name)?.read()?)?,
            _ => texts(&features, name)?,
        };
        var.insert(name, column)?;
    }
    AnnData::builder().x(matrix(group)?).obs(obs).var(var).build()
}

/// The matrix of a genome, as Cell Ranger 2 has it.
fn read_genome(root: &Group, genome: Option<&str>) -> Result<AnnData> {
    let genomes = root.children()?;
    let listed = || format!("there are '{}'", genomes.join("', '"));
    let name = match (genome, genomes.as_slice()) {
        (Some(genome), _) if genomes.iter().any(|name| name == genome) => genome,
        (Some(genome), _) => return Err(Error::not_found(format!("there is no genome '{genome}'; {}", listed()))),
        (None, [only]) => only,
        (None, []) => return Err(Error::not_found("the file holds no matrix")),
        (None, _) => {
            return Err(Error::invalid_input(format!("the file has several genomes, say which: {}", listed())));
        }
    };
    if !is_genome(root, name) {
        let message = format!("it is not a file of Cell Ranger: '{name}' is not the group of a matrix");
        return Err(Error::invalid_data(message));
    }
    let group = root.group(name)?;
    let obs = DataFrame::with_index(texts(&group, "barcodes")?);
    let var = DataFrame::with_index(texts(&group, "gene_names")?).with_column("gene_ids", texts(&group, "genes")?)?;
    AnnData::builder().x(matrix(&group)?).obs(obs).var(var).build()
}

/// The matrix of a group: columns of the file are the rows of the result.
fn matrix(group: &Group) -> Result<SparseMatrix> {
    let shape = group.array("shape")?.read()?.cast(&DType::I64)?;
    let &[features, cells] = shape.as_slice::<i64>()? else {
        return Err(Error::invalid_data("it does not hold two numbers").at(&group.path_of("shape")));
    };
    let axis = |len: i64| {
        usize::try_from(len)
            .map_err(|_| Error::invalid_data(format!("an axis is of length {len}")).at(&group.path_of("shape")))
    };
    let (features, cells) = (axis(features)?, axis(cells)?);
    let data = group.array("data")?;
    let dtype = if data.dtype() == DType::I32 { DType::F32 } else { data.dtype() };
    let (values, indices, offsets) = (read_as(&data, &dtype)?, group.array("indices")?, group.array("indptr")?);
    let index = index_dtype(values.len(), cells, features);
    let (indices, offsets) = (read_as(&indices, &index)?, read_as(&offsets, &index)?);
    SparseMatrix::new(SparseFormat::Csr, (cells, features), values, indices, offsets)
        .map_err(|error| error.of_stored().at(group.path()))
}

/// The values of an array as another dtype, converted as they are read, so that they are not in memory twice.
fn read_as(array: &Array, dtype: &DType) -> Result<Tensor> {
    if array.dtype() == *dtype {
        return array.read();
    }
    match dtype {
        DType::F32 => convert::<f32>(array),
        DType::I32 => convert::<i32>(array),
        _ => array.read()?.cast(dtype),
    }
}

fn convert<T: Scalar>(array: &Array) -> Result<Tensor> {
    let &[len] = array.shape().as_slice() else {
        return Err(Error::invalid_data("it has not one dimension").at(array.path()));
    };
    let mut values: Vec<T> = Vec::new();
    let mut start = 0;
    while start < len {
        let end = len.min(start + BLOCK);
        let block = array.read_selection(&[AxisSelection::Range(start..end)])?.cast(&T::DTYPE)?;
        if start == 0 {
            // What was read says that the length is no lie.
            let len = usize::try_from(len).ok().or_bug("an array is longer than memory")?;
            let room = values.try_reserve_exact(len);
            room.map_err(|_| Error::limit_exceeded(format!("there is no memory for {len} values")).at(array.path()))?;
        }
        values.extend_from_slice(block.as_slice::<T>()?);
        start = end;
    }
    Tensor::from_vec([values.len()], values)
}

/// An array of text as a column; numbers become text as well.
fn texts(group: &Group, name: &str) -> Result<Column> {
    let array = group.array(name)?;
    let values = array.read()?;
    let column = match values.to_text() {
        Ok(texts) => Column::plain(&texts),
        Err(_) if !values.dtype().is_text() => Column::plain(&values)?.to_labels().map(Column::from),
        Err(error) => Err(error),
    };
    column.map_err(|error| error.of_stored().at(array.path()))
}
