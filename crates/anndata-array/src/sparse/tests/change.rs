//! Values in place against the dense form.

use super::*;

fn near(a: &Tensor, b: &Tensor) -> bool {
    let (a, b) = (a.cast(&DType::F64).unwrap(), b.cast(&DType::F64).unwrap());
    let pairs = a.as_slice::<f64>().unwrap().iter().zip(b.as_slice::<f64>().unwrap());
    a.shape() == b.shape() && pairs.clone().all(|(a, b)| (a - b).abs() <= 1e-2 * b.abs())
}

proptest! {
    #[test]
    fn factors_and_logarithms_are_those_of_the_dense_form(matrix in matrix(), seed in 1_u8..9) {
        let mut dense = matrix.to_dense()?;
        let factors = |len: usize| -> Vec<f64> { (0..len).map(|i| f64::from(seed) / 4.0 + if i % 2 == 0 { 1.0 } else { -1.0 }).collect() };
        let (rows, columns) = (factors(matrix.shape().0), factors(matrix.shape().1));
        let mut changed = matrix.clone();
        if matrix.dtype().is_complex() {
            prop_assert!(changed.scale_rows(&rows).is_err_and(|error| error.is_dtype()));
            prop_assert!(changed.ln_1p().is_err_and(|error| error.is_dtype()));
            prop_assert_eq!(changed, matrix);
            return Ok(());
        }
        changed.scale_rows(&rows)?;
        dense.scale_rows(&rows)?;
        prop_assert!(near(&check(&changed).to_dense()?, &dense));
        changed.scale_columns(&columns)?;
        dense.scale_columns(&columns)?;
        prop_assert!(near(&check(&changed).to_dense()?, &dense));
        prop_assert_eq!(changed.dtype(), dense.dtype());
        let (mut changed, mut dense) = (matrix.clone(), matrix.to_dense()?);
        changed.ln_1p()?;
        dense.ln_1p()?;
        prop_assert!(near(&check(&changed).to_dense()?, &dense));
    }
}

#[test]
fn a_function_keeps_zeros_and_changes_in_place() -> Result<()> {
    let mut matrix = large(SparseFormat::Csr);
    let before = matrix.data().as_bytes().unwrap().as_ptr();
    let clone = matrix.clone();
    matrix.map_in_place(|value: i64| -value)?;
    assert_ne!(matrix.data().as_bytes().unwrap().as_ptr(), before);
    assert_eq!(matrix.column_sums()?.as_slice::<i64>()?[7], -clone.column_sums()?.as_slice::<i64>()?[7]);
    let own = matrix.data().as_bytes().unwrap().as_ptr();
    matrix.map_in_place(|value: i64| -value)?;
    assert_eq!((matrix.data().as_bytes().unwrap().as_ptr(), &matrix), (own, &clone));
    let refused = matrix.map_in_place(|value: i64| value + 1).unwrap_err();
    assert!(refused.is_invalid_input() && refused.message().starts_with("the function makes 1 of 0"), "{refused}");
    assert!(matrix.map_in_place(|value: f32| value).is_err_and(|error| error.is_dtype()));
    assert!(matrix.scale_rows(&[1.0]).is_err_and(|error| error.message().contains("per row, found 1 factors and 50")));
    assert!(matrix.major_range(50).is_err_and(|error| error.is_invalid_input()));
    assert_eq!(matrix, clone);
    for format in [SparseFormat::Csr, SparseFormat::Csc] {
        let (mut rows, whole) = (large(format).cast(&DType::F64)?, large(format));
        let factors: Vec<f64> = (0..whole.shape().0).map(|i| if i % 2 == 0 { 2.0 } else { 0.5 }).collect();
        rows.scale_rows(&factors)?;
        let sums = whole.cast(&DType::F64)?.row_sums()?;
        let expected: Vec<f64> =
            sums.as_slice::<f64>()?.iter().zip(&factors).map(|(sum, factor)| sum * factor).collect();
        assert_eq!(rows.row_sums()?.as_slice::<f64>()?, expected);
    }
    Ok(())
}

#[test]
fn repeated_values_are_summed_before_a_function() -> Result<()> {
    let mut matrix = small(vec![1, 1, 2], vec![0, 2, 3])?;
    matrix.map_in_place(|value: u8| value * value)?;
    assert_eq!(matrix.to_dense()?.as_slice::<u8>()?, [0, 4, 0, 0, 0, 1]);
    Ok(())
}
