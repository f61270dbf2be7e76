//! Element types of stored arrays.

mod opaque;
mod parse;

use std::fmt;
use std::sync::Arc;

use crate::{TimeStep, TimeUnit};
pub use opaque::OpaqueType;
use parse::{IN_NAME, IN_TEXT, Quoted};

/// The type of one element of an array.
///
/// In memory every fixed-size type is native-endian, packed and C-contiguous, whatever it is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// One byte, 0 or 1. HDF5: h5py's boolean enumeration.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// IEEE 754 half precision.
    F16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
    /// Two `F32`: real and imaginary part.
    Complex64,
    /// Two `F64`: real and imaginary part.
    Complex128,
    /// Dates: 64-bit counts of a step since 1970 (numpy `datetime64`); [`NAT`](crate::NAT) is none.
    Datetime(TimeStep),
    /// Spans of time: 64-bit counts of a step (numpy `timedelta64`); [`NAT`](crate::NAT) is none.
    Timedelta(TimeStep),
    /// UTF-8 text of any length.
    String,
    /// Bytes of a fixed width, padded with NUL on the right (numpy `S`).
    FixedBytes(usize),
    /// UTF-8 text in a fixed number of bytes, padded with NUL on the right (HDF5 fixed strings marked as UTF-8).
    FixedUtf8(usize),
    /// Text as a fixed number of UTF-32 code points, padded with NUL on the right (numpy `U`).
    FixedUtf32(usize),
    /// A record of named fields (numpy structured dtype).
    Compound(Arc<[Field]>),
    /// A type of one format that anndata has no name for, whose values are kept as they are stored.
    Opaque(OpaqueType),
    /// A type that is not known at all. It can be listed but not read; the text describes it.
    Unknown(Arc<str>),
}

/// One field of a [`DType::Compound`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// The name.
    pub name: Arc<str>,
    /// The type of one element.
    pub dtype: DType,
    /// The shape of the field within one record; empty for a plain value.
    pub shape: Vec<usize>,
}

impl Field {
    /// A field with one value per record.
    pub fn new(name: impl Into<Arc<str>>, dtype: DType) -> Self {
        Self { name: name.into(), dtype, shape: Vec::new() }
    }

    /// The number of elements in one record; `usize::MAX` where it is more than that.
    pub fn len(&self) -> usize {
        if self.shape.contains(&0) { 0 } else { self.shape.iter().copied().fold(1, usize::saturating_mul) }
    }

    /// Whether the field has no element (an axis of length 0).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl DType {
    /// The numeric dtypes: booleans, integers, floats and complex numbers.
    pub const NUMERIC: [Self; 14] = [
        Self::Bool,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::F16,
        Self::F32,
        Self::F64,
        Self::Complex64,
        Self::Complex128,
    ];

    /// Bytes of one element; `None` for strings of any length, unknown types and records that hold such.
    pub fn size(&self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 | Self::Complex64 | Self::Datetime(_) | Self::Timedelta(_) => 8,
            Self::Complex128 => 16,
            Self::FixedBytes(width) | Self::FixedUtf8(width) => *width,
            Self::FixedUtf32(width) => width.checked_mul(4)?,
            Self::Compound(fields) => {
                let mut size = 0_usize;
                for field in fields.iter() {
                    size = size.checked_add(field.dtype.size()?.checked_mul(field.len())?)?;
                }
                size
            }
            Self::Opaque(opaque) => opaque.size()?,
            Self::String | Self::Unknown(_) => return None,
        })
    }

    /// Whether values are integers, signed or not.
    pub fn is_integer(&self) -> bool {
        self.is_signed_integer() || matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::U64)
    }

    /// Whether values are signed integers.
    pub fn is_signed_integer(&self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    /// Whether values are real floating point numbers.
    pub fn is_float(&self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }

    /// Whether values are complex numbers.
    pub fn is_complex(&self) -> bool {
        matches!(self, Self::Complex64 | Self::Complex128)
    }

    /// Whether values are booleans or numbers: the types that have a [`Scalar`](crate::Scalar).
    pub fn is_numeric(&self) -> bool {
        *self == Self::Bool || self.is_integer() || self.is_float() || self.is_complex()
    }

    /// Whether values are dates or spans of time.
    pub fn is_time(&self) -> bool {
        matches!(self, Self::Datetime(_) | Self::Timedelta(_))
    }

    /// Whether values are [references](OpaqueType::references), or records with such.
    pub fn has_references(&self) -> bool {
        match self {
            Self::Opaque(opaque) => opaque.is_reference(),
            Self::Compound(fields) => fields.iter().any(|field| field.dtype.has_references()),
            _ => false,
        }
    }

    /// Whether values are text or fixed-width bytes.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::FixedBytes(_) | Self::FixedUtf8(_) | Self::FixedUtf32(_))
    }
}

/// numpy's names: `float32`, `bool`, `S16`, `U9`, `datetime64[ns]`; `string` for text of any length. A [type of one
/// format](OpaqueType) is described in words by `{}`, and printed so that it can be parsed again by `{:#}`.
impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Datetime(step) => return time(f, "datetime64", *step),
            Self::Timedelta(step) => return time(f, "timedelta64", *step),
            Self::String => "string",
            Self::FixedBytes(width) => return write!(f, "S{width}"),
            Self::FixedUtf8(width) => return write!(f, "utf8[{width}]"),
            Self::FixedUtf32(width) => return write!(f, "U{width}"),
            Self::Compound(fields) => {
                f.write_str("record(")?;
                for (i, field) in fields.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    write!(f, "{separator}{}: ", Quoted(&field.name, IN_NAME))?;
                    fmt::Display::fmt(&field.dtype, f)?;
                    if !field.shape.is_empty() {
                        write!(f, "{:?}", field.shape)?;
                    }
                }
                return f.write_str(")");
            }
            Self::Opaque(opaque) if f.alternate() => return parse::whole(opaque, f),
            Self::Opaque(opaque) => return opaque.fmt(f),
            Self::Unknown(what) => return write!(f, "unknown({})", Quoted(what, IN_TEXT)),
        })
    }
}

fn time(f: &mut fmt::Formatter<'_>, name: &str, step: TimeStep) -> fmt::Result {
    if step.unit() == TimeUnit::Generic { f.write_str(name) } else { write!(f, "{name}[{step}]") }
}

#[cfg(feature = "serde")]
mod serde {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::DType;

    /// The text that `{:#}` prints.
    impl Serialize for DType {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("{self:#}"))
        }
    }

    impl<'de> Deserialize<'de> for DType {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_records_are_packed_and_overflow_is_none() {
        let record = DType::Compound(
            [Field::new("a", DType::I8), Field { name: "b".into(), dtype: DType::F64, shape: vec![2, 3] }].into(),
        );
        assert_eq!(record.size(), Some(49));
        assert_eq!(record.to_string(), "record(a: int8, b: float64[2, 3])");
        let huge = Field { name: "c".into(), dtype: DType::I16, shape: vec![usize::MAX, 3] };
        assert_eq!(DType::Compound([huge].into()).size(), None);
        assert_eq!(DType::FixedUtf32(usize::MAX).size(), None);
        assert_eq!(DType::String.size(), None);
    }
}
