//! The model on one page: what an object is made of. Its types contain each other, so that they are defined together.
//!
//! [`AnnData`] and [`Raw`] have slots, a slot has [`Element`]s, and an element may be a [`DataFrame`] of [`Series`], a
//! [`Mapping`] of elements, an object again, or [`Lazy`]: read from a [`LazySource`], or a [`Selection`] of another one, when it
//! is asked for. What each of them does is in the file of its name.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use anndata_storage::{AxisSelection, BoxFuture, Error, Result, Tensor};
use indexmap::IndexMap;

use crate::awkward::Awkward;
use crate::caches::{NameCache, Namespaces};
use crate::recent::{Recent, Slot};
use crate::{Column, Extension, Opaque, Schema, SparseMatrix};

/// Matrices of the shape of `X` by name; `X` itself is under `None`.
pub type Layers = IndexMap<Option<String>, Element>;

/// An annotated data matrix.
///
/// | slot | holds | aligned to |
/// | --- | --- | --- |
/// | `X`, `layers` | matrices | observations x variables |
/// | `obs` | a data frame | observations |
/// | `var` | a data frame | variables |
/// | `obsm`, `varm` | arrays, frames, sparse or awkward arrays | observations, variables |
/// | `obsp`, `varp` | square matrices | observations x observations, variables x variables |
/// | `uns` | anything | nothing |
/// | `raw` | a matrix with variables of its own | observations |
///
/// Every way to make or change one checks the alignment. Elements may be lazy.
///
/// A clone costs next to nothing and is an object of its own: values are shared, and an edit replaces what it changes,
/// so that it is not seen through the other object. That is Python's `copy`. [`load`](Self::load) brings everything into
/// memory as well, which is Python's `to_memory`.
///
/// ```
/// use anndata_core::{AnnData, DataFrame, Tensor};
///
/// let adata = AnnData::builder()
///     .x(Tensor::from_vec([2, 3], vec![1_i32; 6])?)
///     .var(DataFrame::new(["A", "B", "C"]))
///     .build()?;
/// assert_eq!(adata.to_string(), "AnnData object with n_obs × n_vars = 2 × 3\n    layers: None (.X)");
///
/// let error = AnnData::builder().shape(2, 3).obsm("X_pca", Tensor::from_vec([3], vec![1.0; 3])?).build().unwrap_err();
/// assert_eq!(error.to_string(), "obsm/X_pca: expected a shape that begins with [2] (n_obs), found [3]");
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Clone)]
pub struct AnnData {
    pub(crate) n_obs: usize,
    pub(crate) n_vars: usize,
    pub(crate) obs: DataFrame,
    pub(crate) var: DataFrame,
    pub(crate) layers: Aligned<Option<String>>,
    pub(crate) obsm: Aligned,
    pub(crate) varm: Aligned,
    pub(crate) obsp: Aligned,
    pub(crate) varp: Aligned,
    pub(crate) uns: Mapping,
    pub(crate) raw: Option<Raw>,
    pub(crate) other: Mapping,
    pub(crate) view: Option<ViewOf>,
    pub(crate) namespaces: Namespaces,
}

/// What a view shows of the object that it was taken from.
#[derive(Debug, Clone)]
pub(crate) struct ViewOf {
    pub(crate) obs: AxisSelection,
    pub(crate) var: AxisSelection,
}

/// A matrix over the same observations but other (usually more) variables: what `adata.raw` is.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    pub(crate) x: Option<Element>,
    pub(crate) var: DataFrame,
    pub(crate) varm: Aligned,
    /// Groups beside the known ones, kept.
    pub(crate) other: Mapping,
}

/// The elements of a slot, each of which fits the axes of the slot. It is read as the mapping that it is, and changed
/// only by what keeps it aligned.
#[derive(Debug, Clone)]
pub(crate) struct Aligned<K = String> {
    pub(crate) slot: AlignedSlot,
    pub(crate) elements: IndexMap<K, Element>,
}

/// A slot of aligned elements; `X` is one of the layers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AlignedSlot {
    Layers,
    Obsm,
    Varm,
    Obsp,
    Varp,
    RawVarm,
}

/// Named elements in order: `uns`, `obsm` and their like.
pub type Mapping = IndexMap<String, Element>;

