//! [`Fields`]: what a batch has of its rows.

use std::fmt;

use anndata_core::{DType, Error, Result};

use crate::Encoder;

/// What a batch has of its rows.
///
/// ```
/// use anndata_core::DType;
/// use anndata_experimental::{Fields, MatrixRef, Want};
///
/// let fields = Fields::default()
///     .with_matrix(MatrixRef::Layer(Some("counts".to_owned())), Want::dense(DType::F32))
///     .with_var(["CD4", "CD8A"])
///     .with_obs(["plate"]);
/// assert_eq!(fields.matrices.len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Fields {
    /// Matrices, and as what each comes. Default: none.
    pub matrices: Vec<(MatrixRef, Want)>,
    /// The variables of `X`, layers and `raw.X`, by name and in this order. Default: all.
    pub var: Option<Vec<String>>,
    /// What stands for variables that there are none of; without, these are an error. Of a sparse matrix it is 0.
    pub fill: Option<f64>,
    /// Columns of `obs`, with the values of all stores as categories. They are in memory as a whole, as codes.
    pub obs: Vec<String>,
    /// Columns of `obs` as numbers.
    pub labels: Vec<(String, Encoder)>,
}

impl Fields {
    /// `X`, as is said.
    pub fn x(want: Want) -> Self {
        Self::default().with_matrix(MatrixRef::X, want)
    }

    /// Adds a matrix, or says as what it comes.
    #[must_use]
    pub fn with_matrix(mut self, matrix: MatrixRef, want: Want) -> Self {
        self.matrices.retain(|(other, _)| *other != matrix);
        self.matrices.push((matrix, want));
        self
    }

    /// Sets the variables, by name.
    #[must_use]
    pub fn with_var<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.var = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets what stands for variables that there are none of.
    #[must_use]
    pub fn with_fill(mut self, fill: impl Into<Option<f64>>) -> Self {
        self.fill = fill.into();
        self
    }

    /// Sets the columns of `obs`.
    #[must_use]
    pub fn with_obs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.obs = names.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a column of `obs` as numbers.
    #[must_use]
    pub fn with_labels(mut self, name: impl Into<String>, encoder: Encoder) -> Self {
        self.labels.push((name.into(), encoder));
        self
    }
}

/// A matrix of a row for each observation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MatrixRef {
    /// A layer; `X` is under `None`.
    Layer(Option<String>),
    /// An array of `obsm`.
    Obsm(String),
    /// The matrix before filtering.
    RawX,
}

impl MatrixRef {
    /// `X`.
    pub const X: Self = Self::Layer(None);
}

impl fmt::Display for MatrixRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(None) => f.write_str("X"),
            Self::Layer(Some(key)) => write!(f, "layers/{key}"),
            Self::Obsm(key) => write!(f, "obsm/{key}"),
            Self::RawX => f.write_str("raw/X"),
        }
    }
}

/// As what a matrix comes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Want {
    /// As a CSR matrix, of a dense array with the values that are not 0. Indices are of 32 bits, unless that is too few.
    Csr {
        /// The dtype of the values; without, that of the collection.
        dtype: Option<DType>,
        /// Whether a value that changes on the way to that dtype is an error.
        exact: bool,
    },
    /// As a dense array.
    Dense {
        /// The dtype.
        dtype: DType,
        /// Whether a value that changes on the way to that dtype is an error.
        exact: bool,
    },
}

impl Want {
    /// CSR with the dtype of the collection.
    pub const fn csr() -> Self {
        Self::Csr { dtype: None, exact: false }
    }

    /// Dense, of a dtype.
    pub const fn dense(dtype: DType) -> Self {
        Self::Dense { dtype, exact: false }
    }

    /// Makes a value that changes on the way to the dtype an error.
    #[must_use]
    pub fn with_exact(mut self, yes: bool) -> Self {
        match &mut self {
            Self::Csr { exact, .. } | Self::Dense { exact, .. } => *exact = yes,
        }
        self
    }

    pub(super) fn dtype(&self) -> Option<&DType> {
        match self {
            Self::Csr { dtype, .. } => dtype.as_ref(),
            Self::Dense { dtype, .. } => Some(dtype),
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        match self {
            Self::Csr { exact, .. } | Self::Dense { exact, .. } => *exact,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.dtype() {
            Some(dtype) if !dtype.is_numeric() => {
                Err(Error::invalid_input(format!("a matrix of a batch has numbers, not values of type {dtype}")))
            }
            _ => Ok(()),
        }
    }
}
