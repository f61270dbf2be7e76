//! [`Lazy`]: an element that is read, or made from another, when it is asked for.

mod keep;
mod selection;

use std::any::Any;
use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{AxisSelection, Error, Result};

use crate::model::{Categories, Origin};
use crate::{Column, ColumnKind, Element, Keep, Lazy, LazySource, Schema, Selection};

impl Lazy {
    /// The element of a source, read on first use and then kept.
    pub fn new(source: impl LazySource) -> Self {
        Self::with_keep(source, &Keep::Once)
    }

    /// The element of a source, read anew each time: for what stays in its store because it is too large, or may change
    /// there.
    pub fn uncached(source: impl LazySource) -> Self {
        Self::with_keep(source, &Keep::Never)
    }

    /// The element of a source, whose values are kept or not once they are read.
    pub fn with_keep(source: impl LazySource, keep: &Keep) -> Self {
        Self(Arc::new(Origin::Source { source: Box::new(source), value: keep.of_new() }))
    }

    /// Selected positions along the axes of an element, one selection per axis; a selection of a selection is one of the
    /// whole. Nothing is read.
    pub(crate) fn selection(of: &Element, axes: &[AxisSelection], categories: Categories) -> Self {
        if let Element::Lazy(Self(inner)) = of
            && let Origin::Selection(outer) = &**inner
        {
            let axes = outer.axes.iter().zip(axes).map(|(outer, inner)| outer.select(inner)).collect();
            let categories = if outer.drops_unused_categories() { outer.categories } else { categories };
            return Self(Arc::new(Origin::Selection(Selection { of: outer.of.clone(), axes, categories })));
        }
        Self(Arc::new(Origin::Selection(Selection { of: of.clone(), axes: axes.to_vec(), categories })))
    }

    /// Whether both are the same element, not only equal ones.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Declares that what is stored was replaced by another element, so that neither this [uncached](Self::uncached)
    /// element nor a selection of it can be read again.
    pub fn set_replaced(&self) {
        if let Origin::Source { value, .. } = &*self.0 {
            value.set_replaced();
        }
    }

    /// The path of the element in its store, or of what it was selected from; empty if it is in none.
    pub fn path(&self) -> &str {
        match &*self.0 {
            Origin::Source { source, .. } => source.path(),
            Origin::Selection(Selection { of: Element::Lazy(lazy), .. }) => lazy.path(),
            Origin::Selection(_) => "",
        }
    }

    /// The source, if it is one of this type, and this the whole of it.
    pub fn source<S: LazySource>(&self) -> Option<&S> {
        match &*self.0 {
            Origin::Source { source, .. } => (&**source as &dyn Any).downcast_ref(),
            Origin::Selection(_) => None,
        }
    }

    /// What this was selected from and how, if it is a selection.
    pub fn selected(&self) -> Option<&Selection> {
        match &*self.0 {
            Origin::Selection(selection) => Some(selection),
            Origin::Source { .. } => None,
        }
    }

    /// Whether [`load`](Self::load) waits for another machine.
    pub(crate) fn has_latency(&self) -> bool {
        match &*self.0 {
            Origin::Source { source, value } => value.get().is_none() && source.has_latency(),
            Origin::Selection(Selection { of: Element::Lazy(lazy), .. }) => lazy.has_latency(),
            Origin::Selection(_) => false,
        }
    }

    /// Refuses a stored element that was [replaced](Self::set_replaced).
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it was.
    pub fn check_current(&self) -> Result<()> {
        match &*self.0 {
            Origin::Source { source, value } => value.check(&**source),
            Origin::Selection(_) => Ok(()),
        }
    }

    /// Whether the values have been read, or are made from values in memory.
    pub fn is_loaded(&self) -> bool {
        match &*self.0 {
            Origin::Source { value, .. } => value.get().is_some(),
            Origin::Selection(Selection { of: Element::Lazy(lazy), .. }) => lazy.is_loaded(),
            Origin::Selection(_) => true,
        }
    }

