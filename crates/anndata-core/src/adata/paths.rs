//! Elements of an object by their paths, as a store has them.

use anndata_storage::{Error, Result};

use super::AnnData;
use crate::{DataFrame, Element, Layers, Mapping, Series};

/// What the name of the index of a frame is in a path.
const INDEX: &str = "_index";

/// Elements by their paths in a store: `X`, `layers/counts`, `obs`, `obs/louvain`, `obs/_index`, `obsm/X_pca`, `uns/pca/params`,
/// `raw`, `raw/X`, or a slot as a whole, as `obsm`.
///
/// ```
/// use anndata_core::{AnnData, DataFrame, Element, Tensor};
///
/// let mut adata = AnnData::builder().shape(2, 3).obs(DataFrame::new(["a", "b"])).build()?;
/// adata.set_at("obs/n_genes", Tensor::from_vec([2], vec![200_i64, 300])?)?;
/// adata.set_at("uns/pca/params/n_comps", 50)?;
/// assert_eq!(adata.at("uns/pca/params/n_comps")?.to_f64()?, 50.0);
/// assert!(adata.set_at("obsm/X_pca", Tensor::from_vec([3, 1], vec![0.0; 3])?).is_err());
/// let n_genes = adata.remove_at("obs/n_genes")?.into_column()?;
/// assert_eq!(n_genes.to_vec::<i64>()?, [200, 300]);
/// assert!(adata.at("obs/n_genes").unwrap_err().is_not_found());
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl AnnData {
    /// The element at a path; what is stored is not read for it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    pub fn at(&self, path: &str) -> Result<Element> {
        let mapping = |mapping: &Mapping, key| match key {
            None => Some(Element::Mapping(mapping.clone())),
            Some(key) => mapping.get(key).cloned(),
        };
        let found = match split(path) {
            ("X", None) => self.x().cloned(),
            ("layers", None) => {
                let named = self.layers().iter().filter_map(|(key, layer)| Some((key.clone()?, layer.clone())));
                Some(Element::Mapping(named.collect()))
            }
            ("layers", Some(key)) => self.layer(Some(key)).cloned(),
            ("obs", key) => in_frame(self.obs(), key),
            ("var", key) => in_frame(self.var(), key),
            ("obsm", key) => mapping(self.obsm(), key),
            ("varm", key) => mapping(self.varm(), key),
            ("obsp", key) => mapping(self.obsp(), key),
            ("varp", key) => mapping(self.varp(), key),
            ("uns", Some(path)) => self.uns_at(path).ok().cloned(),
            ("uns", None) => mapping(self.uns(), None),
            ("raw", key) => self.raw().and_then(|raw| match key.map(split) {
                None => Some(Element::Raw(Box::new(raw.clone()))),
                Some(("X", None)) => raw.x().cloned(),
                Some(("var", key)) => in_frame(raw.var(), key),
                Some(("varm", key)) => mapping(raw.varm(), key),
                Some(_) => None,
            }),
            (key, None) => self.other().get(key).cloned(),
            _ => None,
        };
        found.ok_or_else(|| no_element(path))
    }

    /// Sets the element at a path, in the place of the one that is there. Mappings on the way to one of `uns` are made.
    ///
    /// # Errors
    /// If its shape or kind does not fit, the path is that of no slot, or `raw` is not set as a whole.
    pub fn set_at(&mut self, path: &str, element: impl Into<Element>) -> Result<()> {
        let element = element.into();
        let mapping = |element: Element| match element.load()? {
            Element::Mapping(mapping) => Ok(mapping),
            other => Err(other.is_not("a mapping").at(path)),
        };
        match split(path) {
            ("X", None) => self.set_x(element),
            ("layers", None) => {
                let mut layers: Layers = mapping(element)?.into_iter().map(|(key, layer)| (Some(key), layer)).collect();
                layers.extend(self.x().map(|x| (None, x.clone())));
                self.set_all_layers(layers)
            }
            ("layers", Some(key)) => self.set_layer(Some(key), element),
            ("obs", None) => self.set_obs(frame(&element, path)?),
            ("var", None) => self.set_var(frame(&element, path)?),
            ("obs", Some(INDEX)) => {
                let names = element.into_column().and_then(|names| names.to_labels());
                self.set_obs_names(names.map_err(|error| error.at(path))?)
            }
            ("var", Some(INDEX)) => {
                let names = element.into_column().and_then(|names| names.to_labels());
                self.set_var_names(names.map_err(|error| error.at(path))?)
            }
            ("obs", Some(key)) => self.set_obs_column(key, series(element, path)?),
            ("var", Some(key)) => self.set_var_column(key, series(element, path)?),
            ("obsm", None) => self.set_all_obsm(mapping(element)?),
            ("varm", None) => self.set_all_varm(mapping(element)?),
            ("obsp", None) => self.set_all_obsp(mapping(element)?),
            ("varp", None) => self.set_all_varp(mapping(element)?),
            ("obsm", Some(key)) => self.set_obsm(key, element),
            ("varm", Some(key)) => self.set_varm(key, element),
            ("obsp", Some(key)) => self.set_obsp(key, element),
            ("varp", Some(key)) => self.set_varp(key, element),
            ("uns", None) => {
                self.set_all_uns(mapping(element)?);
                Ok(())
            }
            ("uns", Some(keys)) => set_within(self.uns_mut(), keys, element).map_err(|error| error.at(path)),
            ("raw", None) => match element {
                Element::Raw(raw) => self.set_raw(*raw),
                other => Err(other.is_not("a raw").at(path)),
            },
            ("raw", Some(_)) => Err(Error::unsupported("the raw is set as a whole").at(path)),
            _ => Err(no_slot(path)),
        }
    }

    /// Takes the element at a path out of the object. Of a slot as a whole, all that is in it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none; [`Unsupported`](crate::ErrorKind::Unsupported) for what an
    /// object has to have, as `obs` and its index, and for parts of `raw`.
    pub fn remove_at(&mut self, path: &str) -> Result<Element> {
        let has_to_be = || Error::unsupported("an object has to have it: it can be replaced").at(path);
        let column = |series: Option<Series>| series.map(|series| series.to_element());
        let removed = match split(path) {
            ("X", None) => self.remove_x(),
            ("obs" | "var", None | Some(INDEX)) => return Err(has_to_be()),
            ("obs", Some(key)) => column(self.remove_obs_column(key)),
            ("var", Some(key)) => column(self.remove_var_column(key)),
            ("layers", Some(key)) => self.remove_layer(Some(key)),
            ("obsm", Some(key)) => self.remove_obsm(key),
            ("varm", Some(key)) => self.remove_varm(key),
            ("obsp", Some(key)) => self.remove_obsp(key),
            ("varp", Some(key)) => self.remove_varp(key),
            ("layers" | "obsm" | "varm" | "obsp" | "varp" | "uns", None) => {
                let all = self.at(path)?;
                self.set_at(path, Mapping::new())?;
                Some(all)
            }
            ("uns", Some(keys)) => remove_within(self.uns_mut(), keys),
            ("raw", None) => self.remove_raw().map(|raw| Element::Raw(Box::new(raw))),
            ("raw", Some(_)) => return Err(Error::unsupported("the raw is removed as a whole").at(path)),
            _ => return Err(no_slot(path)),
        };
        removed.ok_or_else(|| no_element(path))
    }
}

