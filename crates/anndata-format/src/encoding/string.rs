//! `string-array` 0.2.0 and `string` 0.2.0: text.
//!
//! ```text
//! obs/_index              array of UTF-8 text, any number of dimensions
//!   encoding-type         "string-array"
//!   encoding-version      "0.2.0"
//! uns/method              one text, no dimensions
//!   encoding-type         "string"
//!   encoding-version      "0.2.0"
//! ```
//!
//! Text is written in any length. Fixed widths, as other tools write them, are read and lose their padding.
//! Specification: [String arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#string-arrays) and [Scalars](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#scalars).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, Tensor, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! io::write_elem(&root, "method", &Element::from("umap"), &io::ElemWriteOptions::default())?;
//! let names = Element::from(Tensor::from_strings([2], ["Zelle", "Größe"])?);
//! io::write_elem(&root, "names", &names, &io::ElemWriteOptions::default())?;
//! assert_eq!(io::read_elem(&root, "method", &io::ElemReadOptions::default())?.to_text()?, "umap");
//! assert_eq!(io::read_elem(&root, "names", &io::ElemReadOptions::default())?, names);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{ArraySpec, AxisSelection, DType, Result};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::rows;
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{ArrayNode, Node};
use crate::{Element, Lazy, Schema};

/// `string-array`: see the [module](self).
#[derive(Debug)]
pub struct StringArrayEncoding;

/// `string`: see the [module](self).
#[derive(Debug)]
pub struct StringEncoding;

impl Encoding for StringArrayEncoding {
    fn name(&self) -> &'static str {
        "string-array"
    }

    fn encodes(&self, element: &Element) -> bool {
        super::values::is_plain(element, self.name())
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        node.into_tensor()?.to_text().map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let text = match element {
            Element::Tensor(tensor) => tensor.to_text()?,
            Element::Column(column) => column.to_tensor()?.to_text()?,
            other => return Err(wrong_element("string-array", other)),
        };
        Ok(Node::Array(ArrayNode::encoded(path, "string-array", "0.2.0", text)))
    }

    fn stream(&self, lazy: &Lazy, path: &str, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        rows::stream(lazy, path, context, &[""]).map(Some)
    }

    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        node.as_array()?.select(axes).map(|part| Some(Node::Array(part)))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        super::values::check_array(node, super::values::Holds::Text, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        super::values::array_schema(node.as_array()?)
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        matches!(node, Node::Array(array) if is_text(&array.spec) && array.spec.ndim() > 0)
    }
}

impl Encoding for StringEncoding {
    fn name(&self) -> &'static str {
        "string"
    }

    fn encodes(&self, element: &Element) -> bool {
        super::values::is_plain(element, self.name())
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        node.into_tensor()?.to_text()?.reshape([]).map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Tensor(tensor) = element else { return Err(wrong_element("string", element)) };
        Ok(Node::Array(ArrayNode::encoded(path, "string", "0.2.0", tensor.to_text()?)))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        super::values::check_scalar(node, super::values::Holds::Text, checker);
    }

    fn schema(&self, _node: &Node, _registry: &Registry) -> Result<Schema> {
        Ok(Schema::Array { dtype: DType::String, shape: Vec::new() })
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        matches!(node, Node::Array(array) if is_text(&array.spec) && array.spec.ndim() == 0)
    }
}

/// Whether values are text as it is written.
fn is_text(spec: &ArraySpec) -> bool {
    spec.dtype == DType::String && !spec.null
}
