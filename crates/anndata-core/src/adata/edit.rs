//! Setting, removing and renaming what slots hold.
//!
//! Every edit makes an object of a view. What is refused leaves the object as it was.

use anndata_storage::{Error, Result};

use super::aligned::{dimensions, rename};
use super::names::{warn_of_duplicates, with_text_labels};
use super::{AnnData, Layers};
use crate::{DataFrame, Element, Mapping, Raw, Series};

macro_rules! aligned {
    ($($slot:ident, $set:ident, $set_all:ident, $remove:ident, $rename:ident, $what:literal;)*) => {
        $(
            #[doc = concat!("Sets an element of `", stringify!($slot), "`, ", $what, ".")]
            ///
            /// # Errors
            /// If its shape does not fit.
            pub fn $set(&mut self, key: impl Into<String>, element: impl Into<Element>) -> Result<()> {
                self.$slot.insert(key.into(), element.into(), &dimensions!(self))?;
                self.edited();
                Ok(())
            }

            #[doc = concat!("Replaces all of `", stringify!($slot), "`.")]
            ///
            /// # Errors
            /// If the shape of an element does not fit.
            pub fn $set_all(&mut self, elements: Mapping) -> Result<()> {
                self.$slot.replace(elements, &dimensions!(self))?;
                self.edited();
                Ok(())
            }

            #[doc = concat!("Removes an element of `", stringify!($slot), "` and keeps the order of the others.")]
            pub fn $remove(&mut self, key: &str) -> Option<Element> {
                let removed = self.$slot.remove(&key.to_owned())?;
                self.edited();
                Some(removed)
            }

            #[doc = concat!("Renames an element of `", stringify!($slot), "`; it stays where it is among the others.")]
            ///
            /// # Errors
            /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or
            /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if another one has the new name.
            pub fn $rename(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
                self.$slot.rename(&from.to_owned(), to.into())?;
                self.edited();
                Ok(())
            }
        )*
    };
}

/// The frame of an axis, and its columns.
macro_rules! frames {
    ($(
        $axis:ident, $aligned:ident, $len:ident, $set:ident, $clear:ident,
        $set_column:ident, $remove_column:ident, $rename_column:ident, $what:literal;
    )*) => {
        $(
            #[doc = concat!("Replaces the frame of the ", $what, ", names included.")]
            ///
            #[doc = concat!("Labels that are not text become text. Frames in `", stringify!($aligned), "` get the labels.")]
            ///
            /// # Errors
            /// If it does not have one row for each.
            pub fn $set(&mut self, frame: DataFrame) -> Result<()> {
                check_rows(stringify!($axis), &frame, self.$len)?;
                let frame = with_text_labels(frame)?;
                let aligned = self.$aligned.relabelled(&frame)?;
                (self.$axis, self.$aligned) = (frame, aligned);
                warn_of_duplicates(stringify!($axis), &self.$axis);
                self.edited();
                Ok(())
            }

            #[doc = concat!("Removes all annotations of the ", $what, "; the names stay.")]
            pub fn $clear(&mut self) {
                self.$axis = self.$axis.without_columns();
                self.edited();
            }

            #[doc = concat!("Adds an annotation of the ", $what, " at the end, or replaces the one of that name.")]
            ///
            /// # Errors
            /// If it does not have one value for each.
            pub fn $set_column(&mut self, name: impl Into<String>, column: impl Into<Series>) -> Result<()> {
                self.$axis.insert(name, column).map_err(|error| error.at(stringify!($axis)))?;
                self.edited();
                Ok(())
            }

            #[doc = concat!("Removes an annotation of the ", $what, " and keeps the order of the others.")]
            pub fn $remove_column(&mut self, name: &str) -> Option<Series> {
                let removed = self.$axis.remove(name)?;
                self.edited();
                Some(removed)
            }

            #[doc = concat!("Renames an annotation of the ", $what, "; it stays where it is among the others.")]
            ///
            /// # Errors
            /// As [`DataFrame::rename`].
            pub fn $rename_column(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
                self.$axis.rename(from, to).map_err(|error| error.at(stringify!($axis)))?;
                self.edited();
                Ok(())
            }
        )*
    };
}

