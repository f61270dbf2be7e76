//! [`Lazy`]: an element that is read when it is asked for.

use std::fmt;
use std::sync::{Arc, OnceLock};

use anndata_storage::Result;

use crate::Element;
use crate::encoding::Registry;
use crate::node::Node;

/// A stored element: its metadata are known, its values are read on first use and then kept.
///
/// A clone shares the values once they are read.
#[derive(Clone)]
pub struct Lazy(Arc<Inner>);

struct Inner {
    node: Node,
    registry: Registry,
    value: OnceLock<Element>,
}

impl Lazy {
    /// A lazy element over the metadata of a stored one.
    pub fn new(node: Node, registry: Registry) -> Self {
        Self(Arc::new(Inner { node, registry, value: OnceLock::new() }))
    }

    /// The path of the element in its store.
    pub fn path(&self) -> &str {
        self.0.node.path()
    }

    /// The stored metadata.
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// Whether the values have been read.
    pub fn is_loaded(&self) -> bool {
        self.0.value.get().is_some()
    }

    /// The length of each axis, from metadata alone; `None` for what has no axes.
    ///
    /// # Errors
    /// Where the metadata are malformed.
    pub fn shape(&self) -> Result<Option<Vec<usize>>> {
        self.0.registry.shape(&self.0.node)
    }

    /// The element, read on first use.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn load(&self) -> Result<Element> {
        if let Some(element) = self.0.value.get() {
            return Ok(element.clone());
        }
        let element = self.0.registry.build(self.0.node.fetch()?)?;
        Ok(self.0.value.get_or_init(|| element).clone())
    }

    /// The element, read and not kept: for passing over data larger than memory.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn load_once(&self) -> Result<Element> {
        match self.0.value.get() {
            Some(element) => Ok(element.clone()),
            None => self.0.registry.build(self.0.node.fetch()?),
        }
    }
}

/// Equal values; both are read where they are not the same element.
impl PartialEq for Lazy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || matches!((self.load(), other.load()), (Ok(a), Ok(b)) if a == b)
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lazy({}, loaded: {})", self.path(), self.is_loaded())
    }
}
