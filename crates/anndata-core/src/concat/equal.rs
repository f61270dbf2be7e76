//! Whether two elements are the same for a merge: by value, NaN equal to NaN.

use anndata_storage::{Complex, DType, Result, Scalar, Tensor, dispatch};

use super::categories::Keys;
use super::outline;
use crate::{Column, ColumnKind, DataFrame, Element, NaValue, SparseFormat, SparseMatrix};

/// Whether two elements are the same.
///
/// - Arrays: same shape and dtype, NaN equal to NaN. Scalars: equal numbers of any dtype, but NaN equals nothing.
/// - Sparse matrices: same shape and numbers, whatever the format, dtype and order in which they are stored.
/// - Frames: same labels and columns in the same order, each of one type and with the same values.
/// - Awkward arrays: same type, and numbers that are close.
pub(super) fn equal(a: &Element, b: &Element) -> Result<bool> {
    Ok(match (a, b) {
        (Element::Lazy(lazy), other) => equal(&lazy.load_once()?, other)?,
        (other, Element::Lazy(lazy)) => equal(other, &lazy.load_once()?)?,
        (Element::Tensor(a), Element::Tensor(b)) if a.shape().is_empty() && b.shape().is_empty() => scalars(a, b)?,
        (Element::Tensor(a), Element::Tensor(b)) => arrays(a, b)?,
        (Element::Tensor(a), Element::Sparse(b)) => arrays(a, &b.to_dense()?)?,
        (Element::Sparse(a), Element::Sparse(b)) => matrices(a, b)?,
        (Element::Column(a), Element::Column(b)) => columns(a, b)?,
        (Element::Frame(a), Element::Frame(b)) => frames(a, b)?,
        (Element::Awkward(a), Element::Awkward(b)) => a.almost_equal(b)?,
        (Element::Mapping(a), Element::Mapping(b)) => {
            a.len() == b.len()
                && a.iter().try_fold(true, |same, (key, value)| {
                    let other = b.get(key).map(|other| equal(value, other)).transpose()?;
                    Ok::<_, crate::Error>(same && other == Some(true))
                })?
        }
        (a, b) => a == b,
    })
}

/// One number or text each.
fn scalars(a: &Tensor, b: &Tensor) -> Result<bool> {
    if a.dtype().is_text() || b.dtype().is_text() {
        return Ok(a.dtype().is_text() && b.dtype().is_text() && a.to_strings()? == b.to_strings()?);
    }
    if !(a.dtype().is_numeric() && b.dtype().is_numeric()) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (integer(a)?, integer(b)?) {
        return Ok(a == b);
    }
    let complex =
        |tensor: &Tensor| Ok::<_, crate::Error>(tensor.cast(&DType::Complex128)?.as_slice::<Complex<f64>>()?.to_vec());
    Ok(complex(a)? == complex(b)?)
}

/// The value of an integer or boolean scalar.
fn integer(scalar: &Tensor) -> Result<Option<i128>> {
    dispatch!(integer scalar.dtype(), T => {
        Ok(scalar.as_slice::<T>()?.first().and_then(|&value| value.to_integer()))
    }, else => match scalar.dtype() {
        DType::Bool => Ok(scalar.as_slice::<bool>()?.first().map(|&value| i128::from(value))),
        _ => Ok(None),
    })
}

