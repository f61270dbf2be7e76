//! Changes of format.

use super::*;

/// Entries by the other axis: those of a major slice in the order of the old major slices.
fn turned(matrix: &SparseMatrix) -> Vec<Vec<(usize, Vec<u8>)>> {
    let mut slices = vec![Vec::new(); matrix.axes().1];
    for (slice, entries) in entries(matrix).into_iter().enumerate() {
        for (index, value) in entries {
            slices[index].push((slice, value));
        }
    }
    slices
}

fn other(format: SparseFormat) -> SparseFormat {
    if format == SparseFormat::Csr { SparseFormat::Csc } else { SparseFormat::Csr }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn formats_hold_the_same_entries(matrix in matrix()) {
        let turned_matrix = check(&matrix.to_format(other(matrix.format()))?);
        prop_assert_eq!(entries(&turned_matrix), turned(&matrix));
        prop_assert_eq!(turned_matrix.shape(), matrix.shape());
        prop_assert_eq!(turned_matrix.data().dtype(), matrix.data().dtype());
        prop_assert_eq!(turned_matrix.indices().dtype(), matrix.indices().dtype());
        prop_assert_eq!(turned_matrix.indptr().dtype(), matrix.indptr().dtype());
        prop_assert_eq!(&turned_matrix.to_format(matrix.format())?, &matrix.sorted()?);
        prop_assert_eq!(&matrix.to_format(matrix.format())?, &matrix);
    }

    #[test]
    fn a_transposed_matrix_is_the_matrix_read_the_other_way(matrix in matrix()) {
        let transposed = check(&matrix.transpose());
        let (rows, columns) = matrix.shape();
        prop_assert_eq!(transposed.shape(), (columns, rows));
        prop_assert_eq!(entries(&transposed), entries(&matrix));
        prop_assert_eq!(&transposed.transpose(), &matrix);
    }
}

#[test]
fn large_matrices_are_turned_in_windows() -> Result<()> {
    for format in [SparseFormat::Csr, SparseFormat::Csc] {
        let matrix = large(format);
        let turned_matrix = check(&matrix.to_format(other(format))?);
        assert_eq!(entries(&turned_matrix), turned(&matrix));
        assert_eq!(turned_matrix.to_format(format)?, matrix);
        // The same, with major slices that are not sorted.
        let backwards = matrix.axes().1 as u64;
        let reversed = AxisSelection::from((0..backwards).rev().collect::<Vec<_>>());
        let (rows, columns) = match format {
            SparseFormat::Csr => (AxisSelection::Range(0..50), reversed),
            SparseFormat::Csc => (reversed, AxisSelection::Range(0..50)),
        };
        let mut slices = turned(&matrix);
        slices.reverse();
        assert_eq!(entries(&check(&matrix.select(&rows, &columns)?.to_format(other(format))?)), slices);
        let unsorted = unsorted(&matrix);
        assert_ne!(unsorted, matrix);
        assert_eq!(check(&unsorted.to_format(other(format))?), turned_matrix);
        assert_eq!(check(&unsorted.sorted()?), matrix);
    }
    Ok(())
}

/// The same values, each major slice in the opposite order.
fn unsorted(matrix: &SparseMatrix) -> SparseMatrix {
    let order: Vec<u64> =
        matrix.offsets().unwrap().windows(2).flat_map(|pair| (pair[0] as u64..pair[1] as u64).rev()).collect();
    SparseMatrix {
        data: matrix.data.take(0, &order).unwrap(),
        indices: matrix.indices.take(0, &order).unwrap(),
        ..matrix.clone()
    }
}

#[test]
fn narrow_indices_become_wider_where_they_have_to() -> Result<()> {
    let matrix = SparseMatrix::new(
        SparseFormat::Csr,
        (200, 300),
        Tensor::from_vec([2], vec![1_u8, 2])?,
        Tensor::from_vec([2], vec![127_i8, 3])?,
        Tensor::from_vec([201], (0..201).map(|row| i16::from(row > 0) + i16::from(row > 199)).collect())?,
    )?;
    let turned_matrix = check(&matrix.to_format(SparseFormat::Csc)?);
    assert_eq!(entries(&turned_matrix), turned(&matrix));
    assert_eq!(turned_matrix.indices().dtype(), &DType::I64);
    assert_eq!(turned_matrix.to_format(SparseFormat::Csr)?.indices().dtype(), &DType::I64);
    Ok(())
}

#[test]
fn an_axis_longer_than_memory_is_an_error() -> Result<()> {
    let matrix = SparseMatrix::new(
        SparseFormat::Csr,
        (1, 1 << 60),
        Tensor::from_vec([1], vec![1.5_f32])?,
        Tensor::from_vec([1], vec![1_i64 << 50])?,
        Tensor::from_vec([2], vec![0_i64, 1])?,
    )?;
    assert!(matrix.to_format(SparseFormat::Csc).is_err_and(|error| error.is_limit_exceeded()));
    Ok(())
}
