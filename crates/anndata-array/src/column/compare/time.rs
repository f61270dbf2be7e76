//! Comparing dates with a text.

use std::sync::Arc;

use anndata_storage::{DType, Error, NAT, Result, Tensor, TimeUnit};
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit as ArrowUnit};

use super::Comparison;
use crate::Mask;

/// Compares dates with the one that a text says; spans of time only by how they are printed.
pub(super) fn compare(values: &Tensor, comparison: Comparison, text: &str) -> Result<Mask> {
    let DType::Datetime(_) = values.dtype() else {
        if comparison.holds_if_equal(true).is_none() {
            let message = "spans of time can be compared with a text for equality only";
            return Err(Error::unsupported(message));
        }
        let texts = values.to_time_strings()?;
        return Ok(texts.iter().map(|value| comparison.holds_if_equal(value == text) == Some(true)).collect());
    };
    let wanted = instant(text)?;
    let (ticks, length) = instants(values)?;
    let holds = |&ticks: &i64| ticks != NAT && comparison.holds(Some((i128::from(ticks) * length).cmp(&wanted)));
    Ok(ticks.ticks()?.iter().map(holds).collect())
}

/// Dates as counts of a step of constant length, and that length in nanoseconds.
fn instants(values: &Tensor) -> Result<(Tensor, i128)> {
    let DType::Datetime(step) = values.dtype() else { return Err(Error::dtype("the values are not dates")) };
    let length = match step.unit() {
        // Months are of no constant length; their first days are.
        TimeUnit::Year | TimeUnit::Month => {
            let days = values.cast(&DType::Datetime(TimeUnit::Day.into()))?;
            return Ok((days, 86_400 * 1_000_000_000));
        }
        TimeUnit::Week => 7 * 86_400 * 1_000_000_000,
        TimeUnit::Day => 86_400 * 1_000_000_000,
        TimeUnit::Hour => 3_600 * 1_000_000_000,
        TimeUnit::Minute => 60 * 1_000_000_000,
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
        _ => return Err(Error::unsupported(format!("dates in steps of {step} cannot be compared with a text"))),
    };
    Ok((values.clone(), length * i128::from(step.count().get())))
}

/// The date that a text says, in nanoseconds since 1970.
fn instant(text: &str) -> Result<i128> {
    for (unit, length) in
        [(ArrowUnit::Nanosecond, 1), (ArrowUnit::Microsecond, 1_000), (ArrowUnit::Second, 1_000_000_000)]
    {
        if let Some(ticks) = parse(text, unit)? {
            return Ok(i128::from(ticks) * length);
        }
    }
    Err(Error::invalid_input(format!("'{text}' is not a date such as 2024-02-29 or 2024-02-29T12:30:00")))
}

/// The count of the unit since 1970 at which a date is; `None` if the text is not one, or beyond what can be counted.
fn parse(text: &str, unit: ArrowUnit) -> Result<Option<i64>> {
    let text: ArrayRef = Arc::new(LargeStringArray::from_iter_values([text]));
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let parsed = cast_with_options(&text, &DataType::Timestamp(unit, None), &options)
        .map_err(|error| Error::invalid_input("the date cannot be read").with_source(error))?;
    if parsed.is_null(0) {
        return Ok(None);
    }
    Ok(Tensor::from_arrow(parsed.as_ref())?.ticks()?.first().copied())
}
