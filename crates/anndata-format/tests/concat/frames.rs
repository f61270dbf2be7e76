//! Columns of frames.

use super::*;
use anndata_format::{DType, NaValue};
use anndata_storage::TimeUnit;

/// What columns of one name become; `None` is an object without it.
fn joined(columns: &[Option<Column>]) -> Result<Column> {
    let object = |column: &Option<Column>| {
        let frame = DataFrame::unnamed(column.as_ref().map_or(2, Column::len));
        let frame = match column {
            Some(column) => frame.with_column("c", column.clone())?,
            None => frame,
        };
        AnnData::builder().obs(frame).build()
    };
    let objects = columns.iter().map(object).collect::<Result<Vec<_>>>()?;
    let column = concat(&objects.iter().collect::<Vec<_>>(), &outer())?.obs().column("c")?;
    // What is not read yet becomes the same.
    let lazy = objects.iter().map(joined::stored).collect::<Result<Vec<_>>>()?;
    assert_eq!(concat(&lazy.iter().collect::<Vec<_>>(), &outer())?.obs().column("c")?, column);
    Ok(column)
}

fn text(values: &[Option<&str>], na_value: NaValue) -> Result<Column> {
    let missing: Vec<bool> = values.iter().map(Option::is_none).collect();
    let values = Tensor::from_strings([values.len()], values.iter().map(|value| value.unwrap_or_default()))?;
    Column::nullable(&values, &missing, na_value)
}

fn category(categories: &[&str], codes: Vec<i8>, ordered: bool) -> Result<Column> {
    Column::categorical(&Tensor::from_vec([codes.len()], codes)?, &Column::strings(categories), ordered)
}

#[test]
fn numbers_become_one_type() -> Result<()> {
    let small = || Some(Column::from(vec![1_i8, 2]));
    for (columns, dtype) in [
        (vec![small(), Some(Column::from(vec![1_i32, 2]))], DType::I32),
        (vec![small(), Some(Column::from(vec![1_u8, 2]))], DType::I16),
        (vec![small(), Some(Column::from(vec![1_u64, 2]))], DType::F64),
        (vec![small(), Some(Column::from(vec![1.0_f32, 2.0]))], DType::F32),
        (vec![small(), None], DType::F64),
        (vec![Some(Column::from(vec![1.0_f32, 2.0])), None], DType::F32),
        (vec![Some(Column::from(vec![true, false])), small()], DType::I8),
        (vec![Some(Column::from(vec![true, false])), Some(Column::from(vec![true]))], DType::Bool),
    ] {
        let column = joined(&columns)?;
        assert_eq!(column.kind(), ColumnKind::Plain);
        assert_eq!(column.to_tensor()?.dtype(), &dtype, "{columns:?}");
    }
    let column = joined(&[None, small()])?.to_tensor()?;
    let values = column.as_slice::<f64>()?;
    assert!(values[0].is_nan() && values[1].is_nan() && values[2..] == [1.0, 2.0]);
    Ok(())
}

#[test]
fn values_that_can_be_missing_stay_so() -> Result<()> {
    let truth = Column::from(vec![true, false]);
    let column = joined(&[Some(truth.clone()), None])?;
    assert_eq!(column.kind(), ColumnKind::Nullable(NaValue::Na));
    assert_eq!(column.missing(), [false, false, true, true]);
    assert_eq!(&column.to_tensor()?.as_slice::<bool>()?[..2], [true, false]);
    let nullable = Column::nullable(&Tensor::from_vec([2], vec![5_i16, 0])?, &[false, true], NaValue::Na)?;
    let column = joined(&[Some(nullable.clone()), None, Some(Column::from(vec![7_i32]))])?;
    assert_eq!(column.kind(), ColumnKind::Nullable(NaValue::Na));
    assert_eq!(column.missing(), [false, true, true, true, false]);
    assert_eq!(column.to_tensor()?.as_slice::<i32>()?[4], 7);
    // There are no floats that can be missing: they are NaN.
    let column = joined(&[Some(nullable), Some(Column::from(vec![0.5]))])?.to_tensor()?;
    let values = column.as_slice::<f64>()?;
    assert!(values[0] == 5.0 && values[1].is_nan() && values[2] == 0.5);
    // It is a column that can be written.
    let frame = DataFrame::unnamed(4).with_column("c", joined(&[Some(truth), None])?)?;
    let store = anndata_format::Group::root(std::sync::Arc::new(anndata_format::MemoryStore::new()));
    io::write_elem(&store, "df", &frame.into(), &io::ElemWriteOptions::default())
}

