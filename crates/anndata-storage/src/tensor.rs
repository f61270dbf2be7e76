//! [`Tensor`]: the one dense array type from disk to user.

mod arrow;
mod block;
mod bytes;
mod cells;
mod change;
mod display;
mod extreme;
mod from;
mod gather;
mod lists;
mod ln_1p;
mod moments;
mod record;
mod reduce;
mod scatter;
#[cfg(feature = "serde")]
mod serde;
mod shared;
mod text;
mod time;
mod transpose;

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array as _, LargeBinaryArray, LargeStringArray};
use arrow_buffer::Buffer;
use ndarray::{ArrayBase, ArrayD, ArrayViewD, Data as NdData, Dimension, IxDyn};

use crate::{DType, Error, OrBug, Result, Scalar};
pub use bytes::{AlignedBytes, MemoryReuse};
pub use change::{check_factors, times};
pub use extreme::Extreme;
pub use moments::Moments;
pub use shared::SharedBytes;

/// A dense n-dimensional array: dtype, shape and values in C order.
///
/// Values are one Arrow buffer for fixed-size types, a `LargeStringArray` for text, and one tensor a field for
/// records. Buffers are shared, so a clone costs nothing. Typed access is a view:
///
/// ```
/// use anndata_storage::{DType, Tensor};
///
/// let tensor = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(*tensor.dtype(), DType::F32);
/// assert_eq!(tensor.view::<f32>()?[[1, 0]], 3.0);
/// assert!(tensor.view::<f64>().unwrap_err().is_dtype());
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    data: Data,
}

/// Where the values are.
#[derive(Clone)]
enum Data {
    /// Fixed-size types. Aligned for the type, exactly `len * size` bytes, booleans 0 or 1.
    Buffer(SharedBytes),
    /// `DType::String`. No nulls, `len` values.
    Strings(LargeStringArray),
    /// `DType::Opaque` without a size. No nulls, `len` values.
    Lists(LargeBinaryArray),
    /// `DType::Compound`: a tensor a field, of shape `shape + field.shape`.
    Fields(Arc<[Tensor]>),
}

