//! Sums, counts, values, and dense forms.

use anndata_storage::Complex;

use super::*;

/// The matrix as rows of doubles, entry by entry; what is stored twice is added (booleans: joined).
fn plain(matrix: &SparseMatrix) -> Vec<Vec<f64>> {
    let (rows, columns) = matrix.shape();
    let mut dense = vec![vec![0.0; columns]; rows];
    let wide = matrix.data().cast(&DType::Complex128).unwrap();
    let mut values = wide.as_slice::<Complex<f64>>().unwrap().iter();
    for (slice, entries) in entries(matrix).into_iter().enumerate() {
        for (index, _) in entries {
            let (row, column) = if matrix.format() == SparseFormat::Csr { (slice, index) } else { (index, slice) };
            dense[row][column] += values.next().unwrap().re;
        }
    }
    dense
}

fn doubles(tensor: &Tensor) -> Vec<f64> {
    let wide = tensor.cast(&DType::Complex128).unwrap();
    wide.as_slice::<Complex<f64>>().unwrap().iter().map(|value| value.re).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn sums_and_counts_are_those_of_the_entries(matrix in matrix()) {
        let plain = plain(&matrix);
        let columns = matrix.shape().1;
        prop_assert_eq!(doubles(&matrix.row_sums()?), plain.iter().map(|row| row.iter().sum::<f64>()).collect::<Vec<_>>());
        let column = |column: usize| plain.iter().map(|row| row[column]).sum::<f64>();
        prop_assert_eq!(doubles(&matrix.column_sums()?), (0..columns).map(column).collect::<Vec<_>>());
        let sum = match matrix.dtype() {
            DType::Bool => DType::I64,
            dtype if dtype.is_signed_integer() => DType::I64,
            dtype if dtype.is_integer() => DType::U64,
            dtype => dtype.clone(),
        };
        prop_assert_eq!(matrix.row_sums()?.dtype().clone(), sum.clone());
        prop_assert_eq!(matrix.column_sums()?.dtype().clone(), sum);
        let slices: Vec<usize> = entries(&matrix).iter().map(Vec::len).collect();
        let mut across = vec![0; matrix.axes().1];
        entries(&matrix).iter().flatten().for_each(|&(index, _)| across[index] += 1);
        let (rows, columns) = if matrix.format() == SparseFormat::Csr { (slices, across) } else { (across, slices) };
        prop_assert_eq!(matrix.nnz_per_row()?, rows);
        prop_assert_eq!(matrix.nnz_per_column()?, columns);
    }

    #[test]
    fn means_and_variances_are_those_of_the_dense_form(matrix in matrix(), ddof in 0_usize..3) {
        // Repeated values that are true count twice in a sum, and are one in the dense form.
        let matrix = if *matrix.dtype() == DType::Bool { matrix.to_canonical()? } else { matrix };
        if matrix.dtype().is_complex() {
            prop_assert!(matrix.row_means().is_err_and(|error| error.is_dtype()));
            prop_assert!(matrix.column_variances(ddof).is_err_and(|error| error.is_dtype()));
            return Ok(());
        }
        let dense = matrix.to_dense()?.cast(&DType::F64)?;
        for (sparse, dense) in [
            (matrix.row_means()?, dense.row_means()?),
            (matrix.column_means()?, dense.column_means()?),
            (matrix.row_variances(ddof)?, dense.row_variances(ddof)?),
            (matrix.column_variances(ddof)?, dense.column_variances(ddof)?),
        ] {
            prop_assert_eq!(sparse.shape(), dense.shape());
            for (a, b) in sparse.as_slice::<f64>()?.iter().zip(dense.as_slice::<f64>()?) {
                prop_assert!((a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-12 * b.abs().max(1.0), "{} {}", a, b);
            }
        }
    }

    #[test]
    fn extremes_are_those_of_the_dense_form(matrix in matrix()) {
        let (rows, columns) = matrix.shape();
        if matrix.dtype().is_complex() {
            prop_assert!(matrix.row_minima().is_err_and(|error| error.is_dtype()));
            prop_assert!(matrix.column_maxima().is_err_and(|error| error.is_dtype()));
            return Ok(());
        }
        // Below zero as well, where there is such.
        let dtype = matrix.dtype().clone();
        let matrix = if dtype.is_signed_integer() || dtype.is_float() {
            let negative = matrix.data().cast(&DType::F64)?.as_slice::<f64>()?.iter().map(|value| value - 4.0).collect();
            let data = Tensor::from_vec([matrix.nnz()], negative)?.cast(&dtype)?;
            SparseMatrix::new(matrix.format(), (rows, columns), data, matrix.indices().clone(), matrix.indptr().clone())?
        } else {
            matrix
        };
        let dense = matrix.to_dense()?;
        if columns > 0 || rows == 0 {
            prop_assert_eq!(matrix.row_minima()?, dense.row_minima()?);
            prop_assert_eq!(matrix.row_maxima()?, dense.row_maxima()?);
        } else {
            prop_assert!(matrix.row_minima().is_err_and(|error| error.is_invalid_input()));
        }
        if rows > 0 || columns == 0 {
            prop_assert_eq!(matrix.column_minima()?, dense.column_minima()?);
            prop_assert_eq!(matrix.column_maxima()?, dense.column_maxima()?);
        } else {
            prop_assert!(matrix.column_maxima().is_err_and(|error| error.is_invalid_input()));
        }
    }

    #[test]
    fn canonical_matrices_have_each_index_once(matrix in matrix()) {
        let canonical = check(&matrix.to_canonical()?);
        prop_assert!(canonical.is_canonical()?);
        prop_assert_eq!(canonical.to_dense()?, matrix.to_dense()?);
        prop_assert_eq!(canonical.dtype(), matrix.dtype());
        prop_assert_eq!(canonical.indices().dtype(), matrix.indices().dtype());
        if matrix.is_canonical()? {
            prop_assert_eq!(canonical, matrix);
        }
    }

    #[test]
    fn dense_forms_and_values_are_the_same(matrix in matrix(), cut in 0_usize..9) {
        let (rows, columns) = matrix.shape();
        let mut plain = plain(&matrix);
        if *matrix.dtype() == DType::Bool {
            plain.iter_mut().flatten().for_each(|value| *value = value.min(1.0));
        }
        let dense = matrix.to_dense()?;
        prop_assert_eq!(dense.shape(), [rows, columns]);
        prop_assert_eq!(doubles(&dense), plain.concat());
        let cut = cut.min(rows);
        prop_assert_eq!(matrix.rows_to_dense(cut..rows)?, dense.slice_rows(cut..rows)?);
        prop_assert_eq!(matrix.transpose().to_dense()?, dense.transpose()?);
        for (row, values) in plain.iter().enumerate() {
            for (column, &value) in values.iter().enumerate() {
                prop_assert_eq!(doubles(&matrix.get_scalar(row, column)?), [value]);
            }
        }
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let sparse = check(&SparseMatrix::from_dense(&dense, format)?);
            prop_assert_eq!(sparse.format(), format);
            prop_assert_eq!(sparse.nnz(), plain.concat().iter().filter(|value| **value != 0.0).count());
            prop_assert_eq!(sparse.to_dense()?, dense.clone());
        }
    }

    #[test]
    fn sorted_slices_keep_their_entries(matrix in matrix()) {
        let mut slices = entries(&matrix);
        for slice in &mut slices {
            slice.sort_by_key(|(index, _)| *index);
        }
        prop_assert_eq!(entries(&check(&matrix.sorted()?)), slices);
    }
}

