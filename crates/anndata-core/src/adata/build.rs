//! Building an [`AnnData`]: slots in any order, checked together at the end.

use anndata_storage::{Error, Result};

use super::aligned::Dimensions;
use super::names::{warn_of_duplicates, with_text_labels};
use super::{AnnData, Layers};
use crate::caches::Namespaces;
use crate::model::{Aligned, AlignedSlot};
use crate::{DataFrame, Element, Mapping, Raw};

/// Collects the slots of an [`AnnData`]. Made by [`AnnData::builder`].
///
/// The shape is that of `X`; without `X` it is taken from `obs` and `var`, or from the arrays, or is said with
/// [`shape`](Self::shape). Missing frames are labelled "0", "1", ....
#[derive(Debug, Default)]
#[must_use]
pub struct AnnDataBuilder {
    shape: Option<(usize, usize)>,
    obs: Option<DataFrame>,
    var: Option<DataFrame>,
    layers: Layers,
    obsm: Mapping,
    varm: Mapping,
    obsp: Mapping,
    varp: Mapping,
    uns: Mapping,
    raw: Option<Raw>,
    other: Mapping,
    stored: bool,
}

macro_rules! slots {
    ($($(#[$doc:meta])* $one:ident, $all:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $one(mut self, key: impl Into<String>, element: impl Into<Element>) -> Self {
                self.$one.insert(key.into(), element.into());
                self
            }

            #[doc = concat!("All of [`", stringify!($one), "`](Self::", stringify!($one), ").")]
            pub fn $all(mut self, elements: Mapping) -> Self {
                self.$one = elements;
                self
            }
        )*
    };
}

impl AnnDataBuilder {
    /// The number of observations and variables, if there is no `X` that has it.
    pub fn shape(mut self, n_obs: usize, n_vars: usize) -> Self {
        self.shape = Some((n_obs, n_vars));
        self
    }

    /// The data matrix. A data frame gives its index and columns as names, where no others are given, and becomes an
    /// array; so do data frames as layers, in `obsp` and in `varp`, without giving names.
    pub fn x(mut self, x: impl Into<Element>) -> Self {
        self.layers.insert(None, x.into());
        self
    }

    /// A layer.
    pub fn layer(mut self, key: impl Into<String>, layer: impl Into<Element>) -> Self {
        self.layers.insert(Some(key.into()), layer.into());
        self
    }

    /// All layers; `X` is under `None`, and stays where they bring none.
    pub fn all_layers(mut self, layers: Layers) -> Self {
        let x = self.layers.shift_remove(&None);
        self.layers = layers;
        if let (Some(x), None) = (x, self.layers.get(&None)) {
            self.layers.shift_insert(0, None, x);
        }
        self
    }

    /// The observations.
    pub fn obs(mut self, obs: DataFrame) -> Self {
        self.obs = Some(obs);
        self
    }

    /// The variables.
    pub fn var(mut self, var: DataFrame) -> Self {
        self.var = Some(var);
        self
    }

    slots! {
        /// An array aligned to the observations.
        obsm, all_obsm;
        /// An array aligned to the variables.
        varm, all_varm;
        /// A square matrix over the observations.
        obsp, all_obsp;
        /// A square matrix over the variables.
        varp, all_varp;
        /// An unstructured annotation.
        uns, all_uns;
        /// An element beside the slots, kept and written back.
        other, all_other;
    }

    /// The matrix before filtering.
    pub fn raw(mut self, raw: impl Into<Option<Raw>>) -> Self {
        self.raw = raw.into();
        self
    }