impl Tensor {
    /// A tensor over a buffer of native-endian values of a fixed-size dtype.
    ///
    /// Records are given packed, one after the other. The buffer is used as it is where it is aligned.
    ///
    /// # Errors
    /// If the buffer's length is not that of the shape, a boolean is neither 0 nor 1, or the dtype has no size.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>, buffer: impl Into<SharedBytes>) -> Result<Self> {
        let (shape, buffer) = (shape.into(), buffer.into());
        let size = dtype
            .size()
            .ok_or_else(|| Error::invalid_input(format!("values of type {dtype} have no fixed size in bytes")))?;
        let expected = count(&shape)?.checked_mul(size).ok_or_else(|| too_large(&shape))?;
        if buffer.len() != expected {
            return Err(Error::invalid_input(format!(
                "{} bytes were given for an array of shape {shape:?} and type {dtype}, which takes {expected}",
                buffer.len()
            )));
        }
        if let DType::Compound(fields) = &dtype {
            return record::unpack(fields, &shape, &buffer);
        }
        if dtype == DType::Bool && buffer.iter().any(|&byte| byte > 1) {
            return Err(Error::invalid_data("a boolean is neither 0 nor 1"));
        }
        let align = alignment(&dtype, size);
        let buffer =
            if buffer.as_ptr().align_offset(align) == 0 { buffer } else { AlignedBytes::copy_of(&buffer).into() };
        Ok(Self { dtype, shape, data: Data::Buffer(buffer) })
    }

    /// A tensor of a fixed-size dtype over bytes that are copied.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_bytes(dtype: DType, shape: impl Into<Vec<usize>>, bytes: impl AsRef<[u8]>) -> Result<Self> {
        Self::new(dtype, shape, AlignedBytes::copy_of(bytes.as_ref()))
    }

    /// A tensor over a vector in C order, which is not copied.
    ///
    /// # Errors
    /// If the length is not that of the shape.
    pub fn from_vec<T: Scalar>(shape: impl Into<Vec<usize>>, values: Vec<T>) -> Result<Self> {
        Self::new(T::DTYPE, shape, SharedBytes::of_vec(values))
    }

    /// A tensor over an `ndarray` array; copied only where it is borrowed or not in C order.
    pub fn from_array<T: Scalar, S: NdData<Elem = T>, D: Dimension>(array: ArrayBase<S, D>) -> Self {
        let shape = array.shape().to_vec();
        let owned =
            if array.is_standard_layout() { array.into_owned() } else { array.as_standard_layout().into_owned() };
        let len = owned.len();
        let (mut values, offset) = owned.into_raw_vec_and_offset();
        // An array without elements has no first one to begin at.
        values.drain(..offset.unwrap_or(0));
        values.truncate(len);
        Self { dtype: T::DTYPE, shape, data: Data::Buffer(SharedBytes::of_vec(values)) }
    }

    /// A tensor without dimensions.
    pub fn scalar<T: Scalar>(value: T) -> Self {
        Self { dtype: T::DTYPE, shape: Vec::new(), data: Data::Buffer(SharedBytes::of_vec(vec![value])) }
    }

    /// The type of an element.
    pub fn dtype(&self) -> &DType {
        &self.dtype
    }

    /// The length of each axis; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the values take in memory.
    pub fn nbytes(&self) -> usize {
        match &self.data {
            Data::Buffer(buffer) => buffer.len(),
            Data::Strings(strings) => strings.value_data().len() + (strings.len() + 1) * size_of::<i64>(),
            Data::Lists(lists) => lists.value_data().len() + (lists.len() + 1) * size_of::<i64>(),
            Data::Fields(fields) => fields.iter().map(Self::nbytes).sum(),
        }
    }

    /// The values as a typed n-dimensional view, without a copy.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) if `T` is not the dtype's type.
    pub fn view<T: Scalar>(&self) -> Result<ArrayViewD<'_, T>> {
        ArrayViewD::from_shape(IxDyn(&self.shape), self.as_slice::<T>()?)
            .map_err(|error| Error::bug("shape and length disagree").with_source(error))
    }

    /// The values in C order, without a copy.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) if `T` is not the dtype's type.
    pub fn as_slice<T: Scalar>(&self) -> Result<&[T]> {
        match &self.data {
            Data::Buffer(buffer) if self.dtype == T::DTYPE => bytemuck::checked::try_cast_slice(buffer.as_slice())
                .map_err(|error| Error::bug(format!("the buffer is not an array of {}: {error}", T::DTYPE))),
            _ => Err(Error::dtype(format!("the values are of type {}, not {}", self.dtype, T::DTYPE))),
        }
    }

    /// The values as an owned `ndarray` array.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn to_array<T: Scalar>(&self) -> Result<ArrayD<T>> {
        Ok(self.view::<T>()?.to_owned())
    }

    /// The raw bytes of a fixed-size type that is not a record.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Buffer(buffer) => Some(buffer.as_slice()),
            _ => None,
        }
    }

    /// The shared buffer of a fixed-size type that is not a record.
    pub fn buffer(&self) -> Option<&Buffer> {
        match &self.data {
            Data::Buffer(buffer) => Some(buffer),
            _ => None,
        }
    }

    /// Returns the same values in another shape.
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if count(&shape)? != self.len() {
            return Err(Error::invalid_input(format!("shape {:?} cannot become {shape:?}", self.shape)));
        }
        let data = match self.data {
            Data::Fields(fields) => Data::Fields(
                fields
                    .iter()
                    .map(|field| {
                        let inner =
                            field.shape.get(self.shape.len()..).or_bug("a field of fewer axes than the records")?;
                        field.clone().reshape([&shape, inner].concat())
                    })
                    .collect::<Result<_>>()?,
            ),
            data => data,
        };
        Ok(Self { dtype: self.dtype, shape, data })
    }

    /// Returns the same values converted to another numeric dtype.
    ///
    /// As numpy's `astype`, floats lose their fraction on the way to integers, integers wrap around in narrower ones,
    /// and numbers other than 0 become `true`. Unlike there, where the result depends on the machine, a float beyond the
    /// range of an integer dtype becomes the nearest end of it, and NaN becomes 0.
    ///
    /// ```
    /// use anndata_storage::{DType, Tensor};
    ///
    /// let floats = Tensor::from_vec([4], vec![-1.5, 2.9, 300.7, f64::NAN])?;
    /// assert_eq!(floats.cast(&DType::I16)?.as_slice::<i16>()?, [-1, 2, 300, 0]);
    /// assert_eq!(floats.cast(&DType::U8)?.as_slice::<u8>()?, [0, 2, 255, 0]);
    /// assert_eq!(Tensor::from_vec([2], vec![-1, 300])?.cast(&DType::U8)?.as_slice::<u8>()?, [255, 44]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// Dates become dates in other steps, spans of time spans in other steps, without rounding; integers become counts
    /// of either.
    ///
    /// # Errors
    /// If the dtypes are others, a complex number would lose its imaginary part, or a date or span of time would be
    /// rounded or is out of range.
    pub fn cast(&self, dtype: &DType) -> Result<Self> {
        if self.dtype == *dtype {
            return Ok(self.clone());
        }
        if self.dtype.is_time() || dtype.is_time() { time::cast(self, dtype) } else { gather::cast(self, dtype) }
    }
}

