//! Selectors of every kind, and several together.

use anndata_core::{AnnData, AxisSelection, Column, DataFrame, Element, Mask, Result, Selector, Tensor};
use arrow_array::BooleanArray;
use proptest::prelude::*;

fn obs() -> Result<DataFrame> {
    DataFrame::new(["a", "b", "c", "d", "e"])
        .with_column("batch", Column::categorical_from_options([Some("x"), Some("y"), None, Some("x"), Some("z")])?)?
        .with_column("n", [Some(5_i64), None, Some(1), Some(9), Some(5)])?
        .with_column("good", [Some(true), Some(true), None, Some(false), Some(true)])
}

fn positions(selector: impl Into<Selector>) -> Result<Vec<u64>> {
    Ok(selector.into().resolve(&obs()?)?.positions().collect())
}

#[test]
fn values_of_columns_are_selected() -> Result<()> {
    assert_eq!(positions(Selector::is_in("batch", ["x", "z"]))?, [0, 3, 4]);
    assert_eq!(positions(Selector::is_in("n", [9, 1]))?, [2, 3]);
    assert_eq!(positions(Selector::is_in("n", vec![5.0, 2.5]))?, [0, 4]);
    assert_eq!(positions(Selector::is_in("batch", Vec::<String>::new()))?, [0_u64; 0]);
    assert_eq!(positions(Selector::mask_of("good"))?, [0, 1, 4]);
    assert_eq!(positions(Selector::by_column("n", |n| n.at_most(5)))?, [0, 2, 4]);
    assert_eq!(positions(Selector::by_column("n", |n| Ok(n.missing())))?, [1]);
    let text = Selector::is_in("n", ["5"]).resolve(&obs()?).unwrap_err();
    assert!(
        text.is_invalid_input() && text.message().ends_with("int64 cannot be compared with the text '5'"),
        "{text}"
    );
    let numbers = Selector::mask_of("n").resolve(&obs()?).unwrap_err();
    assert!(numbers.is_dtype() && numbers.message() == "a mask is made of booleans, not of int64", "{numbers}");
    assert!(Selector::mask_of("nope").resolve(&obs()?).is_err_and(|error| error.is_not_found()));
    Ok(())
}

#[test]
fn selectors_are_combined_in_the_order_of_the_axis() -> Result<()> {
    assert_eq!(positions(Selector::from([4, 0, 4]).and(1..))?, [4]);
    assert_eq!(positions(Selector::from("d").or(["c", "a"]))?, [0, 2, 3]);
    assert_eq!(positions(!Selector::from([3, 1]))?, [0, 2, 4]);
    assert_eq!(positions(!Selector::from(..))?, [0_u64; 0]);
    assert_eq!(positions(!!Selector::step(.., -2))?, [0, 2, 4]);
    // What is missing is not selected, and so is by its opposite.
    assert_eq!(positions(!Selector::mask_of("good"))?, [2, 3]);
    let either = Selector::equal("batch", "y").or(Selector::filter("n", |n| n > 5.0)).and(!Selector::from("b"));
    assert_eq!(positions(either.clone())?, [3]);
    assert_eq!(format!("{either:?}"), "Selector(((rows by column 'batch' or rows by column 'n') and not name 'b'))");
    let error = Selector::from(0).or(7).resolve(&obs()?).unwrap_err();
    assert!(error.is_invalid_input() && error.message().contains("out of bounds"), "{error}");
    assert!(Selector::from("a").and("nobody").resolve(&obs()?).is_err_and(|error| error.is_not_found()));
    assert_eq!(Selector::from(..).and(..).resolve(&obs()?)?, AxisSelection::Range(0..5));
    assert_eq!(Selector::from(["e", "b"]).mask(&obs()?)?, Mask::from([false, true, false, false, true]));
    Ok(())
}

#[test]
fn positions_count_from_the_end_where_that_is_asked_for() -> Result<()> {
    assert_eq!(positions(Selector::signed([0, -1, 4, -5]))?, [0, 4, 4, 0]);
    let error = |selector: Selector| positions(selector).unwrap_err().message().to_owned();
    let outside = "positions out of bounds of an axis of length 5: ";
    assert_eq!(error(Selector::signed([5, 0, -6])), format!("{outside}5, -6"));
    assert_eq!(error([-1_i64].into()), format!("{outside}-1; Selector::signed counts from the end"));
    assert_eq!(error([-1_i64, 5].into()), format!("{outside}-1, 5"));
    let of_none = Selector::from([0_i64]).resolve(&DataFrame::new(Vec::<String>::new())).unwrap_err();
    assert_eq!(of_none.message(), "positions out of bounds of an axis of length 0: 0");
    let many: Vec<i64> = (5..10).collect();
    let all: Vec<String> = many.iter().map(i64::to_string).collect();
    assert_eq!(error(many.clone().into()), format!("{outside}{}", all.join(", ")));
    assert_eq!(
        error(many.into_iter().chain([99, 100]).collect::<Selector>()),
        format!("{outside}{} and 2 more", all.join(", "))
    );
    Ok(())
}

