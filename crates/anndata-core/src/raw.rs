//! [`Raw`]: the matrix before filtering, with its own variables.

use anndata_storage::{Error, Result};

use crate::element::load_mapping;
use crate::{DataFrame, Element, Mapping};

/// A matrix over the same observations but other (usually more) variables: what `adata.raw` is.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    x: Option<Element>,
    var: DataFrame,
    varm: Mapping,
    /// Groups beside the known ones, kept.
    other: Mapping,
}

impl Raw {
    /// A raw matrix of shape (observations, rows of `var`), with its variables and their arrays.
    ///
    /// # Errors
    /// Where the number of variables of `x` or of an array of `varm` is not that of `var`.
    pub fn new(x: Option<Element>, var: DataFrame, varm: Mapping) -> Result<Self> {
        let n_vars = var.len()?;
        if let Some(shape) = x.as_ref().map(Element::shape).transpose()?.flatten()
            && shape.get(1) != Some(&n_vars)
        {
            return Err(Error::invalid_data(format!("raw.X has shape {shape:?} but raw.var has {n_vars} rows")));
        }
        for (key, element) in &varm {
            if let Some(shape) = element.shape()?
                && shape.first() != Some(&n_vars)
            {
                return Err(Error::invalid_data(format!(
                    "raw.varm['{key}'] has shape {shape:?} but raw.var has {n_vars} rows"
                )));
            }
        }
        Ok(Self { x, var, varm, other: Mapping::new() })
    }

    /// The same with elements beside the known ones.
    #[must_use]
    pub(crate) fn with_other(mut self, other: Mapping) -> Self {
        self.other = other;
        self
    }

    /// The same with the matrix changed by a function.
    pub(crate) fn map_x(mut self, change: impl Fn(Option<&Element>) -> Result<Element>) -> Result<Self> {
        self.x = Some(change(self.x.as_ref())?);
        Ok(self)
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
    /// Where the metadata of a lazy index are malformed.
    pub fn n_vars(&self) -> Result<usize> {
        self.var.len()
    }

    /// The same with everything in memory.
    ///
    /// # Errors
    /// Where something cannot be read.
    pub fn load(&self) -> Result<Self> {
        Ok(Self {
            x: self.x.as_ref().map(Element::load).transpose()?,
            var: self.var.load()?,
            varm: load_mapping(&self.varm)?,
            other: load_mapping(&self.other)?,
        })
    }
}
