//! Steps of numcodecs that compute with numbers, as numpy computes: `delta`, `fixedscaleoffset`, `quantize`, `astype`, and
//! `packbits` of booleans.
//!
//! `fixedscaleoffset` is not left to the registry of `zarrs`, which has it: there values go through `f32`, so that a scale of
//! 0.1 or a count above 2^24 would read as other numbers than Python reads.

use anndata_storage::{DType, Error, Result, Scalar, dispatch, ensure, f16};

/// A conversion to another type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conversion {
    /// What is done to the numbers before.
    pub(crate) rounding: Rounding,
}

/// What is done to numbers before they are converted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rounding {
    /// Nothing: `astype`.
    None,
    /// They are rounded to so many decimal digits: `quantize`.
    Digits(i32),
    /// They are moved and scaled, and rounded to integers: `fixedscaleoffset`.
    ScaleOffset {
        /// What they are multiplied by.
        scale: f64,
        /// What is taken from them before.
        offset: f64,
    },
}

impl Conversion {
    pub(crate) fn name(self) -> &'static str {
        match self.rounding {
            Rounding::None => "astype",
            Rounding::Digits(_) => "quantize",
            Rounding::ScaleOffset { .. } => "fixedscaleoffset",
        }
    }

    pub(super) fn undo(self, stored: &[u8], stored_as: &DType, values: &mut [u8], dtype: &DType) -> Result<()> {
        match self.rounding {
            Rounding::ScaleOffset { scale, offset } => {
                let compute = precision(stored_as);
                convert(stored, stored_as, values, dtype, &|x| compute(compute(x / scale) + offset))
            }
            Rounding::Digits(_) | Rounding::None => convert(stored, stored_as, values, dtype, &|x| x),
        }
    }

    pub(super) fn apply(self, values: &[u8], dtype: &DType, stored: &mut [u8], stored_as: &DType) -> Result<()> {
        let compute = precision(dtype);
        match self.rounding {
            Rounding::ScaleOffset { scale, offset } => {
                convert(values, dtype, stored, stored_as, &|x| compute(compute(x - offset) * scale).round_ties_even())
            }
            Rounding::Digits(digits) => {
                let exponent = 10_f64.powi(-digits).log10();
                let exponent = if exponent < 0.0 { exponent.floor() } else { exponent.ceil() };
                let scale = 10_f64.powf(-exponent).log2().ceil().exp2();
                convert(values, dtype, stored, stored_as, &|x| compute(compute(scale * x).round_ties_even() / scale))
            }
            Rounding::None => convert(values, dtype, stored, stored_as, &|x| x),
        }
    }
}

/// What a number becomes where numpy computes with arrays of a type: floats stay in it, integers become doubles.
#[expect(clippy::cast_possible_truncation, reason = "a number is rounded to the precision in which numpy computes")]
fn precision(dtype: &DType) -> fn(f64) -> f64 {
    match dtype {
        DType::F16 => |x| f64::from(f16::from_f64(x)),
        DType::F32 => |x| f64::from(x as f32),
        _ => |x| x,
    }
}

fn not_numbers(from: &DType, to: &DType) -> Error {
    Error::unsupported(format!("values of type {from} cannot become values of type {to}"))
}

/// Whether numbers of one type become numbers of another here.
pub(crate) fn is_convertible(from: &DType, to: &DType) -> bool {
    let real = |dtype: &DType| dispatch!(real dtype, T => { let _: Option<T>; true }, else => false);
    real(from) && real(to)
}

/// Converts numbers one by one, through `change` where it is not the identity of integers.
fn convert(from: &[u8], from_type: &DType, to: &mut [u8], to_type: &DType, change: &dyn Fn(f64) -> f64) -> Result<()> {
    dispatch!(real from_type, S => dispatch!(real to_type, T => {
        let (from, to) = (elements::<S>(from), targets::<T>(to));
        ensure!(from.len() == to.len(), "{} numbers are to become {}", from.len(), to.len());
        for (from, to) in from.zip(to) {
            let value: S = read(from)?;
            let changed = change(value.to_f64());
            // An integer that nothing changes is not rounded to a double on its way.
            let same = changed.to_bits() == value.to_f64().to_bits();
            let value = if same { cast::<S, T>(value)? } else { T::from_f64(changed) };
            to.copy_from_slice(bytemuck::bytes_of(&value));
        }
        Ok(())
    }, else => Err(not_numbers(from_type, to_type))), else => Err(not_numbers(from_type, to_type)))
}

/// As numpy's `astype`: integers keep their low bytes.
fn cast<S: Scalar, T: Scalar>(value: S) -> Result<T> {
    let Some(integer) = value.to_integer() else { return Ok(T::from_f64(value.to_f64())) };
    if T::default().to_integer().is_none() {
        return Ok(T::from_f64(value.to_f64()));
    }
    read(integer.to_le_bytes().get(..size_of::<T>()).unwrap_or_default())
}

pub(super) fn undo_delta(stored: &[u8], stored_as: &DType, values: &mut [u8], dtype: &DType) -> Result<()> {
    convert(stored, stored_as, values, dtype, &|x| x)?;
    dispatch!(real dtype, T => {
        let mut sum = T::default();
        for (i, target) in targets::<T>(values).enumerate() {
            let difference = read(target)?;
            sum = if i == 0 { difference } else { sum.plus(difference) };
            target.copy_from_slice(bytemuck::bytes_of(&sum));
        }
        Ok(())
    }, else => Err(not_numbers(stored_as, dtype)))
}

