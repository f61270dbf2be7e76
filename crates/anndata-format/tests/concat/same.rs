//! What is the same for a merge: one value and another, and whether `Merge::Same` keeps them.

use super::*;
use anndata_format::{Complex, DType, NaValue};
use anndata_storage::TimeUnit;

/// Whether two elements of `uns` are the same, asked both ways.
fn same(a: &Element, b: &Element) -> Result<bool> {
    let kept = |a: &Element, b: &Element| {
        let of = |element: &Element| AnnData::builder().shape(1, 1).uns("x", element.clone()).build();
        let joined = concat(&[&of(a)?, &of(b)?], &ConcatOptions::default().with_uns_merge(Merge::Same))?;
        Ok::<_, Error>(joined.uns().contains_key("x"))
    };
    let (one_way, other_way) = (kept(a, b)?, kept(b, a)?);
    assert_eq!(one_way, other_way, "{a:?} and {b:?}");
    Ok(one_way)
}

#[track_caller]
fn check(cases: impl IntoIterator<Item = (Element, Element, bool)>) -> Result<()> {
    for (a, b, expected) in cases {
        assert_eq!(same(&a, &b)?, expected, "{a:?} and {b:?}");
        assert!(same(&a, &a)? || a.to_f64().is_ok_and(f64::is_nan), "{a:?} and itself");
    }
    Ok(())
}

#[test]
fn scalars() -> Result<()> {
    let time = |unit: TimeUnit, tick: i64| Tensor::from_ticks(DType::Datetime(unit.into()), [], vec![tick]);
    check(vec![
        (1_i64.into(), 1.0_f32.into(), true),
        (1_u8.into(), 2_i64.into(), false),
        (true.into(), 1_i64.into(), true),
        (true.into(), false.into(), false),
        (0.5_f32.into(), 0.5_f64.into(), true),
        (0.5_f32.into(), 0.25_f64.into(), false),
        (Complex::new(1.0_f32, 2.0).into(), Complex::new(1.0_f64, 2.0).into(), true),
        (Complex::new(1.0_f64, 2.0).into(), 1.0.into(), false),
        // The same double, and not the same integer.
        (((1_i64 << 53) + 1).into(), (1_u64 << 53).into(), false),
        ((i64::MAX).into(), (i64::MAX as u64).into(), true),
        (f64::NAN.into(), f64::NAN.into(), false),
        ("a".into(), "a".into(), true),
        ("a".into(), "b".into(), false),
        ("1".into(), 1_i64.into(), false),
        ("".into(), time(TimeUnit::Second, 0)?.into(), false),
        (time(TimeUnit::Second, 3)?.into(), time(TimeUnit::Second, 3)?.into(), true),
        (time(TimeUnit::Second, 3)?.into(), time(TimeUnit::Second, 4)?.into(), false),
        (time(TimeUnit::Second, 3)?.into(), 3_i64.into(), false),
        // An array of one value is not a scalar.
        (1_i64.into(), Tensor::from_vec([1], vec![1_i64])?.into(), false),
        ("a".into(), Tensor::from_strings([1], ["a"])?.into(), false),
        (Element::Null, 0_i64.into(), false),
    ])
}

