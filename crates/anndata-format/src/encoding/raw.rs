//! `raw` 0.1.0: the matrix before filtering.
//!
//! ```text
//! raw                     group
//!   encoding-type         "raw"
//!   encoding-version      "0.1.0"
//!   X                     a matrix
//!   var                   a data frame
//!   varm                  a mapping
//! ```
//!
//! What else stands in the group is kept. Before anndata 0.7 the parts stood at the root as `raw.X`, `raw.var` and
//! `raw.varm`: see [`legacy`].
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{AnnData, DataFrame, Group, Mapping, MemoryStore, Raw, Tensor, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let counts = Tensor::from_vec([2, 3], vec![1_i32, 0, 2, 0, 3, 0])?;
//! let raw = Raw::new(Some(counts.into()), DataFrame::new(["A", "B", "C"]), Mapping::new())?;
//! let adata = AnnData::builder().shape(2, 1).raw(raw).build()?;
//! io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.group("raw")?.children()?, ["X", "var", "varm"]);
//! assert_eq!(io::read_anndata(&root, &io::ElemReadOptions::default())?, adata);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{Error, Result, child_path};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::values::wrong_element;
use super::{dict, legacy, sparse};
use crate::findings::Checker;
use crate::node::{GroupNode, Node};
use crate::{DataFrame, Element, Raw, Schema, stored};

/// See the [module](self).
#[derive(Debug)]
pub struct RawEncoding;

impl Encoding for RawEncoding {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Raw(_))
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        Ok(Element::Raw(Box::new(build(node.into_group()?, context)?)))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Raw(raw) = element else { return Err(wrong_element("raw", element)) };
        encode(raw, path, context)
    }

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        super::slots::check_raw(node, registry, checker);
    }

    fn schema(&self, _node: &Node, _registry: &Registry) -> Result<Schema> {
        Ok(Schema::Raw)
    }

    fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        super::values::children(node, &["X", "var", "varm"])
    }

    fn is_container(&self, _node: &Node) -> bool {
        true
    }
}

/// The raw of a group with `X`, `var` and `varm`.
pub(super) fn build(mut group: GroupNode, context: &BuildContext<'_>) -> Result<Raw> {
    let x = group.children.shift_remove("X").map(|node| context.build(node)).transpose()?;
    let varm = legacy::arrays(group.children.shift_remove("varm"), context)?;
    let var = if let Some(node) = group.children.shift_remove("var") {
        legacy::frame(node, context)?
    } else {
        let shape = x.as_ref().map(Element::shape).transpose()?.flatten();
        DataFrame::unnamed(shape.and_then(|shape| shape.get(1).copied()).unwrap_or(0))
    };
    let other = group.children.into_iter().map(|(key, node)| (key, stored::opaque(node).into()));
    Ok(Raw::new(x, var, varm)?.with_other(other.collect()))
}

/// The tree of a raw.
pub(super) fn encode(raw: &Raw, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
    let mut group = GroupNode::encoded(path, "raw", "0.1.0");
    if let Some(x) = raw.x() {
        group.children.insert("X".to_owned(), sparse::encode(x, &child_path(path, "X"), context)?);
    }
    let var = super::slots::frame_to_write(raw.var(), context)?;
    group.children.insert("var".to_owned(), context.encode(&Element::Frame(var), &child_path(path, "var"))?);
    let varm = dict::encode_slot(raw.varm(), &child_path(path, "varm"), context)?;
    group.children.insert("varm".to_owned(), varm);
    for (key, element) in raw.other() {
        group.insert(key, context.encode(element, &child_path(path, key))?)?;
    }
    Ok(Node::Group(group))
}

/// The raw whose parts stand at the root.
pub(super) fn of_root(root: &mut GroupNode, context: &BuildContext<'_>) -> Result<Option<Raw>> {
    if !root.children.keys().any(|key| key.starts_with("raw.")) {
        return Ok(None);
    }
    if root.children.get("raw").is_some_and(|raw| matches!(raw, Node::Group(_))) {
        return Err(Error::invalid_data("both 'raw' and 'raw.*' are there: the file has raw in two forms"));
    }
    let mut group = GroupNode { path: root.path.clone(), ..GroupNode::default() };
    for (key, node) in std::mem::take(&mut root.children) {
        match key.strip_prefix("raw.") {
            Some(part) => group.children.insert(part.to_owned(), node),
            None => root.children.insert(key, node),
        };
    }
    build(group, context).map(Some)
}
