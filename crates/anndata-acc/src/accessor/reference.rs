//! [`AdRef`]: a reference to an array, bound to no object.

use std::fmt;
use std::sync::Arc;

use super::{GraphAcc, LayerAcc, MetaAcc, MultiAcc, RefAcc};
use crate::quote::quoted;

/// A reference to an array along one or two dimensions of an annotated data matrix. It belongs to no object.
///
/// It can be looked into, compared, sorted, used as a key, printed, parsed, stored as JSON, and applied to objects
/// (see [`Access`](crate::Access)). It prints as it does in Python, and is equal to the text that
/// [resolves](crate::AdAcc::resolve) to it.
///
/// ```
/// use anndata_acc::{A, AdRef, Dim};
///
/// let pc1 = A.obsm("pca").column(0);
/// assert_eq!(pc1.to_string(), "A.obsm['pca'][:, 0]");
/// assert_eq!(pc1, "A.obsm['pca'][:, 0]".parse::<AdRef>()?);
/// assert_eq!(pc1, "obsm.pca.0");
/// assert_eq!(pc1.dims(), [Dim::Obs]);
/// assert_eq!(pc1.acc().k(), Some("pca"));
/// match pc1 {
///     AdRef::Multi(acc, position) => assert_eq!((acc.dim.clone(), &*acc.k, position), (Dim::Obs, "pca", 0)),
///     other => unreachable!("{other}"),
/// }
/// # Ok::<(), anndata_acc::AccError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AdRef {
    /// `X` or a layer, or a row or column of one.
    Layer(LayerAcc, Idx2D),
    /// A column of `obs` or `var`; `None` is the index.
    Meta(MetaAcc, Option<String>),
    /// A column of an array in `obsm` or `varm`, counted from the end where negative.
    Multi(MultiAcc, i64),
    /// A matrix in `obsp` or `varp`, or a row or column of one.
    Graph(GraphAcc, Idx2D),
}

/// A dimension that arrays are aligned to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    /// The observations.
    Obs,
    /// The variables.
    Var,
    /// A dimension that a downstream container has beside these, such as time.
    Other(Arc<str>),
}

/// Which part of a matrix along the full length of one or both of its dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Idx2D {
    /// `[:, :]`: everything.
    All,
    /// `[name, :]`: the row of a name.
    Row(String),
    /// `[:, name]`: the column of a name.
    Column(String),
}

/// The index of a reference into the array of its accessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Idx<'a> {
    /// Of a matrix.
    Matrix(&'a Idx2D),
    /// Of a frame: a column, `None` the index.
    Column(Option<&'a str>),
    /// Of a multi-dimensional annotation.
    Position(i64),
}

/// What a text or JSON can stand for: a reference, or the accessor of a whole array.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target<R = AdRef> {
    /// A reference.
    Ref(R),
    /// A whole array.
    Acc(RefAcc<R>),
}

impl AdRef {
    /// The dimensions that the array spans, one or two.
    ///
    /// The row of one observation spans the variables. A graph spans its dimension twice.
    pub fn dims(&self) -> Vec<Dim> {
        match self {
            Self::Layer(_, Idx2D::All) => vec![Dim::Obs, Dim::Var],
            Self::Layer(_, Idx2D::Row(_)) => vec![Dim::Var],
            Self::Layer(_, Idx2D::Column(_)) => vec![Dim::Obs],
            Self::Meta(acc, _) => vec![acc.dim.clone()],
            Self::Multi(acc, _) => vec![acc.dim.clone()],
            Self::Graph(acc, Idx2D::All) => vec![acc.dim.clone(), acc.dim.clone()],
            Self::Graph(acc, _) => vec![acc.dim.clone()],
        }
    }

    /// The accessor of the array that the reference is an index into.
    pub fn acc(&self) -> RefAcc {
        match self {
            Self::Layer(acc, _) => acc.clone().into(),
            Self::Meta(acc, _) => acc.clone().into(),
            Self::Multi(acc, _) => acc.clone().into(),
            Self::Graph(acc, _) => acc.clone().into(),
        }
    }

    /// The index into that array.
    pub fn idx(&self) -> Idx<'_> {
        match self {
            Self::Layer(_, idx) | Self::Graph(_, idx) => Idx::Matrix(idx),
            Self::Meta(_, column) => Idx::Column(column.as_deref()),
            Self::Multi(_, position) => Idx::Position(*position),
        }
    }
}

impl Dim {
    /// A dimension beside observations and variables.
    pub fn other(name: impl Into<Arc<str>>) -> Self {
        Self::Other(name.into())
    }

    /// The name: `obs`, `var` or that of another one.
    pub fn name(&self) -> &str {
        match self {
            Self::Obs => "obs",
            Self::Var => "var",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// As it is spelled behind the accessor: `[:, 'gene']`.
impl fmt::Display for Idx2D {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("[:, :]"),
            Self::Row(name) => write!(f, "[{}, :]", quoted(name)),
            Self::Column(name) => write!(f, "[:, {}]", quoted(name)),
        }
    }
}

/// As it is spelled behind the accessor: `['louvain']`, `.index`, `[:, 0]`.
impl fmt::Display for Idx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matrix(idx) => idx.fmt(f),
            Self::Column(None) => f.write_str(".index"),
            Self::Column(Some(name)) => write!(f, "[{}]", quoted(name)),
            Self::Position(position) => write!(f, "[:, {position}]"),
        }
    }
}

/// As Python's `repr`: `A.obsm['pca'][:, 0]`.
impl fmt::Display for AdRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(acc, _) => acc.fmt(f)?,
            Self::Meta(acc, _) => acc.fmt(f)?,
            Self::Multi(acc, _) => acc.fmt(f)?,
            Self::Graph(acc, _) => acc.fmt(f)?,
        }
        self.idx().fmt(f)
    }
}

/// The reference as it prints.
impl fmt::Debug for AdRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<R> Target<R> {
    /// The reference, if it is one.
    pub fn into_ref(self) -> Option<R> {
        match self {
            Self::Ref(reference) => Some(reference),
            Self::Acc(_) => None,
        }
    }

    /// The accessor of a whole array, if it is one.
    pub fn into_acc(self) -> Option<RefAcc<R>> {
        match self {
            Self::Ref(_) => None,
            Self::Acc(acc) => Some(acc),
        }
    }
}

impl Target {
    /// Returns the reference as one of another type.
    pub(crate) fn making<R: From<AdRef>>(self) -> Target<R> {
        match self {
            Self::Ref(reference) => Target::Ref(reference.into()),
            Self::Acc(acc) => Target::Acc(acc.making()),
        }
    }
}

impl<R: fmt::Display> fmt::Display for Target<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ref(reference) => reference.fmt(f),
            Self::Acc(acc) => acc.fmt(f),
        }
    }
}

impl From<AdRef> for Target {
    fn from(reference: AdRef) -> Self {
        Self::Ref(reference)
    }
}

impl<R> From<RefAcc<R>> for Target<R> {
    fn from(acc: RefAcc<R>) -> Self {
        Self::Acc(acc)
    }
}
