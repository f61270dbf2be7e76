//! What planning knows of an element: kind, dtype, shape, column names and categories, and no other value.

use anndata_storage::{DType, Error, Result};

use crate::awkward::Awkward;
use crate::schema::ColumnSchema;
use crate::{Column, ColumnKind, DataFrame, Element, Lazy, Opaque, Schema, Series, SparseFormat};

/// What an aligned element is, from metadata.
#[derive(Debug, Clone)]
pub(crate) enum Outline {
    /// A dense array. One axis counts as a matrix of one column.
    Dense { dtype: DType, shape: Vec<usize> },
    /// A sparse matrix.
    Sparse { format: SparseFormat, dtype: DType, shape: (usize, usize) },
    /// A frame: its columns in order.
    Frame { rows: usize, columns: Vec<(String, ColumnOutline)> },
    /// An awkward array, and the fields of the records in it, where there are any.
    Awkward { rows: usize, fields: Vec<String> },
    /// An element of an encoding that was added.
    Extension { encoding: String, rows: usize },
}

/// What a column is.
#[derive(Debug, Clone)]
pub(crate) enum ColumnOutline {
    /// Values that cannot be missing.
    Plain(DType),
    /// Values that can.
    Nullable(DType, crate::NaValue),
    /// Categories, which are metadata, and the column itself, for the rare case that the plan depends on it.
    Categorical { categories: Column, ordered: bool, column: Series },
    /// Values that cannot be read, which matters only where they are asked for.
    Unknown(Opaque),
}

impl Outline {
    /// The outline of an element that is aligned to an axis.
    pub(crate) fn of(element: &Element) -> Result<Self> {
        Ok(match element {
            Element::Tensor(tensor) => Self::Dense { dtype: tensor.dtype().clone(), shape: matrix(tensor.shape()) },
            Element::Sparse(matrix) => {
                Self::Sparse { format: matrix.format(), dtype: matrix.dtype().clone(), shape: matrix.shape() }
            }
            Element::Frame(frame) => Self::Frame { rows: frame.len()?, columns: columns(frame)? },
            Element::Awkward(awkward) => Self::Awkward { rows: awkward.len(), fields: fields(awkward) },
            Element::Extension(extension) => {
                Self::of_extension(extension.encoding_type(), extension.shape().as_deref())?
            }
            Element::Lazy(lazy) => Self::of_lazy(lazy)?,
            Element::Opaque(opaque) => return Err(opaque.error("it cannot be concatenated")),
            other => return Err(Error::unsupported(format!("{} cannot be concatenated", other.kind_name()))),
        })
    }

    /// From its schema, if that says enough; otherwise the element is read for it, and not kept.
    fn of_lazy(lazy: &Lazy) -> Result<Self> {
        Ok(match lazy.schema()? {
            Schema::Array { dtype, shape } if dtype.is_numeric() || dtype.is_time() => {
                Self::Dense { dtype, shape: matrix(&shape) }
            }
            Schema::Extension { encoding, shape } => Self::of_extension(&encoding, shape.as_deref())?,
            Schema::Sparse { format, dtype, shape } if dtype.is_numeric() => Self::Sparse { format, dtype, shape },
            _ => Self::of(&lazy.load_once()?)?,
        })
    }

    fn of_extension(encoding: &str, shape: Option<&[usize]>) -> Result<Self> {
        match shape {
            Some(&[rows, ..]) => Ok(Self::Extension { encoding: encoding.to_owned(), rows }),
            _ => Err(Error::unsupported(format!("an element encoded as '{encoding}' has no rows to concatenate"))),
        }
    }

    /// The dtype of a dense or sparse array.
    pub(crate) fn dtype(&self) -> Option<&DType> {
        match self {
            Self::Dense { dtype, .. } | Self::Sparse { dtype, .. } => Some(dtype),
            Self::Frame { .. } | Self::Awkward { .. } | Self::Extension { .. } => None,
        }
    }

