//! `categorical` 0.2.0: values out of a few categories.
//!
//! ```text
//! obs/louvain             group
//!   encoding-type         "categorical"
//!   encoding-version      "0.2.0"
//!   ordered               boolean
//!   codes                 integers, -1 if missing
//!   categories            array of text, numbers or booleans
//! ```
//!
//! The width of the codes, the order of the categories and those not used are kept; codes are checked against the
//! categories. Read as well, and written in the form above: no attribute `ordered` (not ordered), categories of any
//! encoding of one dimension or a single one, and, where [repairs](super::Registry::with_repair) are asked for, codes that
//! count from 1. Categories that are there more than once are read, and written only once repairs have merged them.
//! Specification: [Categorical arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#categorical-arrays). The form of `dataframe` 0.1.0 is in [`dataframe`](super::dataframe).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Column, Element, Group, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let column = Element::from(Column::categorical_from_strings(["b", "a", "b"])?);
//! io::write_elem(&root, "louvain", &column, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.array("louvain/codes")?.read()?.as_slice::<i8>()?, [1, 0, 1]);
//! assert_eq!(root.array("louvain/categories")?.read()?.to_strings()?, ["a", "b"]);
//! assert_eq!(io::read_elem(&root, "louvain", &io::ElemReadOptions::default())?, column);
//! # Ok::<(), anndata_format::Error>(())
//! ```

mod validate;

use std::ops::Range;

use anndata_storage::{Attribute, AxisSelection, Error, Result, Scalar as _, Tensor, child_path, dispatch};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::rows;
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{GroupNode, Node, Seen};
use crate::{Column, ColumnKind, ColumnSchema, Element, Lazy, Schema};
use anndata_array::code_dtype;

/// See the [module](self).
#[derive(Debug)]
pub struct CategoricalEncoding;

