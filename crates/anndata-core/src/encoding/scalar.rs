//! `numeric-scalar` 0.2.0 and `bytes` 0.2.0: one number, boolean or byte string.
//!
//! ```text
//! uns/resolution          one value, no dimensions
//!   encoding-type         "numeric-scalar"
//!   encoding-version      "0.2.0"
//! ```
//!
//! Any numeric dtype, booleans and complex numbers among them. One value in one dimension is read as a scalar, as
//! Python does. Specification: "Scalars".

use anndata_storage::{DType, Result};

use super::{BuildContext, EncodeContext, Encoding, wrong_element};
use crate::Element;
use crate::node::{ArrayNode, Node};

/// `numeric-scalar`: see the [module](self).
#[derive(Debug)]
pub struct NumericScalarEncoding;

/// `bytes`: see the [module](self).
#[derive(Debug)]
pub struct BytesEncoding;

impl Encoding for NumericScalarEncoding {
    fn name(&self) -> &'static str {
        "numeric-scalar"
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        node.into_tensor()?.reshape([]).map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        encode(element, path, "numeric-scalar")
    }

    fn shape(&self, _node: &Node) -> Result<Option<Vec<usize>>> {
        Ok(Some(Vec::new()))
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        matches!(node, Node::Array(array) if array.spec.dtype.is_numeric() && array.spec.ndim() == 0)
    }
}

impl Encoding for BytesEncoding {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        node.into_tensor()?.reshape([]).map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        encode(element, path, "bytes")
    }

    fn shape(&self, _node: &Node) -> Result<Option<Vec<usize>>> {
        Ok(Some(Vec::new()))
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        matches!(node, Node::Array(array)
            if matches!(array.spec.dtype, DType::FixedBytes(_)) && array.spec.ndim() == 0)
    }
}

fn encode(element: &Element, path: &str, name: &str) -> Result<Node> {
    match element {
        Element::Tensor(tensor) => Ok(Node::Array(ArrayNode::encoded(path, name, "0.2.0", tensor.clone()))),
        other => Err(wrong_element(name, other)),
    }
}
