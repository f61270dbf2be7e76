//! [`Element`]: anything that a slot of an `AnnData`, or a key of a store, can hold.

mod convert;
mod json;

use anndata_storage::{Complex, DType, Error, Result, Tensor, f16};

use crate::awkward::Awkward;
use crate::{
    AnnData, Column, ColumnSchema, DataFrame, Element, Lazy, Mapping, Opaque, Raw, Schema, SparseFormat, SparseMatrix,
};

/// Equal values of the same kind, in memory: nothing is read from a store. An element that was not read yet is equal to
/// itself alone; [`AnnData::approx_eq`] reads what has to be compared.
impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lazy(a), Self::Lazy(b)) => a == b,
            (Self::Lazy(lazy), other) | (other, Self::Lazy(lazy)) => {
                lazy.in_memory().is_some_and(|element| element == *other)
            }
            (Self::Null, Self::Null) => true,
            (Self::Tensor(a), Self::Tensor(b)) => a == b,
            (Self::Sparse(a), Self::Sparse(b)) => a == b,
            (Self::Column(a), Self::Column(b)) => a == b,
            (Self::Frame(a), Self::Frame(b)) => a == b,
            (Self::Awkward(a), Self::Awkward(b)) => a == b,
            (Self::Mapping(a), Self::Mapping(b)) => a == b,
            (Self::AnnData(a), Self::AnnData(b)) => a == b,
            (Self::Raw(a), Self::Raw(b)) => a == b,
            (Self::Opaque(a), Self::Opaque(b)) => a == b,
            (Self::Extension(a), Self::Extension(b)) => a == b,
            _ => false,
        }
    }
}

impl Element {
    /// The length of each axis, known without loading; `None` for what has no axes.
    ///
    /// # Errors
    /// If the metadata of a lazy element are malformed.
    pub fn shape(&self) -> Result<Option<Vec<usize>>> {
        match self {
            // Neither the columns of a frame nor the categories of a column are looked at for it.
            Self::Frame(frame) => Ok(Some(vec![frame.len()?, frame.columns().len()])),
            Self::Column(column) => Ok(Some(vec![column.len()])),
            Self::Lazy(lazy) => lazy.shape(),
            element => Ok(element.schema()?.shape()),
        }
    }

