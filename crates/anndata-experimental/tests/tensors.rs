//! Batches as tensors of other libraries: the same values, and not copied where the other library can take them.
#![cfg(any(feature = "candle", feature = "burn", feature = "dlpack"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use anndata_core::{AnnData, ConcatOptions, DType, Result, SparseFormat, SparseMatrix, Tensor};
use anndata_experimental::{
    Batch, BatchMatrix, Collection, Fields, Loader, LoaderOptions, MatrixRef, Sampling, Want, tensors,
};

/// The numeric dtypes.
const DTYPES: [DType; 12] = [
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::F16,
    DType::F32,
    DType::F64,
];

/// Six rows and five columns, some values of which are 0.
fn values() -> Vec<f32> {
    (0..30_u8).map(|at| if at % 3 == 0 { f32::from(at % 2) } else { 0.0 }).collect()
}

fn batch(want: Want) -> Result<Batch> {
    let dense = Tensor::from_vec([6, 5], values())?;
    let object = AnnData::builder().x(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?).obsm("d", dense).build()?;
    let cells = Collection::new([("a", object)], &ConcatOptions::default())?;
    let fields = Fields::x(want.clone()).with_matrix(MatrixRef::Obsm("d".to_owned()), want);
    Loader::new(&cells, fields, Sampling::default(), LoaderOptions::default())?.get(&[4, 0, 4])
}

/// The rows that the batch has.
fn expected() -> Vec<f32> {
    let all = values();
    [&all[20..25], &all[0..5], &all[20..25]].concat()
}

/// The matrices of a batch as dense arrays, each of which is given to a function with where its values are.
fn each_dense(mut check: impl FnMut(Tensor, *const u8) -> Result<()>) -> Result<()> {
    for name in [MatrixRef::X, MatrixRef::Obsm("d".to_owned())] {
        let dense = batch(Want::dense(DType::F32))?.into_dense(&name)?;
        let at = dense.as_bytes().unwrap().as_ptr();
        check(dense, at)?;
    }
    // A CSR matrix becomes dense, of its dtype.
    for dtype in [DType::F32, DType::F64, DType::I16] {
        let want = Want::Csr { dtype: Some(dtype.clone()), exact: true };
        let dense = batch(want)?.into_dense(&MatrixRef::X)?;
        assert_eq!((dense.dtype(), dense.cast(&DType::F32)?.as_slice::<f32>()?), (&dtype, &expected()[..]));
    }
    let missing = batch(Want::csr())?.into_dense(&MatrixRef::RawX).unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    Ok(())
}

/// An array of a dtype, of shape (2, 0, 3), (2, 3) or ().
fn arrays(dtype: &DType) -> Result<[Tensor; 3]> {
    let six = Tensor::from_vec([2, 3], vec![0_i32, 1, 1, 0, 1, 0])?.cast(dtype)?;
    let one = six.get_scalar(&[0, 1])?;
    Ok([Tensor::zeros(dtype, [2, 0, 3])?, six, one])
}

#[cfg(feature = "candle")]
#[test]
fn candle_takes_batches_without_a_copy_and_every_dtype_that_it_has() -> Result<()> {
    use anndata_experimental::tensors::candle_core::{DType as Theirs, Device, Storage};

    each_dense(|dense, at| {
        let taken = tensors::to_candle(dense, &Device::Cpu)?;
        assert_eq!(taken.dims(), [3, 5]);
        assert_eq!(taken.flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected());
        let (storage, layout) = taken.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { panic!("not on the CPU") };
        assert_eq!((storage.as_slice::<f32>().unwrap().as_ptr().cast::<u8>(), layout.start_offset()), (at, 0));
        Ok(())
    })?;
    for dtype in DTYPES {
        for array in arrays(&dtype)? {
            let shape = array.shape().to_vec();
            let numbers = array.cast(&DType::F64)?.as_slice::<f64>()?.to_vec();
            match tensors::to_candle(array, &Device::Cpu) {
                Ok(taken) => {
                    assert_eq!((taken.dims(), taken.dtype().as_str()), (&shape[..], short(&dtype)));
                    let taken = taken.flatten_all().unwrap().to_dtype(Theirs::F64).unwrap();
                    assert_eq!(taken.to_vec1::<f64>().unwrap(), numbers);
                }
                Err(refused) => {
                    assert!([DType::Bool, DType::I8, DType::U16, DType::U64].contains(&dtype), "{refused}");
                    assert!(refused.is_dtype(), "{refused}");
                    assert_eq!(refused.message(), format!("candle has no tensors of type {dtype}"));
                }
            }
        }
    }
    Ok(())
}