impl AnnData {
    aligned! {
        obsm, set_obsm, set_all_obsm, remove_obsm, rename_obsm, "an array aligned to the observations";
        varm, set_varm, set_all_varm, remove_varm, rename_varm, "an array aligned to the variables";
        obsp, set_obsp, set_all_obsp, remove_obsp, rename_obsp, "a square matrix over the observations";
        varp, set_varp, set_all_varp, remove_varp, rename_varp, "a square matrix over the variables";
    }

    frames! {
        obs, obsm, n_obs, set_obs, clear_obs, set_obs_column, remove_obs_column, rename_obs_column, "observations";
        var, varm, n_vars, set_var, clear_var, set_var_column, remove_var_column, rename_var_column, "variables";
    }

    /// Sets the data matrix. A data frame becomes an array.
    ///
    /// # Errors
    /// If its shape does not fit; of a data frame, if its labels are not those of the object, or a column holds no
    /// numbers.
    pub fn set_x(&mut self, x: impl Into<Element>) -> Result<()> {
        self.set_layer(None, x)
    }

    /// Removes the data matrix.
    pub fn remove_x(&mut self) -> Option<Element> {
        self.remove_layer(None)
    }

    /// Sets a layer; `None` is `X`. It may be of another dtype and format than the others. A data frame becomes an
    /// array.
    ///
    /// # Errors
    /// As [`set_x`](Self::set_x).
    pub fn set_layer(&mut self, key: Option<&str>, layer: impl Into<Element>) -> Result<()> {
        self.layers.insert(key.map(str::to_owned), layer.into(), &dimensions!(self))?;
        self.edited();
        Ok(())
    }

    /// Replaces all layers. `X` stays where they bring none; [`remove_x`](Self::remove_x) removes it.
    ///
    /// # Errors
    /// If the shape of one does not fit.
    pub fn set_all_layers(&mut self, mut layers: Layers) -> Result<()> {
        if let (None, Some(x)) = (layers.get(&None), self.layers.get(&None)) {
            layers.shift_insert(0, None, x.clone());
        }
        self.layers.replace(layers, &dimensions!(self))?;
        self.edited();
        Ok(())
    }

    /// Removes a layer and keeps the order of the others; `None` is `X`.
    pub fn remove_layer(&mut self, key: Option<&str>) -> Option<Element> {
        let removed = self.layers.remove(&key.map(str::to_owned))?;
        self.edited();
        Some(removed)
    }

    /// Renames a layer; it stays where it is among the others. With `None`, a layer becomes `X`, or `X` a layer.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if another one has the new name.
    pub fn rename_layer(&mut self, from: Option<&str>, to: Option<&str>) -> Result<()> {
        self.layers.rename(&from.map(str::to_owned), to.map(str::to_owned))?;
        self.edited();
        Ok(())
    }

    /// Sets an unstructured annotation.
    pub fn set_uns(&mut self, key: impl Into<String>, element: impl Into<Element>) {
        self.uns.insert(key.into(), element.into());
        self.edited();
    }

    /// Replaces all unstructured annotations.
    pub fn set_all_uns(&mut self, elements: Mapping) {
        self.uns = elements;
        self.edited();
    }

    /// Removes an unstructured annotation and keeps the order of the others.
    pub fn remove_uns(&mut self, key: &str) -> Option<Element> {
        let removed = self.uns.shift_remove(key)?;
        self.edited();
        Some(removed)
    }

    /// Renames an unstructured annotation; it stays where it is among the others.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if another one has the new name.
    pub fn rename_uns(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
        rename(&mut self.uns, &from.to_owned(), to.into()).map_err(|error| error.at("uns"))?;
        self.edited();
        Ok(())
    }

    /// Sets the matrix before filtering.
    ///
    /// `Raw::from(&adata)` is the raw that holds the matrix, the variables and their arrays of an object:
    ///
    /// ```
    /// use anndata_core::{AnnData, Raw, Tensor};
    ///
    /// let all = AnnData::builder().x(Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?).build()?;
    /// let mut filtered = all.select(.., [0, 2])?;
    /// filtered.set_raw(Raw::from(&all))?;
    /// assert_eq!(filtered.raw_to_adata()?.shape(), (2, 3));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it does not have one row per observation.
    pub fn set_raw(&mut self, raw: impl Into<Raw>) -> Result<()> {
        let raw = raw.into();
        self.check_raw(&raw)?;
        self.raw = Some(raw);
        self.edited();
        Ok(())
    }

