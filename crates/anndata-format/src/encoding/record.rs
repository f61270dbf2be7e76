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
//! io::write_elem(&root, "ranks", &Element::from(groups.clone()), &io::WriteOptions::default())?;
//! let back = io::read_elem(&root, "ranks", &io::ReadOptions::default())?.to_tensor()?;
//! assert_eq!(back.field("names")?.to_strings()?, ["CD3D", "LYZ"]);
//! assert_eq!(back, groups);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{Axis, DType, Error, Result, Tensor};

use super::{BuildContext, EncodeContext, Encoding, Registry, wrong_element};
use crate::node::{ArrayNode, Node};
use crate::validate::{self, Checker, Holds};
use crate::{Element, Schema};

/// See the [module](self).
#[derive(Debug)]
pub struct RecordEncoding;

impl Encoding for RecordEncoding {
    fn name(&self) -> &'static str {
        "rec-array"
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        with_text(&node.into_tensor()?).map(Element::Tensor)
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Tensor(records) = element else { return Err(wrong_element("rec-array", element)) };
        let records = with_text(records)?;
        let records = if context.capabilities().text_in_records { records } else { with_fixed_text(&records)? };
        Ok(Node::Array(ArrayNode::encoded(path, "rec-array", "0.2.0", records)))
    }

    fn select(&self, node: &Node, axes: &[Axis]) -> Result<Option<Node>> {
        node.as_array()?.select(axes).map(|part| Some(Node::Array(part)))
    }

    fn validate(&self, node: &Node, checker: &mut Checker<'_>) {
        validate::check_array(node, Holds::Records, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        super::array_schema(node.as_array()?)
    }

    fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> bool {
        let Node::Array(array) = node else { return false };
        let DType::Compound(fields) = &array.spec.dtype else { return false };
        !array.spec.null
            && fields.iter().all(|field| match &field.dtype {
                DType::String => context.capabilities().text_in_records,
                DType::FixedUtf32(_) => !context.capabilities().text_in_records,
                DType::Compound(_) => false,
                dtype => !dtype.is_text(),
            })
    }
}

/// The records with text in any length where it has a fixed width.
pub(crate) fn with_text(records: &Tensor) -> Result<Tensor> {
    map_text(records, &|field| field.to_text())
}

/// The records with text in a fixed width, in code points: as many as the longest has bytes, as Python counts it.
fn with_fixed_text(records: &Tensor) -> Result<Tensor> {
    map_text(records, &|field| {
        let texts = field.to_strings()?;
        let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
        let bytes = texts.iter().flat_map(|text| {
            let points = text.chars().map(u32::from).chain(std::iter::repeat(0));
            points.take(width).flat_map(u32::to_ne_bytes)
        });
        Tensor::from_bytes(DType::FixedUtf32(width), field.shape(), bytes.collect::<Vec<u8>>())
    })
}

fn map_text(records: &Tensor, change: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let fields = records.fields()?.map(|(name, field)| {
        let field = match field.dtype() {
            DType::Compound(_) => map_text(field, change),
            dtype if dtype.is_text() => change(field),
            _ => Ok(field.clone()),
        };
        Ok((name, field.map_err(|error| Error::invalid_data(format!("field '{name}'")).with_source(error))?))
    });
    Tensor::from_fields(records.shape(), fields.collect::<Result<Vec<_>>>()?)
}
