//! Tests of awkward arrays: each kind of node, malformed input, and properties of random arrays.

mod malformed;
mod nodes;
mod properties;

use anndata_storage::{Result, Tensor};
use serde_json::Value;

use super::Awkward;

/// An array of a form and its buffers.
fn array<const N: usize>(form: &Value, length: u64, buffers: [(&str, Tensor); N]) -> Result<Awkward> {
    let buffers = buffers.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
    Awkward::new(&form.to_string(), length, buffers)
}

/// A one-dimensional tensor.
fn tensor<T: anndata_storage::Scalar>(values: impl Into<Vec<T>>) -> Tensor {
    let values = values.into();
    Tensor::from_vec([values.len()], values).unwrap()
}

/// The values as JSON text.
fn list(array: &Awkward) -> String {
    array.to_list().unwrap().to_string()
}

/// Numbers by the name of the primitive.
fn numbers(primitive: &str, key: &str) -> Value {
    serde_json::json!({ "class": "NumpyArray", "primitive": primitive, "form_key": key })
}
