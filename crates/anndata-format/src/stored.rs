//! Elements that are still in their store, as trees of nodes: the sources of lazy and of opaque elements.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use anndata_core::{Column, Element, Lazy, LazySource, Opaque, OpaqueSource, Schema};
use anndata_storage::{Attribute, AxisSelection, BoxFuture, Error, Result, unblock};

use crate::node::{ArrayNode, Node, Source, Unreadable, is_nothing};

/// What is read from a store knows its stored tree.
pub trait StoredTree {
    /// The stored tree, if this is a whole element of a store.
    fn node(&self) -> Option<&Node>;
}

impl StoredTree for Lazy {
    fn node(&self) -> Option<&Node> {
        self.source::<StoredElement>().map(|stored| &stored.node)
    }
}

impl StoredTree for Opaque {
    fn node(&self) -> Option<&Node> {
        self.source::<KeptTree>().map(|kept| &kept.0)
    }
}

/// What reads the elements of stored trees, which the registry of encodings does.
pub(crate) trait TreeReader: Any + Debug + Send + Sync {
    /// What the element of a tree is, from metadata alone.
    fn schema(&self, node: &Node) -> Result<Schema>;

    /// The length of each axis of the element of a tree, from metadata alone.
    fn shape(&self, node: &Node) -> Result<Option<Vec<usize>>>;

    /// The element of a tree whose arrays were fetched.
    fn build(&self, node: Node) -> Result<Element>;

    /// Selected positions along the axes of the element of a stored tree; no more is read than has to be.
    fn build_part(&self, node: &Node, axes: &[AxisSelection]) -> Result<Element>;

    /// What reads parts of the element of a stored tree, one after the other, if something is better at that.
    fn part_reader(&self, node: &Node) -> Result<Option<Arc<dyn PartReader>>>;

    /// How many values each of some major slices of a stored sparse matrix has; `None` for anything else.
    fn major_lengths(&self, node: &Node, slices: Range<usize>) -> Result<Option<Vec<usize>>>;

    /// Some of the categories of a stored column of categories, without its codes; `None` if they are known as a whole only.
    fn categories(&self, node: &Node, range: Range<usize>) -> Result<Option<Column>>;

    /// The chunks along the axes of a stored element, if its values are in such.
    fn chunks(&self, node: &Node) -> Result<Option<Vec<u64>>>;
}

/// Reads parts of one stored element, one after the other, and keeps what it finds them by.
pub trait PartReader: Debug + Send + Sync {
    /// Selected positions along the axes, in memory; no more is read than has to be.
    ///
    /// # Errors
    /// If they cannot be read, or the tree is malformed.
    fn read(&self, axes: &[AxisSelection]) -> Result<Element>;
}

/// The source of a lazy element: its stored tree, and what reads it.
#[derive(Debug, Clone)]
pub(crate) struct StoredElement {
    node: Node,
    reader: Arc<dyn TreeReader>,
    /// What reads parts, known once a part was asked for.
    parts: Arc<OnceLock<Option<Arc<dyn PartReader>>>>,
}

impl StoredElement {
    pub(crate) fn new(node: Node, reader: impl TreeReader) -> Self {
        Self { node, reader: Arc::new(reader), parts: Arc::default() }
    }

    /// The stored tree.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// What reads it, if that is of this type.
    pub(crate) fn reader<R: TreeReader>(&self) -> Option<&R> {
        (&*self.reader as &dyn Any).downcast_ref()
    }
}

impl LazySource for StoredElement {
    fn path(&self) -> &str {
        self.node.path()
    }

    fn schema(&self) -> Result<Schema> {
        self.reader.schema(&self.node)
    }

    fn shape(&self) -> Result<Option<Vec<usize>>> {
        self.reader.shape(&self.node)
    }

