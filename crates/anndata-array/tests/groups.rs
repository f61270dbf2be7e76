//! Rows in groups, and the different values of a column.

use std::collections::BTreeMap;

use anndata_array::{Column, Complex, Groups, NaValue, Result, Tensor, f16};
use proptest::prelude::*;

fn categorical(codes: Vec<i8>, categories: &[&str]) -> Result<Column> {
    let codes = Tensor::from_vec([codes.len()], codes)?;
    Column::categorical(&codes, &Column::strings(categories), false)
}

#[test]
fn categories_are_groups_in_their_order_with_and_without_rows() -> Result<()> {
    let groups = Groups::of(&categorical(vec![2, -1, 0, 2], &["c", "unused", "a"])?)?;
    assert_eq!(groups.names(), &Column::strings(["c", "unused", "a"]));
    assert_eq!(groups.rows(), [vec![2], vec![], vec![0, 3]]);
    assert_eq!((groups.codes(), groups.sizes(), groups.n_rows()), (&[2, -1, 0, 2][..], vec![1, 0, 2], 4));
    let kept = groups.without_empty()?;
    assert_eq!(kept.names(), &Column::strings(["c", "a"]));
    assert_eq!((kept.codes(), kept.rows()), (&[1, -1, 0, 1][..], &[vec![2], vec![0, 3]][..]));
    Ok(())
}

#[test]
fn other_values_are_groups_in_sorted_order_and_missing_ones_in_none() -> Result<()> {
    let groups = Groups::of(&Column::from(vec![2.0_f32, f32::NAN, -1.0, 0.0, -0.0]))?;
    assert_eq!(groups.names().to_tensor()?.as_slice::<f32>()?, [-1.0, 0.0, 2.0]);
    assert_eq!(groups.codes(), [2, -1, 0, 1, 1]);
    let nullable =
        Column::nullable(&Tensor::from_vec([3], vec![9_u64, u64::MAX, 9])?, &[false, false, true], NaValue::Na)?;
    let groups = Groups::of(&nullable)?;
    assert_eq!(groups.names(), &Column::from(vec![9_u64, u64::MAX]));
    assert_eq!(groups.codes(), [0, 1, -1]);
    let flags = Groups::of(&Column::from(vec![true, false, true]))?;
    assert_eq!((flags.names(), flags.codes()), (&Column::from(vec![false, true]), &[1, 0, 1][..]));
    let none = Groups::of(&Column::strings(Vec::<String>::new()))?;
    assert!(none.is_empty() && none.n_rows() == 0 && none.iter().next().is_none());
    Ok(())
}

#[test]
fn groups_refuse_codes_without_a_name_and_values_without_an_order() {
    for (code, text) in [(1, "code 1 in row 0 has no group: there are 1"), (-2, "code -2 in row 0")] {
        let error = Groups::new(Column::strings(["a"]), vec![code]).unwrap_err();
        assert!(error.is_invalid_input() && error.message().starts_with(text), "{error}");
    }
    let error = Groups::of(&Column::from(vec![Complex::new(1.0, 2.0)])).unwrap_err();
    assert!(error.is_dtype() && error.message() == "values of type complex128 have no order", "{error}");
}

#[test]
fn values_are_counted_as_pandas_counts_them() -> Result<()> {
    let (values, counts) = Column::from(vec![3, 1, 2, 1, 3, 5]).value_counts()?;
    assert_eq!((values, counts), (Column::from(vec![3, 1, 2, 5]), vec![2, 2, 1, 1]));
    let (values, counts) = categorical(vec![2, 2, -1, 0], &["a", "never", "b", "nor"])?.value_counts()?;
    assert_eq!((values, counts), (Column::strings(["b", "a", "never", "nor"]), vec![2, 1, 0, 0]));
    let halves = [0.5, 1.0, f32::NAN, 1.0].map(f16::from_f32).to_vec();
    let (values, counts) = Column::from(halves).value_counts()?;
    assert_eq!(values.to_tensor()?.as_slice::<f16>()?, [f16::from_f32(1.0), f16::from_f32(0.5)]);
    assert_eq!(counts, [2, 1]);
    Ok(())
}

#[test]
fn different_values_keep_their_first_rows() -> Result<()> {
    let nan = Column::from(vec![1.0, f64::NAN, 1.0, f64::NAN, 0.0]).unique()?;
    assert_eq!(nan, Column::from(vec![1.0, f64::NAN, 0.0]));
    let categories = categorical(vec![2, -1, 2, 0], &["a", "unused", "b"])?;
    assert_eq!(categories.unique()?, categorical(vec![2, -1, 0], &["a", "unused", "b"])?);
    assert_eq!(categories.factorize()?, (vec![0, -1, 0, 1], Column::strings(["b", "a"])));
    let complex = vec![Complex::new(1.0_f32, 0.0), Complex::new(f32::NAN, 1.0), Complex::new(1.0, -0.0)];
    assert_eq!(Column::from(complex).factorize()?.0, [0, -1, 0]);
    let dates = Tensor::from_ticks(anndata_array::DType::Datetime("D".parse()?), [4], vec![7, i64::MIN, 3, 7])?;
    let dates = Column::plain(&dates)?;
    assert_eq!(dates.factorize()?.0, [0, -1, 1, 0]);
    assert_eq!(dates.sort_positions(true)?, [0, 3, 2, 1]);
    assert_eq!(Groups::of(&dates)?.codes(), [1, -1, 0, 1]);
    Ok(())
}

proptest! {
    #[test]
    fn groups_are_those_of_a_sorted_map(values in prop::collection::vec(prop::option::of(-4_i32..4), 0..60)) {
        let column = Column::nullable(
            &Tensor::from_vec([values.len()], values.iter().map(|value| value.unwrap_or(77)).collect()).unwrap(),
            &values.iter().map(Option::is_none).collect::<Vec<_>>(),
            NaValue::Na,
        ).unwrap();
        let mut model: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
        for (row, value) in (0..).zip(&values) {
            if let Some(value) = value {
                model.entry(*value).or_default().push(row);
            }
        }
        let groups = Groups::of(&column).unwrap();
        prop_assert_eq!(groups.names(), &Column::from(model.keys().copied().collect::<Vec<_>>()));
        prop_assert_eq!(groups.rows(), model.values().cloned().collect::<Vec<_>>());
        for (row, &code) in groups.codes().iter().enumerate() {
            let group = usize::try_from(code).ok().map(|code| groups.rows()[code].contains(&(row as u64)));
            prop_assert_eq!(group, values[row].map(|_| true));
        }
    }

    #[test]
    fn rows_are_sorted_stably(values in prop::collection::vec(prop::option::of(-3_i8..3), 0..60), descending: bool) {
        let floats = values.iter().map(|value| value.map_or(f32::NAN, f32::from)).collect::<Vec<_>>();
        let mut model: Vec<usize> = (0..values.len()).collect();
        model.sort_by_key(|&row| (values[row].is_none(), values[row].map(|value| if descending { -value } else { value })));
        let sorted = Column::from(floats).sort_positions(descending).unwrap();
        prop_assert_eq!(sorted, model.into_iter().map(|row| row as u64).collect::<Vec<_>>());
    }
}
