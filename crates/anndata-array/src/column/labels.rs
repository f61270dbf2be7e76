//! The values of a column as labels of an axis.

use anndata_storage::{Error, Result};
use arrow_cast::display::{ArrayFormatter, FormatOptions};

use super::Column;

impl Column {
    /// The values as labels: text as Python's `str` shows them, `nan` for a missing one.
    ///
    /// # Errors
    /// If the values have no text form.
    pub fn to_labels(&self) -> Result<Vec<String>> {
        let options = FormatOptions::default().with_null("nan");
        let formatter = ArrayFormatter::try_new(self.array.as_ref(), &options)
            .map_err(|error| Error::invalid_data("an index has no text form").with_source(error))?;
        Ok((0..self.len()).map(|row| formatter.value(row).to_string()).collect())
    }

    /// The values as labels are compared: text as it is, with `None` for a missing one; others as
    /// [`to_labels`](Self::to_labels) shows them.
    ///
    /// # Errors
    /// If the values have no text form.
    pub fn to_comparable_labels(&self) -> Result<Vec<Option<String>>> {
        self.to_strings().or_else(|_| Ok(self.to_labels()?.into_iter().map(Some).collect()))
    }
}
