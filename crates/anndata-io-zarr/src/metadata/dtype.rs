//! The names of dtypes in either version.

use std::num::NonZeroU32;
use std::sync::Arc;

use anndata_storage::{DType, Error, Field, Result, TimeStep, TimeUnit};
use serde_json::{Value, json};
use zarrs_metadata::v3::MetadataV3;

use super::{malformed, typed};
use crate::codec::{Words, words};

/// The dtype of version 2 and the words that are stored in the other byte order. `text`: whether a filter stores
/// objects as text.
pub(super) fn parse_v2(value: &Value, text: bool) -> Result<(DType, Words)> {
    match value {
        Value::String(name) if name == "|O" && text => Ok((DType::String, Words::none())),
        Value::String(name) => Ok(parse_typestr(name)),
        Value::Array(fields) => {
            let fields = fields.iter().map(parse_v2_field).collect::<Result<Vec<_>>>()?;
            Ok(record(fields))
        }
        other => Err(malformed(format!("'dtype' is neither a name nor a list of fields: {other}"))),
    }
}

/// numpy's type strings: byte order, kind, width.
pub(super) fn parse_typestr(name: &str) -> (DType, Words) {
    let unknown = || (DType::Unknown(Arc::from(name)), Words::none());
    // numcodecs allows to leave out the order.
    let ordered = if name.starts_with(|first: char| first.is_ascii_alphabetic()) { &format!("|{name}") } else { name };
    let mut rest = ordered.chars();
    let (Some(order), Some(kind)) = (rest.next(), rest.next()) else { return unknown() };
    let dtype = match kind {
        'M' | 'm' => time(kind == 'M', rest.as_str()),
        _ => rest.as_str().parse().ok().and_then(|width| plain(kind, width)),
    };
    let Some(dtype) = dtype else { return unknown() };
    match order {
        '>' => {
            let words = words(&dtype);
            (dtype, words)
        }
        '<' | '|' | '=' => (dtype, Words::none()),
        _ => unknown(),
    }
}

/// Dates or spans of time, whose step stands in brackets: `8[25s]`. zarr-python leaves out the width.
fn time(dates: bool, rest: &str) -> Option<DType> {
    let step = match rest.strip_prefix('8').unwrap_or(rest) {
        "" => TimeUnit::Generic.into(),
        step => step.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?,
    };
    Some(if dates { DType::Datetime(step) } else { DType::Timedelta(step) })
}

fn plain(kind: char, width: usize) -> Option<DType> {
    Some(match (kind, width) {
        ('b', 1) => DType::Bool,
        ('i', 1) => DType::I8,
        ('i', 2) => DType::I16,
        ('i', 4) => DType::I32,
        ('i', 8) => DType::I64,
        ('u', 1) => DType::U8,
        ('u', 2) => DType::U16,
        ('u', 4) => DType::U32,
        ('u', 8) => DType::U64,
        ('f', 2) => DType::F16,
        ('f', 4) => DType::F32,
        ('f', 8) => DType::F64,
        ('c', 8) => DType::Complex64,
        ('c', 16) => DType::Complex128,
        ('S', width) if width <= 4 * MAX_WIDTH => DType::FixedBytes(width),
        ('U', width) if width <= MAX_WIDTH => DType::FixedUtf32(width),
        _ => return None,
    })
}

/// The most characters of a text of fixed width; more is a damaged file.
const MAX_WIDTH: usize = 1 << 24;

fn parse_v2_field(value: &Value) -> Result<(Field, Words)> {
    let bad = || malformed(format!("{value} is not a field of a record"));
    let parts = value.as_array().ok_or_else(bad)?;
    let (name, dtype, shape) = match parts.as_slice() {
        [name, dtype] => (name, dtype, Vec::new()),
        [name, dtype, shape] => (name, dtype, field_shape(shape).ok_or_else(bad)?),
        _ => return Err(bad()),
    };
    let (dtype, words) = parse_v2(dtype, false)?;
    Ok((Field { name: name.as_str().ok_or_else(bad)?.into(), dtype, shape }, words))
}

