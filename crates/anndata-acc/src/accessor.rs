//! Accessors: what references are made from.
//!
//! Every accessor is an [`Acc`]: which array or arrays it stands for (a [`Layer`], [`Meta`], [`Multi`] or [`Graph`], or
//! a map of such), and the type of the references that it makes.

mod display;
mod reference;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;

pub use reference::{AdRef, Dim, Idx, Idx2D, Target};

/// An accessor of the kind `K` that makes references of the type `R`.
///
/// The fields of the kind can be read on it: `A.obsm("pca").k`. Compared, hashed and printed is the kind alone.
pub struct Acc<K, R = AdRef> {
    /// What the accessor stands for.
    pub kind: K,
    made: PhantomData<fn() -> R>,
}

/// One array of `layers`, or `X`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Layer {
    /// The key; `None` is `X`.
    pub k: Option<String>,
}

/// The frame of a dimension: `obs` or `var`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Meta {
    /// The dimension.
    pub dim: Dim,
}

/// One array of `obsm` or `varm`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Multi {
    /// The dimension that the rows run along.
    pub dim: Dim,
    /// The key.
    pub k: String,
}

/// One array of `obsp` or `varp`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Graph {
    /// The dimension that rows and columns run along.
    pub dim: Dim,
    /// The key.
    pub k: String,
}

/// All of `layers`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerMap;

/// All of `obsm` or `varm`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MultiMap {
    /// The dimension.
    pub dim: Dim,
}

/// All of `obsp` or `varp`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GraphMap {
    /// The dimension.
    pub dim: Dim,
}

/// Accessor of one layer or `X`.
///
/// ```
/// use anndata_acc::A;
///
/// assert_eq!(A.layer("counts").row("cell-1").to_string(), "A.layers['counts']['cell-1', :]");
/// assert_eq!(A.x().column("gene-5").to_string(), "A.X[:, 'gene-5']");
/// assert_eq!(A.x().all().to_string(), "A.X[:, :]");
/// ```
pub type LayerAcc<R = AdRef> = Acc<Layer, R>;

/// Accessor of `obs` or `var`.
///
/// ```
/// use anndata_acc::A;
///
/// assert_eq!(A.obs_frame().column("type").to_string(), "A.obs['type']");
/// assert_eq!(A.var_frame().index().to_string(), "A.var.index");
/// ```
pub type MetaAcc<R = AdRef> = Acc<Meta, R>;

/// Accessor of one array of `obsm` or `varm`.
///
/// ```
/// use anndata_acc::A;
///
/// assert_eq!(A.obsm("pca").column(0).to_string(), "A.obsm['pca'][:, 0]");
/// assert_eq!(A.obsm("pca").column(-1).to_string(), "A.obsm['pca'][:, -1]");
/// ```
pub type MultiAcc<R = AdRef> = Acc<Multi, R>;

/// Accessor of one array of `obsp` or `varp`.
///
/// ```
/// use anndata_acc::A;
///
/// assert_eq!(A.obsp("distances").column("cell-1").to_string(), "A.obsp['distances'][:, 'cell-1']");
/// ```
pub type GraphAcc<R = AdRef> = Acc<Graph, R>;

/// Accessor of all layers.
pub type LayerMapAcc<R = AdRef> = Acc<LayerMap, R>;

/// Accessor of all of `obsm` or `varm`.
pub type MultiMapAcc<R = AdRef> = Acc<MultiMap, R>;

/// Accessor of all of `obsp` or `varp`.
pub type GraphMapAcc<R = AdRef> = Acc<GraphMap, R>;

impl<K, R> Acc<K, R> {
    /// An accessor of this kind.
    pub const fn new(kind: K) -> Self {
        Self { kind, made: PhantomData }
    }

    /// Returns the same accessor, which makes references of another type.
    pub fn making<S>(self) -> Acc<K, S> {
        Acc::new(self.kind)
    }
}

impl<R: From<AdRef>> LayerAcc<R> {
    /// The whole matrix: `[:, :]`.
    pub fn all(&self) -> R {
        self.at(Idx2D::All)
    }

    /// The row of an observation, a vector along the variables: `[name, :]`.
    pub fn row(&self, name: impl Into<String>) -> R {
        self.at(Idx2D::Row(name.into()))
    }

    /// The column of a variable, a vector along the observations: `[:, name]`.
    pub fn column(&self, name: impl Into<String>) -> R {
        self.at(Idx2D::Column(name.into()))
    }

    /// A reference for each of these rows.
    pub fn rows<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Vec<R> {
        names.into_iter().map(|name| self.row(name)).collect()
    }

    /// A reference for each of these columns.
    pub fn columns<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Vec<R> {
        names.into_iter().map(|name| self.column(name)).collect()
    }

    /// The reference of this index.
    pub fn at(&self, idx: Idx2D) -> R {
        AdRef::Layer(self.clone().making(), idx).into()
    }
}

impl<R: From<AdRef>> MetaAcc<R> {
    /// A column.
    pub fn column(&self, name: impl Into<String>) -> R {
        self.at(Some(name.into()))
    }