#[test]
fn text_says_what_a_missing_one_is() -> Result<()> {
    let plain = || Some(Column::strings(["x", "y"]));
    assert_eq!(joined(&[plain(), plain()])?, Column::strings(["x", "y", "x", "y"]));
    let nan = joined(&[plain(), None])?;
    assert_eq!(nan, text(&[Some("x"), Some("y"), None, None], NaValue::Nan)?);
    let na = text(&[Some("z"), None], NaValue::Na)?;
    assert_eq!(joined(&[Some(nan), Some(na)])?.kind(), ColumnKind::Nullable(NaValue::Na));
    // With categories it is text.
    let column = joined(&[plain(), Some(category(&["q"], vec![0, -1], false)?)])?;
    assert_eq!(column, text(&[Some("x"), Some("y"), Some("q"), None], NaValue::Nan)?);
    Ok(())
}

#[test]
fn categories_are_joined_in_natural_order() -> Result<()> {
    let (a, b) = (category(&["k10", "k2"], vec![0, 1, -1], false)?, category(&["k2", "b"], vec![1, 0], false)?);
    let column = joined(&[Some(a.clone()), None, Some(b)])?;
    assert_eq!(column.kind(), ColumnKind::Categorical { ordered: false });
    let (codes, categories) = column.codes_and_categories()?;
    assert_eq!(categories, Column::strings(["b", "k2", "k10"]));
    assert_eq!(codes.as_slice::<i8>()?, [2, 1, -1, -1, -1, 0, 1]);
    // If the first has all of them, they stay in its order.
    let part = category(&["k2"], vec![0], false)?;
    assert_eq!(joined(&[Some(a), Some(part)])?.codes_and_categories()?.1, Column::strings(["k10", "k2"]));
    let numbers = |values: Vec<i32>, codes: Vec<i8>| {
        Column::categorical(&Tensor::from_vec([codes.len()], codes)?, &values.into(), false)
    };
    let column = joined(&[Some(numbers(vec![3, -1], vec![0])?), Some(numbers(vec![7], vec![0])?)])?;
    assert_eq!(column.codes_and_categories()?.1, Column::from(vec![-1_i64, 3, 7]));
    // Categories of numbers are numbers among numbers.
    let column = joined(&[Some(numbers(vec![3], vec![0, -1])?), Some(Column::from(vec![1_i64]))])?.to_tensor()?;
    assert!(column.as_slice::<f64>()?[1].is_nan() && column.as_slice::<f64>()?[2] == 1.0);
    Ok(())
}

#[test]
fn categories_that_are_dates_or_long_integers_are_told_apart_exactly() -> Result<()> {
    let of = |categories: Column, codes: Vec<i8>| {
        Ok::<_, Error>(Some(Column::categorical(&Tensor::from_vec([codes.len()], codes)?, &categories, false)?))
    };
    let dates = |unit: TimeUnit, ticks: Vec<i64>| {
        let dtype = DType::Datetime(unit.into());
        Column::plain(&Tensor::from_ticks(dtype, [ticks.len()], ticks)?)
    };
    let seconds = of(dates(TimeUnit::Second, vec![20, -10])?, vec![0, 1])?;
    let milliseconds = of(dates(TimeUnit::Millisecond, vec![5_000, 20_000])?, vec![1, 0])?;
    let joined_dates = joined(&[seconds, milliseconds])?;
    let (codes, categories) = joined_dates.codes_and_categories()?;
    assert_eq!(categories, dates(TimeUnit::Millisecond, vec![-10_000, 5_000, 20_000])?);
    assert_eq!(codes.as_slice::<i8>()?, [2, 0, 2, 1]);
    // The first two are the same double.
    let long = 1_i64 << 53;
    let integers = joined(&[of(vec![long + 1, 5].into(), vec![0, 1])?, of(vec![long].into(), vec![0])?])?;
    let (codes, categories) = integers.codes_and_categories()?;
    assert_eq!(categories, Column::from(vec![5, long, long + 1]));
    assert_eq!(codes.as_slice::<i8>()?, [2, 0, 1]);
    Ok(())
}