fn field_shape(value: &Value) -> Option<Vec<usize>> {
    let length = |value: &Value| usize::try_from(value.as_u64()?).ok().filter(|&length| length <= MAX_WIDTH);
    match value {
        Value::Array(lengths) => lengths.iter().map(length).collect(),
        single => Some(vec![length(single)?]),
    }
}

/// A record of fields, unknown where one of them is, or where it is too large to be true.
fn record(fields: Vec<(Field, Words)>) -> (DType, Words) {
    let mut all = Words::none();
    let mut offset = 0_usize;
    if fields.is_empty() {
        return (DType::Unknown("a record without fields".into()), all);
    }
    for (field, words) in &fields {
        let size = field.dtype.size().unwrap_or(0);
        let count = field.shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let next = count.and_then(|count| offset.checked_add(count.checked_mul(size)?)).filter(|&end| end <= 1 << 28);
        let (Some(count), Some(next)) = (count, next) else {
            return (DType::Unknown("a record of enormous size".into()), Words::none());
        };
        if let DType::Unknown(what) = &field.dtype {
            return (DType::Unknown(format!("record with '{}': {what}", field.name).into()), Words::none());
        }
        if !words.is_empty() {
            (0..count).for_each(|i| all.extend(words, offset + i * size));
        }
        offset = next;
    }
    (DType::Compound(fields.into_iter().map(|(field, _)| field).collect()), all)
}

/// The name of a dtype in version 2.
pub(super) fn name_v2(dtype: &DType) -> Result<Value> {
    Ok(Value::from(match dtype {
        DType::Bool => "|b1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::Complex64 => "<c8",
        DType::Complex128 => "<c16",
        DType::String => "|O",
        DType::Datetime(step) => return Ok(Value::from(format!("<M8{}", brackets(*step)))),
        DType::Timedelta(step) => return Ok(Value::from(format!("<m8{}", brackets(*step)))),
        DType::FixedBytes(width) => return Ok(Value::from(format!("|S{width}"))),
        DType::FixedUtf32(width) => return Ok(Value::from(format!("<U{width}"))),
        DType::Compound(fields) => {
            let field = |field: &Field| Ok(json!([*field.name, name_v2(of_field(field)?)?]));
            return Ok(Value::Array(fields.iter().map(field).collect::<Result<_>>()?));
        }
        other => return Err(lacks(other)),
    }))
}

/// A step as numpy's type strings have it.
fn brackets(step: TimeStep) -> String {
    if step.unit() == TimeUnit::Generic { String::new() } else { format!("[{step}]") }
}

fn lacks(dtype: &DType) -> Error {
    if let DType::Opaque(opaque) = dtype {
        return Error::unsupported(format!(
            "values of type {dtype} can be kept in {} alone: leave the element out (anndata convert --skip), or make it \
             numbers or text first",
            opaque.format()
        ));
    }
    Error::unsupported(format!("zarr has no type for values of type {dtype}"))
}

/// The dtype of a field, of those that zarr has. Version 2 may have an array in a field, but no current reader takes it.
fn of_field(field: &Field) -> Result<&DType> {
    if !field.shape.is_empty() {
        let message = format!("zarr cannot store records with an array in a field ('{}')", field.name);
        return Err(Error::unsupported(message));
    }
    match &field.dtype {
        DType::String => Err(Error::unsupported("zarr cannot store text of any length in records")),
        dtype => Ok(dtype),
    }
}

/// The numeric dtypes of version 3.
const NUMERIC: [(&str, DType); 14] = [
    ("bool", DType::Bool),
    ("int8", DType::I8),
    ("int16", DType::I16),
    ("int32", DType::I32),
    ("int64", DType::I64),
    ("uint8", DType::U8),
    ("uint16", DType::U16),
    ("uint32", DType::U32),
    ("uint64", DType::U64),
    ("float16", DType::F16),
    ("float32", DType::F32),
    ("float64", DType::F64),
    ("complex64", DType::Complex64),
    ("complex128", DType::Complex128),
];

