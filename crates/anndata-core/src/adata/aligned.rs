//! [`Aligned`]: the elements of a slot, and the one place that checks that they fit its axes.

use std::fmt::Debug;
use std::hash::Hash;
use std::ops::Deref;

use anndata_storage::{AxisSelection, DType, Error, Result};
use indexmap::IndexMap;

use super::matrix;
use crate::model::{Aligned, AlignedSlot, Categories};
use crate::{Column, DataFrame, Element, Series, SparseMatrix};

/// The axes that elements are aligned to: how long they are, and their frames.
#[derive(Clone, Copy)]
pub(crate) struct Dimensions<'a> {
    pub(crate) n_obs: usize,
    pub(crate) n_vars: usize,
    pub(crate) obs: &'a DataFrame,
    pub(crate) var: &'a DataFrame,
}

/// The [`Dimensions`] of an object, of which a slot may be borrowed to be changed.
macro_rules! dimensions {
    ($adata:expr) => {
        $crate::adata::Dimensions { n_obs: $adata.n_obs, n_vars: $adata.n_vars, obs: &$adata.obs, var: &$adata.var }
    };
}
pub(super) use dimensions;

/// What an element is called in its slot.
pub(crate) trait SlotKey: Clone + Eq + Hash + Debug {
    /// The path of an element.
    fn path(&self, slot: AlignedSlot) -> String;
    /// The key as a message shows it.
    fn shown(&self) -> &str;
}

impl SlotKey for String {
    fn path(&self, slot: AlignedSlot) -> String {
        format!("{}/{self}", slot.name())
    }

    fn shown(&self) -> &str {
        self
    }
}

/// That of a layer; `None` is `X`.
impl SlotKey for Option<String> {
    fn path(&self, slot: AlignedSlot) -> String {
        self.as_ref().map_or_else(|| "X".to_owned(), |key| key.path(slot))
    }

    fn shown(&self) -> &str {
        self.as_deref().unwrap_or("X")
    }
}

impl AlignedSlot {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Layers => "layers",
            Self::Obsm => "obsm",
            Self::Varm => "varm",
            Self::Obsp => "obsp",
            Self::Varp => "varp",
            Self::RawVarm => "raw/varm",
        }
    }

    /// The slot of the transposed object that has the elements.
    fn transposed(self) -> Self {
        match self {
            Self::Layers => Self::Layers,
            Self::Obsm => Self::Varm,
            Self::Varm | Self::RawVarm => Self::Obsm,
            Self::Obsp => Self::Varp,
            Self::Varp => Self::Obsp,
        }
    }

    /// What the leading axes of an element are as long as, and what that is called.
    fn lengths(self, axes: &Dimensions<'_>) -> (Vec<usize>, &'static str) {
        match self {
            Self::Layers => (vec![axes.n_obs, axes.n_vars], "n_obs, n_vars"),
            Self::Obsm => (vec![axes.n_obs], "n_obs"),
            Self::Varm => (vec![axes.n_vars], "n_vars"),
            Self::RawVarm => (vec![axes.n_vars], "the rows of raw/var"),
            Self::Obsp => (vec![axes.n_obs; 2], "n_obs, n_obs"),
            Self::Varp => (vec![axes.n_vars; 2], "n_vars, n_vars"),
        }
    }

    /// The frame whose labels and whose name of the index a frame in the slot has.
    fn labels<'a>(self, axes: &Dimensions<'a>) -> Option<&'a DataFrame> {
        match self {
            Self::Obsm => Some(axes.obs),
            Self::Varm => Some(axes.var),
            Self::Layers | Self::Obsp | Self::Varp | Self::RawVarm => None,
        }
    }

    /// If the elements are matrices, along two axes: the frames of their rows and of their columns.
    fn matrix<'a>(self, axes: &Dimensions<'a>) -> Option<[(&'static str, &'a DataFrame); 2]> {
        let (obs, var) = (("obs", axes.obs), ("var", axes.var));
        match self {
            Self::Layers => Some([obs, var]),
            Self::Obsp => Some([obs, obs]),
            Self::Varp => Some([var, var]),
            Self::Obsm | Self::Varm | Self::RawVarm => None,
        }
    }

    /// What a selection of both axes is of an element.
    fn selections(self, obs: &AxisSelection, var: &AxisSelection) -> Vec<AxisSelection> {
        match self {
            Self::Layers => vec![obs.clone(), var.clone()],
            Self::Obsm => vec![obs.clone()],
            Self::Varm | Self::RawVarm => vec![var.clone()],
            Self::Obsp => vec![obs.clone(), obs.clone()],
            Self::Varp => vec![var.clone(), var.clone()],
        }
    }
}

