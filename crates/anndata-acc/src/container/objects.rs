//! [`Container`] for `AnnData` and its `raw`.

use std::sync::Arc;

use anndata_core::{AnnData, DataFrame, Element, Mapping, NameIndex, Raw, Result, Series};

use super::{Container, Slot};
use crate::Dim;

impl Container for AnnData {
    fn keys(&self, slot: &Slot) -> Option<Vec<String>> {
        Some(match slot {
            Slot::Layers => self.layers().keys().flatten().cloned().collect(),
            Slot::Frame(dim) => column_names(frame(self, dim)?),
            Slot::Multi(_) | Slot::Graphs(_) => mapping(self, slot)?.keys().cloned().collect(),
        })
    }

    fn element(&self, slot: &Slot, key: Option<&str>) -> Result<Option<Element>> {
        Ok(match (slot, key) {
            (Slot::Layers, key) => self.layer(key).cloned(),
            (Slot::Frame(dim), key) => frame(self, dim).and_then(|frame| of_frame(frame, key)),
            (slot, Some(key)) => mapping(self, slot).and_then(|mapping| mapping.get(key)).cloned(),
            (_, None) => None,
        })
    }

    fn names(&self, dim: &Dim) -> Result<Option<Arc<NameIndex>>> {
        frame(self, dim).map(DataFrame::name_index).transpose()
    }
}

/// `X`, `var` and `varm` before filtering.
impl Container for Raw {
    fn keys(&self, slot: &Slot) -> Option<Vec<String>> {
        match slot {
            Slot::Layers => Some(Vec::new()),
            Slot::Frame(Dim::Var) => Some(column_names(self.var())),
            Slot::Multi(Dim::Var) => Some(self.varm().keys().cloned().collect()),
            _ => None,
        }
    }

    fn element(&self, slot: &Slot, key: Option<&str>) -> Result<Option<Element>> {
        Ok(match (slot, key) {
            (Slot::Layers, None) => self.x().cloned(),
            (Slot::Frame(Dim::Var), key) => of_frame(self.var(), key),
            (Slot::Multi(Dim::Var), Some(key)) => self.varm().get(key).cloned(),
            _ => None,
        })
    }
}

fn frame<'a>(adata: &'a AnnData, dim: &Dim) -> Option<&'a DataFrame> {
    match dim {
        Dim::Obs => Some(adata.obs()),
        Dim::Var => Some(adata.var()),
        Dim::Other(_) => None,
    }
}

fn mapping<'a>(adata: &'a AnnData, slot: &Slot) -> Option<&'a Mapping> {
    match slot {
        Slot::Multi(Dim::Obs) => Some(adata.obsm()),
        Slot::Multi(Dim::Var) => Some(adata.varm()),
        Slot::Graphs(Dim::Obs) => Some(adata.obsp()),
        Slot::Graphs(Dim::Var) => Some(adata.varp()),
        _ => None,
    }
}

fn column_names(frame: &DataFrame) -> Vec<String> {
    frame.column_names().map(str::to_owned).collect()
}

/// A column of a frame, or the frame.
fn of_frame(frame: &DataFrame, key: Option<&str>) -> Option<Element> {
    let Some(key) = key else { return Some(frame.clone().into()) };
    frame.columns().find(|(name, _)| *name == key).map(|(_, column)| Series::to_element(column))
}
