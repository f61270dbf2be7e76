//! Comparing numbers as numpy does.

use anndata_storage::{Complex, DType, Error, Result, Scalar, Tensor, dispatch};

use super::{ColumnValue, Comparison, Kind};
use crate::Mask;

/// Compares numbers with one that is not a text.
pub(super) fn compare(values: &Tensor, comparison: Comparison, wanted: &Kind<'_>) -> Result<Mask> {
    let dtype = values.dtype();
    if dtype.is_complex() || matches!(wanted, Kind::Complex(_)) {
        let wanted = [complex(wanted, dtype)];
        let Some(if_equal) = comparison.holds_if_equal(true) else {
            return Err(Error::dtype("complex numbers have no order: they are equal or not"));
        };
        return Ok(if if_equal { complex_mask(values, &wanted)? } else { !complex_mask(values, &wanted)? });
    }
    dispatch!(real dtype, T => {
        let slice = values.as_slice::<T>()?;
        Ok(match integer(wanted) {
            Some(wanted) if dtype.is_integer() => {
                mask(slice, |value| comparison.holds(value.to_integer().map(|value| value.cmp(&wanted))))
            }
            _ => {
                let wanted = in_dtype(real(wanted), dtype);
                mask(slice, |value| comparison.holds(value.to_f64().partial_cmp(&wanted)))
            }
        })
    }, else => Err(Error::dtype(format!("values of type {dtype} are not numbers"))))
}

/// The numbers that are one of these, none of which is a text.
pub(super) fn one_of(values: &Tensor, wanted: &[ColumnValue<'_>]) -> Result<Mask> {
    let dtype = values.dtype();
    if wanted.is_empty() {
        return Ok(Mask::from_fn(values.len(), |_| false));
    }
    if dtype.is_complex() || wanted.iter().any(|wanted| matches!(wanted.0, Kind::Complex(_))) {
        let wanted: Vec<_> = wanted.iter().map(|wanted| complex(&wanted.0, dtype)).collect();
        return complex_mask(values, &wanted);
    }
    let mut integers = Vec::new();
    let mut floats = Vec::new();
    for ColumnValue(wanted) in wanted {
        match integer(wanted) {
            Some(wanted) if dtype.is_integer() => integers.push(wanted),
            // NaN is equal to no number; 0.0 stands for -0.0 as well.
            _ => floats.extend(Some(in_dtype(real(wanted), dtype) + 0.0).filter(|wanted| !wanted.is_nan())),
        }
    }
    integers.sort_unstable();
    floats.sort_unstable_by(f64::total_cmp);
    dispatch!(real dtype, T => Ok(mask(values.as_slice::<T>()?, |value| {
        let found = value.to_integer().is_some_and(|value| integers.binary_search(&value).is_ok());
        found || floats.binary_search_by(|wanted| wanted.total_cmp(&(value.to_f64() + 0.0))).is_ok()
    })), else => Err(Error::dtype(format!("values of type {dtype} are not numbers"))))
}

fn mask<T: Scalar>(values: &[T], holds: impl Fn(T) -> bool) -> Mask {
    Mask::from_fn(values.len(), |row| values.get(row).is_some_and(|&value| holds(value)))
}

/// The numbers that are one of these, as complex ones.
fn complex_mask(values: &Tensor, wanted: &[Complex<f64>]) -> Result<Mask> {
    let values = values.cast(&DType::Complex128)?;
    Ok(mask(values.as_slice::<Complex<f64>>()?, |value| wanted.contains(&value)))
}

fn integer(value: &Kind<'_>) -> Option<i128> {
    match *value {
        Kind::Integer(value) => Some(value),
        Kind::Bool(value) => Some(value.into()),
        _ => None,
    }
}

/// A number that is not complex; integers are of at most 64 bits.
fn real(value: &Kind<'_>) -> f64 {
    match *value {
        Kind::Float(value) => value,
        Kind::Bool(value) => f64::from(u8::from(value)),
        Kind::Integer(value) => match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => value.to_f64(),
            (_, Ok(value)) => value.to_f64(),
            _ => f64::NAN,
        },
        Kind::Complex(value) => value.re,
        Kind::Text(_) => f64::NAN,
    }
}

fn complex(value: &Kind<'_>, dtype: &DType) -> Complex<f64> {
    let part = |part: f64| if *dtype == DType::Complex64 { in_dtype(part, &DType::F32) } else { part };
    match *value {
        Kind::Complex(value) => Complex::new(part(value.re), part(value.im)),
        ref other => Complex::new(part(real(other)), 0.0),
    }
}

/// A number rounded as a float of this dtype; in that of anything else it stays what it is.
fn in_dtype(value: f64, dtype: &DType) -> f64 {
    match dtype {
        DType::F16 => anndata_storage::f16::from_f64(value).to_f64(),
        DType::F32 => Scalar::to_f64(f32::from_f64(value)),
        _ => value,
    }
}