/// The names of dates and of spans of time in version 3.
const TIMES: [&str; 2] = ["numpy.datetime64", "numpy.timedelta64"];

/// The dtype of version 3.
pub(super) fn parse_v3(extension: &MetadataV3) -> Result<DType> {
    let (name, configuration) = (extension.name(), extension.configuration());
    let unknown = || match serde_json::to_value(extension) {
        Ok(Value::Object(object)) => DType::Unknown(Value::Object(object).to_string().into()),
        _ => DType::Unknown(name.into()),
    };
    if let Some((_, dtype)) = NUMERIC.iter().find(|(numeric, _)| *numeric == name) {
        return Ok(dtype.clone());
    }
    let length = || {
        let bytes = configuration.and_then(|c| c.get("length_bytes")).and_then(Value::as_u64);
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).filter(|&bytes| bytes <= 4 * MAX_WIDTH);
        bytes.ok_or_else(|| malformed(format!("'{name}' does not say its 'length_bytes'")))
    };
    Ok(match name {
        // Bytes of any length are taken for text, which is checked when they are read.
        "string" | "variable_length_utf8" | "bytes" | "binary" | "variable_length_bytes" => DType::String,
        "null_terminated_bytes" => DType::FixedBytes(length()?),
        "fixed_length_utf32" if length()? % 4 == 0 => DType::FixedUtf32(length()? / 4),
        _ if TIMES.contains(&name) => {
            let step = configuration.and_then(|configuration| {
                let unit: TimeUnit = configuration.get("unit")?.as_str()?.parse().ok()?;
                let count = match configuration.get("scale_factor") {
                    None => 1,
                    Some(count) => count.as_u64().filter(|&count| i32::try_from(count).is_ok())?,
                };
                Some(TimeStep::new(unit, NonZeroU32::new(u32::try_from(count).ok()?)?))
            });
            match step {
                Some(step) if name == "numpy.datetime64" => DType::Datetime(step),
                Some(step) => DType::Timedelta(step),
                None => unknown(),
            }
        }
        "struct" | "structured" => {
            let fields = configuration.and_then(|c| c.get("fields")).and_then(Value::as_array);
            let fields = fields.ok_or_else(|| malformed("a record without 'fields'"))?;
            record(fields.iter().map(parse_v3_field).collect::<Result<_>>()?).0
        }
        _ => unknown(),
    })
}

/// A field: `{"name": …, "data_type": …}`, or the older `[name, data_type]`.
fn parse_v3_field(value: &Value) -> Result<(Field, Words)> {
    let bad = || malformed(format!("{value} is not a field of a record"));
    let (name, dtype) = match value {
        Value::Object(field) => (field.get("name"), field.get("data_type")),
        Value::Array(parts) => (parts.first(), parts.get(1)),
        _ => return Err(bad()),
    };
    let dtype = match parse_v3(&typed(dtype.ok_or_else(bad)?, "the type of a field")?)? {
        DType::String => DType::Unknown("string in a record".into()),
        dtype => dtype,
    };
    Ok((Field::new(name.and_then(Value::as_str).ok_or_else(bad)?, dtype), Words::none()))
}

/// The dtype of version 3 as the crates of zarr have it.
pub(super) fn metadata_v3(dtype: &DType) -> Result<MetadataV3> {
    typed(&name_v3(dtype)?, "the type of an array")
}

