//! Reading and writing elements and objects on any group of a store.
//!
//! ```
//! # use std::sync::Arc;
//! use anndata_format::{Element, Group, MemoryStore, Tensor, io};
//!
//! let root = Group::root(Arc::new(MemoryStore::new()));
//! let pca = Element::from(Tensor::from_vec([2, 1], vec![0.5_f32, 1.5])?);
//! io::write_elem(&root, "obsm/X_pca", &pca, &io::ElemWriteOptions::default())?;
//! assert_eq!(io::read_elem(&root, "obsm/X_pca", &io::ElemReadOptions::default())?, pca);
//! # Ok::<(), anndata_format::Error>(())
//! ```

mod read_options;

use anndata_storage::{Compression, Error, Group, Result};

use crate::encoding::options::matrix_path;
use crate::encoding::slots::check_is_anndata;
use crate::encoding::sparse::to_sparse;
use crate::encoding::{BuildContext, ElementVisitor, EncodeContext, EncodeOptions, Registry, adata, sparse};
use crate::node::{Node, NodeWriteOptions};
use crate::{AnnData, Element, SparseFormat};
pub use read_options::{ElemReadOptions, Names};

/// How elements are written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ElemWriteOptions {
    /// How elements become groups and arrays.
    pub encode: EncodeOptions,
    /// How these are stored.
    pub store: NodeWriteOptions,
    /// The encodings that are known.
    pub registry: Registry,
}

impl ElemWriteOptions {
    /// Sets how elements become groups and arrays.
    #[must_use]
    pub fn with_encode(mut self, encode: EncodeOptions) -> Self {
        self.encode = encode;
        self
    }

    /// Sets how groups and arrays are stored.
    #[must_use]
    pub fn with_store(mut self, store: NodeWriteOptions) -> Self {
        self.store = store;
        self
    }

    /// Sets the compression.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.store.compression = compression;
        self
    }

    /// Sets the encodings.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// The tree of an element, to stand at `path` of a store of these capabilities.
    fn encode(&self, element: &Element, group: &Group, path: &str) -> Result<Node> {
        let encode = self.encode.below("", self.store.keep_layout);
        let context = EncodeContext::new(&self.registry, &encode, group.storage().capabilities());
        sparse::encode(element, path, &context)
    }
}

/// Reads the element at `key` of a group; the empty key is the group itself.
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or if it cannot be read; the error names the file and
/// the path within it.
pub fn read_elem(group: &Group, key: &str, options: &ElemReadOptions) -> Result<Element> {
    let registry = options.registry();
    let read = || {
        let node = options.open(group, key, false)?;
        if options.lazy { registry.build_lazy(node, &options.keep) } else { registry.build(node.fetch()?) }
    };
    read().map_err(|error| error.in_store(&**group.storage()))
}

/// The same as [`read_elem`] without blocking: the metadata of the element, then all its arrays, are under way at once,
/// where the store has latency.
///
/// # Errors
/// As [`read_elem`].
pub async fn read_elem_async(group: &Group, key: &str, options: &ElemReadOptions) -> Result<Element> {
    let registry = options.registry();
    let read = async {
        let node = options.open_async(group, key, false).await?;
        if options.lazy { registry.build_lazy(node, &options.keep) } else { registry.build(node.fetch_async().await?) }
    };
    read.await.map_err(|error: Error| error.in_store(&**group.storage()))
}

/// Writes an element at `key` of a group. What stands there is replaced: the new element is written beside it first,
/// so that a failure leaves the old one.
///
/// # Errors
/// If the element has no stored form, or writing fails.
pub fn write_elem(group: &Group, key: &str, element: &Element, options: &ElemWriteOptions) -> Result<()> {
    let path = group.path_of(key);
    let written = options.encode(element, group, &path).and_then(|node| {
        node.replace(group, key, &options.store.below(""))?;
        group.storage().commit().map_err(|error| error.at(&path))
    });
    written.map_err(|error| error.in_store(&**group.storage()))
}