/// The slot of a path, and the rest.
fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(slot, key)| (slot, Some(key)))
}

fn no_element(path: &str) -> Error {
    Error::not_found("there is no such element").at(path)
}

fn no_slot(path: &str) -> Error {
    let slots = "X, layers, obs, var, obsm, varm, obsp, varp, uns and raw";
    Error::invalid_input(format!("it is in no slot: these are {slots}")).at(path)
}

fn in_frame(frame: &DataFrame, key: Option<&str>) -> Option<Element> {
    match key {
        None => Some(Element::Frame(frame.clone())),
        Some(INDEX) => Some(frame.index().to_element()),
        Some(key) => frame.series(key).map(Series::to_element),
    }
}

fn frame(element: &Element, path: &str) -> Result<DataFrame> {
    match element.load()? {
        Element::Frame(frame) => Ok(frame),
        other => Err(other.is_not("a data frame").at(path)),
    }
}

/// An element as a column; one that was not read yet stays so.
fn series(element: Element, path: &str) -> Result<Series> {
    match element {
        Element::Lazy(lazy) if lazy.schema()?.as_column().is_some() => Ok(Series::Lazy(lazy)),
        Element::Opaque(opaque) => Ok(Series::Opaque(opaque)),
        element => element.into_column().map(Series::Loaded).map_err(|error| error.at(path)),
    }
}