fn arrays(a: &Tensor, b: &Tensor) -> Result<bool> {
    if a.shape() != b.shape() {
        return Ok(false);
    }
    if a.dtype().is_text() && b.dtype().is_text() {
        return Ok(a.to_strings()? == b.to_strings()?);
    }
    if a.dtype() != b.dtype() {
        return Ok(false);
    }
    if let DType::Compound(fields) = a.dtype() {
        for field in fields.iter() {
            if !arrays(a.field(&field.name)?, b.field(&field.name)?)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    dispatch!(a.dtype(), T => {
        Ok(a.as_slice::<T>()?.iter().zip(b.as_slice::<T>()?).all(|(&a, &b)| same(a, b)))
    }, else => Ok(a == b))
}

/// Equal, or both not a number.
fn same<T: Scalar>(a: T, b: T) -> bool {
    a == b || (is_nan(a) && is_nan(b))
}

/// A value that is not itself.
#[expect(clippy::eq_op, reason = "only NaN differs from itself")]
fn is_nan<T: Scalar>(value: T) -> bool {
    value != value
}

/// Equal numbers at all positions; positions where nothing is stored are zero.
fn matrices(a: &SparseMatrix, b: &SparseMatrix) -> Result<bool> {
    if a.shape() != b.shape() {
        return Ok(false);
    }
    let (a, b) = (Entries::of(a)?, Entries::of(b)?);
    Ok(a.0 == b.0 && a.1.iter().zip(&b.1).all(|(&a, &b)| same(a, b)))
}

/// The positions of all values that are not zero, in order, and the values.
struct Entries(Vec<(u64, u64)>, Vec<Complex<f64>>);

impl Entries {
    fn of(matrix: &SparseMatrix) -> Result<Self> {
        let offsets = matrix.major_offsets()?;
        let slices =
            (0..).zip(offsets.lengths()).flat_map(|(slice, len): (usize, usize)| std::iter::repeat_n(slice, len));
        let minors = matrix.indices().cast(&DType::U64)?;
        let minors = minors.as_slice::<u64>()?;
        let values = matrix.data().cast(&DType::Complex128)?;
        let mut entries: Vec<((u64, u64), Complex<f64>)> = slices
            .zip(minors)
            .map(|(slice, &minor)| match matrix.format() {
                SparseFormat::Csr => (slice as u64, minor),
                SparseFormat::Csc => (minor, slice as u64),
            })
            .zip(values.as_slice::<Complex<f64>>()?.iter().copied())
            .collect();
        entries.sort_by_key(|(position, _)| *position);
        entries.dedup_by(|next, kept| {
            let repeated = next.0 == kept.0;
            if repeated {
                kept.1 += next.1;
            }
            repeated
        });
        entries.retain(|(_, value)| *value != Complex::default());
        let (positions, values) = entries.into_iter().unzip();
        Ok(Self(positions, values))
    }
}

/// Columns of one type with the same values.
fn columns(a: &Column, b: &Column) -> Result<bool> {
    if a.len() != b.len() || a.missing() != b.missing() {
        return Ok(false);
    }
    Ok(match (a.kind(), b.kind()) {
        (ColumnKind::Categorical { ordered: a_ordered }, ColumnKind::Categorical { ordered: b_ordered }) => {
            a_ordered == b_ordered && categoricals(a, b, a_ordered)?
        }
        (ColumnKind::Categorical { .. }, _) | (_, ColumnKind::Categorical { .. }) => false,
        (a_kind, b_kind) => {
            let (a_dtype, b_dtype) = (outline::dtype(a)?, outline::dtype(b)?);
            if a_dtype.is_text() && b_dtype.is_text() {
                // Text that cannot be missing is what text with NaN is without a NaN.
                let na = |kind| kind == ColumnKind::Nullable(NaValue::Na);
                return Ok(na(a_kind) == na(b_kind) && a.to_strings()? == b.to_strings()?);
            }
            if a_kind != b_kind || a_dtype != b_dtype {
                return Ok(false);
            }
            if a_kind == ColumnKind::Plain {
                return arrays(&a.to_tensor()?, &b.to_tensor()?);
            }
            a == b
        }
    })
}

/// The same categories, in any order where the order means nothing, and the same category in each row.
fn categoricals(a: &Column, b: &Column, ordered: bool) -> Result<bool> {
    let ((_, a_categories), (_, b_categories)) = (a.codes_and_categories()?, b.codes_and_categories()?);
    let (mut a_keys, mut b_keys) = (Keys::of(&a_categories)?, Keys::of(&b_categories)?);
    if !ordered {
        a_keys.sort();
        b_keys.sort();
    }
    Ok(a_keys.same(&b_keys)
        && super::categories::codes_in(a, &b_categories)? == super::categories::codes_in(b, &b_categories)?)
}

/// Frames with the same labels, and the same columns in the same order.
fn frames(a: &DataFrame, b: &DataFrame) -> Result<bool> {
    if a.len()? != b.len()? || !a.column_names().eq(b.column_names()) {
        return Ok(false);
    }
    let (a_index, b_index) = (a.index().load()?, b.index().load()?);
    if !columns(&a_index, &b_index)? {
        return Ok(false);
    }
    for name in a.column_names() {
        if !columns(&a.column(name)?, &b.column(name)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}
