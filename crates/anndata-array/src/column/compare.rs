//! Comparing the values of a column with one value, or a list of them.

mod number;
mod time;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use ahash::RandomState;
use anndata_storage::{Complex, Error, Result, Tensor, f16};

use super::{Column, ColumnKind};
use crate::Mask;

/// One value to compare a column with: a number of any type, a boolean or a text.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnValue<'a>(Kind<'a>);

#[derive(Debug, Clone, PartialEq)]
enum Kind<'a> {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Complex(Complex<f64>),
    Text(Cow<'a, str>),
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Comparisons say for each row whether its value is equal to another one, less than it, and so on.
///
/// - A missing value fulfils no condition, not even [`not_equal_to`](Self::not_equal_to). NaN is a number that is equal to
///   none, and not equal to each.
/// - Numbers are compared as numpy compares them: a float with the value in the dtype of the column, so that 0.1 is equal to a
///   `float32` of 0.1, an integer with another one exactly, and with a float in `float64`. A boolean is 0 or 1. Complex numbers
///   have no order.
/// - Text is compared by its code points. Dates are compared with a text such as `2024-02-29` or `2024-02-29T12:30:00`.
/// - Categories are compared as values of their own dtype: whether they are equal, or, if they are in a meaningful order,
///   where they stand in it.
///
/// ```
/// use anndata_array::Column;
///
/// let stage = Column::categorical_from_strings(["E8", "E7", "E9", "E7"])?;
/// assert_eq!(stage.equal_to("E7")?.to_vec(), [false, true, false, true]);
/// assert!(stage.less_than("E9").unwrap_err().to_string().contains("no meaningful order"));
/// assert_eq!(Column::from(vec![0.1_f32, 0.5, f32::NAN]).at_most(0.1)?.to_vec(), [true, false, false]);
/// # Ok::<(), anndata_array::Error>(())
/// ```
impl Column {
    /// The rows whose value is this one.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the values cannot be compared with this one, as text with a number.
    #[doc(alias = "eq")]
    pub fn equal_to<'a>(&self, value: impl Into<ColumnValue<'a>>) -> Result<Mask> {
        self.compare(Comparison::Equal, &value.into())
    }

    /// The rows whose value is another one.
    ///
    /// # Errors
    /// As [`equal_to`](Self::equal_to).
    #[doc(alias = "ne")]
    pub fn not_equal_to<'a>(&self, value: impl Into<ColumnValue<'a>>) -> Result<Mask> {
        self.compare(Comparison::NotEqual, &value.into())
    }

    /// The rows whose value is less than this one.
    ///
    /// # Errors
    /// As [`equal_to`](Self::equal_to), and if the values have no order.
    #[doc(alias = "lt")]
    pub fn less_than<'a>(&self, value: impl Into<ColumnValue<'a>>) -> Result<Mask> {
        self.compare(Comparison::Less, &value.into())
    }

    /// The rows whose value is this one or less.
    ///
    /// # Errors
    /// As [`less_than`](Self::less_than).
    #[doc(alias = "le")]
    pub fn at_most<'a>(&self, value: impl Into<ColumnValue<'a>>) -> Result<Mask> {
        self.compare(Comparison::AtMost, &value.into())
    }

    /// The rows whose value is greater than this one.
    ///
    /// # Errors
    /// As [`less_than`](Self::less_than).
    #[doc(alias = "gt")]
    pub fn greater_than<'a>(&self, value: impl Into<ColumnValue<'a>>) -> Result<Mask> {
        self.compare(Comparison::Greater, &value.into())
    }

    /// The rows whose value is this one or greater.
    ///
    /// # Errors
    /// As [`less_than`](Self::less_than).
    #[doc(alias = "ge")]
    pub fn at_least<'a>(&self, value: impl Into<ColumnValue<'a>>) -> Result<Mask> {
        self.compare(Comparison::AtLeast, &value.into())
    }

    /// The rows whose value is one of these.
    ///
    /// # Errors
    /// As [`equal_to`](Self::equal_to).
    #[doc(alias = "isin")]
    pub fn is_in<'a, V: Into<ColumnValue<'a>>>(&self, values: impl IntoIterator<Item = V>) -> Result<Mask> {
        let values: Vec<ColumnValue<'a>> = values.into_iter().map(Into::into).collect();
        self.one_of(&values)
    }

    /// The rows that are `true` in a column of booleans; a missing one is not.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values are not booleans.
    pub fn to_mask(&self) -> Result<Mask> {
        let categories = match self.kind {
            ColumnKind::Categorical { .. } => Some(self.codes_and_categories()?.1),
            _ => None,
        };
        let values = Tensor::from_arrow(categories.as_ref().unwrap_or(self).array.as_ref())?;
        match values.dtype() {
            anndata_storage::DType::Bool => self.equal_to(true),
            dtype => Err(Error::dtype(format!("a mask is made of booleans, not of {dtype}"))),
        }
    }

    fn compare(&self, comparison: Comparison, value: &ColumnValue<'_>) -> Result<Mask> {
        if let ColumnKind::Categorical { ordered } = self.kind {
            return self.compare_categories(comparison, value, ordered);
        }
        let values = self.to_tensor()?;
        let dtype = values.dtype();
        let mask = match &value.0 {
            Kind::Text(text) if dtype.is_text() => {
                let texts = values.to_text()?;
                let texts = texts.strings()?;
                Mask::from_fn(self.len(), |row| comparison.holds(Some(texts.value(row).cmp(text))))
            }
            Kind::Text(text) if dtype.is_time() => time::compare(&values, comparison, text)?,
            Kind::Text(_) => return Err(value.unlike(&values)),
            number if dtype.is_numeric() => number::compare(&values, comparison, number)?,
            _ => return Err(value.unlike(&values)),
        };
        self.without_missing(&mask)
    }

    fn compare_categories(&self, comparison: Comparison, value: &ColumnValue<'_>, ordered: bool) -> Result<Mask> {
        let (_, categories) = self.codes_and_categories()?;
        let equal = categories.compare(Comparison::Equal, value)?;
        if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            let wanted = comparison == Comparison::Equal;
            return self.rows_of_categories(|code| equal.get(code).map(|equal| equal == wanted));
        }
        if !ordered {
            return Err(Error::invalid_input(
                "the categories have no meaningful order: they are equal to a value or not",
            ));
        }
        let Some(position) = equal.iter().position(|equal| equal) else {
            return Err(Error::invalid_input(format!("{value} is not a category, so that none is before or after it")));
        };
        self.rows_of_categories(|code| Some(comparison.holds(Some(code.cmp(&position)))))
    }

    fn one_of(&self, wanted: &[ColumnValue<'_>]) -> Result<Mask> {
        if let ColumnKind::Categorical { .. } = self.kind {
            let categories = self.codes_and_categories()?.1.one_of(wanted)?;
            return self.rows_of_categories(|code| categories.get(code));
        }
        let values = self.to_tensor()?;
        let dtype = values.dtype();
        let mask = if dtype.is_text() {
            let text = |value| match value {
                &ColumnValue(Kind::Text(ref text)) => Ok(text.as_ref()),
                other => Err(other.unlike(&values)),
            };
            let wanted = wanted.iter().map(text).collect::<Result<HashSet<&str, RandomState>>>()?;
            let texts = values.to_text()?;
            let texts = texts.strings()?;
            Mask::from_fn(self.len(), |row| wanted.contains(texts.value(row)))
        } else if dtype.is_time() {
            let none = Mask::from_fn(self.len(), |_| false);
            wanted.iter().try_fold(none, |mask, value| mask.or(&self.compare(Comparison::Equal, value)?))?
        } else {
            if let Some(text) = wanted.iter().find(|value| matches!(value.0, Kind::Text(_))) {
                return Err(text.unlike(&values));
            }
            number::one_of(&values, wanted)?
        };
        self.without_missing(&mask)
    }

    /// The rows whose category fulfils a condition; those without one do not.
    fn rows_of_categories(&self, holds: impl Fn(usize) -> Option<bool>) -> Result<Mask> {
        let codes = self.row_codes()?;
        let row = |code: &i64| usize::try_from(*code).ok().and_then(&holds) == Some(true);
        Ok(codes.iter().map(row).collect())
    }

    /// The same mask without the rows that are missing.
    fn without_missing(&self, mask: &Mask) -> Result<Mask> {
        match self.array.nulls() {
            Some(valid) => mask.and(&Mask::from(valid.inner().clone())),
            None => Ok(mask.clone()),
        }
    }
}

