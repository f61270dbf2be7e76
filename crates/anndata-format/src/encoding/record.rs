//! `rec-array` 0.2.0: records of numbers and text, as scanpy's `rank_genes_groups` has them.
//!
//! ```text
//! uns/rank_genes_groups/names    array of a compound dtype
//!   encoding-type                "rec-array"
//!   encoding-version             "0.2.0"
//! ```
//!
//! Text fields are read as text whatever their width. They are written in any length where the format can (HDF5), and
//! as wide as the longest where it cannot (zarr), as Python does.
//! Specification: [Structured arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#structured-arrays).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, Tensor, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let groups = Tensor::from_fields(
//!     [2],
//!     [("names", Tensor::from_strings([2], ["CD3D", "LYZ"])?), ("scores", Tensor::from_vec([2], vec![9.5_f32, 8.0])?)],
//! )?;
//! io::write_elem(&root, "ranks", &Element::from(groups.clone()), &io::ElemWriteOptions::default())?;
//! let back = io::read_elem(&root, "ranks", &io::ElemReadOptions::default())?.to_tensor()?;
//! assert_eq!(back.field("names")?.to_strings()?, ["CD3D", "LYZ"]);
//! assert_eq!(back, groups);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{AxisSelection, DType, Result};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{ArrayNode, Node};
use crate::{Element, Schema};

/// See the [module](self).
#[derive(Debug)]
pub struct RecordEncoding;

impl Encoding for RecordEncoding {
    fn name(&self) -> &'static str {
        "rec-array"
    }

    fn encodes(&self, element: &Element) -> bool {
        super::values::is_plain(element, self.name())
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        super::values::with_text(&node.into_tensor()?).map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Tensor(records) = element else { return Err(wrong_element("rec-array", element)) };
        let records = super::values::with_text(records)?;
        let records = match (context.capabilities().text_in_records, records.shape()) {
            (true, []) => super::values::with_ascii_text(&records)?,
            (true, _) => records,
            (false, _) => super::values::with_fixed_text(&records)?,
        };
        Ok(Node::Array(ArrayNode::encoded(path, "rec-array", "0.2.0", records)))
    }

    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        node.as_array()?.select(axes).map(|part| Some(Node::Array(part)))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        super::values::check_array(node, super::values::Holds::Records, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        super::values::array_schema(node.as_array()?)
    }

    fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> bool {
        let Node::Array(array) = node else { return false };
        let DType::Compound(fields) = &array.spec.dtype else { return false };
        !array.spec.null
            && fields.iter().all(|field| match &field.dtype {
                DType::String => context.capabilities().text_in_records && array.spec.ndim() > 0,
                DType::FixedUtf32(_) => !context.capabilities().text_in_records,
                DType::Compound(_) => false,
                dtype => !dtype.is_text(),
            })
    }
}
