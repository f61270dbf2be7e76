//! What is kept of what is not aligned to the axis.

use super::*;
use anndata_format::DType;

const STRATEGIES: [Merge; 5] = [Merge::Off, Merge::Same, Merge::Unique, Merge::First, Merge::Only];

/// What `uns` becomes: a mapping from each strategy to the JSON of the result.
fn merged(inputs: &[serde_json::Value], make: &dyn Fn(i64) -> Element) -> Result<Vec<Mapping>> {
    let inputs = inputs.iter().map(|json| mapping(json, make)).collect::<Vec<_>>();
    let objects = inputs.into_iter().map(|uns| AnnData::builder().shape(1, 1).all_uns(uns).build());
    let objects = objects.collect::<Result<Vec<_>>>()?;
    let inputs: Vec<&AnnData> = objects.iter().collect();
    let merge = |merge: Merge| Ok(concat(&inputs, &ConcatOptions::default().with_uns_merge(merge))?.uns().clone());
    STRATEGIES.into_iter().map(merge).collect()
}

fn mapping(json: &serde_json::Value, make: &dyn Fn(i64) -> Element) -> Mapping {
    let element = |value: &serde_json::Value| match value.as_i64() {
        Some(number) => make(number),
        None => Element::Mapping(mapping(value, make)),
    };
    json.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), element(value))).collect()
}

