//! What encodings of plain values share: which of them a dtype is written in, and what stored arrays are.

mod text;
mod validate;

use anndata_storage::{DType, Error, Result};

use crate::node::{ArrayNode, Node};
use crate::{ColumnKind, ColumnSchema, Element, Schema};
pub(super) use text::{with_ascii_text, with_fixed_text, with_text};
pub(super) use validate::{Holds, check_array, check_scalar, read};

/// What a stored array is.
pub(super) fn array_schema(array: &ArrayNode) -> Result<Schema> {
    Ok(Schema::Array { dtype: array.spec.dtype.clone(), shape: array.shape()? })
}

/// What an element is as a column.
pub(super) fn column_schema(schema: &Schema) -> Result<ColumnSchema> {
    schema.as_column().ok_or_else(|| Error::invalid_data(format!("expected a column, found {}", schema.kind_name())))
}

/// The `encoding-type` that values of a dtype and a number of dimensions are written with.
pub(super) fn encoding_of_values(dtype: &DType, ndim: usize) -> Result<&'static str> {
    Ok(match (dtype, ndim) {
        (DType::Compound(_), _) => "rec-array",
        (DType::FixedBytes(_), 0) => "bytes",
        (DType::FixedBytes(_), _) => "array",
        (dtype, 0) if dtype.is_text() => "string",
        (dtype, _) if dtype.is_text() => "string-array",
        (dtype, 0) if dtype.is_numeric() => "numeric-scalar",
        (DType::Opaque(_), _) => "array",
        (dtype, _) if dtype.is_numeric() || dtype.is_time() => "array",
        (dtype, _) => return Err(Error::unsupported(format!("values of type {dtype} cannot be stored"))),
    })
}

/// Whether an element is plain values that are written with an `encoding-type`.
pub(super) fn is_plain(element: &Element, encoding: &str) -> bool {
    let (dtype, ndim) = match element {
        Element::Tensor(tensor) => (tensor.dtype().clone(), tensor.ndim()),
        Element::Column(column) => match ColumnSchema::of(column) {
            Ok(ColumnSchema { kind: ColumnKind::Plain | ColumnKind::Time(_), dtype, .. }) => (dtype, 1),
            _ => return false,
        },
        _ => return false,
    };
    encoding_of_values(&dtype, ndim).is_ok_and(|name| name == encoding)
}

/// The child of a group where it is an array of one dimension with values.
pub(super) fn vector<'n>(node: &'n Node, key: &str) -> Option<&'n ArrayNode> {
    match node.descendant(key)? {
        Node::Array(array) if array.spec.ndim() == 1 && !array.spec.null => Some(array),
        _ => None,
    }
}

/// An array within an element, saying its encoding.
pub(super) fn member(array: &ArrayNode) -> Result<Node> {
    let encoding = encoding_of_values(&array.spec.dtype, array.spec.ndim())?;
    Ok(Node::Array(array.clone()).encoded_as(encoding, "0.2.0"))
}

/// The error of an element that no encoding writes.
pub(super) fn without_encoding(element: &Element) -> Error {
    let of_values = |dtype: &DType, ndim: usize| match encoding_of_values(dtype, ndim) {
        Ok(encoding) => not_registered(encoding),
        Err(error) => error,
    };
    let column = |column| match ColumnSchema::of(column) {
        Ok(ColumnSchema { kind: ColumnKind::Plain | ColumnKind::Time(_), dtype, .. }) => of_values(&dtype, 1),
        Ok(ColumnSchema { kind: ColumnKind::Nullable(_), dtype, .. }) => {
            Error::unsupported(format!("values of type {dtype} cannot be missing in anndata"))
        }
        Ok(ColumnSchema { kind: ColumnKind::Categorical { .. }, .. }) => not_registered("categorical"),
        Err(error) => error,
    };
    match element {
        Element::Tensor(tensor) => of_values(tensor.dtype(), tensor.ndim()),
        Element::Column(values) => column(values),
        Element::Extension(extension) => not_registered(extension.encoding_type()),
        element => Error::unsupported(format!("{} has no encoding of its own", element.kind_name())),
    }
}

fn not_registered(encoding: &str) -> Error {
    Error::unsupported(format!("no encoding '{encoding}' is registered"))
}

/// The error of an encoding that was handed an element it does not encode.
pub(super) fn wrong_element(encoding: &str, element: &Element) -> Error {
    Error::invalid_input(format!("{} cannot be encoded as '{encoding}'", element.kind_name()))
}

/// Those of some children that there are, with their keys.
pub(super) fn children(node: &Node, keys: &[&str]) -> Result<Vec<(String, Node)>> {
    let children = &node.as_group()?.children;
    Ok(keys.iter().filter_map(|&key| Some((key.to_owned(), children.get(key)?.clone()))).collect())
}
