//! Steps of time: what one count of a date, or of a span of time, stands for.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::Error;

/// The value of a date or of a span of time that is none: numpy's `NaT`.
pub const NAT: i64 = i64::MIN;

/// The unit in which dates and spans of time are counted: numpy's.
///
/// Dates are counted from the first of January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// None: numpy's dates of it are all `NaT`.
    Generic,
    /// Years of the calendar.
    Year,
    /// Months of the calendar.
    Month,
    /// Seven days.
    Week,
    /// Days of 86,400 seconds.
    Day,
    /// Hours.
    Hour,
    /// Minutes.
    Minute,
    /// Seconds.
    Second,
    /// 10⁻³ seconds.
    Millisecond,
    /// 10⁻⁶ seconds.
    Microsecond,
    /// 10⁻⁹ seconds.
    Nanosecond,
    /// 10⁻¹² seconds.
    Picosecond,
    /// 10⁻¹⁵ seconds.
    Femtosecond,
    /// 10⁻¹⁸ seconds.
    Attosecond,
}

/// What a length of time is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// Nothing.
    Generic,
    /// Months of the calendar, which differ in length.
    Months(i128),
    /// 10⁻¹⁸ seconds.
    Attoseconds(i128),
}

const SECOND: i128 = 1_000_000_000_000_000_000;

impl TimeUnit {
    const ALL: [Self; 14] = [
        Self::Generic,
        Self::Year,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
        Self::Picosecond,
        Self::Femtosecond,
        Self::Attosecond,
    ];

    /// numpy's symbol: `ns`, `D`, `generic`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Year => "Y",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
            Self::Hour => "h",
            Self::Minute => "m",
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
            Self::Picosecond => "ps",
            Self::Femtosecond => "fs",
            Self::Attosecond => "as",
        }
    }

    /// The word for several of it.
    fn plural(self) -> &'static str {
        match self {
            Self::Generic => "generic time units",
            Self::Year => "years",
            Self::Month => "months",
            Self::Week => "weeks",
            Self::Day => "days",
            Self::Hour => "hours",
            Self::Minute => "minutes",
            Self::Second => "seconds",
            Self::Millisecond => "milliseconds",
            Self::Microsecond => "microseconds",
            Self::Nanosecond => "nanoseconds",
            Self::Picosecond => "picoseconds",
            Self::Femtosecond => "femtoseconds",
            Self::Attosecond => "attoseconds",
        }
    }

    fn length(self) -> Length {
        Length::Attoseconds(match self {
            Self::Generic => return Length::Generic,
            Self::Year => return Length::Months(12),
            Self::Month => return Length::Months(1),
            Self::Week => 604_800 * SECOND,
            Self::Day => 86_400 * SECOND,
            Self::Hour => 3_600 * SECOND,
            Self::Minute => 60 * SECOND,
            Self::Second => SECOND,
            Self::Millisecond => 1_000_000_000_000_000,
            Self::Microsecond => 1_000_000_000_000,
            Self::Nanosecond => 1_000_000_000,
            Self::Picosecond => 1_000_000,
            Self::Femtosecond => 1_000,
            Self::Attosecond => 1,
        })
    }

    /// Digits of a fraction of a second.
    fn digits(self) -> usize {
        match self {
            Self::Millisecond => 3,
            Self::Microsecond => 6,
            Self::Nanosecond => 9,
            Self::Picosecond => 12,
            Self::Femtosecond => 15,
            Self::Attosecond => 18,
            _ => 0,
        }
    }
}

impl FromStr for TimeUnit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // zarr allows either letter that looks like it.
        let text = if matches!(text, "\u{b5}s" | "\u{3bc}s") { "us" } else { text };
        let unit = Self::ALL.into_iter().find(|unit| unit.symbol() == text);
        unit.ok_or_else(|| Error::invalid_data(format!("'{text}' is not a unit of time")))
    }
}

/// One step of the counts of [`DType::Datetime`](crate::DType::Datetime) and
/// [`DType::Timedelta`](crate::DType::Timedelta): so many of a unit, nearly always one.
///
/// ```
/// use anndata_storage::{TimeStep, TimeUnit};
///
/// let step: TimeStep = "25s".parse()?;
/// assert_eq!((step.unit(), step.count().get()), (TimeUnit::Second, 25));
/// assert_eq!(TimeStep::from(TimeUnit::Nanosecond).to_string(), "ns");
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeStep {
    unit: TimeUnit,
    count: NonZeroU32,
}