/// A value of any kind that anndata can store. A clone shares the values.
///
/// An element of a view or of a stored object is [`Lazy`](Self::Lazy), whatever it will be: [`load`](Self::load) it before
/// it is matched on. [`dtype`](Self::dtype), [`shape`](Self::shape) and [`is_sparse`](Self::is_sparse) answer without that.
///
/// ```
/// use anndata_core::{AnnData, Element, Tensor};
///
/// let adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?).build()?;
/// let view = adata.select(1, ..)?;
/// let x = view.x().unwrap();
/// assert!(matches!(x, Element::Lazy(_)) && !x.is_sparse()?);
/// match x.load()? {
///     Element::Tensor(dense) => assert_eq!(dense.as_slice::<f32>()?, [3.0, 4.0]),
///     Element::Sparse(_) => unreachable!("it is dense"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "an object holds few elements")]
#[doc(alias("RWAble", "AxisStorable"))]
pub enum Element {
    /// Nothing (Python's `None`).
    Null,
    /// Numbers, text or records, of any number of dimensions. Without dimensions it is a scalar.
    Tensor(Tensor),
    /// A compressed sparse matrix.
    Sparse(SparseMatrix),
    /// A categorical or nullable array, or the column of a frame.
    Column(Column),
    /// A data frame.
    Frame(DataFrame),
    /// Nested lists and records of varying length.
    Awkward(Awkward),
    /// Named elements.
    Mapping(Mapping),
    /// An `AnnData` within another.
    AnnData(Box<AnnData>),
    /// The `raw` of an `AnnData`.
    Raw(Box<Raw>),
    /// An element of an encoding that this version does not know, or that cannot be opened, kept as it is stored.
    Opaque(Opaque),
    /// An element of an encoding that was added to those of the format.
    Extension(Arc<dyn Extension>),
    /// An element that is read when it is asked for.
    Lazy(Lazy),
}

/// A table: an index of row labels and named columns in order. A column, or the index, may be lazy.
///
/// The index of the frames `obs` and `var` is text. Other frames may have any index.
#[derive(Debug, Clone, PartialEq)]
#[doc(alias = "Dataset2D")]
pub struct DataFrame {
    pub(crate) index_name: Option<String>,
    pub(crate) index: Series,
    pub(crate) columns: IndexMap<String, Series>,
    /// What stands beside the columns in the store.
    pub(crate) other: Mapping,
    /// Where each label is; a clone shares it, a frame with another index has another.
    pub(crate) names: NameCache,
}

/// A column that is in memory, or stored and loaded when it is asked for.
#[derive(Debug, Clone)]
#[doc(alias("CategoricalArray", "MaskedArray", "is_backed"))]
pub enum Series {
    /// In memory.
    Loaded(Column),
    /// In a store.
    Lazy(Lazy),
    /// Of an unknown encoding: kept and written back, but not readable.
    Opaque(Opaque),
}

/// An element whose metadata are known and whose values are read, or made, when they are asked for:
///
/// - the element of a [source](LazySource) is read on first use and then kept; a clone shares the values once they are
///   read;
/// - a **selection** of an element, as a view has it, is made anew each time, from what it was selected from. Of an
///   element that was not read yet only what is selected is read.
#[derive(Clone)]
pub struct Lazy(pub(crate) Arc<Origin>);

/// Where the values of a lazy element come from.
pub(crate) enum Origin {
    Source { source: Box<dyn LazySource>, value: Kept },
    Selection(Selection),
}

/// What becomes of the values of lazy elements once they are read.
///
/// Values that are selected from an element which was not read as a whole are never kept.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Keep {
    /// They are kept for as long as the element is there.
    #[default]
    Once,
    /// They are read anew each time.
    Never,
    /// They are kept in a cache, which all elements that are made with it share.
    Cache(ElementCache),
}

/// A cache of elements that were read: of so many bytes in memory at most. Elements that were not used for the longest time
/// make room for new ones; one that is larger than the cache is not kept. A clone is the same cache.
#[derive(Debug, Clone)]
pub struct ElementCache(pub(crate) Recent<Element>);