impl<K: SlotKey> Deref for Aligned<K> {
    type Target = IndexMap<K, Element>;

    fn deref(&self) -> &Self::Target {
        &self.elements
    }
}

impl<K: SlotKey> PartialEq for Aligned<K> {
    fn eq(&self, other: &Self) -> bool {
        self.elements == other.elements
    }
}

impl<K: SlotKey> Aligned<K> {
    /// No element.
    pub(crate) fn empty(slot: AlignedSlot) -> Self {
        Self { slot, elements: IndexMap::new() }
    }

    /// These elements, which a user gave, in the form that the slot has.
    pub(crate) fn new(slot: AlignedSlot, elements: IndexMap<K, Element>, axes: &Dimensions<'_>) -> Result<Self> {
        let mut aligned = Self::empty(slot);
        aligned.replace(elements, axes)?;
        Ok(aligned)
    }

    /// These elements as a store holds them: matrices of any dtype, arrays of one dimension along one axis.
    pub(crate) fn stored(slot: AlignedSlot, elements: IndexMap<K, Element>, axes: &Dimensions<'_>) -> Result<Self> {
        let aligned = Self { slot, elements };
        aligned.iter().try_for_each(|(key, element)| aligned.check(key, element, axes))?;
        Ok(aligned)
    }

    /// Sets an element.
    pub(crate) fn insert(&mut self, key: K, element: Element, axes: &Dimensions<'_>) -> Result<()> {
        let element = self.fitting(&key, element, axes)?;
        self.elements.insert(key, element);
        Ok(())
    }

    /// Replaces all elements.
    pub(crate) fn replace(&mut self, elements: IndexMap<K, Element>, axes: &Dimensions<'_>) -> Result<()> {
        let fitting = elements.into_iter().map(|(key, element)| {
            let element = self.fitting(&key, element, axes)?;
            Ok((key, element))
        });
        self.elements = fitting.collect::<Result<_>>()?;
        Ok(())
    }

    /// Changes an element by a function. If the function fails, what it had changed until then stays changed; if the
    /// element does not fit afterwards, it is removed.
    pub(crate) fn update(
        &mut self,
        key: &K,
        axes: &Dimensions<'_>,
        change: impl FnOnce(&mut Element) -> Result<()>,
    ) -> Result<()> {
        let path = key.path(self.slot);
        let Some(position) = self.elements.get_index_of(key) else {
            return Err(Error::not_found("there is no such matrix").at(&path));
        };
        let mut element = std::mem::replace(&mut self.elements[position], Element::Null);
        let changed = change(&mut element).map_err(|error| error.at(&path));
        match self.fitting(key, element, axes) {
            Ok(element) => {
                self.elements[position] = element;
                changed
            }
            Err(error) => {
                self.elements.shift_remove_index(position);
                changed.and(Err(error))
            }
        }
    }

    /// Removes an element and keeps the order of the others.
    pub(crate) fn remove(&mut self, key: &K) -> Option<Element> {
        self.elements.shift_remove(key)
    }

    /// Gives an element another key; it stays where it is among the others.
    pub(crate) fn rename(&mut self, from: &K, to: K) -> Result<()> {
        rename(&mut self.elements, from, to).map_err(|error| error.at(self.slot.name()))
    }