    /// Removes the matrix before filtering.
    pub fn remove_raw(&mut self) -> Option<Raw> {
        let removed = self.raw.take()?;
        self.edited();
        Some(removed)
    }

    /// The raw as an object: its matrix, variables and their arrays, with the observations, `obsm`, `obsp` and `uns` of
    /// this one. Python's `raw.to_adata()`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no raw.
    #[doc(alias = "to_adata")]
    pub fn raw_to_adata(&self) -> Result<Self> {
        let raw = self.raw.as_ref().ok_or_else(|| Error::not_found("the object has no raw"))?;
        let mut builder = Self::builder()
            .shape(self.n_obs, raw.n_vars()?)
            .obs(self.obs.clone())
            .var(raw.var().clone())
            .all_obsm(self.obsm().clone())
            .all_obsp(self.obsp().clone())
            .all_varm(raw.varm().clone())
            .all_uns(self.uns.clone());
        if let Some(x) = raw.x() {
            builder = builder.x(x.clone());
        }
        builder.build()
    }

    fn check_raw(&self, raw: &Raw) -> Result<()> {
        match raw.x().map(Element::shape).transpose()?.flatten() {
            Some(shape) if shape.first() != Some(&self.n_obs) => {
                let message = format!("expected {} rows, one per observation, found shape {shape:?}", self.n_obs);
                Err(Error::invalid_input(message).at("raw/X"))
            }
            _ => Ok(()),
        }
    }
}

fn check_rows(slot: &str, frame: &DataFrame, expected: usize) -> Result<()> {
    let rows = frame.len()?;
    if rows == expected {
        return Ok(());
    }
    Err(Error::invalid_input(format!("expected {expected} rows, as the object has, found {rows}")).at(slot))
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
            ("X: expected a shape that begins with [2, 3] (n_obs, n_vars), found [3, 2]", adata.set_x(zeros(&[3, 2]))),
            ("layers/a: expected a shape", adata.set_layer(Some("a"), zeros(&[2]))),
            (
                "obsm/m: expected a shape that begins with [2] (n_obs), found [3, 2]",
                adata.set_obsm("m", zeros(&[3, 2])),
            ),
            (
                "varm/m: expected a shape that begins with [3] (n_vars), found [2, 3]",
                adata.set_varm("m", zeros(&[2, 3])),
            ),
            (
                "obsp/p: expected a shape that begins with [2, 2] (n_obs, n_obs), found [2, 3]",
                adata.set_obsp("p", zeros(&[2, 3])),
            ),
            ("varp/p: it is a mapping", adata.set_varp("p", Mapping::new())),
            ("obs: expected 2 rows, as the object has, found 1", adata.set_obs(DataFrame::unnamed(1))),
            (
                "raw/X: expected 2 rows, one per observation, found shape [9, 1]",
                adata.set_raw(Raw::new(Some(zeros(&[9, 1]).into()), DataFrame::unnamed(1), Mapping::new())?),
            ),
        ];
        for (expected, result) in cases {
            let error = result.unwrap_err();
            assert!(error.is_invalid_input(), "{error:?}");
            assert!(error.to_string().starts_with(expected), "{error} should begin with {expected}");
        }
        let texts = Tensor::from_strings([2, 3], ["a"; 6])?;
        for refused in [adata.set_x(texts.clone()), adata.set_layer(Some("t"), texts.clone())] {
            assert!(refused.is_err_and(|error| error.is_dtype() && error.to_string().contains("not numbers")));
        }
        let refused = AnnData::builder().layer("t", texts.clone()).build();
        assert!(refused.is_err_and(|error| error.to_string().starts_with("layers/t: its values are of type string")));
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
        let labels = adata.set_obsm("df", DataFrame::new(["a", "c"])).unwrap_err();
        assert_eq!(labels.to_string(), "obsm/df: its index differs from that of its axis");
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
        let columns = AnnData::builder().shape(1, 1).x(zeros(&[1, 2])).build().unwrap_err();
        assert!(columns.to_string().contains("[1, 2]"), "{columns:?}");
        let line = AnnData::builder().x(zeros(&[1])).build().unwrap_err();
        assert!(line.to_string().contains("[1]"), "{line:?}");
        Ok(())
    }
}