/// Categories of these values, of which each row has the next one.
fn categories(values: impl Into<Column>) -> Result<Column> {
    let values = values.into();
    let codes = (0_i8..).take(values.len()).collect();
    Column::categorical(&Tensor::from_vec([values.len()], codes)?, &values, false)
}

#[test]
fn categories_of_every_kind_become_one_set() -> Result<()> {
    let joined = |one: Column, other: Column| {
        let column = joined(&[Some(categories(one)?), Some(categories(other)?)])?;
        let (codes, all) = column.codes_and_categories()?;
        Ok::<_, Error>((codes.as_slice::<i8>()?.to_vec(), all))
    };
    // Floats that are integers are the same as integers; others keep their bits.
    let (codes, all) = joined(vec![0.5, 2.0, f64::INFINITY, 1e300].into(), vec![1_i64, 2, -3].into())?;
    assert_eq!(all, Column::from(vec![-3.0, 0.5, 1.0, 2.0, 1e300, f64::INFINITY]));
    assert_eq!(codes, [1, 3, 5, 4, 2, 3, 0]);
    // Floats stay floats though all are integers.
    assert_eq!(joined(vec![4.0, 2.0].into(), vec![3_i16].into())?, (vec![2, 0, 1], Column::from(vec![2.0, 3.0, 4.0])));
    // Beyond the signed integers.
    let (codes, all) = joined(vec![u64::MAX, 7].into(), vec![8_i64].into())?;
    assert_eq!((codes, all), (vec![2, 0, 1], Column::from(vec![7, 8, u64::MAX])));
    let (codes, all) = joined(vec![true].into(), vec![false].into())?;
    assert_eq!((codes, all), (vec![1, 0], Column::from(vec![false, true])));
    // The first has all of them, but as a type that the others are not.
    let (codes, all) = joined(vec![3_i32, -1].into(), vec![3_i64].into())?;
    assert_eq!((codes, all), (vec![1, 0, 1], Column::from(vec![-1_i64, 3])));
    let (codes, all) = joined(vec![3_i64, -1].into(), vec![3_i64].into())?;
    assert_eq!((codes, all), (vec![0, 1, 0], Column::from(vec![3_i64, -1])));
    says(
        joined(Column::strings(["a"]), vec![1_i64].into()),
        "obs/c: categories of different types cannot become one set of categories",
    );
    Ok(())
}

#[test]
fn categories_of_dates_and_spans_are_joined_in_the_finer_unit() -> Result<()> {
    let units = [
        (TimeUnit::Second, 1_000_000_000),
        (TimeUnit::Millisecond, 1_000_000),
        (TimeUnit::Microsecond, 1_000),
        (TimeUnit::Nanosecond, 1_i64),
    ];
    for make in [DType::Datetime, DType::Timedelta] {
        let times = |unit: TimeUnit, ticks: Vec<i64>| {
            Column::plain(&Tensor::from_ticks(make(unit.into()), [ticks.len()], ticks)?)
        };
        for (coarse, step) in units {
            for (fine, fine_step) in units.into_iter().filter(|(_, fine)| *fine <= step) {
                let ratio = step / fine_step;
                let (one, other) = (times(coarse, vec![3, -2])?, times(fine, vec![3 * ratio, ratio])?);
                let column = joined(&[Some(categories(one)?), Some(categories(other)?)])?;
                let (codes, all) = column.codes_and_categories()?;
                assert_eq!(all, times(fine, vec![-2 * ratio, ratio, 3 * ratio])?, "{coarse:?} {fine:?}");
                assert_eq!(codes.as_slice::<i8>()?, [2, 0, 2, 1]);
            }
        }
    }
    Ok(())
}

