//! Nodes from the JSON documents that hold their metadata, and back.

use anndata_storage::{Error, Result, file_name, parent_path};
use indexmap::IndexMap;
use serde_json::Value;

use super::{Collected, Node, Tree};
use crate::metadata::{Document, malformed, not_understood, unknown_member};
use crate::store::is_safe;
use crate::{ZarrFormat, ZarrOptions};

pub(super) const GROUP: &str = ".zgroup";
pub(super) const ARRAY: &str = ".zarray";
pub(super) const ATTRIBUTES: &str = ".zattrs";

/// The members of `zarr.json` of a group.
const GROUP_MEMBERS: [&str; 4] = ["zarr_format", "node_type", "attributes", "consolidated_metadata"];

/// A new group.
pub(super) fn group(format: ZarrFormat) -> Node {
    let mut document = Document::new();
    if format == ZarrFormat::V3 {
        document.insert("attributes".to_owned(), Value::Object(Document::new()));
        document.insert("zarr_format".to_owned(), Value::from(3));
        document.insert("node_type".to_owned(), Value::from("group"));
    } else {
        document.insert("zarr_format".to_owned(), Value::from(2));
    }
    Node { document, ..Node::default() }
}

/// `zarr.json` of a node.
pub(super) fn document_v3(node: &Node) -> Document {
    let mut document = node.document.clone();
    if node.fault.is_some() {
        return document;
    }
    document.insert("attributes".to_owned(), Value::Object(node.attributes.clone()));
    document
}

/// A node from its `zarr.json`.
pub(super) fn node_v3(mut document: Document) -> Result<Node> {
    if document.get("zarr_format").and_then(Value::as_u64) != Some(3) {
        return Err(malformed("'zarr.json' does not say zarr_format 3"));
    }
    let is_array = match document.get("node_type").and_then(Value::as_str) {
        Some("array") => true,
        Some("group") => false,
        _ => return Err(malformed("'node_type' is neither array nor group")),
    };
    if !is_array && let Some(member) = unknown_member(&document, &GROUP_MEMBERS) {
        return Err(Error::unsupported(not_understood(member)));
    }
    document.shift_remove("consolidated_metadata");
    // The member stays where it is; its value is kept beside.
    let attributes = match document.get_mut("attributes").map(Value::take) {
        None | Some(Value::Null) => Document::new(),
        Some(Value::Object(attributes)) => attributes,
        Some(_) => return Err(malformed("'attributes' is not an object")),
    };
    Ok(Node { is_array, attributes, document, ..Node::default() })
}

/// All that the `zarr.json` of the root says: its node, and those that it collects.
pub(super) fn tree_v3(mut document: Document, options: &ZarrOptions) -> Result<Tree> {
    let collected = document.shift_remove("consolidated_metadata").filter(|value| !value.is_null());
    let mut nodes = IndexMap::from([(String::new(), node_v3(document)?)]);
    let Some(mut collected) = collected else {
        return Ok(Tree { nodes, ..Tree::default() });
    };
    if !options.consolidated || collected.get("kind").and_then(Value::as_str) != Some("inline") {
        return Ok(Tree { nodes, complete: false, collected: Collected::Current, ..Tree::default() });
    }
    let Some(Value::Object(metadata)) = collected.get_mut("metadata").map(Value::take) else {
        return Err(malformed("'consolidated_metadata' has no 'metadata'"));
    };
    // One node that is malformed is not an error of the others.
    for (path, document) in metadata {
        check_path(&path)?;
        let node = match &document {
            Value::Object(found) => node_v3(found.clone()),
            _ => Err(malformed("the collected metadata of a node are not a JSON object")),
        };
        nodes.insert(path, node.unwrap_or_else(|error| Node::faulty(document, &error)));
    }
    Ok(Tree { nodes, complete: true, collected: Collected::Current, ..Tree::default() })
}

fn check_path(path: &str) -> Result<()> {
    if is_safe(path) {
        return Ok(());
    }
    Err(Error::refused(format!("the collected metadata name '{path}', which leaves the store")).at(""))
}

/// All that `.zmetadata` collects.
pub(super) fn tree_v2(collected: &Document) -> Result<Tree> {
    let metadata = collected.get("metadata").and_then(Value::as_object);
    let metadata = metadata.ok_or_else(|| malformed("'.zmetadata' has no 'metadata'"))?;
    let mut nodes: IndexMap<String, Node> = IndexMap::new();
    for (key, document) in metadata {
        let path = parent_path(key).unwrap_or_default();
        if !path.is_empty() {
            check_path(path)?;
        }
        let node = nodes.entry(path.to_owned()).or_default();
        let Value::Object(document) = document else {
            let error = malformed(format!("the collected '{}' is not an object", file_name(key)));
            *node = Node::faulty(Value::Null, &error);
            continue;
        };
        match file_name(key) {
            ATTRIBUTES => document.clone_into(&mut node.attributes),
            ARRAY => {
                node.is_array = true;
                document.clone_into(&mut node.document);
            }
            GROUP if !node.is_array => document.clone_into(&mut node.document),
            _ => {}
        }
    }
    // Attributes alone make no node.
    nodes.retain(|_, node| !node.document.is_empty() || node.fault.is_some());
    if !nodes.contains_key("") {
        return Err(malformed("'.zmetadata' has no root"));
    }
    Ok(Tree { nodes, complete: true, collected: Collected::Current, ..Tree::default() })
}
