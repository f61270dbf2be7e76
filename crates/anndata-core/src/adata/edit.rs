//! Setting and removing slots, and the checks of alignment.

use anndata_storage::{Error, Result};

use super::AnnData;
use crate::{DataFrame, Element, Mapping, Raw, Series};

macro_rules! aligned {
    ($($slot:ident, $set:ident, $remove:ident, $axes:ident, $what:literal;)*) => {
        $(
            #[doc = concat!("Sets an element of `", stringify!($slot), "`, ", $what, ".")]
            ///
            /// # Errors
            /// Where its shape does not fit.
            pub fn $set(&mut self, key: impl Into<String>, element: impl Into<Element>) -> Result<()> {
                let (key, element) = (key.into(), element.into());
                self.check_aligned(stringify!($slot), &key, &element, Axes::$axes)?;
                Axes::$axes.check_dtype(stringify!($slot), &key, &element)?;
                self.$slot.insert(key, element);
                self.view = None;
                Ok(())
            }

            #[doc = concat!("Removes an element of `", stringify!($slot), "` and keeps the order of the others.")]
            pub fn $remove(&mut self, key: &str) -> Option<Element> {
                self.view = None;
                self.$slot.shift_remove(key)
            }
        )*
    };
}

/// What the leading axes of an element must be as long as.
#[derive(Clone, Copy)]
enum Axes {
    Obs,
    Var,
    ObsObs,
    VarVar,
    ObsVar,
}

impl Axes {
    /// A matrix, aligned along two axes, holds numbers. Lazy elements are taken as they are.
    fn check_dtype(self, slot: &str, key: &str, element: &Element) -> Result<()> {
        let is_matrix = matches!(self, Self::ObsObs | Self::VarVar | Self::ObsVar);
        match element {
            Element::Tensor(tensor) if is_matrix && !tensor.dtype().is_numeric() => {
                Err(Error::dtype(format!("{} holds values of type {}, not numbers", place(slot, key), tensor.dtype())))
            }
            _ => Ok(()),
        }
    }
}

/// A slot and key, as messages name them.
fn place(slot: &str, key: &str) -> String {
    if key.is_empty() { slot.to_owned() } else { format!("{slot}['{key}']") }
}

impl AnnData {
    aligned! {
        obsm, set_obsm, remove_obsm, Obs, "an array aligned to the observations";
        varm, set_varm, remove_varm, Var, "an array aligned to the variables";
        obsp, set_obsp, remove_obsp, ObsObs, "a square matrix over the observations";
        varp, set_varp, remove_varp, VarVar, "a square matrix over the variables";
    }

    /// Sets or removes the data matrix.
    ///
    /// # Errors
    /// Where its shape does not fit.
    pub fn set_x(&mut self, x: Option<Element>) -> Result<()> {
        if let Some(x) = x {
            return self.set_layer(None, x);
        }
        self.remove_layer(None);
        Ok(())
    }

    /// Sets a layer; `None` is `X`.
    ///
    /// # Errors
    /// Where its shape does not fit.
    pub fn set_layer(&mut self, key: Option<&str>, layer: impl Into<Element>) -> Result<()> {
        let layer = layer.into();
        match key {
            None => self.check_aligned("X", "", &layer, Axes::ObsVar)?,
            Some(key) => self.check_aligned("layers", key, &layer, Axes::ObsVar)?,
        }
        Axes::ObsVar.check_dtype(key.map_or("X", |_| "layers"), key.unwrap_or_default(), &layer)?;
        self.layers.insert(key.map(str::to_owned), layer);
        self.view = None;
        Ok(())
    }

    /// Removes a layer and keeps the order of the others; `None` is `X`.
    pub fn remove_layer(&mut self, key: Option<&str>) -> Option<Element> {
        self.view = None;
        self.layers.shift_remove(&key.map(str::to_owned))
    }

    /// Replaces the frame of the observations.
    ///
    /// # Errors
    /// Where it has not a row for each.
    pub fn set_obs(&mut self, obs: DataFrame) -> Result<()> {
        check_rows("obs", &obs, self.n_obs)?;
        self.obs = obs;
        self.view = None;
        Ok(())
    }

