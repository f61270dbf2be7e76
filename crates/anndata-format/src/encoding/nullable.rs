//! `nullable-integer`, `nullable-boolean` and `nullable-string-array` 0.1.0: values that can be missing.
//!
//! ```text
//! obs/n_counts            group
//!   encoding-type         "nullable-integer"
//!   encoding-version      "0.1.0"
//!   values                array of integers, booleans or text
//!   mask                  array of booleans, true if missing
//!   na-value              text only: "NA" or "NaN", which pandas shows for a missing text; "NA" where absent
//! ```
//!
//! Below a missing value stands 0, false or an empty text when written. A mask of integers 0 and 1 is read where
//! [repairs](super::Registry::with_repair) are asked for.
//! Specification: [Nullable integers and booleans](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#nullable-integers-and-booleans)
//! and [Nullable string arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#nullable-string-arrays).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Column, Element, Group, MemoryStore, NaValue, Tensor, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let values = Tensor::from_vec([3], vec![7_i64, 0, 9])?;
//! let column = Element::from(Column::nullable(&values, &[false, true, false], NaValue::Na)?);
//! io::write_elem(&root, "age", &column, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.array("age/mask")?.read()?.as_slice::<bool>()?, [false, true, false]);
//! assert_eq!(io::read_elem(&root, "age", &io::ElemReadOptions::default())?, column);
//! # Ok::<(), anndata_format::Error>(())
//! ```

mod validate;

use anndata_storage::{Attribute, AxisSelection, DType, Error, Result, Tensor, child_path, dispatch};

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::rows;
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{GroupNode, Node, first_not_in};
use crate::{Column, ColumnKind, ColumnSchema, Element, Lazy, NaValue, Schema};

/// The three encodings: see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullableEncoding {
    /// `nullable-integer`.
    Integer,
    /// `nullable-boolean`.
    Boolean,
    /// `nullable-string-array`.
    String,
}

impl NullableEncoding {
    fn holds(self, dtype: &DType) -> bool {
        match self {
            Self::Integer => dtype.is_integer(),
            Self::Boolean => *dtype == DType::Bool,
            Self::String => dtype.is_text(),
        }
    }
}

impl Encoding for NullableEncoding {
    fn name(&self) -> &'static str {
        match self {
            Self::Integer => "nullable-integer",
            Self::Boolean => "nullable-boolean",
            Self::String => "nullable-string-array",
        }
    }

    fn encodes(&self, element: &Element) -> bool {
        let Element::Column(column) = element else { return false };
        matches!(column.kind(), ColumnKind::Nullable(_))
            && ColumnSchema::of(column).is_ok_and(|column| self.holds(&column.dtype))
    }

    fn attributes(&self) -> &[&str] {
        &[NA_VALUE]
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let na_value = na_value(&node)?;
        let mut group = node.into_group()?;
        let mask = group.take("mask")?.into_tensor()?;
        let Element::Tensor(values) = context.registry().build(group.take("values")?)? else {
            return Err(Error::invalid_data("'values' is not an array"));
        };
        if !self.holds(values.dtype()) {
            return Err(Error::invalid_data(format!(
                "the values of a {} cannot be of type {}",
                self.name(),
                values.dtype()
            )));
        }
        if values.ndim() != 1 || mask.shape() != values.shape() {
            let message = format!("'values' has shape {:?} and 'mask' {:?}", values.shape(), mask.shape());
            return Err(Error::invalid_data(message));
        }
        let mask =
            mask_of(mask, context.registry().repairs()).map_err(|error| error.at(&child_path(&group.path, "mask")))?;
        Ok(Element::Column(Column::nullable(&values, mask.as_slice::<bool>()?, na_value)?))
    }

    fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> bool {
        let (values, mask) = (context.plain_vector(node, "values"), super::values::vector(node, "mask"));
        !(*self == Self::String && context.options().plain_strings)
            && is_na_value_current(node)
            && values.zip(mask).is_some_and(|(values, mask)| {
                self.holds(&values.spec.dtype) && mask.spec.dtype == DType::Bool && values.spec.shape == mask.spec.shape
            })
    }

    fn copy(&self, node: &Node) -> Result<Node> {
        let na_value = na_value(node)?;
        let mut group = node.as_group()?.clone();
        for key in ["values", "mask"] {
            let array = super::values::member(group.child(key)?.as_array()?)?;
            group.children.insert(key.to_owned(), array);
        }
        if *self == Self::String {
            group.attributes.insert(NA_VALUE.to_owned(), na_value_attribute(na_value));
        }
        Ok(Node::Group(group))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Column(column) = element else { return Err(wrong_element(self.name(), element)) };
        let missing = column.missing();
        if *self == Self::String && context.options().plain_strings {
            return if missing.contains(&true) {
                Err(Error::invalid_input("a missing text cannot be written as plain text"))
            } else {
                context.encode_visited(&Element::Tensor(column.to_tensor()?), path)
            };
        }
        let mut group = GroupNode::encoded(path, self.name(), "0.1.0");
        if let (Self::String, ColumnKind::Nullable(na_value)) = (self, column.kind()) {
            group.attributes.insert(NA_VALUE.to_owned(), na_value_attribute(na_value));
        }
        let values = cleared(&column.to_tensor()?, &missing)?;
        let mask = Tensor::from_vec([missing.len()], missing)?;
        for (key, tensor) in [("values", values), ("mask", mask)] {
            let child = context.encode(&Element::Tensor(tensor), &child_path(path, key))?;
            group.children.insert(key.to_owned(), child);
        }
        Ok(Node::Group(group))
    }

    fn stream(&self, lazy: &Lazy, path: &str, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        let is_plain = *self == Self::String && context.options().plain_strings;
        rows::stream(lazy, path, context, if is_plain { &[""] } else { &["values", "mask"] }).map(Some)
    }

    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        let mut group = node.as_group()?.clone();
        for key in ["values", "mask"] {
            let part = group.child(key)?.as_array()?.select(axes)?;
            group.children.insert(key.to_owned(), Node::Array(part));
        }
        Ok(Some(Node::Group(group)))
    }

    fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        super::values::children(node, &["values", "mask"])
    }

    fn chunks<'n>(&self, node: &'n Node) -> Option<&'n [u64]> {
        node.descendant("values")?.as_array().ok()?.spec.chunks.as_deref()
    }

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        let values = if *self == Self::String { "string-array" } else { "array" };
        validate::check_nullable(node, |dtype| self.holds(dtype), values, registry, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        let values = super::values::array_schema(node.as_group()?.child("values")?.as_array()?)?;
        let kind = ColumnKind::Nullable(na_value(node)?);
        let column = super::values::column_schema(&values)?;
        Ok(Schema::Column(ColumnSchema::new(kind, column.dtype, column.len)))
    }
}