#[test]
fn order_is_kept_only_where_all_agree() -> Result<()> {
    let abc = || category(&["c", "b", "a"], vec![0, 2], true);
    let column = joined(&[Some(abc()?), None, Some(abc()?)])?;
    assert_eq!(column.kind(), ColumnKind::Categorical { ordered: true });
    assert_eq!(column.codes_and_categories()?.1, Column::strings(["c", "b", "a"]));
    for other in [
        category(&["a", "b", "c"], vec![0], true)?,
        category(&["c", "b", "a"], vec![0], false)?,
        category(&["c"], vec![0], true)?,
    ] {
        let column = joined(&[Some(abc()?), Some(other)])?;
        assert!(matches!(column.kind(), ColumnKind::Nullable(NaValue::Nan)), "{column:?}");
        assert_eq!(column.to_strings()?[0], Some("c".to_owned()));
    }
    Ok(())
}

#[test]
fn frames_without_rows_have_little_say() -> Result<()> {
    let of = |frame: DataFrame| AnnData::builder().obs(frame).build();
    let none = || DataFrame::new(Vec::<String>::new());
    let (nothing, another) = (of(none())?, of(none().with_column("d", Vec::<f64>::new())?)?);
    let (integers, text) =
        (of(none().with_column("c", Vec::<i64>::new())?)?, of(none().with_column("c", Column::strings([""; 0]))?)?);
    let dtype_of =
        |inputs: &[&AnnData]| Ok::<_, Error>(concat(inputs, &outer())?.obs().column("c")?.to_tensor()?.dtype().clone());
    let two = of(DataFrame::unnamed(2).with_column("c", vec![1_i64, 2])?)?;
    // A frame without rows and columns is passed over; one with other columns lacks this one.
    for (other, dtype) in [(&nothing, DType::I64), (&another, DType::F64), (&integers, DType::I64), (&text, DType::I64)]
    {
        assert_eq!((dtype_of(&[&two, other])?, dtype_of(&[other, &two])?), (dtype.clone(), dtype), "{other:?}");
    }
    says(dtype_of(&[&integers, &text]), "obs/c: columns of type int64 and string cannot become one column");
    // Booleans beside nothing can be missing, as in pandas.
    let truths = of(DataFrame::unnamed(2).with_column("c", vec![true, false])?)?;
    for other in [&nothing, &another] {
        let kind = concat(&[&truths, other], &outer())?.obs().column("c")?.kind();
        assert_eq!(kind, ColumnKind::Nullable(NaValue::Na));
    }
    Ok(())
}

#[test]
fn labels_that_are_categories_can_be_missing() -> Result<()> {
    let categories = category(&["x", "y"], vec![0, -1, 1], false)?;
    let with_missing = AnnData::builder().obs(DataFrame::with_index(categories)).build()?;
    let without = AnnData::builder().obs(DataFrame::with_index(category(&["x"], vec![0], false)?)).build()?;
    let plain = AnnData::builder().obs(DataFrame::new(["a"])).build()?;
    let index = |inputs: &[&AnnData]| concat(inputs, &ConcatOptions::default())?.obs().index().load();
    let expected = text(&[Some("x"), None, Some("y"), Some("a")], NaValue::Nan)?;
    assert_eq!(index(&[&with_missing, &plain])?, expected);
    assert_eq!(index(&[&joined::stored(&with_missing)?, &plain])?, expected);
    assert_eq!(index(&[&without, &plain])?, Column::strings(["x", "a"]));
    Ok(())
}

#[test]
fn what_has_no_common_type_is_refused_by_name() {
    let truth = || Some(Column::from(vec![true]));
    for columns in [
        vec![Some(Column::from(vec![1_i64])), Some(Column::strings(["a"]))],
        vec![truth(), Some(Column::from(vec![0.5]))],
        vec![truth(), Some(Column::from(vec![1_i64])), None],
        vec![truth(), Some(Column::strings(["a"]))],
    ] {
        says(joined(&columns), "obs/c: columns of type");
    }
}

#[test]
fn columns_of_raw_are_named_as_such() -> Result<()> {
    let with_raw = |column: Column| {
        let mut one = object(dense(&[[1, 2]])?, "ab")?;
        let var = DataFrame::new(["a", "b"]).with_column("c", column)?;
        one.set_raw(anndata_format::Raw::new(None, var, Mapping::new())?)?;
        Ok::<_, Error>(one)
    };
    let (truths, texts) = (with_raw(Column::from(vec![true, false]))?, with_raw(Column::strings(["x", "y"]))?);
    let along_var = ConcatOptions::default().with_axis(ConcatAxis::Var);
    says(concat(&[&truths, &texts], &along_var), "raw/var/c: columns of type bool and string cannot become one column");
    Ok(())
}

