//! `dict` 0.1.0: named elements.
//!
//! ```text
//! uns                     group, one child per element
//!   encoding-type         "dict"
//!   encoding-version      "0.1.0"
//! ```
//!
//! The order of keys is kept where the store keeps it (files written by Python list them by name). A key with a `/`
//! is refused when writing: it would read back as a mapping within the mapping.
//! Specification: [Mappings](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#mappings).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, Mapping, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let params: Mapping = [("method".to_owned(), "umap".into()), ("n_neighbors".to_owned(), 15_i64.into())].into();
//! io::write_elem(&root, "params", &Element::from(params), &io::ElemWriteOptions::default())?;
//! assert_eq!(root.group("params")?.children()?, ["method", "n_neighbors"]);
//!
//! let refused: Mapping = [("a/b".to_owned(), Element::Null)].into();
//! let error = io::write_elem(&root, "refused", &refused.into(), &io::ElemWriteOptions::default()).unwrap_err();
//! assert!(error.is_invalid_input() && error.to_string().contains("a/b"), "{error:?}");
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{Error, Result, child_path};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::sparse;
use crate::findings::Checker;
use crate::node::{GroupNode, Node};
use crate::{Element, Mapping, Schema};

/// See the [module](self).
#[derive(Debug)]
pub struct DictEncoding;

impl Encoding for DictEncoding {
    fn name(&self) -> &'static str {
        "dict"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Mapping(_))
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let children = node.into_group()?.children.into_iter();
        let mapping = children.map(|(key, child)| Ok((key, context.build(child)?))).collect::<Result<Mapping>>()?;
        Ok(Element::Mapping(mapping))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        encode(element.as_mapping()?, path, context)
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        if let Some(group) = checker.group(node) {
            checker.children(group);
        }
    }

    fn schema(&self, _node: &Node, _registry: &Registry) -> Result<Schema> {
        Ok(Schema::Mapping)
    }

    fn is_container(&self, _node: &Node) -> bool {
        true
    }
}

/// The tree of a mapping.
pub(super) fn encode<'a>(
    mapping: impl IntoIterator<Item = (&'a String, &'a Element)>,
    path: &str,
    context: &EncodeContext<'_>,
) -> Result<Node> {
    let mut group = GroupNode::encoded(path, "dict", "0.1.0");
    for (key, element) in mapping {
        check_key(key).map_err(|error| error.at(path))?;
        group.children.insert(key.clone(), sparse::encode(element, &child_path(path, key), context)?);
    }
    Ok(Node::Group(group))
}

/// The tree of a slot of an object, which is an element of its own as well.
pub(super) fn encode_slot(mapping: &Mapping, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
    match context.visit_made(|| Element::Mapping(mapping.clone()), path)? {
        Some(instead) => context.encode_visited(&instead, path),
        None => encode(mapping, path, context),
    }
}

/// Refuses keys that would not read back as they are.
pub(crate) fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key == "." || key == ".." {
        return Err(Error::invalid_input(format!("'{key}' is not a key that can be stored")));
    }
    if key.contains('/') {
        let error = Error::invalid_input(format!("key '{key}' contains a '/', which separates the names of a path"));
        return Err(error.with_advice("give it another name (`--repair` writes '_' for '/')"));
    }
    if key.contains('\0') {
        return Err(Error::invalid_input(format!("key {key:?} contains a NUL")));
    }
    Ok(())
}