impl Encoding for CategoricalEncoding {
    fn name(&self) -> &'static str {
        "categorical"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Column(column) if matches!(column.kind(), ColumnKind::Categorical { .. }))
    }

    fn attributes(&self) -> &[&str] {
        &["ordered"]
    }

    fn versions(&self) -> &[&str] {
        &["0.2.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let ordered = ordered(&node)?;
        let mut group = node.into_group()?;
        let codes = group.take("codes")?.into_tensor()?;
        let categories = group.take("categories")?;
        let path = categories.path().to_owned();
        let categories = match context.registry().build(categories)? {
            Element::Tensor(single) if single.ndim() == 0 => Element::Tensor(single.reshape([1])?),
            categories => categories,
        };
        let categories = categories.into_column().map_err(|error| error.at(&path))?;
        let repair = context.registry().repairs();
        let column = match Column::categorical(&codes, &categories, ordered) {
            Err(error) => match from_zero(&codes, categories.len())? {
                Some(codes) if repair => {
                    tracing::warn!(path = group.path, "codes that count from 1 were repaired");
                    Column::categorical(&codes, &categories, ordered)?
                }
                Some(_) => return Err(error.with_advice(COUNT_FROM_ONE)),
                None => return Err(error),
            },
            Ok(column) => column,
        };
        Ok(Element::Column(if repair { column.with_distinct_categories()? } else { column }))
    }

    fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> bool {
        // Codes are looked at as a whole where they may have to be repaired.
        !context.registry().repairs()
            && super::values::vector(node, "codes").is_some_and(|codes| codes.spec.dtype.is_integer())
            && context.plain_vector(node, "categories").is_some()
            && ordered(node).is_ok()
    }

    fn copy(&self, node: &Node) -> Result<Node> {
        let ordered = ordered(node)?;
        let mut group = node.as_group()?.clone();
        let categories = group.child("categories")?.as_array()?;
        let count = categories.spec.len()?;
        let categories = super::values::member(&categories.distinct("category", REPEATED))?;
        let codes = group.child("codes")?.as_array()?;
        let codes = super::values::member(&codes.checked("code", -1..i128::from(count), Some(COUNT_FROM_ONE)))?;
        group.attributes.insert("ordered".to_owned(), Attribute::from(ordered));
        group.children.insert("codes".to_owned(), codes);
        group.children.insert("categories".to_owned(), categories);
        Ok(Node::Group(group))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Column(column) = element else { return Err(wrong_element("categorical", element)) };
        let ColumnKind::Categorical { ordered } = column.kind() else {
            return Err(wrong_element("categorical", element));
        };
        let (codes, categories) = column.codes_and_categories()?;
        if let Some(at) = Seen::default().first_repeated(&categories.to_tensor()?)? {
            let error = Error::invalid_data(format!("the category at position {at} is repeated"));
            return Err(error.at(&child_path(path, "categories")).with_advice(REPEATED));
        }
        let mut group = GroupNode::encoded(path, "categorical", "0.2.0");
        group.attributes.insert("ordered".to_owned(), Attribute::from(ordered));
        for (key, element) in [("codes", Element::Tensor(codes)), ("categories", Element::Column(categories))] {
            group.children.insert(key.to_owned(), context.encode(&element, &child_path(path, key))?);
        }
        Ok(Node::Group(group))
    }

    fn stream(&self, lazy: &Lazy, path: &str, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        rows::stream(lazy, path, context, &["codes"]).map(Some)
    }

    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        let mut group = node.as_group()?.clone();
        let part = group.child("codes")?.as_array()?.select(axes)?;
        group.children.insert("codes".to_owned(), Node::Array(part));
        Ok(Some(Node::Group(group)))
    }

    fn categories(&self, node: &Node, range: Range<usize>, registry: &Registry) -> Result<Option<Column>> {
        let categories = node.as_group()?.child("categories")?;
        // Repairs merge categories, which they see as a whole.
        if registry.repairs() || registry.shape(categories)?.is_none_or(|shape| shape.len() != 1) {
            return Ok(None);
        }
        let axis = AxisSelection::Range(range.start as u64..range.end as u64);
        registry.build_part(categories, &[axis])?.into_column().map(Some).map_err(|error| error.at(categories.path()))
    }

    fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        super::values::children(node, &["codes", "categories"])
    }

    fn chunks<'n>(&self, node: &'n Node) -> Option<&'n [u64]> {
        node.descendant("codes")?.as_array().ok()?.spec.chunks.as_deref()
    }

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        validate::check_categorical(node, registry, checker);
    }

    fn schema(&self, node: &Node, registry: &Registry) -> Result<Schema> {
        let group = node.as_group()?;
        let codes = super::values::column_schema(&super::values::array_schema(group.child("codes")?.as_array()?)?)?;
        let categories = match registry.schema(group.child("categories")?)? {
            Schema::Array { dtype, shape } if shape.is_empty() => Schema::Array { dtype, shape: vec![1] },
            categories => categories,
        };
        let categories = super::values::column_schema(&categories)?;
        let kind = ColumnKind::Categorical { ordered: ordered(node)? };
        let column = ColumnSchema::new(kind, categories.dtype, codes.len).with_n_categories(categories.len);
        Ok(Schema::Column(column))
    }

    fn shape(&self, node: &Node, _registry: &Registry) -> Result<Option<Vec<usize>>> {
        node.as_group()?.child("codes")?.as_array()?.shape().map(Some)
    }
}

/// What can be done about codes that have no category.
const COUNT_FROM_ONE: &str = "codes that count from 1 are read with the option `repair` (`--repair`)";

/// What can be done about a category that is there twice, which no reader takes.
const REPEATED: &str = "equal categories are merged with the option `repair` (`--repair`)";

/// Whether the order of the categories means something; where nothing is said it does not.
fn ordered(node: &Node) -> Result<bool> {
    Ok(node.bool_attribute("ordered")?.unwrap_or(false))
}

/// Codes that count from 1, as R has them, as ones that count from 0: where each is one of 1 to the number of
/// categories, or -1, and the last of them is there. A code 0 could be a missing value or the first category.
fn from_zero(codes: &Tensor, categories: usize) -> Result<Option<Tensor>> {
    if codes.ndim() != 1 || !codes.dtype().is_integer() {
        return Ok(None);
    }
    let last =
        i128::try_from(categories).map_err(|_| Error::limit_exceeded("the number of categories exceeds 63 bits"))?;
    dispatch!(integer codes.dtype(), T => {
        let codes = codes.as_slice::<T>()?;
        let mut from_zero = Vec::with_capacity(codes.len());
        for code in codes {
            match code.to_integer().map(|code| (code, i64::try_from(code - 1))) {
                Some((-1, _)) => from_zero.push(-1),
                Some((code, Ok(counted))) if (1..=last).contains(&code) => from_zero.push(counted),
                _ => return Ok(None),
            }
        }
        let codes = Tensor::from_vec([codes.len()], from_zero)?;
        codes.cast(&code_dtype(categories)).map(Some)
    }, else => Ok(None))
}
