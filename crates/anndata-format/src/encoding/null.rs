//! `null` 0.1.0: nothing, Python's `None`.
//!
//! ```text
//! uns/none                HDF5: a null dataspace; zarr: a boolean scalar that means nothing
//!   encoding-type         "null"
//!   encoding-version      "0.1.0"
//! ```
//!
//! Specification: [Scalars](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#scalars).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! io::write_elem(&root, "none", &Element::Null, &io::ElemWriteOptions::default())?;
//! assert!(root.array("none")?.spec().null);
//! assert_eq!(io::read_elem(&root, "none", &io::ElemReadOptions::default())?, Element::Null);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{ArraySpec, DType, Result};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use crate::findings::Checker;
use crate::node::{ArrayNode, Node, Source, encoding_attributes};
use crate::{Element, Schema};

/// See the [module](self).
#[derive(Debug)]
pub struct NullEncoding;

impl Encoding for NullEncoding {
    fn name(&self) -> &'static str {
        "null"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Null)
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, _node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        Ok(Element::Null)
    }

    fn encode(&self, _element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        Ok(nothing(path))
    }

    fn copy(&self, node: &Node) -> Result<Node> {
        // Formats say "nothing" differently: it is made anew.
        Ok(nothing(node.path()))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        if checker.array(node).is_some() {
            checker.decode(node);
        }
    }

    fn schema(&self, _node: &Node, _registry: &Registry) -> Result<Schema> {
        Ok(Schema::Null)
    }

    fn is_current(&self, _node: &Node, _context: &EncodeContext<'_>) -> bool {
        true
    }
}

/// An array without a value.
fn nothing(path: &str) -> Node {
    Node::Array(ArrayNode {
        path: path.to_owned(),
        attributes: encoding_attributes("null", "0.1.0"),
        spec: ArraySpec::null(DType::F32),
        source: Source::Empty,
    })
}
