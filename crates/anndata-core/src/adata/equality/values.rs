//! Comparing the values of arrays and sparse matrices.

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch};

use super::Tolerance;
use crate::{SparseFormat, SparseMatrix};

/// How many positions of values that differ are told.
const POSITIONS: usize = 5;

/// Equal, or what differs.
pub(super) type Same = std::result::Result<(), Apart>;

/// What differs between two arrays or matrices.
#[derive(Debug)]
pub(super) struct Apart {
    /// Of values, about the first of them.
    pub(super) message: String,
    /// How many values differ; 0 where something else does.
    pub(super) n_values: u64,
    /// Those of the first values.
    pub(super) positions: Vec<Vec<u64>>,
}

impl Apart {
    pub(super) fn new(message: String) -> Self {
        Self { message, n_values: 0, positions: Vec::new() }
    }

    /// With the values that differ further on.
    pub(super) fn and(mut self, further: Self) -> Self {
        self.n_values += further.n_values;
        self.positions.extend(further.positions);
        self.positions.truncate(POSITIONS);
        self
    }
}

/// Where arrays are in larger ones.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// They begin at this position; the empty one is the beginning.
    From(&'a [u64]),
    /// They are these rows.
    Rows(&'a [u64]),
}

/// Compares dtype, shape and values of arrays.
pub(super) fn compare(a: &Tensor, b: &Tensor, tolerance: &Tolerance, place: Place<'_>) -> Result<Same> {
    if a.shape() != b.shape() {
        return Ok(Err(Apart::new(format!("the shapes are {:?} and {:?}", a.shape(), b.shape()))));
    }
    let dtypes_differ = || Ok(Err(Apart::new(format!("the dtypes are {} and {}", a.dtype(), b.dtype()))));
    if let (DType::Compound(fields), DType::Compound(others)) = (a.dtype(), b.dtype()) {
        if !fields.iter().map(|field| &field.name).eq(others.iter().map(|field| &field.name)) {
            return dtypes_differ();
        }
        for ((name, a), (_, b)) in a.fields()?.zip(b.fields()?) {
            if let Err(apart) = compare(a, b, tolerance, place)? {
                return Ok(Err(Apart { message: format!("{} of field '{name}'", apart.message), ..apart }));
            }
        }
        return Ok(Ok(()));
    }
    if a.dtype() != b.dtype() && !tolerance.any_dtype {
        return dtypes_differ();
    }
    let found = if a.dtype().is_text() && b.dtype().is_text() {
        let (texts, others) = (a.to_strings()?, b.to_strings()?);
        Found::of(texts.iter().zip(&others).map(|(a, b)| a != b))
    } else if a.dtype().is_time() || b.dtype().is_time() {
        // In the step of either; where there is none for all of them, they differ.
        let Some(ticks) = same_step(a, b) else { return dtypes_differ() };
        Found::of(ticks.0.ticks()?.iter().zip(ticks.1.ticks()?).map(|(a, b)| a != b))
    } else {
        match numbers(a, b)? {
            Some((left, right)) => apart(&left, &right, tolerance)?,
            None if a == b => return Ok(Ok(())),
            None if a.dtype() == b.dtype() => return Ok(Err(Apart::new("the bytes differ".to_owned()))),
            None => return dtypes_differ(),
        }
    };
    found.told(a, b, |at| Ok(position(at, a.shape(), place)))
}

/// The same for sparse matrices of one format and shape: by the values that they stand for.
pub(super) fn compare_sparse(
    a: &SparseMatrix,
    b: &SparseMatrix,
    tolerance: &Tolerance,
    start: [u64; 2],
) -> Result<Same> {
    let dtypes_differ = || Ok(Err(Apart::new(format!("the dtypes are {} and {}", a.dtype(), b.dtype()))));
    if a.dtype() != b.dtype() && !tolerance.any_dtype {
        return dtypes_differ();
    }
    if a.indices() == b.indices()
        && a.offsets()? == b.offsets()?
        && let Some((left, right)) = numbers(a.data(), b.data())?
        && apart(&left, &right, tolerance)?.first.is_empty()
    {
        return Ok(Ok(()));
    }
    let (left, right) = (a.to_canonical()?, b.to_canonical()?);
    let merged = Merged::of(&stored_at(&left)?, &stored_at(&right)?);
    let (left, right) = (values_at(&left, &merged.left)?, values_at(&right, &merged.right)?);
    let Some((left_numbers, right_numbers)) = numbers(&left, &right)? else { return dtypes_differ() };
    apart(&left_numbers, &right_numbers, tolerance)?.told(&left, &right, |at| {
        let &[major, minor] = merged.positions.get(at).or_bug("values without a place")?;
        let [row, column] = if a.format() == SparseFormat::Csr { [major, minor] } else { [minor, major] };
        Ok(vec![row + start[0], column + start[1]])
    })
}

/// The values that differ.
struct Found {
    count: u64,
    first: Vec<usize>,
}

impl Found {
    /// Those of which it is true.
    fn of(differ: impl Iterator<Item = bool>) -> Self {
        let mut found = Self { count: 0, first: Vec::new() };
        for (at, _) in differ.enumerate().filter(|(_, differs)| *differs) {
            found.count += 1;
            if found.first.len() < POSITIONS {
                found.first.push(at);
            }
        }
        found
    }

    /// What is to be said of them.
    fn told(&self, a: &Tensor, b: &Tensor, position: impl Fn(usize) -> Result<Vec<u64>>) -> Result<Same> {
        let Some(&first) = self.first.first() else { return Ok(Ok(())) };
        let message = format!("{} and {} at {:?}", shown(a, first)?, shown(b, first)?, position(first)?);
        let positions = self.first.iter().map(|&at| position(at)).collect::<Result<_>>()?;
        Ok(Err(Apart { message, n_values: self.count, positions }))
    }
}

/// The positions that either of two canonical matrices has a value at, in the order of both.
#[derive(Default)]
struct Merged {
    positions: Vec<[u64; 2]>,
    /// Which value of each matrix is there, if it has one.
    left: Vec<Option<u64>>,
    right: Vec<Option<u64>>,
}

impl Merged {
    fn of(a: &[[u64; 2]], b: &[[u64; 2]]) -> Self {
        let mut merged = Self::default();
        let (mut a, mut b) = ((0_u64..).zip(a).peekable(), (0_u64..).zip(b).peekable());
        while let Some(&position) = match (a.peek(), b.peek()) {
            (Some((_, a)), Some((_, b))) => Some(*a.min(b)),
            (a, b) => a.or(b).map(|(_, position)| *position),
        } {
            merged.positions.push(position);
            merged.left.push(a.next_if(|(_, at)| **at == position).map(|(value, _)| value));
            merged.right.push(b.next_if(|(_, at)| **at == position).map(|(value, _)| value));
        }
        merged
    }
}

/// Major and minor position of each stored value.
fn stored_at(matrix: &SparseMatrix) -> Result<Vec<[u64; 2]>> {
    let indices = matrix.indices().cast(&DType::U64)?;
    let indices = indices.as_slice::<u64>()?;
    let mut positions = Vec::with_capacity(indices.len());
    for (slice, range) in (0_u64..).zip(matrix.major_offsets()?.ranges()) {
        let indices = indices.get(range).or_bug("a major slice beyond the indices")?;
        positions.extend(indices.iter().map(|&index| [slice, index]));
    }
    Ok(positions)
}

/// Some values of a matrix, 0 for each that it does not have.
fn values_at(matrix: &SparseMatrix, values: &[Option<u64>]) -> Result<Tensor> {
    let data = Tensor::concat_rows(&[matrix.data().clone(), Tensor::zeros(matrix.dtype(), [1])?])?;
    // The zero is behind all that is stored.
    let zero = matrix.nnz() as u64;
    data.take(0, &values.iter().map(|value| value.unwrap_or(zero)).collect::<Vec<_>>())
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

/// The elements that are further from their counterparts than the tolerance allows.
fn apart(a: &Tensor, b: &Tensor, tolerance: &Tolerance) -> Result<Found> {
    let (a_parts, b_parts) = (parts(a)?, parts(b)?);
    let width = if a.dtype().is_complex() { 2 } else { 1 };
    Ok(dispatch!(real a_parts.dtype(), T => {
        let (left, right) = (a_parts.as_slice::<T>()?, b_parts.as_slice::<T>()?);
        let is_close = |a: &[T], b: &[T]| a.iter().zip(b).all(|(&a, &b)| is_close(a, b, tolerance));
        Found::of(left.chunks(width).zip(right.chunks(width)).map(|(a, b)| !is_close(a, b)))
    }, else => return Err(Error::dtype(format!("values of type {} are not numbers", a.dtype())))))
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

/// The position along each axis of an element in C order, in the larger array.
fn position(at: usize, shape: &[usize], place: Place<'_>) -> Vec<u64> {
    let mut rest = at as u64;
    let mut position: Vec<u64> = shape
        .iter()
        .rev()
        .map(|&len| {
            let len = (len as u64).max(1);
            let position = rest % len;
            rest /= len;
            position
        })
        .collect();
    position.reverse();
    match place {
        Place::From(start) => position.iter_mut().zip(start).for_each(|(at, start)| *at += start),
        Place::Rows(rows) => {
            for at in position.iter_mut().take(1) {
                let row = usize::try_from(*at).ok().and_then(|row| rows.get(row));
                *at = row.copied().unwrap_or(*at);
            }
        }
    }
    position
}
