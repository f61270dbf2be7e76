//! Broken invariants: a matrix that no constructor lets pass stops the kernels with an error that asks for a report.

use std::fmt::Debug;

use super::*;
use crate::Reindex;
use crate::sparse::buffers::gather;
use crate::sparse::major::{blocks, fill};
use crate::sparse::stack::{Piece, Target, stack};

/// Two rows of three columns, not checked.
fn unchecked(indices: Vec<i32>, indptr: Vec<i64>) -> Result<SparseMatrix> {
    Ok(SparseMatrix {
        format: SparseFormat::Csr,
        shape: (2, 3),
        data: Tensor::from_vec([indices.len()], vec![1_u8; indices.len()])?,
        indices: Tensor::from_vec([indices.len()], indices)?,
        indptr: Tensor::from_vec([indptr.len()], indptr)?,
        canonical: Canonical::default(),
    })
}

fn assert_bug<T: Debug>(result: Result<T>, message: &str) {
    let error = result.unwrap_err();
    assert!(error.is_bug() && error.message().starts_with(message), "{error:?} is not a bug that says {message}");
    assert!(error.message().contains("sparse") && error.message().ends_with("please report it)"), "{error}");
}

#[test]
fn an_index_beyond_the_axis_is_in_no_result() -> Result<()> {
    let matrix = unchecked(vec![0, 3], vec![0, 1, 2])?;
    let select = |columns: Vec<u64>| matrix.select(&AxisSelection::Range(0..2), &AxisSelection::from(columns));
    assert_bug(matrix.to_dense(), "an index beyond the axis");
    assert_bug(matrix.column_sums(), "an index beyond the axis");
    assert_bug(matrix.nnz_per_column(), "an index beyond the axis");
    assert_bug(matrix.to_format(SparseFormat::Csc), "an index beyond the axis");
    assert_bug(select(vec![0, 2]), "an index beyond the axis");
    assert_bug(select(vec![2, 0]), "an index beyond the axis");
    assert_bug(select(vec![2, 2]), "major slice 3 of 3");
    for reindex in [Reindex::resize(3, 4), Reindex::resize(3, 2)] {
        let piece = Piece { matrix: Some(matrix.clone()), len: 2, reindex: &reindex };
        let target =
            Target { format: SparseFormat::Csr, axis: 0, other_len: reindex.new_len(), dtype: DType::U8, fill: None };
        assert_bug(stack(&[piece], &target), "an index beyond the axis");
    }
    Ok(())
}

#[test]
fn offsets_that_are_none_stop_every_use() -> Result<()> {
    for (indptr, message) in [
        (vec![0, 2, 1], "the offsets of a matrix decrease"),
        (vec![1, 1, 2], "the offsets of a matrix decrease"),
        (vec![0, 1, 3], "offsets to Some(3) of 2 values"),
        (vec![0, 2], "2 offsets of 2 major slices"),
        (vec![], "0 offsets of 2 major slices"),
    ] {
        let matrix = unchecked(vec![2, 0], indptr)?;
        assert_bug(matrix.offsets(), message);
        assert_bug(matrix.to_dense(), message);
        assert_bug(matrix.row_sums(), message);
        assert_bug(matrix.nnz_per_row(), message);
        assert_bug(matrix.sorted(), message);
        assert_bug(matrix.slice_major(0..1), message);
        assert_bug(matrix.to_format(SparseFormat::Csc), message);
        assert_bug(matrix.select(&AxisSelection::from(vec![1]), &AxisSelection::Range(0..3)), message);
        assert_bug(matrix.select(&AxisSelection::Range(0..2), &AxisSelection::Range(1..3)), message);
        assert_bug(SparseMatrix::concat_major(&[matrix.clone(), matrix]), message);
    }
    assert_bug(unchecked(vec![2, 0], vec![0, 1, 3])?.get::<u8>(1, 0), "a major slice beyond the indices");
    assert_bug(unchecked(vec![2, 0], vec![0, 2, 1])?.get::<u8>(1, 0), "a major slice beyond the indices");
    Ok(())
}

#[test]
fn indices_of_no_integer_are_no_indices() -> Result<()> {
    let mut matrix = unchecked(vec![0, 1], vec![0, 1, 2])?;
    matrix.indices = matrix.indices.cast(&DType::Complex128)?;
    assert_bug(matrix.to_dense(), "an index of Some(16) bytes");
    assert_bug(matrix.column_sums(), "an index of Some(16) bytes");
    Ok(())
}

#[test]
fn what_was_counted_is_what_is_filled() -> Result<()> {
    let offsets = Offsets::of_lengths([1, 2])?;
    let blocks = || blocks(offsets.ends().iter().copied());
    assert_eq!(blocks(), vec![0..2]);
    assert_bug(
        fill::<u32, ()>(&offsets, blocks(), 4, &|(), _| Ok(())),
        "3 values of major slices 0..2 were not filled",
    );
    let more = fill::<u32, ()>(&offsets, blocks(), 4, &|(), part| part.next(4, 4).map(drop));
    assert_bug(more, "more values than were counted");
    assert_bug(fill::<u32, ()>(&offsets, Vec::new(), 4, &|(), _| Ok(())), "the blocks leave 3 values out");
    assert_bug(gather(&[1, 2], &[0, 2], |at| at, &mut [0, 0], 1), "a place beyond the stored values");
    assert_bug(gather(&[1, 2], &[0], |at| at, &mut [0, 0], 1), "2 values at 1 places");
    assert_bug(offsets.range(2), "major slice 2 of 2");
    assert_bug(offsets.run(1..3), "major slice 3 of 2");
    Ok(())
}

#[test]
fn lengths_that_no_machine_can_count_are_an_error() {
    let error = Offsets::of_lengths([usize::MAX, 1]).unwrap_err();
    assert!(error.is_limit_exceeded() && error.message() == "more values than memory can hold", "{error}");
    let error = largest(&DType::F32).unwrap_err();
    assert!(error.is_dtype() && error.message() == "indices cannot be of type float32", "{error}");
}
