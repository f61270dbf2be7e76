//! Sparse matrices beside the dense ones that they stand for.

#![expect(clippy::cast_precision_loss, reason = "small integers and powers of two are exact")]

use anndata_array::{Complex, DType, Result, SparseFormat, SparseMatrix, Tensor};
use proptest::prelude::*;

/// A matrix of both formats, and dense.
fn forms(rows: usize, columns: usize, values: Vec<f64>) -> Result<(Tensor, [SparseMatrix; 2])> {
    let dense = Tensor::from_vec([rows, columns], values)?;
    let csr = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    let csc = csr.to_format(SparseFormat::Csc)?;
    Ok((dense, [csr, csc]))
}

#[track_caller]
fn close(found: &Tensor, expected: &Tensor) -> Result<()> {
    let (found, expected) = (found.as_slice::<f64>()?, expected.as_slice::<f64>()?);
    let near = |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * b.abs().max(1.0);
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?} {expected:?}");
    Ok(())
}

fn moments_are_those_of_the_dense_matrix(rows: usize, columns: usize, values: Vec<f64>) -> Result<()> {
    let (dense, forms) = forms(rows, columns, values)?;
    for matrix in forms {
        for (found, expected) in
            [(matrix.row_moments()?, dense.row_moments()?), (matrix.column_moments()?, dense.column_moments()?)]
        {
            close(&found.means()?, &expected.means()?)?;
            close(&found.variances(1)?, &expected.variances(1)?)?;
        }
        close(&matrix.row_means()?, &dense.row_means()?)?;
        close(&matrix.column_means()?, &dense.column_means()?)?;
        close(&matrix.row_variances(0)?, &dense.row_variances(0)?)?;
        close(&matrix.column_variances(0)?, &dense.column_variances(0)?)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn moments_of_any_values(
        (rows, columns, values) in (1_usize..12, 1_usize..12).prop_flat_map(|(rows, columns)| {
            let value = prop_oneof![3 => Just(0.0), 2 => -5.0..5.0_f64, 1 => 1e8..1.000_000_1e8_f64];
            (Just(rows), Just(columns), prop::collection::vec(value, rows * columns))
        })
    ) {
        moments_are_those_of_the_dense_matrix(rows, columns, values)?;
    }
}

#[test]
fn moments_of_values_that_are_nearly_the_same() -> Result<()> {
    // The squares of these tell nothing of the deviations; in the last column a zero is not stored.
    let values: Vec<f64> = (0..40).map(|at| if at == 39 { 0.0 } else { 1e9 + f64::from(at % 7) }).collect();
    moments_are_those_of_the_dense_matrix(20, 2, values)?;
    let (_, [csr, csc]) = forms(2, 2, vec![1e200, 1.0, 1e200, 3.0])?;
    for matrix in [csr, csc] {
        let variances = matrix.column_variances(0)?;
        assert_eq!(variances.as_slice::<f64>()?, [0.0, 1.0]);
    }
    Ok(())
}

#[test]
fn moments_of_entries_that_are_repeated_and_of_long_integers() -> Result<()> {
    let one = |values: Vec<i64>, indices: Vec<i32>, indptr: Vec<i32>| {
        let (data, indices) = (Tensor::from_vec([values.len()], values)?, Tensor::from_vec([indices.len()], indices)?);
        SparseMatrix::new(SparseFormat::Csr, (2, 2), data, indices, Tensor::from_vec([indptr.len()], indptr)?)
    };
    // 3 and 4 at one position are 7.
    let repeated = one(vec![3, 4, 1], vec![1, 1, 0], vec![0, 2, 3])?;
    for matrix in [repeated.clone(), repeated.to_format(SparseFormat::Csc)?] {
        assert_eq!(matrix.column_means()?.as_slice::<f64>()?, [0.5, 3.5]);
        assert_eq!(matrix.column_variances(0)?.as_slice::<f64>()?, [0.25, 12.25]);
        assert_eq!(matrix.row_variances(0)?.as_slice::<f64>()?, [12.25, 0.25]);
    }
    // Their sum is beyond 64 bits.
    let long = one(vec![i64::MAX, i64::MAX], vec![0, 0], vec![0, 1, 2])?;
    assert_eq!(long.column_sums_f64()?, [2.0 * i64::MAX as f64, 0.0]);
    let complex = long.cast(&DType::Complex64)?;
    let error = complex.column_sums_f64().unwrap_err();
    assert_eq!(error.message(), "values of type complex64 have no mean and variance as doubles");
    assert!(complex.row_moments().is_err_and(|error| error.is_dtype()));
    assert_eq!(complex.get::<Complex<f32>>(0, 0)?, Complex::new(i64::MAX as f32, 0.0));
    Ok(())
}

#[test]
fn the_first_and_last_values_are_shown() -> Result<()> {
    let diagonal = |n: usize| {
        let values = (0..n * n).map(|at| if at / n == at % n { (at / n + 1) as f64 } else { 0.0 });
        Ok::<_, anndata_array::Error>(forms(n, n, values.collect())?.1)
    };
    for matrix in diagonal(30)? {
        let text = matrix.to_string();
        let (first, last) = text.split_once(", ..., ").unwrap();
        assert!(first.contains("30 × 30, 30 stored: (0, 0) 1.0, (1, 1) 2.0, "), "{text}");
        assert!(last.ends_with("(28, 28) 29.0, (29, 29) 30.0"), "{text}");
        assert_eq!(first.matches('(').count(), last.matches('(').count(), "{text}");
    }
    // As many as are shown from both ends, and one more.
    let shown = diagonal(30)?[0].to_string().split_once("...").unwrap().0.matches('(').count();
    assert!(!diagonal(2 * shown)?[0].to_string().contains("..."));
    assert!(diagonal(2 * shown + 1)?[0].to_string().contains("..."));
    assert_eq!(format!("{:?}", diagonal(2)?[1]), "SparseMatrix(Csc, (2, 2), 2 of float64, indices int32)");
    Ok(())
}

#[test]
fn indices_are_as_wide_as_they_have_to_be() -> Result<()> {
    let wide = |columns: usize| {
        let indices = Tensor::from_vec([1], vec![i64::try_from(columns).unwrap() - 1])?;
        let (data, indptr) = (Tensor::from_vec([1], vec![1.0])?, Tensor::from_vec([2], vec![0_i64, 1])?);
        SparseMatrix::new(SparseFormat::Csr, (1, columns), data, indices, indptr)
    };
    assert_eq!(wide(128)?.cast_indices(&DType::I8)?.indices().as_slice::<i8>()?, [127]);
    let error = wide(129)?.cast_indices(&DType::I8).unwrap_err();
    assert!(error.is_limit_exceeded() && error.message() == "indices up to 128 do not fit into int8", "{error}");
    let error = wide(3)?.cast_indices(&DType::F32).unwrap_err();
    assert_eq!(error.message(), "indices cannot be of type float32");
    // Rows that become columns need indices of their own width.
    let narrow = |rows: usize| {
        let indptr = (0..=rows).map(|row| i8::from(row == rows)).collect();
        let (data, indices) = (Tensor::from_vec([1], vec![1.0])?, Tensor::from_vec([1], vec![0_i8])?);
        SparseMatrix::new(SparseFormat::Csr, (rows, 1), data, indices, Tensor::from_vec([rows + 1], indptr)?)
    };
    let csc = narrow(128)?.to_format(SparseFormat::Csc)?;
    assert_eq!((csc.indices().dtype(), csc.indices().as_slice::<i8>()?), (&DType::I8, &[127_i8][..]));
    let csc = narrow(129)?.to_format(SparseFormat::Csc)?;
    assert_eq!((csc.indices().dtype(), csc.indices().as_slice::<i64>()?), (&DType::I64, &[128_i64][..]));
    Ok(())
}

#[test]
fn ranges_and_matrices_that_do_not_fit_are_refused() -> Result<()> {
    let (_, [csr, csc]) = forms(3, 2, vec![1.0, 0.0, 0.0, 2.0, 3.0, 0.0])?;
    #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
    let reversed = 2..1;
    for (range, message) in [(reversed.clone(), "2..1"), (1..4, "1..4")] {
        let dense = csr.rows_to_dense(range.clone()).unwrap_err();
        assert_eq!(dense.message(), format!("rows {message} are out of bounds: there are 3"));
        let slices = csr.slice_major(range).unwrap_err();
        assert_eq!(slices.message(), format!("the range {message} is out of bounds of an axis of length 3"));
    }
    assert_eq!(csc.rows_to_dense(1..3)?.as_slice::<f64>()?, [0.0, 2.0, 3.0, 0.0]);
    assert_eq!(csc.rows_to_dense(3..3)?.shape(), [0, 2]);
    let (_, [narrow, _]) = forms(1, 1, vec![1.0])?;
    for parts in [[csr.clone(), csc], [csr.clone(), narrow]] {
        let error = SparseMatrix::concat_major(&parts).unwrap_err();
        assert_eq!(error.message(), "the matrices do not fit each other");
    }
    assert_eq!(SparseMatrix::concat_major(&[csr.clone(), csr])?.shape(), (6, 2));
    Ok(())
}