#[test]
fn dtypes_of_values_and_indices_are_chosen() -> Result<()> {
    let matrix = small(vec![2, 0, 1], vec![0, 2, 3])?;
    assert_eq!(matrix.cast(&DType::F16)?.dtype(), &DType::F16);
    assert!(matrix.cast(&DType::String).is_err_and(|error| error.is_dtype()));
    let wide = matrix.cast_indices(&DType::I64)?.sorted()?;
    assert_eq!(wide.view::<u8, i64, i64>()?.get(0, 2), Some(&1));
    assert!(matrix.cast_indices(&DType::F64).is_err_and(|error| error.is_dtype()));
    let long = matrix.select(&AxisSelection::from(vec![0; 100]), &AxisSelection::Range(0..3))?;
    assert!(long.cast_indices(&DType::I8).is_err_and(|error| error.is_limit_exceeded()));
    assert!(matrix.get::<u8>(2, 0).is_err_and(|error| error.is_invalid_input()));
    assert!(matrix.get::<i8>(0, 0).is_err_and(|error| error.is_dtype()));
    Ok(())
}

#[test]
fn values_far_from_zero_keep_their_variance() -> Result<()> {
    for (values, variance) in [
        ([1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0], 30.0),
        ([3.0; 4], 0.0),
        ([1e200; 4], 0.0),
        ([0.0, 0.0, 0.0, 4.0], 4.0),
    ] {
        let dense = Tensor::from_vec([4, 2], values.iter().flat_map(|&value| [value, 0.0]).collect())?;
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let matrix = SparseMatrix::from_dense(&dense, format)?;
            assert_eq!(matrix.column_variances(1)?.as_slice::<f64>()?, [variance, 0.0]);
            assert_eq!(matrix.transpose().row_variances(1)?.as_slice::<f64>()?, [variance, 0.0]);
        }
    }
    let missing = Tensor::from_vec([2, 2], vec![f64::NAN, 1.0, 2.0, 3.0])?;
    let variances = SparseMatrix::from_dense(&missing, SparseFormat::Csr)?.column_variances(1)?;
    assert!(variances.get::<f64>(&[0])?.is_nan());
    assert_eq!(variances.as_slice::<f64>()?[1..], [2.0]);
    Ok(())
}

#[test]
fn nan_is_the_least_and_the_greatest_and_zeros_that_are_not_stored_count() -> Result<()> {
    let missing = f64::NAN;
    let dense = [missing, 0.0, 2.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0];
    let dense = Tensor::from_vec([4, 3], dense.to_vec())?;
    // As scipy has them.
    let (columns, rows) = ([[0.0, 2.0], [-2.0, -3.0]], [[1.0, 0.0, -1.0], [-1.0, 0.0, -3.0]]);
    for format in [SparseFormat::Csr, SparseFormat::Csc] {
        let matrix = SparseMatrix::from_dense(&dense, format)?;
        for (found, expected) in [
            (matrix.column_maxima()?, columns[0].as_slice()),
            (matrix.column_minima()?, columns[1].as_slice()),
            (matrix.row_maxima()?, rows[0].as_slice()),
            (matrix.row_minima()?, rows[1].as_slice()),
        ] {
            let found = found.as_slice::<f64>()?;
            assert!(found[0].is_nan(), "{found:?}");
            assert_eq!(found[1..], *expected);
        }
    }
    Ok(())
}
