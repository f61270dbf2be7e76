//! [`ConcatPlan`]: what a concatenation will do, from metadata and labels alone.

mod elements;

use std::sync::Arc;

use anndata_storage::{DType, Error, Result};
use rayon::prelude::*;

use super::columns::ColumnPlan;
use super::labels::{JoinedLabels, Labels};
use super::outline::{self, ColumnOutline};
use super::{ConcatAxis, ConcatOptions, Join};
use crate::Reindex;
use crate::{AnnData, Column, DataFrame, Element, Layers, Mapping, Raw, Series};
use anndata_array::promote::FillValue;
use elements::Context;
pub(super) use elements::filled_dtype;

/// What a concatenation will do: which rows and columns of which input go where, which keys and columns survive,
/// of which dtype, and what fills the gaps.
///
/// It is made from names, categories, shapes and dtypes, never from the values of a matrix, so that it can be looked at
/// before anything is read, and carried out in memory or on disk.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, ConcatPlan, DataFrame, Join, Tensor};
///
/// let object = |names: [&str; 2]| {
///     AnnData::builder().x(Tensor::from_vec([1, 2], vec![1_i32, 2])?).var(DataFrame::new(names)).build()
/// };
/// let (a, b) = (object(["A", "B"])?, object(["B", "C"])?);
/// let plan = ConcatPlan::new(&[&a, &b], &ConcatOptions::default().with_join(Join::Outer))?;
/// assert_eq!(plan.shape(), (2, 3));
/// assert_eq!(plan.reindex[1].missing().collect::<Vec<_>>(), [0]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConcatPlan {
    /// The axis along which the inputs follow each other.
    pub axis: ConcatAxis,
    /// The length of each input along the axis.
    pub lengths: Arc<[usize]>,
    /// The labels of the result along the axis.
    pub labels: JoinedLabels,
    /// The name of the index along the axis.
    pub index_name: Option<String>,
    /// The labels of the result along the other axis.
    pub other_labels: Labels,
    /// The name of the index along the other axis.
    pub other_index_name: Option<String>,
    /// How the other axis of each input goes to that of the result.
    pub reindex: Arc<[Reindex]>,
    /// The columns of the annotation along the axis (`obs` or `var`).
    pub annotation: FramePlan,
    /// The column that says which input a row is from, with the key of each input as category.
    pub label: Option<(String, Column)>,
    /// The layers; `X` is under `None`.
    pub layers: Vec<(Option<String>, ElementPlan)>,
    /// The arrays along the axis (`obsm` or `varm`).
    pub arrays: Vec<(String, ElementPlan)>,
    /// The square matrices over the axis (`obsp` or `varp`).
    pub pairwise: Vec<(String, ElementPlan)>,
    /// The matrix before filtering, where all inputs have one.
    pub raw: Option<Box<ConcatPlan>>,
}

/// What the frames of the inputs become: each column by name, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FramePlan {
    /// The columns.
    pub columns: Vec<(String, ColumnPlan)>,
}

/// What the elements of one key become.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementPlan {
    /// The axis of the elements along which they follow each other: 0 or 1. The other one of the two is reindexed.
    pub axis: usize,
    /// The length of each input along it.
    pub lengths: Arc<[usize]>,
    /// How the other axis of each input goes to that of the result.
    pub reindex: Arc<[Reindex]>,
    /// The kind of the result.
    pub kind: ElementKind,
}

/// The kinds of results.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ElementKind {
    /// A dense array.
    Dense {
        /// The dtype.
        dtype: DType,
        /// The lengths of the axes below the first two.
        inner: Vec<usize>,
        /// What is in cells that no input has.
        fill: FillValue,
    },
    /// A CSR matrix.
    Sparse {
        /// The dtype.
        dtype: DType,
        /// What is in cells that no input has.
        fill: FillValue,
        /// Whether the indices of each row are sorted. As in scipy, those of matrices that are CSR already stay as they are.
        sorted: bool,
    },
    /// A CSR matrix with the inputs as blocks along the diagonal.
    Diagonal {
        /// The dtype.
        dtype: DType,
    },
    /// A frame.
    Frame(FramePlan),
    /// An awkward array; with `fields`, of these fields of its records only.
    Awkward {
        /// The fields that all have.
        fields: Option<Vec<String>>,
    },
    /// An element of an encoding that was added, which [concatenates](crate::Extension::concat) its own values.
    Extension {
        /// Its `encoding-type`.
        encoding: String,
    },
}