/// What candle and burn call a dtype.
#[cfg(any(feature = "candle", feature = "burn"))]
fn short(dtype: &DType) -> &'static str {
    match dtype {
        DType::I8 => "i8",
        DType::I16 => "i16",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::U8 => "u8",
        DType::U16 => "u16",
        DType::U32 => "u32",
        DType::U64 => "u64",
        DType::F16 => "f16",
        DType::F32 => "f32",
        DType::F64 => "f64",
        _ => "none",
    }
}

#[cfg(feature = "burn")]
#[test]
fn burn_takes_batches_without_a_copy_and_every_dtype_that_it_has() -> Result<()> {
    each_dense(|dense, at| {
        let taken = tensors::to_burn(dense)?;
        assert_eq!(taken.shape().as_slice(), [3, 5]);
        let values = taken.as_slice::<f32>().unwrap();
        assert_eq!((values, values.as_ptr().cast::<u8>()), (&expected()[..], at));
        Ok(())
    })?;
    for dtype in DTYPES {
        for array in arrays(&dtype)? {
            let shape = array.shape().to_vec();
            let numbers = array.cast(&DType::F64)?.as_slice::<f64>()?.to_vec();
            match tensors::to_burn(array) {
                Ok(taken) => {
                    assert_eq!((taken.shape().as_slice(), taken.dtype().name()), (&shape[..], short(&dtype)));
                    assert_eq!(taken.iter::<f64>().collect::<Vec<_>>(), numbers);
                }
                Err(refused) => {
                    assert_eq!((&dtype, refused.is_dtype()), (&DType::Bool, true), "{refused}");
                    assert_eq!(refused.message(), "burn has no tensors of type bool");
                }
            }
        }
    }
    Ok(())
}

#[cfg(feature = "dlpack")]
#[test]
fn dlpack_shares_every_numeric_array_for_reading() -> Result<()> {
    use anndata_experimental::tensors::dlpark::DlpackFlags;
    use anndata_experimental::tensors::dlpark::ffi::DLDevice;

    each_dense(|dense, at| {
        // Something else holds the values as well.
        let shared = tensors::to_dlpack(dense.clone())?;
        assert_eq!((shared.flags(), shared.version().major), (DlpackFlags::READ_ONLY, 1));
        let seen = shared.validate_export().unwrap();
        assert_eq!(
            (seen.shape(), seen.strides(), seen.device()),
            (&[3_i64, 5][..], Some(&[5_i64, 1][..]), DLDevice::CPU)
        );
        // SAFETY: the values are those of `dense`.
        let values = unsafe { seen.cpu_slice::<f32>() }.unwrap();
        assert_eq!((values, values.as_ptr().cast::<u8>()), (&expected()[..], at));
        assert_eq!(dense.as_slice::<f32>()?, values);
        Ok(())
    })?;
    for dtype in DTYPES {
        for array in arrays(&dtype)? {
            let (bytes, shape) = (array.as_bytes().unwrap().to_vec(), array.shape().to_vec());
            let shared = tensors::to_dlpack(array)?;
            let seen = shared.validate_export().unwrap();
            assert!(seen.shape().iter().map(|&len| usize::try_from(len).unwrap()).eq(shape), "{dtype}");
            // SAFETY: the values are those of the array, which the tensor holds.
            assert_eq!(unsafe { seen.cpu_bytes() }.unwrap(), bytes, "{dtype}");
        }
    }
    let text = tensors::to_dlpack(Tensor::string("x")).map(drop).unwrap_err();
    assert_eq!((text.is_dtype(), text.text()), (true, "DLPack has no tensors of type string".to_owned()));
    Ok(())
}

/// The values go when the last one that holds them does: the tensor that another library had, on another thread.
#[cfg(feature = "dlpack")]
#[test]
fn what_dlpack_shares_stays_until_it_is_given_back() -> Result<()> {
    use anndata_experimental::tensors::dlpark::versioned::Dlpack;

    let BatchMatrix::Csr(matrix) = batch(Want::csr())?.matrices.swap_remove(&MatrixRef::X).unwrap() else {
        panic!("not CSR")
    };
    let parts = [matrix.data(), matrix.indices(), matrix.indptr()].map(|part| part.as_bytes().unwrap().to_vec());
    let given: Vec<usize> = [matrix.data(), matrix.indices(), matrix.indptr()]
        .map(|part| tensors::to_dlpack(part.clone()).unwrap().into_raw() as usize)
        .to_vec();
    drop(matrix);
    std::thread::spawn(move || {
        for (raw, bytes) in given.into_iter().zip(parts) {
            // SAFETY: this is what `into_raw` gave, once.
            let back = unsafe { Dlpack::from_raw(raw as *mut _) }.unwrap();
            // SAFETY: the tensor holds the values.
            assert_eq!(unsafe { back.validate().unwrap().cpu_bytes() }.unwrap(), bytes);
        }
    })
    .join()
    .unwrap();
    Ok(())
}
