//! Columns of what Rust programs and Arrow hold, and back.

use std::sync::Arc;

use anndata_array::{Column, ColumnKind, Complex, DType, NaValue, NullableAs, Result, Tensor, f16};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, DictionaryArray, DurationMillisecondArray, Float64Array, Int32Array,
    LargeStringArray, NullArray, RunArray, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};
use ndarray::{array, s};

const NULLABLE: ColumnKind = ColumnKind::Nullable(NaValue::Na);

#[test]
fn options_become_nullable_columns_and_floats_nan() -> Result<()> {
    let column = Column::from(vec![Some(7_u16), None]);
    assert_eq!(column, Column::nullable(&Tensor::from_vec([2], vec![7_u16, 0])?, &[false, true], NaValue::Na)?);
    assert_eq!(column.to_options::<u16>()?, [Some(7), None]);
    assert_eq!(Column::from(vec![Some(true)]).kind(), NULLABLE);
    assert_eq!(Column::from(vec![Some("a"), None]), Column::from(vec![Some("a".to_owned()), None]));
    assert_eq!(Column::from(vec![Some("a"), None]).to_options::<String>()?, [Some("a".to_owned()), None]);
    let floats = Column::from(vec![Some(0.5_f32), None]);
    assert_eq!((floats.kind(), floats), (ColumnKind::Plain, Column::from(vec![0.5_f32, f32::NAN])));
    assert!(Column::from(vec![None::<f16>]).to_vec::<f16>()?[0].is_nan());
    assert_eq!(Column::from(Vec::<Option<i8>>::new()).len(), 0);
    Ok(())
}

#[test]
fn arrays_slices_iterators_and_views_are_columns() -> Result<()> {
    let expected = Column::from(vec![1_i32, 2, 3]);
    assert_eq!(Column::from([1, 2, 3]), expected);
    assert_eq!(Column::from(&[1, 2, 3][..]), expected);
    assert_eq!(Column::from(&vec![1, 2, 3]), expected);
    assert_eq!((1..4).collect::<Column>(), expected);
    assert_eq!(["a", "b"].into_iter().collect::<Column>(), Column::strings(["a", "b"]));
    assert_eq!([Some(1_i64), None].into_iter().collect::<Column>(), Column::from(vec![Some(1_i64), None]));
    assert_eq!(Column::from(vec![1_usize]), Column::from(vec![1_u64]));
    assert_eq!(Column::from(vec![-1_isize]), Column::from(vec![-1_i64]));
    let matrix = array![[1, 9], [2, 8], [3, 7]];
    assert_eq!(Column::from(matrix.column(0)), expected);
    assert_eq!(Column::from(&array![1, 2, 3]), expected);
    assert_eq!(Column::from(matrix.slice(s![..;-1, 0])), Column::from([3, 2, 1]));
    assert_eq!(Column::from(array![3, 2, 1].slice_move(s![..;-1])), expected);
    assert_eq!(Column::from(array!["x", "y"]), Column::strings(["x", "y"]));
    assert_eq!(Column::try_from(Tensor::from_vec([3], vec![1, 2, 3])?)?, expected);
    let matrix = Column::try_from(&Tensor::from_vec([1, 1], vec![1])?).unwrap_err();
    assert!(matrix.is_invalid_input() && matrix.message().contains("columns have one dimension"), "{matrix}");
    Ok(())
}

#[test]
fn arrow_arrays_are_nullable_where_they_have_nulls() -> Result<()> {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    assert_eq!(Column::try_from(&numbers)?, Column::from([1, 2]));
    let nulls: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    assert_eq!(Column::try_from(nulls)?, Column::from([Some(1), None]));
    for texts in [
        Arc::new(StringArray::from(vec![Some("a"), None])) as ArrayRef,
        Arc::new(LargeStringArray::from(vec![Some("a"), None])),
        Arc::new(StringViewArray::from(vec![Some("a"), None])),
    ] {
        assert_eq!(Column::try_from(&texts)?, Column::from([Some("a"), None]));
        assert_eq!(Column::try_from(texts.slice(0, 1))?, Column::strings(["a"]));
    }
    assert_eq!(Column::try_from(&NullArray::new(2) as &dyn Array)?, Column::from([None::<&str>, None]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None]));
    assert_eq!(Column::try_from(&floats)?, Column::from([0.5, f64::NAN]));
    let field = Field::new("x", DataType::Int32, true);
    assert_eq!(Column::from_arrow_with(&field, &numbers, NullableAs::Field)?.kind(), NULLABLE);
    assert_eq!(Column::from_arrow_with(&field, &numbers, NullableAs::WhereNulls)?.kind(), ColumnKind::Plain);
    let other = Column::from_arrow_with(&field, &floats, NullableAs::Field).unwrap_err();
    assert!(other.is_invalid_input() && other.message().starts_with("field 'x' is of type Int32, but"), "{other}");
    Ok(())
}

