//! [`map_lazy`]: a function of an element, applied when values are asked for.

use std::fmt::{self, Debug};
use std::sync::{Arc, OnceLock};

use anndata_core::{Element, Lazy, LazySource, Result, Schema};
use anndata_storage::{AxisSelection, BoxFuture, Error, OrBug};

use crate::chunks::load_once;

/// What a function that is given to [`map_lazy`] does, so that no more is computed than is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Each value of the result depends on the value at the same position alone: `log1p`, a cast. Selections along every axis go
    /// through to the element.
    Elementwise,
    /// Each row of the result depends on the same row alone: a normalisation by row, a projection. Selections of rows go
    /// through; those along other axes are made of the result.
    RowWise,
    /// Anything else. The result is computed as a whole when it is first looked at, and kept.
    Whole,
}

/// A lazy element of what a function makes of an element. Values are read, and the function is called, when they are asked for,
/// of no more than is asked for; to write it, or to read its [`chunks`](crate::chunks()), takes the memory of a few blocks,
/// unless the function needs the [whole](MapKind::Whole).
///
/// What the result is (dtype, width, format) is learned from what the function makes of no rows.
///
/// ```
/// use anndata_core::{Element, Tensor};
/// use anndata_experimental::{MapKind, map_lazy};
///
/// let counts = Element::from(Tensor::from_vec([2, 2], vec![0.0, 1.0, 3.0, 7.0])?);
/// let logs = map_lazy(&counts, MapKind::Elementwise, |x| {
///     let x = x.to_tensor()?;
///     let logs = x.as_slice::<f64>()?.iter().map(|value| (value + 1.0).log2()).collect::<Vec<_>>();
///     Ok(Tensor::from_vec(x.shape().to_vec(), logs)?.into())
/// })?;
/// assert_eq!(logs.shape()?, Some(vec![2, 2]));
/// assert_eq!(logs.to_tensor()?.as_slice::<f64>()?, [0.0, 1.0, 2.0, 3.0]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// If the function fails for no rows, or makes rows of them; [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if the
/// element has no rows to go through one by one. Loading what it makes of an element is an error if it has another number of rows
/// (another shape, if it is elementwise), or is of another kind.
#[doc(alias("map_blocks", "convert"))]
pub fn map_lazy(
    element: &Element,
    kind: MapKind,
    map: impl Fn(Element) -> Result<Element> + Send + Sync + 'static,
) -> Result<Element> {
    let path = match element {
        Element::Lazy(lazy) => lazy.path().to_owned(),
        _ => String::new(),
    };
    let whole = OnceLock::new();
    let mapped = Mapped { of: element.clone(), kind, map: Arc::new(map), path, schema: OnceLock::new(), whole };
    if kind != MapKind::Whole {
        mapped.learn()?;
    }
    Ok(Element::Lazy(Lazy::new(mapped)))
}

/// The element of [`map_lazy`].
struct Mapped {
    of: Element,
    kind: MapKind,
    map: Arc<dyn Fn(Element) -> Result<Element> + Send + Sync>,
    path: String,
    schema: OnceLock<Schema>,
    /// What a function of the whole made.
    whole: OnceLock<Element>,
}

impl Mapped {
    /// Learns what the result is from that of no rows.
    fn learn(&self) -> Result<()> {
        let rows = self.of.shape()?.and_then(|shape| shape.first().copied()).ok_or_else(|| {
            Error::invalid_input(format!("{} has no rows to go through one by one", self.of.kind_name()))
        })?;
        let none = self.apply(load_once(&self.of.select(&[AxisSelection::Range(0..0)])?)?, 0)?;
        let schema = with_rows(none.schema()?, rows)?;
        self.schema.set(schema).map_err(|_| Error::bug("a schema that was learned before"))
    }

    /// What the function makes of so many rows.
    fn apply(&self, rows: Element, len: usize) -> Result<Element> {
        let shape = rows.shape()?;
        let made = self.call(rows)?;
        let found = made.shape()?;
        let fits = match self.kind {
            MapKind::Elementwise => found == shape,
            MapKind::RowWise => found.as_deref().and_then(<[usize]>::first) == Some(&len),
            MapKind::Whole => true,
        };
        if fits {
            return Ok(made);
        }
        let expected = match (self.kind, shape) {
            (MapKind::Elementwise, Some(shape)) => format!("the shape {shape:?}"),
            _ => format!("{len} rows"),
        };
        let found = found.map_or_else(|| "no axes".to_owned(), |found| format!("the shape {found:?}"));
        let message = format!("expected the mapped element to have {expected}, found {found}");
        Err(self.locate(Error::invalid_input(message)))
    }

