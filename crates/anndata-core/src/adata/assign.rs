//! Setting part of a matrix of an object.

use anndata_storage::{Error, Result};

use super::AnnData;
use crate::{Element, Selector};

impl AnnData {
    /// Sets part of `X`: Python's `adata.X[rows, columns] = values`, with names, masks and conditions too.
    ///
    /// Values are a scalar, an array spread over the selection as numpy does, or a sparse matrix of the shape of the
    /// selection. `X` keeps its format and dtype. A view becomes an object of its own: what it was taken from stays.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor};
    ///
    /// let mut adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?).build()?;
    /// let mut view = adata.select(1, ..)?;
    /// view.set_x_at(.., "0", -1.0)?;
    /// assert!(!view.is_view());
    /// assert_eq!(view.x().unwrap().to_tensor()?.as_slice::<f32>()?, [-1.0, 4.0]);
    ///
    /// adata.set_x_at([1, 0], 0, Tensor::from_vec([2, 1], vec![8_i64, 9])?)?;
    /// assert_eq!(adata.x().unwrap().to_tensor()?.as_slice::<f32>()?, [9.0, 2.0, 8.0, 4.0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no `X`; as [`Selector::resolve`] and [`Element::put`].
    pub fn set_x_at(
        &mut self,
        obs: impl Into<Selector>,
        var: impl Into<Selector>,
        values: impl Into<Element>,
    ) -> Result<()> {
        self.set_layer_at(None, obs, var, values)
    }

    /// Sets part of a layer, as [`set_x_at`](Self::set_x_at) does of `X`; `None` is `X`.
    ///
    /// # Errors
    /// As [`set_x_at`](Self::set_x_at).
    pub fn set_layer_at(
        &mut self,
        key: Option<&str>,
        obs: impl Into<Selector>,
        var: impl Into<Selector>,
        values: impl Into<Element>,
    ) -> Result<()> {
        let path = key.map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"));
        let layer = self.layer(key).ok_or_else(|| Error::not_found("there is no such matrix").at(&path))?;
        let obs = obs.into().resolve(&self.obs).map_err(|error| error.at("obs"))?;
        let var = var.into().resolve(&self.var).map_err(|error| error.at("var"))?;
        let layer = layer.put(&[obs, var], &values.into()).map_err(|error| error.at(&path))?;
        self.set_layer(key, layer)
    }
}