/// Writes an element at `key` of a group; with the empty key, as the content of an empty group. A visitor is asked about the
/// elements in it. A function has the last word about the tree and how it is stored; nothing is written if it gives no tree.
pub(crate) fn write_visited(
    group: &Group,
    key: &str,
    element: &Element,
    options: &ElemWriteOptions,
    visitor: &dyn ElementVisitor,
    finish: impl FnOnce(Node, &mut NodeWriteOptions) -> Result<Option<Node>>,
) -> Result<()> {
    let path = group.path_of(key);
    if key.is_empty() {
        check_empty(group)?;
    }
    let encode = options.encode.below("", options.store.keep_layout);
    let context = EncodeContext::new(&options.registry, &encode, group.storage().capabilities()).with_visitor(visitor);
    let node = match element {
        // An object that is a store, not one within another.
        Element::AnnData(adata) if key.is_empty() => match context.visit(element, &path)? {
            None => adata::encode(adata, &path, &context),
            Some(Element::AnnData(adata)) => adata::encode(&adata, &path, &context),
            Some(other) => context.encode_visited(&other, &path),
        },
        element => sparse::encode(element, &path, &context),
    };
    let mut store = options.store.below("");
    let Some(node) = finish(node?, &mut store)? else { return Ok(()) };
    if key.is_empty() {
        node.write(group, "", &store)?;
    } else {
        node.replace(group, key, &store)?;
    }
    group.storage().commit().map_err(|error| error.at(&path))
}

fn check_empty(group: &Group) -> Result<()> {
    let Some(child) = group.children()?.into_iter().next() else { return Ok(()) };
    let error = Error::already_exists(format!("the group is not empty: it has '{child}'"));
    Err(error.at(group.path()).in_store(&**group.storage()))
}

/// Reads the `AnnData` that a group is, of any version since 0.5.
///
/// # Errors
/// If the group is not an `AnnData`, or something in it cannot be read; the error names the file and the path within
/// it.
pub fn read_anndata(group: &Group, options: &ElemReadOptions) -> Result<AnnData> {
    read(group, options).map_err(|error| error.in_store(&**group.storage()))
}

fn read(group: &Group, options: &ElemReadOptions) -> Result<AnnData> {
    let node = prepare(options.open(group, "", true)?)?;
    check_is_anndata(&node)?;
    // Matrices that are to be made sparse are read block by block, so they are not fetched with the rest.
    let lazy = options.lazy || !options.as_sparse.is_empty();
    let node = if lazy { node } else { node.fetch()? };
    let adata = build_anndata(node, options, lazy)?;
    if options.as_sparse.is_empty() {
        return Ok(adata);
    }
    let adata = make_sparse(adata, options)?;
    if options.lazy { Ok(adata) } else { adata.load() }
}

/// The same as [`read_anndata`] without blocking: the metadata of the object, then all its arrays, are under way at once,
/// where the store has latency.
///
/// # Errors
/// As [`read_anndata`]; matrices cannot be made sparse on the way
/// ([`as_sparse`](ElemReadOptions::as_sparse)), as that reads them block by block.
pub async fn read_anndata_async(group: &Group, options: &ElemReadOptions) -> Result<AnnData> {
    if !options.as_sparse.is_empty() {
        return Err(Error::unsupported("dense matrices are not made sparse by asynchronous reading"));
    }
    let read = async {
        let node = prepare(options.open_async(group, "", true).await?)?;
        check_is_anndata(&node)?;
        let node = if options.lazy { node } else { node.fetch_async().await? };
        build_anndata(node, options, options.lazy)
    };
    read.await.map_err(|error: Error| error.in_store(&**group.storage()))
}

/// Writes an `AnnData` as the content of an empty group.
///
/// # Errors
/// If the group is not empty, something has no stored form, or writing fails.
pub fn write_anndata(group: &Group, adata: &AnnData, options: &ElemWriteOptions) -> Result<()> {
    check_empty(group)?;
    check_paths(adata, &options.encode)?;
    let encode = options.encode.below(group.path(), options.store.keep_layout);
    let context = EncodeContext::new(&options.registry, &encode, group.storage().capabilities());
    crate::encoding::adata::encode(adata, group.path(), &context)?.write(
        group,
        "",
        &options.store.below(group.path()),
    )?;
    group.storage().commit()
}

/// The object of a root group, which in files before 0.7 does not say what it is.
fn build_anndata(node: Node, options: &ElemReadOptions, lazy: bool) -> Result<AnnData> {
    let registry = options.registry();
    let context = if lazy { BuildContext::lazy(&registry, &options.keep) } else { BuildContext::new(&registry) };
    adata::build(node.into_group()?, &context).map_err(Error::of_stored)
}

/// In files before 0.7, frames are arrays of records and need their values to be understood.
fn prepare(node: Node) -> Result<Node> {
    let Node::Group(mut group) = node else { return Ok(node) };
    if !group.children.iter().any(|(key, child)| is_frame(key) && matches!(child, Node::Array(_))) {
        return Ok(Node::Group(group));
    }
    for (key, child) in &mut group.children {
        if is_frame(key) || matches!(key.as_str(), "uns" | "obsm" | "varm" | "raw.varm") {
            *child = child.fetch()?;
        }
    }
    Ok(Node::Group(group))
}