    /// The element in memory: lazy ones are read, and those within frames, mappings and objects too.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn load(&self) -> Result<Self> {
        Ok(match self {
            Self::Lazy(lazy) => lazy.load()?,
            Self::Frame(frame) => Self::Frame(frame.load()?),
            Self::Mapping(mapping) => Self::Mapping(load_mapping(mapping)?),
            Self::AnnData(adata) => Self::AnnData(Box::new(adata.load()?)),
            Self::Raw(raw) => Self::Raw(Box::new(raw.load()?)),
            Self::Opaque(opaque) => Self::Opaque(opaque.load()?),
            other => other.clone(),
        })
    }

    /// What it is, in a word, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Tensor(tensor) if tensor.shape().is_empty() => "scalar",
            Self::Tensor(_) => "array",
            Self::Sparse(_) => "sparse matrix",
            Self::Column(_) => "column",
            Self::Frame(_) => "data frame",
            Self::Awkward(_) => "awkward array",
            Self::Mapping(_) => "mapping",
            Self::AnnData(_) => "AnnData",
            Self::Raw(_) => "raw",
            Self::Opaque(opaque) if opaque.unreadable().is_some() => "element that cannot be opened",
            Self::Opaque(_) => "element of an unknown encoding",
            Self::Extension(_) => "extension",
            Self::Lazy(_) => "lazy element",
        }
    }

    /// The tensor, loaded where it is lazy.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is something else.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match self.load()? {
            Self::Tensor(tensor) => Ok(tensor),
            other => Err(other.is_not("an array")),
        }
    }

    /// The sparse matrix, loaded where it is lazy.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is something else.
    pub fn to_sparse(&self) -> Result<SparseMatrix> {
        match self.load()? {
            Self::Sparse(matrix) => Ok(matrix),
            other => Err(other.is_not("a sparse matrix")),
        }
    }

    /// The data frame; its columns may be lazy.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is something else.
    pub fn as_frame(&self) -> Result<&DataFrame> {
        match self {
            Self::Frame(frame) => Ok(frame),
            other => Err(other.is_not("a data frame")),
        }
    }

    /// The mapping; its elements may be lazy.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is something else.
    pub fn as_mapping(&self) -> Result<&Mapping> {
        match self {
            Self::Mapping(mapping) => Ok(mapping),
            other => Err(other.is_not("a mapping")),
        }
    }

    /// The text of a scalar string, loaded where it is lazy.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is something else.
    pub fn to_text(&self) -> Result<String> {
        let tensor = self.to_tensor()?;
        let text = if tensor.shape().is_empty() { tensor.to_strings()?.pop() } else { None };
        text.ok_or_else(|| Error::dtype("an array is not a scalar"))
    }

    /// The value of a scalar number as a double, loaded where it is lazy.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is something else.
    pub fn to_f64(&self) -> Result<f64> {
        let tensor = self.to_tensor()?;
        let value = if tensor.shape().is_empty() {
            tensor.cast(&anndata_storage::DType::F64)?.as_slice::<f64>()?.first().copied()
        } else {
            None
        };
        value.ok_or_else(|| Error::dtype("an array is not a scalar"))
    }

    /// The element as a column: a column, or a one-dimensional array.
    ///
    /// # Errors
    /// If it is neither.
    pub fn into_column(self) -> Result<Column> {
        match self {
            Self::Column(column) => Ok(column),
            Self::Tensor(tensor) => Column::plain(&tensor),
            Self::Lazy(lazy) => lazy.load()?.into_column(),
            other => Err(other.is_not("a column")),
        }
    }

    pub(crate) fn is_not(&self, expected: &str) -> Error {
        Error::dtype(format!("expected {expected}, found {}", self.with_article()))
    }

    /// What it is, in words that follow "it is".
    pub(crate) fn with_article(&self) -> String {
        let name = self.kind_name();
        match name.chars().next() {
            _ if matches!(self, Self::Null) => name.to_owned(),
            Some('a' | 'e' | 'i' | 'o' | 'u' | 'A') => format!("an {name}"),
            _ => format!("a {name}"),
        }
    }

    /// The dtype of the values, known without loading; `None` for what has no one dtype, such as a frame. That of a column
    /// of categories is the one of the categories.
    ///
    /// # Errors
    /// If the metadata of a lazy element are malformed.
    pub fn dtype(&self) -> Result<Option<DType>> {
        Ok(self.schema()?.dtype().cloned())
    }

    /// Whether it is a sparse matrix, known without loading.
    ///
    /// # Errors
    /// If the metadata of a lazy element are malformed.
    #[doc(alias = "issparse")]
    pub fn is_sparse(&self) -> Result<bool> {
        Ok(self.sparse_format()?.is_some())
    }

    /// The axis along which a sparse matrix is compressed, known without loading; `None` for anything else.
    ///
    /// # Errors
    /// If the metadata of a lazy element are malformed.
    pub fn sparse_format(&self) -> Result<Option<SparseFormat>> {
        Ok(match self.schema()? {
            Schema::Sparse { format, .. } => Some(format),
            _ => None,
        })
    }

    /// The number of stored values of a sparse matrix, where it is known without reading any; `None` for anything else.
    pub fn nnz(&self) -> Option<usize> {
        match self {
            Self::Sparse(matrix) => Some(matrix.nnz()),
            Self::Lazy(lazy) => lazy.nnz(),
            _ => None,
        }
    }

    /// What the element is, known without loading.
    ///
    /// # Errors
    /// If the metadata of a lazy element are malformed.
    pub fn schema(&self) -> Result<Schema> {
        Ok(match self {
            Self::Null => Schema::Null,
            Self::Tensor(tensor) => Schema::Array { dtype: tensor.dtype().clone(), shape: tensor.shape().to_vec() },
            Self::Sparse(matrix) => {
                Schema::Sparse { format: matrix.format(), dtype: matrix.dtype().clone(), shape: matrix.shape() }
            }
            Self::Column(column) => Schema::Column(ColumnSchema::of(column)?),
            Self::Frame(frame) => frame.schema()?,
            Self::Awkward(awkward) => Schema::Awkward { len: awkward.len() },
            Self::Mapping(_) => Schema::Mapping,
            Self::AnnData(adata) => Schema::AnnData { n_obs: adata.n_obs(), n_vars: adata.n_vars() },
            Self::Raw(_) => Schema::Raw,
            Self::Opaque(_) => Schema::Opaque,
            Self::Extension(extension) => {
                Schema::Extension { encoding: extension.encoding_type().to_owned(), shape: extension.shape() }
            }
            Self::Lazy(lazy) => lazy.schema()?,
        })
    }
}

/// A mapping with every element in memory.
pub(crate) fn load_mapping(mapping: &Mapping) -> Result<Mapping> {
    mapping.iter().map(|(key, element)| Ok((key.clone(), element.load()?))).collect()
}

macro_rules! from_scalars {
    ($($type:ty),*) => {
        $(impl From<$type> for Element {
            fn from(value: $type) -> Self {
                Self::Tensor(Tensor::scalar(value))
            }
        })*
    };
}

from_scalars!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, Complex<f32>, Complex<f64>);

impl From<&str> for Element {
    fn from(text: &str) -> Self {
        Self::Tensor(Tensor::string(text))
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident $(($wrap:path))?;)*) => {
        $(impl From<$type> for Element {
            fn from(value: $type) -> Self {
                Self::$variant($($wrap)?(value))
            }
        })*
    };
}

from! {
    Tensor => Tensor;
    SparseMatrix => Sparse;
    Column => Column;
    DataFrame => Frame;
    Awkward => Awkward;
    Mapping => Mapping;
    AnnData => AnnData(Box::new);
    Raw => Raw(Box::new);
    Opaque => Opaque;
    Lazy => Lazy;
}
