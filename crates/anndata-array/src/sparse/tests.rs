//! Kernels against the plainest way to compute the same.

use std::ops::Range;

use anndata_storage::AxisSelection;
use proptest::prelude::*;

use super::*;

mod broken;
mod change;
mod format;
mod reduce;
mod select;
mod sprs;

fn small(indices: Vec<i32>, indptr: Vec<i64>) -> Result<SparseMatrix> {
    let data = Tensor::from_vec([indices.len()], vec![1_u8; indices.len()])?;
    let (n, p) = (indices.len(), indptr.len());
    SparseMatrix::new(SparseFormat::Csr, (2, 3), data, Tensor::from_vec([n], indices)?, Tensor::from_vec([p], indptr)?)
}

#[test]
fn malformed_arrays_are_refused_with_the_place() {
    for (indices, indptr, message) in [
        (vec![0, 3], vec![0, 1, 2], "index 3 at position 1 is out of bounds of an axis of length 3"),
        (vec![-1, 0], vec![0, 1, 2], "index -1 at position 0 is out of bounds of an axis of length 3"),
        (vec![0, 1], vec![0, 2], "expected 3 entries in indptr, one more than the major axis is long, found 2"),
        (vec![0, 1], vec![0, 2, 1], "decreases from 2 to 1"),
        (vec![0, 1], vec![0, 2, 3], "ends at 3"),
        (vec![0, 1], vec![1, 2, 2], "begins with"),
        (vec![0, 1], vec![0, -2, 2], "impossible offset -2"),
    ] {
        let error = small(indices, indptr).map_or_else(|error| error.to_string(), |_| "accepted".to_owned());
        assert!(error.contains(message), "{error} should say {message}");
    }
}

#[test]
fn values_beyond_the_last_offset_do_not_count() -> Result<()> {
    assert_eq!(small(vec![0, 1, 2], vec![0, 1, 2])?.nnz(), 2);
    Ok(())
}

#[test]
fn unsorted_rows_are_kept_and_viewed_once_sorted() -> Result<()> {
    let unsorted = small(vec![2, 0, 1], vec![0, 2, 3])?;
    assert_eq!(unsorted.indices().as_slice::<i32>()?, [2, 0, 1]);
    assert!(unsorted.view::<u8, i32, i64>().is_err_and(|error| error.is_unsupported()));
    let sorted = unsorted.sorted()?;
    assert_eq!(sorted.view::<u8, i32, i64>()?.get(0, 2), Some(&1));
    assert!(sorted.view::<f32, i32, i64>().is_err_and(|error| error.is_dtype()));
    Ok(())
}

#[test]
fn the_first_index_outside_of_an_axis_is_found_in_every_type() -> Result<()> {
    macro_rules! check {
        ($($type:ty)*) => {
            $(
                let (least, most) = (<$type>::MIN, <$type>::MAX);
                for indices in [vec![], vec![0], vec![1, 0, 5], vec![3, most - 1, most], vec![0, least, 2]] {
                    let tensor = Tensor::from_vec([indices.len()], indices.clone())?;
                    for len in [0, 1, 5, 6, 127, 128, 255, 256, 1 << 31, usize::MAX] {
                        let inside = 0..len as i128;
                        let mut outside = indices.iter().map(|&index| i128::from(index)).enumerate();
                        let expected = outside.find(|(_, index)| !inside.contains(index));
                        assert_eq!(first_outside(&tensor, len)?, expected, "{indices:?} in {len}");
                    }
                }
            )*
        };
    }
    check!(i8 i16 i32 i64 u8 u16 u32 u64);
    Ok(())
}

/// Any integer dtype.
fn integer() -> impl Strategy<Value = DType> {
    prop::sample::select(DType::NUMERIC.get(1..9).unwrap_or_default().to_vec())
}

/// A small matrix of any dtypes, small values; sorted, shuffled, or with repeated indices, which may know that or not.
fn matrix() -> impl Strategy<Value = SparseMatrix> {
    matrix_of(0..9, 0..9)
}

