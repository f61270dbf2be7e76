//! Where the index and the columns of a stored frame are, in every version.

use std::collections::HashSet;

use anndata_storage::{Attribute, Attributes, Error, Result};

use crate::node::{GroupNode, Node, encoding_attributes};

/// The key of an index without a name.
pub(in crate::encoding) const NO_NAME: &str = "_index";

/// The group of categories of version 0.1.0.
const OLD_CATEGORIES: &str = "__categories";

/// The key of the index.
pub(super) fn index_key(node: &Node) -> Result<String> {
    node.text_attribute("_index")?.ok_or_else(|| Error::invalid_data("attribute '_index' is missing").at(node.path()))
}

/// The number of rows of a frame, from its index.
pub(in crate::encoding) fn n_rows(node: &Node) -> Result<usize> {
    let rows = match named(node, &index_key(node)?)? {
        Node::Array(array) => array.shape()?,
        Node::Group(group) => group.child("values").or_else(|_| group.child("codes"))?.as_array()?.shape()?,
    };
    let &[rows] = rows.as_slice() else {
        return Err(Error::invalid_data(format!("the index has shape {rows:?}, not one dimension")));
    };
    Ok(rows)
}

/// The column or index that an attribute of a frame names. An empty name would be the frame itself.
pub(in crate::encoding) fn named<'a>(frame: &'a Node, key: &str) -> Result<&'a Node> {
    let column = if key.split('/').any(str::is_empty) { None } else { frame.descendant(key) };
    column.ok_or_else(|| {
        Error::invalid_data(format!("'{key}' is named in its attributes but is not there")).at(frame.path())
    })
}

/// The children that no attribute names.
pub(in crate::encoding) fn unlisted<'n, 'k>(
    group: &'n GroupNode,
    columns: impl Iterator<Item = &'k str>,
    index_key: &'k str,
) -> impl Iterator<Item = (&'n String, &'n Node)> {
    let mut listed: HashSet<&str> = columns.map(|key| key.split('/').next().unwrap_or_default()).collect();
    listed.extend([index_key.split('/').next().unwrap_or_default(), OLD_CATEGORIES]);
    group.children.iter().filter(move |(key, _)| !listed.contains(key.as_str()))
}

/// A categorical column of version 0.1.0 in the form of 0.2.0; any other column as it is.
pub(in crate::encoding) fn upgrade(frame: &Node, column: &Node) -> Result<Node> {
    let Some(reference) = column.attributes().get("categories") else { return Ok(column.clone()) };
    let within = match reference {
        Attribute::Reference(path) => {
            let path = path.trim_matches('/');
            path.strip_prefix(frame.path()).map(|rest| rest.trim_matches('/').to_owned())
        }
        other => other.as_str(),
    };
    let categories = within.as_deref().and_then(|path| frame.descendant(path)).ok_or_else(|| {
        Error::invalid_data("attribute 'categories' refers to nothing in the frame").at(column.path())
    })?;
    let ordered = categories.bool_attribute("ordered")?.unwrap_or(false);
    let mut group = GroupNode::encoded(column.path(), "categorical", "0.2.0");
    group.attributes.insert("ordered".to_owned(), Attribute::from(ordered));
    group.children.insert("codes".to_owned(), plain(column, encoding_attributes("array", "0.2.0")));
    let encoding = if categories.as_array()?.spec.dtype.is_text() { "string-array" } else { "array" };
    group.children.insert("categories".to_owned(), plain(categories, encoding_attributes(encoding, "0.2.0")));
    Ok(Node::Group(group))
}

fn plain(node: &Node, attributes: Attributes) -> Node {
    let mut node = node.clone();
    *node.attributes_mut() = attributes;
    node
}
