//! [`Opaque`]: an element of an encoding that this version does not know.

use std::sync::Arc;

use anndata_storage::Result;

use crate::node::Node;

/// An element that is kept as it is stored, because its encoding, or a dtype in it, is not known.
///
/// It never blocks the file it is in, and is copied through unchanged when the object is written.
#[derive(Debug, Clone, PartialEq)]
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

    /// The same with all arrays that can be read in memory.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn load(&self) -> Result<Self> {
        Ok(Self::new(self.node.fetch()?))
    }
}
