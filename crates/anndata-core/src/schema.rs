//! [`Schema`]: what an element is, known without reading its values.

use anndata_storage::{AxisSelection, DType, Error, Result};

use crate::{Column, ColumnKind, SparseFormat};

/// What an element is: its kind, and the dtype, shape and categories that its kind has.
///
/// It is known from metadata alone, so that a store of any size answers at once.
///
/// ```
/// use anndata_core::{DType, Element, Schema, Tensor};
///
/// let pca = Element::from(Tensor::from_vec([3, 2], vec![0.0_f32; 6])?);
/// let schema = pca.schema()?;
/// assert_eq!(schema, Schema::Array { dtype: DType::F32, shape: vec![3, 2] });
/// assert_eq!(schema.shape(), Some(vec![3, 2]));
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Schema {
    /// Nothing.
    Null,
    /// Numbers, text, times or records; a scalar if it has no dimension.
    Array {
        /// The dtype of the values.
        dtype: DType,
        /// The length of each axis.
        shape: Vec<usize>,
    },
    /// A sparse matrix.
    Sparse {
        /// The axis that it is compressed along.
        format: SparseFormat,
        /// The dtype of the values.
        dtype: DType,
        /// The number of rows and of columns.
        shape: (usize, usize),
    },
    /// A column of a data frame that is not a plain array: nullable or categorical.
    Column(ColumnSchema),
    /// A data frame.
    Frame {
        /// The number of rows.
        n_rows: usize,
        /// The columns in order; `None` for one that is of an unknown encoding or cannot be opened.
        columns: Vec<(String, Option<ColumnSchema>)>,
    },
    /// An awkward array.
    Awkward {
        /// The number of rows.
        len: usize,
    },
    /// Named elements.
    Mapping,
    /// An object.
    AnnData {
        /// The number of observations.
        n_obs: usize,
        /// The number of variables.
        n_vars: usize,
    },
    /// The raw of an object.
    Raw,
    /// An element of an unknown encoding, or one that cannot be opened.
    Opaque,
    /// An element of an encoding that was added.
    Extension {
        /// Its `encoding-type`.
        encoding: String,
        /// The length of each axis, if it has axes.
        shape: Option<Vec<usize>>,
    },
}

/// What a column is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnSchema {
    /// What it is beyond its values: plain, nullable, categorical or of times.
    pub kind: ColumnKind,
    /// The dtype of the values; of a categorical column, that of the categories.
    pub dtype: DType,
    /// The number of rows.
    pub len: usize,
    /// The number of categories of a categorical column; `None` if it has none, or if it is known once the rows are.
    pub n_categories: Option<usize>,
}

impl ColumnSchema {
    /// A column without categories, or whose number of categories is not known.
    pub fn new(kind: ColumnKind, dtype: DType, len: usize) -> Self {
        Self { kind, dtype, len, n_categories: None }
    }

    /// Returns the same schema with a number of categories.
    #[must_use]
    pub fn with_n_categories(mut self, n_categories: usize) -> Self {
        self.n_categories = Some(n_categories);
        self
    }

    /// What a column in memory is.
    ///
    /// # Errors
    /// If its values have no dtype.
    pub fn of(column: &Column) -> Result<Self> {
        // A column without rows has the same categories, and no code or value of it is looked at.
        let without_rows = column.slice(0..0)?;
        let (values, n_categories) = match column.kind() {
            ColumnKind::Categorical { .. } => {
                let (_, categories) = without_rows.codes_and_categories()?;
                (categories.slice(0..0)?, Some(categories.len()))
            }
            _ => (without_rows, None),
        };
        let dtype = values.to_tensor()?.dtype().clone();
        Ok(Self { kind: column.kind(), dtype, len: column.len(), n_categories })
    }

    /// Whether it is a column of categories.
    pub fn is_categorical(&self) -> bool {
        matches!(self.kind, ColumnKind::Categorical { .. })
    }
}

impl Schema {
    /// The length of each axis; `None` for what has no axes.
    pub fn shape(&self) -> Option<Vec<usize>> {
        Some(match self {
            Self::Array { shape, .. } => shape.clone(),
            &Self::Sparse { shape: (rows, columns), .. } => vec![rows, columns],
            Self::Column(column) => vec![column.len],
            Self::Frame { n_rows, columns } => vec![*n_rows, columns.len()],
            &Self::Awkward { len } => vec![len],
            &Self::AnnData { n_obs, n_vars } => vec![n_obs, n_vars],
            Self::Extension { shape, .. } => return shape.clone(),
            Self::Null | Self::Mapping | Self::Raw | Self::Opaque => return None,
        })
    }

    /// The dtype of the values, if all have one.
    pub fn dtype(&self) -> Option<&DType> {
        match self {
            Self::Array { dtype, .. } | Self::Sparse { dtype, .. } => Some(dtype),
            Self::Column(column) => Some(&column.dtype),
            _ => None,
        }
    }

    /// What it is as a column, if it can be one.
    pub fn as_column(&self) -> Option<ColumnSchema> {
        match self {
            Self::Column(column) => Some(column.clone()),
            Self::Array { dtype, shape } => match (shape.as_slice(), dtype) {
                (&[len], DType::Datetime(step) | DType::Timedelta(step)) => {
                    Some(ColumnSchema::new(ColumnKind::Time(*step), dtype.clone(), len))
                }
                (_, DType::Compound(_) | DType::Unknown(_) | DType::Opaque(_)) => None,
                (&[len], _) => Some(ColumnSchema::new(ColumnKind::Plain, dtype.clone(), len)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The kind, in a word, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Array { shape, .. } if shape.is_empty() => "scalar",
            Self::Array { .. } => "array",
            Self::Sparse { .. } => "sparse matrix",
            Self::Column(_) => "column",
            Self::Frame { .. } => "data frame",
            Self::Awkward { .. } => "awkward array",
            Self::Mapping => "mapping",
            Self::AnnData { .. } => "AnnData",
            Self::Raw => "raw",
            Self::Opaque => "element of an unknown encoding",
            Self::Extension { .. } => "extension",
        }
    }

    /// What selected positions along the axes of the element are, one selection per axis from the first.
    pub(crate) fn select(mut self, axes: &[AxisSelection]) -> Result<Self> {
        let mut axes = axes.iter();
        let mut select = |len: &mut usize| -> Result<()> {
            if let Some(axis) = axes.next() {
                *len = len_of(axis)?;
            }
            Ok(())
        };
        match &mut self {
            Self::Array { shape, .. } | Self::Extension { shape: Some(shape), .. } => {
                shape.iter_mut().try_for_each(select)?;
            }
            Self::Sparse { shape: (rows, columns), .. } => [rows, columns].into_iter().try_for_each(select)?,
            Self::AnnData { n_obs, n_vars } => [n_obs, n_vars].into_iter().try_for_each(select)?,
            Self::Column(column) => select(&mut column.len)?,
            Self::Awkward { len } => select(len)?,
            Self::Frame { n_rows, columns } => {
                select(n_rows)?;
                for column in columns.iter_mut().filter_map(|(_, column)| column.as_mut()) {
                    column.len = *n_rows;
                }
            }
            Self::Null | Self::Mapping | Self::Raw | Self::Opaque | Self::Extension { shape: None, .. } => {}
        }
        Ok(self)
    }
}

/// The number of positions that a selection picks.
pub(crate) fn len_of(axis: &AxisSelection) -> Result<usize> {
    usize::try_from(axis.len())
        .map_err(|_| Error::limit_exceeded(format!("a selection of {} positions does not fit into memory", axis.len())))
}