impl ConcatPlan {
    /// The plan for these inputs.
    ///
    /// # Errors
    /// If there is no input, the other axis of one has repeated labels, keys are missing or repeated, or elements
    /// of one key cannot be joined; the message names the element.
    pub fn new(inputs: &[&AnnData], options: &ConcatOptions) -> Result<Self> {
        if inputs.is_empty() {
            return Err(Error::invalid_input("expected at least one object to concatenate, found none"));
        }
        let axis = options.axis;
        let keys = options.keys(inputs.len())?;
        let lengths: Arc<[usize]> = inputs.iter().map(|input| axis.len(input)).collect();

        let texts = options.index_unique.as_deref().map(|_| super::key_texts(&keys)).transpose()?;
        let unique = options.index_unique.as_deref().zip(texts.as_deref());
        let frames = |axis: ConcatAxis| inputs.iter().map(|input| axis.frame(input)).collect::<Vec<_>>();
        let labels = JoinedLabels::new(&frames(axis), unique)?;

        let other = axis.other();
        let other_own = Labels::of_all(&frames(other))?;
        check_unique(&other_own, other)?;
        let other_labels = match options.join {
            Join::Inner => Labels::intersection(&other_own),
            Join::Outer => Labels::union(&other_own),
        };
        let reindex: Vec<Reindex> =
            other_own.par_iter().map(|own| own.reindex(&other_labels)).collect::<Result<_>>()?;
        let reindex: Arc<[Reindex]> = reindex.into();

        let context = Context { options, lengths: &lengths };
        let layers: Vec<&Layers> = inputs.iter().map(|input| input.layers()).collect();
        let arrays: Vec<&Mapping> = inputs.iter().map(|input| axis.arrays(input)).collect();
        let pairwise: Vec<&Mapping> = inputs.iter().map(|input| axis.pairwise(input)).collect();
        if options.join == Join::Inner
            && layers.iter().any(|layers| layers.contains_key(&None))
            && !layers.iter().all(|layers| layers.contains_key(&None))
        {
            tracing::warn!("only some of the objects have X: the result has none");
        }
        Ok(Self {
            axis,
            annotation: context.frame(&frame_outlines(inputs, axis)?, axis.name())?,
            label: options.label.clone().map(|name| (name, keys)),
            layers: each_key(&layers, options.join, |key, elements| {
                let path = key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"));
                context.element(elements, axis.position(), Some(&reindex), &path).map_err(|error| error.at(&path))
            })?,
            arrays: each_key(&arrays, options.join, |key, elements| {
                let path = format!("{}m/{key}", axis.name());
                context.element(elements, 0, None, &path).map_err(|error| error.at(&path))
            })?,
            pairwise: if options.pairwise {
                each_key(&pairwise, options.join, |key, elements| {
                    context.diagonal(elements).map_err(|error| error.at(&format!("{}p/{key}", axis.name())))
                })?
            } else {
                Vec::new()
            },
            raw: plan_raw(inputs, options)?.map(Box::new),
            index_name: common_name(inputs, axis),
            other_index_name: common_name(inputs, other),
            lengths,
            labels,
            other_labels,
            reindex,
        })
    }

    /// The number of observations and of variables of the result.
    pub fn shape(&self) -> (usize, usize) {
        match self.axis {
            ConcatAxis::Obs => (self.labels.len(), self.other_labels.len()),
            ConcatAxis::Var => (self.other_labels.len(), self.labels.len()),
        }
    }
}

fn frame_outlines(inputs: &[&AnnData], axis: ConcatAxis) -> Result<Vec<Vec<(String, ColumnOutline)>>> {
    inputs.iter().map(|input| outline::columns(axis.frame(input)).map_err(|error| error.at(axis.name()))).collect()
}