    fn call(&self, element: Element) -> Result<Element> {
        load_once(&(self.map)(element)?)
    }

    /// What a function of the whole makes.
    fn whole(&self) -> Result<&Element> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let made = self.call(load_once(&self.of)?)?;
        Ok(self.whole.get_or_init(|| made))
    }

    /// The selections of a selection that go through, and those that are left for the result.
    fn split(&self, axes: &[AxisSelection]) -> Result<(Vec<AxisSelection>, Option<Vec<AxisSelection>>)> {
        if self.kind == MapKind::Elementwise {
            return Ok((axes.to_vec(), None));
        }
        let shape = self.schema()?.shape().or_bug("rows of what has no axes")?;
        let (rows, rest) = axes.split_first().or_bug("a selection without rows")?;
        let is_whole = rest.iter().zip(shape.iter().skip(1)).all(|(axis, &len)| axis.is_whole(len as u64));
        let left = std::iter::once(AxisSelection::Range(0..rows.len())).chain(rest.iter().cloned());
        Ok((vec![rows.clone()], (!is_whole).then(|| left.collect())))
    }

    fn finish(&self, selected: Element, left: Option<Vec<AxisSelection>>) -> Result<Element> {
        let len = selected.shape()?.as_deref().and_then(<[usize]>::first).copied().or_bug("rows without an axis")?;
        let made = self.apply(selected, len)?;
        match left {
            Some(left) => made.select(&left),
            None => Ok(made),
        }
    }
}

impl LazySource for Mapped {
    fn path(&self) -> &str {
        &self.path
    }

    fn schema(&self) -> Result<Schema> {
        match self.schema.get() {
            Some(schema) => Ok(schema.clone()),
            None => self.whole()?.schema(),
        }
    }

    fn load(&self) -> Result<Element> {
        match self.kind {
            MapKind::Whole => self.whole().cloned(),
            _ => self.finish(load_once(&self.of)?, None),
        }
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        if self.kind == MapKind::Whole {
            return self.whole()?.select(axes);
        }
        let (through, left) = self.split(axes)?;
        self.finish(load_once(&self.of.select(&through)?)?, left)
    }

    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        match self.kind {
            MapKind::Elementwise => self.of.chunk_end(axis, position),
            MapKind::RowWise if axis == 0 => self.of.chunk_end(0, position),
            _ => Ok(position),
        }
    }

    fn load_async(&self) -> BoxFuture<'_, Result<Element>> {
        Box::pin(async move {
            match self.kind {
                MapKind::Whole if self.whole.get().is_some() => self.load(),
                MapKind::Whole => {
                    let made = self.call(load_once_async(&self.of).await?)?;
                    Ok(self.whole.get_or_init(|| made).clone())
                }
                _ => self.finish(load_once_async(&self.of).await?, None),
            }
        })
    }

    fn select_async<'a>(&'a self, axes: &'a [AxisSelection]) -> BoxFuture<'a, Result<Element>> {
        Box::pin(async move {
            if self.kind == MapKind::Whole {
                return self.load_async().await?.select(axes);
            }
            let (through, left) = self.split(axes)?;
            self.finish(load_once_async(&self.of.select(&through)?).await?, left)
        })
    }

    /// As much as what it is made of takes: how much its values do is known once they are there.
    fn nbytes(&self, with_stored: bool) -> usize {
        match self.whole.get() {
            Some(whole) => whole.size_in_memory(false),
            None if with_stored => self.of.size_in_memory(true),
            None => 0,
        }
    }

    fn locate(&self, error: Error) -> Error {
        match &self.of {
            Element::Lazy(lazy) => lazy.locate(error),
            _ => error,
        }
    }
}

impl Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").field("of", &self.of).field("kind", &self.kind).finish_non_exhaustive()
    }
}

async fn load_once_async(element: &Element) -> Result<Element> {
    match element {
        Element::Lazy(lazy) => lazy.load_once_async().await,
        other => other.load_async().await,
    }
}

/// The schema of what has no rows, as that of what has so many.
fn with_rows(mut schema: Schema, rows: usize) -> Result<Schema> {
    match &mut schema {
        Schema::Array { shape, .. } => *shape.first_mut().or_bug("rows of what has no axes")? = rows,
        Schema::Sparse { shape, .. } => shape.0 = rows,
        Schema::Column(column) => column.len = rows,
        Schema::Awkward { len } => *len = rows,
        other => {
            let message = format!(
                "expected the mapped element to be an array, a sparse matrix, a column or an awkward array, found a value of \
                 kind '{}'",
                other.kind_name()
            );
            return Err(Error::invalid_input(message));
        }
    }
    Ok(schema)
}
