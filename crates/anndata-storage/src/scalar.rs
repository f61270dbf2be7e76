//! The Rust types behind the numeric dtypes, and the one macro that dispatches on them.

use std::fmt;

use bytemuck::{CheckedBitPattern, NoUninit};
use half::f16;
use num_complex::Complex;

use crate::DType;

mod sealed {
    pub trait Sealed {}
}

/// A boolean or number that an array can hold. Sealed: the set is that of the numeric [`DType`]s.
pub trait Scalar:
    sealed::Sealed + NoUninit + CheckedBitPattern + Default + PartialEq + fmt::Debug + Send + Sync + 'static
{
    /// The dtype of arrays of this type.
    const DTYPE: DType;

    /// The type in which values are summed: 64 bits wide, of the same kind; booleans are counted.
    type Sum: Scalar;

    /// The value in the type of sums.
    fn widen(self) -> Self::Sum;

    /// The sum of values: eight at a time, which a processor adds side by side.
    fn sum(values: &[Self]) -> Self::Sum {
        let (whole, rest) = values.as_chunks::<8>();
        let mut sums = [Self::Sum::default(); 8];
        for values in whole {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = sum.plus(value.widen());
            }
        }
        let rest = rest.iter().fold(Self::Sum::default(), |sum, value| sum.plus(value.widen()));
        sums.into_iter().fold(rest, Scalar::plus)
    }

    /// The sum of the squared deviations of values from their mean, as doubles; eight at a time, as [`sum`](Self::sum) has it.
    fn squares(values: &[Self], mean: f64) -> f64 {
        let square = |value: &Self| {
            let deviation = value.to_f64() - mean;
            deviation * deviation
        };
        let (whole, rest) = values.as_chunks::<8>();
        let mut sums = [0.0; 8];
        for values in whole {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += square(value));
        }
        sums.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
    }

    /// The value as a double (the real part of a complex number), rounded where a double cannot hold it.
    fn to_f64(self) -> f64;

    /// The value as an integer; `None` for anything but integers.
    fn to_integer(self) -> Option<i128>;

    /// The sum: integers wrap around, booleans are joined by "or".
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The nearest value of this type, as numpy's `astype` does it: floats to integers truncate and saturate.
    fn from_f64(value: f64) -> Self;
}

macro_rules! scalars {
    (@plus Bool, $a:expr, $b:expr) => { $a | $b };
    (@plus F16, $a:expr, $b:expr) => { $a + $b };
    (@plus F32, $a:expr, $b:expr) => { $a + $b };
    (@plus F64, $a:expr, $b:expr) => { $a + $b };
    (@plus Complex64, $a:expr, $b:expr) => { $a + $b };
    (@plus Complex128, $a:expr, $b:expr) => { $a + $b };
    (@plus $dtype:ident, $a:expr, $b:expr) => { $a.wrapping_add($b) };
    (@integer Bool, $v:expr) => { None };
    (@integer F16, $v:expr) => { None };
    (@integer F32, $v:expr) => { None };
    (@integer F64, $v:expr) => { None };
    (@integer Complex64, $v:expr) => { None };
    (@integer Complex128, $v:expr) => { None };
    (@integer $dtype:ident, $v:expr) => { Some(i128::from($v)) };
    ($($type:ty, $dtype:ident, $sum:ty, |$w:ident| $wide:expr, |$v:ident| $to:expr, |$f:ident| $from:expr;)*) => {
        $(
            impl sealed::Sealed for $type {}

            impl Scalar for $type {
                const DTYPE: DType = DType::$dtype;

                type Sum = $sum;

                fn widen(self) -> $sum {
                    let $w = self;
                    $wide
                }

                #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "documented rounding")]
                fn to_f64(self) -> f64 {
                    let $v = self;
                    $to
                }

                fn to_integer(self) -> Option<i128> {
                    scalars!(@integer $dtype, self)
                }

                fn plus(self, other: Self) -> Self {
                    scalars!(@plus $dtype, self, other)
                }

                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "documented rounding")]
                fn from_f64($f: f64) -> Self {
                    $from
                }
            }
        )*
    };
}

