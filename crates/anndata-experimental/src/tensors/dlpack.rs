//! Tensors in the form that [DLPack](https://dmlc.github.io/dlpack/latest/) describes, which all libraries of tensors take.

use std::ffi::c_void;
use std::ptr;

use anndata_core::{DType, Result, Tensor};
use anndata_storage::Error;
use dlpark::DlpackFlags;
use dlpark::ffi::{DLDataType, DLDevice, DLManagedTensorVersioned};
use dlpark::metadata::Dynamic;
use dlpark::versioned::Dlpack;

/// An array in the versioned form of DLPack, of the same shape and dtype, on the CPU and in C order.
///
/// Nothing is copied: the values are shared with all that hold them, so that it is marked as read-only. They stay as long as what is
/// returned does, or, once it went to another library by `into_raw`, until that calls its deleter, on any thread.
///
/// ```
/// use anndata_core::Tensor;
/// use anndata_experimental::tensors;
///
/// let labels = Tensor::from_vec([2, 1], vec![3_i64, 5])?;
/// let shared = tensors::to_dlpack(labels)?;
/// let seen = shared.validate().unwrap();
/// assert_eq!(seen.shape(), [2, 1]);
/// // SAFETY: the values are those of the array above.
/// assert_eq!(unsafe { seen.cpu_slice::<i64>() }.unwrap(), [3, 5]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`DType`](anndata_core::ErrorKind::DType) if DLPack has no such values: it has booleans, integers, floats and complex numbers.
pub fn to_dlpack(array: Tensor) -> Result<Dlpack> {
    let none = || Error::dtype(format!("DLPack has no tensors of type {}", array.dtype()));
    let dtype = dtype(array.dtype()).ok_or_else(none)?;
    let values = array.as_bytes().ok_or_else(none)?;
    // As the description says of tensors without values.
    let data = if values.is_empty() { ptr::null_mut() } else { values.as_ptr().cast_mut().cast::<c_void>() };
    let metadata = Dynamic::compact(array.shape()).prepare_as::<DLManagedTensorVersioned>();
    let metadata = metadata.map_err(|error| Error::unsupported("a shape that DLPack has not").with_source(error))?;
    // Its values are on the heap, and stay where they are.
    let mut made = metadata.initialize(Box::new(array));
    made.set_data(data).set_dtype(dtype).set_device(DLDevice::CPU);
    made.set_flags(DlpackFlags::READ_ONLY).map_err(|error| Error::bug("flags of a tensor").with_source(error))?;
    // SAFETY: `data` is the first byte of as many values of this dtype as the shape has, in C order; they are of the array that is
    // the context, which is dropped with the tensor. They are aligned for their type, may be read from any thread, and nobody
    // writes to them: that they are shared is said by the flag.
    Ok(unsafe { made.finish() })
}

fn dtype(dtype: &DType) -> Option<DLDataType> {
    Some(match dtype {
        DType::Bool => DLDataType::BOOL,
        DType::I8 => DLDataType::I8,
        DType::I16 => DLDataType::I16,
        DType::I32 => DLDataType::I32,
        DType::I64 => DLDataType::I64,
        DType::U8 => DLDataType::U8,
        DType::U16 => DLDataType::U16,
        DType::U32 => DLDataType::U32,
        DType::U64 => DLDataType::U64,
        DType::F16 => DLDataType::F16,
        DType::F32 => DLDataType::F32,
        DType::F64 => DLDataType::F64,
        DType::Complex64 => DLDataType::C64,
        DType::Complex128 => DLDataType::C128,
        _ => return None,
    })
}