fn is_frame(key: &str) -> bool {
    matches!(key, "obs" | "var" | "raw.var")
}

/// The object with the asked-for dense matrices as sparse ones.
fn make_sparse(mut adata: AnnData, options: &ElemReadOptions) -> Result<AnnData> {
    let format = options.as_sparse_format.unwrap_or(SparseFormat::Csr);
    for asked in &options.as_sparse {
        let path = matrix_path(asked);
        let sparse = |element: Option<&Element>| match element {
            Some(element) => to_sparse(element, format).map(Element::Sparse).map_err(|error| error.at(&path)),
            None => Err(names_nothing(asked)),
        };
        match path.split_once('/') {
            None if path == "X" => adata.set_x(sparse(adata.x())?)?,
            Some(("layers", key)) => adata.set_layer(Some(key), sparse(adata.layer(Some(key)))?)?,
            Some(("raw", "X")) => {
                let raw = adata.raw().ok_or_else(|| names_nothing(asked))?.clone();
                adata.set_raw(raw.map_x(sparse)?)?;
            }
            _ => return Err(Error::invalid_input(format!("'{asked}' is not a matrix that can be read as sparse"))),
        }
    }
    Ok(adata)
}

fn names_nothing(asked: &str) -> Error {
    Error::not_found(format!("'{asked}' does not name a matrix of the object"))
}

/// Refuses paths that name nothing in the object, which would otherwise be ignored.
fn check_paths(adata: &AnnData, options: &EncodeOptions) -> Result<()> {
    for asked in options.as_dense.iter().chain(&options.as_sparse) {
        let path = matrix_path(asked);
        let found = match path.split_once('/') {
            None => path == "X" && adata.x().is_some(),
            Some(("layers", key)) => adata.layer(Some(key)).is_some(),
            Some(("raw", "X")) => adata.raw().is_some_and(|raw| raw.x().is_some()),
            Some(("obsm", key)) => adata.obsm().contains_key(key),
            Some(("varm", key)) => adata.varm().contains_key(key),
            Some(("obsp", key)) => adata.obsp().contains_key(key),
            Some(("varp", key)) => adata.varp().contains_key(key),
            _ => false,
        };
        if !found {
            return Err(names_nothing(asked));
        }
        let is = |other: &String| matrix_path(other) == path;
        if options.as_dense.iter().any(is) && options.as_sparse.iter().any(is) {
            return Err(Error::invalid_input(format!("'{asked}' cannot be written both dense and sparse")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{DataFrame, MemoryStore, SparseMatrix, Tensor};

    #[test]
    fn what_is_nested_too_deep_to_be_read_is_not_written() -> Result<()> {
        let root = Group::root(Arc::new(MemoryStore::new()));
        let nested =
            |depth: usize| (0..depth).fold(Element::Null, |inner, _| Element::Mapping([("d".into(), inner)].into()));
        write_elem(&root, "deep", &nested(100), &ElemWriteOptions::default())?;
        assert_eq!(read_elem(&root, "deep", &ElemReadOptions::default())?, nested(100));
        let refused = write_elem(&root, "deeper", &nested(101), &ElemWriteOptions::default());
        assert!(refused.is_err_and(|error| error.is_invalid_input()));
        assert!(!root.contains("deeper")?);
        Ok(())
    }

    #[test]
    fn reading_without_blocking_gives_the_same() -> Result<()> {
        let root = Group::root(Arc::new(MemoryStore::new()));
        let adata = AnnData::builder()
            .x(SparseMatrix::from_dense(&Tensor::from_vec([2, 2], vec![1.0, 0.0, 0.0, 2.0])?, SparseFormat::Csr)?)
            .obs(DataFrame::new(["a", "b"]).with_column("n", vec![1_i64, 2])?)
            .uns("method", "umap")
            .build()?;
        write_anndata(&root, &adata, &ElemWriteOptions::default())?;
        let options = ElemReadOptions::default();
        assert_eq!(pollster::block_on(read_anndata_async(&root, &options))?, adata);
        assert_eq!(pollster::block_on(read_elem_async(&root, "uns/method", &options))?.to_text()?, "umap");
        let sparse = options.with_as_sparse(["X"], SparseFormat::Csr);
        assert!(pollster::block_on(read_anndata_async(&root, &sparse)).is_err_and(|error| error.is_unsupported()));
        Ok(())
    }
}
