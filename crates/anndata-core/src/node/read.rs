//! Opening trees from a store, and fetching the values of their arrays.

use anndata_storage::{Axis, DType, Error, Group, NodeKind, Result};
use futures_util::future::try_join_all;
use rayon::prelude::*;

use super::{ArrayNode, GroupNode, Node, Source};

/// How deep groups may be nested: deeper than any use, shallower than a stack.
pub(super) const MAX_DEPTH: usize = 100;

/// How many elements a tree may have. Links of a file can make one group stand at many places, and a small file a tree
/// without end.
const MAX_NODES: usize = 1_000_000;

impl Node {
    /// The metadata of the element at `key` of a group and of all below it; the empty key is the group itself.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is none, or where metadata are malformed.
    pub fn open(group: &Group, key: &str) -> Result<Self> {
        let mut opened = 0;
        if key.trim_matches('/').is_empty() {
            open_group(group, 0, &mut opened)
        } else {
            open_child(group, key, 0, &mut opened)
        }
    }

    /// The same tree with the values of its arrays in memory, read concurrently. Arrays of a dtype that has no name
    /// stay as they are.
    ///
    /// # Errors
    /// Where an array cannot be read.
    pub fn fetch(&self) -> Result<Self> {
        let mut tree = self.clone();
        let mut arrays = Vec::new();
        tree.collect_stored(&mut arrays);
        arrays.into_par_iter().try_for_each(|node| {
            node.source = Source::Tensor(node.source.read()?);
            Ok::<_, Error>(())
        })?;
        Ok(tree)
    }

    /// The same as [`fetch`](Self::fetch) without blocking: all arrays are under way at once where their store can read
    /// so. Arrays of other stores are read one after the other.
    ///
    /// # Errors
    /// Where an array cannot be read.
    pub async fn fetch_async(&self) -> Result<Self> {
        let mut tree = self.clone();
        let mut arrays = Vec::new();
        tree.collect_stored(&mut arrays);
        let reads = arrays.into_iter().map(|node| async {
            node.source = Source::Tensor(match &node.source {
                Source::Stored(array) => array.read_async(&Axis::all(&array.shape())).await?,
                Source::Part(part) => part.read_async().await?,
                other => other.read()?,
            });
            Ok::<_, Error>(())
        });
        try_join_all(reads).await?;
        Ok(tree)
    }

    /// Whether no value of the tree is left to be read.
    pub fn is_fetched(&self) -> bool {
        match self {
            Self::Group(group) => group.children.values().all(Self::is_fetched),
            Self::Array(array) => !array.source.is_stored(),
        }
    }

    fn collect_stored<'a>(&'a mut self, arrays: &mut Vec<&'a mut ArrayNode>) {
        match self {
            Self::Group(group) => group.children.values_mut().for_each(|child| child.collect_stored(arrays)),
            Self::Array(array) => {
                let readable = !matches!(array.spec.dtype, DType::Unknown(_));
                if readable && array.source.is_stored() {
                    arrays.push(array);
                }
            }
        }
    }
}

fn open_child(parent: &Group, key: &str, depth: usize, opened: &mut usize) -> Result<Node> {
    *opened += 1;
    if *opened > MAX_NODES {
        return Err(Error::limit_exceeded(format!("more than {MAX_NODES} elements")).at(parent.path()));
    }
    match parent.kind(key)? {
        Some(NodeKind::Group) => open_group(&parent.group(key)?, depth + 1, opened),
        Some(NodeKind::Array) => {
            let array = parent.array(key)?;
            let spec = array.spec();
            spec.len().map_err(|error| error.at(array.path()))?;
            Ok(Node::Array(ArrayNode {
                path: array.path().to_owned(),
                attributes: array.attributes()?,
                source: if spec.null { Source::Empty } else { Source::Stored(array) },
                spec,
            }))
        }
        None => Err(Error::not_found("no such element").at(&parent.path_of(key))),
    }
}

fn open_group(group: &Group, depth: usize, opened: &mut usize) -> Result<Node> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid_data(format!("groups are nested more than {MAX_DEPTH} deep")).at(group.path()));
    }
    let children = group.children()?.into_iter().map(|key| {
        let child = open_child(group, &key, depth, opened)?;
        Ok((key, child))
    });
    let children = children.collect::<Result<_>>()?;
    Ok(Node::Group(GroupNode { path: group.path().to_owned(), attributes: group.attributes()?, children }))
}
