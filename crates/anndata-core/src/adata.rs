//! [`AnnData`]: a matrix of observations x variables and annotations that stay aligned with it.

mod aligned;
mod assign;
mod build;
mod categories;
mod chunks;
mod display;
mod edit;
mod equality;
mod group;
mod matrix;
mod names;
mod paths;
mod size;
mod transpose;
mod vectors;
mod view;

use anndata_storage::{Error, Result};

use crate::caches::Namespaces;
use crate::element::load_mapping;
use crate::model::{Aligned, AlignedSlot};
use crate::{AnnData, DataFrame, Element, Layers, Mapping, Raw};
pub(crate) use aligned::Dimensions;
use aligned::dimensions;
pub use build::AnnDataBuilder;
pub use chunks::Chunks;
pub use equality::{Difference, Tolerance};
pub use group::{Aggregate, GroupBy};
pub use names::make_unique;
pub(crate) use names::warn_of_duplicates;
pub use size::MemorySize;
pub(crate) use size::nbytes;
pub use view::SelectOptions;

/// Equal values; whether one is a view does not matter.
impl PartialEq for AnnData {
    fn eq(&self, other: &Self) -> bool {
        (self.n_obs, self.n_vars) == (other.n_obs, other.n_vars)
            && self.obs == other.obs
            && self.var == other.var
            && self.layers == other.layers
            && self.obsm == other.obsm
            && self.varm == other.varm
            && self.obsp == other.obsp
            && self.varp == other.varp
            && self.uns == other.uns
            && self.raw == other.raw
            && self.other == other.other
    }
}

impl AnnData {
    /// A builder of an object, slot by slot.
    pub fn builder() -> AnnDataBuilder {
        AnnDataBuilder::default()
    }

    /// An object of a table of numbers: `X` from its columns, in the dtype that holds them all, and the names from its
    /// index and its columns, as Python's `AnnData(DataFrame)`.
    ///
    /// ```
    /// use anndata_core::{AnnData, DataFrame};
    ///
    /// let table = DataFrame::new(["c1", "c2"])
    ///     .with_column("CD4", vec![1_i32, 2])?
    ///     .with_column("CD8A", vec![0.5_f64, 1.5])?;
    /// let adata = AnnData::from_frame(&table)?;
    /// assert_eq!(adata.var_names()?, ["CD4", "CD8A"]);
    /// assert_eq!(adata.x().unwrap().to_tensor()?.as_slice::<f64>()?, [1.0, 0.5, 2.0, 1.5]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if a column is not of numbers, or has a missing value: keep it in `obs`.
    pub fn from_frame(frame: &DataFrame) -> Result<Self> {
        Self::builder().x(frame.clone()).build()
    }

    /// The number of observations and of variables.
    pub fn shape(&self) -> (usize, usize) {
        (self.n_obs, self.n_vars)
    }

    /// The number of observations (rows of `X`).
    pub fn n_obs(&self) -> usize {
        self.n_obs
    }

    /// The number of variables (columns of `X`).
    pub fn n_vars(&self) -> usize {
        self.n_vars
    }

    /// The data matrix.
    pub fn x(&self) -> Option<&Element> {
        self.layers.get(&None)
    }

    /// A layer; `None` is `X`.
    pub fn layer(&self, key: Option<&str>) -> Option<&Element> {
        self.layers.get(&key.map(str::to_owned))
    }

    /// All layers, `X` among them under `None`.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The observations: index and annotations.
    pub fn obs(&self) -> &DataFrame {
        &self.obs
    }

    /// The variables: index and annotations.
    pub fn var(&self) -> &DataFrame {
        &self.var
    }

    /// The names of the observations.
    ///
    /// # Errors
    /// If a lazy index cannot be read.
    pub fn obs_names(&self) -> Result<Vec<String>> {
        self.obs.names()
    }

    /// The names of the variables.
    ///
    /// # Errors
    /// If a lazy index cannot be read.
    pub fn var_names(&self) -> Result<Vec<String>> {
        self.var.names()
    }

