//! [`AdAcc`] and [`A`]: where every reference begins.

use std::fmt;
use std::marker::PhantomData;

use serde_json::Value;

use crate::{
    Acc, AccError, AdRef, Dim, Graph, GraphAcc, GraphMap, GraphMapAcc, Layer, LayerAcc, LayerMap, LayerMapAcc, Meta,
    MetaAcc, Multi, MultiAcc, MultiMap, MultiMapAcc, RefAcc, Result, Target, json, resolve,
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
    pub fn obs_index(&self) -> R {
        self.obs_frame().index()
    }

    /// The names of the variables.
    pub fn var_index(&self) -> R {
        self.var_frame().index()
    }

    /// What a simplified text stands for.
    ///
    /// | text | reference | | text | whole array |
    /// | --- | --- | --- | --- | --- |
    /// | `X[:,:]`, `X[c,:]`, `X[:,g]` | `A.X[:, :]`, `A.X['c', :]`, `A.X[:, 'g']` | | `X` | `A.X` |
    /// | `layers.y[:,g]` | `A.layers['y'][:, 'g']` | | `layers.y` | `A.layers['y']` |
    /// | `obs.a`, `var.b` | `A.obs['a']`, `A.var['b']` | | | |
    /// | `obsm.c.0`, `varm.d.1` | `A.obsm['c'][:, 0]`, `A.varm['d'][:, 1]` | | `obsm.c`, `varm.d` | `A.obsm['c']`, `A.varm['d']` |
    /// | `obsp.g[c1,:]`, `varp.h[:,:]` | `A.obsp['g']['c1', :]`, `A.varp['h'][:, :]` | | `obsp.g`, `varp.h` | `A.obsp['g']`, `A.varp['h']` |
    ///
    /// Names are not quoted. Where only one of the two will do, see [`resolve_ref`](Self::resolve_ref) and
    /// [`resolve_acc`](Self::resolve_acc) (in Python: `vec=True`, `vec=False`). What is `strict=False` in Python is
    /// `.ok()` here.
    ///
    /// # Errors
    /// Where the text is none of these; the error says what was expected.
    pub fn resolve(&self, spec: &str) -> Result<Target<R>> {
        resolve::resolve(spec, None).map(Target::making)
    }

    /// The reference that a simplified text stands for.
    ///
    /// ```
    /// use anndata_acc::A;
    ///
    /// assert_eq!(A.resolve_ref("layers.y[:,g]")?, A.layer("y").column("g"));
    /// assert!(A.resolve_ref("layers.y").unwrap_err().to_string().contains("it stands for a whole array"));
    /// # Ok::<(), anndata_acc::AccError>(())
    /// ```
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and where it stands for a whole array.
    pub fn resolve_ref(&self, spec: &str) -> Result<R> {
        let target = resolve::resolve(spec, Some(true))?;
        target.into_ref().map(R::from).ok_or_else(|| AccError::is_whole(spec))
    }

    /// The accessor of the whole array that a simplified text stands for.
    ///
    /// ```
    /// use anndata_acc::A;
    ///
    /// assert_eq!(A.resolve_acc("obsm.c")?, A.obsm("c").into());
    /// assert!(A.resolve_acc("obsm.c.0").unwrap_err().to_string().contains("it stands for a reference"));
    /// # Ok::<(), anndata_acc::AccError>(())
    /// ```
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and where it stands for a reference.
    pub fn resolve_acc(&self, spec: &str) -> Result<RefAcc<R>> {
        let target = resolve::resolve(spec, Some(false))?;
        target.into_acc().map(RefAcc::making).ok_or_else(|| AccError::is_reference(spec))
    }

    /// What a JSON array stands for, by version 1 of the schema of Python's anndata.
    ///
    /// References, accessors of whole arrays and [`Target`]s are also serialised as such, and read back, through serde.
    ///
    /// ```
    /// use anndata_acc::{A, AdRef};
    /// use serde_json::json;
    ///
    /// let pc1 = A.obsm("pca").column(0);
    /// assert_eq!(serde_json::to_value(&pc1)?, json!(["obsm", "pca", 0]));
    /// assert_eq!(serde_json::from_value::<AdRef>(json!(["obsm", "pca", 0]))?, pc1);
    /// assert_eq!(A.from_json(&json!(["obsm", "pca"]))?, A.resolve("obsm.pca")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Where it is no such array; the error says what was expected.
    pub fn from_json(&self, value: &Value) -> Result<Target<R>> {
        json::from_value(value).map(Target::making)
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
