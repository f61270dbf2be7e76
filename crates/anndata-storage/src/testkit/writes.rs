//! Cases of writing parts: unwritten regions, blocks over blocks, growing and shrinking. The model is an `ndarray`.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn, Slice};

use super::errors::refused;
use super::root;
use super::sample::{self, Random, from_numbers, lens, odd_chunks, stored};
use crate::{Array, ArraySpec, AxisSelection, DType, ErrorKind, Result, Storage, Tensor};

/// Dtypes that are kept in different ways, and whether they may be refused.
fn dtypes() -> [(DType, bool); 5] {
    [(DType::I32, false), (DType::U8, false), (DType::F64, false), (DType::String, false), (numbers(), true)]
}

fn numbers() -> DType {
    DType::Compound([crate::Field::new("a", DType::I16), crate::Field::new("b", DType::F64)].into())
}

const SHAPES: [&[u64]; 3] = [&[29], &[11, 6], &[4, 5, 6]];

/// Name, declaration, whether it may be refused.
fn every_array() -> Vec<(String, ArraySpec, bool)> {
    let mut all = Vec::new();
    for (dtype, optional) in dtypes() {
        for shape in SHAPES {
            let spec = ArraySpec::new(dtype.clone(), shape);
            let name = format!("{dtype} {shape:?}");
            all.push((format!("{name} in chunks"), spec.clone().with_chunks(odd_chunks(shape)), optional));
            all.push((name, spec, optional));
        }
    }
    all
}

pub(super) fn unwritten(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in every_array() {
        match root(store).create_array(&key, &spec) {
            Err(error) if optional && error.is_unsupported() => {}
            // One element in the midst is written.
            array => array?.write(&spec.shape.iter().map(|len| len / 2).collect::<Vec<_>>(), &one(&spec)?)?,
        }
        match root(store).create_array(&format!("empty {key}"), &spec) {
            Err(error) if optional && error.is_unsupported() => {}
            array => drop(array?),
        }
    }
    Ok(())
}

fn one(spec: &ArraySpec) -> Result<Tensor> {
    from_numbers(&Tensor::from_vec(vec![1; spec.ndim()], vec![7_i32])?, &spec.dtype)
}

pub(super) fn check_unwritten(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in every_array() {
        let mut model = ArrayD::<i32>::zeros(IxDyn(&lens(&spec.shape)));
        let zeros = from_numbers(&Tensor::from_array(model.view()), &spec.dtype)?;
        if let Some(array) = stored(&root(store), &format!("empty {key}"), optional)? {
            assert_eq!(array.read()?, zeros, "{key}: never written");
            let none: Vec<AxisSelection> = spec.shape.iter().map(|_| AxisSelection::Range(1..1)).collect();
            assert!(array.read_selection(&none)?.is_empty());
        }
        if let Some(array) = stored(&root(store), &key, optional)? {
            if let Some(element) =
                model.get_mut(IxDyn(&lens(&spec.shape.iter().map(|len| len / 2).collect::<Vec<_>>())))
            {
                *element = 7;
            }
            let expected = from_numbers(&Tensor::from_array(model), &spec.dtype)?;
            assert_eq!(array.read()?, expected, "{key}: one element is written");
        }
    }
    Ok(())
}

/// Random blocks, of any position and size, with what they hold; edge chunks and the whole come first.
fn blocks(shape: &[u64]) -> Result<Vec<(Vec<u64>, Tensor)>> {
    let mut random = Random::new(shape.iter().sum());
    let mut blocks: Vec<(Vec<u64>, Vec<u64>)> = vec![
        (vec![0; shape.len()], shape.to_vec()),
        (shape.iter().map(|len| len - 1).collect(), vec![1; shape.len()]),
        (vec![0; shape.len()], vec![0; shape.len()]),
        (
            shape.iter().zip(odd_chunks(shape)).map(|(len, chunk)| len / chunk * chunk - chunk).collect(),
            odd_chunks(shape),
        ),
    ];
    for _ in 0..12 {
        let offset: Vec<u64> = shape.iter().map(|&len| random.below(len)).collect();
        let size = offset.iter().zip(shape).map(|(at, len)| 1 + random.below(len - at)).collect();
        blocks.push((offset, size));
    }
    let mut counter = 0;
    blocks
        .into_iter()
        .map(|(offset, size)| {
            let size = lens(&size);
            let values = std::iter::repeat_with(|| {
                counter += 1;
                counter % 100
            });
            let values = values.take(size.iter().product()).collect();
            Ok((offset, Tensor::from_vec(size, values)?))
        })
        .collect()
}

/// What an array of a shape holds after all [`blocks`] but the first (`from` 1) or all of them (`from` 0).
fn model(shape: &[u64], from: usize) -> Result<Tensor> {
    let mut model = ArrayD::<i32>::zeros(IxDyn(&lens(shape)));
    for (offset, block) in blocks(shape)?.into_iter().skip(from) {
        let offset = lens(&offset);
        let mut target = model.slice_each_axis_mut(|axis| {
            let at = offset.get(axis.axis.index()).copied().unwrap_or(0);
            let len = block.shape().get(axis.axis.index()).copied().unwrap_or(0);
            Slice::from(at..at + len)
        });
        target.assign(&block.view::<i32>()?);
    }
    Ok(Tensor::from_array(model))
}