    /// Replaces the frame of the variables.
    ///
    /// # Errors
    /// Where it has not a row for each.
    pub fn set_var(&mut self, var: DataFrame) -> Result<()> {
        check_rows("var", &var, self.n_vars)?;
        self.var = var;
        self.view = None;
        Ok(())
    }

    /// Sets or removes the matrix before filtering.
    ///
    /// # Errors
    /// Where it has not a row for each observation.
    pub fn set_raw(&mut self, raw: Option<Raw>) -> Result<()> {
        if let Some(raw) = &raw {
            self.check_raw(raw)?;
        }
        self.raw = raw;
        self.view = None;
        Ok(())
    }

    /// Checks every slot.
    pub(super) fn check(&self) -> Result<()> {
        for (key, layer) in &self.layers {
            match key {
                None => self.check_aligned("X", "", layer, Axes::ObsVar)?,
                Some(key) => self.check_aligned("layers", key, layer, Axes::ObsVar)?,
            }
        }
        let slots: [(&str, &Mapping, Axes); 4] = [
            ("obsm", &self.obsm, Axes::Obs),
            ("varm", &self.varm, Axes::Var),
            ("obsp", &self.obsp, Axes::ObsObs),
            ("varp", &self.varp, Axes::VarVar),
        ];
        for (slot, elements, axes) in slots {
            for (key, element) in elements {
                self.check_aligned(slot, key, element, axes)?;
            }
        }
        self.raw.as_ref().map_or(Ok(()), |raw| self.check_raw(raw))
    }

    /// Checks that the matrices of all slots hold numbers.
    pub(super) fn check_dtypes(&self) -> Result<()> {
        for (key, layer) in &self.layers {
            let slot = key.as_ref().map_or("X", |_| "layers");
            Axes::ObsVar.check_dtype(slot, key.as_deref().unwrap_or_default(), layer)?;
        }
        for (slot, elements, axes) in [("obsp", &self.obsp, Axes::ObsObs), ("varp", &self.varp, Axes::VarVar)] {
            for (key, element) in elements {
                axes.check_dtype(slot, key, element)?;
            }
        }
        Ok(())
    }

    fn check_raw(&self, raw: &Raw) -> Result<()> {
        match raw.x().map(Element::shape).transpose()?.flatten() {
            Some(shape) if shape.first() != Some(&self.n_obs) => {
                Err(Error::invalid_data(format!("raw.X has shape {shape:?} but there are {} observations", self.n_obs)))
            }
            _ => Ok(()),
        }
    }

    fn check_aligned(&self, slot: &str, key: &str, element: &Element, axes: Axes) -> Result<()> {
        let (lengths, names, axis_frame): (&[usize], _, _) = match axes {
            Axes::Obs => (&[self.n_obs], "n_obs", Some(&self.obs)),
            Axes::Var => (&[self.n_vars], "n_vars", Some(&self.var)),
            Axes::ObsObs => (&[self.n_obs, self.n_obs], "n_obs, n_obs", None),
            Axes::VarVar => (&[self.n_vars, self.n_vars], "n_vars, n_vars", None),
            Axes::ObsVar => (&[self.n_obs, self.n_vars], "n_obs, n_vars", None),
        };
        let place = || place(slot, key);
        let shape = match element {
            // Kept as it is: nothing is known of its axes.
            Element::Opaque(_) | Element::Extension(_) => element.shape()?,
            _ => match element.shape()? {
                None if !matches!(element, Element::Lazy(_)) => {
                    return Err(Error::invalid_data(format!(
                        "{} is {}, which has no axes",
                        place(),
                        element.kind_name()
                    )));
                }
                shape => shape,
            },
        };
        if let Some(shape) = shape
            && !shape.starts_with(lengths)
        {
            return Err(Error::invalid_data(format!(
                "{} has shape {shape:?}, which does not begin with {lengths:?} ({names})",
                place()
            )));
        }
        match (element, axis_frame) {
            (Element::Frame(own), Some(labels)) => check_labels(&place(), own, labels),
            _ => Ok(()),
        }
    }
}