impl Comparison {
    /// Whether the condition is fulfilled by a value that compares so; `None` is NaN, compared with anything.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// The same for values that are equal or not, and have no order.
    fn holds_if_equal(self, equal: bool) -> Option<bool> {
        match self {
            Self::Equal => Some(equal),
            Self::NotEqual => Some(!equal),
            _ => None,
        }
    }
}

impl ColumnValue<'_> {
    /// The same value, with a text of its own.
    pub fn into_owned(self) -> ColumnValue<'static> {
        ColumnValue(match self.0 {
            Kind::Bool(value) => Kind::Bool(value),
            Kind::Integer(value) => Kind::Integer(value),
            Kind::Float(value) => Kind::Float(value),
            Kind::Complex(value) => Kind::Complex(value),
            Kind::Text(text) => Kind::Text(text.into_owned().into()),
        })
    }

    /// The error of a value that these cannot be compared with.
    fn unlike(&self, values: &Tensor) -> Error {
        Error::invalid_input(format!("values of type {} cannot be compared with {self}", values.dtype()))
    }
}

/// In words of an error: `the text 'B'`, `the number 3`.
impl fmt::Display for ColumnValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Bool(value) => write!(f, "the boolean {value}"),
            Kind::Integer(value) => write!(f, "the number {value}"),
            Kind::Float(value) => write!(f, "the number {value}"),
            Kind::Complex(value) => write!(f, "the number {value}"),
            Kind::Text(text) => write!(f, "the text '{text}'"),
        }
    }
}