#[test]
fn arrays() -> Result<()> {
    let numbers = |values: Vec<f64>| Tensor::from_vec([values.len()], values);
    let texts = |values: &[&str]| Tensor::from_strings([values.len()], values.iter().copied());
    let record = |n: i64, x: f64| {
        let fields = [("n", Tensor::from_vec([1], vec![n])?), ("x", Tensor::from_vec([1], vec![x])?)];
        Tensor::from_fields([1], fields)
    };
    let dense = Tensor::from_vec([2, 2], vec![0, 1, 0, 2])?;
    let csr = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
    check([
        (numbers(vec![1.0, f64::NAN])?.into(), numbers(vec![1.0, f64::NAN])?.into(), true),
        (numbers(vec![1.0, f64::NAN])?.into(), numbers(vec![1.0, 2.0])?.into(), false),
        (numbers(vec![1.0, f64::NAN])?.into(), numbers(vec![f64::NAN, 1.0])?.into(), false),
        (numbers(vec![1.0])?.into(), numbers(vec![1.0, 1.0])?.into(), false),
        (numbers(vec![1.0, 2.0])?.into(), numbers(vec![1.0, 2.0])?.reshape([1, 2])?.into(), false),
        (numbers(vec![1.0])?.into(), numbers(vec![1.0])?.cast(&DType::F32)?.into(), false),
        (texts(&["a", "b"])?.into(), texts(&["a", "b"])?.into(), true),
        (texts(&["a", "b"])?.into(), texts(&["a", "c"])?.into(), false),
        (texts(&["1"])?.into(), numbers(vec![1.0])?.into(), false),
        (record(1, f64::NAN)?.into(), record(1, f64::NAN)?.into(), true),
        (record(1, 0.5)?.into(), record(1, 1.5)?.into(), false),
        (record(1, 0.5)?.into(), record(2, 0.5)?.into(), false),
        (
            Tensor::from_vec([1], vec![Complex::new(0.0, f64::NAN)])?.into(),
            Tensor::from_vec([1], vec![Complex::new(0.0, f64::NAN)])?.into(),
            true,
        ),
        (csr.clone().into(), csr.to_format(SparseFormat::Csc)?.into(), true),
    ])
}

#[test]
fn sparse_matrices() -> Result<()> {
    let csr = |shape: (usize, usize), data: Vec<f64>, indices: Vec<i32>, indptr: Vec<i32>| {
        let tensor = |values: Vec<i32>| Tensor::from_vec([values.len()], values);
        let data = Tensor::from_vec([data.len()], data)?;
        SparseMatrix::new(SparseFormat::Csr, shape, data, tensor(indices)?, tensor(indptr)?)
    };
    let matrix = || csr((2, 3), vec![1.0, 2.0, 3.0], vec![0, 2, 1], vec![0, 2, 3]);
    let others = [
        (matrix()?.to_format(SparseFormat::Csc)?, true),
        (matrix()?.cast(&DType::F32)?, true),
        (matrix()?.cast_indices(&DType::I64)?, true),
        // Stored in another order, with a zero, in two parts.
        (csr((2, 3), vec![2.0, 1.0, 3.0], vec![2, 0, 1], vec![0, 2, 3])?, true),
        (csr((2, 3), vec![1.0, 0.0, 2.0, 3.0], vec![0, 1, 2, 1], vec![0, 3, 4])?, true),
        (csr((2, 3), vec![1.0, 1.5, 0.5, 3.0], vec![0, 2, 2, 1], vec![0, 3, 4])?, true),
        (csr((2, 3), vec![1.0, 2.0, 4.0], vec![0, 2, 1], vec![0, 2, 3])?, false),
        (csr((2, 3), vec![1.0, 2.0, 3.0], vec![0, 1, 1], vec![0, 2, 3])?, false),
        (csr((2, 3), vec![1.0, 2.0, 3.0], vec![0, 2, 1], vec![0, 3, 3])?, false),
        (csr((2, 3), vec![1.0, 2.0], vec![0, 2], vec![0, 2, 2])?, false),
        (csr((2, 4), vec![1.0, 2.0, 3.0], vec![0, 2, 1], vec![0, 2, 3])?, false),
        (csr((3, 3), vec![1.0, 2.0, 3.0], vec![0, 2, 1], vec![0, 2, 3, 3])?, false),
    ];
    check(others.into_iter().map(|(other, same)| (matrix().unwrap().into(), other.into(), same)))?;
    let nan = |at: i32| csr((1, 2), vec![f64::NAN], vec![at], vec![0, 1]);
    check([(nan(0)?.into(), nan(0)?.into(), true), (nan(0)?.into(), nan(1)?.into(), false)])
}

