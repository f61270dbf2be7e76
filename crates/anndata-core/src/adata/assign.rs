//! Setting part of a matrix of an object.

use anndata_storage::Result;

use super::AnnData;
use super::aligned::dimensions;
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
        let obs = obs.into().resolve(&self.obs).map_err(|error| error.at("obs"))?;
        let var = var.into().resolve(&self.var).map_err(|error| error.at("var"))?;
        self.update_layer(key, |layer| layer.set(&[obs, var], &values.into()))
    }

    /// Changes `X` by a function, in place: values that nothing else holds are not copied.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor};
    ///
    /// let mut adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1_u32, 3, 2, 2])?).build()?;
    /// adata.update_x(|x| {
    ///     x.scale_rows(&[2.5, 2.5])?;
    ///     x.map_in_place(|value: f32| value.floor())
    /// })?;
    /// assert_eq!(adata.x().unwrap().to_tensor()?.as_slice::<f32>()?, [2.0, 7.0, 5.0, 5.0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no `X`, or if the function fails: what it had changed until
    /// then stays changed. If it puts something in place of the matrix that does not fit, there is no `X` afterwards.
    pub fn update_x(&mut self, change: impl FnOnce(&mut Element) -> Result<()>) -> Result<()> {
        self.update_layer(None, change)
    }

    /// Changes a layer by a function, as [`update_x`](Self::update_x) does `X`; `None` is `X`.
    ///
    /// # Errors
    /// As [`update_x`](Self::update_x).
    pub fn update_layer(&mut self, key: Option<&str>, change: impl FnOnce(&mut Element) -> Result<()>) -> Result<()> {
        let key = key.map(str::to_owned);
        let updated = self.layers.update(&key, &dimensions!(self), change);
        self.edited();
        updated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SparseFormat, Tensor};

    fn adata() -> Result<AnnData> {
        let x = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 4.0])?;
        let counts = Element::from(x.clone()).to_format(SparseFormat::Csr)?;
        AnnData::builder().x(x).layer("counts", counts).build()
    }

    /// Where the values of a matrix are.
    fn at(adata: &AnnData, key: Option<&str>) -> Option<*const u8> {
        match adata.layer(key)? {
            Element::Tensor(tensor) => tensor.as_bytes().map(<[u8]>::as_ptr),
            Element::Sparse(matrix) => matrix.data().as_bytes().map(<[u8]>::as_ptr),
            _ => None,
        }
    }

    #[test]
    fn single_values_are_set_in_place_unless_they_are_shared() -> Result<()> {
        let mut adata = adata()?;
        // The vector that the tensor was made of.
        for key in [None, Some("counts")] {
            adata.set_layer_at(key, 0, 0, 5.0)?;
            let before = at(&adata, key);
            for value in 1..9 {
                adata.set_layer_at(key, 1, 1, f64::from(value))?;
            }
            assert_eq!(at(&adata, key), before);
            let clone = adata.clone();
            adata.set_layer_at(key, 1, 1, 7.0)?;
            assert_ne!(at(&adata, key), before);
            assert_eq!(
                clone.layer(key).map(Element::to_dense).transpose()?,
                Some(Tensor::from_vec([2, 2], vec![5.0_f32, 2.0, 0.0, 8.0])?)
            );
            assert!(adata.set_layer_at(key, 2, 0, 1.0).is_err_and(|error| error.is_invalid_input()));
        }
        Ok(())
    }

    #[test]
    fn a_matrix_is_updated_in_place_and_checked() -> Result<()> {
        let mut adata = adata()?;
        adata.update_layer(Some("counts"), Element::ln_1p)?;
        let before = at(&adata, Some("counts"));
        adata.update_layer(Some("counts"), |counts| counts.scale_columns(&[0.0, 2.0]))?;
        assert_eq!(at(&adata, Some("counts")), before);
        let refused = adata.update_x(|x| x.scale_rows(&[1.0])).unwrap_err();
        assert!(refused.to_string().starts_with("X: expected one factor per row"), "{refused}");
        assert_eq!(
            adata.x().map(Element::to_dense).transpose()?,
            Some(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 4.0])?)
        );
        let misfit = adata.update_x(|x| {
            *x = Tensor::from_vec([1, 1], vec![1.0])?.into();
            Ok(())
        });
        assert!(misfit.is_err_and(|error| error.to_string().contains("[1, 1]")));
        assert!(adata.x().is_none() && adata.layer(Some("counts")).is_some());
        assert!(adata.update_x(Element::ln_1p).is_err_and(|error| error.is_not_found()));
        Ok(())
    }
}
