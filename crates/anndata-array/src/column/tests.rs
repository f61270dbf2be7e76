//! Kinds of columns: what they keep of values, steps and those that are missing.

use super::*;

#[test]
fn nullable_columns_keep_their_mask_and_na_value() -> Result<()> {
    let values = Tensor::from_vec([3], vec![1_u8, 0, 3])?;
    let column = Column::nullable(&values, &[false, true, false], NaValue::Na)?;
    assert_eq!(column.missing(), [false, true, false]);
    assert_eq!(column.to_tensor()?, values);
    let texts = Tensor::from_strings([2], ["a", ""])?;
    let column = Column::nullable(&texts, &[false, true], NaValue::Nan)?;
    let back = Column::from_arrow(&column.to_field("t"), column.array())?;
    assert_eq!(back, column);
    assert_eq!(back.kind(), ColumnKind::Nullable(NaValue::Nan));
    let floats = Column::nullable(&Tensor::from_vec([1], vec![1.0])?, &[true], NaValue::Na).unwrap_err();
    assert!(floats.is_dtype() && floats.message().ends_with("booleans or text, not float64"), "{floats}");
    let short = Column::nullable(&values, &[false], NaValue::Na).unwrap_err();
    assert_eq!(short.message(), "3 values were given with a mask of length 1");
    Ok(())
}

#[test]
fn times_keep_their_step_and_those_that_are_missing() -> Result<()> {
    for (dtype, missing) in [
        (DType::Datetime("ns".parse()?), true),
        (DType::Datetime("D".parse()?), true),
        (DType::Datetime("h".parse()?), true),
        (DType::Datetime("M".parse()?), false),
        (DType::Timedelta("25s".parse()?), true),
    ] {
        let values = Tensor::from_ticks(dtype, [3], vec![5, if missing { anndata_storage::NAT } else { 1 }, -7])?;
        let column = Column::plain(&values)?;
        assert_eq!(column.missing(), [false, missing, false]);
        assert_eq!(column.to_tensor()?, values);
        let back = Column::from_arrow(&column.to_field("t"), column.array())?;
        assert_eq!((&back, back.to_tensor()?), (&column, values.clone()));
        assert_eq!(column.take(&[2, 1])?.to_tensor()?, values.take(0, &[2, 1])?);
        assert_eq!(column.equals_text(&values.to_time_strings()?[2])?, [false, false, true]);
        let categories = Column::categorical(&Tensor::from_vec([2], vec![0_i8, -1])?, &column.slice(0..1)?, false)?;
        assert_eq!(categories.codes_and_categories()?.1.len(), 1);
    }
    Ok(())
}
