//! Values, nulls, categories, texts and dates are the same on both sides.

use std::sync::Arc;

use anndata::arrow_array::{ArrayRef, Date32Array, RecordBatch};
use anndata::{NullableAs, prelude::*};
use anndata_polars_example::{Result, from_polars, to_polars};
use polars_core::prelude::DataType;

fn obs() -> Result<DataFrame> {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None, Some(19_000)]));
    Ok(DataFrame::new(["c1", "c2", "c3"])
        .with_column("n", vec![1_i64, -2, 3])?
        .with_column("score", vec![0.5_f32, f32::NAN, -1.5])?
        .with_column("good", vec![true, false, true])?
        .with_column("age", vec![Some(31_i64), None, Some(40)])?
        .with_column("label", vec!["é", "", "long enough for a view"])?
        .with_column("note", Column::from(vec![Some("seen"), None, Some("")]))?
        .with_column("kind", Column::categorical_from_options([Some("T"), None, Some("B")])?)?
        .with_column("day", Column::try_from(&days)?)?)
}

#[test]
fn polars_sees_the_values() -> Result<()> {
    let frame = to_polars(&obs()?.to_record_batch("cell")?)?;
    assert_eq!(frame.shape(), (3, 9));
    assert_eq!(frame.column("cell")?.str()?.iter().collect::<Vec<_>>(), [Some("c1"), Some("c2"), Some("c3")]);
    assert_eq!(frame.column("n")?.i64()?.iter().collect::<Vec<_>>(), [Some(1), Some(-2), Some(3)]);
    assert_eq!(frame.column("age")?.i64()?.iter().collect::<Vec<_>>(), [Some(31), None, Some(40)]);
    assert_eq!(frame.column("note")?.str()?.iter().collect::<Vec<_>>(), [Some("seen"), None, Some("")]);
    assert!(matches!(frame.column("kind")?.dtype(), DataType::Categorical(..)));
    let kinds: Vec<String> =
        (0..3).map(|row| Ok(frame.column("kind")?.get(row)?.str_value().to_string())).collect::<Result<_>>()?;
    assert_eq!(kinds, ["T", "null", "B"]);
    assert_eq!(frame.column("day")?.dtype(), &DataType::Date);
    let days = frame.column("day")?.to_physical_repr();
    assert_eq!(days.i32()?.iter().collect::<Vec<_>>(), [Some(0), None, Some(19_000)]);
    Ok(())
}

#[test]
fn what_comes_back_is_what_was_given() -> Result<()> {
    let obs = obs()?;
    let batch: RecordBatch = from_polars(&to_polars(&obs.to_record_batch("cell")?)?)?;
    let back = DataFrame::from_record_batch_with(&batch, Some("cell"), NullableAs::WhereNulls)?;
    assert_eq!(back.names()?, obs.names()?);
    assert_eq!(back.column_names().collect::<Vec<_>>(), obs.column_names().collect::<Vec<_>>());
    for name in ["n", "good", "age", "label", "note", "day"] {
        assert_eq!(back.column(name)?, obs.column(name)?, "{name}");
    }
    let scores = back.column("score")?.to_vec::<f32>()?;
    assert!(scores[1].is_nan());
    assert_eq!([scores[0].to_bits(), scores[2].to_bits()], [0.5_f32.to_bits(), (-1.5_f32).to_bits()]);
    assert_eq!(back.column("kind")?.to_strings()?, obs.column("kind")?.to_strings()?);
    // Polars has categories in the order in which they appear.
    let categories = |frame: &DataFrame| {
        let (_, categories) = frame.column("kind")?.codes_and_categories()?;
        categories.to_vec::<String>()
    };
    assert_eq!(categories(&obs)?, ["B", "T"]);
    assert_eq!(categories(&back)?, ["T", "B"]);
    Ok(())
}
