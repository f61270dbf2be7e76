//! Columns in another dtype, and with values that are missing.

use std::sync::Arc;

use anndata_storage::{Complex, DType, Error, NAT, OrBug, Result, Scalar, Tensor, dispatch};
use arrow_array::{ArrayRef, LargeStringArray};
use arrow_cast::{CastOptions, cast_with_options};

use super::{Column, ColumnKind, NaValue};

impl Column {
    /// The values in another dtype, those of categories in place of codes; missing values stay missing.
    ///
    /// - Numbers become other numbers as by [`Tensor::cast`], but a float that is not finite does not become an integer. As
    ///   floats can be NaN only, a missing value becomes NaN among floats and complex numbers.
    /// - Anything becomes [`DType::String`], as Python shows it (`True`, `0.5`, `2024-02-29`); NaN becomes a missing text.
    /// - Text becomes the numbers, booleans or dates that it says.
    /// - Dates and spans of time change their step, and integers become counts of either.
    ///
    /// ```
    /// # use anndata_array::{Column, DType};
    /// let column = Column::strings(["3", "12"]).cast(&DType::I32)?;
    /// assert_eq!(column, Column::from(vec![3_i32, 12]));
    /// assert_eq!(Column::from(vec![Some(1_i64), None]).cast(&DType::F32)?.to_vec::<f32>()?[0], 1.0);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if values of the one dtype never become those of the other;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a value does not.
    #[doc(alias = "astype")]
    pub fn cast(&self, dtype: &DType) -> Result<Self> {
        if let ColumnKind::Categorical { .. } = self.kind {
            return self.without_categories()?.cast(dtype);
        }
        let values = self.to_tensor()?;
        let from = values.dtype();
        if from == dtype {
            return Ok(self.clone());
        }
        let na_value = if let ColumnKind::Nullable(na_value) = self.kind { na_value } else { NaValue::default() };
        let missing = self.missing();
        let cast = match dtype {
            DType::String => return self.cast_to_text(&values),
            _ if from.is_text() => return self.cast_from_text(&values, dtype),
            _ => values.cast(dtype)?,
        };
        if dtype.is_integer()
            && from.is_float()
            && let Some(row) = values.cast(&DType::F64)?.as_slice::<f64>()?.iter().position(|value| !value.is_finite())
        {
            let message = format!("row {row} is not a finite number, which no integer is");
            return Err(Error::invalid_input(message));
        }
        match self.kind {
            ColumnKind::Nullable(_) => Self::with_missing(&cast, &missing, na_value),
            _ => Self::plain(&cast),
        }
    }

    /// A column of values of which some are missing: nullable, or with NaN or `NaT` for those that are.
    pub(super) fn with_missing(values: &Tensor, missing: &[bool], na_value: NaValue) -> Result<Self> {
        let dtype = values.dtype();
        if dtype.is_float() {
            return Self::plain(&dispatch!(real dtype, T => filled(values, missing, T::from_f64(f64::NAN))?,
                else => return Err(Error::bug("a float is not a number"))));
        }
        match dtype {
            DType::Complex64 => Self::plain(&filled(values, missing, Complex::<f32>::from_f64(f64::NAN))?),
            DType::Complex128 => Self::plain(&filled(values, missing, Complex::<f64>::from_f64(f64::NAN))?),
            DType::Datetime(_) | DType::Timedelta(_) => {
                let ticks =
                    values.ticks()?.iter().zip(missing).map(|(&tick, &missing)| if missing { NAT } else { tick });
                Self::plain(&Tensor::from_ticks(dtype.clone(), values.shape(), ticks.collect())?)
            }
            _ => Self::nullable(values, missing, na_value),
        }
    }

    fn cast_to_text(&self, values: &Tensor) -> Result<Self> {
        let dtype = values.dtype();
        let missing = self.is_missing_or_nan()?;
        let texts = match dtype {
            dtype if dtype.is_text() => values.to_text()?.to_strings()?,
            dtype if dtype.is_time() => values.to_time_strings()?,
            DType::Bool => {
                let text = |&value: &bool| if value { "True" } else { "False" };
                values.as_slice::<bool>()?.iter().map(|value| text(value).to_owned()).collect()
            }
            dtype if dtype.is_integer() || dtype.is_float() => self.to_labels()?,
            _ => return Err(Error::dtype(format!("values of type {dtype} cannot become text"))),
        };
        let na_value = match self.kind {
            ColumnKind::Nullable(na_value) => na_value,
            _ if missing.count() == 0 => return Ok(Self::strings(texts)),
            _ => NaValue::Nan,
        };
        let texts = texts.into_iter().zip(missing.iter()).map(|(text, missing)| (!missing).then_some(text));
        Ok(Self { kind: ColumnKind::Nullable(na_value), array: Arc::new(texts.collect::<LargeStringArray>()) })
    }

    fn cast_from_text(&self, values: &Tensor, dtype: &DType) -> Result<Self> {
        let never = || Error::dtype(format!("values of type {} cannot become {dtype}", values.dtype()));
        if !(dtype.is_numeric() && !dtype.is_complex() || matches!(dtype, DType::Datetime(_))) {
            return Err(never());
        }
        let texts: ArrayRef = Arc::new(self.to_string_array()?);
        let target = Tensor::zeros(dtype, [0])?.to_arrow()?;
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let parsed = cast_with_options(&texts, target.data_type(), &options).map_err(|error| {
            Error::invalid_input(format!("a text does not say a value of type {dtype}")).with_source(error)
        })?;
        let parsed = Tensor::from_arrow(parsed.as_ref())?.cast(dtype)?;
        match self.kind {
            ColumnKind::Nullable(na_value) => Self::with_missing(&parsed, &self.missing(), na_value),
            _ => Self::plain(&parsed),
        }
    }
}

/// The values with another one for those that are missing.
fn filled<T: Scalar>(values: &Tensor, missing: &[bool], fill: T) -> Result<Tensor> {
    let values = values.as_slice::<T>()?;
    let value = |row: usize| match missing.get(row).or_bug("a mask of another length")? {
        true => Ok(fill),
        false => values.get(row).copied().or_bug("a row beyond the values"),
    };
    Tensor::from_vec([values.len()], (0..values.len()).map(value).collect::<Result<Vec<T>>>()?)
}