    /// Takes elements as a store may hold them: matrices of any dtype, arrays of one dimension in `obsm`.
    pub fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    /// The object.
    ///
    /// Arrays of one dimension in `obsm` and `varm` become columns. Names that stand twice are allowed; a warning is
    /// given as a `tracing` event.
    ///
    /// # Errors
    /// If a slot does not fit the shape, or a matrix holds no numbers; the error names the slot and key.
    pub fn build(mut self) -> Result<AnnData> {
        self.take_names_of_x();
        let (n_obs, n_vars) = self.infer_shape()?;
        let said_by = if self.layers.contains_key(&None) { "X" } else { "the shape" };
        let obs = named(self.obs, n_obs, "obs", said_by)?;
        let var = named(self.var, n_vars, "var", said_by)?;
        let axes = Dimensions { n_obs, n_vars, obs: &obs, var: &var };
        let aligned = if self.stored { Aligned::stored } else { Aligned::new };
        let layers = if self.stored { Aligned::stored } else { Aligned::new };
        let mut adata = AnnData {
            n_obs,
            n_vars,
            layers: layers(AlignedSlot::Layers, self.layers, &axes)?,
            obsm: aligned(AlignedSlot::Obsm, self.obsm, &axes)?,
            varm: aligned(AlignedSlot::Varm, self.varm, &axes)?,
            obsp: aligned(AlignedSlot::Obsp, self.obsp, &axes)?,
            varp: aligned(AlignedSlot::Varp, self.varp, &axes)?,
            obs,
            var,
            uns: self.uns,
            raw: None,
            other: self.other,
            view: None,
            namespaces: Namespaces::default(),
        };
        if let Some(raw) = self.raw {
            adata.set_raw(raw)?;
        }
        warn_of_duplicates("obs", &adata.obs);
        warn_of_duplicates("var", &adata.var);
        Ok(adata)
    }

    /// The names of a data frame that is given as `X` are those of the object, unless others were given.
    fn take_names_of_x(&mut self) {
        if let Some(Element::Frame(x)) = self.layers.get(&None).filter(|_| !self.stored) {
            self.obs.get_or_insert_with(|| x.without_columns());
            self.var.get_or_insert_with(|| DataFrame::new(x.column_names()));
        }
    }

    fn infer_shape(&self) -> Result<(usize, usize)> {
        if let Some(x) = self.layers.get(&None)
            && let Some(shape) = x.shape()?
        {
            let [n_obs, n_vars, ..] = *shape.as_slice() else {
                return Err(
                    Error::invalid_input(format!("expected a matrix with two axes, found shape {shape:?}")).at("X")
                );
            };
            return match self.shape {
                Some(said) if said != (n_obs, n_vars) => Err(Error::invalid_input(format!(
                    "expected the shape {said:?} that was given for the object, found {shape:?}"
                ))
                .at("X")),
                _ => Ok((n_obs, n_vars)),
            };
        }
        if let Some(shape) = self.shape {
            return Ok(shape);
        }
        let first = |elements: &Mapping| axis_of(elements.values(), 0);
        let n_obs = match &self.obs {
            Some(obs) => Some(obs.len()?),
            None => axis_of(self.layers.values(), 0)?.or(first(&self.obsm)?).or(first(&self.obsp)?),
        };
        let n_vars = match &self.var {
            Some(var) => Some(var.len()?),
            None => axis_of(self.layers.values(), 1)?.or(first(&self.varm)?).or(first(&self.varp)?),
        };
        Ok((n_obs.unwrap_or(0), n_vars.unwrap_or(0)))
    }
}

/// The length of an axis of the first element that has it.
fn axis_of<'a>(elements: impl Iterator<Item = &'a Element>, axis: usize) -> Result<Option<usize>> {
    for element in elements {
        if let Some(len) = element.shape()?.and_then(|shape| shape.get(axis).copied()) {
            return Ok(Some(len));
        }
    }
    Ok(None)
}

/// The frame of an axis, made where it is missing; labels that are not text become text.
fn named(frame: Option<DataFrame>, len: usize, slot: &str, said_by: &str) -> Result<DataFrame> {
    let Some(frame) = frame else { return Ok(DataFrame::unnamed(len)) };
    let rows = frame.len()?;
    if rows != len {
        return Err(Error::invalid_input(format!("expected {len} rows, as {said_by} has, found {rows}")).at(slot));
    }
    with_text_labels(frame)
}
