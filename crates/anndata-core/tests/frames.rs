//! Frames: their rows, their text form, and record batches.

use std::sync::Arc;

use anndata_core::{Column, ColumnKind, DType, DataFrame, Mask, NaValue, NullableAs, Result, Tensor};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow_schema::{DataType, Field, Schema};

fn frame() -> Result<DataFrame> {
    DataFrame::new(["a", "b", "c", "d"])
        .with_index_name(Some("cell".to_owned()))
        .with_column("n", [Some(5_i64), None, Some(1), Some(5)])?
        .with_column("type", Column::categorical_from_strings(["T", "B", "T", "B"])?)
}

#[test]
fn rows_are_filtered_sorted_and_grouped() -> Result<()> {
    let frame = frame()?;
    let mask = frame.column("n")?.at_least(2)?;
    let filtered = frame.filter(&mask)?;
    assert_eq!((filtered.names()?, filtered.index_name()), (vec!["a".to_owned(), "d".to_owned()], Some("cell")));
    assert_eq!(frame.sort_by("n", false)?.names()?, ["c", "a", "d", "b"]);
    assert_eq!(frame.sort_by("n", true)?.names()?, ["a", "d", "c", "b"]);
    assert_eq!(frame.sort_by("type", true)?.names()?, ["a", "c", "b", "d"]);
    assert_eq!(frame.head(2)?.names()?, ["a", "b"]);
    assert_eq!(frame.head(9)?, frame);
    assert_eq!(frame.head(0)?.column_names().collect::<Vec<_>>(), ["n", "type"]);
    assert_eq!(frame.group_by("type")?.rows(), [vec![1, 3], vec![0, 2]]);
    assert_eq!(frame.group_by("n")?.names(), &Column::from([1_i64, 5]));
    Ok(())
}

#[test]
fn rows_that_cannot_be_chosen_are_errors() -> Result<()> {
    let frame = frame()?;
    let short = frame.filter(&Mask::from([true])).unwrap_err();
    assert!(short.is_invalid_input() && short.message() == "a mask of 1 rows was given for a frame of 4", "{short}");
    assert!(frame.sort_by("nope", false).is_err_and(|error| error.is_not_found()));
    let complex = Tensor::from_vec([4], vec![1.0, 2.0, 3.0, 4.0])?.cast(&DType::Complex128)?;
    let frame = frame.with_column("z", Column::plain(&complex)?)?;
    for error in [frame.sort_by("z", false).err(), frame.group_by("z").err()] {
        let error = error.unwrap();
        assert!(error.is_dtype(), "{error}");
        assert_eq!(error.to_string(), "column 'z': values of type complex128 have no order");
    }
    Ok(())
}

#[test]
fn foreign_batches_are_nullable_where_they_have_nulls() -> Result<()> {
    let columns: [(&str, ArrayRef); 4] = [
        ("cell", Arc::new(StringViewArray::from(vec!["a", "b"]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2]))),
        ("gap", Arc::new(Int64Array::from(vec![None, Some(2)]))),
        ("score", Arc::new(Float64Array::from(vec![None, Some(0.5)]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let frame = DataFrame::from_record_batch_with(&batch, Some("cell"), NullableAs::WhereNulls)?;
    let expected = DataFrame::new(["a", "b"])
        .with_index_name(Some("cell".to_owned()))
        .with_column("n", [1_i64, 2])?
        .with_column("gap", [None, Some(2_i64)])?
        .with_column("score", [f64::NAN, 0.5])?;
    assert_eq!(frame, expected);
    let floats = DataFrame::from_record_batch(&batch, Some("cell")).unwrap_err();
    assert!(floats.is_unsupported() && floats.to_string().contains("column 'score'"), "{floats}");
    let fields = DataFrame::from_record_batch(&batch.project(&[0, 1]).unwrap(), Some("cell"))?;
    assert_eq!(fields.column("n")?.kind(), ColumnKind::Nullable(NaValue::Na));
    Ok(())
}

#[test]
fn batches_keep_the_name_of_the_index() -> Result<()> {
    for name in [None, Some("cell"), Some("_index"), Some("n")] {
        let frame = frame()?.with_index_name(name.map(str::to_owned));
        let batch = RecordBatch::try_from(&frame)?;
        assert_eq!(DataFrame::try_from(&batch)?, frame, "{name:?}");
        let named = frame.to_record_batch("id")?;
        assert_eq!(DataFrame::from_record_batch(&named, Some("id"))?, frame, "{name:?}");
        assert_eq!(DataFrame::try_from(named)?, frame, "{name:?}");
    }
    let batch = RecordBatch::try_from(frame()?)?;
    assert_eq!(batch.schema().field(0).name(), "cell");
    let plain = RecordBatch::try_new(Arc::new(Schema::new(batch.schema().fields().clone())), batch.columns().to_vec());
    let plain = DataFrame::try_from(plain.unwrap())?;
    assert_eq!((plain.names()?[3].as_str(), plain.column_names().next()), ("3", Some("cell")));
    Ok(())
}

#[test]
fn two_columns_of_a_name_are_refused() {
    let fields = ["n", "n"].map(|name| Field::new(name, DataType::Int64, false));
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![Arc::clone(&column), column]);
    let error = DataFrame::from_record_batch(&batch.unwrap(), None).unwrap_err();
    assert!(error.is_invalid_input() && error.message() == "two columns of the record batch are called 'n'", "{error}");
}

#[test]
fn tables_show_both_ends() -> Result<()> {
    let frame = DataFrame::unnamed(12)
        .with_index_name(Some("cell".to_owned()))
        .with_column("n", (0..12_i64).map(|n| n * 1000).collect::<Column>())?
        .with_column("type", (0..12).map(|n| if n % 2 == 0 { "T" } else { "NK" }).collect::<Column>())?;
    let table = "\
cell      n  type
0         0     T
1      1000    NK
2      2000     T
3      3000    NK
4      4000     T
...     ...   ...
7      7000    NK
8      8000     T
9      9000    NK
10    10000     T
11    11000    NK
12 rows × 2 columns";
    assert_eq!(frame.to_string(), table);
    assert_eq!(DataFrame::new(["a"]).to_string(), "\na\n1 row × 0 columns");
    assert_eq!(frame.head(0)?.to_string(), "cell  n  type\n0 rows × 2 columns");
    Ok(())
}

#[test]
fn tables_are_at_most_as_wide_as_a_page() -> Result<()> {
    let mut frame = DataFrame::new(["a", "b"]);
    for number in 0..30 {
        frame.insert(format!("column-{number}"), ["x".repeat(number), "line\nend".to_owned()])?;
    }
    let table = frame.to_string();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{table}");
    assert!(
        lines[0].ends_with("  ...") && lines[2].contains(r"line\nend") && lines[3] == "2 rows × 30 columns",
        "{table}"
    );
    let long = DataFrame::new(["é".repeat(40)]).with_column("t", ["y".repeat(31)])?.to_string();
    assert!(long.contains(&format!("{}...  {}...", "é".repeat(27), "y".repeat(27))), "{long}");
    Ok(())
}
