//! Lazy reading with options: what is kept, and when names are read.

use std::path::Path;

use anndata_format::{AnnData, Element, Group, Result, io};

use crate::{ReadOptions, read_with, read_with_async};

/// Reads the metadata of the object at a path or URL, as [`read_lazy`](crate::read_lazy()) does, with options: what becomes of values
/// once they are read ([`with_keep`](ReadOptions::with_keep)), and when names are
/// ([`with_names`](ReadOptions::with_names)). [`ElemReadOptions::lazy`](io::ElemReadOptions::lazy) need not be set.
///
/// No array is read. Names are the true ones, columns are in the order of the file and read one by one, and all that can be
/// done with an object can be done with a lazy one: select, concatenate, write.
///
/// ```
/// use anndata::experimental::{ChunkOptions, fold_chunks, read_lazy};
/// use anndata::{Keep, ReadOptions};
/// # use anndata::{AnnData, Column, DataFrame, Tensor};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # let obs = DataFrame::new(["a", "b"]).with_column("kind", Column::categorical_from_strings(["T", "B"])?)?;
/// # anndata::write(&path, &AnnData::builder().x(Tensor::from_vec([2, 1], vec![1.0, 2.0])?).obs(obs).build()?)?;
/// let adata = read_lazy(&path, &ReadOptions::default().with_keep(Keep::Never))?;
/// // The categories of a column, without its codes.
/// let kind = adata.obs().series("kind").unwrap();
/// assert_eq!(kind.n_categories()?, Some(2));
/// assert_eq!(kind.categories(0..1)?.to_vec::<String>()?, ["B"]);
/// // A sum over X, in chunks.
/// let sum = |x: &anndata::Element| Ok(x.to_tensor()?.as_slice::<f64>()?.iter().sum::<f64>());
/// let total = fold_chunks(adata.x().unwrap(), &ChunkOptions::default(), |_rows, x| sum(x), |a, b| Ok(a + b))?;
/// assert_eq!(total, Some(3.0));
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`read`](crate::read()).
#[doc(alias = "load_annotation_index")]
pub fn read_lazy(location: impl AsRef<Path>, options: &ReadOptions) -> Result<AnnData> {
    read_with(location, &options.clone().with_lazy(true))
}

/// The async twin of [`read_lazy`]: works on any executor, and blocks none of its threads.
///
/// # Errors
/// As [`read`](crate::read()).
pub async fn read_lazy_async(location: impl AsRef<Path>, options: &ReadOptions) -> Result<AnnData> {
    read_with_async(location, &options.clone().with_lazy(true)).await
}

/// Reads the metadata of the element at `key` of a group: its values, or those of the elements in it, are read when they are
/// asked for. The empty key is the group itself.
///
/// ```
/// use anndata::experimental::read_elem_lazy;
/// # use anndata::{AnnData, Tensor, io::ElemReadOptions};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write(&path, &AnnData::builder().x(Tensor::from_vec([3, 1], vec![1, 2, 3])?).build()?)?;
/// let x = read_elem_lazy(&anndata::open(&path)?, "X", &ElemReadOptions::default())?;
/// assert_eq!(x.shape()?, Some(vec![3, 1]));
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`io::read_elem`].
pub fn read_elem_lazy(group: &Group, key: &str, options: &io::ElemReadOptions) -> Result<Element> {
    io::read_elem(group, key, &options.clone().with_lazy(true))
}

/// The async twin of [`read_elem_lazy`].
///
/// # Errors
/// As [`io::read_elem`].
pub async fn read_elem_lazy_async(group: &Group, key: &str, options: &io::ElemReadOptions) -> Result<Element> {
    io::read_elem_async(group, key, &options.clone().with_lazy(true)).await
}
