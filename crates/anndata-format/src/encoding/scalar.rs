//! `numeric-scalar` 0.2.0 and `bytes` 0.2.0: one number, boolean or byte string.
//!
//! ```text
//! uns/resolution          one value, no dimensions
//!   encoding-type         "numeric-scalar"
//!   encoding-version      "0.2.0"
//! ```
//!
//! Any numeric dtype, booleans and complex numbers among them. One value in one dimension is read as a scalar, as
//! Python does. Specification: [Scalars](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#scalars).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! io::write_elem(&root, "resolution", &Element::from(0.8), &io::ElemWriteOptions::default())?;
//! assert!(root.array("resolution")?.shape().is_empty());
//! assert_eq!(io::read_elem(&root, "resolution", &io::ElemReadOptions::default())?.to_f64()?, 0.8);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{DType, Result};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{ArrayNode, Node};
use crate::{Element, Schema};

/// The two encodings: see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarEncoding {
    /// `numeric-scalar`.
    Number,
    /// `bytes`.
    Bytes,
}

impl Encoding for ScalarEncoding {
    fn name(&self) -> &'static str {
        match self {
            Self::Number => "numeric-scalar",
            Self::Bytes => "bytes",
        }
    }

    fn encodes(&self, element: &Element) -> bool {
        super::values::is_plain(element, self.name())
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        node.into_tensor()?.reshape([]).map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Tensor(tensor) = element else { return Err(wrong_element(self.name(), element)) };
        Ok(Node::Array(ArrayNode::encoded(path, self.name(), "0.2.0", tensor.clone())))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        let holds = if *self == Self::Number { super::values::Holds::Numbers } else { super::values::Holds::Bytes };
        super::values::check_scalar(node, holds, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        Ok(Schema::Array { dtype: node.as_array()?.spec.dtype.clone(), shape: Vec::new() })
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        let Node::Array(array) = node else { return false };
        let holds = match self {
            Self::Number => array.spec.dtype.is_numeric(),
            Self::Bytes => matches!(array.spec.dtype, DType::FixedBytes(_)),
        };
        holds && array.spec.ndim() == 0 && !array.spec.null
    }
}