/// pandas counts booleans as numbers only between plain columns.
#[test]
fn booleans_and_categories_of_numbers_are_refused() -> Result<()> {
    let codes = || Tensor::from_vec([2], vec![0_i8, 1]);
    let numbers = Column::categorical(&codes()?, &Column::from(vec![2_i64, 3]), false)?;
    let truths = Column::categorical(&codes()?, &Column::from(vec![false, true]), false)?;
    let plain = Column::from(vec![true, false]);
    for columns in [[&plain, &numbers], [&numbers, &plain], [&truths, &Column::from(vec![1_i32])]] {
        says(joined(&columns.map(|column| Some(column.clone()))), "obs/c: columns of type");
    }
    assert_eq!(joined(&[Some(plain), Some(truths)])?.to_tensor()?.dtype(), &DType::Bool);
    Ok(())
}

#[test]
fn columns_that_not_all_have() -> Result<()> {
    let frame = |names: &[&str]| {
        let mut frame = DataFrame::new(["r"]);
        for name in names {
            frame.insert(*name, vec![1_i64])?;
        }
        Ok::<_, Error>(frame)
    };
    let of = |names: &[&str]| AnnData::builder().obs(frame(names)?).obsm("df", frame(names)?).build();
    let (a, b) = (of(&["z", "y", "x"])?, of(&["y", "w", "z"])?);
    let names = |options: &ConcatOptions| {
        let joined = concat(&[&a, &b], options)?;
        let inner = joined.obsm()["df"].as_frame()?.clone();
        assert_eq!(inner.names()?, joined.obs_names()?);
        assert_eq!(inner.column_names().collect::<Vec<_>>(), joined.obs().column_names().collect::<Vec<_>>());
        Ok::<_, Error>(inner.column_names().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(names(&ConcatOptions::default())?, "z y");
    assert_eq!(names(&outer())?, "z y x w");
    assert_eq!(names(&outer().with_index_unique("-"))?, "z y x w");
    // A label takes the place of a column of its name.
    let joined = concat(&[&a, &b], &ConcatOptions::default().with_label("y"))?;
    assert_eq!(joined.obs().column("y")?.to_strings()?, [Some("0".into()), Some("1".into())]);
    // An object without the frame has no values in it.
    let none = AnnData::builder().obs(DataFrame::new(["s", "t"])).build()?;
    let joined = concat(&[&a, &none], &outer())?;
    assert_eq!(joined.obsm()["df"].as_frame()?.column("x")?.to_tensor()?.dtype(), &DType::F64);
    says(concat(&[&a, &AnnData::builder().shape(1, 0).obsm("df", dense(&[[1]])?).build()?], &outer()), "obsm/df");
    Ok(())
}

/// The labels of a lazy frame are looked at when it is used.
#[test]
fn frames_of_other_labels_than_their_axis_are_refused_when_they_are_read() -> Result<()> {
    let root = anndata_format::Group::root(std::sync::Arc::new(anndata_format::MemoryStore::new()));
    let frame = DataFrame::new(["c", "d"]).with_column("q", vec![1, 2])?;
    let adata = AnnData::builder().obs(DataFrame::new(["c", "d"])).obsm("df", frame).build()?;
    io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
    root.array("obsm/df/_index")?.write(&[0], &Tensor::from_strings([2], ["c", "z"])?)?;

    let words = "obsm/df: its index differs from that of its axis";
    says(io::read_anndata(&root, &io::ElemReadOptions::default()), words);
    let lazy = io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true))?;
    says(lazy.load(), words);
    says(lazy.select(1.., ..)?.load(), words);
    says(concat(&[&adata, &lazy], &ConcatOptions::default()), words);
    let copy = anndata_format::Group::root(std::sync::Arc::new(anndata_format::MemoryStore::new()));
    says(io::write_anndata(&copy, &lazy, &io::ElemWriteOptions::default()), words);
    assert!(lazy.select(..1, ..)?.load().is_ok());
    Ok(())
}
