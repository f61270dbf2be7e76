//! Views: parts of an object, made when they are asked for.

use std::collections::HashSet;

use anndata_storage::{AxisSelection, Result, Tensor};

use super::AnnData;
use crate::caches::Namespaces;
use crate::model::{Categories, ViewOf};
use crate::schema::{ColumnSchema, len_of};
use crate::{Column, DataFrame, Element, Lazy, LazySource, Mapping, Raw, Schema, Selector, Series};

/// How a part of an object is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "remove_unused_categories")]
pub struct SelectOptions {
    /// Whether categories that no selected row has are kept in `obs`, `var` and the frames of `obsm` and `varm`, and the
    /// colours of those of `obs` and `var` in `uns`.
    /// Default: no, as in Python.
    pub keep_unused_categories: bool,
}

impl SelectOptions {
    /// Sets whether categories that no selected row has are kept.
    #[must_use]
    pub fn with_keep_unused_categories(mut self, keep: bool) -> Self {
        self.keep_unused_categories = keep;
        self
    }
}

impl AnnData {
    /// A view of some observations and variables: an object whose elements are lazy parts of the elements of this one.
    ///
    /// It costs nothing until something of it is read, and then each time what is read: [`load`](Self::load) makes an
    /// object of its own, which Python calls `copy`. The view shares the values with the object that it was taken from
    /// and does not follow later changes of it; setting an element of the view makes that element its own. A view of a
    /// view is a view of the whole, with one selection per axis. Views of stored objects read no more than is selected.
    ///
    /// `raw` follows the observations and keeps its own variables. `uns` is shared as it is, except that colours of
    /// categories follow the categories (`louvain_colors` those of `louvain`). Categories of frames that no
    /// selected row has are dropped; [`select_with`](Self::select_with) can keep them.
    ///
    /// ```
    /// use anndata_core::{AnnData, DataFrame, Selector, Tensor};
    ///
    /// let adata = AnnData::builder()
    ///     .x(Tensor::from_vec([3, 2], vec![1, 2, 3, 4, 5, 6])?)
    ///     .obs(DataFrame::new(["a", "b", "c"]))
    ///     .build()?;
    /// let view = adata.select(["c", "a"], 1..)?;
    /// assert!(view.is_view());
    /// assert_eq!(view.x().unwrap().to_tensor()?.as_slice::<i32>()?, [6, 2]);
    /// assert_eq!(view.select(0, ..)?.obs_names()?, ["c"]);
    ///
    /// let own = view.load()?;
    /// assert!(!own.is_view());
    /// assert_eq!(own, view);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Selector::resolve`]; the error says for which axis.
    pub fn select(&self, obs: impl Into<Selector>, var: impl Into<Selector>) -> Result<Self> {
        self.select_with(obs, var, &SelectOptions::default())
    }

    /// Like [`select`](Self::select), with options.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn select_with(
        &self,
        obs: impl Into<Selector>,
        var: impl Into<Selector>,
        options: &SelectOptions,
    ) -> Result<Self> {
        let (obs, var) = self.resolve(&obs.into(), &var.into())?;
        self.view(&obs, &var, options)
    }

    /// Keeps only some observations and variables: the object becomes its part, loaded. Python's
    /// `_inplace_subset_obs` and `_inplace_subset_var`.
    ///
    /// Layers and `X` that are sparse matrices in memory, which nothing else holds, stay in their memory if the selection
    /// keeps the order of what it selects.
    ///
    /// # Errors
    /// As [`select`](Self::select), or if something cannot be read; the object stays as it was then.
    pub fn subset(&mut self, obs: impl Into<Selector>, var: impl Into<Selector>) -> Result<()> {
        let (obs, var) = self.resolve(&obs.into(), &var.into())?;
        let in_place = obs.keeps_order() && var.keeps_order();
        let taken = if in_place { self.layers.take_exclusive() } else { Vec::new() };
        match self.view(&obs, &var, &SelectOptions::default()).and_then(|part| part.load()) {
            Ok(part) => *self = part,
            Err(error) => {
                self.layers.put_back(taken);
                return Err(error);
            }
        }
        // All that is read has been.
        let selected = self.layers.selected(taken, &obs, &var)?;
        self.layers.put_back(selected);
        Ok(())
    }

    /// Whether this is a view of another object.
    #[doc(alias = "isview")]
    pub fn is_view(&self) -> bool {
        self.view.is_some()
    }

    /// Which observations and variables a view shows of the object that it was taken from.
    pub fn view_of(&self) -> Option<(&AxisSelection, &AxisSelection)> {
        self.view.as_ref().map(|view| (&view.obs, &view.var))
    }

    fn resolve(&self, obs: &Selector, var: &Selector) -> Result<(AxisSelection, AxisSelection)> {
        let obs = obs.resolve(&self.obs).map_err(|error| error.at("obs"))?;
        let var = var.resolve(&self.var).map_err(|error| error.at("var"))?;
        Ok((obs, var))
    }

    fn view(&self, obs: &AxisSelection, var: &AxisSelection, options: &SelectOptions) -> Result<Self> {
        let categories = if options.keep_unused_categories { Categories::Keep } else { Categories::DropUnused };
        let frames = (self.obs.view(obs, categories)?, self.var.view(var, categories)?);
        let mut uns = self.uns.clone();
        if categories == Categories::DropUnused {
            follow_categories(&mut uns, &self.obs, &frames.0);
            follow_categories(&mut uns, &self.var, &frames.1);
        }
        let view = match &self.view {
            Some(outer) => ViewOf { obs: outer.obs.select(obs), var: outer.var.select(var) },
            None => ViewOf { obs: obs.clone(), var: var.clone() },
        };
        Ok(Self {
            n_obs: len_of(obs)?,
            n_vars: len_of(var)?,
            obs: frames.0,
            var: frames.1,
            layers: self.layers.view(obs, var, categories)?,
            obsm: self.obsm.view(obs, var, categories)?,
            varm: self.varm.view(obs, var, categories)?,
            obsp: self.obsp.view(obs, var, categories)?,
            varp: self.varp.view(obs, var, categories)?,
            uns,
            raw: self.raw.as_ref().map(|raw| raw.view(obs, categories)).transpose()?,
            other: self.other.clone(),
            view: Some(view),
            namespaces: Namespaces::default(),
        })
    }
}