#[test]
fn columns() -> Result<()> {
    let frame =
        |column: Column| Ok::<_, Error>(Element::Frame(DataFrame::unnamed(column.len()).with_column("c", column)?));
    let category = |categories: Column, codes: Vec<i8>, ordered: bool| {
        Column::categorical(&Tensor::from_vec([codes.len()], codes)?, &categories, ordered)
    };
    let ab = || Column::strings(["a", "b"]);
    let ba = || Column::strings(["b", "a"]);
    let text = |values: [&str; 2], missing: [bool; 2], na_value: NaValue| {
        Column::nullable(&Tensor::from_strings([2], values)?, &missing, na_value)
    };
    let integers = |values: [i64; 2], missing: [bool; 2]| {
        Column::nullable(&Tensor::from_vec([2], values.to_vec())?, &missing, NaValue::Na)
    };
    let days = |ticks: Vec<i64>| {
        Column::plain(&Tensor::from_ticks(DType::Datetime(TimeUnit::Nanosecond.into()), [ticks.len()], ticks)?)
    };
    let cases = [
        (Column::from(vec![1_i64, 2]), Column::from(vec![1_i64, 2]), true),
        (Column::from(vec![1_i64, 2]), Column::from(vec![1_i64, 3]), false),
        (Column::from(vec![1_i64, 2]), Column::from(vec![1_i64]), false),
        (Column::from(vec![1_i64, 2]), Column::from(vec![1_i32, 2]), false),
        (Column::from(vec![1.0, f64::NAN]), Column::from(vec![1.0, f64::NAN]), true),
        // Categories: in another order, of another order, with other ones that no row has.
        (category(ab(), vec![0, 1, -1], false)?, category(ba(), vec![1, 0, -1], false)?, true),
        (category(ab(), vec![0, 1], false)?, category(ba(), vec![0, 1], false)?, false),
        (category(ab(), vec![0, 1], true)?, category(ab(), vec![0, 1], true)?, true),
        (category(ab(), vec![0, 1], true)?, category(ba(), vec![1, 0], true)?, false),
        (category(ab(), vec![0, 1], true)?, category(ab(), vec![0, 1], false)?, false),
        (category(ab(), vec![0, 0], false)?, category(Column::strings(["a"]), vec![0, 0], false)?, false),
        (category(ab(), vec![0, 1], false)?, category(ab(), vec![0, -1], false)?, false),
        (category(ab(), vec![0, 1], false)?, ab(), false),
        (
            category(vec![1_i64, 2].into(), vec![0, 1], false)?,
            category(vec![1.0, 2.0].into(), vec![0, 1], false)?,
            false,
        ),
        // Text: with NaN, and with NA.
        (ab(), text(["a", "b"], [false; 2], NaValue::Nan)?, true),
        (ab(), text(["a", "b"], [false; 2], NaValue::Na)?, false),
        (text(["a", ""], [false, true], NaValue::Nan)?, text(["a", ""], [false, true], NaValue::Nan)?, true),
        (text(["a", ""], [false, true], NaValue::Nan)?, text(["a", ""], [false, true], NaValue::Na)?, false),
        (text(["a", ""], [false, true], NaValue::Na)?, text(["a", ""], [false, false], NaValue::Na)?, false),
        (text(["a", "b"], [false; 2], NaValue::Na)?, text(["a", "c"], [false; 2], NaValue::Na)?, false),
        (ab(), Column::from(vec![1_i64, 2]), false),
        // Integers that can be missing.
        (integers([1, 0], [false, true])?, integers([1, 9], [false, true])?, true),
        (integers([1, 0], [false, true])?, integers([2, 0], [false, true])?, false),
        (integers([1, 0], [false, true])?, integers([0, 1], [true, false])?, false),
        (integers([1, 2], [false; 2])?, Column::from(vec![1_i64, 2]), false),
        (days(vec![1, 2])?, days(vec![1, 2])?, true),
        (days(vec![1, 2])?, days(vec![1, 3])?, false),
        (days(vec![1, 2])?, Column::from(vec![1_i64, 2]), false),
    ];
    for (a, b, expected) in cases {
        check([(frame(a)?, frame(b)?, expected)])?;
    }
    Ok(())
}