/// A frame in `obsm` or `varm` has the labels of its axis. Lazy indexes are not read for it.
fn check_labels(place: &str, frame: &DataFrame, axis: &DataFrame) -> Result<()> {
    let (Series::Loaded(own), Series::Loaded(labels)) = (frame.index(), axis.index()) else { return Ok(()) };
    if own == labels || own.to_strings()? == labels.to_strings()? {
        return Ok(());
    }
    Err(Error::invalid_data(format!("the index of {place} is not that of its axis")))
}

fn check_rows(slot: &str, frame: &DataFrame, expected: usize) -> Result<()> {
    let rows = frame.len()?;
    if rows == expected {
        return Ok(());
    }
    Err(Error::invalid_data(format!("{slot} has {rows} rows, but the shape says {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Tensor};

    fn zeros(shape: &[usize]) -> Tensor {
        Tensor::from_array(ndarray::ArrayD::<f32>::zeros(shape))
    }

    #[test]
    fn every_slot_is_checked_and_named() -> Result<()> {
        let mut adata = AnnData::builder().shape(2, 3).build()?;
        let cases: [(&str, Result<()>); 8] = [
            ("X has shape [3, 2]", adata.set_x(Some(zeros(&[3, 2]).into()))),
            ("layers['a']", adata.set_layer(Some("a"), zeros(&[2]))),
            ("obsm['m']", adata.set_obsm("m", zeros(&[3, 2]))),
            ("varm['m']", adata.set_varm("m", zeros(&[2, 3]))),
            ("obsp['p']", adata.set_obsp("p", zeros(&[2, 3]))),
            ("varp['p'] is mapping", adata.set_varp("p", Mapping::new())),
            ("obs has 1 rows", adata.set_obs(DataFrame::unnamed(1))),
            (
                "raw.X",
                adata.set_raw(Some(Raw::new(Some(zeros(&[9, 1]).into()), DataFrame::unnamed(1), Mapping::new())?)),
            ),
        ];
        for (expected, result) in cases {
            let message = result.map_or_else(|error| error.to_string(), |()| "accepted".to_owned());
            assert!(message.contains(expected), "{message} should say {expected}");
        }
        let texts = Tensor::from_strings([2, 3], ["a"; 6])?;
        for refused in [adata.set_x(Some(texts.clone().into())), adata.set_layer(Some("t"), texts.clone())] {
            assert!(refused.is_err_and(|error| error.is_dtype() && error.to_string().contains("not numbers")));
        }
        let refused = AnnData::builder().layer("t", texts.clone()).build();
        assert!(refused.is_err_and(|error| error.to_string().starts_with("layers['t'] holds values of type string")));
        adata.set_obsm("t", texts)?;
        adata.remove_obsm("t");
        adata.set_layer(Some("a"), zeros(&[2, 3]))?;
        adata.set_obsm("m", zeros(&[2, 9]))?;
        assert!(adata.remove_obsm("m").is_some() && adata.obsm().is_empty());
        Ok(())
    }

    #[test]
    fn frames_in_obsm_have_the_labels_of_obs() -> Result<()> {
        let mut adata = AnnData::builder().obs(DataFrame::new(["a", "b"])).build()?;
        assert!(adata.set_obsm("df", DataFrame::new(["a", "c"])).is_err());
        adata.set_obsm("df", DataFrame::new(["a", "b"]))?;
        Ok(())
    }

    #[test]
    fn labels_that_are_no_text_become_text() -> Result<()> {
        let obs = DataFrame::with_index(Column::from(vec![7_i64, 8]));
        assert_eq!(AnnData::builder().obs(obs).build()?.obs_names()?, ["7", "8"]);
        Ok(())
    }

    #[test]
    fn the_shape_comes_from_whatever_is_there() -> Result<()> {
        assert_eq!(AnnData::builder().layer("l", zeros(&[4, 5])).build()?.shape(), (4, 5));
        assert_eq!(AnnData::builder().obsm("m", zeros(&[4, 1])).varp("p", zeros(&[2, 2])).build()?.shape(), (4, 2));
        assert!(AnnData::builder().shape(1, 1).x(zeros(&[1, 2])).build().is_err());
        assert!(AnnData::builder().x(zeros(&[1])).build().is_err());
        Ok(())
    }
}