impl Raw {
    /// Returns the object with only some observations.
    fn view(&self, obs: &AxisSelection, categories: Categories) -> Result<Self> {
        let Some(x) = self.x() else { return Ok(self.clone()) };
        let x = x.view(std::slice::from_ref(obs), categories)?;
        self.clone().map_x(|_| Ok(x.clone()))
    }
}

/// Colours of categories (`uns['louvain_colors']`) become those of the categories that are left. Colours that are not
/// one per category mean nothing any more and are left out, as in Python.
pub(super) fn follow_categories(uns: &mut Mapping, all: &DataFrame, kept: &DataFrame) {
    for ((name, series), (_, part)) in all.columns().zip(kept.columns()) {
        let key = format!("{name}_colors");
        let Some(colors) = uns.get(&key) else { continue };
        // What is unknown of a column, because it cannot be opened, is reported where it is read.
        let Some(column) = series.schema().ok().flatten().filter(ColumnSchema::is_categorical) else { continue };
        let shape = colors.shape().ok().flatten();
        match (column.n_categories, shape.as_deref()) {
            (Some(categories), Some(&[len])) if len != categories => {
                uns.shift_remove(&key);
            }
            (_, Some([] | [_])) => {
                let colors = Colors { of_all: colors.clone(), all: series.clone(), kept: part.clone() };
                uns.insert(key, Element::Lazy(Lazy::new(colors)));
            }
            _ => {}
        }
    }
}

/// The colours of the categories that a part of a column keeps, out of those of all its categories.
#[derive(Debug)]
struct Colors {
    of_all: Element,
    all: Series,
    kept: Series,
}

impl LazySource for Colors {
    fn path(&self) -> &'static str {
        ""
    }

    fn schema(&self) -> Result<Schema> {
        // How many categories are left is known once the rows are.
        self.load()?.schema()
    }

    fn load(&self) -> Result<Element> {
        let colors = self.of_all.to_tensor()?;
        if colors.ndim() == 0 {
            return Ok(Element::Tensor(colors.reshape([1])?));
        }
        kept_colors(&colors, &self.all.load()?, &self.kept.load()?).map(Element::Tensor)
    }

    fn nbytes(&self, _with_stored: bool) -> usize {
        match &self.of_all {
            Element::Tensor(colors) => colors.nbytes(),
            _ => 0,
        }
    }
}

/// The colours of the categories that are kept. If there is not one for each category, all stay.
fn kept_colors(colors: &Tensor, all: &Column, kept: &Column) -> Result<Tensor> {
    let categories = |column: &Column| column.codes_and_categories()?.1.to_labels();
    let (all, kept) = (categories(all)?, HashSet::<String>::from_iter(categories(kept)?));
    if colors.shape().first() != Some(&all.len()) {
        return Ok(colors.clone());
    }
    let positions: Vec<u64> =
        (0_u64..).zip(&all).filter(|(_, category)| kept.contains(*category)).map(|(position, _)| position).collect();
    colors.take(0, &positions)
}
