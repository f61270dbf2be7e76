//! Changes of format.

use super::*;
use crate::sparse::buffers::{by_size, plain, plain_mut, size_of_value, zeroed};
use crate::sparse::format::Stored;
use crate::sparse::format::tiles::{Tiles, partition_near};

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

proptest! {
    #[test]
    fn tiles_of_any_width_are_put_together(
        matrix in prop_oneof![matrix_of(0..24, 0..5), matrix_of(0..5, 0..24)],
        width in 1_usize..9,
    ) {
        let matrix = matrix.to_canonical()?;
        prop_assert_eq!(entries(&check(&tiled(&matrix, width)?)), turned(&matrix));
    }

    #[test]
    fn what_is_near_a_guess_is_found_from_any(len in 0_usize..300, first in 0_usize..300, guess in 0_usize..300) {
        let values: Vec<usize> = (0..len).collect();
        prop_assert_eq!(partition_near(&values, guess.min(len), |value| *value < first)?, first.min(len));
    }
}

/// A canonical matrix in the other format, by tiles of a width.
fn tiled(matrix: &SparseMatrix, width: usize) -> Result<SparseMatrix> {
    let size = size_of_value(matrix.dtype())?;
    let (offsets, new_offsets) = (matrix.major_offsets()?, Offsets::of_lengths(matrix.counts(false)?)?);
    let tiles = Tiles::of_width(&new_offsets, matrix.axes().0, width);
    let old = matrix.indices.cast(&DType::U64)?;
    let (mut indices, mut data) = (zeroed(matrix.nnz(), size_of::<u64>())?, zeroed(matrix.nnz(), size)?);
    by_size!(size, V => {
        let stored = Stored { offsets: &offsets, indices: plain(&old)?, values: plain::<V>(&matrix.data)? };
        tiles.scatter::<u64, V>(&stored, &new_offsets, plain_mut(&mut indices)?, plain_mut(&mut data)?)?;
    });
    let data = Tensor::new(matrix.dtype().clone(), [matrix.nnz()], data)?;
    let indices = Tensor::new(DType::U64, [matrix.nnz()], indices)?;
    SparseMatrix::assembled(other(matrix.format()), matrix.axes().0, data, indices, &new_offsets, &DType::I64)
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
        canonical: Canonical::default(),
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
