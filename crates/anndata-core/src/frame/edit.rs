//! Renaming and dropping columns, and making them categorical.

use anndata_storage::{Error, Result};
use indexmap::IndexMap;

use super::{DataFrame, Series};
use crate::ColumnKind;

impl DataFrame {
    /// Removes a column and keeps the order of the others.
    pub fn remove(&mut self, name: &str) -> Option<Series> {
        self.columns.shift_remove(name)
    }

    /// Renames a column; it stays where it is among the others.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if another one has the new name.
    pub fn rename(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
        let to = to.into();
        let position =
            self.columns.get_index_of(from).ok_or_else(|| Error::not_found(format!("there is no column '{from}'")))?;
        self.columns
            .replace_index(position, to)
            .map_err(|(_, to)| Error::already_exists(format!("there is a column '{to}'")))?;
        Ok(())
    }

    /// The frame with each text column that repeats values made categorical; categories are in natural order
    /// (`a2` before `a10`). Other columns stay as they are.
    ///
    /// # Errors
    /// If a lazy column cannot be read.
    pub fn strings_to_categoricals(&self) -> Result<Self> {
        let mut frame = self.clone();
        for (name, series) in &self.columns {
            if matches!(series, Series::Opaque(_)) {
                continue;
            }
            let column = series.load()?;
            if matches!(column.kind(), ColumnKind::Categorical { .. }) || !column.array().data_type().is_string() {
                continue;
            }
            if let Some(categorical) = column.repeated_strings_to_categorical()? {
                frame.columns.insert(name.clone(), Series::Loaded(categorical));
            }
        }
        Ok(frame)
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
