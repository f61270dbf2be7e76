//! The transpose of an object.

use std::ops::Range;

use anndata_storage::{AxisSelection, Error, OrBug, Result};

use super::AnnData;
use crate::caches::Namespaces;
use crate::{Element, Lazy, LazySource, Schema, SparseFormat};

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
        self.transposed(Element::transpose)
    }

    /// The [transpose](Self::transpose), for which lazy matrices are not read: they are transposed as they are read, each time, so
    /// that a stored object of any size can be written transposed. What is changed in its store meanwhile is changed in it as well.
    ///
    /// # Errors
    /// As [`transpose`](Self::transpose).
    pub fn transpose_lazy(&self) -> Result<Self> {
        self.transposed(transposed)
    }

    fn transposed(&self, transpose: fn(&Element) -> Result<Element>) -> Result<Self> {
        Ok(Self {
            n_obs: self.n_vars,
            n_vars: self.n_obs,
            obs: self.var.clone(),
            var: self.obs.clone(),
            layers: self.layers.transposed(transpose)?,
            obsm: self.varm.transposed(transpose)?,
            varm: self.obsm.transposed(transpose)?,
            obsp: self.varp.transposed(transpose)?,
            varp: self.obsp.transposed(transpose)?,
            raw: None,
            view: None,
            namespaces: Namespaces::default(),
            ..self.clone()
        })
    }
}

/// A matrix transposed, or to be transposed once it is read.
///
/// # Errors
/// If it is not a matrix, or a view of what is in memory cannot be made.
pub(crate) fn transposed(matrix: &Element) -> Result<Element> {
    let Element::Lazy(lazy) = matrix else { return matrix.transpose() };
    if lazy.is_loaded() {
        return matrix.transpose();
    }
    let source = Transposed(lazy.clone());
    source.schema()?;
    Ok(Element::Lazy(Lazy::uncached(source)))
}

/// The transpose of a matrix that is read when it is asked for.
#[derive(Debug)]
struct Transposed(Lazy);

impl LazySource for Transposed {
    fn path(&self) -> &str {
        self.0.path()
    }

    fn schema(&self) -> Result<Schema> {
        match self.0.schema()? {
            Schema::Sparse { format, dtype, shape: (rows, columns) } => {
                let format = match format {
                    SparseFormat::Csr => SparseFormat::Csc,
                    SparseFormat::Csc => SparseFormat::Csr,
                };
                Ok(Schema::Sparse { format, dtype, shape: (columns, rows) })
            }
            Schema::Array { dtype, shape } if shape.len() == 2 => {
                Ok(Schema::Array { dtype, shape: shape.into_iter().rev().collect() })
            }
            other => {
                let message = format!("expected a matrix, found a value of kind '{}'", other.kind_name());
                Err(self.0.locate(Error::dtype(message)))
            }
        }
    }

    fn load(&self) -> Result<Element> {
        self.0.load_once()?.transpose()
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        let axes = match axes {
            [rows] => {
                let columns = self.0.shape()?.and_then(|shape| shape.first().copied());
                [AxisSelection::Range(0..columns.or_bug("a matrix without rows")? as u64), rows.clone()]
            }
            [rows, columns] => [columns.clone(), rows.clone()],
            _ => return Err(Error::invalid_input(format!("a matrix has two axes, not {}", axes.len()))),
        };
        Element::Lazy(self.0.clone()).select(&axes)?.transpose()
    }

    fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        // The rows of CSR are the columns of CSC.
        self.0.major_lengths(slices)
    }

    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        self.0.chunk_end(1_usize.saturating_sub(axis), position)
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        Element::Lazy(self.0.clone()).size_in_memory(with_stored)
    }

    fn locate(&self, error: Error) -> Error {
        self.0.locate(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataFrame, Raw, SparseMatrix, Tensor};

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

    /// A matrix that is read from nowhere in particular.
    #[derive(Debug)]
    struct Stored(Element);

    impl LazySource for Stored {
        fn path(&self) -> &'static str {
            "X"
        }

        fn schema(&self) -> Result<Schema> {
            self.0.schema()
        }

        fn load(&self) -> Result<Element> {
            Ok(self.0.clone())
        }

        fn nbytes(&self, with_stored: bool) -> usize {
            if with_stored { self.0.size_in_memory(true) } else { 0 }
        }
    }

    #[test]
    fn what_was_not_read_is_transposed_when_it_is() -> Result<()> {
        let dense = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?;
        let expected = dense.transpose()?;
        let csc = SparseMatrix::from_dense(&dense, SparseFormat::Csc)?;
        for (matrix, format) in [(Element::from(dense.clone()), None), (csc.into(), Some(SparseFormat::Csr))] {
            let x = Lazy::new(Stored(matrix));
            let t = AnnData::builder().x(Element::Lazy(x.clone())).build()?.transpose_lazy()?;
            let Some(Element::Lazy(transposed)) = t.x() else { return Err(Error::bug("it is lazy")) };
            assert!(!x.is_loaded() && !transposed.is_loaded());
            assert_eq!((t.shape(), transposed.path()), ((3, 2), "X"));
            assert_eq!(Element::Lazy(transposed.clone()).sparse_format()?, format);
            let part = t.select([2, 0], 1..)?.x().or_bug("a matrix")?.to_dense()?;
            assert_eq!(part, expected.select(&[vec![2, 0].into(), AxisSelection::Range(1..2)])?);
            if format.is_some() {
                assert_eq!(Element::Lazy(transposed.clone()).major_lengths(0..3)?, [1, 1, 1]);
            }
            assert!(!x.is_loaded());
            assert_eq!(t.x().or_bug("a matrix")?.to_dense()?, expected);
            assert!(!transposed.is_loaded() && !x.is_loaded());
        }
        let lazy = Element::Lazy(Lazy::uncached(Stored(dense.into())));
        let t = AnnData::builder().x(lazy).build()?.transpose()?;
        assert_eq!(t.x(), Some(&Element::from(expected)));
        Ok(())
    }
}
