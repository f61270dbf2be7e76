//! `dataframe` 0.2.0 and 0.1.0: an index and columns.
//!
//! ```text
//! obs                     group
//!   encoding-type         "dataframe"
//!   encoding-version      "0.2.0"
//!   column-order          list of text: the columns, in order
//!   _index                text: the key of the index; "_index" where the index has no name
//!   _index                array or group of text (any other in frames beside obs and var)
//!   louvain               array or group, one per column
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
//! io::write_elem(&root, "obs", &Element::from(obs), &io::ElemWriteOptions::default())?;
//! assert_eq!(root.group("obs")?.children()?, ["_index", "n_genes"]);
//! assert_eq!(root.array("obs/_index")?.read()?.to_strings()?, ["cell-1", "cell-2"]);
//! # Ok::<(), anndata_format::Error>(())
//! ```

pub(super) mod distinct;
mod labels;
mod layout;
mod validate;

use anndata_storage::{Attribute, Error, Result, Tensor, child_path};
use rayon::prelude::*;

use self::layout::{NO_NAME, index_key, named, unlisted, upgrade};
use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{GroupNode, Node};
use crate::{DataFrame, Element, Schema, stored};
pub(super) use labels::check_labels;
pub(super) use layout::n_rows;
pub(super) use validate::{check_half, check_names, is_records};

/// See the [module](self).
#[derive(Debug)]
pub struct DataFrameEncoding;

impl Encoding for DataFrameEncoding {
    fn name(&self) -> &'static str {
        "dataframe"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Frame(_))
    }

    fn attributes(&self) -> &[&str] {
        &["_index", "column-order"]
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
        let series = |key: &String| context.series(upgrade(&node, named(&node, key)?)?);
        let (index, columns) = rayon::join(|| series(&index_key), || order.par_iter().map(series).collect::<Vec<_>>());
        let name = (index_key != NO_NAME).then(|| index_key.clone());
        let mut frame = DataFrame::with_index(index?).with_index_name(name);
        for (key, column) in order.iter().zip(columns) {
            if frame.contains(key) {
                return Err(Error::invalid_data(format!("column '{key}' is named twice")));
            }
            frame.insert(key, column?).map_err(|error| error.at(&child_path(node.path(), key)))?;
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

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        validate::check_frame(node, registry, checker);
    }

    fn schema(&self, node: &Node, registry: &Registry) -> Result<Schema> {
        // A column that cannot be described does not keep the others from being.
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

    fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        let mut keys = node.texts_attribute("column-order")?.unwrap_or_default();
        let index = index_key(node)?;
        if !keys.contains(&index) {
            keys.push(index);
        }
        keys.into_iter().map(|key| Ok((key.clone(), upgrade(node, named(node, &key)?)?))).collect()
    }

    fn is_container(&self, _node: &Node) -> bool {
        true
    }
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
