//! Renaming and dropping columns.

use anndata_storage::{Error, Result};
use indexmap::IndexMap;

use super::DataFrame;

impl DataFrame {
    /// Renames a column; it stays where it is among the others.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is none, or
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where another one has the new name.
    pub fn rename(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
        let to = to.into();
        let place = self.columns.get_index_of(from).ok_or_else(|| Error::not_found(format!("no column '{from}'")))?;
        self.columns
            .replace_index(place, to)
            .map_err(|(_, to)| Error::already_exists(format!("there is a column '{to}'")))?;
        Ok(())
    }

    /// The index alone.
    #[must_use]
    pub fn without_columns(&self) -> Self {
        Self { columns: IndexMap::new(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_column_stays_where_it_is() -> Result<()> {
        let mut frame = DataFrame::new(["a"]).with_column("x", vec![1])?.with_column("y", vec![2])?;
        frame.rename("x", "z")?;
        frame.rename("z", "z")?;
        assert_eq!(frame.column_names().collect::<Vec<_>>(), ["z", "y"]);
        assert!(frame.rename("x", "w").is_err_and(|error| error.is_not_found()));
        assert!(frame.rename("z", "y").is_err_and(|error| error.is_already_exists()));
        assert_eq!(frame.without_columns(), DataFrame::new(["a"]));
        Ok(())
    }
}
