//! [`Series`]: a column that is in memory or not, and what is known of it without loading.

use std::ops::Range;

use anndata_storage::{AxisSelection, Error, Result};

use crate::{Column, ColumnSchema, Element, Schema, Series};

/// Equal values in memory. A column that was not read yet is equal to itself alone.
impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Loaded(a), Self::Loaded(b)) => a == b,
            (Self::Opaque(a), Self::Opaque(b)) => a == b,
            (Self::Lazy(a), Self::Lazy(b)) => a == b,
            (Self::Opaque(_), _) | (_, Self::Opaque(_)) => false,
            (Self::Lazy(lazy), Self::Loaded(column)) | (Self::Loaded(column), Self::Lazy(lazy)) => {
                let own = lazy.in_memory().map(Element::into_column);
                matches!(own, Some(Ok(own)) if own == *column)
            }
        }
    }
}

impl Series {
    /// The column, loaded where it is lazy.
    ///
    /// # Errors
    /// If it cannot be read, or is not a column.
    pub fn load(&self) -> Result<Column> {
        match self {
            Self::Loaded(column) => Ok(column.clone()),
            Self::Lazy(lazy) => lazy.load()?.into_column().map_err(|error| lazy.locate(error)),
            Self::Opaque(opaque) => Err(opaque.error("the column cannot be read")),
        }
    }

    /// The column, loaded where it is lazy, and then not kept.
    ///
    /// # Errors
    /// If it cannot be read, or is not a column.
    pub fn load_once(&self) -> Result<Column> {
        match self {
            Self::Lazy(lazy) => lazy.load_once()?.into_column().map_err(|error| lazy.locate(error)),
            other => other.load(),
        }
    }

    /// The number of rows, known without loading; `None` for a column of an unknown encoding.
    ///
    /// # Errors
    /// If a lazy column's metadata are malformed.
    pub fn rows(&self) -> Result<Option<usize>> {
        match self {
            Self::Loaded(column) => Ok(Some(column.len())),
            Self::Lazy(lazy) => match lazy.shape()?.as_deref() {
                Some([len]) => Ok(Some(*len)),
                None if matches!(lazy.schema()?, Schema::Opaque) => Ok(None),
                Some([]) => {
                    Err(lazy.locate(Error::invalid_data("a column is an array of one dimension, not a single value")))
                }
                Some(shape) => {
                    let message = format!("a column is an array of one dimension, not of shape {shape:?}");
                    Err(lazy.locate(Error::invalid_data(message)))
                }
                None => Err(lazy.locate(Error::invalid_data("a column is an array of one dimension"))),
            },
            Self::Opaque(_) => Ok(None),
        }
    }

    /// The column as an element, not loaded.
    pub fn to_element(&self) -> Element {
        match self {
            Self::Loaded(column) => Element::Column(column.clone()),
            Self::Lazy(lazy) => Element::Lazy(lazy.clone()),
            Self::Opaque(opaque) => Element::Opaque(opaque.clone()),
        }
    }

    /// The column in memory where it can be; one of an unknown encoding stays what it is.
    pub(super) fn to_loaded(&self) -> Result<Self> {
        match self {
            Self::Opaque(opaque) => Ok(Self::Opaque(opaque.load()?)),
            other => other.load().map(Self::Loaded),
        }
    }

    /// What the column is, known without loading; `None` for one of an unknown encoding.
    ///
    /// # Errors
    /// If the metadata of a lazy column are malformed, or those of something that is not a column.
    #[doc(alias = "dtype")]
    pub fn schema(&self) -> Result<Option<ColumnSchema>> {
        match self {
            Self::Loaded(column) => ColumnSchema::of(column).map(Some),
            Self::Opaque(_) => Ok(None),
            Self::Lazy(lazy) => match lazy.schema()? {
                Schema::Opaque => Ok(None),
                schema => {
                    let not_a_column = || {
                        let message = format!("expected a column, found a value of kind '{}'", schema.kind_name());
                        lazy.locate(Error::invalid_data(message))
                    };
                    schema.as_column().map(Some).ok_or_else(not_a_column)
                }
            },
        }
    }

    /// Some consecutive rows; of a lazy column no others are read, and these are not kept.
    ///
    /// ```
    /// use anndata_core::{Column, Series};
    ///
    /// let series = Series::from(vec![1_i64, 2, 3]);
    /// assert_eq!(series.slice(1..3)?, Column::from(vec![2_i64, 3]));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the range is out of bounds, or if they cannot be read.
    pub fn slice(&self, rows: Range<usize>) -> Result<Column> {
        let Self::Lazy(lazy) = self else {
            let column = self.load()?;
            check_range(&rows, column.len(), "rows")?;
            return column.slice(rows);
        };
        if let Some(len) = self.rows()? {
            check_range(&rows, len, "rows").map_err(|error| lazy.locate(error))?;
        }
        let some = self.to_element().select(&[AxisSelection::Range(rows.start as u64..rows.end as u64)])?;
        some.into_column().map_err(|error| lazy.locate(error))
    }

    /// The number of categories, known without loading; `None` for a column without categories, one of an unknown encoding, and
    /// a view that drops the categories which none of its rows has.
    ///
    /// # Errors
    /// As [`schema`](Self::schema).
    pub fn n_categories(&self) -> Result<Option<usize>> {
        Ok(self.schema()?.and_then(|schema| schema.n_categories))
    }

    /// Some of the categories of a column of categories. Of a stored column no codes are read, and of its categories no more than
    /// the chunks that they are in.
    ///
    /// ```
    /// use anndata_core::{Column, Series};
    ///
    /// let kind = Series::from(Column::categorical_from_strings(["T", "B", "NK"])?);
    /// assert_eq!(kind.n_categories()?, Some(3));
    /// assert_eq!(kind.categories(1..3)?.to_vec::<String>()?, ["NK", "T"]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is not a column of categories;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the range is out of bounds, or if they cannot be read.
    pub fn categories(&self, range: Range<usize>) -> Result<Column> {
        let locate = |error: Error| match self {
            Self::Lazy(lazy) => lazy.locate(error),
            _ => error,
        };
        let schema = self.schema()?.filter(ColumnSchema::is_categorical);
        let schema = schema.ok_or_else(|| locate(Error::dtype("the column is not categorical")))?;
        let checked = |len: usize| check_range(&range, len, "categories").map_err(locate);
        if let (Self::Lazy(lazy), Some(len)) = (self, schema.n_categories) {
            checked(len)?;
            return lazy.categories(range);
        }
        // A view that drops categories knows them once its rows are read.
        let categories = self.load_once()?.categories()?;
        checked(categories.len())?;
        categories.slice(range)
    }
}

fn check_range(range: &Range<usize>, len: usize, what: &str) -> Result<()> {
    if range.start <= range.end && range.end <= len {
        return Ok(());
    }
    Err(Error::invalid_input(format!("the {what} {range:?} are out of bounds of {len}")))
}

impl<C: Into<Column>> From<C> for Series {
    fn from(column: C) -> Self {
        Self::Loaded(column.into())
    }
}