    fn load(&self) -> Result<Element> {
        self.reader.build(self.node.fetch()?)
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        if self.parts.get().is_none() {
            let parts = self.reader.part_reader(&self.node)?;
            self.parts.get_or_init(|| parts);
        }
        match self.parts.get().and_then(Option::as_ref) {
            Some(parts) => parts.read(axes).map_err(|error| error.of_stored().at(self.node.path())),
            None => self.reader.build_part(&self.node, axes),
        }
    }

    fn has_latency(&self) -> bool {
        self.node.has_latency()
    }

    fn load_async(&self) -> BoxFuture<'_, Result<Element>> {
        if self.node.has_latency() {
            return Box::pin(async { self.reader.build(self.node.fetch_async().await?) });
        }
        let stored = self.clone();
        Box::pin(unblock(move || stored.load()))
    }

    /// What is read of a part may depend on values, such as the offsets of a sparse matrix, so it is read on other threads.
    fn select_async<'a>(&'a self, axes: &'a [AxisSelection]) -> BoxFuture<'a, Result<Element>> {
        let (stored, axes) = (self.clone(), axes.to_vec());
        Box::pin(unblock(move || stored.select(&axes)))
    }

    fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        self.reader.major_lengths(&self.node, slices)
    }

    fn nnz(&self) -> Result<Option<usize>> {
        let Node::Group(group) = &self.node else { return Ok(None) };
        let Schema::Sparse { .. } = self.schema()? else { return Ok(None) };
        Ok(match group.children.get("data") {
            Some(Node::Array(data)) => match data.spec.shape.as_slice() {
                [len] => usize::try_from(*len).ok(),
                _ => None,
            },
            _ => None,
        })
    }

    fn categories(&self, range: Range<usize>) -> Result<Column> {
        match self.reader.categories(&self.node, range.clone())? {
            Some(categories) => Ok(categories),
            None => self.select(&[AxisSelection::Range(0..0)])?.into_column()?.categories()?.slice(range),
        }
    }

    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        let chunks = self.reader.chunks(&self.node)?;
        let chunk = chunks.and_then(|chunks| usize::try_from(*chunks.get(axis)?).ok());
        Ok(chunk.filter(|&chunk| chunk > 0).map_or(position, |chunk| position - position % chunk))
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        nbytes(&self.node, with_stored)
    }

    fn locate(&self, error: Error) -> Error {
        self.node.locate(error.at(self.node.path()))
    }
}

/// The same stored element, read anew each time: for what stays in its store because it is too large, or may change
/// there. Other elements are what they are.
pub(crate) fn uncached(lazy: &Lazy) -> Lazy {
    match lazy.source::<StoredElement>() {
        Some(stored) => Lazy::uncached(stored.clone()),
        None => lazy.clone(),
    }
}

/// The source of an opaque element: its stored tree.
#[derive(Debug)]
struct KeptTree(Node);

/// An opaque element over its stored tree.
pub(crate) fn opaque(node: Node) -> Opaque {
    Opaque::new(KeptTree(node))
}

impl OpaqueSource for KeptTree {
    fn path(&self) -> &str {
        self.0.path()
    }

    fn encoding_type(&self) -> Option<String> {
        self.0.attributes().get("encoding-type").and_then(Attribute::as_str)
    }

    fn encoding_version(&self) -> Option<String> {
        self.0.attributes().get("encoding-version").and_then(Attribute::as_str)
    }

    fn unreadable(&self) -> Option<Error> {
        self.0.unreadable().map(Unreadable::error)
    }

    fn load(&self) -> Result<Opaque> {
        Ok(opaque(self.0.fetch()?))
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        nbytes(&self.0, with_stored)
    }

    fn equals(&self, other: &dyn OpaqueSource) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| Same { a: self.path(), b: other.path() }.nodes(&self.0, &other.0))
    }

    fn locate(&self, error: Error) -> Error {
        self.0.locate(error)
    }
}

/// The comparison of two trees, each relative to its root.
struct Same<'a> {
    a: &'a str,
    b: &'a str,
}

