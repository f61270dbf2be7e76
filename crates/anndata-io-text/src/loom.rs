//! [Loom](https://linnarssonlab.org/loompy/format/) files: a dense matrix of genes x cells in HDF5, with attributes of both.

mod entities;
mod graphs;
mod place;
mod read;
mod write;

use std::path::Path;
use std::sync::Arc;

use anndata_core::AnnData;
use anndata_io_hdf5::{Hdf5Options, Hdf5Store};
use anndata_storage::{DType, Group, NodeKind, Result};

pub use write::{WriteLoomOptions, write_loom, write_loom_with};

/// How a loom file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoomOptions {
    /// Whether matrices become sparse.
    pub sparse: bool,
    /// The layer that is `X`, if the file has it.
    pub x_name: String,
    /// The column attribute that names the observations.
    pub obs_names: String,
    /// The row attribute that names the variables.
    pub var_names: String,
    /// The dtype of `X`.
    pub dtype: DType,
    /// Column attributes that become the columns of an array of `obsm`.
    pub obsm: Vec<(String, Vec<String>)>,
    /// Row attributes that become the columns of an array of `varm`.
    pub varm: Vec<(String, Vec<String>)>,
    /// Whether graphs become matrices of `obsp` and `varp`.
    pub obsp_varp: bool,
    /// Whether attributes of the file become elements of `uns`.
    pub uns: bool,
    /// How the file is opened.
    pub hdf5: Hdf5Options,
}

impl Default for LoomOptions {
    fn default() -> Self {
        Self {
            sparse: true,
            x_name: "spliced".to_owned(),
            obs_names: "CellID".to_owned(),
            var_names: "Gene".to_owned(),
            dtype: DType::F32,
            obsm: Vec::new(),
            varm: Vec::new(),
            obsp_varp: false,
            uns: false,
            hdf5: Hdf5Options::default(),
        }
    }
}

impl LoomOptions {
    /// Sets whether matrices become sparse. Default: yes.
    #[must_use]
    pub fn with_sparse(mut self, sparse: bool) -> Self {
        self.sparse = sparse;
        self
    }

    /// Sets the layer that is `X`; the main matrix is the layer `matrix` then. Default: `spliced`. If the file has no such
    /// layer, `X` is the main matrix.
    #[must_use]
    #[doc(alias = "X_name")]
    pub fn with_x_name(mut self, name: impl Into<String>) -> Self {
        self.x_name = name.into();
        self
    }

    /// Sets the column attribute that names the observations. Default: `CellID`. Without it they are "0", "1", ….
    #[must_use]
    pub fn with_obs_names(mut self, name: impl Into<String>) -> Self {
        self.obs_names = name.into();
        self
    }

    /// Sets the row attribute that names the variables. Default: `Gene`. Without it they are "0", "1", ….
    #[must_use]
    pub fn with_var_names(mut self, name: impl Into<String>) -> Self {
        self.var_names = name.into();
        self
    }

    /// Sets the dtype of `X`. Default: `f32`. Layers keep theirs.
    #[must_use]
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Makes an array of `obsm` of these column attributes, each a column of it.
    #[must_use]
    #[doc(alias = "obsm_mapping")]
    pub fn with_obsm<S: Into<String>>(mut self, key: impl Into<String>, names: impl IntoIterator<Item = S>) -> Self {
        self.obsm.push((key.into(), names.into_iter().map(Into::into).collect()));
        self
    }

    /// Makes an array of `varm` of these row attributes, each a column of it.
    #[must_use]
    #[doc(alias = "varm_mapping")]
    pub fn with_varm<S: Into<String>>(mut self, key: impl Into<String>, names: impl IntoIterator<Item = S>) -> Self {
        self.varm.push((key.into(), names.into_iter().map(Into::into).collect()));
        self
    }

    /// Sets whether graphs of the file become matrices of `obsp` and `varp`. Default: no, as in Python.
    #[must_use]
    pub fn with_obsp_varp(mut self, graphs: bool) -> Self {
        self.obsp_varp = graphs;
        self
    }

    /// Sets whether attributes of the file become elements of `uns`. Default: no, as in Python.
    #[must_use]
    pub fn with_uns(mut self, attributes: bool) -> Self {
        self.uns = attributes;
        self
    }

    /// Sets how the file is opened: limits, links.
    #[must_use]
    pub fn with_hdf5(mut self, hdf5: Hdf5Options) -> Self {
        self.hdf5 = hdf5;
        self
    }
}

/// Reads a loom file, transposed: its columns are observations. Attributes of one dimension become columns of `obs` and
/// `var`, others arrays of `obsm` and `varm`. As in Python graphs and attributes of the file itself are not read, if the options
/// do not ask for them.
///
/// # Errors
/// If the file cannot be read, has no matrix, or a layer or attribute does not fit the matrix.
pub fn read_loom(path: impl AsRef<Path>) -> Result<AnnData> {
    read_loom_with(path, &LoomOptions::default())
}

/// Reads a loom file as the options say.
///
/// # Errors
/// As [`read_loom`].
pub fn read_loom_with(path: impl AsRef<Path>, options: &LoomOptions) -> Result<AnnData> {
    let path = path.as_ref();
    let root = Group::root(Arc::new(Hdf5Store::open(path, &options.hdf5)?));
    read::read(&root, options).map_err(|error| error.of_stored().in_file(path))
}

/// Whether a file looks like one of loom.
pub(crate) fn is_loom(root: &Group) -> Result<bool> {
    Ok(root.kind("matrix")? == Some(NodeKind::Array)
        && root.kind("row_attrs")? == Some(NodeKind::Group)
        && root.kind("col_attrs")? == Some(NodeKind::Group))
}
