//! [`Encoder`]: the values of a column as numbers.

use std::collections::HashMap;

use anndata_core::{Column, Result, Series};
use anndata_storage::{Error, OrBug};
use serde::{Deserialize, Serialize};

use crate::Collection;

/// The values of a column as numbers from 0: the position of each among the classes. A missing value is -1.
///
/// It is kept with a model, as JSON, so that the numbers mean the same when the model is used.
///
/// ```
/// use anndata_core::Column;
/// use anndata_experimental::Encoder;
///
/// let encoder = Encoder::new(["B", "T"])?.with_unknown(-2);
/// assert_eq!(encoder.encode(&Column::strings(["T", "NK", "B"]))?, [1, -2, 0]);
/// let text = encoder.to_json();
/// assert_eq!(text, r#"{"classes":["B","T"],"unknown":-2}"#);
/// assert_eq!(Encoder::from_json(&text)?, encoder);
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[doc(alias("LabelEncoder", "encoders"))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoder {
    classes: Vec<String>,
    /// The number of a value that is none of the classes. Without it such a value is an error.
    #[serde(default)]
    unknown: Option<i64>,
}

impl Encoder {
    /// Of classes, each once.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if one is given twice.
    pub fn new<S: Into<String>>(classes: impl IntoIterator<Item = S>) -> Result<Self> {
        let encoder = Self { classes: classes.into_iter().map(Into::into).collect(), unknown: None };
        encoder.numbers().map_err(|class| Error::invalid_input(format!("the class '{class}' is there twice")))?;
        Ok(encoder)
    }

    /// Of all values that a column of `obs` has in any store: the categories of a categorical column, those without rows
    /// included, in their order; of others the different values, sorted as text.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if there is no such column; or if it cannot be read.
    pub fn fit(data: &Collection, column: &str) -> Result<Self> {
        let series = series(data, column)?;
        let classes = if let Some(len) = series.n_categories()? {
            series.categories(0..len)?.to_labels()?
        } else {
            let mut classes = series.load_once()?.factorize()?.1.to_labels()?;
            classes.sort_unstable();
            classes
        };
        Self::new(classes)
    }

    /// Sets the number of a value that is none of the classes; without one such a value is an error.
    #[must_use]
    pub fn with_unknown(mut self, number: impl Into<Option<i64>>) -> Self {
        self.unknown = number.into();
        self
    }

    /// The classes, in the order of their numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of each value.
    ///
    /// # Errors
    /// [`InvalidData`](anndata_core::ErrorKind::InvalidData) if a value is none of the classes, and no number is
    /// [set](Self::with_unknown) for such.
    pub fn encode(&self, column: &Column) -> Result<Vec<i64>> {
        let (codes, values) = column.factorize()?;
        let numbers = self.numbers().map_err(|class| Error::bug(format!("a class '{class}' twice")))?;
        let number = |value: &String| {
            let number = numbers.get(value.as_str()).copied().or(self.unknown);
            number.ok_or_else(|| {
                let message = format!(
                    "the value '{value}' is none of the {} classes of the encoder: fit it to all data, or set a number \
                     for unknown values",
                    self.classes.len()
                );
                Error::invalid_data(message)
            })
        };
        let values = values.to_labels()?.iter().map(number).collect::<Result<Vec<i64>>>()?;
        let value = |code: i64| match usize::try_from(code) {
            Ok(code) => values.get(code).copied().or_bug("a code without a value"),
            Err(_) => Ok(-1),
        };
        codes.into_iter().map(value).collect()
    }

    /// The class of a number.
    pub fn class(&self, number: i64) -> Option<&str> {
        self.classes.get(usize::try_from(number).ok()?).map(String::as_str)
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Of JSON.
    ///
    /// # Errors
    /// [`InvalidData`](anndata_core::ErrorKind::InvalidData) if it is not that of an encoder.
    pub fn from_json(text: &str) -> Result<Self> {
        let read: Self = serde_json::from_str(text)
            .map_err(|error| Error::invalid_data("it is not an encoder").with_source(error))?;
        let unknown = read.unknown;
        Ok(Self::new(read.classes).map_err(Error::of_stored)?.with_unknown(unknown))
    }

    /// The number of each class; or one that is there twice.
    fn numbers(&self) -> Result<HashMap<&str, i64>, &str> {
        let mut numbers = HashMap::with_capacity(self.classes.len());
        for (number, class) in (0..).zip(&self.classes) {
            if numbers.insert(class.as_str(), number).is_some() {
                return Err(class);
            }
        }
        Ok(numbers)
    }
}

/// A column of `obs`.
pub(crate) fn series<'a>(data: &'a Collection, column: &str) -> Result<&'a Series> {
    data.obs().series(column).ok_or_else(|| {
        let names = data.obs().column_names().collect::<Vec<_>>().join("', '");
        Error::not_found(format!("there is no column '{column}' in obs: it has '{names}'"))
    })
}
