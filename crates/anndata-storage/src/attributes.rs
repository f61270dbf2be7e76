//! Attributes: small named values on groups and arrays.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch};

/// The attributes of a group or array, in stored order.
pub type Attributes = IndexMap<String, Attribute>;

/// The value of an attribute.
///
/// With the feature `serde` it is kept to the last bit, dtype and shape included; [`to_json`](Self::to_json) gives the plain
/// value.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Attribute {
    /// No value (HDF5's null dataspace, JSON's `null`).
    Null,
    /// A scalar (0 dimensions) or an array of numbers, booleans or text.
    Tensor(Tensor),
    /// A reference to another element: its path (HDF5 object references).
    Reference(String),
    /// A JSON document that is neither a scalar nor an array of equal scalars. Formats without JSON store it as text.
    Json(Value),
}

impl Attribute {
    /// An attribute from JSON: scalars and arrays of equal scalars become tensors.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::from(*value),
            Value::String(text) => Self::from(text.as_str()),
            Value::Number(number) => {
                if let Some(integer) = number.as_i64() {
                    Self::from(integer)
                } else if let Some(integer) = number.as_u64() {
                    Self::from(integer)
                } else if let Some(float) = number.as_f64() {
                    Self::from(float)
                } else {
                    Self::Json(value.clone())
                }
            }
            Value::Array(values) => list_from_json(values).unwrap_or_else(|| Self::Json(value.clone())),
            Value::Object(_) => Self::Json(value.clone()),
        }
    }

    /// The JSON form: scalars, nested arrays, text for references.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for complex numbers and records, which JSON lacks.
    pub fn to_json(&self) -> Result<Value> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Json(value) => value.clone(),
            Self::Reference(path) => Value::String(path.clone()),
            Self::Tensor(tensor) => nest(&scalars_to_json(tensor)?, tensor.shape())?,
        })
    }

    /// The text of a scalar string attribute.
    pub fn as_str(&self) -> Option<String> {
        match self {
            Self::Tensor(tensor) if tensor.len() == 1 && tensor.dtype().is_text() => tensor.to_strings().ok()?.pop(),
            _ => None,
        }
    }

    /// The texts of an array of strings. An empty array of any dtype counts, as Python writes empty lists as floats. An
    /// array with several axes is not a list, unless its first axis is empty.
    pub fn as_strings(&self) -> Option<Vec<String>> {
        match self {
            Self::Tensor(tensor) if tensor.shape().first() == Some(&0) => Some(Vec::new()),
            Self::Tensor(tensor) if tensor.ndim() > 1 => None,
            Self::Tensor(tensor) if tensor.dtype().is_text() => tensor.to_strings().ok(),
            _ => None,
        }
    }

    /// The value of a scalar boolean; 0 and 1 of any integer type count.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Tensor(tensor) if *tensor.dtype() == DType::Bool => tensor.as_slice::<bool>().ok()?.first().copied(),
            other => match other.as_i64()? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        }
    }

    /// The value of a scalar integer.
    pub fn as_i64(&self) -> Option<i64> {
        match self.as_i64s()?.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// The values of a scalar or an array of integers.
    pub fn as_i64s(&self) -> Option<Vec<i64>> {
        let Self::Tensor(tensor) = self else { return None };
        dispatch!(integer tensor.dtype(), T => {
            tensor.as_slice::<T>().ok()?.iter().map(|&value| i64::try_from(value.to_integer()?).ok()).collect()
        }, else => None)
    }

    /// The values of a scalar or an array of lengths: integers, or floats that are whole, none of them negative.
    pub fn as_lengths(&self) -> Option<Vec<u64>> {
        match self {
            Self::Tensor(tensor) if tensor.dtype().is_float() => dispatch!(real tensor.dtype(), T => {
                tensor.as_slice::<T>().ok()?.iter().map(|&value| whole(value.to_f64())).collect()
            }, else => None),
            other => other.as_i64s()?.into_iter().map(|length| u64::try_from(length).ok()).collect(),
        }
    }
}

/// The largest whole number up to which doubles hold every one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A length that was stored as a float, as R stores its numbers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within the range by the checks")]
fn whole(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..=EXACT).contains(&value)).then_some(value as u64)
}

fn list_from_json(values: &[Value]) -> Option<Attribute> {
    let tensor = if values.is_empty() {
        Tensor::from_vec([0], Vec::<f64>::new())
    } else if values.iter().all(Value::is_string) {
        Tensor::from_strings([values.len()], values.iter().filter_map(Value::as_str))
    } else if values.iter().all(Value::is_boolean) {
        Tensor::from_vec([values.len()], values.iter().filter_map(Value::as_bool).collect())
    } else if values.iter().all(Value::is_i64) {
        Tensor::from_vec([values.len()], values.iter().filter_map(Value::as_i64).collect())
    } else if values.iter().all(Value::is_f64) {
        Tensor::from_vec([values.len()], values.iter().filter_map(Value::as_f64).collect())
    } else {
        return None;
    };
    tensor.ok().map(Attribute::Tensor)
}

