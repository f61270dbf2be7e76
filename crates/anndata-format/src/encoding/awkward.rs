//! `awkward-array` 0.1.0: nested lists and records of varying length.
//!
//! ```text
//! obsm/transcripts        group
//!   encoding-type         "awkward-array"
//!   encoding-version      "0.1.0"
//!   form                  text: the layout as JSON
//!   length                integer: the number of rows
//!   node0-offsets         array, one per buffer of the layout
//!   node1-data            ...
//! ```
//!
//! The form and the buffers are kept as they are stored, so that what is read is what is written.
//! Specification: [Awkward arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#awkward-arrays).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, awkward::Awkward, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let mut lists = arrow_array::builder::LargeListBuilder::new(arrow_array::builder::Int32Builder::new());
//! lists.append_value([Some(1), Some(2)]);
//! lists.append_value([Some(3)]);
//! let reads = Element::from(Awkward::from_arrow(&lists.finish())?);
//! io::write_elem(&root, "reads", &reads, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.group("reads")?.attributes()?["length"].as_i64(), Some(2));
//! assert_eq!(io::read_elem(&root, "reads", &io::ElemReadOptions::default())?, reads);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{Attribute, Error, Result, child_path};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{GroupNode, Node};
use crate::{Element, Schema};
use anndata_core::awkward::Awkward;

/// See the [module](self).
#[derive(Debug)]
pub struct AwkwardEncoding;

fn length(node: &Node) -> Result<u64> {
    let length = node.lengths_attribute("length")?.and_then(|lengths| lengths.first().copied());
    length.map(|length| length as u64).ok_or_else(|| Error::invalid_data("attribute 'length' is missing"))
}

impl Encoding for AwkwardEncoding {
    fn name(&self) -> &'static str {
        "awkward-array"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Awkward(_))
    }

    fn attributes(&self) -> &[&str] {
        &["form", "length"]
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        let length = length(&node)?;
        let form = node.text_attribute("form")?.ok_or_else(|| Error::invalid_data("attribute 'form' is missing"))?;
        let children = node.into_group()?.children.into_iter();
        let buffers = children.map(|(name, child)| Ok((name, child.into_tensor()?))).collect::<Result<_>>()?;
        Awkward::new(&form, length, buffers).map(Element::Awkward)
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Awkward(awkward) = element else { return Err(wrong_element("awkward-array", element)) };
        let mut group = GroupNode::encoded(path, "awkward-array", "0.1.0");
        let length = i64::try_from(awkward.len())
            .map_err(|_| Error::limit_exceeded("the length of the awkward array exceeds 63 bits"))?;
        group.attributes.insert("form".to_owned(), Attribute::from(awkward.form_json()));
        group.attributes.insert("length".to_owned(), Attribute::from(length));
        for (name, buffer) in awkward.buffers() {
            // Stored as a single value it would be a scalar, not an array.
            let buffer = if buffer.ndim() == 0 { buffer.clone().reshape([1])? } else { buffer.clone() };
            let child = context.encode(&Element::Tensor(buffer), &child_path(path, name))?;
            group.children.insert(name.clone(), child);
        }
        Ok(Node::Group(group))
    }

    fn is_current(&self, _node: &Node, _context: &EncodeContext<'_>) -> bool {
        // The buffers are checked against each other only as a whole.
        false
    }

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        let form = checker.attribute(node, "form", Node::text_attribute);
        let length = checker.attribute(node, "length", Node::lengths_attribute);
        for buffer in node.as_group().iter().flat_map(|group| group.children.values()) {
            registry.check_part_attributes(buffer, &["array"], checker);
        }
        if form.is_some() && length.is_some() {
            checker.whole(node);
        } else {
            checker.decode(node);
        }
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        let len = length(node)?;
        let len = usize::try_from(len)
            .map_err(|_| Error::limit_exceeded(format!("an array of length {len} is longer than memory can hold")))?;
        Ok(Schema::Awkward { len })
    }
}