    /// The slots that are mappings, by name: `obsm`, `varm`, `obsp`, `varp` and `uns`.
    pub fn mappings(&self) -> [(&'static str, &Mapping); 5] {
        [
            ("obsm", self.obsm()),
            ("varm", self.varm()),
            ("obsp", self.obsp()),
            ("varp", self.varp()),
            ("uns", self.uns()),
        ]
    }

    /// Arrays aligned to the observations.
    pub fn obsm(&self) -> &Mapping {
        &self.obsm
    }

    /// Arrays aligned to the variables.
    pub fn varm(&self) -> &Mapping {
        &self.varm
    }

    /// Square matrices over the observations.
    pub fn obsp(&self) -> &Mapping {
        &self.obsp
    }

    /// Square matrices over the variables.
    pub fn varp(&self) -> &Mapping {
        &self.varp
    }

    /// Unstructured annotations.
    pub fn uns(&self) -> &Mapping {
        &self.uns
    }

    /// The unstructured annotation at a path of keys with `/` between them, within mappings of mappings.
    ///
    /// ```
    /// use anndata_core::{AnnData, Element};
    ///
    /// let adata = AnnData::builder().uns("neighbors", Element::try_from(serde_json::json!({"params": {"k": 15}}))?).build()?;
    /// assert_eq!(adata.uns_at("neighbors/params/k")?.to_f64()?, 15.0);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    pub fn uns_at(&self, path: &str) -> Result<&Element> {
        let mut keys = path.split('/');
        let first = keys.next().and_then(|key| self.uns.get(key));
        let found = keys.try_fold(first, |element, key| match element? {
            Element::Mapping(mapping) => Some(mapping.get(key)),
            _ => None,
        });
        found.flatten().ok_or_else(|| Error::not_found(format!("there is no '{path}' in uns")))
    }

    /// Unstructured annotations, to be changed: they are aligned to nothing.
    pub fn uns_mut(&mut self) -> &mut Mapping {
        self.edited();
        &mut self.uns
    }

    /// The matrix before filtering.
    pub fn raw(&self) -> Option<&Raw> {
        self.raw.as_ref()
    }

    /// Elements that stand beside the slots in the store that the object was read from. They are written back.
    pub fn other(&self) -> &Mapping {
        &self.other
    }

    /// The object with everything in memory but `X`, layers and `raw.X`, which a function takes care of.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn load_annotations(&self, matrices: impl Fn(&Element) -> Element) -> Result<Self> {
        let layers = self.layers.map(|layer| Ok(matrices(layer)))?;
        let rest = Self { layers: Aligned::empty(AlignedSlot::Layers), raw: None, ..self.clone() }.load()?;
        let raw = self.raw.as_ref().map(|raw| raw.load_annotations(matrices)).transpose()?;
        Ok(Self { layers, raw, ..rest })
    }

    /// The object with everything in memory. What is read from another machine is under way at once.
    ///
    /// # Errors
    /// If something cannot be read, or a frame in `obsm` or `varm` turns out to be labelled otherwise than its axis.
    #[doc(alias = "copy")]
    pub fn load(&self) -> Result<Self> {
        let loaded = self.load_from_afar()?.as_ref().unwrap_or(self).load_slots()?;
        loaded.check_frame_labels()?;
        Ok(loaded)
    }

    /// Checks the labels of the frames in `obsm` and `varm`, which are read for it where they are lazy.
    ///
    /// # Errors
    /// If a frame has other labels than its axis, or an index cannot be read.
    pub fn check_frame_labels(&self) -> Result<()> {
        self.obsm.check_labels(&dimensions!(self))?;
        self.varm.check_labels(&dimensions!(self))
    }

    fn load_slots(&self) -> Result<Self> {
        Ok(Self {
            n_obs: self.n_obs,
            n_vars: self.n_vars,
            obs: self.obs.load()?,
            var: self.var.load()?,
            layers: self.layers.map(Element::load)?,
            obsm: self.obsm.map(Element::load)?,
            varm: self.varm.map(Element::load)?,
            obsp: self.obsp.map(Element::load)?,
            varp: self.varp.map(Element::load)?,
            uns: load_mapping(&self.uns)?,
            raw: self.raw.as_ref().map(Raw::load).transpose()?,
            other: load_mapping(&self.other)?,
            view: None,
            namespaces: Namespaces::default(),
        })
    }

    /// The namespaces of the object, made so far.
    pub(crate) fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// To be called by whatever changes the object: it is no longer a view, and namespaces are made anew.
    fn edited(&mut self) {
        self.view = None;
        self.namespaces = Namespaces::default();
    }
}
