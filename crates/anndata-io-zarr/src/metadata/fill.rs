//! Fill values: what was never written reads as.
//!
//! Read from JSON as it stands, as `FillValueMetadataV3` keeps the fields of a record in no order, and records are written back
//! as they were.

use anndata_storage::{DType, NAT, Result, Scalar, dispatch, f16};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Fill, malformed};

/// The fill value of a dtype. `null` and missing are zeros.
pub(super) fn parse(value: Option<&Value>, dtype: &DType) -> Result<Fill> {
    let value = value.unwrap_or(&Value::Null);
    match dtype {
        DType::String => match value {
            Value::String(text) => Ok(Fill::Text(text.clone())),
            Value::Null => Ok(Fill::Text(String::new())),
            // Old writers say 0 for objects.
            Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Fill::Text(String::new())),
            other => Err(malformed(format!("{other} is not a fill value for texts"))),
        },
        DType::Unknown(_) => Ok(Fill::Bytes(Vec::new())),
        _ if value.is_null() => Ok(Fill::Bytes(Vec::new())),
        dtype => {
            let bytes = element(value, dtype)
                .ok_or_else(|| malformed(format!("{value} is not a fill value for values of type {dtype}")))?;
            Ok(Fill::Bytes(if bytes.iter().all(|&byte| byte == 0) { Vec::new() } else { bytes }))
        }
    }
}

/// The bytes of one element, `None` if the value does not fit.
fn element(value: &Value, dtype: &DType) -> Option<Vec<u8>> {
    let size = dtype.size()?;
    if value.is_null() {
        return Some(vec![0; size]);
    }
    match dtype {
        DType::Datetime(_) | DType::Timedelta(_) => {
            let ticks = if value.as_str() == Some("NaT") { Some(NAT) } else { value.as_i64() };
            ticks.map(|ticks| ticks.to_le_bytes().into())
        }
        DType::Bool => Some(vec![u8::from(value.as_bool().or_else(|| Some(value.as_u64()? != 0))?)]),
        DType::F16 => Some(f16::from_bits(float_bits(value, 16)?.try_into().ok()?).to_bits().to_le_bytes().into()),
        DType::F32 => Some(u32::try_from(float_bits(value, 32)?).ok()?.to_le_bytes().into()),
        DType::F64 => Some(float_bits(value, 64)?.to_le_bytes().into()),
        DType::Complex64 => complex(value, &DType::F32),
        DType::Complex128 => complex(value, &DType::F64),
        DType::FixedBytes(_) => base64(value, size),
        DType::FixedUtf32(_) => {
            let mut bytes: Vec<u8> = match value {
                Value::String(text) => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
                number => number.as_u64().filter(|&n| n == 0).map(|_| Vec::new())?,
            };
            (bytes.len() <= size).then(|| bytes.resize(size, 0))?;
            Some(bytes)
        }
        DType::Compound(fields) => match value {
            Value::Object(values) => {
                let mut bytes = Vec::with_capacity(size);
                for field in fields.iter() {
                    let one = element(values.get(&*field.name)?, &field.dtype)?;
                    (0..field.len()).for_each(|_| bytes.extend_from_slice(&one));
                }
                Some(bytes)
            }
            other => base64(other, size),
        },
        dtype => dispatch!(integer dtype, T => integer::<T>(value), else => None),
    }
}

fn integer<T: Scalar>(value: &Value) -> Option<Vec<u8>> {
    let wide = match value.as_i64() {
        Some(value) => i128::from(value),
        // Python writes some integers as floats.
        None => value.as_u64().map(i128::from).or_else(|| T::from_f64(value.as_f64()?).to_integer())?,
    };
    // The value fits where its low bytes, read back, are the value.
    let bytes = wide.to_le_bytes().get(..size_of::<T>())?.to_vec();
    let back: T = bytemuck::checked::try_pod_read_unaligned(&bytes).ok()?;
    (back.to_integer()? == wide).then_some(bytes)
}

fn complex(value: &Value, part: &DType) -> Option<Vec<u8>> {
    match value.as_array()?.as_slice() {
        [re, im] => Some([element(re, part)?, element(im, part)?].concat()),
        _ => None,
    }
}

/// The bits of a float: a number, the name of one that JSON lacks, or the bits themselves in hexadecimal.
#[expect(clippy::cast_possible_truncation, reason = "a fill value is rounded to the precision of the array")]
fn float_bits(value: &Value, width: u32) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            other => {
                let bits = u64::from_str_radix(other.strip_prefix("0x")?, 16).ok()?;
                return (width == 64 || bits >> width == 0).then_some(bits);
            }
        },
        _ => return None,
    };
    Some(match width {
        16 => u64::from(f16::from_f64(number).to_bits()),
        32 => u64::from((number as f32).to_bits()),
        _ => number.to_bits(),
    })
}