pub(super) fn apply_delta(values: &[u8], dtype: &DType, stored: &mut [u8], stored_as: &DType) -> Result<()> {
    dispatch!(real dtype, S => {
        let mut differences = Vec::new();
        anndata_codecs::room(&mut differences, values.len())?;
        let mut last: Option<S> = None;
        for (value, target) in elements::<S>(values).zip(targets::<S>(&mut differences)) {
            let value: S = read(value)?;
            let difference = match last {
                None => value,
                Some(last) => minus(value, last)?,
            };
            target.copy_from_slice(bytemuck::bytes_of(&difference));
            last = Some(value);
        }
        convert(&differences, dtype, stored, stored_as, &|x| x)
    }, else => Err(not_numbers(dtype, stored_as)))
}

/// Integers wrap around; booleans differ or do not.
fn minus<T: Scalar>(a: T, b: T) -> Result<T> {
    match (a.to_integer(), b.to_integer()) {
        (Some(a), Some(b)) => read((a - b).to_le_bytes().get(..size_of::<T>()).unwrap_or_default()),
        _ => Ok(T::from_f64(precision(&T::DTYPE)(a.to_f64() - b.to_f64()))),
    }
}

fn elements<T>(bytes: &[u8]) -> std::slice::ChunksExact<'_, u8> {
    bytes.chunks_exact(size_of::<T>())
}

fn targets<T>(bytes: &mut [u8]) -> std::slice::ChunksExactMut<'_, u8> {
    bytes.chunks_exact_mut(size_of::<T>())
}

fn read<T: Scalar>(bytes: &[u8]) -> Result<T> {
    bytemuck::checked::try_pod_read_unaligned(bytes)
        .map_err(|_| Error::invalid_data(format!("the bytes {bytes:?} are not a value of type {}", T::DTYPE)))
}

/// The bytes that so many booleans take.
pub(crate) fn packed_len(count: usize) -> usize {
    1 + count.div_ceil(8)
}

pub(super) fn unpack_bits(stored: &[u8], values: &mut [u8]) -> Result<()> {
    let (_, stored) = stored.split_first().ok_or_else(|| super::damaged("packbits"))?;
    ensure!(stored.len() == values.len().div_ceil(8), "{} bytes for {} booleans", stored.len(), values.len());
    for (byte, values) in stored.iter().zip(values.chunks_mut(8)) {
        for (bit, value) in values.iter_mut().enumerate() {
            *value = byte >> (7 - bit) & 1;
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "fewer than eight bits mean nothing")]
pub(super) fn pack_bits(values: &[u8], stored: &mut [u8]) -> Result<()> {
    let (padding, stored) = stored.split_first_mut().ok_or_else(|| super::damaged("packbits"))?;
    *padding = (stored.len() * 8 - values.len()) as u8;
    for (byte, values) in stored.iter_mut().zip(values.chunks(8)) {
        *byte = values.iter().enumerate().fold(0, |byte, (bit, &value)| byte | value << (7 - bit));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anndata_storage::Tensor;

    use super::*;

    fn bytes(tensor: &Tensor) -> Vec<u8> {
        tensor.as_bytes().unwrap().to_vec()
    }

    #[test]
    fn differences_wrap_around_as_in_numpy() -> Result<()> {
        let values = bytes(&Tensor::from_vec([4], vec![250_u8, 3, 255, 0])?);
        let (mut stored, mut back) = (vec![0; 4], vec![0; 4]);
        apply_delta(&values, &DType::U8, &mut stored, &DType::I8)?;
        assert_eq!(stored.iter().map(|&byte| byte.cast_signed()).collect::<Vec<_>>(), [-6, 9, -4, 1]);
        undo_delta(&stored, &DType::I8, &mut back, &DType::U8)?;
        assert_eq!(back, values);
        Ok(())
    }

    #[test]
    fn scales_are_those_of_doubles() -> Result<()> {
        let scale_offset = Conversion { rounding: Rounding::ScaleOffset { scale: 0.1, offset: 0.3 } };
        let stored = bytes(&Tensor::from_vec([2], vec![20_000_001_i32, -7])?);
        let mut values = vec![0; 16];
        scale_offset.undo(&stored, &DType::I32, &mut values, &DType::F64)?;
        assert_eq!(values, bytes(&Tensor::from_vec([2], vec![20_000_001_f64 / 0.1 + 0.3, -7.0 / 0.1 + 0.3])?));
        Ok(())
    }

    #[test]
    fn large_integers_pass_through_conversions() -> Result<()> {
        let astype = Conversion { rounding: Rounding::None };
        let stored = bytes(&Tensor::from_vec([2], vec![i64::MAX, (1 << 53) + 1])?);
        let mut values = vec![0; 16];
        astype.undo(&stored, &DType::I64, &mut values, &DType::U64)?;
        assert_eq!(values, stored);
        assert!(astype.undo(&stored, &DType::String, &mut values, &DType::U64).is_err_and(|e| e.is_unsupported()));
        Ok(())
    }

    #[test]
    fn booleans_are_bits() -> Result<()> {
        let values = [1, 0, 1, 0, 0, 0, 0, 1, 1, 1];
        let (mut stored, mut back) = (vec![0; packed_len(10)], vec![9; 10]);
        pack_bits(&values, &mut stored)?;
        assert_eq!(stored, [6, 0b1010_0001, 0b1100_0000]);
        unpack_bits(&stored, &mut back)?;
        assert_eq!(back, values);
        Ok(())
    }
}
