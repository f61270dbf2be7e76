//! Tensors of [candle](https://docs.rs/candle-core).

use anndata_core::{DType, Result, Scalar, Tensor};
use anndata_storage::Error;
use candle_core::{Device, WithDType};

/// An array as a tensor of candle, of the same shape and dtype.
///
/// On the CPU values are not copied that nothing else holds and that were made here, as those of a matrix that a batch was asked
/// for as [dense](crate::Want::Dense) are. To another device they are copied.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, DType, Tensor};
/// use anndata_experimental::{Collection, Fields, Loader, LoaderOptions, MatrixRef, Sampling, Want, tensors};
/// use candle_core::Device;
///
/// let object = AnnData::builder().x(Tensor::from_vec([4, 3], vec![1.0_f32; 12])?).build()?;
/// let cells = Collection::new([("a", object)], &ConcatOptions::default())?;
/// let fields = Fields::x(Want::dense(DType::F32));
/// let loader = Loader::new(&cells, fields, Sampling::default().with_batch(2), LoaderOptions::default())?;
/// for batch in loader.epoch(0)? {
///     let x = tensors::to_candle(batch?.into_dense(&MatrixRef::X)?, &Device::Cpu)?;
///     assert_eq!(x.dims(), [2, 3]);
/// }
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`DType`](anndata_core::ErrorKind::DType) if candle has no such values: it has `f16`, `f32`, `f64`, `u8`, `u32`, `i16`, `i32` and
/// `i64`; or if the device cannot take them.
pub fn to_candle(array: Tensor, device: &Device) -> Result<candle_core::Tensor> {
    match array.dtype() {
        DType::F16 => of::<half::f16>(array, device),
        DType::F32 => of::<f32>(array, device),
        DType::F64 => of::<f64>(array, device),
        DType::U8 => of::<u8>(array, device),
        DType::U32 => of::<u32>(array, device),
        DType::I16 => of::<i16>(array, device),
        DType::I32 => of::<i32>(array, device),
        DType::I64 => of::<i64>(array, device),
        other => {
            let message = format!("candle has no tensors of type {other}");
            Err(Error::dtype(message).with_advice("ask for float32, or cast the values first"))
        }
    }
}

fn of<T: Scalar + WithDType>(array: Tensor, device: &Device) -> Result<candle_core::Tensor> {
    let shape = array.shape().to_vec();
    candle_core::Tensor::from_vec(array.into_vec::<T>()?, shape, device)
        .map_err(|error| Error::unsupported("candle does not take these values").with_source(error))
}
