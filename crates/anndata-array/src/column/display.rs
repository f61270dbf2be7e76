//! The text form of a [`Column`]: what it is, and its first and last values.

use std::fmt;

use anndata_storage::{Result, Tensor};
use arrow_array::Array;

use super::{Column, ColumnKind, NaValue};

/// How many values are shown at each end.
const SHOWN: usize = 5;

impl Column {
    /// The values as they are printed, those of categories in place of codes: as those of a [`Tensor`], with `<NA>`, `NaN` or
    /// `NaT` for one that is missing, as pandas has it.
    pub fn printed(&self) -> Vec<String> {
        self.try_printed().unwrap_or_else(|_| vec!["?".to_owned(); self.len()])
    }

    fn try_printed(&self) -> Result<Vec<String>> {
        let values = match self.kind {
            ColumnKind::Categorical { .. } => self.without_categories()?,
            _ => self.clone(),
        };
        let texts = match values.kind {
            ColumnKind::Time(_) => values.to_tensor()?,
            _ => Tensor::from_arrow(values.array.as_ref())?,
        };
        let missing = match self.kind {
            ColumnKind::Time(_) => "NaT",
            ColumnKind::Nullable(NaValue::Na) => "<NA>",
            _ => "NaN",
        };
        let text = |(row, text)| if self.array.is_null(row) { missing.to_owned() } else { text };
        Ok(texts.printed().into_iter().enumerate().map(text).collect())
    }

    fn described(&self) -> Result<String> {
        Ok(match self.kind {
            ColumnKind::Plain | ColumnKind::Time(_) => self.slice(0..0)?.to_tensor()?.dtype().to_string(),
            ColumnKind::Nullable(_) => format!("nullable {}", self.slice(0..0)?.to_tensor()?.dtype()),
            ColumnKind::Categorical { ordered } => {
                let (_, categories) = self.codes_and_categories()?;
                let (count, ordered) = (categories.len(), if ordered { "ordered " } else { "" });
                let noun = if count == 1 { "category" } else { "categories" };
                format!("{count} {ordered}{noun} of {}", categories.described()?)
            }
        })
    }
}

/// The dtype, the number of rows, and the first and last values.
///
/// ```
/// # use anndata_array::Column;
/// assert_eq!(Column::from([Some(1_i64), None, Some(3)]).to_string(), "nullable int64, 3 rows: 1, <NA>, 3");
/// let cells = Column::categorical_from_strings(["T", "B", "T"])?;
/// assert_eq!(cells.to_string(), "2 categories of string, 3 rows: T, B, T");
/// # Ok::<(), anndata_array::Error>(())
/// ```
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.len();
        let described = self.described().unwrap_or_else(|_| "?".to_owned());
        write!(f, "{described}, {len} {}", if len == 1 { "row" } else { "rows" })?;
        if len == 0 {
            return Ok(());
        }
        let part = |rows| self.slice(rows).map_or_else(|_| "?".to_owned(), |part| part.printed().join(", "));
        if len <= 2 * SHOWN {
            write!(f, ": {}", part(0..len))
        } else {
            write!(f, ": {}, ..., {}", part(0..SHOWN), part(len - SHOWN..len))
        }
    }
}