/// The values of a source, if they are kept.
#[expect(clippy::large_enum_variant, reason = "always behind an `Arc`")]
pub(crate) enum Kept {
    /// They are, once they are read. One thread reads, and others wait for it.
    Once { value: OnceLock<Element>, reading: Mutex<()> },
    /// They are read anew each time, until the stored element is replaced by another.
    Never { replaced: AtomicBool },
    /// They are as long as there is room for them.
    Cached { slot: Slot<Element>, reading: Mutex<()> },
}

/// Selected positions along the axes of an element.
#[derive(Debug)]
pub struct Selection {
    pub(crate) of: Element,
    pub(crate) axes: Vec<AxisSelection>,
    pub(crate) categories: Categories,
}

/// What becomes of categories that no value of a selection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Categories {
    /// They are kept.
    Keep,
    /// They are dropped, in columns of categories.
    DropUnused,
}

/// Where a lazy element comes from: a store, a collection of other objects, a computation.
///
/// What an element is ([`schema`](Self::schema)) is known from metadata; its values are read when they are asked for, and
/// no more of them than is selected.
pub trait LazySource: Any + Debug + Send + Sync {
    /// The path of the element in its store; empty if it has none.
    fn path(&self) -> &str;

    /// What the element is, from metadata alone.
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn schema(&self) -> Result<Schema>;

    /// The length of each axis, from metadata alone; `None` for what has no axes. Less may be looked at for it than for
    /// the [schema](Self::schema).
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn shape(&self) -> Result<Option<Vec<usize>>> {
        Ok(self.schema()?.shape())
    }

    /// The element in memory.
    ///
    /// # Errors
    /// If it cannot be read.
    fn load(&self) -> Result<Element>;

    /// The selected positions along the axes of the element, one selection per axis; no more is read than has to be.
    ///
    /// # Errors
    /// If it cannot be read, or has no such axes.
    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        self.load()?.select(axes)
    }

    /// How many values each of some major slices (rows of CSR, columns of CSC) of a sparse matrix has, if that is known
    /// without reading the values themselves. The default knows nothing.
    ///
    /// # Errors
    /// If it cannot be read.
    fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        let _ = slices;
        Ok(None)
    }

    /// How many values of a sparse matrix are stored, if that is known from metadata. The default knows nothing.
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn nnz(&self) -> Result<Option<usize>> {
        Ok(None)
    }

    /// Some of the categories of a column of categories. By default all of them are read, and no codes.
    ///
    /// # Errors
    /// If they cannot be read, or it is not a column of categories.
    fn categories(&self, range: Range<usize>) -> Result<Column> {
        self.select(&[AxisSelection::Range(0..0)])?.into_column()?.categories()?.slice(range)
    }

    /// The last position along an axis, at most `position`, at which a chunk of the stored values ends, so that no chunk is
    /// decoded twice where blocks end there. The default knows of no chunks: any position is one.
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        let _ = axis;
        Ok(position)
    }

    /// What the element is made of, if that is rows of other elements, one after the other: how many rows each stretch has, and
    /// the element that has these rows alone with these values, if there is one. Of a CSR matrix that is one too, without
    /// columns that are missing at the end. By default it is made of nothing else.
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn parts(&self) -> Result<Vec<(usize, Option<Element>)>> {
        Ok(Vec::new())
    }

    /// Whether reading waits for another machine, so that several elements should be read at once. The default does not.
    fn has_latency(&self) -> bool {
        false
    }

    /// The async twin of [`load`](Self::load). The default blocks.
    fn load_async(&self) -> BoxFuture<'_, Result<Element>> {
        Box::pin(async move { self.load() })
    }

    /// The async twin of [`select`](Self::select). The default blocks.
    fn select_async<'a>(&'a self, axes: &'a [AxisSelection]) -> BoxFuture<'a, Result<Element>> {
        Box::pin(async move { self.select(axes) })
    }

    /// The bytes that the values take in memory: those that are there already and, `with_stored`, those that are still to
    /// be read.
    fn nbytes(&self, with_stored: bool) -> usize;

    /// Names the element, and the file it is in, in an error about it.
    fn locate(&self, error: Error) -> Error {
        if self.path().is_empty() { error } else { error.at(self.path()) }
    }
}