impl TimeStep {
    /// So many of a unit; of no unit always one.
    pub fn new(unit: TimeUnit, count: NonZeroU32) -> Self {
        Self { unit, count: if unit == TimeUnit::Generic { NonZeroU32::MIN } else { count } }
    }

    /// The unit.
    pub fn unit(self) -> TimeUnit {
        self.unit
    }

    /// How many of the unit a step is.
    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    pub(crate) fn length(self) -> Length {
        let count = i128::from(self.count.get());
        match self.unit.length() {
            Length::Generic => Length::Generic,
            Length::Months(months) => Length::Months(months * count),
            Length::Attoseconds(length) => Length::Attoseconds(length * count),
        }
    }

    /// The coarsest step that counts what both count, as numpy has it; `None` if there is none, or it would be too
    /// fine. `dates`: whether dates are counted, of which months are so many days, or spans of time.
    pub fn common(self, other: Self, dates: bool) -> Option<Self> {
        let (coarse, fine) = if self.unit <= other.unit { (self, other) } else { (other, self) };
        if coarse.unit == TimeUnit::Generic {
            return Some(fine);
        }
        let count = match (coarse.unit.length(), fine.unit.length()) {
            (Length::Months(long), Length::Months(short)) | (Length::Attoseconds(long), Length::Attoseconds(short)) => {
                // numpy's limit for the number of fine units in a coarse one.
                let factor = Some(long / short).filter(|&factor| factor < 1 << 56)?;
                gcd(i128::from(coarse.count.get()).checked_mul(factor)?, i128::from(fine.count.get()))
            }
            (Length::Months(_), Length::Attoseconds(short)) if dates && short >= 1_000_000_000 => 1,
            _ => return None,
        };
        Some(Self::new(fine.unit, NonZeroU32::new(u32::try_from(count).ok()?)?))
    }

    /// A count of these steps since 1970 as numpy prints it: ISO 8601 as exact as the unit, or `NaT`.
    pub(crate) fn date_text(self, ticks: i64) -> String {
        let units = i128::from(ticks) * i128::from(self.count.get());
        let digits = self.unit.digits();
        let seconds = match self.unit.length() {
            _ if ticks == NAT => return "NaT".to_owned(),
            Length::Generic => return ticks.to_string(),
            Length::Months(months) => {
                let months = units * months;
                let year = 1970 + months.div_euclid(12);
                return match self.unit {
                    TimeUnit::Year => format!("{year:04}"),
                    _ => format!("{year:04}-{:02}", months.rem_euclid(12) + 1),
                };
            }
            Length::Attoseconds(length) if digits == 0 => units * (length / SECOND),
            Length::Attoseconds(length) => units.div_euclid(SECOND / length),
        };
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let date = format!("{year:04}-{month:02}-{day:02}");
        let second = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        match (self.unit, self.unit.length()) {
            (TimeUnit::Week | TimeUnit::Day, _) => date,
            (TimeUnit::Hour, _) => format!("{date}T{hour:02}"),
            (TimeUnit::Minute, _) => format!("{date}T{hour:02}:{minute:02}"),
            (_, Length::Attoseconds(length)) if digits > 0 => {
                let fraction = units.rem_euclid(SECOND / length);
                format!("{date}T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}")
            }
            _ => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
        }
    }

    /// A span of so many steps as numpy prints it: `5 seconds`, or `NaT`.
    pub(crate) fn span_text(self, ticks: i64) -> String {
        if ticks == NAT {
            return "NaT".to_owned();
        }
        format!("{} {}", i128::from(ticks) * i128::from(self.count.get()), self.unit.plural())
    }
}

impl From<TimeUnit> for TimeStep {
    fn from(unit: TimeUnit) -> Self {
        Self { unit, count: NonZeroU32::MIN }
    }
}

/// As numpy has it within brackets: `ns`, `25s`, `generic`.
impl fmt::Display for TimeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count.get() > 1 {
            self.count.fmt(f)?;
        }
        f.write_str(self.unit.symbol())
    }
}

