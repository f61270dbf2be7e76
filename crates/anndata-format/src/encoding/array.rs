//! `array` 0.2.0: a dense array of numbers, fixed-width bytes, or, in zarr, dates and spans of time.
//!
//! ```text
//! obsm/X_pca              array, any number of dimensions
//!   encoding-type         "array"
//!   encoding-version      "0.2.0"
//! ```
//!
//! Values are little-endian and C-contiguous once read. An array without dimensions is written as a
//! [`numeric-scalar`](super::scalar), as Python does. Specification: [Dense arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#dense-arrays).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, Tensor, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let pca = Element::from(Tensor::from_vec([2, 1], vec![0.5_f32, 1.5])?);
//! io::write_elem(&root, "X_pca", &pca, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.array("X_pca")?.attributes()?["encoding-type"].as_str().as_deref(), Some("array"));
//! assert_eq!(io::read_elem(&root, "X_pca", &io::ElemReadOptions::default())?, pca);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{AxisSelection, Result};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::rows;
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{ArrayNode, Node};
use crate::{Element, Lazy, Schema};

/// See the [module](self).
#[derive(Debug)]
pub struct ArrayEncoding;

impl Encoding for ArrayEncoding {
    fn name(&self) -> &'static str {
        "array"
    }

    fn encodes(&self, element: &Element) -> bool {
        super::values::is_plain(element, self.name())
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        node.into_tensor().map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let values = match element {
            Element::Tensor(tensor) => tensor.clone(),
            Element::Column(column) => column.to_tensor()?,
            other => return Err(wrong_element("array", other)),
        };
        Ok(Node::Array(ArrayNode::encoded(path, "array", "0.2.0", values)))
    }

    fn stream(&self, lazy: &Lazy, path: &str, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        rows::stream(lazy, path, context, &[""]).map(Some)
    }

    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        node.as_array()?.select(axes).map(|part| Some(Node::Array(part)))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        super::values::check_array(node, super::values::Holds::Numbers, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        super::values::array_schema(node.as_array()?)
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        let Node::Array(array) = node else { return false };
        let spec = &array.spec;
        !spec.null && super::values::encoding_of_values(&spec.dtype, spec.ndim()).is_ok_and(|name| name == "array")
    }
}
