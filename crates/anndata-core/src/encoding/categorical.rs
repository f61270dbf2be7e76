//! `categorical` 0.2.0: values out of a few categories.
//!
//! ```text
//! obs/louvain             group
//!   encoding-type         "categorical"
//!   encoding-version      "0.2.0"
//!   ordered               boolean
//!   codes                 integers, -1 where missing
//!   categories            array of text, numbers or booleans
//! ```
//!
//! The width of the codes, the order of the categories and those not used are kept; codes are checked against the
//! categories.
//! Specification: [Categorical arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#categorical-arrays). The form of `dataframe` 0.1.0 is in [`dataframe`](super::dataframe).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_core::{Column, Element, Group, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let column = Element::from(Column::categorical_from_strings(["b", "a", "b"])?);
//! io::write_elem(&root, "louvain", &column, &io::WriteOptions::default())?;
//! assert_eq!(root.array("louvain/codes")?.read()?.as_slice::<i8>()?, [1, 0, 1]);
//! assert_eq!(root.array("louvain/categories")?.read()?.to_strings()?, ["a", "b"]);
//! assert_eq!(io::read_elem(&root, "louvain", &io::ReadOptions::default())?, column);
//! # Ok::<(), anndata_core::Error>(())
//! ```

use anndata_storage::{Attribute, Axis, Error, Result, child_path};

use super::{BuildContext, EncodeContext, Encoding, wrong_element};
use crate::node::{GroupNode, Node};
use crate::validate::{self, Checker};
use crate::{Column, ColumnKind, Element};

/// See the [module](self).
#[derive(Debug)]
pub struct CategoricalEncoding;

impl Encoding for CategoricalEncoding {
    fn name(&self) -> &'static str {
        "categorical"
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let ordered = node.bool_attribute("ordered")?;
        let ordered = ordered.ok_or_else(|| Error::invalid_data("attribute 'ordered' is missing"))?;
        let mut group = node.into_group()?;
        let codes = group.take("codes")?.into_tensor()?;
        let categories = group.take("categories")?;
        let path = categories.path().to_owned();
        let categories = context.registry.build(categories)?.into_column().map_err(|error| error.at(&path))?;
        Ok(Element::Column(Column::categorical(&codes, &categories, ordered)?))
    }

    fn copy(&self, node: &Node) -> Result<Node> {
        let mut group = node.as_group()?.clone();
        let categories = group.child("categories")?.as_array()?.spec.len()?;
        let codes = group.child("codes")?.as_array()?;
        if codes.spec.ndim() != 1 || !codes.spec.dtype.is_integer() {
            return Err(Error::invalid_data(format!("codes are {} of shape {:?}", codes.spec.dtype, codes.spec.shape)));
        }
        let checked = codes.checked("code", -1..i128::from(categories));
        group.children.insert("codes".to_owned(), Node::Array(checked));
        Ok(Node::Group(group))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Column(column) = element else { return Err(wrong_element("categorical", element)) };
        let ColumnKind::Categorical { ordered } = column.kind() else {
            return Err(wrong_element("categorical", element));
        };
        let (codes, categories) = column.codes_and_categories()?;
        let mut group = GroupNode::encoded(path, "categorical", "0.2.0");
        group.attributes.insert("ordered".to_owned(), Attribute::from(ordered));
        for (key, element) in [("codes", Element::Tensor(codes)), ("categories", Element::Column(categories))] {
            group.children.insert(key.to_owned(), context.encode(&element, &child_path(path, key))?);
        }
        Ok(Node::Group(group))
    }

    fn select(&self, node: &Node, axes: &[Axis]) -> Result<Option<Node>> {
        let mut group = node.as_group()?.clone();
        let part = group.child("codes")?.as_array()?.select(axes)?;
        group.children.insert("codes".to_owned(), Node::Array(part));
        Ok(Some(Node::Group(group)))
    }

    fn validate(&self, node: &Node, checker: &mut Checker<'_>) {
        validate::check_categorical(node, checker);
    }

    fn shape(&self, node: &Node) -> Result<Option<Vec<usize>>> {
        node.as_group()?.child("codes")?.as_array()?.shape().map(Some)
    }
}
