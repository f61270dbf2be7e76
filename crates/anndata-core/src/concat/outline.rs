//! What planning knows of an element: kind, dtype, shape, column names and categories, and no other value.

use anndata_storage::{DType, Error, Result};

use crate::awkward::Awkward;
use crate::node::Node;
use crate::{Column, ColumnKind, DataFrame, Element, Lazy, Opaque, Series};

/// What an aligned element is, from metadata.
#[derive(Debug, Clone)]
pub(crate) enum Outline {
    /// A dense array. One axis counts as a matrix of one column.
    Dense { dtype: DType, shape: Vec<usize> },
    /// A sparse matrix.
    Sparse { dtype: DType, shape: (usize, usize) },
    /// A frame: its columns in order.
    Frame { rows: usize, columns: Vec<(String, ColumnOutline)> },
    /// An awkward array, and the fields of the records in it, where there are any.
    Awkward { rows: usize, fields: Vec<String> },
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
            Element::Sparse(matrix) => Self::Sparse { dtype: matrix.dtype().clone(), shape: matrix.shape() },
            Element::Frame(frame) => Self::Frame { rows: frame.len()?, columns: columns(frame)? },
            Element::Awkward(awkward) => Self::Awkward { rows: awkward.len(), fields: fields(awkward) },
            Element::Lazy(lazy) => Self::of_lazy(lazy)?,
            Element::Opaque(opaque) => return Err(opaque.error("it cannot be concatenated")),
            other => return Err(Error::unsupported(format!("{} cannot be concatenated", other.kind_name()))),
        })
    }

    /// From the stored metadata of arrays and sparse matrices, or from what it is a part of; what else is lazy is read
    /// for it, and not kept.
    fn of_lazy(lazy: &Lazy) -> Result<Self> {
        let shape = lazy.shape()?;
        if let (Some(whole), Some(shape)) = (lazy.whole(), shape.as_deref()) {
            return Ok(Self::of(whole)?.with_shape(shape));
        }
        let dtype_of = |node: Option<&Node>| match node {
            Some(Node::Array(array)) if array.spec.dtype.is_numeric() || array.spec.dtype.is_time() => {
                Some(array.spec.dtype.clone())
            }
            _ => None,
        };
        let stored = encoding(lazy)?;
        let stored = stored.as_ref().map(|(node, encoding)| (*node, encoding.as_str()));
        let known = match (stored, shape.as_deref()) {
            (Some((node, "array")), Some(shape)) => {
                dtype_of(Some(node)).map(|dtype| Self::Dense { dtype, shape: matrix(shape) })
            }
            (Some((node, "csr_matrix" | "csc_matrix")), Some(&[rows, columns])) => {
                dtype_of(node.descendant("data")).map(|dtype| Self::Sparse { dtype, shape: (rows, columns) })
            }
            _ => None,
        };
        match known {
            Some(outline) => Ok(outline),
            None => Self::of(&lazy.load_once()?),
        }
    }

    /// The dtype of a dense or sparse array.
    pub(crate) fn dtype(&self) -> Option<&DType> {
        match self {
            Self::Dense { dtype, .. } | Self::Sparse { dtype, .. } => Some(dtype),
            Self::Frame { .. } | Self::Awkward { .. } => None,
        }
    }

    /// The outline of a part of this shape.
    fn with_shape(self, shape: &[usize]) -> Self {
        let len = |axis: usize| shape.get(axis).copied().unwrap_or(1);
        match self {
            Self::Dense { dtype, .. } => Self::Dense { dtype, shape: matrix(shape) },
            Self::Sparse { dtype, .. } => Self::Sparse { dtype, shape: (len(0), len(1)) },
            Self::Frame { columns, .. } => Self::Frame { rows: len(0), columns },
            Self::Awkward { fields, .. } => Self::Awkward { rows: len(0), fields },
        }
    }

    /// The length of an axis below the first, or of the first.
    pub(crate) fn len(&self, axis: usize) -> usize {
        match self {
            Self::Dense { shape, .. } => shape.get(axis).copied().unwrap_or(1),
            Self::Sparse { shape: (rows, columns), .. } => [*rows, *columns].get(axis).copied().unwrap_or(1),
            Self::Frame { rows, .. } | Self::Awkward { rows, .. } if axis == 0 => *rows,
            Self::Frame { columns, .. } => columns.len(),
            Self::Awkward { fields, .. } => fields.len(),
        }
    }
}

/// The shape of an array of values a row as that of a matrix with one column.
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

    /// Without reading: numbers from their stored metadata, and parts of what has no categories.
    fn of_lazy(lazy: &Lazy) -> Result<Option<Self>> {
        let whole = match lazy.whole() {
            Some(Element::Lazy(whole)) => Self::of_lazy(whole)?,
            Some(Element::Column(column)) => Some(Self::of(&Series::Loaded(column.clone()))?),
            Some(Element::Opaque(opaque)) => Some(Self::Unknown(opaque.clone())),
            _ => None,
        };
        let stored = encoding(lazy)?;
        Ok(match (whole, stored.as_ref().map(|(node, encoding)| (*node, encoding.as_str()))) {
            (Some(Self::Categorical { .. }), _) => None,
            (Some(outline), _) => Some(outline),
            (None, Some((Node::Array(array), "array")))
                if array.spec.dtype.is_numeric() || array.spec.dtype.is_time() =>
            {
                Some(Self::Plain(array.spec.dtype.clone()))
            }
            _ => None,
        })
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

/// The stored tree of a lazy element that was not read, and its encoding.
fn encoding(lazy: &Lazy) -> Result<Option<(&Node, String)>> {
    let Some(node) = lazy.node().filter(|_| !lazy.is_loaded()) else { return Ok(None) };
    Ok(node.text_attribute("encoding-type")?.map(|encoding| (node, encoding)))
}

/// The dtype of the values of a column that is not categorical.
pub(crate) fn dtype(column: &Column) -> Result<DType> {
    Ok(column.slice(0..0)?.to_tensor()?.dtype().clone())
}

fn fields(awkward: &Awkward) -> Vec<String> {
    awkward.fields()
}
