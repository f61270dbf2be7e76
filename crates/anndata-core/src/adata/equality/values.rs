//! Comparing the values of arrays and sparse matrices.

use std::collections::HashMap;

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch};

use super::Tolerance;
use crate::{SparseFormat, SparseMatrix};

/// Equal, or what differs.
type Same = std::result::Result<(), String>;

/// Compares dtype, shape and values.
pub(super) fn compare(a: &Tensor, b: &Tensor, tolerance: &Tolerance) -> Result<Same> {
    if a.shape() != b.shape() {
        return Ok(Err(format!("the shapes are {:?} and {:?}", a.shape(), b.shape())));
    }
    let dtypes_differ = || Ok(Err(format!("the dtypes are {} and {}", a.dtype(), b.dtype())));
    if let (DType::Compound(fields), DType::Compound(others)) = (a.dtype(), b.dtype()) {
        if !fields.iter().map(|field| &field.name).eq(others.iter().map(|field| &field.name)) {
            return dtypes_differ();
        }
        for ((name, a), (_, b)) in a.fields()?.zip(b.fields()?) {
            if let Err(difference) = compare(a, b, tolerance)? {
                return Ok(Err(format!("{difference} of field '{name}'")));
            }
        }
        return Ok(Ok(()));
    }
    if a.dtype() != b.dtype() && !tolerance.any_dtype {
        return dtypes_differ();
    }
    let found = if a.dtype().is_text() && b.dtype().is_text() {
        let (texts, others) = (a.to_strings()?, b.to_strings()?);
        texts.iter().zip(&others).position(|(a, b)| a != b)
    } else if a.dtype().is_time() || b.dtype().is_time() {
        // In the step of either; where there is none for all of them, they differ.
        let Some(ticks) = same_step(a, b) else { return dtypes_differ() };
        ticks.0.ticks()?.iter().zip(ticks.1.ticks()?).position(|(a, b)| a != b)
    } else {
        match numbers(a, b)? {
            Some((left, right)) => first_apart(&left, &right, tolerance)?,
            None if a == b => return Ok(Ok(())),
            None if a.dtype() == b.dtype() => return Ok(Err("the bytes differ".to_owned())),
            None => return dtypes_differ(),
        }
    };
    Ok(match found {
        None => Ok(()),
        Some(at) => Err(format!("{} and {} at {:?}", shown(a, at)?, shown(b, at)?, position(at, a.shape()))),
    })
}

/// The same for sparse matrices of one format and shape: by the values that they stand for.
pub(super) fn compare_sparse(a: &SparseMatrix, b: &SparseMatrix, tolerance: &Tolerance) -> Result<Same> {
    if a.dtype() != b.dtype() && !tolerance.any_dtype {
        return Ok(Err(format!("the dtypes are {} and {}", a.dtype(), b.dtype())));
    }
    if a.indices() == b.indices()
        && a.offsets()? == b.offsets()?
        && let Some((left, right)) = numbers(a.data(), b.data())?
        && first_apart(&left, &right, tolerance)?.is_none()
    {
        return Ok(Ok(()));
    }
    let (a, b) = (a.to_canonical()?, b.to_canonical()?);
    let mut positions = [stored_at(&a)?, stored_at(&b)?].concat();
    positions.sort_unstable();
    positions.dedup();
    let (left, right) = (values_at(&a, &positions)?, values_at(&b, &positions)?);
    let Some((numbers_of_a, numbers_of_b)) = numbers(&left, &right)? else {
        return Ok(Err(format!("the dtypes are {} and {}", a.dtype(), b.dtype())));
    };
    Ok(match first_apart(&numbers_of_a, &numbers_of_b, tolerance)? {
        None => Ok(()),
        Some(at) => {
            let position = positions.get(at).or_bug("values without a place")?;
            Err(format!("{} and {} at {position:?}", shown(&left, at)?, shown(&right, at)?))
        }
    })
}

/// Row and column of each stored value.
fn stored_at(matrix: &SparseMatrix) -> Result<Vec<[u64; 2]>> {
    let indices = matrix.indices().cast(&DType::U64)?;
    let indices = indices.as_slice::<u64>()?;
    let mut positions = Vec::with_capacity(indices.len());
    for (slice, range) in (0_u64..).zip(matrix.major_offsets()?.ranges()) {
        let indices = indices.get(range).or_bug("a major slice beyond the indices")?;
        let position =
            |&index: &u64| if matrix.format() == SparseFormat::Csr { [slice, index] } else { [index, slice] };
        positions.extend(indices.iter().map(position));
    }
    Ok(positions)
}

