//! Masks: how values are compared, and how masks are put together.

use anndata_array::{Column, Complex, DType, Error, Mask, NaValue, Result, Tensor, f16};
use arrow_array::BooleanArray;
use proptest::prelude::*;

fn categorical(codes: Vec<i8>, categories: &Column, ordered: bool) -> Result<Column> {
    Column::categorical(&Tensor::from_vec([codes.len()], codes)?, categories, ordered)
}

#[track_caller]
fn refused(result: &Result<Mask>, text: &str) {
    let says = |error: &Error| error.is_invalid_input() && error.to_string().contains(text);
    assert!(result.as_ref().is_err_and(says), "{result:?}");
}

#[test]
fn masks_are_combined_if_they_are_of_one_length() -> Result<()> {
    let (a, b) = (Mask::from([true, true, false, false]), Mask::from(vec![true, false, true, false]));
    assert_eq!(a.and(&b)?.to_vec(), [true, false, false, false]);
    assert_eq!(a.or(&b)?.to_vec(), [true, true, true, false]);
    assert_eq!(a.xor(&b)?.to_vec(), [false, true, true, false]);
    assert_eq!((!&a).to_vec(), [false, false, true, true]);
    assert_eq!((a.count(), a.rows(), a.get(1), a.get(4)), (2, vec![0, 1], Some(true), None));
    let short = Mask::from(&[true][..]);
    for error in [a.and(&short), a.or(&short), a.xor(&short)] {
        refused(&error, "masks of the same length can be combined, not masks of 4 and of 1 rows");
    }
    assert!(Mask::from([]).is_empty() && (!Mask::from([])).count() == 0);
    Ok(())
}

#[test]
fn masks_are_arrow_arrays_without_nulls() -> Result<()> {
    let array = BooleanArray::from(vec![false, true, true, false]).slice(1, 2);
    let mask = Mask::try_from(&array)?;
    assert_eq!(mask.to_vec(), [true, true]);
    assert_eq!(BooleanArray::from(&!mask), BooleanArray::from(vec![false, false]));
    let nulls = Mask::try_from(&BooleanArray::from(vec![Some(true), None])).unwrap_err();
    assert!(nulls.is_invalid_input() && nulls.message().starts_with("row 1 of the mask is missing"), "{nulls}");
    Ok(())
}

#[test]
fn numbers_of_every_dtype_are_compared() -> Result<()> {
    for dtype in DType::NUMERIC.iter().filter(|dtype| **dtype != DType::Bool && !dtype.is_complex()) {
        let column = Column::plain(&Tensor::from_vec([3], vec![1_u8, 2, 3])?.cast(dtype)?)?;
        assert_eq!(column.equal_to(2)?.to_vec(), [false, true, false], "{dtype}");
        assert_eq!(column.not_equal_to(2_u64)?.to_vec(), [true, false, true], "{dtype}");
        assert_eq!(column.less_than(2.5)?.to_vec(), [true, true, false], "{dtype}");
        assert_eq!(column.at_most(2_i8)?.to_vec(), [true, true, false], "{dtype}");
        assert_eq!(column.greater_than(f16::from_f32(1.5))?.to_vec(), [false, true, true], "{dtype}");
        assert_eq!(column.at_least(3.0_f32)?.to_vec(), [false, false, true], "{dtype}");
        assert_eq!(column.is_in([3, 7, 1])?.to_vec(), [true, false, true], "{dtype}");
        assert_eq!(column.is_in([2.0, 2.5, f64::NAN])?.to_vec(), [false, true, false], "{dtype}");
        assert_eq!(column.equal_to(true)?.to_vec(), [true, false, false], "{dtype}");
    }
    Ok(())
}

#[test]
fn large_integers_are_compared_exactly_and_floats_in_their_own_dtype() -> Result<()> {
    let large = Column::from(vec![u64::MAX, u64::MAX - 1, 1 << 53]);
    assert_eq!(large.equal_to(u64::MAX)?.to_vec(), [true, false, false]);
    assert_eq!(large.less_than(u64::MAX)?.to_vec(), [false, true, true]);
    assert_eq!(large.greater_than(-1)?.count(), 3);
    assert_eq!(large.is_in([(1_i64 << 53) + 1])?.count(), 0);
    let tenth = Column::from(vec![0.1_f32, 0.2]);
    assert_eq!(tenth.equal_to(0.1)?.to_vec(), [true, false]);
    assert_eq!(tenth.is_in([0.2])?.to_vec(), [false, true]);
    assert_eq!(Column::from(vec![f16::from_f64(0.1)]).equal_to(0.1)?.to_vec(), [true]);
    Ok(())
}