fn set_within(mapping: &mut Mapping, keys: &str, element: Element) -> Result<()> {
    match split(keys) {
        (key, None) => {
            mapping.insert(key.to_owned(), element);
            Ok(())
        }
        (key, Some(rest)) => match mapping.entry(key.to_owned()).or_insert_with(|| Element::Mapping(Mapping::new())) {
            Element::Mapping(inner) => set_within(inner, rest, element),
            other => Err(Error::invalid_input(format!("'{key}' is {}, not a mapping", other.kind_name()))),
        },
    }
}

fn remove_within(mapping: &mut Mapping, keys: &str) -> Option<Element> {
    match split(keys) {
        (key, None) => mapping.shift_remove(key),
        (key, Some(rest)) => match mapping.get_mut(key)? {
            Element::Mapping(inner) => remove_within(inner, rest),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Raw, Tensor};

    fn adata() -> Result<AnnData> {
        let x = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?;
        let mut adata = AnnData::builder()
            .x(x.clone())
            .layer("counts", x)
            .obs(DataFrame::new(["a", "b"]).with_column("n", vec![1_i64, 2])?)
            .obsm("m", Tensor::from_vec([2, 1], vec![1, 2])?)
            .varp("p", Tensor::from_vec([3, 3], vec![0_u8; 9])?)
            .uns("tool", Element::try_from(serde_json::json!({"params": {"k": 15}, "name": "x"}))?)
            .build()?;
        adata.set_raw(Raw::from(&adata))?;
        Ok(adata)
    }

    #[test]
    fn what_is_at_a_path_can_be_set_there_again() -> Result<()> {
        let adata = adata()?;
        for path in [
            "X",
            "layers",
            "layers/counts",
            "obs",
            "obs/n",
            "obs/_index",
            "var",
            "var/_index",
            "obsm",
            "obsm/m",
            "varp/p",
            "uns",
            "uns/tool",
            "uns/tool/params/k",
            "raw",
        ] {
            let mut other = adata.clone();
            other.set_at(path, adata.at(path)?).map_err(|error| error.at(path))?;
            assert_eq!(other, adata, "{path}");
        }
        for path in ["raw/X", "raw/var", "raw/var/_index", "raw/varm"] {
            assert!(adata.at(path).is_ok(), "{path}");
            assert!(adata.clone().set_at(path, 1).unwrap_err().to_string().contains("as a whole"), "{path}");
        }
        Ok(())
    }

    #[test]
    fn what_is_removed_is_gone() -> Result<()> {
        for path in [
            "X",
            "layers/counts",
            "obs/n",
            "obsm/m",
            "varp/p",
            "uns/tool/params/k",
            "uns/tool/params",
            "uns/tool",
            "raw",
        ] {
            let mut adata = adata()?;
            let (before, removed) = (adata.at(path)?, adata.remove_at(path)?);
            assert_eq!(before.schema()?, removed.schema()?, "{path}");
            assert!(adata.at(path).unwrap_err().is_not_found(), "{path}");
            assert!(adata.remove_at(path).unwrap_err().is_not_found(), "{path}");
        }
        let mut adata = adata()?;
        for slot in ["layers", "obsm", "uns"] {
            adata.remove_at(slot)?;
            assert!(adata.at(slot)?.as_mapping()?.is_empty(), "{slot}");
        }
        assert!(adata.x().is_some());
        for path in ["obs", "var/_index"] {
            assert!(adata.remove_at(path).unwrap_err().to_string().contains("has to have it"), "{path}");
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_path() -> Result<()> {
        let mut adata = adata()?;
        let three = || Tensor::from_vec([3], vec![1, 2, 3]);
        for (path, element, said) in [
            ("obs/m", three()?, "obs"),
            ("obsm/m", three()?, "obsm/m"),
            ("X", three()?, "X"),
            ("obs", three()?, "a data frame"),
            ("uns", three()?, "a mapping"),
            ("raw", three()?, "a raw"),
            ("uns/tool/name/k", three()?, "'name' is"),
            ("nope/a", three()?, "in no slot"),
            ("x", three()?, "in no slot"),
        ] {
            let error = adata.set_at(path, element).unwrap_err().to_string();
            assert!(error.contains(said), "{path}: {error}");
        }
        Ok(())
    }
}