scalars! {
    bool, Bool, i64, |w| i64::from(w), |v| f64::from(u8::from(v)), |f| f != 0.0;
    i8, I8, i64, |w| i64::from(w), |v| v as f64, |f| f as i8;
    i16, I16, i64, |w| i64::from(w), |v| v as f64, |f| f as i16;
    i32, I32, i64, |w| i64::from(w), |v| v as f64, |f| f as i32;
    i64, I64, i64, |w| w, |v| v as f64, |f| f as i64;
    u8, U8, u64, |w| u64::from(w), |v| v as f64, |f| f as u8;
    u16, U16, u64, |w| u64::from(w), |v| v as f64, |f| f as u16;
    u32, U32, u64, |w| u64::from(w), |v| v as f64, |f| f as u32;
    u64, U64, u64, |w| w, |v| v as f64, |f| f as u64;
    f16, F16, f64, |w| f64::from(w), |v| f64::from(v), |f| f16::from_f64(f);
    f32, F32, f64, |w| f64::from(w), |v| v as f64, |f| f as f32;
    f64, F64, f64, |w| w, |v| v, |f| f;
    Complex<f32>, Complex64, Complex<f64>, |w| Complex::new(f64::from(w.re), f64::from(w.im)), |v| f64::from(v.re), |f| Complex::new(f as f32, 0.0);
    Complex<f64>, Complex128, Complex<f64>, |w| w, |v| v.re, |f| Complex::new(f, 0.0);
}

/// Runs an expression with a type alias bound to the Rust type of a numeric dtype.
///
/// `dispatch!(dtype, T => expression, else => expression)`; the `else` branch is for all other dtypes.
/// The families: `dispatch!` numbers and booleans, `dispatch!(integer ...)` integers only, `dispatch!(float ...)` real
/// floats only, `dispatch!(real ...)` booleans, integers and real floats.
#[macro_export]
macro_rules! dispatch {
    (integer $dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        match $dtype {
            $crate::DType::I8 => { type $T = i8; $body }
            $crate::DType::I16 => { type $T = i16; $body }
            $crate::DType::I32 => { type $T = i32; $body }
            $crate::DType::I64 => { type $T = i64; $body }
            $crate::DType::U8 => { type $T = u8; $body }
            $crate::DType::U16 => { type $T = u16; $body }
            $crate::DType::U32 => { type $T = u32; $body }
            $crate::DType::U64 => { type $T = u64; $body }
            _ => $other,
        }
    };
    (float $dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        match $dtype {
            $crate::DType::F16 => { type $T = $crate::f16; $body }
            $crate::DType::F32 => { type $T = f32; $body }
            $crate::DType::F64 => { type $T = f64; $body }
            _ => $other,
        }
    };
    (real $dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        match $dtype {
            $crate::DType::Bool => { type $T = bool; $body }
            $crate::DType::F16 => { type $T = $crate::f16; $body }
            $crate::DType::F32 => { type $T = f32; $body }
            $crate::DType::F64 => { type $T = f64; $body }
            other => $crate::dispatch!(integer other, $T => $body, else => $other),
        }
    };
    ($dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        match $dtype {
            $crate::DType::Complex64 => { type $T = $crate::Complex<f32>; $body }
            $crate::DType::Complex128 => { type $T = $crate::Complex<f64>; $body }
            other => $crate::dispatch!(real other, $T => $body, else => $other),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispatch_reaches_the_type_of_each_numeric_dtype() {
        for dtype in [DType::Bool, DType::I8, DType::U64, DType::F16, DType::F64, DType::Complex128] {
            let found = dispatch!(&dtype, T => Some(T::DTYPE), else => None);
            assert_eq!(found, Some(dtype));
        }
        assert_eq!(dispatch!(&DType::String, T => Some(T::DTYPE), else => None), None);
        assert!(dispatch!(integer &DType::F32, T => { let _: T; false }, else => true));
        assert!(dispatch!(float &DType::I32, T => { let _: T; false }, else => true));
        assert_eq!(dispatch!(float &DType::F16, T => Some(T::DTYPE), else => None), Some(DType::F16));
    }

    #[test]
    fn conversions_round_as_documented() {
        assert_eq!(i8::from_f64(300.7), 127);
        assert_eq!(u8::from_f64(-1.0), 0);
        assert!(bool::from_f64(0.5));
        assert!((true.to_f64() - 1.0).abs() < f64::EPSILON);
    }
}
