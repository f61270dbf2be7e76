//! [`DataFrame`]: an index and ordered columns, as pandas has it.

mod arrow;
mod display;
mod edit;
mod rows;
mod series;

use std::sync::Arc;

use anndata_storage::{Error, Result};
use indexmap::IndexMap;

use crate::caches::NameCache;
use crate::element::load_mapping;
use crate::{Column, DataFrame, Mapping, NameIndex, Schema, Series};

impl DataFrame {
    /// A frame without columns, with this index of text.
    pub fn new<S: AsRef<str>>(index: impl IntoIterator<Item = S>) -> Self {
        Self::with_index(Column::strings(index))
    }

    /// A frame without columns, with an index of any kind.
    pub fn with_index(index: impl Into<Series>) -> Self {
        Self {
            index_name: None,
            index: index.into(),
            columns: IndexMap::new(),
            other: Mapping::new(),
            names: NameCache::default(),
        }
    }

    /// A frame of `len` rows labelled "0", "1", ..., as anndata labels what has no names.
    pub fn unnamed(len: usize) -> Self {
        Self::new((0..len).map(|i| i.to_string()))
    }

    /// Returns the frame with a name for the index.
    #[must_use]
    pub fn with_index_name(mut self, name: Option<String>) -> Self {
        self.index_name = name;
        self
    }

    /// Returns the frame with one more column, at the end; a column of that name is replaced in position.
    ///
    /// # Errors
    /// If the length is not that of the index.
    pub fn with_column(mut self, name: impl Into<String>, column: impl Into<Series>) -> Result<Self> {
        self.insert(name, column)?;
        Ok(self)
    }

    /// Adds a column at the end, or replaces the one of that name.
    ///
    /// # Errors
    /// If the length is not that of the index.
    pub fn insert(&mut self, name: impl Into<String>, column: impl Into<Series>) -> Result<()> {
        let (name, column) = (name.into(), column.into());
        let rows = self.len()?;
        if let Some(len) = column.rows()?.filter(|&len| len != rows) {
            return Err(Error::invalid_input(format!("column '{name}' has {len} rows, but the index has {rows}")));
        }
        self.columns.insert(name, column);
        Ok(())
    }

    /// The number of rows.
    ///
    /// # Errors
    /// If the metadata of a lazy index are malformed.
    #[doc(alias = "shape")]
    pub fn len(&self) -> Result<usize> {
        match (self.index.rows()?, &self.index) {
            (Some(rows), _) => Ok(rows),
            (None, Series::Opaque(opaque)) => Err(opaque.error("the index cannot be read")),
            (None, _) => Err(Error::unsupported("the length of the index is not known")),
        }
    }

    /// Whether there is no row.
    ///
    /// # Errors
    /// As [`len`](Self::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The name of the index, if it has one.
    #[doc(alias("index_dim", "true_index_dim"))]
    pub fn index_name(&self) -> Option<&str> {
        self.index_name.as_deref()
    }

    /// The index, not loaded where it is lazy.
    #[doc(alias("true_index", "xr_index", "true_xr_index"))]
    pub fn index(&self) -> &Series {
        &self.index
    }

    /// Replaces the index.
    ///
    /// # Errors
    /// If the length differs.
    pub fn set_index(&mut self, index: impl Into<Series>) -> Result<()> {
        let index = index.into();
        let rows = self.len()?;
        match index.rows()? {
            Some(labels) if labels == rows => {}
            Some(labels) => {
                return Err(Error::invalid_input(format!("an index of {labels} labels was given for {rows} rows")));
            }
            None => return Err(Error::unsupported("an index of an unknown encoding has no labels")),
        }
        self.index = index;
        self.names = NameCache::default();
        Ok(())
    }

    /// The labels of the rows as text; a missing label is empty.
    ///
    /// # Errors
    /// If the index cannot be loaded or is not text.
    pub fn names(&self) -> Result<Vec<String>> {
        Ok(self.index.load()?.to_strings()?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Where each label is. It is built once and shared by the clones of the frame.
    ///
    /// # Errors
    /// As [`names`](Self::names).
    pub fn name_index(&self) -> Result<Arc<NameIndex>> {
        self.names.get_or_make(|| Ok(NameIndex::new(self.index.load()?.to_string_array()?)))
    }

    /// The names of the columns, in order.
    #[doc(alias("obs_keys", "var_keys", "keys"))]
    pub fn column_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// The columns, in order, not loaded where they are lazy.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &Series)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// Whether there is a column of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// A column, not loaded where it is lazy.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.columns.get(name)
    }

    /// A column, loaded where it is lazy.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or if it cannot be read.
    pub fn column(&self, name: &str) -> Result<Column> {
        match self.columns.get(name) {
            Some(column) => column.load(),
            None => Err(Error::not_found(format!("there is no column '{name}'"))),
        }
    }

    /// Elements that stand beside the columns in the store that the frame was read from. They are written back.
    pub fn other(&self) -> &Mapping {
        &self.other
    }

    /// Returns the frame with elements beside the columns.
    #[must_use]
    pub fn with_other(mut self, other: Mapping) -> Self {
        self.other = other;
        self
    }

    /// The frame with every column in memory.
    ///
    /// # Errors
    /// If one cannot be read.
    #[doc(alias = "to_memory")]
    pub fn load(&self) -> Result<Self> {
        let other = load_mapping(&self.other)?;
        Ok(self.map(Series::to_loaded)?.with_other(other))
    }

    /// The rows at these positions, in the order given; lazy columns are loaded.
    ///
    /// # Errors
    /// If a position is out of bounds or a column cannot be loaded.
    #[doc(alias("iloc", "Dataset2DIlocIndexer"))]
    pub fn take(&self, rows: &[u64]) -> Result<Self> {
        self.map(|series| Ok(Series::Loaded(series.load()?.take(rows)?)))
    }

    /// The frame with a function applied to the index and to every column.
    ///
    /// # Errors
    /// If the function fails.
    pub fn map(&self, change: impl Fn(&Series) -> Result<Series>) -> Result<Self> {
        let columns = self.columns.iter().map(|(name, series)| Ok((name.clone(), change(series)?)));
        Ok(Self {
            index_name: self.index_name.clone(),
            index: change(&self.index)?,
            columns: columns.collect::<Result<_>>()?,
            other: self.other.clone(),
            names: NameCache::default(),
        })
    }

    /// What the frame is, known without loading.
    ///
    /// # Errors
    /// If the metadata of a lazy index or column are malformed.
    #[doc(alias = "dtypes")]
    pub fn schema(&self) -> Result<Schema> {
        let columns = self.columns().map(|(name, series)| Ok((name.to_owned(), series.schema()?)));
        Ok(Schema::Frame { n_rows: self.len()?, columns: columns.collect::<Result<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_order_and_length() -> Result<()> {
        let mut frame =
            DataFrame::new(["a", "b"]).with_column("z", vec![1_i32, 2])?.with_column("y", vec!["p", "q"])?;
        assert!(frame.insert("x", vec![1.0]).is_err_and(|error| error.to_string().contains("'x' has 1 rows")));
        frame.insert("z", vec![true, false])?;
        assert_eq!(frame.column_names().collect::<Vec<_>>(), ["z", "y"]);
        assert!(frame.column("nope").is_err_and(|error| error.is_not_found()));
        assert!(frame.set_index(Column::strings(["only"])).is_err_and(|error| error.message().contains("for 2 rows")));
        Ok(())
    }
}
