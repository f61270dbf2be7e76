//! References applied to data: [`Access`], and the traits behind it.

mod fetch;
mod typed;

use anndata_core::Element;

use crate::{Container, Result};
pub use typed::FromElement;

/// What can be looked for in data of the type `C`: references, accessors, and maps of arrays.
///
/// Implement it, and [`Fetch`], for a reference of your own.
pub trait Contained<C: ?Sized> {
    /// Whether the data have it.
    ///
    /// # Errors
    /// If the names of a dimension cannot be read.
    fn is_in(&self, data: &C) -> Result<bool>;
}

/// What names one array in data of the type `C`: references, and accessors of whole arrays.
pub trait Fetch<C: ?Sized>: Contained<C> {
    /// The array.
    ///
    /// # Errors
    /// If the data do not have it, or it cannot be read.
    fn fetch(&self, data: &C) -> Result<Element>;
}

/// References applied to data: `adata.contains(&reference)`, `adata.get(&reference)`.
///
/// | reference | gives |
/// | --- | --- |
/// | a row or column of a matrix, dense or sparse | a [`Tensor`](anndata_core::Tensor) of one dimension |
/// | a column of `obsm` or `varm` | a `Tensor` of one dimension; where a frame is there, its [`Column`](anndata_core::Column) |
/// | a column of `obs` or `var`, or the index | a `Column`: categorical and nullable ones stay so |
/// | a whole matrix, `[:, :]` | the matrix, dense or sparse as it is |
/// | an accessor: `A.x()`, `A.obsm("pca")`, `A.obs_frame()` | what the data hold, lazy where it is |
///
/// What a reference gives is in memory. Of a lazy matrix only the row or column is read, as far as its layout allows.
///
/// ```
/// use anndata_acc::{A, Access, AccError};
/// use anndata_core::{AnnData, DataFrame, SparseFormat, SparseMatrix, Tensor};
///
/// let x = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?;
/// let adata = AnnData::builder()
///     .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
///     .obs(DataFrame::new(["cell-1", "cell-2"]).with_column("type", vec!["a", "b"])?)
///     .var(DataFrame::new(["CD4", "CD8A", "MS4A1"]))
///     .obsm("X_pca", Tensor::from_vec([2, 2], vec![0.5, 1.5, 2.5, 3.5])?)
///     .build()?;
///
/// assert!(adata.contains(&A.obsm("X_pca").column(1))?);
/// assert!(!adata.contains(&A.obsm("X_pca").column(2))?);
/// assert_eq!(adata.get_as::<Vec<f32>>(&A.x().column("MS4A1"))?, [2.0, 0.0]);
/// assert_eq!(adata.get_as::<Vec<f64>>(&A.obsm("X_pca").column(-1))?, [1.5, 3.5]);
/// assert_eq!(adata.get_as::<Vec<String>>(&A.obs("type"))?, ["a", "b"]);
///
/// let error = adata.get(&A.x().column("CD8")).unwrap_err();
/// assert!(matches!(&error, AccError::MissingName { name, nearest: Some(nearest), .. } if name == "CD8" && nearest == "CD8A"));
/// let error = adata.get(&A.obsm("pca")).unwrap_err();
/// assert_eq!(error.to_string(), "A.obsm['pca']: there is no 'pca' in obsm; did you mean 'X_pca'?");
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// Maps of arrays can be looked for and not got:
///
/// ```compile_fail
/// # use anndata_acc::{A, Access};
/// # let adata = anndata_core::AnnData::builder().build().unwrap();
/// adata.get(&A.obsm_map());
/// ```
pub trait Access: Container {
    /// Whether there is what a reference, an accessor or a map of arrays names; a map is where it has a key.
    ///
    /// # Errors
    /// If the names of a dimension cannot be read.
    #[doc(alias = "isin")]
    fn contains<T: Contained<Self> + ?Sized>(&self, what: &T) -> Result<bool> {
        what.is_in(self)
    }

    /// The array that a reference or accessor names.
    ///
    /// # Errors
    /// If there is none ([`AccError::is_missing`](crate::AccError::is_missing)), or it cannot be read.
    fn get<T: Fetch<Self> + ?Sized>(&self, what: &T) -> Result<Element> {
        what.fetch(self)
    }

    /// The array that a reference or accessor names, as a type: a vector, an `ndarray` array, text, a column, ...
    /// (see [`FromElement`]). Numbers are not converted.
    ///
    /// # Errors
    /// As [`get`](Self::get), and if it is of another type.
    fn get_as<V: FromElement>(&self, what: &(impl Fetch<Self> + ToString + ?Sized)) -> Result<V> {
        typed::convert(&what.fetch(self)?, what)
    }
}

impl<C: Container + ?Sized> Access for C {}
