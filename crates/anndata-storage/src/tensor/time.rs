//! Tensors of dates and spans of time: counts of a step in 64 bits, one of which is "not a time".

use super::{Data, SharedBytes, Tensor};
use crate::time::{Length, civil, first_day, gcd};
use crate::{DType, Error, NAT, Result, TimeStep};

/// 10⁻¹⁸ seconds of a day.
const DAY: i128 = 86_400_000_000_000_000_000_000;

impl Tensor {
    /// A tensor of dates or spans of time from counts of the step of its dtype; [`NAT`] is "not a time".
    ///
    /// ```
    /// use anndata_storage::{DType, NAT, Tensor, TimeUnit};
    ///
    /// let dates = Tensor::from_ticks(DType::Datetime(TimeUnit::Day.into()), [2], vec![19_000, NAT])?;
    /// assert_eq!(dates.dtype().to_string(), "datetime64[D]");
    /// assert_eq!(dates.to_time_strings()?, ["2022-01-08", "NaT"]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is another one, or the length is not that of the shape.
    pub fn from_ticks(dtype: DType, shape: impl Into<Vec<usize>>, ticks: Vec<i64>) -> Result<Self> {
        match dtype {
            DType::Datetime(_) | DType::Timedelta(_) => Self::new(dtype, shape, SharedBytes::of_vec(ticks)),
            other => Err(Error::dtype(format!("values of type {other} are not dates or spans of time"))),
        }
    }

    /// The counts of dates or spans of time, in C order, without a copy.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) for every other dtype.
    pub fn ticks(&self) -> Result<&[i64]> {
        match &self.data {
            Data::Buffer(buffer) if self.dtype.is_time() => bytemuck::try_cast_slice(buffer.as_slice())
                .map_err(|error| Error::invalid_data(format!("the buffer is not an array of {}: {error}", self.dtype))),
            _ => Err(Error::dtype(format!("the values are of type {}, not dates or spans of time", self.dtype))),
        }
    }

    /// The values in C order as numpy prints them: dates in ISO 8601 as exact as their unit (`2024-02-29T12:00`), spans
    /// of time with their unit (`5 seconds`), and `NaT`.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) if the values are neither.
    pub fn to_time_strings(&self) -> Result<Vec<String>> {
        let ticks = self.ticks()?.iter();
        Ok(match self.dtype {
            DType::Datetime(step) => ticks.map(|&ticks| step.date_text(ticks)).collect(),
            DType::Timedelta(step) => ticks.map(|&ticks| step.span_text(ticks)).collect(),
            _ => Vec::new(),
        })
    }
}

/// Dates in another step, spans of time in another step, or integers as counts; a value is never rounded.
pub(super) fn cast(tensor: &Tensor, dtype: &DType) -> Result<Tensor> {
    let refuse = || Error::dtype(format!("values of type {} cannot become {dtype}", tensor.dtype));
    let convert = match (&tensor.dtype, dtype) {
        (DType::Datetime(from), DType::Datetime(to)) => conversion(*from, *to, true),
        (DType::Timedelta(from), DType::Timedelta(to)) => conversion(*from, *to, false),
        (DType::U64, _) => return Err(refuse()),
        (from, DType::Datetime(_) | DType::Timedelta(_)) if from.is_integer() || *from == DType::Bool => {
            let ticks = tensor.cast(&DType::I64)?.as_slice::<i64>()?.to_vec();
            return Tensor::from_ticks(dtype.clone(), tensor.shape.clone(), ticks);
        }
        _ => return Err(refuse()),
    };
    let convert = convert.ok_or_else(refuse)?;
    let mut ticks = Vec::with_capacity(tensor.len());
    for (at, &tick) in tensor.ticks()?.iter().enumerate() {
        let converted = if tick == NAT { Some(NAT) } else { convert(i128::from(tick)).filter(|&tick| tick != NAT) };
        ticks.push(converted.ok_or_else(|| {
            let value = tensor.to_time_strings().ok().and_then(|texts| texts.into_iter().nth(at)).unwrap_or_default();
            Error::dtype(format!("the value {value} of type {} cannot be stored as {dtype}", tensor.dtype))
        })?);
    }
    Tensor::from_ticks(dtype.clone(), tensor.shape.clone(), ticks)
}

/// A count in other steps, `None` if that is not a whole number or too large a one.
type Convert = Box<dyn Fn(i128) -> Option<i64>>;