/// The values of a canonical matrix at some positions, 0 where none is stored.
fn values_at(matrix: &SparseMatrix, positions: &[[u64; 2]]) -> Result<Tensor> {
    let stored: HashMap<[u64; 2], u64> = stored_at(matrix)?.into_iter().zip(0..).collect();
    let values = Tensor::concat_rows(&[matrix.data().clone(), Tensor::zeros(matrix.dtype(), [1])?])?;
    // The zero is behind all that is stored.
    let zero = matrix.nnz() as u64;
    let at: Vec<u64> = positions.iter().map(|position| stored.get(position).copied().unwrap_or(zero)).collect();
    values.take(0, &at)
}

/// Dates or spans of time in one step.
fn same_step(a: &Tensor, b: &Tensor) -> Option<(Tensor, Tensor)> {
    if std::mem::discriminant(a.dtype()) != std::mem::discriminant(b.dtype()) {
        return None;
    }
    let common = anndata_array::promote::result_type([a.dtype(), b.dtype()])?;
    Some((a.cast(&common).ok()?, b.cast(&common).ok()?))
}

/// Both arrays in one dtype of numbers; `None` if one holds none.
fn numbers(a: &Tensor, b: &Tensor) -> Result<Option<(Tensor, Tensor)>> {
    if !a.dtype().is_numeric() || !b.dtype().is_numeric() {
        return Ok(None);
    }
    let common = match (a.dtype(), b.dtype()) {
        (one, other) if one == other => one,
        (one, other) if one.is_complex() || other.is_complex() => &DType::Complex128,
        _ => &DType::F64,
    };
    Ok(Some((a.cast(common)?, b.cast(common)?)))
}

/// The first element that is further from its counterpart than the tolerance allows.
fn first_apart(a: &Tensor, b: &Tensor, tolerance: &Tolerance) -> Result<Option<usize>> {
    let (a_parts, b_parts) = (parts(a)?, parts(b)?);
    let found = dispatch!(real a_parts.dtype(), T => {
        let (left, right) = (a_parts.as_slice::<T>()?, b_parts.as_slice::<T>()?);
        left.iter().zip(right).position(|(&a, &b)| !is_close(a, b, tolerance))
    }, else => return Err(Error::dtype(format!("values of type {} are not numbers", a.dtype()))));
    Ok(found.map(|at| if a.dtype().is_complex() { at / 2 } else { at }))
}

/// Complex numbers as real and imaginary parts, one after the other; real numbers as they are.
fn parts(tensor: &Tensor) -> Result<Tensor> {
    let part = match tensor.dtype() {
        DType::Complex64 => DType::F32,
        DType::Complex128 => DType::F64,
        _ => return Ok(tensor.clone()),
    };
    match tensor.buffer() {
        Some(buffer) => Tensor::new(part, [tensor.len() * 2], buffer.clone()),
        None => Err(Error::dtype("complex numbers without a buffer")),
    }
}

/// Whether two real numbers are as close as the tolerance asks. Integers are not rounded to be compared.
#[expect(clippy::float_cmp, reason = "infinities are close to themselves alone")]
fn is_close<T: Scalar>(a: T, b: T, tolerance: &Tolerance) -> bool {
    if a == b {
        return true;
    }
    let (left, right) = (a.to_f64(), b.to_f64());
    if left.is_nan() || right.is_nan() {
        return left.is_nan() && right.is_nan();
    }
    if left.is_infinite() || right.is_infinite() {
        return left == right;
    }
    let apart = match (a.to_integer(), b.to_integer()) {
        // A difference too large for a double is rounded, which no tolerance notices.
        #[expect(clippy::cast_precision_loss, reason = "rounded relative to its own size")]
        (Some(a), Some(b)) => a.abs_diff(b) as f64,
        _ => (left - right).abs(),
    };
    apart <= tolerance.atol + tolerance.rtol * right.abs()
}

/// An element, as a message shows it.
fn shown(tensor: &Tensor, at: usize) -> Result<String> {
    dispatch!(tensor.dtype(), T => {
        tensor.as_slice::<T>()?.get(at).map(|value| format!("{value:?}")).or_bug("an element that is not there")
    }, else => {
        let texts = tensor.to_strings().or_else(|_| tensor.to_time_strings())?;
        texts.get(at).map(|text| format!("'{text}'")).or_bug("an element that is not there")
    })
}

/// The position along each axis of an element in C order.
fn position(at: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = at;
    let mut position: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&len| {
            let position = rest % len.max(1);
            rest /= len.max(1);
            position
        })
        .collect();
    position.reverse();
    position
}
