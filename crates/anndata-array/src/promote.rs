//! Common dtypes: numpy's promotion, and the value that fills what an input does not have.

use anndata_storage::{Complex, DType, Error, NAT, Result, Tensor};

/// The value of cells that an outer join introduces.
///
/// Its type counts when dtypes are promoted, as in numpy: a float makes integers floats.
///
/// ```
/// use anndata_array::promote::FillValue;
///
/// assert_eq!(FillValue::from(0), FillValue::Int(0));
/// assert_eq!("nan".parse::<FillValue>()?.to_string(), "NaN");
/// assert_eq!("-1".parse::<FillValue>()?, FillValue::Int(-1));
/// # Ok::<(), anndata_array::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FillValue {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float; NaN is what dense arrays are filled with by default.
    Float(f64),
    /// A complex number.
    Complex(Complex<f64>),
}

impl FillValue {
    /// "Missing", as far as numbers go.
    pub const NAN: Self = Self::Float(f64::NAN);

    /// The dtype of the value, as numpy has it.
    pub fn dtype(self) -> DType {
        match self {
            Self::Bool(_) => DType::Bool,
            Self::Int(_) => DType::I64,
            Self::Float(_) => DType::F64,
            Self::Complex(_) => DType::Complex128,
        }
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Int(value) => value == 0,
            Self::Float(value) => value == 0.0,
            Self::Complex(value) => value.re == 0.0 && value.im == 0.0,
        }
    }

    /// The value as a scalar of a dtype.
    ///
    /// # Errors
    /// If the dtype is not a number, or real while the value is complex. Of dates and spans of time, [`NAN`](Self::NAN)
    /// alone is one: `NaT`.
    pub fn to_tensor(self, dtype: &DType) -> Result<Tensor> {
        if dtype.is_time() {
            return match self {
                Self::Float(value) if value.is_nan() => Tensor::from_ticks(dtype.clone(), [], vec![NAT]),
                _ => Err(Error::dtype(format!(
                    "{self} cannot be stored in an array of {dtype}; leave out the fill value"
                ))),
            };
        }
        let scalar = match self {
            Self::Bool(value) => Tensor::scalar(value),
            Self::Int(value) => Tensor::scalar(value),
            Self::Float(value) => Tensor::scalar(value),
            Self::Complex(value) => Tensor::scalar(value),
        };
        scalar.cast(dtype)
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident;)*) => {
        $(impl From<$type> for FillValue {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from! {
    bool => Bool;
    i32 => Int;
    i64 => Int;
    f32 => Float;
    f64 => Float;
    Complex<f64> => Complex;
}

impl std::str::FromStr for FillValue {
    type Err = Error;

    /// An integer where the text is one, otherwise a float; `nan` and `inf` included.
    fn from_str(text: &str) -> Result<Self> {
        if let Ok(value) = text.parse() {
            return Ok(Self::Int(value));
        }
        match text {
            "true" | "True" => Ok(Self::Bool(true)),
            "false" | "False" => Ok(Self::Bool(false)),
            _ => match text.parse() {
                Ok(value) => Ok(Self::Float(value)),
                Err(_) => Err(Error::invalid_input(format!("the fill value '{text}' is not a number"))),
            },
        }
    }
}

impl std::fmt::Display for FillValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Complex(value) => value.fmt(f),
        }
    }
}

/// The dtype that all of these dtypes of numbers or times become together, as numpy's `result_type` has it.
///
/// `None` if there is none.
pub fn result_type<'a>(dtypes: impl IntoIterator<Item = &'a DType>) -> Option<DType> {
    let dtypes: Vec<&DType> = dtypes.into_iter().collect();
    if dtypes.iter().any(|dtype| dtype.is_time()) {
        let (first, rest) = dtypes.split_first()?;
        return rest.iter().try_fold(DType::clone(first), |a, b| promote(&a, b));
    }
    let inexact = |dtype: &&&DType| dtype.is_float() || dtype.is_complex();
    let mut floats = dtypes.iter().filter(inexact);
    if let Some(first) = floats.next() {
        // Each integer meets the widest float, not what other integers have made of it.
        let widest = floats.try_fold(DType::clone(first), |a, b| promote(&a, b))?;
        return dtypes.iter().try_fold(widest.clone(), |result, dtype| promote(&result, &promote(dtype, &widest)?));
    }
    // Signed and unsigned integers meet once, at their widest.
    let widest = |unsigned: bool| {
        let of_kind = dtypes.iter().filter(|dtype| unsigned != dtype.is_signed_integer());
        of_kind.copied().max_by_key(|dtype| (dtype.is_integer(), dtype.size()))
    };
    match (widest(false), widest(true)) {
        (Some(a), Some(b)) => promote(a, b),
        (one, None) | (None, one) => one.filter(|dtype| dtype.is_numeric()).cloned(),
    }
}