fn scalars_to_json(tensor: &Tensor) -> Result<Vec<Value>> {
    if tensor.dtype().is_text() {
        return Ok(tensor.to_strings()?.into_iter().map(Value::String).collect());
    }
    let unsupported = || Err(Error::unsupported(format!("JSON has no form for values of type {}", tensor.dtype())));
    match tensor.dtype() {
        DType::Bool => Ok(tensor.as_slice::<bool>()?.iter().map(|&v| Value::Bool(v)).collect()),
        DType::U64 => Ok(tensor.as_slice::<u64>()?.iter().map(|&v| Value::from(v)).collect()),
        dtype if dtype.is_float() => dispatch!(real dtype, T => {
            Ok(tensor.as_slice::<T>()?.iter().map(|&v| float_to_json(v.to_f64())).collect())
        }, else => unsupported()),
        dtype => dispatch!(integer dtype, T => {
            let integer = |v: T| v.to_integer().and_then(|v| i64::try_from(v).ok());
            let value = |&v: &T| integer(v).map(Value::from).or_bug("an integer of more than 64 bits");
            tensor.as_slice::<T>()?.iter().map(value).collect()
        }, else => unsupported()),
    }
}

/// JSON has no numbers for these; zarr's spelling.
fn float_to_json(value: f64) -> Value {
    if value.is_nan() {
        Value::from("NaN")
    } else if value.is_infinite() {
        Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        Value::from(value)
    }
}

fn nest(flat: &[Value], shape: &[usize]) -> Result<Value> {
    Ok(match shape {
        [] => flat.first().cloned().or_bug("a scalar without a value")?,
        [_] => Value::Array(flat.to_vec()),
        [len, rest @ ..] => {
            let step = rest.iter().product::<usize>();
            let row = |i: usize| flat.get(i * step..(i + 1) * step).or_bug("a row without its values");
            Value::Array((0..*len).map(|i| nest(row(i)?, rest)).collect::<Result<_>>()?)
        }
    })
}

impl<T: Scalar> From<T> for Attribute {
    fn from(value: T) -> Self {
        Self::Tensor(Tensor::scalar(value))
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Tensor(Tensor::string(text))
    }
}

impl From<Tensor> for Attribute {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_back() -> Result<()> {
        for json in ["3", "-1.5", "true", "\"csr\"", "[1,2]", "[\"a\",\"ü\"]", "null", "{\"a\":[1,\"b\"]}"] {
            let value: Value = serde_json::from_str(json).map_err(|e| Error::io("json").with_source(e))?;
            assert_eq!(Attribute::from_json(&value).to_json()?, value, "{json}");
        }
        let nested = Attribute::Tensor(Tensor::from_vec([2, 2], vec![1_i32, 2, 3, 4])?);
        assert_eq!(nested.to_json()?.to_string(), "[[1,2],[3,4]]");
        assert_eq!(Attribute::from(f64::NAN).to_json()?, Value::from("NaN"));
        let empty = Attribute::Tensor(Tensor::from_vec([2, 1, 0], Vec::<i8>::new())?);
        assert_eq!(empty.to_json()?.to_string(), "[[[]],[[]]]");
        let complex = Attribute::from(crate::Complex::new(1.0_f32, 2.0)).to_json().unwrap_err();
        assert!(complex.is_unsupported() && complex.message().contains("values of type complex64"), "{complex}");
        Ok(())
    }

    #[test]
    fn typed_access_accepts_what_other_writers_store() -> Result<()> {
        assert_eq!(Attribute::from(1_u8).as_bool(), Some(true));
        assert_eq!(Attribute::from(2_i64).as_bool(), None);
        let fixed = Tensor::from_bytes(DType::FixedBytes(4), [1], b"csr\0")?;
        assert_eq!(Attribute::Tensor(fixed).as_str().as_deref(), Some("csr"));
        let empty = |shape: &[usize]| Ok::<_, Error>(Attribute::Tensor(Tensor::from_vec(shape, Vec::<f64>::new())?));
        assert_eq!((empty(&[0])?.as_strings(), empty(&[0, 3])?.as_strings()), (Some(vec![]), Some(vec![])));
        assert_eq!((empty(&[1, 0])?.as_strings(), empty(&[0])?.as_str()), (None, None));
        assert_eq!(Attribute::Tensor(Tensor::from_strings([2, 1], ["a", "b"])?).as_strings(), None);
        assert_eq!(Attribute::from("csr").as_i64(), None);
        let lengths = |values: &[f64]| Tensor::from_vec([values.len()], values.to_vec()).map(Attribute::Tensor);
        assert_eq!(lengths(&[2.0, 0.0])?.as_lengths(), Some(vec![2, 0]));
        for refused in [-1.0, 0.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(lengths(&[2.0, refused])?.as_lengths(), None, "{refused}");
        }
        assert_eq!((Attribute::from(-1).as_lengths(), Attribute::from(7_u8).as_lengths()), (None, Some(vec![7])));
        Ok(())
    }
}