/// The raw matrices are concatenated as objects of their own, and only where all inputs have one.
fn plan_raw(inputs: &[&AnnData], options: &ConcatOptions) -> Result<Option<ConcatPlan>> {
    let raws = inputs.iter().map(|input| input.raw().map(|raw| raw_object(input, raw)).transpose());
    let raws = raws.collect::<Result<Vec<_>>>()?;
    if raws.iter().all(Option::is_some) {
        let raws: Vec<&AnnData> = raws.iter().flatten().collect();
        return ConcatPlan::new(&raws, &options.for_raw()).map(Some).map_err(within_raw);
    }
    if raws.iter().any(Option::is_some) {
        tracing::warn!("only some of the objects have raw: it is not concatenated");
    }
    Ok(None)
}

/// An error of a raw matrix that was taken as an object: its elements are named as those of the object that has it.
pub(super) fn within_raw(error: Error) -> Error {
    let slots = [("X", "raw/X"), ("obs", "raw/obs"), ("var", "raw/var"), ("varm", "raw/varm")];
    slots.into_iter().fold(error, |error, (own, within)| error.renamed(own, within)).at("raw")
}

/// A raw matrix as an object.
pub(super) fn raw_object(input: &AnnData, raw: &Raw) -> Result<AnnData> {
    let index_name = input.obs().index_name().map(str::to_owned);
    let obs = DataFrame::with_index(input.obs().index().clone()).with_index_name(index_name);
    let mut builder = AnnData::builder().shape(input.n_obs(), raw.n_vars()?).obs(obs).var(raw.var().clone());
    if let Some(x) = raw.x() {
        builder = builder.x(x.clone());
    }
    builder.all_varm(raw.varm().clone()).stored().build()
}

fn check_unique(all: &[Labels], axis: ConcatAxis) -> Result<()> {
    // Labels that are equal to those of the first are as unique as they are.
    let checked = all.par_iter().enumerate().filter(|(position, labels)| *position == 0 || all.first() != Some(labels));
    match checked.find_map_first(|(position, labels)| Some((position, labels.duplicate()?))) {
        Some((position, name)) => Err(Error::invalid_input(format!(
            "the labels of {} are joined and have to be unique, but in object {position} '{name}' occurs twice",
            axis.name()
        ))),
        None => Ok(()),
    }
}

/// The name that all indexes of an axis have.
fn common_name(inputs: &[&AnnData], axis: ConcatAxis) -> Option<String> {
    let mut names = inputs.iter().map(|input| axis.frame(input).index_name());
    let first = names.next().flatten()?;
    names.all(|name| name == Some(first)).then(|| first.to_owned())
}

/// Plans each key that survives the join.
fn each_key<K: Clone + Eq + std::hash::Hash, P>(
    mappings: &[&indexmap::IndexMap<K, Element>],
    join: Join,
    plan: impl Fn(&K, &[Option<&Element>]) -> Result<P>,
) -> Result<Vec<(K, P)>> {
    let mut keys: indexmap::IndexSet<&K> = mappings.iter().flat_map(|mapping| mapping.keys()).collect();
    if join == Join::Inner {
        keys = mappings.last().map(|last| last.keys().collect()).unwrap_or_default();
        keys.retain(|key| mappings.iter().all(|mapping| mapping.contains_key(*key)));
    }
    let plan = |key: &K| {
        let elements: Vec<Option<&Element>> = mappings.iter().map(|mapping| mapping.get(key)).collect();
        Ok((key.clone(), plan(key, &elements)?))
    };
    keys.into_iter().map(plan).collect()
}

/// The columns of a frame as elements.
pub(super) fn frame_elements(frame: &DataFrame) -> Mapping {
    let element = |series: &Series| match series {
        Series::Loaded(column) => Element::Column(column.clone()),
        Series::Lazy(lazy) => Element::Lazy(lazy.clone()),
        Series::Opaque(opaque) => Element::Opaque(opaque.clone()),
    };
    frame.columns().map(|(name, series)| (name.to_owned(), element(series))).collect()
}