#[test]
fn uns_is_merged_at_every_level() -> Result<()> {
    use serde_json::json;
    let cases = [
        (vec![json!({"a": 1}), json!({"a": 2})], [json!({}), json!({}), json!({}), json!({"a": 1}), json!({})]),
        (
            vec![json!({"a": 1}), json!({"b": 2})],
            [json!({}), json!({}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": 2})],
        ),
        (
            vec![json!({"a": {"b": 1, "c": {"d": 3}}}), json!({"a": {"b": 1, "c": {"e": 4}}})],
            [
                json!({}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1, "c": {"d": 3, "e": 4}}}),
                json!({"a": {"b": 1, "c": {"d": 3, "e": 4}}}),
                json!({"a": {"c": {"d": 3, "e": 4}}}),
            ],
        ),
        (
            vec![json!({"a": 1}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": {"b.a": 1}, "c": 3}), json!({"d": 4})],
            [
                json!({}),
                json!({}),
                json!({"a": 1, "c": 3, "d": 4}),
                json!({"a": 1, "b": 2, "c": 3, "d": 4}),
                json!({"c": 3, "d": 4}),
            ],
        ),
        (
            vec![json!({"a": 1}), json!({"a": 1}), json!({"a": 2})],
            [json!({}), json!({}), json!({}), json!({"a": 1}), json!({})],
        ),
    ];
    let sparse_of = |n: i64| SparseMatrix::from_dense(&Tensor::from_vec([1, 2], vec![n, 0])?, SparseFormat::Csc);
    let makers: [&dyn Fn(i64) -> Element; 4] = [
        &|n| n.into(),
        &|n| Tensor::from_vec([2], vec![n as f64, f64::NAN]).map_or(Element::Null, Into::into),
        &|n| DataFrame::unnamed(1).with_column("c", vec![n]).map_or(Element::Null, Into::into),
        &|n| sparse_of(n).map_or(Element::Null, Into::into),
    ];
    for make in makers {
        for (inputs, expected) in &cases {
            let expected: Vec<Mapping> = expected.iter().map(|json| mapping(json, make)).collect();
            assert_eq!(merged(inputs, make)?, expected, "{inputs:?}");
        }
    }
    Ok(())
}

#[test]
fn frames_in_uns_are_the_same_with_labels_columns_and_their_order() -> Result<()> {
    let frame = |labels: &[&str], columns: &[&str]| {
        columns.iter().try_fold(DataFrame::new(labels.iter().copied()), |frame, name| {
            frame.with_column(*name, vec![1_i64; labels.len()])
        })
    };
    let of = |frame: DataFrame| AnnData::builder().shape(1, 1).uns("f", frame).build();
    let first = of(frame(&["a", "b"], &["x", "y"])?)?;
    for (labels, columns, kept) in [
        (&["a", "b"][..], &["x", "y"][..], true),
        (&["a", "c"], &["x", "y"], false),
        (&["a"], &["x", "y"], false),
        (&["a", "b"], &["x", "z"], false),
        (&["a", "b"], &["x"], false),
        (&["a", "b"], &["y", "x"], false),
    ] {
        let other = of(frame(labels, columns)?)?;
        let joined = concat(&[&first, &other], &ConcatOptions::default().with_uns_merge(Merge::Same))?;
        assert_eq!(joined.uns().contains_key("f"), kept, "{labels:?} {columns:?}");
    }
    Ok(())
}

/// As pandas does: the same values of another type are not the same categories.
#[test]
fn categories_of_the_other_axis_are_the_same_with_their_type() -> Result<()> {
    let of = |categories: Column| {
        let codes = Tensor::from_vec([2], vec![0_i8, 1])?;
        let var = DataFrame::new(["a", "b"]).with_column("c", Column::categorical(&codes, &categories, false)?)?;
        AnnData::builder().shape(1, 2).var(var).build()
    };
    let integers = of(vec![3_i64, 1].into())?;
    for (other, kept) in
        [(Column::from(vec![3_i64, 1]), true), (vec![3.0, 1.0].into(), false), (vec![1_i64, 3].into(), false)]
    {
        let joined = concat(&[&integers, &of(other.clone())?], &ConcatOptions::default().with_merge(Merge::Same))?;
        assert_eq!(joined.var().contains("c"), kept, "{other:?}");
    }
    Ok(())
}

#[test]
fn columns_of_the_other_axis_are_compared_in_the_joined_order() -> Result<()> {
    let frame = |names: &str, columns: &[(&str, Vec<f64>)]| {
        let mut frame = DataFrame::new(labels(names));
        for (name, values) in columns {
            frame.insert(*name, values.clone())?;
        }
        AnnData::builder().shape(1, names.len()).var(frame).build()
    };
    let a = frame(
        "abc",
        &[("A", vec![0.0, 1.0, 2.0]), ("B", vec![1.1, 1.0, 2.0]), ("C", vec![1.0; 3]), ("D", vec![2.1, 2.0, 3.0])],
    )?;
    let b = frame(
        "cab",
        &[("A", vec![2.0, 0.0, 1.0]), ("B", vec![2.0, 1.1, 1.0]), ("C", vec![1.0; 3]), ("D", vec![3.0, 2.1, 2.0])],
    )?;
    let c = frame(
        "abc",
        &[("A", vec![0.0, 1.0, 2.0]), ("B", vec![1.1, 1.0, 2.0]), ("D", vec![2.1, 2.0, 3.1]), ("E", vec![2.0; 3])],
    )?;
    for (merge, expected) in STRATEGIES.into_iter().zip(["", "A B", "A B C E", "A B C D E", "E"]) {
        let joined = concat(&[&a, &b, &c], &ConcatOptions::default().with_merge(merge))?;
        assert_eq!(joined.var().column_names().collect::<Vec<_>>().join(" "), expected);
    }
    let d = frame("db", &[("A", vec![9.0, 1.0])])?;
    let joined = concat(&[&a, &d], &outer().with_merge(Merge::First))?;
    let column = joined.var().column("A")?.to_tensor()?;
    assert_eq!(joined.var_names()?, labels("abcd"));
    assert!(column.as_slice::<f64>()?[..3] == [0.0, 1.0, 2.0] && column.as_slice::<f64>()?[3].is_nan());
    Ok(())
}

#[test]
fn columns_with_rows_that_are_not_there() -> Result<()> {
    let var = DataFrame::new(["a"])
        .with_column("int", vec![1_i8])?
        .with_column("bool", vec![true])?
        .with_column("text", vec!["x"])?
        .with_column("cat", Column::categorical_from_strings(["q"])?)?;
    let a = AnnData::builder().shape(1, 1).var(var).build()?;
    let b = AnnData::builder().shape(1, 1).var(DataFrame::new(["b"])).build()?;
    let var = concat(&[&a, &b], &outer().with_merge(Merge::Only))?.var().clone();
    assert_eq!(var.column("int")?.to_tensor()?.dtype(), &DType::F64);
    for name in ["bool", "text", "cat"] {
        assert_eq!(var.column(name)?.missing(), [false, true], "{name}");
    }
    // A column that loses all rows keeps its categories.
    let var = concat(&[&a, &b], &ConcatOptions::default().with_merge(Merge::Only))?.var().clone();
    assert_eq!(var.column("cat")?.codes_and_categories()?.1, Column::strings(["q"]));
    Ok(())
}

#[test]
fn nan_equals_nan_and_nothing_else() -> Result<()> {
    let nan = SparseMatrix::from_dense(&Tensor::from_vec([2, 1], vec![f64::NAN, 1.0])?, SparseFormat::Csr)?;
    let number = SparseMatrix::from_dense(&Tensor::from_vec([2, 1], vec![0.0, 1.0])?, SparseFormat::Csr)?;
    let with = |element: Element| AnnData::builder().shape(3, 2).varm("arr", element).build();
    let kept = |a: &Element, b: &Element| {
        let joined =
            concat(&[&with(a.clone())?, &with(b.clone())?], &ConcatOptions::default().with_merge(Merge::Same))?;
        Ok::<_, Error>(!joined.varm().is_empty())
    };
    let (dense_nan, dense_number) = (nan.to_dense()?, number.to_dense()?);
    assert!(kept(&nan.clone().into(), &nan.to_format(SparseFormat::Csc)?.into())?);
    assert!(!kept(&nan.clone().into(), &number.into())?);
    assert!(kept(&dense_nan.clone().into(), &dense_nan.clone().into())?);
    assert!(!kept(&dense_nan.clone().into(), &dense_number.clone().into())?);
    assert!(!kept(&dense_number.clone().into(), &dense_number.cast(&DType::F32)?.into())?);
    // A scalar that is not a number is nothing's equal; numbers are, of any type.
    for (a, b, same) in [
        (Element::from(f64::NAN), Element::from(f64::NAN), false),
        (1_i64.into(), 1.0_f32.into(), true),
        (1_i64.into(), "1".into(), false),
        (Element::Null, Element::Null, true),
    ] {
        let one = |element: Element| AnnData::builder().shape(1, 1).uns("x", element).build();
        let joined = concat(&[&one(a)?, &one(b)?], &ConcatOptions::default().with_uns_merge(Merge::Same))?;
        assert_eq!(joined.uns().contains_key("x"), same);
    }
    Ok(())
}

#[test]
fn arrays_of_the_other_axis_are_reordered() -> Result<()> {
    let of = |names: &str, values: &[i64]| {
        let array = Tensor::from_vec([values.len(), 1], values.to_vec())?;
        let near = Tensor::from_vec([values.len(), values.len()], vec![1_i64; values.len() * values.len()])?;
        AnnData::builder()
            .shape(1, names.len())
            .var(DataFrame::new(labels(names)))
            .varm("v", array)
            .varp("p", near)
            .build()
    };
    let (a, b) = (of("ab", &[1, 2])?, of("ba", &[2, 1])?);
    let joined = concat(&[&a, &b], &outer().with_merge(Merge::Same))?;
    assert_eq!(values(joined.varm().get("v"))?, [1.0, 2.0]);
    let c = of("bc", &[2, 3])?;
    let joined = concat(&[&a, &c], &outer().with_merge(Merge::First))?;
    assert_eq!(values(joined.varm().get("v"))?, [1.0, 2.0, -9.0]);
    assert_eq!(values(joined.varp().get("p"))?, [1.0, 1.0, -9.0, 1.0, 1.0, -9.0, -9.0, -9.0, -9.0]);
    assert!(concat(&[&a, &c], &outer().with_merge(Merge::Same))?.varm().is_empty());
    Ok(())
}

#[test]
fn a_function_merges_as_it_likes() -> Result<()> {
    let of = |n: i64| AnnData::builder().shape(1, 1).uns("n", n).build();
    let sum = Merge::function(|mappings| {
        let mut sum = 0.0;
        for mapping in mappings {
            sum += mapping.get("n").map_or(Ok(0.0), Element::to_f64)?;
        }
        Ok([("n".to_owned(), sum.into())].into())
    });
    let joined = concat(&[&of(1)?, &of(2)?, &of(4)?], &ConcatOptions::default().with_uns_merge(sum))?;
    assert_eq!(joined.uns()["n"].to_f64()?, 7.0);
    Ok(())
}

#[test]
fn strategies_are_printed_by_name() {
    let names = STRATEGIES.map(|merge| format!("{merge:?}"));
    assert_eq!(names, ["Off", "Same", "Unique", "First", "Only"]);
    assert_eq!(format!("{:?}", Merge::function(|_| Ok(Mapping::new()))), "Function(..)");
}