macro_rules! from {
    ($($type:ty: |$value:ident| $kind:expr;)*) => {
        $(
            impl From<$type> for ColumnValue<'_> {
                fn from($value: $type) -> Self {
                    Self($kind)
                }
            }

            impl From<&$type> for ColumnValue<'_> {
                fn from(value: &$type) -> Self {
                    Self::from(*value)
                }
            }
        )*
    };
}

from! {
    bool: |value| Kind::Bool(value);
    i8: |value| Kind::Integer(value.into());
    i16: |value| Kind::Integer(value.into());
    i32: |value| Kind::Integer(value.into());
    i64: |value| Kind::Integer(value.into());
    u8: |value| Kind::Integer(value.into());
    u16: |value| Kind::Integer(value.into());
    u32: |value| Kind::Integer(value.into());
    u64: |value| Kind::Integer(value.into());
    usize: |value| Kind::Integer((value as u64).into());
    f16: |value| Kind::Float(value.into());
    f32: |value| Kind::Float(value.into());
    f64: |value| Kind::Float(value);
    Complex<f32>: |value| Kind::Complex(Complex::new(value.re.into(), value.im.into()));
    Complex<f64>: |value| Kind::Complex(value);
}

impl<'a> From<&'a ColumnValue<'_>> for ColumnValue<'a> {
    fn from(value: &'a ColumnValue<'_>) -> Self {
        Self(match &value.0 {
            Kind::Text(text) => Kind::Text(text.as_ref().into()),
            Kind::Bool(value) => Kind::Bool(*value),
            Kind::Integer(value) => Kind::Integer(*value),
            Kind::Float(value) => Kind::Float(*value),
            Kind::Complex(value) => Kind::Complex(*value),
        })
    }
}

impl<'a> From<&'a str> for ColumnValue<'a> {
    fn from(text: &'a str) -> Self {
        Self(Kind::Text(text.into()))
    }
}

impl<'a> From<&&'a str> for ColumnValue<'a> {
    fn from(text: &&'a str) -> Self {
        Self::from(*text)
    }
}

impl<'a> From<&'a String> for ColumnValue<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for ColumnValue<'_> {
    fn from(text: String) -> Self {
        Self(Kind::Text(text.into()))
    }
}