/// The name of a dtype in version 3.
pub(super) fn name_v3(dtype: &DType) -> Result<Value> {
    if let Some((name, _)) = NUMERIC.iter().find(|(_, numeric)| numeric == dtype) {
        return Ok(Value::from(*name));
    }
    let fixed = |name: &str, bytes: usize| json!({"name": name, "configuration": {"length_bytes": bytes}});
    let [dates, spans] = TIMES;
    let time = |name: &str, step: &TimeStep| json!({"name": name, "configuration": {"unit": step.unit().symbol(), "scale_factor": step.count().get()}});
    match dtype {
        DType::Datetime(step) => Ok(time(dates, step)),
        DType::Timedelta(step) => Ok(time(spans, step)),
        DType::String => Ok(Value::from("string")),
        DType::FixedBytes(width) => Ok(fixed("null_terminated_bytes", *width)),
        DType::FixedUtf32(width) => {
            let bytes = width.checked_mul(4);
            let bytes = bytes.ok_or_else(|| Error::unsupported(format!("texts of {width} characters are too long")))?;
            Ok(fixed("fixed_length_utf32", bytes))
        }
        DType::Compound(fields) => {
            let field = |field: &Field| Ok(json!({"name": *field.name, "data_type": name_v3(of_field(field)?)?}));
            let fields = fields.iter().map(field).collect::<Result<Vec<_>>>()?;
            Ok(json!({"name": "struct", "configuration": {"fields": fields}}))
        }
        other => Err(lacks(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(value: &Value) -> Result<DType> {
        parse_v3(&typed(value, "the type of an array")?)
    }

    #[test]
    fn names_go_there_and_back() -> Result<()> {
        let record = DType::Compound(
            [Field::new("a", DType::I32), Field::new("u", DType::FixedUtf32(4)), Field::new("s", DType::FixedBytes(3))]
                .into(),
        );
        for dtype in NUMERIC.into_iter().map(|(_, dtype)| dtype).chain([
            DType::FixedBytes(5),
            DType::FixedUtf32(9),
            record,
            DType::Datetime(TimeUnit::Nanosecond.into()),
            DType::Datetime(TimeUnit::Generic.into()),
            DType::Timedelta("25s".parse()?),
            DType::String,
        ]) {
            assert_eq!(parse_v3(&metadata_v3(&dtype)?)?, dtype);
            assert_eq!(parse_v2(&name_v2(&dtype)?, true)?, (dtype, Words::none()));
        }
        Ok(())
    }

    #[test]
    fn other_byte_orders_are_seen_field_by_field() -> Result<()> {
        let (dtype, swapped) = parse_v2(&json!([["a", "|i1"], ["b", ">i4"], ["c", "<f8"]]), false)?;
        assert_eq!(dtype.size(), Some(13));
        let mut bytes: Vec<u8> = (0..13).collect();
        swapped.swap(&mut bytes, 13);
        assert_eq!(bytes, [0, 4, 3, 2, 1, 5, 6, 7, 8, 9, 10, 11, 12]);
        Ok(())
    }

    #[test]
    fn unknown_types_are_kept_by_name_and_malformed_ones_are_errors() -> Result<()> {
        for name in ["<M8[x]", "<M8[0s]", "<m8[", "<M4[s]", "|V7", "|O", "<f12", "", "é"] {
            assert_eq!(parse_v2(&json!(name), false)?.0, DType::Unknown(name.into()));
        }
        assert!(matches!(named(&json!("float8_e5m2"))?, DType::Unknown(_)));
        for configuration in [json!({}), json!({"unit": "x"}), json!({"unit": "s", "scale_factor": 0})] {
            let name = json!({"name": "numpy.datetime64", "configuration": configuration});
            assert!(matches!(named(&name)?, DType::Unknown(_)), "{name}");
        }
        assert_eq!(parse_v2(&json!(">M8[D]"), false)?, (DType::Datetime(TimeUnit::Day.into()), words(&DType::I64)));
        let negative = json!({"name": "fixed_length_utf32", "configuration": {"length_bytes": -1}});
        let errors = [
            named(&json!({"name": "struct"})).unwrap_err(),
            named(&negative).unwrap_err(),
            parse_v2(&json!([["a"]]), false).unwrap_err(),
            parse_v2(&json!(7), false).unwrap_err(),
        ];
        assert!(errors.iter().all(Error::is_invalid_data), "{errors:?}");
        assert!(matches!(parse_v2(&json!([["a", "<f8", [1 << 20, 1 << 20]]]), false)?.0, DType::Unknown(_)));
        Ok(())
    }
}