#[test]
fn arrow_times_dictionaries_and_runs_are_columns() -> Result<()> {
    let dates = Column::try_from(&Date32Array::from(vec![Some(19_782), None]) as &dyn Array)?;
    assert_eq!(dates.printed(), ["2024-02-29", "NaT"]);
    let stamps = Column::try_from(&TimestampMicrosecondArray::from(vec![1_000_001]) as &dyn Array)?;
    assert_eq!(stamps.printed(), ["1970-01-01T00:00:01.000001"]);
    let spans = Column::try_from(&DurationMillisecondArray::from(vec![5]) as &dyn Array)?;
    assert_eq!(spans.printed(), ["5 milliseconds"]);
    let zoned = Column::try_from(&TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC") as &dyn Array);
    assert!(zoned.is_err_and(|error| error.is_unsupported()));

    let words: DictionaryArray<Int8Type> = [Some("b"), None, Some("a"), Some("b")].into_iter().collect();
    let column = Column::try_from(&words as &dyn Array)?;
    assert_eq!(column.kind(), ColumnKind::Categorical { ordered: false });
    assert_eq!(column.printed(), ["b", "NaN", "a", "b"]);
    // A null among the values is a missing value, equal values are one category.
    let keys = arrow_array::Int32Array::from(vec![2, 1, 0, 3]);
    let values = Arc::new(StringViewArray::from(vec![Some("x"), None, Some("y"), Some("x")]));
    let odd = DictionaryArray::<Int32Type>::new(keys, values);
    let column = Column::try_from(&odd as &dyn Array)?;
    assert_eq!(column.to_options::<String>()?, [Some("y".into()), None, Some("x".into()), Some("x".into())]);
    assert_eq!(column.codes_and_categories()?.1.to_strings()?, [Some("x".to_owned()), Some("y".to_owned())]);
    let runs = RunArray::try_new(&Int32Array::from(vec![2, 3]), &Int32Array::from(vec![Some(7), None])).unwrap();
    assert_eq!(Column::try_from(&runs as &dyn Array)?, Column::from([Some(7), Some(7), None]));
    Ok(())
}

#[test]
fn values_are_read_in_their_own_dtype() -> Result<()> {
    let column = Column::from([1.5_f32, f32::NAN]);
    assert_eq!(column.get::<f32>(0)?, Some(1.5));
    assert!(column.get::<f32>(1)?.is_some_and(f32::is_nan));
    assert!(
        column.to_vec::<f64>().is_err_and(|error| error.is_dtype() && error.message().contains("float32, not float64"))
    );
    assert!(column.get::<String>(0).is_err_and(|error| error.is_dtype()));
    let beyond = column.get::<f32>(2).unwrap_err();
    assert!(beyond.is_invalid_input() && beyond.message() == "row 2 is out of bounds: there are 2", "{beyond}");
    let complex = vec![Complex::new(1.0, 2.0)];
    assert_eq!(Column::from(complex.clone()).to_vec::<Complex<f64>>()?, complex);
    assert_eq!(Column::from([true, false]).slice(1..2)?.to_vec::<bool>()?, [false]);
    let codes = Tensor::from_vec([3], vec![1_i8, -1, 0])?;
    let numbers = Column::categorical(&codes, &Column::from([10_u8, 20]), false)?;
    assert_eq!(numbers.to_options::<u8>()?, [Some(20), None, Some(10)]);
    assert_eq!((numbers.get::<u8>(1)?, numbers.get::<u8>(2)?), (None, Some(10)));
    let missing = numbers.to_vec::<u8>().unwrap_err();
    assert_eq!(missing.to_string(), "row 1 is missing, and has no value; Column::to_options reads it as None");
    Ok(())
}

#[test]
fn categories_become_the_values_of_rows() -> Result<()> {
    let codes = Tensor::from_vec([3], vec![1_i8, -1, 0])?;
    let values = |categories: Column| Column::categorical(&codes, &categories, true)?.without_categories();
    assert_eq!(values(Column::strings(["a", "b"]))?, Column::from([Some("b"), None, Some("a")]));
    assert_eq!(values(Column::from([1_i64, 2]))?, Column::from([Some(2_i64), None, Some(1)]));
    assert_eq!(values(Column::from([0.5, 1.5]))?, Column::from([1.5, f64::NAN, 0.5]));
    let dates = Column::plain(&Tensor::from_ticks(DType::Datetime("D".parse()?), [2], vec![0, 1])?)?;
    assert_eq!(values(dates)?.printed(), ["1970-01-02", "NaT", "1970-01-01"]);
    let none = Column::categorical(&Tensor::from_vec([1], vec![-1_i8])?, &Column::from(Vec::<i32>::new()), false)?;
    assert_eq!(none.without_categories()?, Column::from([None::<i32>]));
    let full = Column::categorical_from_options([Some("z"), Some("y")])?;
    assert_eq!(full.without_categories()?, Column::strings(["z", "y"]));
    Ok(())
}

#[test]
fn columns_are_cast_and_keep_what_is_missing() -> Result<()> {
    let numbers = Column::from([Some(1_i64), None, Some(300)]);
    assert_eq!(numbers.cast(&DType::I16)?, Column::from([Some(1_i16), None, Some(300)]));
    assert_eq!(numbers.cast(&DType::F32)?, Column::from([1.0_f32, f32::NAN, 300.0]));
    assert_eq!(numbers.cast(&DType::Bool)?, Column::from([Some(true), None, Some(true)]));
    assert_eq!(numbers.cast(&DType::String)?, Column::from([Some("1"), None, Some("300")]));
    assert!(numbers.cast(&DType::Complex64)?.to_vec::<Complex<f32>>()?[1].re.is_nan());
    assert_eq!(Column::from([1.9, -1.9]).cast(&DType::I8)?, Column::from([1_i8, -1]));
    for value in [f64::NAN, f64::INFINITY] {
        let error = Column::from([1.0, value]).cast(&DType::I8).unwrap_err();
        assert!(error.is_invalid_input() && error.message().starts_with("row 1 is not a finite number"), "{error}");
    }
    let texts = Column::strings(["1.5", "-2"]);
    assert_eq!(texts.cast(&DType::F64)?, Column::from([1.5, -2.0]));
    let bad = texts.cast(&DType::U8).unwrap_err();
    assert!(bad.is_invalid_input() && bad.message() == "a text does not say a value of type uint8", "{bad}");
    assert_eq!(Column::from([Some("7"), None]).cast(&DType::U8)?, Column::from([Some(7_u8), None]));
    let categories = Column::categorical_from_options([Some("4"), None])?;
    assert_eq!(categories.cast(&DType::F32)?, Column::from([4.0_f32, f32::NAN]));
    assert!(texts.cast(&DType::Complex64).is_err_and(|error| error.is_dtype()));
    Ok(())
}

#[test]
fn columns_become_text_as_python_shows_them_and_back() -> Result<()> {
    let text = |column: Column| column.cast(&DType::String);
    assert_eq!(text(Column::from([true, false]))?, Column::strings(["True", "False"]));
    assert_eq!(text(Column::from([0.5_f32, 2.0]))?, Column::strings(["0.5", "2.0"]));
    let nan = text(Column::from([0.5, f64::NAN]))?;
    assert_eq!((nan.kind(), nan.missing()), (ColumnKind::Nullable(NaValue::Nan), vec![false, true]));
    let dates = Column::strings(["2024-02-29", "1969-12-31"]).cast(&DType::Datetime("D".parse()?))?;
    assert_eq!(dates.kind(), ColumnKind::Time("D".parse()?));
    assert_eq!(text(dates.clone())?, Column::strings(["2024-02-29", "1969-12-31"]));
    let hours = dates.cast(&DType::Datetime("h".parse()?))?;
    assert_eq!(hours.printed(), ["2024-02-29T00", "1969-12-31T00"]);
    let missing = Column::from([Some("2024-02-29"), None]).cast(&DType::Datetime("s".parse()?))?;
    assert_eq!(missing.printed(), ["2024-02-29T00:00:00", "NaT"]);
    let ticks = Column::from([Some(5_i64), None]).cast(&DType::Timedelta("s".parse()?))?;
    assert_eq!(ticks.printed(), ["5 seconds", "NaT"]);
    Ok(())
}

#[test]
fn columns_are_printed_in_one_line() -> Result<()> {
    assert_eq!(Column::from([1_u8]).to_string(), "uint8, 1 row: 1");
    assert_eq!(Column::strings::<&str>([]).to_string(), "string, 0 rows");
    let long = (0..20_i32).collect::<Column>();
    assert_eq!(long.to_string(), "int32, 20 rows: 0, 1, 2, 3, 4, ..., 15, 16, 17, 18, 19");
    let codes = Tensor::from_vec([2], vec![0_i8, -1])?;
    let one = Column::categorical(&codes, &Column::from([0.5]), true)?;
    assert_eq!(one.to_string(), "1 ordered category of float64, 2 rows: 0.5, NaN");
    assert_eq!(Column::from([None::<bool>]).to_string(), "nullable bool, 1 row: <NA>");
    Ok(())
}
