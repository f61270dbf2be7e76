//! Lazy leaves of elements and objects: all of them loaded at once, without blocking or on threads that wait.

use anndata_storage::{OrBug as _, Result, on_waiting_threads};
use futures_util::future::try_join_all;
use rayon::prelude::*;

use crate::{AnnData, DataFrame, Element, Lazy, Mapping, Raw, Series};

/// What becomes of a lazy leaf.
type Change<'a> = dyn FnMut(&Lazy) -> Result<Element> + 'a;

impl Element {
    /// The async twin of [`load`](Self::load): works on any executor, and blocks none of its threads. Everything lazy in
    /// the element is under way at once.
    ///
    /// # Errors
    /// If something cannot be read.
    pub async fn load_async(&self) -> Result<Self> {
        load_all(self, Self::map_lazy).await?.load()
    }

    fn map_lazy(&self, change: &mut Change<'_>) -> Result<Self> {
        Ok(match self {
            Self::Lazy(lazy) => change(lazy)?,
            Self::Frame(frame) => Self::Frame(frame.map_lazy(change)?),
            Self::Mapping(mapping) => Self::Mapping(map_mapping(mapping, change)?),
            Self::AnnData(adata) => Self::AnnData(Box::new(adata.map_lazy(change)?)),
            Self::Raw(raw) => Self::Raw(Box::new(raw.map_lazy(change)?)),
            other => other.clone(),
        })
    }
}

impl AnnData {
    /// The async twin of [`load`](Self::load): works on any executor, and blocks none of its threads. Everything lazy in
    /// the object, which may be a selection, is under way at once.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_async(&self) -> Result<Self> {
        load_all(self, Self::map_lazy).await?.load()
    }

    /// The object with all lazy leaves loaded at once, on threads that wait, if one of them is read from another machine.
    pub(crate) fn load_from_afar(&self) -> Result<Option<Self>> {
        let leaves = leaves(self, Self::map_lazy)?;
        if !leaves.iter().any(Lazy::has_latency) {
            return Ok(None);
        }
        let loaded = on_waiting_threads(|| leaves.par_iter().map(Lazy::load).collect::<Result<_>>())??;
        put_back(self, Self::map_lazy, loaded).map(Some)
    }

    fn map_lazy(&self, change: &mut Change<'_>) -> Result<Self> {
        Ok(Self {
            layers: self.layers.map(|layer| layer.map_lazy(change))?,
            obs: self.obs.map_lazy(change)?,
            var: self.var.map_lazy(change)?,
            obsm: self.obsm.map(|element| element.map_lazy(change))?,
            varm: self.varm.map(|element| element.map_lazy(change))?,
            obsp: self.obsp.map(|element| element.map_lazy(change))?,
            varp: self.varp.map(|element| element.map_lazy(change))?,
            uns: map_mapping(&self.uns, change)?,
            raw: self.raw.as_ref().map(|raw| raw.map_lazy(change)).transpose()?,
            other: map_mapping(&self.other, change)?,
            ..self.clone()
        })
    }
}

impl Raw {
    fn map_lazy(&self, change: &mut Change<'_>) -> Result<Self> {
        Ok(Self {
            x: self.x.as_ref().map(|x| x.map_lazy(change)).transpose()?,
            var: self.var.map_lazy(change)?,
            varm: self.varm.map(|element| element.map_lazy(change))?,
            other: map_mapping(&self.other, change)?,
        })
    }
}

impl DataFrame {
    fn map_lazy(&self, change: &mut Change<'_>) -> Result<Self> {
        let mut series = |series: &Series| -> Result<Series> {
            match series {
                Series::Lazy(lazy) => match change(lazy)? {
                    Element::Lazy(same) => Ok(Series::Lazy(same)),
                    loaded => Ok(Series::Loaded(loaded.into_column().map_err(|error| lazy.locate(error))?)),
                },
                other => Ok(other.clone()),
            }
        };
        let index = series(&self.index)?;
        let columns = self.columns.iter().map(|(name, column)| Ok((name.clone(), series(column)?)));
        let columns = columns.collect::<Result<_>>()?;
        Ok(Self { index, columns, other: map_mapping(&self.other, change)?, ..self.clone() })
    }
}

fn map_mapping(mapping: &Mapping, change: &mut Change<'_>) -> Result<Mapping> {
    mapping.iter().map(|(key, element)| Ok((key.clone(), element.map_lazy(change)?))).collect()
}

/// What has lazy leaves, with all of them loaded: they are collected, awaited together, and put back in the same order.
async fn load_all<T>(whole: &T, map: impl Fn(&T, &mut Change<'_>) -> Result<T>) -> Result<T> {
    let loaded = try_join_all(leaves(whole, &map)?.iter().map(Lazy::load_async)).await?;
    put_back(whole, map, loaded)
}

fn leaves<T>(whole: &T, map: impl Fn(&T, &mut Change<'_>) -> Result<T>) -> Result<Vec<Lazy>> {
    let mut leaves = Vec::new();
    map(whole, &mut |lazy| {
        leaves.push(lazy.clone());
        Ok(Element::Lazy(lazy.clone()))
    })?;
    Ok(leaves)
}

fn put_back<T>(whole: &T, map: impl Fn(&T, &mut Change<'_>) -> Result<T>, loaded: Vec<Element>) -> Result<T> {
    let mut loaded = loaded.into_iter();
    map(whole, &mut |_| loaded.next().or_bug("fewer leaves than were collected"))
}
