//! The rows of a frame: chosen by a mask, sorted, in groups.

use anndata_array::{Groups, Mask};
use anndata_storage::{Error, Result};

use super::{DataFrame, Series};

impl DataFrame {
    /// The rows that a mask chooses; lazy columns are loaded.
    ///
    /// ```
    /// # use anndata_core::DataFrame;
    /// let obs = DataFrame::new(["a", "b", "c"]).with_column("n_genes", [900, 150, 420])?;
    /// let kept = obs.filter(&obs.column("n_genes")?.at_least(200)?)?;
    /// assert_eq!(kept.names()?, ["a", "c"]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the mask has another length, or if a column cannot be loaded.
    #[doc(alias = "loc")]
    pub fn filter(&self, mask: &Mask) -> Result<Self> {
        let rows = self.len()?;
        if mask.len() != rows {
            return Err(Error::invalid_input(format!("a mask of {} rows was given for a frame of {rows}", mask.len())));
        }
        self.take(&mask.rows())
    }

    /// The rows in the order of a column, the largest value first if `descending`; rows of equal values stay in their order,
    /// those that are missing or NaN come last. Lazy columns are loaded.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such column; [`DType`](crate::ErrorKind::DType) if its values
    /// have no order.
    #[doc(alias = "sort_values")]
    pub fn sort_by(&self, column: &str, descending: bool) -> Result<Self> {
        let rows = self.column(column)?.sort_positions(descending).map_err(|error| named(column, error))?;
        self.take(&rows)
    }

    /// The first `n` rows, all where there are fewer; lazy columns are loaded.
    ///
    /// # Errors
    /// If a column cannot be loaded.
    pub fn head(&self, n: usize) -> Result<Self> {
        let rows = 0..n.min(self.len()?);
        self.map(|series| Ok(Series::Loaded(series.load()?.slice(rows.clone())?)))
    }

    /// The rows of each value of a column: of each category, those without rows included, or of each different value, sorted.
    ///
    /// ```
    /// # use anndata_core::DataFrame;
    /// let obs = DataFrame::new(["a", "b", "c"]).with_column("cell_type", ["T", "B", "T"])?;
    /// let groups = obs.group_by("cell_type")?;
    /// assert_eq!(groups.names().to_vec::<String>()?, ["B", "T"]);
    /// assert_eq!(groups.rows(), [vec![1], vec![0, 2]]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sort_by`](Self::sort_by).
    #[doc(alias = "groupby")]
    pub fn group_by(&self, column: &str) -> Result<Groups> {
        Groups::of(&self.column(column)?).map_err(|error| named(column, error))
    }
}

fn named(column: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("column '{column}'")).with_source(error)
}
