//! Data of tensors of [burn](https://docs.rs/burn).

use anndata_core::{DType, Result, Scalar, Tensor};
use anndata_storage::Error;
use burn_std::{Element, TensorData};

/// An array as the data of a tensor of burn, of the same shape and dtype: `Tensor::<2>::from_data(data, &device)` is the tensor, on
/// any backend.
///
/// Values are not copied that nothing else holds and that were made here, as those of a matrix that a batch was asked for as
/// [dense](crate::Want::Dense) are.
///
/// ```
/// use anndata_core::Tensor;
/// use anndata_experimental::tensors;
///
/// let data = tensors::to_burn(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(data.as_slice::<f32>().ok(), Some(&[1.0, 2.0, 3.0, 4.0][..]));
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`DType`](anndata_core::ErrorKind::DType) if burn has no such values: it has integers and floats of all sizes.
pub fn to_burn(array: Tensor) -> Result<TensorData> {
    match array.dtype() {
        DType::F16 => of::<half::f16>(array),
        DType::F32 => of::<f32>(array),
        DType::F64 => of::<f64>(array),
        DType::U8 => of::<u8>(array),
        DType::U16 => of::<u16>(array),
        DType::U32 => of::<u32>(array),
        DType::U64 => of::<u64>(array),
        DType::I8 => of::<i8>(array),
        DType::I16 => of::<i16>(array),
        DType::I32 => of::<i32>(array),
        DType::I64 => of::<i64>(array),
        other => {
            let message = format!("burn has no tensors of type {other}");
            Err(Error::dtype(message).with_advice("ask for float32, or cast the values first"))
        }
    }
}

fn of<T: Scalar + Element>(array: Tensor) -> Result<TensorData> {
    let shape = array.shape().to_vec();
    Ok(TensorData::new(array.into_vec::<T>()?, shape))
}
