//! References to the arrays of an annotated data matrix.
//!
//! A reference names a one- or two-dimensional array of an [`AnnData`](anndata_core::AnnData) and belongs to no object.
//! References drive plotting and validation code: a function that takes one works with genes, annotations, components
//! of an embedding and neighbours alike.
//!
//! They are easy to make: by methods of [`A`], or by the macro [`acc!`] in Python's spelling, which is checked when the
//! program is compiled.
//!
//! ```
//! use anndata_acc::{A, Access, acc};
//! # use anndata_core::{AnnData, DataFrame, Tensor};
//! # let adata = AnnData::builder()
//! #     .x(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?)
//! #     .obs(DataFrame::new(["c1", "c2"]).with_column("louvain", vec!["a", "b"])?)
//! #     .var(DataFrame::new(["gene-2", "gene-3"]))
//! #     .obsm("pca", Tensor::from_vec([2, 2], vec![0.5, 1.5, 2.5, 3.5])?)
//! #     .build()?;
//!
//! let gene = A.x().column("gene-3");
//! assert_eq!(gene, acc!(X[:, "gene-3"]));
//!
//! // To use:
//! assert!(adata.contains(&acc!(obsm["pca"][:, 1]))?);
//! assert_eq!(adata.get_as::<Vec<f32>>(&gene)?, [2.0, 4.0]);
//! assert_eq!(adata.get_as::<Vec<String>>(&acc!(obs["louvain"]))?, ["a", "b"]);
//!
//! // To look into:
//! let pc1 = acc!(obsm["pca"][:, 0]);
//! assert_eq!(pc1.to_string(), "A.obsm['pca'][:, 0]");
//! assert_eq!(pc1.acc().to_string(), "A.obsm['pca']");
//! assert_eq!(pc1.dims(), [anndata_acc::Dim::Obs]);
//!
//! // To make several of at once:
//! assert_eq!(acc!(obsm["pca"][:, [0, 1]]).len(), 2);
//!
//! // To read and write: as printed, as a simplified text, as JSON.
//! assert_eq!("A.obsm['pca'][:, 0]".parse::<anndata_acc::AdRef>()?, pc1);
//! assert_eq!(A.resolve_ref("obsm.pca.0")?, pc1);
//! assert_eq!(serde_json::to_string(&pc1)?, r#"["obsm","pca",0]"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Words
//!
//! - A *reference* ([`AdRef`]) names an array along one or two dimensions: `A.obsm["d"][:, 2]`, but not `A.obsm["d"]`.
//! - An *accessor* makes references: [`LayerAcc`], [`MetaAcc`], [`MultiAcc`], [`GraphAcc`], any of which is a [`RefAcc`].
//! - A *map accessor* makes accessors: [`LayerMapAcc`], [`MultiMapAcc`], [`GraphMapAcc`].
//! - [`A`] is where all begin.
//!
//! | accessor | has | is | makes |
//! | --- | --- | --- | --- |
//! | [`LayerAcc`] | `k` | `A.x()`, `A.layer("c")` | `.all()`, `.row("c0")`, `.column("g0")` |
//! | [`MetaAcc`] | `dim` | `A.obs_frame()`, `A.var_frame()` | `.column("a")`, `.index()` |
//! | [`MultiAcc`] | `dim`, `k` | `A.obsm("d")`, `A.varm("d")` | `.column(2)` |
//! | [`GraphAcc`] | `dim`, `k` | `A.obsp("e")`, `A.varp("e")` | `.all()`, `.row("c0")`, `.column("c1")` |
//!
//! # More than this crate has
//!
//! There are three ways to extend it.
//!
//! **A reference type of your own** is anything that is made from an [`AdRef`]; a root [`AdAcc`] of it makes these. Here
//! for a plotting library that takes the columns of a table by name:
//!
//! ```
//! use anndata_acc::{AdAcc, AdRef};
//!
//! /// A reference that plotting code takes for the name of a column.
//! struct MplRef {
//!     name: String,
//!     reference: AdRef,
//! }
//!
//! impl From<AdRef> for MplRef {
//!     fn from(reference: AdRef) -> Self {
//!         Self { name: reference.to_string(), reference }
//!     }
//! }
//!
//! impl AsRef<str> for MplRef {
//!     fn as_ref(&self) -> &str {
//!         &self.name
//!     }
//! }
//!
//! fn scatter(axes: &[impl AsRef<str>]) -> String {
//!     axes.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" against ")
//! }
//!
//! const A: AdAcc<MplRef> = AdAcc::new();
//! let axes = A.obsm("X_umap").columns([0, 1]);
//! assert_eq!(scatter(&axes), "A.obsm['X_umap'][:, 0] against A.obsm['X_umap'][:, 1]");
//! assert_eq!(A.resolve_ref("obs.n_counts")?.reference, anndata_acc::A.obs("n_counts"));
//! # Ok::<(), anndata_acc::AccError>(())
//! ```
//!
//! **An accessor that does more** is a trait of yours on an accessor. What it makes can be applied to data once it
//! implements [`Contained`] and [`Fetch`]:
//!
//! ```
//! use anndata_acc::{Access, AdAcc, AdRef, Contained, Fetch, MetaAcc, Result};
//! use anndata_core::{AnnData, DataFrame, Element};
//!
//! /// A reference to one array, or to several columns at once.
//! enum TwoDRef {
//!     One(AdRef),
//!     Columns(MetaAcc<TwoDRef>, Vec<String>),
//! }
//!
//! impl From<AdRef> for TwoDRef {
//!     fn from(reference: AdRef) -> Self {
//!         Self::One(reference)
//!     }
//! }
//!
//! trait ManyColumns {
//!     fn together(&self, names: &[&str]) -> TwoDRef;
//! }
//!
//! impl ManyColumns for MetaAcc<TwoDRef> {
//!     fn together(&self, names: &[&str]) -> TwoDRef {
//!         TwoDRef::Columns(self.clone(), names.iter().map(|&name| name.to_owned()).collect())
//!     }
//! }
//!
//! impl Contained<AnnData> for TwoDRef {
//!     fn is_in(&self, adata: &AnnData) -> Result<bool> {
//!         match self {
//!             Self::One(reference) => adata.contains(reference),
//!             Self::Columns(acc, names) => {
//!                 let frame = adata.get_as::<DataFrame>(acc)?;
//!                 Ok(names.iter().all(|name| frame.contains(name)))
//!             }
//!         }
//!     }
//! }
//!
//! impl Fetch<AnnData> for TwoDRef {
//!     fn fetch(&self, adata: &AnnData) -> Result<Element> {
//!         match self {
//!             Self::One(reference) => adata.get(reference),
//!             Self::Columns(acc, names) => {
//!                 let frame = adata.get_as::<DataFrame>(acc)?;
//!                 let mut part = DataFrame::with_index(frame.index().clone());
//!                 for name in names {
//!                     part.insert(name, frame.column(name)?)?;
//!                 }
//!                 Ok(part.into())
//!             }
//!         }
//!     }
//! }
//!
//! const A: AdAcc<TwoDRef> = AdAcc::new();
//! let obs = DataFrame::new(["c1"]).with_column("a", vec![1_i64])?.with_column("b", vec![2_i64])?;
//! let adata = AnnData::builder().obs(obs.clone()).build()?;
//! assert_eq!(adata.get(&A.obs_frame().together(&["a", "b"]))?, obs.into());
//! assert!(adata.contains(&A.obs("b"))?);
//! assert!(!adata.contains(&A.obs_frame().together(&["a", "c"]))?);
//! # Ok::<(), anndata_core::Error>(())
//! ```
//!
//! **A root with more accessors** has a root of this crate and adds to it, with a [dimension](Dim::other) of its own.
//! Its data implement [`Container`], whose page has the other half of this example:
//!
//! ```
//! use std::ops::Deref;
//! use anndata_acc::{Acc, AdAcc, Dim, Meta, MetaAcc};
//!
//! /// References to health records: those of an annotated matrix, and to what is known of time points.
//! struct EhrAcc(AdAcc);
//!
//! impl EhrAcc {
//!     fn tem(&self) -> MetaAcc {
//!         Acc::new(Meta { dim: Dim::other("tem") })
//!     }
//! }
//!
//! impl Deref for EhrAcc {
//!     type Target = AdAcc;
//!
//!     fn deref(&self) -> &AdAcc {
//!         &self.0
//!     }
//! }
//!
//! const A: EhrAcc = EhrAcc(AdAcc::new());
//! assert_eq!(A.tem().column("visit_id").to_string(), "A.tem['visit_id']");
//! assert_eq!(A.obs("age").to_string(), "A.obs['age']");
//! ```
//!
//! # What differs from Python
//!
//! - `strict=False` of `resolve` is `.ok()`; `vec=True` and `vec=False` are [`AdAcc::resolve_ref`] and
//!   [`AdAcc::resolve_acc`].
//! - A name that is `slice(None, None, None)` prints as it is, not as `:`. A position has to fit into 64 bits, and its
//!   digits are ASCII in simplified texts. In `obsp` and `varp`, ranges other than `:` are refused.
//! - A column of a frame in `obsm` or `varm` is given as a [`Column`](anndata_core::Column); Python cannot. A column of
//!   an array of more than two dimensions is refused, where Python gives all of its values in one row.
//! - A name that is more than once in its index is refused, where Python gives the values of all of them in one row.