impl FromStr for TimeStep {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(end);
        let unit = unit.parse()?;
        if count.is_empty() {
            return Ok(Self::from(unit));
        }
        let bad = || Error::invalid_data(format!("'{count}' is not a number of units of time"));
        let count = count.parse::<u32>().ok().filter(|&count| i32::try_from(count).is_ok());
        Ok(Self::new(unit, count.and_then(NonZeroU32::new).ok_or_else(bad)?))
    }
}

pub(crate) fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar without beginning.
pub(crate) fn civil(day: i128) -> (i128, i128, i128) {
    // Years begin in March here, so that a leap day is the last of its year, and are counted in eras of 400.
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i128::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// The day, counted from 1970, on which a month begins that is counted from January 1970: the inverse of [`civil`].
pub(crate) fn first_day(month: i128) -> i128 {
    let (year, month) = (1970 + month.div_euclid(12), month.rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> TimeStep {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn dates_are_printed_as_numpy_prints_them() {
        for (unit, ticks, text) in [
            ("Y", -7, "1963"),
            ("Y", -1971, "-001"),
            ("M", 1_234_567, "104850-08"),
            ("7M", 3, "1971-10"),
            ("W", -7, "1969-11-13"),
            ("D", 1_234_567, "5350-02-17"),
            ("D", -1_095_000, "-1029-12-29"),
            ("h", -7, "1969-12-31T17"),
            ("m", 1_234_567, "1972-05-07T08:07"),
            ("s", -7, "1969-12-31T23:59:53"),
            ("25s", -7, "1969-12-31T23:57:05"),
            ("s", i64::MAX, "292277026596-12-04T15:30:07"),
            ("s", -i64::MAX, "-292277022657-01-27T08:29:53"),
            ("ms", -7, "1969-12-31T23:59:59.993"),
            ("ns", -(1 << 62), "1823-11-12T00:06:21.572612096"),
            ("as", 5, "1970-01-01T00:00:00.000000000000000005"),
            ("D", 1 << 62, "12626367463885247-04-15"),
            ("ns", NAT, "NaT"),
        ] {
            assert_eq!(step(unit).date_text(ticks), text, "{ticks} of {unit}");
        }
        assert_eq!(step("3h").span_text(-2), "-6 hours");
        assert_eq!(step("generic").span_text(5), "5 generic time units");
        assert_eq!(step("s").span_text(NAT), "NaT");
    }

    #[test]
    fn months_and_days_agree() {
        for month in (-40_000_i128..40_000).chain([1 << 62, -(1 << 62)]) {
            let (year, of_year, day) = civil(first_day(month));
            assert_eq!((12 * (year - 1970) + of_year - 1, day), (month, 1));
            let (_, before, _) = civil(first_day(month) - 1);
            assert_eq!(before % 12 + 1, of_year, "the day before is of the month before");
        }
    }

    #[test]
    fn steps_become_one_as_in_numpy() {
        for (a, b, dates, common) in [
            ("s", "ms", true, Some("ms")),
            ("25s", "10s", true, Some("5s")),
            ("7D", "W", true, Some("7D")),
            ("3h", "7m", true, Some("m")),
            ("2Y", "5M", true, Some("M")),
            ("12M", "Y", true, Some("12M")),
            ("Y", "D", true, Some("D")),
            ("25s", "3D", true, Some("25s")),
            ("generic", "s", true, Some("s")),
            ("as", "D", true, None),
            ("Y", "as", true, None),
            ("Y", "D", false, None),
            ("M", "Y", false, Some("M")),
        ] {
            assert_eq!(step(a).common(step(b), dates), common.map(step), "{a} and {b}");
            assert_eq!(step(b).common(step(a), dates), common.map(step), "{b} and {a}");
        }
    }

    #[test]
    fn steps_that_are_none_are_refused() {
        for text in ["", "0s", "x", "s5", "99999999999s", "-1s"] {
            assert!(text.parse::<TimeStep>().is_err(), "{text}");
        }
        assert_eq!(step("\u{3bc}s"), step("us"));
        assert_eq!(step("5generic").to_string(), "generic");
    }
}