/// How counts of one step become those of another; `None` if they never do.
fn conversion(from: TimeStep, to: TimeStep, dates: bool) -> Option<Convert> {
    Some(match (from.length(), to.length()) {
        (Length::Generic, Length::Generic) => Box::new(|ticks| i64::try_from(ticks).ok()),
        // A date without a unit is not a date; a span without one fits any unit.
        (Length::Generic, _) if dates => Box::new(|_| None),
        (Length::Generic, _) => Box::new(|ticks| i64::try_from(ticks).ok()),
        (Length::Months(a), Length::Months(b)) | (Length::Attoseconds(a), Length::Attoseconds(b)) => {
            let common = gcd(a, b);
            Box::new(move |ticks| whole(ticks.checked_mul(a / common)?, b / common))
        }
        (Length::Months(months), Length::Attoseconds(length)) if dates => {
            let common = gcd(DAY, length);
            Box::new(move |ticks| whole(first_day(ticks * months).checked_mul(DAY / common)?, length / common))
        }
        (Length::Attoseconds(length), Length::Months(months)) if dates => {
            let common = gcd(DAY, length);
            Box::new(move |ticks| {
                let day = whole(ticks.checked_mul(length / common)?, DAY / common)?;
                let (year, month, day) = civil(day.into());
                (day == 1).then(|| whole(12 * (year - 1970) + month - 1, months))?
            })
        }
        _ => return None,
    })
}

fn whole(ticks: i128, divisor: i128) -> Option<i64> {
    (ticks % divisor == 0).then(|| i64::try_from(ticks / divisor).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AxisSelection;

    fn dates(step: &str, ticks: &[i64]) -> Result<Tensor> {
        Tensor::from_ticks(DType::Datetime(step.parse()?), [ticks.len()], ticks.to_vec())
    }

    #[test]
    fn dates_change_their_step_without_rounding() -> Result<()> {
        for (from, ticks, to, expected) in [
            ("s", 5, "ns", Some(5_000_000_000)),
            ("ns", 5_000_000_000, "s", Some(5)),
            ("ns", 5_000_000_001, "s", None),
            ("s", 1 << 62, "ns", None),
            ("M", 649, "D", Some(19_754)),
            ("D", 19_754, "M", Some(649)),
            ("D", 19_755, "M", None),
            ("Y", 50, "s", Some(1_577_836_800)),
            ("25s", 4, "10s", Some(10)),
            ("generic", 4, "s", None),
            ("ns", NAT, "Y", Some(NAT)),
        ] {
            let cast = dates(from, &[ticks])?.cast(&DType::Datetime(to.parse()?));
            match expected {
                Some(expected) => assert_eq!(cast?, dates(to, &[expected])?, "{ticks} {from} in {to}"),
                None => assert!(cast.is_err_and(|error| error.is_dtype()), "{ticks} {from} in {to}"),
            }
        }
        let span = Tensor::from_ticks(DType::Timedelta("Y".parse()?), [1], vec![2])?;
        assert_eq!(span.cast(&DType::Timedelta("M".parse()?))?.ticks()?, [24]);
        assert!(span.cast(&DType::Timedelta("D".parse()?)).is_err_and(|error| error.is_dtype()));
        assert!(span.cast(&DType::I64).is_err_and(|error| error.is_dtype()));
        assert!(span.cast(&DType::Datetime("Y".parse()?)).is_err_and(|error| error.is_dtype()));
        Ok(())
    }

    #[test]
    fn dates_are_selected_joined_and_compared_bit_for_bit() -> Result<()> {
        let all = dates("ns", &[1, NAT, -3])?;
        assert_eq!(all.take(0, &[2, 1])?.ticks()?, [-3, NAT]);
        assert_eq!(Tensor::concat_rows(&[all.slice_rows(1..3)?, all.slice_rows(0..1)?])?.ticks()?, [NAT, -3, 1]);
        assert_eq!(all.put(&[AxisSelection::Range(0..1)], &dates("s", &[2])?)?.ticks()?, [2_000_000_000, NAT, -3]);
        assert_eq!(all, dates("ns", &[1, NAT, -3])?);
        assert_ne!(all, dates("us", &[1, NAT, -3])?);
        assert!(all.as_slice::<i64>().is_err_and(|error| error.is_dtype()));
        assert!(format!("{all:?}").contains("1970-01-01T00:00:00.000000001"));
        Ok(())
    }
}
