//! Values as JSON: floats in 64 bit, what JSON has no number for as text.

use anndata::awkward::{Awkward, Form, FormKind};
use anndata::storage::{Scalar, dispatch};
use anndata::{Column, Complex, DType, Error, Result, Tensor};
use serde_json::{Value, json};

/// The numpy name; `string` for all text, `bytes` for bytes of a fixed width.
pub(super) fn dtype_name(dtype: &DType) -> String {
    match dtype {
        DType::FixedBytes(_) => "bytes".to_owned(),
        dtype if dtype.is_text() => "string".to_owned(),
        dtype => dtype.to_string(),
    }
}

/// The description of an array.
pub(super) fn array(tensor: &Tensor) -> Result<Value> {
    let dtype = dtype_name(tensor.dtype());
    let kind = if dtype == "string" { "string-array" } else { "array" };
    Ok(json!({ "kind": kind, "dtype": dtype, "shape": tensor.shape(), "values": list(tensor)? }))
}

/// The value of an array of one value.
pub(super) fn scalar(tensor: &Tensor) -> Result<Value> {
    list(tensor)?.pop().ok_or_else(|| Error::invalid_data("a scalar without a value"))
}

/// The values in C order.
pub(super) fn list(tensor: &Tensor) -> Result<Vec<Value>> {
    match tensor.dtype() {
        DType::FixedBytes(width) => {
            let bytes = tensor.as_bytes().unwrap_or_default();
            let value = |bytes: &[u8]| {
                let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                hex(bytes.iter().take(len).copied())
            };
            Ok(bytes.chunks(*width).map(value).collect())
        }
        dtype if dtype.is_text() => Ok(tensor.to_strings()?.into_iter().map(Value::String).collect()),
        dtype if dtype.is_time() => Ok(tensor.to_time_strings()?.into_iter().map(Value::String).collect()),
        DType::Bool => Ok(tensor.as_slice::<bool>()?.iter().map(|&value| Value::Bool(value)).collect()),
        DType::Complex64 => Ok(tensor.as_slice::<Complex<f32>>()?.iter().map(|z| complex(z.re, z.im)).collect()),
        DType::Complex128 => Ok(tensor.as_slice::<Complex<f64>>()?.iter().map(|z| complex(z.re, z.im)).collect()),
        dtype => dispatch!(real dtype, T => Ok(tensor.as_slice::<T>()?.iter().map(|&value| number(value)).collect()),
            else => Err(Error::dtype(format!("no JSON for {dtype}")))),
    }
}

fn hex(bytes: impl Iterator<Item = u8>) -> Value {
    let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16));
    json!({ "bytes": digits.collect::<String>() })
}

fn complex<T: Scalar>(real: T, imaginary: T) -> Value {
    json!([number(real), number(imaginary)])
}

fn number<T: Scalar>(value: T) -> Value {
    match value.to_integer() {
        Some(integer) => i64::try_from(integer)
            .map(Value::from)
            .or_else(|_| u64::try_from(integer).map(Value::from))
            .unwrap_or(Value::Null),
        None => float(value.to_f64()),
    }
}

fn float(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

/// Codes as they are, -1 if missing.
pub(super) fn codes(codes: &Tensor) -> Result<Vec<Value>> {
    list(&codes.cast(&DType::I64)?)
}

/// Texts, null if missing.
pub(super) fn texts(column: &Column) -> Result<Vec<Option<String>>> {
    column.to_strings()
}

/// The values of an awkward array in the spelling of the descriptions: bytes as hex, complex numbers as pairs.
pub(super) fn awkward(array: &Awkward) -> Result<Value> {
    let Value::Array(values) = array.to_list()? else { return Err(Error::invalid_data("no list")) };
    Ok(Value::Array(values.into_iter().map(|value| respell(value, array.form())).collect()))
}

fn respell(value: Value, form: &Form) -> Value {
    let contents = form.contents();
    let array = form.parameters.get("__array__").and_then(Value::as_str);
    match (&form.kind, value) {
        (_, Value::Null) => Value::Null,
        (_, Value::Array(bytes)) if array == Some("bytestring") => {
            hex(bytes.iter().filter_map(Value::as_u64).filter_map(|byte| u8::try_from(byte).ok()))
        }
        (FormKind::Record { fields: Some(names), .. }, Value::Object(mut record)) => {
            let fields = names.iter().zip(contents).map(|(name, content)| {
                let value = record.remove(name).unwrap_or_default();
                (name.clone(), respell(value, content))
            });
            Value::Object(fields.collect())
        }
        (FormKind::Record { fields: None, .. }, Value::Array(values)) => {
            Value::Array(values.into_iter().zip(contents).map(|(value, content)| respell(value, content)).collect())
        }
        (FormKind::Numpy { .. }, value) => respell_number(value),
        (FormKind::ListOffset { .. } | FormKind::List { .. } | FormKind::Regular { .. }, Value::Array(values)) => {
            match contents.first() {
                Some(content) => Value::Array(values.into_iter().map(|value| respell(value, content)).collect()),
                None => Value::Array(values),
            }
        }
        // Which content a value of a union came from is not to be seen; the fixtures have no bytes in one.
        (FormKind::Union { .. }, value) => value,
        (_, value) => match contents.first() {
            Some(content) => respell(value, content),
            None => value,
        },
    }
}

fn respell_number(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(respell_number).collect()),
        Value::Object(parts) => {
            let part = |name: &str| respell_number(parts.get(name).cloned().unwrap_or_default());
            json!([part("real"), part("imag")])
        }
        Value::String(text) => json!(match text.as_str() {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            other => other,
        }),
        value => value,
    }
}