/// The dtype that two dtypes of numbers or times become together, as numpy's `promote_types` has it.
///
/// Dates and spans of time have none: numpy names one and then refuses to join them.
pub fn promote(a: &DType, b: &DType) -> Option<DType> {
    match (a, b) {
        (DType::Datetime(a), DType::Datetime(b)) => return a.common(*b, true).map(DType::Datetime),
        (DType::Timedelta(a), DType::Timedelta(b)) => return a.common(*b, false).map(DType::Timedelta),
        (span @ DType::Timedelta(_), number) | (number, span @ DType::Timedelta(_)) => {
            let counts = *number == DType::Bool || (number.is_integer() && *number != DType::U64);
            return counts.then(|| span.clone());
        }
        _ => {}
    }
    if !(a.is_numeric() && b.is_numeric()) {
        return None;
    }
    let (size_a, size_b) = (a.size()?, b.size()?);
    Some(match (a, b) {
        _ if a == b => a.clone(),
        (DType::Bool, other) | (other, DType::Bool) => other.clone(),
        _ if a.is_complex() || b.is_complex() => {
            let wide = |dtype: &DType| {
                *dtype == DType::Complex128 || *dtype == DType::F64 || (dtype.is_integer() && dtype.size() >= Some(4))
            };
            if wide(a) || wide(b) { DType::Complex128 } else { DType::Complex64 }
        }
        _ if a.is_float() && b.is_float() => if size_a > size_b { a } else { b }.clone(),
        _ if a.is_float() || b.is_float() => {
            let (float, integer) = if a.is_float() { (size_a, size_b) } else { (size_b, size_a) };
            match float.max(2 * integer) {
                2 => DType::F16,
                4 => DType::F32,
                _ => DType::F64,
            }
        }
        _ if a.is_signed_integer() == b.is_signed_integer() => if size_a > size_b { a } else { b }.clone(),
        _ => {
            let (signed, unsigned) = if a.is_signed_integer() { (size_a, size_b) } else { (size_b, size_a) };
            match signed.max(2 * unsigned) {
                2 => DType::I16,
                4 => DType::I32,
                8 => DType::I64,
                _ => DType::F64,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_promote_as_in_numpy() {
        use DType::{Bool, Complex64, Complex128, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        for (a, b, expected) in [
            (Bool, I8, I8),
            (Bool, F16, F16),
            (Bool, Complex64, Complex64),
            (I8, U8, I16),
            (I16, U8, I16),
            (I8, U16, I32),
            (I8, U32, I64),
            (I64, U32, I64),
            (I8, U64, F64),
            (I8, F16, F16),
            (U8, F16, F16),
            (I16, F16, F32),
            (I32, F16, F64),
            (I16, F32, F32),
            (I32, F32, F64),
            (U64, F32, F64),
            (F32, F64, F64),
            (F32, Complex64, Complex64),
            (F64, Complex64, Complex128),
            (I16, Complex64, Complex64),
            (I32, Complex64, Complex128),
            (Complex64, Complex128, Complex128),
        ] {
            assert_eq!(promote(&a, &b), Some(expected.clone()), "{a} {b}");
            assert_eq!(promote(&b, &a), Some(expected), "{b} {a}");
        }
        assert_eq!(promote(&Bool, &DType::String), None);
        let (date, span) =
            (|s: &str| s.parse().map(DType::Datetime).ok(), |s: &str| s.parse().map(DType::Timedelta).ok());
        for (a, b, expected) in [
            (date("s"), date("ns"), date("ns")),
            (date("D"), date("M"), date("D")),
            (span("25s"), span("10s"), span("5s")),
            (span("s"), Some(I64), span("s")),
            (span("s"), Some(Bool), span("s")),
            (span("s"), Some(U64), None),
            (span("s"), Some(F64), None),
            (span("Y"), span("D"), None),
            (date("s"), Some(I64), None),
            (date("s"), span("s"), None),
        ] {
            assert_eq!(result_type([&a, &b].into_iter().flatten()), expected, "{a:?} {b:?}");
            assert_eq!(result_type([&b, &a].into_iter().flatten()), expected, "{b:?} {a:?}");
        }
    }

    #[test]
    fn the_order_of_many_does_not_matter() {
        use DType::{Bool, F16, F32, F64, I8, I16, U8, U16, U64};
        for (dtypes, expected) in [
            (vec![U8, I8, F16], F16),
            (vec![U8, I8, I16, Bool], I16),
            (vec![U16, F16, F32], F32),
            (vec![I8, U64], F64),
            (vec![Bool, Bool], Bool),
            (vec![Bool, U8], U8),
            (vec![Bool, I8], I8),
            (vec![Bool, U8, I8], I16),
        ] {
            assert_eq!(result_type(&dtypes), Some(expected.clone()), "{dtypes:?}");
            assert_eq!(result_type(dtypes.iter().rev()), Some(expected), "{dtypes:?} reversed");
        }
        assert_eq!(result_type(&[]), None);
        assert_eq!(result_type(&[DType::String]), None);
    }

    #[test]
    fn fill_values_keep_integers_exact() -> Result<()> {
        let big = (1_i64 << 60) + 1;
        assert_eq!(FillValue::Int(big).to_tensor(&DType::I64)?.as_slice::<i64>()?, [big]);
        assert!(FillValue::NAN.to_tensor(&DType::F32)?.as_slice::<f32>()?.iter().all(|value| value.is_nan()));
        let text = "x".parse::<FillValue>().unwrap_err();
        assert!(text.is_invalid_input() && text.message().contains("'x'"), "{text}");
        assert!(FillValue::from(0.0).is_zero() && !FillValue::NAN.is_zero());
        Ok(())
    }
}