    /// Every element changed by a function that keeps its shape.
    pub(crate) fn map(&self, mut change: impl FnMut(&Element) -> Result<Element>) -> Result<Self> {
        let changed = |(key, element): (&K, &Element)| match change(element) {
            Ok(element) => Ok((key.clone(), element)),
            Err(error) => Err(error.at(&key.path(self.slot))),
        };
        Ok(Self { slot: self.slot, elements: self.iter().map(changed).collect::<Result<_>>()? })
    }

    /// Parts of all elements, of which nothing is read.
    pub(crate) fn view(&self, obs: &AxisSelection, var: &AxisSelection, categories: Categories) -> Result<Self> {
        let selections = self.slot.selections(obs, var);
        self.map(|element| element.view(&selections, categories))
    }

    /// Takes those sparse matrices out that nothing else holds, each with where it was among the others.
    pub(crate) fn take_exclusive(&mut self) -> Vec<(usize, K, SparseMatrix)> {
        let is_exclusive = |element: &Element| matches!(element, Element::Sparse(matrix) if matrix.is_exclusive());
        let mut taken = Vec::new();
        for position in (0..self.elements.len()).rev() {
            if self.elements.get_index(position).is_some_and(|(_, element)| is_exclusive(element))
                && let Some((key, Element::Sparse(matrix))) = self.elements.shift_remove_index(position)
            {
                taken.push((position, key, matrix));
            }
        }
        taken
    }

    /// Puts matrices that were [taken](Self::take_exclusive) where they were.
    pub(crate) fn put_back(&mut self, taken: Vec<(usize, K, SparseMatrix)>) {
        for (position, key, matrix) in taken.into_iter().rev() {
            self.elements.shift_insert(position, key, Element::Sparse(matrix));
        }
    }

    /// The selected parts of matrices that were [taken](Self::take_exclusive), in their memory where that can be.
    pub(crate) fn selected(
        &self,
        taken: Vec<(usize, K, SparseMatrix)>,
        obs: &AxisSelection,
        var: &AxisSelection,
    ) -> Result<Vec<(usize, K, SparseMatrix)>> {
        let selections = self.slot.selections(obs, var);
        let [rows, columns] = selections.as_slice() else { return Err(Error::bug("a slot of matrices has two axes")) };
        let select = |(position, key, matrix): (usize, K, SparseMatrix)| {
            let selected = matrix.into_selected(rows, columns).map_err(|error| error.at(&key.path(self.slot)))?;
            Ok((position, key, selected))
        };
        taken.into_iter().map(select).collect()
    }

    /// The elements in the slot that has them in the transposed object. Layers are transposed themselves.
    pub(crate) fn transposed(&self, transpose: fn(&Element) -> Result<Element>) -> Result<Self> {
        let elements = if matches!(self.slot, AlignedSlot::Layers) { self.map(transpose)? } else { self.clone() };
        Ok(Self { slot: self.slot.transposed(), ..elements })
    }

    /// The elements with the labels of their axis on every frame.
    pub(crate) fn relabelled(&self, axis: &DataFrame) -> Result<Self> {
        self.map(|element| {
            Ok(match element {
                Element::Frame(frame) => {
                    let mut frame = frame.clone().with_index_name(axis.index_name().map(str::to_owned));
                    frame.set_index(axis.index().clone())?;
                    Element::Frame(frame)
                }
                other => other.clone(),
            })
        })
    }

    /// Checks the labels of frames, which are read for it where they are lazy.
    pub(crate) fn check_labels(&self, axes: &Dimensions<'_>) -> Result<()> {
        let Some(labels) = self.slot.labels(axes) else { return Ok(()) };
        for (key, element) in self.iter() {
            if let Element::Frame(frame) = element {
                if let (Series::Lazy(own), Series::Lazy(labels)) = (frame.index(), labels.index())
                    && own.is(labels)
                {
                    continue;
                }
                let (own, labels) = (frame.index().load_once()?, labels.index().load_once()?);
                same_labels(&own, &labels).map_err(|error| error.at(&key.path(self.slot)))?;
            }
        }
        Ok(())
    }