impl Same<'_> {
    fn nodes(&self, a: &Node, b: &Node) -> bool {
        self.attributes(a, b)
            && match (a, b) {
                (Node::Group(a), Node::Group(b)) => {
                    a.children.len() == b.children.len()
                        && a.children
                            .iter()
                            .all(|(key, child)| b.children.get(key).is_some_and(|other| self.nodes(child, other)))
                }
                (Node::Array(a), Node::Array(b)) => arrays(a, b),
                _ => false,
            }
    }

    fn attributes(&self, a: &Node, b: &Node) -> bool {
        let (a, b) = (a.attributes(), b.attributes());
        a.len() == b.len()
            && a.iter().all(|(name, value)| match (value, b.get(name)) {
                (Attribute::Reference(a), Some(Attribute::Reference(b))) => {
                    let (within_a, within_b) = (a.strip_prefix(self.a), b.strip_prefix(self.b));
                    if within_a.is_some() && within_b.is_some() { within_a == within_b } else { a == b }
                }
                (value, other) => Some(value) == other,
            })
    }
}

fn arrays(a: &ArrayNode, b: &ArrayNode) -> bool {
    if is_nothing(a) && is_nothing(b) {
        return true;
    }
    a.spec.dtype == b.spec.dtype && a.spec.shape == b.spec.shape && a.spec.null == b.spec.null && a.source == b.source
}

/// The bytes that the values of a tree take in memory. Text that was not read counts with its offsets alone.
fn nbytes(node: &Node, with_stored: bool) -> usize {
    match node {
        Node::Group(group) => group.children.values().map(|child| nbytes(child, with_stored)).sum(),
        Node::Array(array) => match &array.source {
            Source::Tensor(tensor) => tensor.nbytes(),
            Source::Empty => 0,
            _ if with_stored => {
                let len = array.spec.shape.iter().fold(1_u64, |len, &axis| len.saturating_mul(axis));
                let size = array.spec.dtype.size().unwrap_or(size_of::<i64>());
                // Fallback: an estimate.
                usize::try_from(len).unwrap_or(usize::MAX).saturating_mul(size)
            }
            _ => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::GroupNode;
    use crate::{Element, Tensor};

    fn opaque(path: &str, values: Vec<i64>, chunk: Option<u64>, refers_to: &str) -> Result<Element> {
        let mut group = GroupNode::encoded(path, "unknown", "1");
        let mut array = ArrayNode::plain(&format!("{path}/a"), Tensor::from_vec([values.len()], values)?);
        array.spec.chunks = chunk.map(|len| vec![len]);
        array.attributes.insert("to".to_owned(), Attribute::Reference(refers_to.to_owned()));
        group.insert("a", Node::Array(array))?;
        Ok(super::opaque(Node::Group(group)).into())
    }

    /// HDF5 has no values for it, zarr a `false`.
    #[test]
    fn nothing_is_equal_to_nothing_of_another_format() -> Result<()> {
        let nothing = |value: bool, version: &str| {
            let array = ArrayNode::encoded("x", "null", version, Tensor::from_vec([1], vec![value])?);
            Ok::<Element, crate::Error>(super::opaque(Node::Array(array)).into())
        };
        assert_eq!(nothing(true, "0.1.0")?, nothing(false, "0.1.0")?);
        assert_ne!(nothing(true, "9.0.0")?, nothing(false, "9.0.0")?);
        Ok(())
    }

    #[test]
    fn equality_is_that_of_what_is_stored_not_of_where_and_how() -> Result<()> {
        let one = opaque("uns/x", vec![1, 2], None, "uns/x/a")?;
        assert_eq!(one, opaque("other/y", vec![1, 2], Some(1), "other/y/a")?);
        assert_ne!(one, opaque("uns/x", vec![1, 3], None, "uns/x/a")?);
        assert_ne!(one, opaque("other/y", vec![1, 2], None, "other/y/b")?);
        Ok(())
    }
}