fn base64(value: &Value, size: usize) -> Option<Vec<u8>> {
    let mut bytes = match value {
        Value::String(text) => STANDARD.decode(text).ok()?,
        number => number.as_u64().filter(|&n| n == 0).map(|_| Vec::new())?,
    };
    (bytes.len() <= size).then(|| bytes.resize(size, 0))?;
    Some(bytes)
}

/// The fill value of a new array of version 2: zero.
pub(super) fn zero_v2(dtype: &DType) -> Value {
    match dtype {
        DType::Compound(_) => Value::from(STANDARD.encode(vec![0; dtype.size().unwrap_or(0)])),
        dtype => zero_v3(dtype),
    }
}

/// The fill value of a new array of version 3: zero.
pub(super) fn zero_v3(dtype: &DType) -> Value {
    match dtype {
        DType::Bool => Value::Bool(false),
        DType::Complex64 | DType::Complex128 => json!([0.0, 0.0]),
        DType::Compound(fields) => {
            let zeros: Map<String, Value> =
                fields.iter().map(|field| (field.name.to_string(), zero_v3(&field.dtype))).collect();
            Value::Object(zeros)
        }
        dtype if dtype.is_float() => Value::from(0.0),
        dtype if dtype.is_integer() || dtype.is_time() => Value::from(0),
        _ => Value::from(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: &Value, dtype: &DType) -> Option<Vec<u8>> {
        match parse(Some(value), dtype) {
            Ok(Fill::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    #[test]
    fn numbers_in_every_spelling() {
        assert_eq!(bytes(&json!(0), &DType::I32), Some(vec![]));
        assert_eq!(bytes(&json!(-2), &DType::I16), Some(vec![0xfe, 0xff]));
        assert_eq!(bytes(&json!(7.0), &DType::U8), Some(vec![7]));
        assert_eq!(bytes(&json!(300), &DType::U8), None);
        assert_eq!(bytes(&json!(u64::MAX), &DType::U64), Some(vec![0xff; 8]));
        assert_eq!(bytes(&json!("NaN"), &DType::F32), Some(f32::NAN.to_le_bytes().to_vec()));
        assert_eq!(bytes(&json!("0x7fc00001"), &DType::F32), Some(0x7fc0_0001_u32.to_le_bytes().to_vec()));
        assert_eq!(bytes(&json!("0x7fc000010"), &DType::F32), None);
        assert_eq!(bytes(&json!(1.0), &DType::F16), Some(vec![0, 0x3c]));
        assert_eq!(bytes(&json!([0.0, "Infinity"]), &DType::Complex64), Some(vec![0, 0, 0, 0, 0, 0, 0x80, 0x7f]));
        assert_eq!(bytes(&json!(true), &DType::Bool), Some(vec![1]));
        assert_eq!(bytes(&json!({}), &DType::F64), None);
        assert_eq!(bytes(&Value::Null, &DType::F64), Some(vec![]));
        let dates = DType::Datetime(anndata_storage::TimeUnit::Nanosecond.into());
        assert_eq!(bytes(&json!("NaT"), &dates), Some(i64::MIN.to_le_bytes().to_vec()));
        assert_eq!(bytes(&json!(i64::MIN), &dates), Some(i64::MIN.to_le_bytes().to_vec()));
        assert_eq!(bytes(&zero_v3(&dates), &dates), Some(vec![]));
        assert_eq!(bytes(&json!("2020-01-01"), &dates), None);
    }

    #[test]
    fn texts_and_records() {
        assert_eq!(bytes(&json!("YWI="), &DType::FixedBytes(3)), Some(b"ab\0".to_vec()));
        assert_eq!(bytes(&json!("YWI="), &DType::FixedBytes(1)), None);
        assert_eq!(bytes(&json!("x"), &DType::FixedUtf32(2)), Some(vec![b'x', 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(parse(Some(&json!(0)), &DType::String).ok(), Some(Fill::Text(String::new())));
        let record = DType::Compound([anndata_storage::Field::new("a", DType::U8)].into());
        assert_eq!(bytes(&json!({"a": 3}), &record), Some(vec![3]));
        assert_eq!(bytes(&zero_v2(&record), &record), Some(vec![]));
        assert_eq!(bytes(&zero_v3(&record), &record), Some(vec![]));
    }
}
