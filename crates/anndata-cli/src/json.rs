//! Values as JSON.

use anndata::storage::{OrBug, dispatch};
use anndata::{Column, ColumnKind, DType, Tensor};
use serde_json::{Value, json};

/// The values of a column, null if missing.
pub(crate) fn column_values(column: &Column) -> anndata::Result<Vec<Value>> {
    if let ColumnKind::Categorical { .. } = column.kind() {
        let (codes, categories) = column.codes_and_categories()?;
        let (codes, categories) = (codes.cast(&DType::I64)?, column_values(&categories)?);
        let category = |&code: &i64| match usize::try_from(code) {
            Ok(code) => categories.get(code).cloned().or_bug("a code without a category"),
            Err(_) => Ok(Value::Null),
        };
        return codes.as_slice::<i64>()?.iter().map(category).collect();
    }
    let values = values(&column.to_tensor()?)?;
    Ok(values
        .into_iter()
        .enumerate()
        .map(|(row, value)| if column.is_missing(row) { Value::Null } else { value })
        .collect())
}

/// The values of a tensor in C order.
///
/// What is not finite is text: `NaN`, `inf`, `-inf`. Dates and spans of time are text as numpy has it. A complex number is
/// an object of `real` and `imag`.
pub(crate) fn values(tensor: &Tensor) -> anndata::Result<Vec<Value>> {
    let float = |value: f64| match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => json!(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }),
    };
    // The shortest text that is the number in its own precision, rather than in double precision.
    let shortest = |value: f32| float(value.to_string().parse().unwrap_or_else(|_| f64::from(value)));
    let complex = |real: Value, imaginary: Value| json!({"real": real, "imag": imaginary});
    Ok(match tensor.dtype() {
        DType::Bool => tensor.as_slice::<bool>()?.iter().map(|&value| json!(value)).collect(),
        DType::F64 => tensor.as_slice::<f64>()?.iter().map(|&value| float(value)).collect(),
        DType::F32 => tensor.as_slice::<f32>()?.iter().map(|&value| shortest(value)).collect(),
        DType::F16 => {
            let half = |value: &anndata::f16| float(value.to_string().parse().unwrap_or_else(|_| value.to_f64()));
            tensor.as_slice::<anndata::f16>()?.iter().map(half).collect()
        }
        DType::Complex64 => {
            let values = tensor.as_slice::<anndata::Complex<f32>>()?;
            values.iter().map(|value| complex(shortest(value.re), shortest(value.im))).collect()
        }
        DType::Complex128 => {
            let values = tensor.as_slice::<anndata::Complex<f64>>()?;
            values.iter().map(|value| complex(float(value.re), float(value.im))).collect()
        }
        dtype if dtype.is_text() => tensor.to_strings()?.into_iter().map(Value::String).collect(),
        dtype if dtype.is_time() => tensor.to_time_strings()?.into_iter().map(Value::String).collect(),
        dtype => dispatch!(integer dtype, T => tensor.as_slice::<T>()?.iter().map(|&value| json!(value)).collect(),
            else => return Err(anndata::Error::unsupported(format!("values of type {dtype} cannot be printed")))),
    })
}