#[test]
#[expect(clippy::needless_borrows_for_generic_args, reason = "what is borrowed is a selector as well")]
fn masks_and_positions_of_any_type_are_selectors() -> Result<()> {
    let mask = vec![true, false, false, true, false];
    let chosen = [0, 3];
    assert_eq!(positions(&mask)?, chosen);
    assert_eq!(positions(&[true, false, false, true, false])?, chosen);
    assert_eq!(positions(Mask::from(mask.as_slice()))?, chosen);
    assert_eq!(positions(&Mask::from(mask.as_slice()))?, chosen);
    assert_eq!(positions(mask.iter().copied().collect::<Selector>())?, chosen);
    assert_eq!(positions(BooleanArray::from(vec![false, true, false, false, true, false]).slice(1, 5))?, chosen);
    assert_eq!(positions(mask)?, chosen);
    assert_eq!(positions([0_u8, 3])?, chosen);
    assert_eq!(positions(vec![0_i8, 3])?, chosen);
    assert_eq!(positions(&[0_u16, 3])?, chosen);
    assert_eq!(positions(&[0_i16, 3][..])?, chosen);
    assert_eq!(positions([0_usize, 3].into_iter().collect::<Selector>())?, chosen);
    assert_eq!(positions(1_u8..3)?, [1, 2]);
    assert_eq!(positions(["d", "a"].into_iter().collect::<Selector>())?, [3, 0]);
    assert_eq!(positions(["d", "a"].map(str::to_owned).into_iter().collect::<Selector>())?, [3, 0]);
    assert_eq!(positions(&["d", "a"])?, [3, 0]);
    assert_eq!(positions(&"d".to_owned())?, [3]);
    let short = Selector::from(Mask::from([true])).resolve(&obs()?).unwrap_err();
    assert_eq!(short.message(), "a mask of length 1 was given for an axis of length 5");
    let null =
        Selector::from(BooleanArray::from(vec![Some(true), None, None, None, None])).resolve(&obs()?).unwrap_err();
    assert!(null.is_invalid_input() && null.message() == "the mask is missing at 1", "{null}");
    assert!(positions(-1_i8).is_err_and(|error| error.is_invalid_input()));
    Ok(())
}

#[test]
fn parts_of_elements_are_selected_within_their_axes() -> Result<()> {
    let x = Tensor::from_vec([5, 2], (0..10).collect::<Vec<i32>>())?;
    let adata = AnnData::builder().x(x.clone()).obs(obs()?).build()?;
    let rows = AxisSelection::from(vec![3, 1]);
    let part = Element::from(adata.clone()).select(&[rows.clone(), AxisSelection::Range(1..2)])?;
    let Element::AnnData(part) = part else { panic!("{part:?}") };
    assert_eq!(part.obs_names()?, ["d", "b"]);
    assert_eq!(part.x().unwrap().to_tensor()?.as_slice::<i32>()?, [7, 3]);
    // Axes that are left out are whole.
    assert_eq!(Element::from(adata).select(std::slice::from_ref(&rows))?.shape()?, Some(vec![2, 2]));
    assert_eq!(Element::from(x.clone()).select(&[rows])?.to_tensor()?.as_slice::<i32>()?, [6, 7, 2, 3]);
    let error = |element: Element, axes: &[AxisSelection]| element.select(axes).unwrap_err().message().to_owned();
    let range = AxisSelection::Range;
    assert_eq!(error(x.clone().into(), &[range(0..6)]), "position 5 is out of bounds of axis 0: 5");
    assert_eq!(error(x.clone().into(), &[range(0..5), range(0..4)]), "position 3 is out of bounds of axis 1: 2");
    assert_eq!(error(x.into(), &[range(0..1), range(0..1), range(0..1)]), "array has no 3 axes to select along");
    assert_eq!(error(Element::Null, &[]), "no part of null can be selected");
    let beyond = obs()?.select(&AxisSelection::from(vec![1, 7])).unwrap_err();
    assert_eq!(beyond.message(), "row 7 is out of bounds: there are 5");
    Ok(())
}

/// A selector, and which of five positions it selects.
fn selector(depth: u32) -> BoxedStrategy<(Selector, Vec<bool>)> {
    let leaf = prop_oneof![
        prop::collection::vec(any::<bool>(), 5).prop_map(|mask| (Selector::from(&mask), mask)),
        prop::collection::vec(0_usize..5, 0..6)
            .prop_map(|rows| ((&rows).into(), (0..5).map(|row| rows.contains(&row)).collect())),
        (0_usize..5, 0_usize..5)
            .prop_map(|(a, b)| (Selector::from(a..b), (0..5).map(|row| a <= row && row < b).collect())),
    ];
    leaf.prop_recursive(depth, 16, 2, |inner| {
        let zip = |a: &[bool], b: &[bool], f: fn(bool, bool) -> bool| a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect();
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(move |((a, x), (b, y))| (a.and(b), zip(&x, &y, |x, y| x && y))),
            (inner.clone(), inner.clone()).prop_map(move |((a, x), (b, y))| (a.or(b), zip(&x, &y, |x, y| x || y))),
            inner.prop_map(|(a, x)| (!a, x.into_iter().map(|x| !x).collect())),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn combined_selectors_are_combined_masks((selector, model) in selector(3)) {
        prop_assert_eq!(selector.mask(&obs().unwrap()).unwrap().to_vec(), model);
    }
}
