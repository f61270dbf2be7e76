//! One-dimensional tensors as Arrow arrays, and back, without a copy where the layouts agree.

mod time;

use std::sync::Arc;

use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array,
    LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use super::text::string_array;
use super::{AlignedBytes, Data, Tensor};
use crate::{DType, Error, OrBug, Result, ensure};

/// Runs an expression with the Arrow primitive type of an integer or float dtype.
macro_rules! primitive {
    ($dtype:expr, $T:ident => $body:expr, else => $other:expr) => {
        match $dtype {
            DType::I8 => {
                type $T = Int8Type;
                $body
            }
            DType::I16 => {
                type $T = Int16Type;
                $body
            }
            DType::I32 => {
                type $T = Int32Type;
                $body
            }
            DType::I64 => {
                type $T = Int64Type;
                $body
            }
            DType::U8 => {
                type $T = UInt8Type;
                $body
            }
            DType::U16 => {
                type $T = UInt16Type;
                $body
            }
            DType::U32 => {
                type $T = UInt32Type;
                $body
            }
            DType::U64 => {
                type $T = UInt64Type;
                $body
            }
            DType::F16 => {
                type $T = Float16Type;
                $body
            }
            DType::F32 => {
                type $T = Float32Type;
                $body
            }
            DType::F64 => {
                type $T = Float64Type;
                $body
            }
            _ => $other,
        }
    };
}

impl Tensor {
    /// A one-dimensional tensor as an Arrow array without nulls, save those of times.
    ///
    /// Numbers share the buffer. Booleans become bits. Bytes and UTF-8 of fixed width become `FixedSizeBinary`,
    /// UTF-32 becomes `LargeUtf8`, complex numbers `FixedSizeList(float, 2)`.
    ///
    /// Dates become timestamps without a time zone, in days `Date32`, and spans of time durations; `NaT` is null. A step
    /// that Arrow lacks (hours, months, 25 s) becomes the coarsest one that it has for it, where every value has one.
    ///
    /// # Errors
    /// If the tensor is not one-dimensional, holds records, or times for which Arrow has no value.
    pub fn to_arrow(&self) -> Result<ArrayRef> {
        let [len] = *self.shape.as_slice() else {
            return Err(Error::invalid_input(format!(
                "an array of shape {:?} is not a column: columns have one dimension",
                self.shape
            )));
        };
        let buffer = match &self.data {
            Data::Buffer(buffer) => &**buffer,
            Data::Strings(strings) => return Ok(Arc::new(strings.clone())),
            Data::Fields(_) => return Err(Error::unsupported("records cannot be a column")),
            Data::Lists(_) => {
                return Err(Error::unsupported(format!("values of type {} cannot be a column", self.dtype)));
            }
        };
        let array: ArrayRef = match &self.dtype {
            DType::Bool => {
                ensure!(buffer.len() == len, "{} bytes of {len} booleans", buffer.len());
                Arc::new(BooleanArray::from(BooleanBuffer::collect_bool(len, |i| buffer[i] != 0)))
            }
            DType::Complex64 => pairs(
                DataType::Float32,
                Arc::new(Float32Array::new(ScalarBuffer::new(buffer.clone(), 0, 2 * len), None)),
            )?,
            DType::Complex128 => pairs(
                DataType::Float64,
                Arc::new(Float64Array::new(ScalarBuffer::new(buffer.clone(), 0, 2 * len), None)),
            )?,
            DType::FixedBytes(width) | DType::FixedUtf8(width) => {
                let width = i32::try_from(*width)
                    .map_err(|_| Error::unsupported(format!("values of {width} bytes cannot be a column")))?;
                Arc::new(FixedSizeBinaryArray::try_new_with_len(width, buffer.clone(), None, len).map_err(arrow)?)
            }
            DType::Datetime(_) | DType::Timedelta(_) => time::to_arrow(self)?,
            DType::FixedUtf32(_) => Arc::new(self.to_text()?.strings()?.clone()),
            dtype => primitive!(dtype, T => {
                Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(buffer.clone(), 0, len), None))
            }, else => return Err(Error::unsupported(format!("values of type {dtype} cannot be a column")))),
        };
        Ok(array)
    }

    /// A tensor from an Arrow array: the inverse of [`to_arrow`](Self::to_arrow), for any string layout.
    ///
    /// The values below a null are what Arrow holds there; nulls are the caller's to keep. Those of times become `NaT`.
    ///
    /// # Errors
    /// If the Arrow type has no dtype, as times of a day and timestamps with a time zone have none, or a time is the
    /// count that stands for `NaT`.
    pub fn from_arrow(array: &dyn Array) -> Result<Self> {
        let len = array.len();
        let data = array.to_data();
        if let Some(dtype) = primitive_dtype(array.data_type()) {
            let size = dtype.size().or_bug("a number without a size")?;
            let buffer = data.buffers().first().or_bug("an Arrow array of numbers without a buffer")?;
            return Self::new(dtype, [len], buffer.slice_with_length(data.offset() * size, len * size));
        }
        if array.data_type().is_temporal() {
            return time::from_arrow(array);
        }
        match array.data_type() {
            DataType::Boolean => {
                let bits = BooleanArray::from(data);
                let mut bytes = AlignedBytes::zeroed(len);
                for (byte, bit) in bytes.as_mut_slice().iter_mut().zip(bits.values()) {
                    *byte = u8::from(bit);
                }
                Self::new(DType::Bool, [len], bytes)
            }
            DataType::Null => Self::from_strings([len], std::iter::repeat_n("", len)),
            DataType::LargeUtf8 => Self::from_string_array([len], without_nulls(&LargeStringArray::from(data))),
            DataType::Utf8 => Self::from_strings([len], StringArray::from(data).iter().map(Option::unwrap_or_default)),
            DataType::Utf8View => {
                Self::from_strings([len], StringViewArray::from(data).iter().map(Option::unwrap_or_default))
            }
            DataType::FixedSizeBinary(width) => {
                let width = usize::try_from(*width)
                    .map_err(|_| Error::invalid_input(format!("an Arrow array has values of {width} bytes")))?;
                let values = FixedSizeBinaryArray::from(data);
                Self::from_bytes(DType::FixedBytes(width), [len], values.value_data())
            }
            DataType::FixedSizeList(item, 2) if item.data_type().is_floating() => {
                let list = FixedSizeListArray::from(data);
                let values = Self::from_arrow(list.values().as_ref())?;
                let dtype = match values.dtype {
                    DType::F32 => DType::Complex64,
                    DType::F64 => DType::Complex128,
                    dtype => return Err(Error::unsupported(format!("pairs of {dtype} are not complex numbers"))),
                };
                let buffer = values.buffer().cloned().or_bug("numbers without a buffer")?;
                Self::new(dtype, [len], buffer)
            }
            other => Err(Error::unsupported(format!("an Arrow array of type {other} has no dtype"))),
        }
    }
}