    /// What the element is, from metadata alone.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn schema(&self) -> Result<Schema> {
        match &*self.0 {
            Origin::Source { source, .. } => source.schema().map_err(|error| source.locate(error)),
            Origin::Selection(selection) => selection.schema(),
        }
    }

    /// The length of each axis, from metadata alone; `None` for what has no axes.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn shape(&self) -> Result<Option<Vec<usize>>> {
        match &*self.0 {
            Origin::Source { source, .. } => source.shape().map_err(|error| source.locate(error)),
            Origin::Selection(selection) => selection.shape(),
        }
    }

    /// The element. That of a source is read on first use and kept, unless it is [uncached](Self::uncached) or a cache has no
    /// room for it. Several threads that ask at once wait for the one that reads; those of rayon's pool, which may not wait for
    /// each other, read it themselves.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&self) -> Result<Element> {
        match &*self.0 {
            Origin::Source { value, .. } => value.get_or_read(|| self.load_once()),
            Origin::Selection(_) => self.load_once(),
        }
    }

    /// The async twin of [`load`](Self::load).
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn load_async(&self) -> Result<Element> {
        let element = self.load_once_async().await?;
        match &*self.0 {
            Origin::Source { value, .. } => Ok(value.put(element)),
            Origin::Selection(_) => Ok(element),
        }
    }

    /// The async twin of [`load_once`](Self::load_once).
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn load_once_async(&self) -> Result<Element> {
        match &*self.0 {
            Origin::Source { source, value } => {
                if let Some(element) = value.get() {
                    return Ok(element);
                }
                value.check(&**source)?;
                source.load_async().await.map_err(|error| source.locate(error))
            }
            Origin::Selection(selection) => selection.load_async().await,
        }
    }

    /// The element, read and not kept: for passing over data larger than memory.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load_once(&self) -> Result<Element> {
        match &*self.0 {
            Origin::Source { source, value } => {
                if let Some(element) = value.get() {
                    return Ok(element);
                }
                value.check(&**source)?;
                source.load().map_err(|error| source.locate(error))
            }
            Origin::Selection(selection) => selection.load(),
        }
    }

    /// How many values each of some major slices of a sparse matrix has, if that is known without reading these.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        match &*self.0 {
            Origin::Source { source, value } if value.get().is_none() => {
                value.check(&**source)?;
                source.major_lengths(slices).map_err(|error| source.locate(error))
            }
            Origin::Source { .. } => Ok(None),
            Origin::Selection(selection) => selection.major_lengths(slices),
        }
    }

    /// How many values of a sparse matrix are stored, where that is known without reading any.
    pub(crate) fn nnz(&self) -> Option<usize> {
        match &*self.0 {
            Origin::Source { source, value } => match value.get() {
                Some(Element::Sparse(matrix)) => Some(matrix.nnz()),
                Some(_) => None,
                // What is malformed is told where it is read.
                None => source.nnz().ok().flatten(),
            },
            Origin::Selection(_) => None,
        }
    }

    /// Some of the categories of a column of categories, no more of which are read than has to be; codes are not, unless this
    /// is a view that drops unused categories.
    ///
    /// # Errors
    /// If the range is out of bounds, they cannot be read, or it is not a column of categories.
    pub(crate) fn categories(&self, range: Range<usize>) -> Result<Column> {
        match &*self.0 {
            Origin::Source { source, value } => {
                if let Some(loaded) = value.get() {
                    return loaded.into_column()?.categories()?.slice(range);
                }
                value.check(&**source)?;
                source.categories(range).map_err(|error| source.locate(error))
            }
            Origin::Selection(selection) => selection.categories(range),
        }
    }

    /// The last position along an axis, at most `position`, at which a chunk of the stored values ends.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub(crate) fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        match &*self.0 {
            Origin::Source { source, value } => match value.get() {
                Some(_) => Ok(position),
                None => source.chunk_end(axis, position).map_err(|error| source.locate(error)),
            },
            Origin::Selection(selection) => selection.chunk_end(axis, position),
        }
    }

    /// The elements whose rows this is made of, one after the other: see [`LazySource::parts`]. None for a selection, and where
    /// the values were read already.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn parts(&self) -> Result<Vec<(usize, Option<Element>)>> {
        match &*self.0 {
            Origin::Source { source, value } if value.get().is_none() => {
                source.parts().map_err(|error| source.locate(error))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The bytes that the values take in memory: those that are there and, `with_stored`, those that would be read.
    pub(crate) fn nbytes(&self, with_stored: bool) -> Option<usize> {
        match &*self.0 {
            Origin::Source { source, value } if value.get().is_none() => Some(source.nbytes(with_stored)),
            _ => None,
        }
    }

    /// Names the element, and the file it is in, in an error about it.
    pub fn locate(&self, error: Error) -> Error {
        match &*self.0 {
            Origin::Source { source, .. } => source.locate(error),
            Origin::Selection(Selection { of: Element::Lazy(lazy), .. }) => lazy.locate(error),
            Origin::Selection(_) => error,
        }
    }

    /// Whether this is a column of categories.
    pub(crate) fn is_categorical(&self) -> bool {
        let schema = self.schema();
        matches!(schema, Ok(Schema::Column(column)) if matches!(column.kind, ColumnKind::Categorical { .. }))
    }
}

/// The same element, or equal values in memory. Nothing is read from a store: what was not read is equal to itself alone.
impl PartialEq for Lazy {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
            || match (self.in_memory(), other.in_memory()) {
                (Some(a), Some(b)) => a == b,
                _ => match (&*self.0, &*other.0) {
                    (Origin::Selection(a), Origin::Selection(b)) => {
                        a.axes == b.axes && a.categories == b.categories && a.of == b.of
                    }
                    _ => false,
                },
            }
    }
}

impl Lazy {
    /// The values, if they are in memory or are made of what is.
    pub(crate) fn in_memory(&self) -> Option<Element> {
        match &*self.0 {
            Origin::Source { value, .. } => value.get(),
            Origin::Selection(selection) => match &selection.of {
                Element::Lazy(whole) => {
                    let selected = whole.in_memory()?.select(&selection.axes).ok()?;
                    selection.without_unused(selected).ok()
                }
                _ => selection.load().ok(),
            },
        }
    }
}

impl Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.0 {
            Origin::Selection(_) => "selection",
            Origin::Source { value, .. } => value.get().map_or("stored", |_| "loaded"),
        };
        write!(f, "Lazy('{}', {state})", self.path())
    }
}