/// The number of elements of a shape.
///
/// The axes that are not 0 must fit together even where another one is 0, so that no product of some of the axes of a
/// tensor can overflow. `ndarray` has the same rule.
fn count(shape: &[usize]) -> Result<usize> {
    let product = shape.iter().filter(|&&n| n > 0).try_fold(1_usize, |product, &n| product.checked_mul(n));
    match product {
        Some(product) if isize::try_from(product).is_ok() => Ok(if shape.contains(&0) { 0 } else { product }),
        _ => Err(too_large(shape)),
    }
}

fn too_large(shape: &[usize]) -> Error {
    Error::limit_exceeded(format!("an array of shape {shape:?} does not fit into memory"))
}

/// The alignment in memory of a number or time of a size; text of fixed width needs none.
fn alignment(dtype: &DType, size: usize) -> usize {
    match dtype {
        dtype if dtype.is_complex() => size / 2,
        DType::Datetime(_) | DType::Timedelta(_) => size,
        dtype if dtype.is_numeric() => size,
        _ => 1,
    }
}

/// Equal dtype, shape and values; floats are compared by bits, so NaN equals itself and 0.0 is not -0.0.
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        self.dtype == other.dtype
            && self.shape == other.shape
            && match (&self.data, &other.data) {
                (Data::Buffer(a), Data::Buffer(b)) => **a == **b,
                (Data::Strings(a), Data::Strings(b)) => a == b,
                (Data::Lists(a), Data::Lists(b)) => a == b,
                (Data::Fields(a), Data::Fields(b)) => a == b,
                _ => false,
            }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}, {:?}", self.dtype, self.shape)?;
        if self.len() <= 8 {
            crate::dispatch!(&self.dtype, T => match self.as_slice::<T>() {
                Ok(values) => write!(f, ", {values:?}")?,
                Err(error) => write!(f, ", {error:?}")?,
            }, else => {
                // Records, and bytes that are not text, are not shown.
                if let Ok(texts) = self.to_strings().or_else(|_| self.to_time_strings()) {
                    write!(f, ", {texts:?}")?;
                }
            });
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn vectors_and_arrays_are_not_copied() -> Result<()> {
        let values = vec![1.0_f64, 2.0, 3.0];
        let pointer = values.as_ptr();
        let tensor = Tensor::from_vec([3], values)?;
        assert_eq!(tensor.as_slice::<f64>()?.as_ptr(), pointer);

        let array = array![[1_i16, 2], [3, 4]];
        let pointer = array.as_ptr();
        let tensor = Tensor::from_array(array);
        assert_eq!(tensor.as_slice::<i16>()?.as_ptr(), pointer);
        Ok(())
    }

    #[test]
    fn arrays_in_other_orders_are_put_into_c_order() -> Result<()> {
        let array = array![[1, 2, 3], [4, 5, 6]];
        let transposed = Tensor::from_array(array.t().to_owned());
        assert_eq!(transposed.shape(), [3, 2]);
        assert_eq!(transposed.as_slice::<i32>()?, [1, 4, 2, 5, 3, 6]);
        let sliced = Tensor::from_array(array.slice(ndarray::s![.., 1..]));
        assert_eq!(sliced.as_slice::<i32>()?, [2, 3, 5, 6]);
        let reversed = Tensor::from_array(array![1, 2, 3].slice(ndarray::s![..;-1]));
        assert_eq!(reversed.as_slice::<i32>()?, [3, 2, 1]);
        let owned_slice = Tensor::from_array(array.slice_move(ndarray::s![1.., ..]));
        assert_eq!(owned_slice.as_slice::<i32>()?, [4, 5, 6]);
        Ok(())
    }

    #[test]
    fn wrong_lengths_and_booleans_are_refused() {
        let length = Tensor::from_vec([2, 2], vec![1_u8]).unwrap_err();
        assert!(length.is_invalid_input() && length.message().contains("uint8, which takes 4"), "{length}");
        let boolean = Tensor::from_bytes(DType::Bool, [2], [0, 2]).unwrap_err();
        assert!(boolean.is_invalid_data() && boolean.message() == "a boolean is neither 0 nor 1", "{boolean}");
        let text = Tensor::from_bytes(DType::String, [1], [0]).unwrap_err();
        assert!(text.is_invalid_input() && text.message().contains("no fixed size in bytes"), "{text}");
        for shape in [vec![usize::MAX, 2], vec![usize::MAX, 2, 0]] {
            let large = Tensor::from_vec(shape, Vec::<u8>::new()).unwrap_err();
            assert!(large.is_limit_exceeded() && large.message().contains("does not fit into memory"), "{large}");
        }
    }

    #[test]
    fn unaligned_buffers_are_realigned() -> Result<()> {
        let buffer = Buffer::from_vec(vec![0_u8, 1, 0, 0, 0, 2, 0, 0, 0]).slice(1);
        assert_eq!(Tensor::new(DType::I32, [2], buffer)?.as_slice::<i32>()?, [1, 2]);
        Ok(())
    }
}
