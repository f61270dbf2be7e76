//! [`Raw`]: the matrix before filtering, with its own variables.

use anndata_storage::{AxisSelection, Error, OrBug, Result};

use crate::adata::Dimensions;
use crate::element::load_mapping;
use crate::model::{Aligned, AlignedSlot, Categories};
use crate::{AnnData, Column, DataFrame, Element, Mapping, Raw, Selector};

impl Raw {
    /// A raw matrix of shape (observations, rows of `var`), with its variables and their arrays.
    ///
    /// # Errors
    /// If the number of variables of `x` or of an array of `varm` is not that of `var`, or one of them has no axes.
    pub fn new(x: Option<Element>, var: DataFrame, varm: Mapping) -> Result<Self> {
        let n_vars = var.len()?;
        x.as_ref().map_or(Ok(()), |x| check_axes("raw.X", x))?;
        if let Some(shape) = x.as_ref().map(Element::shape).transpose()?.flatten()
            && shape.get(1) != Some(&n_vars)
        {
            return Err(Error::invalid_input(format!(
                "expected {n_vars} columns, as raw/var has rows, found shape {shape:?}"
            ))
            .at("raw/X"));
        }
        // The observations are those of the object.
        let axes = Dimensions { n_obs: 0, n_vars, obs: &var, var: &var };
        let varm = Aligned::stored(AlignedSlot::RawVarm, varm, &axes)?;
        Ok(Self { x, var, varm, other: Mapping::new() })
    }

    /// Returns the raw with elements beside the known ones.
    #[must_use]
    pub fn with_other(mut self, other: Mapping) -> Self {
        self.other = other;
        self
    }

    /// Returns the raw with its matrix changed by a function.
    ///
    /// # Errors
    /// If the function fails.
    pub fn map_x(mut self, change: impl Fn(Option<&Element>) -> Result<Element>) -> Result<Self> {
        self.x = Some(change(self.x.as_ref())?);
        Ok(self)
    }

    /// Everything in memory but the matrix, which a function takes care of.
    pub(crate) fn load_annotations(&self, x: impl Fn(&Element) -> Element) -> Result<Self> {
        let Some(matrix) = self.x() else { return self.load() };
        let matrix = x(matrix);
        self.clone().map_x(|_| Ok(Element::Null))?.load()?.map_x(|_| Ok(matrix.clone()))
    }

    /// The matrix.
    pub fn x(&self) -> Option<&Element> {
        self.x.as_ref()
    }

    /// The variables.
    pub fn var(&self) -> &DataFrame {
        &self.var
    }

    /// Arrays aligned to the variables.
    pub fn varm(&self) -> &Mapping {
        &self.varm
    }

    /// What the stored element holds beside the slots.
    pub fn other(&self) -> &Mapping {
        &self.other
    }

    /// The number of variables.
    ///
    /// # Errors
    /// If the metadata of a lazy index are malformed.
    pub fn n_vars(&self) -> Result<usize> {
        self.var.len()
    }

    /// The number of observations, known without loading; `None` if there is no matrix.
    ///
    /// # Errors
    /// If the metadata of a lazy matrix are malformed.
    pub fn n_obs(&self) -> Result<Option<usize>> {
        let shape = self.x.as_ref().map(Element::shape).transpose()?.flatten();
        Ok(shape.and_then(|shape| shape.first().copied()))
    }

    /// The number of observations and of variables; `None` if there is no matrix.
    ///
    /// # Errors
    /// If the metadata of a lazy matrix or index are malformed.
    pub fn shape(&self) -> Result<Option<(usize, usize)>> {
        let n_vars = self.n_vars()?;
        Ok(self.n_obs()?.map(|n_obs| (n_obs, n_vars)))
    }

    /// The names of the variables.
    ///
    /// # Errors
    /// If a lazy index cannot be read.
    pub fn var_names(&self) -> Result<Vec<String>> {
        self.var.names()
    }

    /// An annotation of the variables: a column of `var`. That of an observation is a row of the matrix.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such column, or if it cannot be read.
    pub fn var_vector(&self, key: &str) -> Result<Column> {
        self.var.column(key).map_err(|error| error.at("raw/var"))
    }

    /// Returns a copy with everything in memory.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn load(&self) -> Result<Self> {
        Ok(Self {
            x: self.x.as_ref().map(Element::load).transpose()?,
            var: self.var.load()?,
            varm: self.varm.map(Element::load)?,
            other: load_mapping(&self.other)?,
        })
    }

    /// Only some variables, in the order given: Python's `raw[:, var]`. Nothing is read; categories stay as they are.
    ///
    /// Observations are selected with the object: [`AnnData::select`].
    ///
    /// # Errors
    /// As [`Selector::resolve`].
    pub fn select_var(&self, var: impl Into<Selector>) -> Result<Self> {
        let var = var.into().resolve(&self.var).map_err(|error| error.at("raw/var"))?;
        let x = self.x.as_ref().map(|x| {
            let rows = x.shape()?.and_then(|shape| shape.first().copied()).or_bug("a matrix without rows")?;
            x.view(&[AxisSelection::Range(0..rows as u64), var.clone()], Categories::Keep)
        });
        Ok(Self {
            x: x.transpose()?,
            var: self.var.view(&var, Categories::Keep)?,
            varm: self.varm.view(&var, &var, Categories::Keep)?,
            other: self.other.clone(),
        })
    }
}

/// Refuses what has no axes, such as a mapping. Of an element of an unknown encoding they are not known.
fn check_axes(path: &str, element: &Element) -> Result<()> {
    match element {
        Element::Lazy(_) | Element::Opaque(_) | Element::Extension(_) => Ok(()),
        _ if element.shape()?.is_some() => Ok(()),
        _ => Err(Error::invalid_data(format!("{path} is {}, which has no axes", element.kind_name()))),
    }
}

/// The matrix, the variables and their arrays of an object, to be kept as the raw of one that is filtered.
impl From<&AnnData> for Raw {
    fn from(adata: &AnnData) -> Self {
        let varm = Aligned { slot: AlignedSlot::RawVarm, ..adata.varm.clone() };
        Self { x: adata.x().cloned(), var: adata.var().clone(), varm, other: Mapping::new() }
    }
}