    /// The index: the names of the rows.
    pub fn index(&self) -> R {
        self.at(None)
    }

    /// A reference for each of these columns.
    pub fn columns<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Vec<R> {
        names.into_iter().map(|name| self.column(name)).collect()
    }

    /// The reference of this column; `None` is the index.
    pub fn at(&self, column: Option<String>) -> R {
        AdRef::Meta(self.clone().making(), column).into()
    }
}

impl<R: From<AdRef>> MultiAcc<R> {
    /// A column by position; -1 is the last.
    pub fn column(&self, position: i64) -> R {
        AdRef::Multi(self.clone().making(), position).into()
    }

    /// A reference for each of these columns.
    pub fn columns(&self, positions: impl IntoIterator<Item = i64>) -> Vec<R> {
        positions.into_iter().map(|position| self.column(position)).collect()
    }
}

impl<R: From<AdRef>> GraphAcc<R> {
    /// The whole matrix: `[:, :]`.
    pub fn all(&self) -> R {
        self.at(Idx2D::All)
    }

    /// The row of a name: `[name, :]`.
    pub fn row(&self, name: impl Into<String>) -> R {
        self.at(Idx2D::Row(name.into()))
    }

    /// The column of a name: `[:, name]`.
    pub fn column(&self, name: impl Into<String>) -> R {
        self.at(Idx2D::Column(name.into()))
    }

    /// A reference for each of these rows.
    pub fn rows<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Vec<R> {
        names.into_iter().map(|name| self.row(name)).collect()
    }

    /// A reference for each of these columns.
    pub fn columns<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) -> Vec<R> {
        names.into_iter().map(|name| self.column(name)).collect()
    }

    /// The reference of this index.
    pub fn at(&self, idx: Idx2D) -> R {
        AdRef::Graph(self.clone().making(), idx).into()
    }
}

impl<R> LayerMapAcc<R> {
    /// The accessor of one layer; `None` is `X`.
    pub fn get(&self, k: Option<&str>) -> LayerAcc<R> {
        Acc::new(Layer { k: k.map(str::to_owned) })
    }
}

impl<R> MultiMapAcc<R> {
    /// The accessor of one array.
    pub fn get(&self, k: impl Into<String>) -> MultiAcc<R> {
        Acc::new(Multi { dim: self.dim.clone(), k: k.into() })
    }
}

impl<R> GraphMapAcc<R> {
    /// The accessor of one array.
    pub fn get(&self, k: impl Into<String>) -> GraphAcc<R> {
        Acc::new(Graph { dim: self.dim.clone(), k: k.into() })
    }
}

/// An accessor of one array (or frame): what a reference is an index into.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefAcc<R = AdRef> {
    /// `A.X` or `A.layers[k]`.
    Layer(LayerAcc<R>),
    /// `A.obs` or `A.var`.
    Meta(MetaAcc<R>),
    /// `A.obsm[k]` or `A.varm[k]`.
    Multi(MultiAcc<R>),
    /// `A.obsp[k]` or `A.varp[k]`.
    Graph(GraphAcc<R>),
}

impl<R> RefAcc<R> {
    /// The key in `layers`, `obsm`, ...; `None` for `X` and for `obs` and `var`.
    pub fn k(&self) -> Option<&str> {
        match self {
            Self::Layer(acc) => acc.k.as_deref(),
            Self::Meta(_) => None,
            Self::Multi(acc) => Some(&acc.k),
            Self::Graph(acc) => Some(&acc.k),
        }
    }

    /// Returns the same accessor, which makes references of another type.
    pub fn making<S>(self) -> RefAcc<S> {
        match self {
            Self::Layer(acc) => RefAcc::Layer(acc.making()),
            Self::Meta(acc) => RefAcc::Meta(acc.making()),
            Self::Multi(acc) => RefAcc::Multi(acc.making()),
            Self::Graph(acc) => RefAcc::Graph(acc.making()),
        }
    }
}

macro_rules! ref_accs {
    ($($kind:ident),*) => {
        $(impl<R> From<Acc<$kind, R>> for RefAcc<R> {
            fn from(acc: Acc<$kind, R>) -> Self {
                Self::$kind(acc)
            }
        })*
    };
}

ref_accs!(Layer, Meta, Multi, Graph);

impl<K, R> Deref for Acc<K, R> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.kind
    }
}

impl<K: Clone, R> Clone for Acc<K, R> {
    fn clone(&self) -> Self {
        Self::new(self.kind.clone())
    }
}

impl<K: PartialEq, R> PartialEq for Acc<K, R> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl<K: Eq, R> Eq for Acc<K, R> {}

impl<K: Hash, R> Hash for Acc<K, R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
    }
}

impl<K: PartialOrd, R> PartialOrd for Acc<K, R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.kind.partial_cmp(&other.kind)
    }
}

impl<K: Ord, R> Ord for Acc<K, R> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.kind.cmp(&other.kind)
    }
}
