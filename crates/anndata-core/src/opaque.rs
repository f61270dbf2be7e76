//! [`Opaque`]: an element of an encoding that this version does not know, or that cannot be opened.

use std::sync::Arc;

use anndata_storage::{Error, Result};

use crate::Attribute;
use crate::node::{ArrayNode, Node, Source, Unreadable};

/// An element that is kept as it is stored, because its encoding, or a dtype in it, is not known, or because it, or
/// something in it, cannot be opened ([`unreadable`](Self::unreadable)).
///
/// It never blocks the file it is in. It is copied through unchanged when the object is written, unless it could not be
/// opened: then writing is refused until the element is removed, or left out when it is read
/// ([`ReadOptions::skip`](crate::io::ReadOptions::skip)).
#[derive(Debug, Clone)]
pub struct Opaque {
    node: Arc<Node>,
}

impl Opaque {
    /// An opaque element over its stored nodes.
    pub fn new(node: Node) -> Self {
        Self { node: Arc::new(node) }
    }

    /// The path that the element was read from.
    pub fn path(&self) -> &str {
        self.node.path()
    }

    /// Its `encoding-type`, where it has one.
    pub fn encoding_type(&self) -> Option<String> {
        self.node.attributes().get("encoding-type").and_then(crate::Attribute::as_str)
    }

    /// Its `encoding-version`, where it has one.
    pub fn encoding_version(&self) -> Option<String> {
        self.node.attributes().get("encoding-version").and_then(crate::Attribute::as_str)
    }

    /// The stored groups, arrays and attributes.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Why it, or something in it, could not be opened; `None` where it is of an encoding or dtype that is not known.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        self.node.unreadable()
    }

    /// The error of a use of the element that needs more than its metadata.
    pub(crate) fn error(&self, use_of_it: &str) -> Error {
        let error = match (self.unreadable(), self.encoding_type()) {
            (Some(reason), _) => reason.error(),
            (None, Some(encoding)) => {
                Error::unsupported(format!("{use_of_it}: its encoding, '{encoding}', is not known")).at(self.path())
            }
            (None, None) => Error::unsupported(format!("{use_of_it}: its type is not known")).at(self.path()),
        };
        let error = self.node.locate(error);
        match removal(self.path()) {
            Some(call) => error.with_advice(format!("`{call}` removes it")),
            None => error,
        }
    }

    /// The same with all arrays that can be read in memory.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn load(&self) -> Result<Self> {
        Ok(Self::new(self.node.fetch()?))
    }
}

/// The call that removes the element at a path from an object.
fn removal(path: &str) -> Option<String> {
    let (slot, key) = path.split_once('/').unwrap_or((path, ""));
    Some(match slot {
        "X" => "set_x(None)".to_owned(),
        _ if key.is_empty() => return None,
        "obs" | "var" => format!("remove_{slot}_column({key:?})"),
        "obsm" | "varm" | "obsp" | "varp" => format!("remove_{slot}({:?})", first_name(key)),
        "layers" => format!("remove_layer(Some({:?}))", first_name(key)),
        "uns" if !key.contains('/') => format!("uns_mut().shift_remove({key:?})"),
        _ => return None,
    })
}

fn first_name(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// Equal attributes, dtypes, shapes and values, wherever and in whatever chunks they are stored. Values that are not in
/// memory are read; what cannot be read is equal where it is the same stored array.
impl PartialEq for Opaque {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node) || Same { a: self.path(), b: other.path() }.nodes(&self.node, &other.node)
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
    let values = |node: &ArrayNode| match &node.source {
        Source::Stored(array) => array.read().map_or_else(|_| node.source.clone(), Source::Tensor),
        source => source.clone(),
    };
    a.spec.dtype == b.spec.dtype
        && a.spec.shape == b.spec.shape
        && a.spec.null == b.spec.null
        && (a.source == b.source || values(a) == values(b))
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
        Ok(Opaque::new(Node::Group(group)).into())
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
