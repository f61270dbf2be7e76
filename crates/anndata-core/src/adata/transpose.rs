//! The transpose of an object.

use anndata_storage::Result;

use super::AnnData;
use crate::caches::Namespaces;

impl AnnData {
    /// The object with observations and variables interchanged: `X` and layers are transposed, and `obs` and `var`,
    /// `obsm` and `varm`, `obsp` and `varp` are exchanged. `uns` stays.
    ///
    /// `raw` is left out, as its variables are others than the object's. A sparse matrix changes its format and shares
    /// its values (CSR becomes CSC); a dense one is copied. Lazy matrices are loaded. The transpose of a view is an
    /// object of its own.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor};
    ///
    /// let adata = AnnData::builder().x(Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?).build()?;
    /// let transposed = adata.transpose()?;
    /// assert_eq!(transposed.shape(), (3, 2));
    /// assert_eq!(transposed.x().unwrap().to_tensor()?.as_slice::<i32>()?, [1, 4, 2, 5, 3, 6]);
    /// assert_eq!(transposed.transpose()?, adata);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a matrix cannot be read, or a layer is not a matrix; the error names it.
    #[doc(alias = "T")]
    pub fn transpose(&self) -> Result<Self> {
        Ok(Self {
            n_obs: self.n_vars,
            n_vars: self.n_obs,
            obs: self.var.clone(),
            var: self.obs.clone(),
            layers: self.layers.transposed()?,
            obsm: self.varm.transposed()?,
            varm: self.obsm.transposed()?,
            obsp: self.varp.transposed()?,
            varp: self.obsp.transposed()?,
            raw: None,
            view: None,
            namespaces: Namespaces::default(),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataFrame, Raw, SparseFormat, SparseMatrix, Tensor};

    #[test]
    fn slots_change_places_and_values_of_sparse_matrices_are_shared() -> Result<()> {
        let dense = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?;
        let sparse = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
        let mut adata = AnnData::builder()
            .x(sparse.clone())
            .layer("d", dense)
            .obs(DataFrame::new(["a", "b"]).with_column("n", vec![1, 2])?)
            .obsm("m", Tensor::from_vec([2, 1], vec![1, 2])?)
            .varp("p", Tensor::from_vec([3, 3], vec![1_u8; 9])?)
            .uns("k", "v")
            .build()?;
        adata.set_raw(Raw::from(&adata))?;
        let t = adata.select(.., ..)?.transpose()?;
        assert!(!t.is_view() && t.raw().is_none());
        assert_eq!((t.obs(), t.var(), t.uns()), (adata.var(), adata.obs(), adata.uns()));
        assert!(t.varm().contains_key("m") && t.obsp().contains_key("p") && t.obsm().is_empty());
        let x = adata.transpose()?.matrix(None)?.to_sparse()?;
        assert_eq!(x.data().as_slice::<f32>()?.as_ptr(), sparse.data().as_slice::<f32>()?.as_ptr());
        assert_eq!(x.to_dense()?, t.matrix(Some("d"))?.to_tensor()?);
        adata.remove_raw();
        assert_eq!(t.transpose()?, adata);
        Ok(())
    }
}
