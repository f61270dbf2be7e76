//! The checks of alignment: that an element fits the axes of its slot.

use anndata_storage::{DType, Error, Result};

use super::{AnnData, matrix};
use crate::{Column, DataFrame, Element, Mapping, Raw, Series};

/// What the leading axes of an element must be as long as.
#[derive(Clone, Copy)]
pub(super) enum Axes {
    Obs,
    Var,
    ObsObs,
    VarVar,
    ObsVar,
}

impl Axes {
    /// A matrix, aligned along two axes, holds numbers or times. Lazy elements are taken as they are.
    pub(super) fn check_dtype(self, slot: &str, key: &str, element: &Element) -> Result<()> {
        let is_matrix = matches!(self, Self::ObsObs | Self::VarVar | Self::ObsVar);
        match element {
            Element::Tensor(tensor)
                if is_matrix
                    && !matches!(tensor.dtype(), DType::Opaque(_))
                    && !(tensor.dtype().is_numeric() || tensor.dtype().is_time()) =>
            {
                Err(Error::dtype(format!("its values are of type {}, not numbers", tensor.dtype()))
                    .at(&path(slot, key)))
            }
            _ => Ok(()),
        }
    }
}

impl Axes {
    /// An element as its slot holds it: along one axis, an array of one dimension becomes a column, and the index of a
    /// frame has the name that the axis has.
    fn shaped(self, element: Element, adata: &AnnData) -> Result<Element> {
        let axis = match self {
            Self::Obs => adata.obs(),
            Self::Var => adata.var(),
            Self::ObsObs | Self::VarVar | Self::ObsVar => return Ok(element),
        };
        Ok(match element {
            Element::Tensor(tensor) if tensor.ndim() == 1 => {
                let rows = tensor.len();
                Element::Tensor(tensor.reshape([rows, 1])?)
            }
            Element::Frame(frame) => Element::Frame(frame.with_index_name(axis.index_name().map(str::to_owned))),
            other => other,
        })
    }
}

/// The path of a slot, or of an element in it.
fn path(slot: &str, key: &str) -> String {
    if key.is_empty() { slot.to_owned() } else { format!("{slot}/{key}") }
}

impl AnnData {
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

    /// The element as a slot holds it, where it fits.
    pub(super) fn fitting(&self, slot: &str, key: &str, element: Element, axes: Axes) -> Result<Element> {
        let element = self.as_matrix(slot, key, element, axes)?;
        self.check_aligned(slot, key, &element, axes)?;
        axes.check_dtype(slot, key, &element)?;
        axes.shaped(element, self)
    }

    /// A frame where a matrix is to be as the array of its columns, which have to be labelled as the axes are.
    fn as_matrix(&self, slot: &str, key: &str, element: Element, axes: Axes) -> Result<Element> {
        let (rows, columns) = match axes {
            Axes::ObsVar => (("obs", &self.obs), ("var", &self.var)),
            Axes::ObsObs => (("obs", &self.obs), ("obs", &self.obs)),
            Axes::VarVar => (("var", &self.var), ("var", &self.var)),
            Axes::Obs | Axes::Var => return Ok(element),
        };
        match element {
            Element::Frame(frame) => {
                let matrix = matrix::of_frame(&frame, rows, columns);
                matrix.map(Element::Tensor).map_err(|error| error.at(&path(slot, key)))
            }
            element => Ok(element),
        }
    }

    /// Brings frames that were given as matrices into the form of matrices.
    pub(super) fn shape_matrices(&mut self) -> Result<()> {
        for (key, layer) in std::mem::take(&mut self.layers) {
            let slot = key.as_ref().map_or("X", |_| "layers");
            let layer = self.as_matrix(slot, key.as_deref().unwrap_or_default(), layer, Axes::ObsVar)?;
            self.layers.insert(key, layer);
        }
        let shape = |adata: &Self, slot: &str, axes: Axes, elements: Mapping| -> Result<Mapping> {
            elements
                .into_iter()
                .map(|(key, element)| Ok((key.clone(), adata.as_matrix(slot, &key, element, axes)?)))
                .collect()
        };
        let (obsp, varp) = (std::mem::take(&mut self.obsp), std::mem::take(&mut self.varp));
        self.obsp = shape(self, "obsp", Axes::ObsObs, obsp)?;
        self.varp = shape(self, "varp", Axes::VarVar, varp)?;
        Ok(())
    }

