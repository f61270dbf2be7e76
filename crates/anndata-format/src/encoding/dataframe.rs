//! `dataframe` 0.2.0 and 0.1.0: an index and columns.
//!
//! ```text
//! obs                     group
//!   encoding-type         "dataframe"
//!   encoding-version      "0.2.0"
//!   column-order          list of text: the columns, in order
//!   _index                text: the key of the index; "_index" where the index has no name
//!   _index                array or group of text (any other in frames beside obs and var)
//!   louvain               array or group, one a column
//! ```
//!
//! A column is an [`array`](mod@super::array), [`string-array`](super::string), [`categorical`](super::categorical) or
//! [nullable](super::nullable) array. A column with `/` in its name stands in groups within the group, as Python writes
//! it. Specification: [Dataframes](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#dataframes).
//!
//! Version 0.1.0 (anndata 0.7) has no groups for categorical columns: the codes are the column, with an attribute
//! `categories` that refers to the categories in the group `__categories`; these carry the attribute `ordered`.
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{DataFrame, Element, Group, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let obs = DataFrame::new(["cell-1", "cell-2"]).with_column("n_genes", vec![2_i64, 1])?;
//! io::write_elem(&root, "obs", &Element::from(obs), &io::WriteOptions::default())?;
//! assert_eq!(root.group("obs")?.children()?, ["_index", "n_genes"]);
//! assert_eq!(root.array("obs/_index")?.read()?.to_strings()?, ["cell-1", "cell-2"]);
//! # Ok::<(), anndata_format::Error>(())
//! ```

use std::collections::HashSet;

use anndata_storage::{Attribute, Attributes, Error, Result, Tensor, child_path};

use super::{BuildContext, EncodeContext, Encoding, Registry, wrong_element};
use crate::node::{GroupNode, Node, encoding_attributes};
use crate::validate::{self, Checker};
use crate::{DataFrame, Element, Schema, stored};

/// See the [module](self).
#[derive(Debug)]
pub struct DataFrameEncoding;

/// The key of an index without a name.
pub(crate) const NO_NAME: &str = "_index";

/// The group of categories of version 0.1.0.
const OLD_CATEGORIES: &str = "__categories";

impl Encoding for DataFrameEncoding {
    fn name(&self) -> &'static str {
        "dataframe"
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0", "0.2.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let order = node
            .texts_attribute("column-order")?
            .ok_or_else(|| Error::invalid_data("attribute 'column-order' is missing"))?;
        let index_key = index_key(&node)?;
        node.as_group()?;
        let series = |key: &str| context.series(upgrade(&node, named(&node, key)?)?);
        let name = (index_key != NO_NAME).then(|| index_key.clone());
        let mut frame = DataFrame::with_index(series(&index_key)?).with_index_name(name);
        for key in order {
            if frame.contains(&key) {
                return Err(Error::invalid_data(format!("column '{key}' is named twice")));
            }
            frame.insert(&key, series(&key)?).map_err(|error| error.at(&child_path(node.path(), &key)))?;
        }
        let other = unlisted(node.as_group()?, frame.column_names(), &index_key)
            .map(|(key, child)| (key.clone(), stored::opaque(child.clone()).into()))
            .collect();
        Ok(Element::Frame(frame.with_other(other)))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Frame(frame) = element else { return Err(wrong_element("dataframe", element)) };
        let index_key = frame.index_name().unwrap_or(NO_NAME);
        let mut group = GroupNode::encoded(path, "dataframe", "0.2.0");
        let order = if frame.columns().len() == 0 {
            Tensor::from_vec([0], Vec::<f64>::new())?
        } else {
            Tensor::from_strings([frame.columns().len()], frame.column_names())?
        };
        group.attributes.insert("column-order".to_owned(), Attribute::Tensor(order));
        group.attributes.insert("_index".to_owned(), Attribute::from(index_key));
        group.insert(index_key, context.encode(&frame.index().to_element(), &child_path(path, index_key))?)?;
        for (name, series) in frame.columns() {
            if name == NO_NAME {
                return Err(Error::invalid_input("'_index' is reserved and cannot name a column"));
            }
            if name == index_key {
                check_same(frame, name)?;
                continue;
            }
            group.insert(name, context.encode(&series.to_element(), &child_path(path, name))?)?;
        }
        for (key, element) in frame.other() {
            group.insert(key, context.encode(element, &child_path(path, key))?)?;
        }
        Ok(Node::Group(group))
    }

    fn validate(&self, node: &Node, checker: &mut Checker<'_>) {
        validate::check_frame(node, checker);
    }

    fn schema(&self, node: &Node, registry: &Registry) -> Result<Schema> {
        // A column that cannot be told does not keep the others from being.
        let column = |key: String| {
            let schema = named(node, &key).ok().and_then(|column| {
                let column = upgrade(node, column).ok()?;
                registry.schema(&column).ok()?.as_column()
            });
            (key, schema)
        };
        let columns = node.texts_attribute("column-order")?.unwrap_or_default();
        Ok(Schema::Frame { n_rows: n_rows(node)?, columns: columns.into_iter().map(column).collect() })
    }

    fn shape(&self, node: &Node, _registry: &Registry) -> Result<Option<Vec<usize>>> {
        let columns = node.texts_attribute("column-order")?.unwrap_or_default().len();
        Ok(Some(vec![n_rows(node)?, columns]))
    }

    fn is_container(&self) -> bool {
        true
    }
}

fn index_key(node: &Node) -> Result<String> {
    node.text_attribute("_index")?.ok_or_else(|| Error::invalid_data("attribute '_index' is missing").at(node.path()))
}

/// The number of rows of a frame, from its index.
pub(super) fn n_rows(node: &Node) -> Result<usize> {
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
pub(crate) fn named<'a>(frame: &'a Node, key: &str) -> Result<&'a Node> {
    let column = if key.split('/').any(str::is_empty) { None } else { frame.descendant(key) };
    column.ok_or_else(|| {
        Error::invalid_data(format!("'{key}' is named in its attributes but is not there")).at(frame.path())
    })
}

/// The children that no attribute names.
pub(crate) fn unlisted<'n, 'k>(
    group: &'n GroupNode,
    columns: impl Iterator<Item = &'k str>,
    index_key: &'k str,
) -> impl Iterator<Item = (&'n String, &'n Node)> {
    let mut listed: HashSet<&str> = columns.map(|key| key.split('/').next().unwrap_or_default()).collect();
    listed.extend([index_key.split('/').next().unwrap_or_default(), OLD_CATEGORIES]);
    group.children.iter().filter(move |(key, _)| !listed.contains(key.as_str()))
}

/// An index and a column of the same name are the same array. Labels of text may stand for values of text of another kind.
fn check_same(frame: &DataFrame, name: &str) -> Result<()> {
    let (index, column) = (frame.index().load_once()?, frame.column(name)?);
    if index == column || matches!((index.to_strings(), column.to_strings()), (Ok(a), Ok(b)) if a == b) {
        return Ok(());
    }
    let message = format!("the index is named '{name}', as a column with other values is: rename one of them");
    Err(Error::invalid_input(message))
}

/// A categorical column of version 0.1.0 in the form of 0.2.0; any other column as it is.
pub(crate) fn upgrade(frame: &Node, column: &Node) -> Result<Node> {
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