mod access;
mod accessor;
mod container;
mod error;
mod json;
mod macros;
mod nearest;
mod parse;
mod quote;
mod resolve;
mod root;

pub use access::{Access, Contained, Fetch, FromElement};
pub use accessor::{
    Acc, AdRef, Dim, Graph, GraphAcc, GraphMap, GraphMapAcc, Idx, Idx2D, Layer, LayerAcc, LayerMap, LayerMapAcc, Meta,
    MetaAcc, Multi, MultiAcc, MultiMap, MultiMapAcc, RefAcc, Target,
};
pub use container::{Container, Slot};
pub use error::{AccError, Result};
pub use root::{A, AdAcc};

/// What the macro refuses when it is compiled.
///
/// ```compile_fail
/// anndata_acc::acc!(X["c1"]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(X[:3, :]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(X[:, b""]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(X[["a"], ["b"]]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(layers[1]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(layers["a"][:3, :]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(layers["a"][:, b""]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(layers["a"][["a"], ["b"]]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(obs[1]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(obsm[0]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(obsm["a"][:3, 0]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(obsm["a"]["b"]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(obsm["a"][true]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(varp[0]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(varp["x"][0, :]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(varp["x"]["a", "b"]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(varp["x"][["a"], ["b"]]);
/// ```
/// ```compile_fail
/// anndata_acc::acc!(uns["a"]);
/// ```
#[cfg(doctest)]
struct Refused;

/// The example of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;