    /// Brings the elements along one axis into the form in which slots hold them.
    pub(super) fn shape_elements(&mut self) -> Result<()> {
        let shape = |adata: &Self, axes: Axes, elements: Mapping| -> Result<Mapping> {
            elements.into_iter().map(|(key, element)| Ok((key, axes.shaped(element, adata)?))).collect()
        };
        let (obsm, varm) = (std::mem::take(&mut self.obsm), std::mem::take(&mut self.varm));
        self.obsm = shape(self, Axes::Obs, obsm)?;
        self.varm = shape(self, Axes::Var, varm)?;
        Ok(())
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

    pub(super) fn check_raw(&self, raw: &Raw) -> Result<()> {
        match raw.x().map(Element::shape).transpose()?.flatten() {
            Some(shape) if shape.first() != Some(&self.n_obs) => {
                let message = format!("expected {} rows, one per observation, found shape {shape:?}", self.n_obs);
                Err(Error::invalid_input(message).at("raw/X"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_aligned(&self, slot: &str, key: &str, element: &Element, axes: Axes) -> Result<()> {
        let (lengths, names, axis_frame): (&[usize], _, _) = match axes {
            Axes::Obs => (&[self.n_obs], "n_obs", Some(&self.obs)),
            Axes::Var => (&[self.n_vars], "n_vars", Some(&self.var)),
            Axes::ObsObs => (&[self.n_obs, self.n_obs], "n_obs, n_obs", None),
            Axes::VarVar => (&[self.n_vars, self.n_vars], "n_vars, n_vars", None),
            Axes::ObsVar => (&[self.n_obs, self.n_vars], "n_obs, n_vars", None),
        };
        let path = || path(slot, key);
        let shape = match element {
            // Kept as it is: nothing is known of its axes.
            Element::Opaque(_) | Element::Extension(_) => element.shape()?,
            _ => match element.shape()? {
                None if !matches!(element, Element::Lazy(_)) => {
                    let message = format!("it is {}, which has no axes", element.with_article());
                    return Err(Error::invalid_input(message).at(&path()));
                }
                shape => shape,
            },
        };
        if let Some(shape) = shape
            && !shape.starts_with(lengths)
        {
            let message = format!("expected a shape that begins with {lengths:?} ({names}), found {shape:?}");
            return Err(Error::invalid_input(message).at(&path()));
        }
        match (element, axis_frame) {
            // Lazy indexes are looked at when they are read.
            (Element::Frame(own), Some(labels)) => match (own.index(), labels.index()) {
                (Series::Loaded(own), Series::Loaded(labels)) => check_labels(&path(), own, labels),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Checks the labels of the frames in `obsm` and `varm`, which are read for it where they are lazy.
    ///
    /// # Errors
    /// If a frame has other labels than its axis, or an index cannot be read.
    pub fn check_frame_labels(&self) -> Result<()> {
        for (slot, elements, axis) in [("obsm", &self.obsm, &self.obs), ("varm", &self.varm, &self.var)] {
            for (key, element) in elements {
                if let Element::Frame(frame) = element {
                    if let (Series::Lazy(own), Series::Lazy(labels)) = (frame.index(), axis.index())
                        && own.is(labels)
                    {
                        continue;
                    }
                    let (own, labels) = (frame.index().load_once()?, axis.index().load_once()?);
                    check_labels(&path(slot, key), &own, &labels)
                        .map_err(|error| error.at(&format!("{slot}/{key}")))?;
                }
            }
        }
        Ok(())
    }
}

/// A frame in `obsm` or `varm` has the labels of its axis.
fn check_labels(path: &str, own: &Column, axis: &Column) -> Result<()> {
    if own == axis || own.to_comparable_labels()? == axis.to_comparable_labels()? {
        return Ok(());
    }
    Err(Error::invalid_input("its index differs from that of its axis").at(path))
}

pub(super) fn check_rows(slot: &str, frame: &DataFrame, expected: usize) -> Result<()> {
    let rows = frame.len()?;
    if rows == expected {
        return Ok(());
    }
    Err(Error::invalid_input(format!("expected {expected} rows, as the object has, found {rows}")).at(slot))
}