pub(super) fn partial(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in every_array() {
        for (kind, from) in [("over", 0), ("into nothing", 1)] {
            let array = match root(store).create_array(&format!("{key} {kind}"), &spec) {
                Err(error) if optional && error.is_unsupported() => continue,
                array => array?,
            };
            for (offset, block) in blocks(&spec.shape)?.into_iter().skip(from) {
                array.write(&offset, &from_numbers(&block, &spec.dtype)?)?;
            }
        }
    }
    Ok(())
}

pub(super) fn check_partial(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in every_array() {
        for (kind, from) in [("over", 0), ("into nothing", 1)] {
            let Some(array) = stored(&root(store), &format!("{key} {kind}"), optional)? else { continue };
            assert_eq!(array.read()?, from_numbers(&model(&spec.shape, from)?, &spec.dtype)?, "{key} {kind}");
        }
    }
    Ok(())
}

/// The resizable arrays: name and declaration, for each way of keeping values.
fn resizable(rows: u64) -> Vec<(String, ArraySpec, bool)> {
    let declare = |(dtype, optional): (DType, bool)| {
        let spec = ArraySpec::new(dtype.clone(), [rows, 3]).with_chunks([4, 2]).with_resizable(true);
        (dtype.to_string(), spec, optional)
    };
    dtypes().into_iter().map(declare).collect()
}

fn rows(numbers: std::ops::Range<i32>) -> Result<Tensor> {
    let values: Vec<i32> = numbers.flat_map(|n| [n, n, n]).collect();
    Tensor::from_vec([values.len() / 3, 3], values)
}

pub(super) fn resize(store: &Arc<dyn Storage>) -> Result<()> {
    if !store.capabilities().resize {
        return Ok(());
    }
    for (key, spec, optional) in resizable(10) {
        let values = from_numbers(&rows(1..11)?, &spec.dtype)?;
        let Some(array) = sample::store(&root(store), &key, &spec, &values, optional)? else { continue };
        array.resize(&[6, 3])?;
        assert_eq!(array.shape(), [6, 3], "{key}: the handle knows the new shape");
        assert_eq!(array.read()?, values.slice_rows(0..6)?, "{key}: after it shrank");
        let beyond = array.write(&[6, 0], &values.slice_rows(0..1)?);
        refused(beyond, ErrorKind::InvalidInput, &key, "what was given up cannot be written");
        array.resize(&[13, 3])?;
        array.write(&[12, 0], &from_numbers(&rows(99..100)?, &spec.dtype)?)?;
        assert!(
            array.resize(&[13, 4]).is_err_and(|error| error.is_invalid_input()),
            "{key}: only the first axis grows"
        );
        assert!(array.resize(&[13]).is_err_and(|error| error.is_invalid_input()), "{key}: the axes stay");
    }
    for (key, spec, optional) in resizable(5) {
        let key = format!("emptied {key}");
        let values = from_numbers(&rows(1..6)?, &spec.dtype)?;
        let Some(array) = sample::store(&root(store), &key, &spec, &values, optional)? else { continue };
        array.resize(&[0, 3])?;
        assert!(array.read()?.is_empty(), "{key}");
        array.resize(&[2, 3])?;
    }
    let fixed = root(store).create_array("fixed", &ArraySpec::new(DType::I32, [4]).with_chunks([2]))?;
    assert!(fixed.resize(&[8]).is_err_and(|error| error.is_invalid_input()), "an array that was not declared so");
    Ok(())
}

pub(super) fn check_resize(store: &Arc<dyn Storage>) -> Result<()> {
    if !store.capabilities().resize {
        return Ok(());
    }
    for (key, spec, optional) in resizable(10) {
        let Some(array) = stored(&root(store), &key, optional)? else { continue };
        let zeros = Tensor::from_vec([6, 3], vec![0_i32; 18])?;
        let expected = Tensor::concat_rows(&[rows(1..7)?, zeros, rows(99..100)?])?;
        assert_eq!(array.shape(), [13, 3], "{key}");
        assert_eq!(array.read()?, from_numbers(&expected, &spec.dtype)?, "{key}: what was given up does not come back");
    }
    for (key, spec, optional) in resizable(5) {
        let Some(array) = stored(&root(store), &format!("emptied {key}"), optional)? else { continue };
        let zeros = Tensor::from_vec([2, 3], vec![0_i32; 6])?;
        assert_eq!(array.read()?, from_numbers(&zeros, &spec.dtype)?, "{key}: emptied and grown");
    }
    assert_eq!(root(store).array("fixed")?.shape(), [4]);
    Ok(())
}

pub(super) fn append(store: &Arc<dyn Storage>) -> Result<()> {
    if !store.capabilities().resize {
        return Ok(());
    }
    for (key, spec, optional) in resizable(0) {
        let array: Array = match root(store).create_array(&key, &spec) {
            Err(error) if optional && error.is_unsupported() => continue,
            array => array?,
        };
        assert!(array.read()?.is_empty(), "{key}: empty at first");
        let mut end = 0_i32;
        for len in [1, 3, 4, 7, 0, 2] {
            let block = from_numbers(&rows(end..end + len)?, &spec.dtype)?;
            let offset = u64::from(end.unsigned_abs());
            end += len;
            array.resize(&[u64::from(end.unsigned_abs()), 3])?;
            array.write(&[offset, 0], &block)?;
        }
    }
    Ok(())
}

pub(super) fn check_append(store: &Arc<dyn Storage>) -> Result<()> {
    if !store.capabilities().resize {
        return Ok(());
    }
    for (key, spec, optional) in resizable(0) {
        let Some(array) = stored(&root(store), &key, optional)? else { continue };
        assert_eq!(array.read()?, from_numbers(&rows(0..17)?, &spec.dtype)?, "{key}");
    }
    Ok(())
}
