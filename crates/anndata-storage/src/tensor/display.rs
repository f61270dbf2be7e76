//! The text form of a [`Tensor`]: what it is, and its first and last values.

use std::fmt;

use super::Tensor;
use crate::{Complex, DType, Result, Scalar, dispatch, escaped};

/// How many values are shown at each end.
const SHOWN: usize = 3;

impl Tensor {
    /// The values as they are printed, in C order: numbers as Rust prints them, text, dates in ISO 8601. Control characters are
    /// escaped; values of other dtypes are `?`.
    pub fn printed(&self) -> Vec<String> {
        let texts = match &self.dtype {
            DType::Complex64 => self.printed_as(|value: Complex<f32>| value.to_string()),
            DType::Complex128 => self.printed_as(|value: Complex<f64>| value.to_string()),
            dtype => dispatch!(real dtype, T => self.printed_as(|value: T| format!("{value:?}")),
                else => self.to_strings().or_else(|_| self.to_time_strings())),
        };
        match texts {
            Ok(texts) => texts.into_iter().map(|text| escaped(text).to_string()).collect(),
            Err(_) => vec!["?".to_owned(); self.len()],
        }
    }

    fn printed_as<T: Scalar>(&self, print: impl Fn(T) -> String) -> Result<Vec<String>> {
        Ok(self.as_slice::<T>()?.iter().map(|&value| print(value)).collect())
    }

    /// The first and the last values as they are printed, with `...` for those between.
    fn printed_ends(&self) -> Result<Vec<String>> {
        let len = self.len();
        let flat = self.clone().reshape([len])?;
        if len <= 2 * SHOWN {
            return Ok(flat.printed());
        }
        let (first, last) = (flat.slice_rows(0..SHOWN)?, flat.slice_rows(len - SHOWN..len)?);
        Ok([first.printed(), vec!["...".to_owned()], last.printed()].concat())
    }
}

/// The dtype, the shape, and the first and last values in C order.
///
/// ```
/// # use anndata_storage::Tensor;
/// let tensor = Tensor::from_vec([4, 2], vec![0.5_f32, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0])?;
/// assert_eq!(tensor.to_string(), "float32, 4 × 2: 0.5, 1.0, 1.5, ..., 3.0, 3.5, 4.0");
/// # Ok::<(), anndata_storage::Error>(())
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dtype)?;
        match self.shape.as_slice() {
            [] => {}
            [1] => f.write_str(", 1 value")?,
            [len] => write!(f, ", {len} values")?,
            shape => write!(f, ", {}", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × "))?,
        }
        match self.printed_ends() {
            Ok(values) if !values.is_empty() => write!(f, ": {}", values.join(", ")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_every_kind_are_printed_in_one_line() -> Result<()> {
        assert_eq!(Tensor::scalar(true).to_string(), "bool: true");
        assert_eq!(Tensor::from_vec([1], vec![-3_i8])?.to_string(), "int8, 1 value: -3");
        assert_eq!(Tensor::from_vec([0, 3], Vec::<u64>::new())?.to_string(), "uint64, 0 × 3");
        assert_eq!(Tensor::from_strings([2], ["a\nb", ""])?.to_string(), r"string, 2 values: a\nb, ");
        let complex = vec![Complex::new(0.5_f32, -1.0), Complex::new(f32::NAN, 0.0)];
        assert_eq!(Tensor::from_vec([2], complex)?.to_string(), "complex64, 2 values: 0.5-1i, NaN+0i");
        let dates = Tensor::from_ticks(DType::Datetime("D".parse()?), [2], vec![0, crate::NAT])?;
        assert_eq!(dates.to_string(), "datetime64[D], 2 values: 1970-01-01, NaT");
        let many = Tensor::from_vec([7], vec![0_u8, 1, 2, 3, 4, 5, 6])?;
        assert_eq!(many.to_string(), "uint8, 7 values: 0, 1, 2, ..., 4, 5, 6");
        let records = Tensor::from_fields([2], [("a", many.slice_rows(0..2)?)])?;
        assert_eq!(records.to_string(), "record(a: uint8), 2 values: ?, ?");
        Ok(())
    }
}
