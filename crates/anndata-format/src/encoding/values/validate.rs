//! Checks of plain values: arrays, text, scalars and records.

use anndata_storage::DType;

use crate::findings::{Checker, rules};
use crate::node::{ArrayNode, Node};

/// What the values of an array may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::encoding) enum Holds {
    /// Numbers, booleans, times, fixed-width bytes.
    Numbers,
    /// Text of any length.
    Text,
    /// Bytes of a fixed width.
    Bytes,
    /// Records.
    Records,
}

/// An array of values; its shape does not matter.
pub(in crate::encoding) fn check_array(node: &Node, holds: Holds, checker: &mut Checker<'_>) {
    let Some(array) = checker.array(node) else { return };
    if has_value(array, checker) {
        check_dtype(array, holds, checker);
        read(array, checker);
    }
}

/// Reads all values, the texts among them as text.
pub(in crate::encoding) fn read(array: &ArrayNode, checker: &mut Checker<'_>) {
    let dtype = &array.spec.dtype;
    checker.stream(array, &mut |_, values| match dtype {
        DType::Compound(_) => super::text::with_text(values).map(drop),
        dtype if dtype.is_text() => values.to_text().map(drop),
        _ => Ok(()),
    });
}

/// A single value.
pub(in crate::encoding) fn check_scalar(node: &Node, holds: Holds, checker: &mut Checker<'_>) {
    let Some(array) = checker.array(node) else { return };
    if !has_value(array, checker) {
        return;
    }
    check_dtype(array, holds, checker);
    if holds != Holds::Text && array.spec.dtype == DType::String {
        checker.add(&rules::SCALAR_TEXT, &array.path, format!("text, not {}", holds.words()));
    }
    let shape = &array.spec.shape;
    match array.spec.len() {
        Ok(1) if shape.is_empty() => {}
        Ok(1) => checker.add(&rules::SCALAR_DIMENSIONS, &array.path, format!("the one value has shape {shape:?}")),
        _ => checker.add(&rules::SCALAR_SIZE, &array.path, format!("a scalar of shape {shape:?}")),
    }
    read(array, checker);
}

fn has_value(array: &ArrayNode, checker: &mut Checker<'_>) -> bool {
    if array.spec.null {
        checker.add(&rules::VALUE_ABSENT, &array.path, "the array has no value");
    }
    !array.spec.null
}

fn check_dtype(array: &ArrayNode, holds: Holds, checker: &mut Checker<'_>) {
    let (path, dtype) = (array.path.as_str(), &array.spec.dtype);
    let fits = match holds {
        Holds::Numbers => {
            dtype.is_numeric() || dtype.is_time() || matches!(dtype, DType::FixedBytes(_) | DType::Opaque(_))
        }
        Holds::Bytes => matches!(dtype, DType::FixedBytes(_)),
        Holds::Records => matches!(dtype, DType::Compound(_)),
        Holds::Text => dtype.is_text(),
    };
    match (holds, dtype) {
        (Holds::Text, _) if !fits => {
            checker.add(&rules::TEXT_DTYPE, path, format!("values are of type {dtype}, not text"));
        }
        (Holds::Text, DType::FixedBytes(_) | DType::FixedUtf8(_)) => {
            checker.add(&rules::TEXT_FIXED, path, format!("text is stored as {dtype}"));
        }
        _ if !fits => {
            let rule = if holds == Holds::Records { &rules::RECORDS_DTYPE } else { &rules::ARRAY_DTYPE };
            checker.add(rule, path, format!("values are of type {dtype}, not {}", holds.words()));
        }
        _ => {}
    }
    if array.spec.ndim() == 0 && holds_text_of_any_length(dtype) {
        checker.add(&rules::RECORD_TEXT, path, format!("a record of type {dtype} without dimensions"));
    }
}

/// Whether a field of a record is text of any length.
fn holds_text_of_any_length(dtype: &DType) -> bool {
    let DType::Compound(fields) = dtype else { return false };
    fields.iter().any(|field| field.dtype == DType::String || holds_text_of_any_length(&field.dtype))
}

impl Holds {
    fn words(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Records => "records",
        }
    }
}