const NA_VALUE: &str = "na-value";

/// What is shown for a missing text. As in Python, whatever is not NaN is NA; validation warns of it.
fn na_value(node: &Node) -> Result<NaValue> {
    let is_nan = node.text_attribute(NA_VALUE)?.is_some_and(|value| value == "NaN");
    Ok(if is_nan { NaValue::Nan } else { NaValue::Na })
}

/// Whether the attribute is as this version writes it, or absent.
fn is_na_value_current(node: &Node) -> bool {
    node.text_attribute(NA_VALUE).is_ok_and(|value| value.is_none_or(|value| matches!(&*value, "NA" | "NaN")))
}

fn na_value_attribute(na_value: NaValue) -> Attribute {
    Attribute::from(match na_value {
        NaValue::Na => "NA",
        NaValue::Nan => "NaN",
    })
}

/// A mask of booleans; with repairs, of integers that are 0 or 1.
fn mask_of(mask: Tensor, repair: bool) -> Result<Tensor> {
    match mask.dtype() {
        DType::Bool => Ok(mask),
        dtype if dtype.is_integer() && first_not_in(&mask, &(0..2))?.is_none() => {
            if repair {
                return mask.cast(&DType::Bool);
            }
            let error = Error::invalid_data(format!("the mask is {dtype}, not bool"));
            Err(error.with_advice("one of 0 and 1 is read with the option `repair` (`--repair`)"))
        }
        dtype => Err(Error::invalid_data(format!("the mask is {dtype}, not bool"))),
    }
}

/// The values with 0, false or an empty text where missing, so that equal columns are equal files.
fn cleared(values: &Tensor, missing: &[bool]) -> Result<Tensor> {
    if values.dtype().is_text() {
        let texts = values.strings()?;
        let kept = missing.iter().enumerate().map(|(row, &missing)| if missing { "" } else { texts.value(row) });
        return Tensor::from_strings([missing.len()], kept);
    }
    dispatch!(real values.dtype(), T => {
        let kept = values.as_slice::<T>()?.iter().zip(missing);
        Tensor::from_vec([missing.len()], kept.map(|(&value, &missing)| if missing { T::default() } else { value }).collect())
    }, else => Err(Error::dtype(format!("values of type {} cannot be nullable", values.dtype()))))
}