#[test]
fn nan_is_not_equal_to_anything_and_zeros_are_one_number() -> Result<()> {
    let column = Column::from(vec![f64::NAN, 0.0, -0.0]);
    assert_eq!(column.equal_to(f64::NAN)?.count(), 0);
    assert_eq!(column.not_equal_to(1.0)?.count(), 3);
    assert_eq!(column.at_least(0.0)?.to_vec(), [false, true, true]);
    assert_eq!(column.is_in([-0.0, f64::NAN])?.to_vec(), [false, true, true]);
    assert_eq!(Column::from(vec![1_i32]).not_equal_to(f32::NAN)?.to_vec(), [true]);
    assert_eq!(column.is_missing_or_nan()?.to_vec(), [true, false, false]);
    Ok(())
}

#[test]
fn complex_numbers_are_equal_or_not() -> Result<()> {
    let column = Column::from(vec![Complex::new(1.0_f32, 0.0), Complex::new(0.1, -2.0)]);
    assert_eq!(column.equal_to(1)?.to_vec(), [true, false]);
    assert_eq!(column.not_equal_to(Complex::new(0.1, -2.0))?.to_vec(), [true, false]);
    assert_eq!(column.is_in([Complex::new(0.1, -2.0)])?.to_vec(), [false, true]);
    let order = column.less_than(1).unwrap_err();
    assert!(order.is_dtype() && order.message() == "complex numbers have no order: they are equal or not", "{order}");
    assert_eq!(Column::from(vec![2_i16]).equal_to(Complex::new(2.0, 0.0))?.to_vec(), [true]);
    Ok(())
}

#[test]
fn what_is_missing_fulfils_no_condition() -> Result<()> {
    let numbers = Column::from(vec![Some(1_i64), None, Some(3)]);
    assert_eq!(numbers.not_equal_to(3)?.to_vec(), [true, false, false]);
    assert_eq!(numbers.at_least(0)?.to_vec(), [true, false, true]);
    assert_eq!(numbers.is_in([0, 1])?.to_vec(), [true, false, false]);
    let texts = Column::nullable(&Tensor::from_strings([2], ["a", ""])?, &[false, true], NaValue::Nan)?;
    assert_eq!(texts.equal_to("")?.count(), 0);
    assert_eq!(texts.is_in(["", "a"])?.to_vec(), [true, false]);
    let flags = Column::from(vec![Some(true), None, Some(false)]);
    assert_eq!(flags.to_mask()?.to_vec(), [true, false, false]);
    assert_eq!(flags.is_missing_or_nan()?.to_vec(), [false, true, false]);
    let not = numbers.to_mask().unwrap_err();
    assert!(not.is_dtype() && not.message() == "a mask is made of booleans, not of int64", "{not}");
    Ok(())
}

#[test]
fn categories_are_compared_as_their_values_and_in_their_order() -> Result<()> {
    let grades = Column::strings(["low", "mid", "high"]);
    let ordered = categorical(vec![2, 0, -1, 1], &grades, true)?;
    assert_eq!(ordered.equal_to("high")?.to_vec(), [true, false, false, false]);
    assert_eq!(ordered.not_equal_to("high")?.to_vec(), [false, true, false, true]);
    assert_eq!(ordered.at_least("mid")?.to_vec(), [true, false, false, true]);
    assert_eq!(ordered.less_than("mid")?.to_vec(), [false, true, false, false]);
    assert_eq!(ordered.is_in(["mid", "nope"])?.to_vec(), [false, false, false, true]);
    assert_eq!(ordered.equal_to("nope")?.count(), 0);
    refused(&ordered.less_than("nope"), "the text 'nope' is not a category");
    refused(&ordered.equal_to(3), "values of type string cannot be compared with the number 3");
    let unordered = categorical(vec![1, 0], &Column::from(vec![10_i32, 20]), false)?;
    assert_eq!(unordered.equal_to(20)?.to_vec(), [true, false]);
    refused(&unordered.less_than(20), "the categories have no meaningful order");
    let flags = categorical(vec![1, 0, -1], &Column::from(vec![false, true]), false)?;
    assert_eq!(flags.to_mask()?.to_vec(), [true, false, false]);
    Ok(())
}