/// A matrix with some number of major slices, over an axis of some length; an offset of 8 bits can count the values.
fn matrix_of(major: Range<usize>, minor: Range<usize>) -> impl Strategy<Value = SparseMatrix> {
    let format = prop_oneof![Just(SparseFormat::Csr), Just(SparseFormat::Csc)];
    (format, major, minor, prop::sample::select(DType::NUMERIC.to_vec()), integer(), integer(), 0..3, any::<bool>())
        .prop_flat_map(|(format, major, minor, dtype, index, pointer, order, knows)| {
            let (rows, columns) = if format == SparseFormat::Csr { (major, minor) } else { (minor, major) };
            let slice = match (minor, order) {
                (0, _) => Just(Vec::new()).boxed(),
                (_, 0) => {
                    prop::collection::btree_set(0..minor, 0..=minor).prop_map(|s| s.into_iter().collect()).boxed()
                }
                (_, 1) => prop::sample::subsequence((0..minor).collect::<Vec<_>>(), 0..=minor).prop_shuffle().boxed(),
                _ => prop::collection::vec(0..minor, 0..minor.max(6)).boxed(),
            };
            prop::collection::vec(slice, major).prop_flat_map(move |slices| {
                let offsets = Offsets::of_lengths(slices.iter().map(Vec::len)).unwrap().into_vec();
                let indices = slices.concat();
                let (dtype, index, pointer) = (dtype.clone(), index.clone(), pointer.clone());
                prop::collection::vec(0_u8..9, indices.len()).prop_map(move |values| {
                    let wide = |values: &[usize], dtype: &DType| {
                        let values = values.iter().map(|&value| value as u64).collect::<Vec<_>>();
                        Tensor::from_vec([values.len()], values).unwrap().cast(dtype).unwrap()
                    };
                    let data = Tensor::from_vec([values.len()], values).unwrap().cast(&dtype).unwrap();
                    let (indices, indptr) = (wide(&indices, &index), wide(&offsets, &pointer));
                    let matrix = SparseMatrix::new(format, (rows, columns), data, indices, indptr).unwrap();
                    if knows {
                        matrix.is_canonical().unwrap();
                    }
                    matrix
                })
            })
        })
}

/// The stored values of each major slice in their order: index, and value in bytes.
fn entries(matrix: &SparseMatrix) -> Vec<Vec<(usize, Vec<u8>)>> {
    let size = matrix.dtype().size().unwrap();
    let indices = matrix.indices().cast(&DType::U64).unwrap();
    let indices = indices.as_slice::<u64>().unwrap();
    let data: Vec<&[u8]> = matrix.data().as_bytes().unwrap().chunks(size).collect();
    let slice = |pair: &[usize]| {
        (pair[0]..pair[1]).map(|at| (usize::try_from(indices[at]).unwrap(), data[at].to_vec())).collect()
    };
    matrix.offsets().unwrap().windows(2).map(slice).collect()
}

/// A checked matrix: all that is promised of the parts of one.
fn check(matrix: &SparseMatrix) -> SparseMatrix {
    let SparseMatrix { format, shape, data, indices, indptr, .. } = matrix.clone();
    let checked = SparseMatrix::new(format, shape, data, indices, indptr).unwrap();
    assert_eq!(checked.nnz(), matrix.nnz());
    // What the matrix knows of itself is still true.
    assert_eq!(checked.is_canonical().unwrap(), matrix.is_canonical().unwrap());
    checked
}

/// A matrix large enough for many tasks, with major slices longer than a piece.
fn large(format: SparseFormat) -> SparseMatrix {
    let (major, minor) = (50, 20_000_usize);
    let mut indices = Vec::new();
    let mut offsets = vec![0_i64];
    for slice in 0..major {
        indices.extend((0..minor).filter(|i| (i * 7 + slice * 13) % 5 < slice % 4).map(|i| i32::try_from(i).unwrap()));
        offsets.push(i64::try_from(indices.len()).unwrap());
    }
    let data: Vec<i64> = (0..).take(indices.len()).collect();
    SparseMatrix::new(
        format,
        if format == SparseFormat::Csr { (major, minor) } else { (minor, major) },
        Tensor::from_vec([data.len()], data).unwrap(),
        Tensor::from_vec([indices.len()], indices).unwrap(),
        Tensor::from_vec([offsets.len()], offsets).unwrap(),
    )
    .unwrap()
}