    /// The element as the slot holds it, if it fits.
    fn fitting(&self, key: &K, element: Element, axes: &Dimensions<'_>) -> Result<Element> {
        let named = |error: Error| error.at(&key.path(self.slot));
        let element = match (element, self.slot.matrix(axes)) {
            (Element::Frame(frame), Some([rows, columns])) => {
                Element::Tensor(matrix::of_frame(&frame, rows, columns).map_err(named)?)
            }
            (element, _) => element,
        };
        self.check(key, &element, axes)?;
        match (element, self.slot.labels(axes)) {
            // A matrix holds numbers or times. Lazy elements are taken as they are.
            (Element::Tensor(tensor), None)
                if self.slot.matrix(axes).is_some() && !may_be_in_matrix(tensor.dtype()) =>
            {
                Err(named(Error::dtype(format!("its values are of type {}, not numbers", tensor.dtype()))))
            }
            // Along one axis, an array of one dimension becomes a column.
            (Element::Tensor(tensor), Some(_)) if tensor.ndim() == 1 => {
                let rows = tensor.len();
                Ok(Element::Tensor(tensor.reshape([rows, 1])?))
            }
            // The index of a frame has the name that the axis has.
            (Element::Frame(frame), Some(labels)) => {
                Ok(Element::Frame(frame.with_index_name(labels.index_name().map(str::to_owned))))
            }
            (element, _) => Ok(element),
        }
    }

    /// Whether an element has the lengths of the axes, and a frame their labels.
    fn check(&self, key: &K, element: &Element, axes: &Dimensions<'_>) -> Result<()> {
        let refused = |message: String| Err(Error::invalid_input(message).at(&key.path(self.slot)));
        // Nothing need be known of the axes of what is kept as it is, or is not read yet.
        let may_lack_shape = matches!(element, Element::Opaque(_) | Element::Extension(_) | Element::Lazy(_));
        let (lengths, names) = self.slot.lengths(axes);
        match element.shape()? {
            None if !may_lack_shape => {
                return refused(format!("it is {}, which has no axes", element.with_article()));
            }
            Some(shape) if !shape.starts_with(&lengths) => {
                return refused(format!("expected a shape that begins with {lengths:?} ({names}), found {shape:?}"));
            }
            _ => {}
        }
        // Lazy indexes are looked at when they are read.
        if let (Element::Frame(own), Some(labels)) = (element, self.slot.labels(axes))
            && let (Series::Loaded(own), Series::Loaded(labels)) = (own.index(), labels.index())
        {
            same_labels(own, labels).map_err(|error| error.at(&key.path(self.slot)))?;
        }
        Ok(())
    }
}

/// Gives an entry of a mapping another key.
pub(crate) fn rename<K: SlotKey>(elements: &mut IndexMap<K, Element>, from: &K, to: K) -> Result<()> {
    let (old, new) = (from.shown(), to.shown().to_owned());
    let position = elements.get_index_of(from).ok_or_else(|| Error::not_found(format!("there is no '{old}'")))?;
    let renamed = elements.replace_index(position, to);
    renamed
        .map_err(|_| Error::already_exists(format!("'{old}' cannot be renamed to '{new}', which already exists")))?;
    Ok(())
}

/// Whether a matrix may hold such values: numbers, times, or what is kept as it is stored.
fn may_be_in_matrix(dtype: &DType) -> bool {
    dtype.is_numeric() || dtype.is_time() || matches!(dtype, DType::Opaque(_))
}

/// A frame along an axis has the labels of the axis.
fn same_labels(own: &Column, axis: &Column) -> Result<()> {
    if own == axis || own.to_comparable_labels()? == axis.to_comparable_labels()? {
        return Ok(());
    }
    Err(Error::invalid_input("its index differs from that of its axis"))
}
