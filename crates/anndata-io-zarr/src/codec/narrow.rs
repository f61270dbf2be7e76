//! Data types of zarr that are narrower than any of ours: `bfloat16`, `int2`, `int4`, `uint2` and `uint4`.
//!
//! They are read as the next wider type, which holds all of their values. What is written must be a value of the narrow one:
//! nothing is rounded or cut off.

use anndata_storage::{DType, Error, Result, ensure};

/// A narrow data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrow {
    /// The upper half of a float of 32 bit.
    BFloat16,
    /// Integers that take a byte each, unless they are packed.
    Integer {
        name: &'static str,
        /// The least and the largest.
        range: (i16, i16),
    },
}

impl Narrow {
    /// The narrow data type of a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "bfloat16" => Self::BFloat16,
            "int2" => Self::Integer { name: "int2", range: (-2, 1) },
            "int4" => Self::Integer { name: "int4", range: (-8, 7) },
            "uint2" => Self::Integer { name: "uint2", range: (0, 3) },
            "uint4" => Self::Integer { name: "uint4", range: (0, 15) },
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BFloat16 => "bfloat16",
            Self::Integer { name, .. } => name,
        }
    }

    /// The type that values are read as.
    pub(crate) fn wide(self) -> DType {
        match self {
            Self::BFloat16 => DType::F32,
            Self::Integer { range: (0, _), .. } => DType::U8,
            Self::Integer { .. } => DType::I8,
        }
    }

    /// The type that stands for it between codecs: the bits of a `bfloat16`, else its name.
    pub(crate) fn stored(self) -> DType {
        match self {
            Self::BFloat16 => DType::U16,
            Self::Integer { name, .. } => DType::Unknown(name.into()),
        }
    }

    pub(super) fn undo(self, stored: &[u8], values: &mut [u8]) -> Result<()> {
        match self {
            Self::BFloat16 => {
                let ((stored, _), (values, _)) = (stored.as_chunks::<2>(), values.as_chunks_mut::<4>());
                ensure!(stored.len() == values.len(), "{} values for {}", stored.len(), values.len());
                for (value, &bits) in values.iter_mut().zip(stored) {
                    *value = (u32::from(u16::from_ne_bytes(bits)) << 16).to_ne_bytes();
                }
            }
            Self::Integer { .. } => {
                ensure!(stored.len() == values.len(), "{} values for {}", stored.len(), values.len());
                if stored.iter().any(|&byte| !self.holds(byte)) {
                    return Err(Error::invalid_data(format!(
                        "a chunk holds values that {} does not have",
                        self.name()
                    )));
                }
                values.copy_from_slice(stored);
            }
        }
        Ok(())
    }

    pub(super) fn apply(self, values: &[u8], stored: &mut [u8]) -> Result<()> {
        let lost = |value: String| {
            Error::invalid_input(format!(
                "the value {value} is not one of {}, which the array is stored as",
                self.name()
            ))
        };
        match self {
            Self::BFloat16 => {
                let ((values, _), (stored, _)) = (values.as_chunks::<4>(), stored.as_chunks_mut::<2>());
                ensure!(stored.len() == values.len(), "{} values for {}", values.len(), stored.len());
                for (&value, bits) in values.iter().zip(stored) {
                    let value = u32::from_ne_bytes(value);
                    let upper = u16::try_from(value >> 16).map_err(|_| Error::bug("a half of more than 16 bits"))?;
                    if value & 0xffff != 0 {
                        return Err(lost(f32::from_bits(value).to_string()));
                    }
                    *bits = upper.to_ne_bytes();
                }
            }
            Self::Integer { range, .. } => {
                ensure!(stored.len() == values.len(), "{} values for {}", values.len(), stored.len());
                if let Some(&byte) = values.iter().find(|&&byte| !self.holds(byte)) {
                    return Err(lost(if range.0 < 0 { byte.cast_signed().to_string() } else { byte.to_string() }));
                }
                stored.copy_from_slice(values);
            }
        }
        Ok(())
    }

    /// Whether an integer that is read as a byte is one of its values.
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::BFloat16 => true,
            Self::Integer { range: (0, most), .. } => i16::from(byte) <= most,
            Self::Integer { range: (least, most), .. } => (least..=most).contains(&i16::from(byte.cast_signed())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_widened_and_nothing_is_lost() -> Result<()> {
        let values: Vec<u8> = [1.5_f32, -0.0, f32::INFINITY].into_iter().flat_map(f32::to_ne_bytes).collect();
        let (mut stored, mut back) = ([0; 6], [1; 12]);
        Narrow::BFloat16.apply(&values, &mut stored)?;
        assert_eq!(stored[..2], 0x3fc0_u16.to_ne_bytes());
        Narrow::BFloat16.undo(&stored, &mut back)?;
        assert_eq!(back, *values);
        let error = Narrow::BFloat16.apply(&0.1_f32.to_ne_bytes(), &mut [0; 2]).unwrap_err();
        assert_eq!(error.message(), "the value 0.1 is not one of bfloat16, which the array is stored as");
        let int4 = Narrow::of("int4").unwrap();
        int4.apply(&[7, 0xf8], &mut [0; 2])?;
        assert!(int4.apply(&[8], &mut [0]).is_err_and(|error| error.message().starts_with("the value 8 ")));
        assert!(int4.apply(&[0xf7], &mut [0]).is_err_and(|error| error.message().starts_with("the value -9 ")));
        assert!(int4.undo(&[15], &mut [0]).is_err_and(|error| error.is_invalid_data()));
        assert!(Narrow::of("uint4").unwrap().undo(&[15], &mut [0]).is_ok());
        Ok(())
    }
}