/// The dtype of Arrow's integers and floats.
fn primitive_dtype(data_type: &DataType) -> Option<DType> {
    Some(match data_type {
        DataType::Int8 => DType::I8,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::UInt8 => DType::U8,
        DataType::UInt16 => DType::U16,
        DataType::UInt32 => DType::U32,
        DataType::UInt64 => DType::U64,
        DataType::Float16 => DType::F16,
        DataType::Float32 => DType::F32,
        DataType::Float64 => DType::F64,
        _ => return None,
    })
}

/// The same strings, empty if null.
fn without_nulls(strings: &LargeStringArray) -> LargeStringArray {
    if strings.null_count() == 0 {
        return LargeStringArray::new(strings.offsets().clone(), Buffer::clone(strings.values()), None);
    }
    string_array(strings.iter().map(Option::unwrap_or_default))
}

fn pairs(item: DataType, values: ArrayRef) -> Result<ArrayRef> {
    let field = Arc::new(Field::new("item", item, false));
    Ok(Arc::new(FixedSizeListArray::try_new(field, 2, values, None).map_err(arrow)?))
}

fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::invalid_input("the Arrow array could not be made").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Complex, f16};

    #[test]
    fn every_column_dtype_goes_to_arrow_and_back() -> Result<()> {
        let tensors = [
            Tensor::from_vec([3], vec![true, false, true])?,
            Tensor::from_vec([2], vec![-1_i8, 1])?,
            Tensor::from_vec([2], vec![1_u64, u64::MAX])?,
            Tensor::from_vec([2], vec![f16::from_f32(0.5), f16::NAN])?,
            Tensor::from_vec([2], vec![0.5_f32, f32::NAN])?,
            Tensor::from_vec([2], vec![Complex::new(1.0_f32, 2.0), Complex::new(3.0, 4.0)])?,
            Tensor::from_vec([1], vec![Complex::new(1.0_f64, 2.0)])?,
            Tensor::from_strings([2], ["", "ü"])?,
            Tensor::from_bytes(DType::FixedBytes(2), [2], b"abcd")?,
            Tensor::from_vec([0], Vec::<i32>::new())?,
        ];
        for tensor in tensors {
            assert_eq!(Tensor::from_arrow(tensor.to_arrow()?.as_ref())?, tensor);
        }
        Ok(())
    }

    #[test]
    fn slices_of_arrow_arrays_are_respected_and_numbers_are_shared() -> Result<()> {
        let tensor = Tensor::from_vec([4], vec![1_i32, 2, 3, 4])?;
        let array = tensor.to_arrow()?.slice(1, 2);
        let back = Tensor::from_arrow(array.as_ref())?;
        assert_eq!(back.as_slice::<i32>()?, [2, 3]);
        assert_eq!(back.as_slice::<i32>()?.as_ptr(), tensor.as_slice::<i32>()?[1..].as_ptr());
        let bits = Tensor::from_vec([3], vec![true, false, true])?.to_arrow()?.slice(1, 2);
        assert_eq!(Tensor::from_arrow(bits.as_ref())?.as_slice::<bool>()?, [false, true]);
        let words = Tensor::from_strings([3], ["a", "b", "c"])?.to_arrow()?.slice(2, 1);
        assert_eq!(Tensor::from_arrow(words.as_ref())?.to_strings()?, ["c"]);
        Ok(())
    }

    #[test]
    fn matrices_are_no_columns() -> Result<()> {
        let error = Tensor::from_vec([1, 1], vec![1_i32])?.to_arrow().unwrap_err();
        assert!(error.is_invalid_input() && error.message().contains("shape [1, 1] is not a column"), "{error}");
        Ok(())
    }
}
