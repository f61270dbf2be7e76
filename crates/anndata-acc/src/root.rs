//! [`AdAcc`] and [`A`]: where every reference begins.

use std::fmt;
use std::marker::PhantomData;

use crate::{
    Acc, AdRef, Dim, Graph, GraphAcc, GraphMap, GraphMapAcc, Layer, LayerAcc, LayerMap, LayerMapAcc, Meta, MetaAcc,
    Multi, MultiAcc, MultiMap, MultiMapAcc,
};

/// Makes accessors and references of the type `R`: [`A`] for [`AdRef`], or one of its own for another type.
///
/// | here | in Python | gives |
/// | --- | --- | --- |
/// | `A.x()`, `A.layer("y")` | `A.X`, `A.layers["y"]` | [`LayerAcc`] |
/// | `A.obs("a")`, `A.obs_index()` | `A.obs["a"]`, `A.obs.index` | a reference |
/// | `A.obs_frame()` | `A.obs` | [`MetaAcc`] |
/// | `A.obsm("pca")` | `A.obsm["pca"]` | [`MultiAcc`] |
/// | `A.obsp("d")` | `A.obsp["d"]` | [`GraphAcc`] |
/// | `A.layers()`, `A.obsm_map()`, `A.obsp_map()` | `A.layers`, `A.obsm`, `A.obsp` | [`LayerMapAcc`], [`MultiMapAcc`], [`GraphMapAcc`] |
///
/// and the same for `var`. The macro [`acc!`](crate::acc) takes Python's spelling.
#[doc(alias = "ref_class")]
pub struct AdAcc<R = AdRef>(PhantomData<fn() -> R>);

/// Makes [`AdRef`]s.
///
/// ```
/// use anndata_acc::A;
///
/// assert_eq!(A.var("symbol").to_string(), "A.var['symbol']");
/// assert_eq!(A.obsp("connectivities").columns(["cell0", "cell1"]).len(), 2);
/// ```
pub const A: AdAcc = AdAcc::new();

impl<R> AdAcc<R> {
    /// A root whose references are of the type `R`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// `X`.
    pub fn x(&self) -> LayerAcc<R> {
        Acc::new(Layer { k: None })
    }

    /// A layer.
    pub fn layer(&self, k: impl Into<String>) -> LayerAcc<R> {
        Acc::new(Layer { k: Some(k.into()) })
    }

    /// All layers.
    pub fn layers(&self) -> LayerMapAcc<R> {
        Acc::new(LayerMap)
    }

    /// The frame `obs`.
    pub fn obs_frame(&self) -> MetaAcc<R> {
        Acc::new(Meta { dim: Dim::Obs })
    }

    /// The frame `var`.
    pub fn var_frame(&self) -> MetaAcc<R> {
        Acc::new(Meta { dim: Dim::Var })
    }

    /// An array of `obsm`.
    pub fn obsm(&self, k: impl Into<String>) -> MultiAcc<R> {
        Acc::new(Multi { dim: Dim::Obs, k: k.into() })
    }

    /// An array of `varm`.
    pub fn varm(&self, k: impl Into<String>) -> MultiAcc<R> {
        Acc::new(Multi { dim: Dim::Var, k: k.into() })
    }

    /// All of `obsm`.
    pub fn obsm_map(&self) -> MultiMapAcc<R> {
        Acc::new(MultiMap { dim: Dim::Obs })
    }

    /// All of `varm`.
    pub fn varm_map(&self) -> MultiMapAcc<R> {
        Acc::new(MultiMap { dim: Dim::Var })
    }

    /// An array of `obsp`.
    pub fn obsp(&self, k: impl Into<String>) -> GraphAcc<R> {
        Acc::new(Graph { dim: Dim::Obs, k: k.into() })
    }

    /// An array of `varp`.
    pub fn varp(&self, k: impl Into<String>) -> GraphAcc<R> {
        Acc::new(Graph { dim: Dim::Var, k: k.into() })
    }

    /// All of `obsp`.
    pub fn obsp_map(&self) -> GraphMapAcc<R> {
        Acc::new(GraphMap { dim: Dim::Obs })
    }

    /// All of `varp`.
    pub fn varp_map(&self) -> GraphMapAcc<R> {
        Acc::new(GraphMap { dim: Dim::Var })
    }
}

impl<R: From<AdRef>> AdAcc<R> {
    /// A column of `obs`.
    pub fn obs(&self, column: impl Into<String>) -> R {
        self.obs_frame().column(column)
    }

    /// A column of `var`.
    pub fn var(&self, column: impl Into<String>) -> R {
        self.var_frame().column(column)
    }

    /// The names of the observations.
    #[doc(alias = "index")]
    pub fn obs_index(&self) -> R {
        self.obs_frame().index()
    }

    /// The names of the variables.
    #[doc(alias = "index")]
    pub fn var_index(&self) -> R {
        self.var_frame().index()
    }
}

impl<R> Clone for AdAcc<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for AdAcc<R> {}

impl<R> Default for AdAcc<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Display for AdAcc<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A")
    }
}

impl<R> fmt::Debug for AdAcc<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A")
    }
}
