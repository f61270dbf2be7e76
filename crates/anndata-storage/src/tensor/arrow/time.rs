//! Dates and spans of time as Arrow's timestamps, dates and durations, and back.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Date32Array, Int64Array, PrimitiveArray, make_array};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit as ArrowUnit};

use super::arrow;
use crate::tensor::Tensor;
use crate::{DType, Error, NAT, Result, TimeStep, TimeUnit};

/// The counts of a tensor of one dimension, null if there is no time.
pub(super) fn to_arrow(tensor: &Tensor) -> Result<ArrayRef> {
    let lacks =
        || Error::unsupported(format!("values of type {} cannot be a column: Arrow has no such type", tensor.dtype()));
    let (dtype, data_type) = match tensor.dtype() {
        DType::Datetime(step) if *step == TimeStep::from(TimeUnit::Day) => return days(tensor),
        DType::Datetime(step) => {
            let unit = coarsest(*step).ok_or_else(lacks)?;
            (DType::Datetime(unit_of(unit).into()), DataType::Timestamp(unit, None))
        }
        DType::Timedelta(step) => {
            let unit = coarsest(*step).ok_or_else(lacks)?;
            (DType::Timedelta(unit_of(unit).into()), DataType::Duration(unit))
        }
        _ => return Err(lacks()),
    };
    let tensor = tensor.cast(&dtype).map_err(|error| lacks().with_source(error))?;
    let ticks = tensor.ticks()?;
    let buffer = tensor.buffer().ok_or_else(lacks)?;
    let values = ScalarBuffer::new(buffer.clone(), 0, ticks.len());
    let array = Int64Array::new(values, nulls(ticks)).into_data().into_builder().data_type(data_type);
    Ok(make_array(array.build().map_err(arrow)?))
}

fn days(tensor: &Tensor) -> Result<ArrayRef> {
    let ticks = tensor.ticks()?;
    let day = |&day: &i64| match i32::try_from(day) {
        Ok(day) => Ok(day),
        Err(_) if day == NAT => Ok(0),
        Err(_) => {
            Err(Error::unsupported(format!("day {day} since 1970 cannot be in a column: Arrow counts in 32 bits")))
        }
    };
    let days = ticks.iter().map(day).collect::<Result<Vec<i32>>>()?;
    Ok(Arc::new(Date32Array::new(days.into(), nulls(ticks))))
}

fn nulls(ticks: &[i64]) -> Option<NullBuffer> {
    ticks.contains(&NAT).then(|| ticks.iter().map(|&tick| tick != NAT).collect())
}

/// The coarsest of Arrow's units that counts whole steps, or for finer steps its finest.
fn coarsest(step: TimeStep) -> Option<ArrowUnit> {
    match step.unit() {
        TimeUnit::Generic => None,
        TimeUnit::Millisecond => Some(ArrowUnit::Millisecond),
        TimeUnit::Microsecond => Some(ArrowUnit::Microsecond),
        unit if unit <= TimeUnit::Second => Some(ArrowUnit::Second),
        _ => Some(ArrowUnit::Nanosecond),
    }
}

fn unit_of(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second => TimeUnit::Second,
        ArrowUnit::Millisecond => TimeUnit::Millisecond,
        ArrowUnit::Microsecond => TimeUnit::Microsecond,
        ArrowUnit::Nanosecond => TimeUnit::Nanosecond,
    }
}