    /// The length of an axis below the first, or of the first.
    pub(crate) fn len(&self, axis: usize) -> usize {
        match self {
            Self::Dense { shape, .. } => shape.get(axis).copied().unwrap_or(1),
            Self::Sparse { shape: (rows, columns), .. } => [*rows, *columns].get(axis).copied().unwrap_or(1),
            Self::Frame { rows, .. } | Self::Awkward { rows, .. } | Self::Extension { rows, .. } if axis == 0 => *rows,
            Self::Frame { columns, .. } => columns.len(),
            Self::Awkward { fields, .. } => fields.len(),
            Self::Extension { .. } => 1,
        }
    }
}

/// The shape of an array of values per row as that of a matrix with one column.
fn matrix(shape: &[usize]) -> Vec<usize> {
    if shape.len() == 1 { [shape, &[1]].concat() } else { shape.to_vec() }
}

/// The columns of a frame.
pub(crate) fn columns(frame: &DataFrame) -> Result<Vec<(String, ColumnOutline)>> {
    let outline = |(name, series): (&str, &Series)| match ColumnOutline::of(series) {
        Ok(outline) => Ok((name.to_owned(), outline)),
        Err(error) => Err(error.at(name)),
    };
    frame.columns().map(outline).collect()
}

impl ColumnOutline {
    /// The outline of a column.
    pub(crate) fn of(series: &Series) -> Result<Self> {
        let column = match series {
            Series::Opaque(opaque) => return Ok(Self::Unknown(opaque.clone())),
            Series::Lazy(lazy) => match Self::of_lazy(lazy)? {
                Some(outline) => return Ok(outline),
                None => lazy.load_once()?.into_column()?,
            },
            Series::Loaded(column) => column.clone(),
        };
        Ok(match column.kind() {
            ColumnKind::Plain | ColumnKind::Time(_) => Self::Plain(dtype(&column)?),
            ColumnKind::Nullable(na_value) => Self::Nullable(dtype(&column)?, na_value),
            ColumnKind::Categorical { ordered } => {
                Self::Categorical { categories: column.codes_and_categories()?.1, ordered, column: series.clone() }
            }
        })
    }

    /// From the schema, unless categories, which the plan needs, have to be read.
    fn of_lazy(lazy: &Lazy) -> Result<Option<Self>> {
        let schema = match lazy.schema()? {
            Schema::Opaque => return Ok(lazy.selected().and_then(|selection| Self::of_opaque(selection.of()))),
            schema => schema.as_column(),
        };
        Ok(match schema {
            Some(ColumnSchema { kind: ColumnKind::Plain | ColumnKind::Time(_), dtype, .. }) if !dtype.is_text() => {
                Some(Self::Plain(dtype))
            }
            Some(ColumnSchema { kind: ColumnKind::Nullable(na_value), dtype, .. }) => {
                Some(Self::Nullable(dtype, na_value))
            }
            _ => None,
        })
    }

    fn of_opaque(element: &Element) -> Option<Self> {
        match element {
            Element::Opaque(opaque) => Some(Self::Unknown(opaque.clone())),
            _ => None,
        }
    }

    /// The dtype of the values, or of the categories.
    pub(crate) fn dtype(&self) -> Result<DType> {
        match self {
            Self::Plain(dtype) | Self::Nullable(dtype, _) => Ok(dtype.clone()),
            Self::Categorical { categories, .. } => dtype(categories),
            Self::Unknown(opaque) => Err(opaque.error("the column cannot be concatenated")),
        }
    }

    /// Whether a row may be, or in a categorical column is, without a value.
    pub(crate) fn has_missing(&self) -> Result<bool> {
        match self {
            Self::Plain(_) => Ok(false),
            Self::Unknown(opaque) => Err(opaque.error("the column cannot be concatenated")),
            Self::Nullable(..) => Ok(true),
            Self::Categorical { column: Series::Lazy(lazy), .. } => {
                Ok(lazy.load_once()?.into_column()?.array().null_count() > 0)
            }
            Self::Categorical { column, .. } => Ok(column.load()?.array().null_count() > 0),
        }
    }
}

/// The dtype of the values of a column that is not categorical.
pub(crate) fn dtype(column: &Column) -> Result<DType> {
    Ok(column.slice(0..0)?.to_tensor()?.dtype().clone())
}

fn fields(awkward: &Awkward) -> Vec<String> {
    awkward.fields()
}