#[test]
fn text_is_compared_by_code_points_and_not_with_numbers() -> Result<()> {
    let column = Column::strings(["b", "ä", "B", ""]);
    assert_eq!(column.less_than("b")?.to_vec(), [false, false, true, true]);
    assert_eq!(column.greater_than("b".to_owned())?.to_vec(), [false, true, false, false]);
    assert_eq!(column.is_in(vec!["ä".to_owned(), "B".to_owned()])?.to_vec(), [false, true, true, false]);
    let fixed = Column::plain(&Tensor::from_bytes(DType::FixedBytes(2), [2], b"a\0bc")?)?;
    assert_eq!(fixed.equal_to("a")?.to_vec(), [true, false]);
    refused(&column.equal_to(1.5), "values of type string cannot be compared with the number 1.5");
    refused(&column.is_in([true]), "cannot be compared with the boolean true");
    refused(&Column::from(vec![1_u8]).less_than("1"), "values of type uint8 cannot be compared with the text '1'");
    assert_eq!(Column::from(vec![1_u8]).is_in::<&str>([])?.to_vec(), [false]);
    Ok(())
}

#[test]
fn dates_are_compared_with_a_text_in_any_step() -> Result<()> {
    for (step, ticks) in [
        ("D", vec![19_782, 19_783, i64::MIN]),
        ("s", vec![19_782 * 86_400, 19_783 * 86_400, i64::MIN]),
        ("ns", vec![19_782 * 86_400_000_000_000, 19_783 * 86_400_000_000_000, i64::MIN]),
        ("h", vec![19_782 * 24, 19_783 * 24, i64::MIN]),
    ] {
        let column = Column::plain(&Tensor::from_ticks(DType::Datetime(step.parse()?), [3], ticks)?)?;
        assert_eq!(column.equal_to("2024-02-29")?.to_vec(), [true, false, false], "{step}");
        assert_eq!(column.not_equal_to("2024-02-29")?.to_vec(), [false, true, false], "{step}");
        assert_eq!(column.less_than("2024-02-29T00:00:01")?.to_vec(), [true, false, false], "{step}");
        assert_eq!(column.less_than("9999-01-01")?.to_vec(), [true, true, false], "{step}");
        assert_eq!(column.is_in(["2024-03-01", "2024-02-29"])?.to_vec(), [true, true, false], "{step}");
        refused(&column.equal_to("yesterday"), "'yesterday' is not a date such as 2024-02-29");
        refused(&column.equal_to(3), "cannot be compared with the number 3");
    }
    let months = Tensor::from_ticks(DType::Datetime("M".parse()?), [2], vec![649, 650])?;
    assert_eq!(Column::plain(&months)?.at_least("2024-02-02")?.to_vec(), [false, true]);
    let spans = Column::plain(&Tensor::from_ticks(DType::Timedelta("s".parse()?), [2], vec![5, 7])?)?;
    assert_eq!(spans.equal_to("5 seconds")?.to_vec(), [true, false]);
    let order = spans.less_than("7 seconds").unwrap_err();
    assert!(order.is_unsupported() && order.message().contains("for equality only"), "{order}");
    Ok(())
}

proptest! {
    #[test]
    fn comparisons_are_those_of_the_numbers(
        values in prop::collection::vec(prop::option::of(-3_i16..3), 0..100), wanted in -4_i16..4, list in prop::collection::vec(-4_i16..4, 0..4)
    ) {
        let column = Column::from(values.clone());
        let model = |holds: &dyn Fn(i16) -> bool| values.iter().map(|value| value.is_some_and(holds)).collect::<Mask>();
        prop_assert_eq!(column.equal_to(wanted).unwrap(), model(&|value| value == wanted));
        prop_assert_eq!(column.not_equal_to(f32::from(wanted)).unwrap(), model(&|value| value != wanted));
        prop_assert_eq!(column.less_than(wanted).unwrap(), model(&|value| value < wanted));
        prop_assert_eq!(column.at_most(f64::from(wanted)).unwrap(), model(&|value| value <= wanted));
        prop_assert_eq!(column.greater_than(i64::from(wanted)).unwrap(), model(&|value| value > wanted));
        prop_assert_eq!(column.at_least(wanted).unwrap(), model(&|value| value >= wanted));
        prop_assert_eq!(column.is_in(&list).unwrap(), model(&|value| list.contains(&value)));
        let part = column.slice(values.len() / 3..values.len()).unwrap();
        prop_assert_eq!(part.less_than(wanted).unwrap().to_vec(), model(&|value| value < wanted).to_vec()[values.len() / 3..].to_vec());
    }
}