/// A tensor from timestamps without a time zone, dates or durations.
pub(super) fn from_arrow(array: &dyn Array) -> Result<Tensor> {
    let dtype = match array.data_type() {
        DataType::Date32 => {
            let days: Date32Array = PrimitiveArray::<Date32Type>::from(array.to_data());
            let ticks = days.iter().map(|day| day.map_or(NAT, i64::from)).collect();
            return Tensor::from_ticks(DType::Datetime(TimeUnit::Day.into()), [array.len()], ticks);
        }
        DataType::Date64 => DType::Datetime(TimeUnit::Millisecond.into()),
        DataType::Timestamp(unit, None) => DType::Datetime(unit_of(*unit).into()),
        DataType::Duration(unit) => DType::Timedelta(unit_of(*unit).into()),
        DataType::Timestamp(_, Some(zone)) => {
            return Err(Error::unsupported(format!(
                "a timestamp in the time zone '{zone}' has no dtype: anndata has dates without one; convert it to UTC"
            )));
        }
        other => return Err(Error::unsupported(format!("an Arrow array of type {other} has no dtype"))),
    };
    let data = array.to_data().into_builder().data_type(DataType::Int64).build().map_err(arrow)?;
    let ticks = PrimitiveArray::<Int64Type>::from(data);
    if ticks.null_count() == 0 && !ticks.values().contains(&NAT) {
        return Tensor::new(dtype, [ticks.len()], ticks.into_parts().1.into_inner());
    }
    let tick = |tick: Option<i64>| match tick {
        Some(NAT) => Err(Error::invalid_input(format!("the count {NAT} is not a time: it stands for a missing one"))),
        tick => Ok(tick.unwrap_or(NAT)),
    };
    Tensor::from_ticks(dtype, [ticks.len()], ticks.iter().map(tick).collect::<Result<Vec<i64>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(dtype: fn(TimeStep) -> DType, step: &str, ticks: &[i64]) -> Result<Tensor> {
        Tensor::from_ticks(dtype(step.parse()?), [ticks.len()], ticks.to_vec())
    }

    #[test]
    fn units_of_arrow_go_there_and_back() -> Result<()> {
        for step in ["s", "ms", "us", "ns"] {
            for dtype in [DType::Datetime, DType::Timedelta] {
                let tensor = times(dtype, step, &[5, NAT, -5])?;
                let array = tensor.to_arrow()?;
                assert_eq!((array.null_count(), array.is_null(1)), (1, true));
                assert_eq!(Tensor::from_arrow(array.as_ref())?, tensor);
                assert_eq!(Tensor::from_arrow(array.slice(1, 2).as_ref())?.ticks()?, [NAT, -5]);
            }
        }
        let days = times(DType::Datetime, "D", &[19_000, NAT])?;
        assert_eq!(*days.to_arrow()?.data_type(), DataType::Date32);
        assert_eq!(Tensor::from_arrow(days.to_arrow()?.as_ref())?, days);
        assert!(times(DType::Datetime, "D", &[1 << 40])?.to_arrow().is_err_and(|error| error.is_unsupported()));
        Ok(())
    }

    #[test]
    fn other_steps_become_what_arrow_has_where_nothing_is_lost() -> Result<()> {
        let seconds = DataType::Timestamp(ArrowUnit::Second, None);
        for (step, tick, data_type, expected) in [
            ("h", 2, &seconds, 7_200),
            ("M", 1, &seconds, 2_678_400),
            ("25s", 2, &seconds, 50),
            ("ps", 3_000, &DataType::Timestamp(ArrowUnit::Nanosecond, None), 3),
        ] {
            let array = times(DType::Datetime, step, &[tick])?.to_arrow()?;
            assert_eq!((array.data_type(), Tensor::from_arrow(array.as_ref())?.ticks()?[0]), (data_type, expected));
        }
        for tensor in [
            times(DType::Datetime, "ps", &[1])?,
            times(DType::Datetime, "h", &[i64::MAX])?,
            times(DType::Datetime, "generic", &[NAT])?,
            times(DType::Timedelta, "M", &[1])?,
        ] {
            assert!(tensor.to_arrow().is_err_and(|error| error.is_unsupported()), "{tensor:?}");
        }
        Ok(())
    }

    #[test]
    fn what_numpy_has_no_dates_for_is_refused() {
        let zoned = arrow_array::TimestampSecondArray::from(vec![1]).with_timezone("+01:00");
        assert!(Tensor::from_arrow(&zoned).is_err_and(|error| error.to_string().contains("+01:00")));
        assert!(Tensor::from_arrow(&arrow_array::Time32SecondArray::from(vec![1])).is_err());
        assert!(Tensor::from_arrow(&arrow_array::TimestampSecondArray::from(vec![NAT])).is_err());
        let dates = arrow_array::Date64Array::from(vec![86_400_000]);
        assert_eq!(
            Tensor::from_arrow(&dates).map(|dates| dates.dtype().to_string()).ok().as_deref(),
            Some("datetime64[ms]")
        );
    }
}
