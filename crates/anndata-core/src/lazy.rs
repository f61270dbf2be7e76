//! [`Lazy`]: an element that is read, or made from another, when it is asked for.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anndata_storage::{Axis, Error, Result, Tensor};

use crate::adata::labels;
use crate::encoding::{EncodeContext, Registry};
use crate::node::Node;
use crate::{Column, ColumnKind, Element, Series};

/// An element whose metadata are known and whose values are read, or made, when they are asked for:
///
/// - a **stored** element is read on first use and then kept; a clone shares the values once they are read;
/// - a **part** of an element, as a view has it, is made anew each time, from what it is a part of. Of a stored element
///   only what is selected is read.
#[derive(Clone)]
pub struct Lazy(Arc<Inner>);

#[expect(clippy::large_enum_variant, reason = "always behind an `Arc`")]
enum Inner {
    Stored { node: Node, registry: Registry, value: Kept },
    Part { of: Element, axes: Vec<Axis>, categories: Categories },
    Colors { colors: Element, all: Series, kept: Series },
}

/// What becomes of the values of a stored element once they are read.
#[expect(clippy::large_enum_variant, reason = "always behind an `Arc`")]
enum Kept {
    /// They are kept.
    Once(OnceLock<Element>),
    /// They are read anew each time, until the stored element is replaced by another.
    Never { replaced: AtomicBool },
}

impl Kept {
    fn get(&self) -> Option<&Element> {
        match self {
            Self::Once(value) => value.get(),
            Self::Never { .. } => None,
        }
    }

    /// Refuses what is not there any more.
    fn check(&self, node: &Node) -> Result<()> {
        match self {
            Self::Never { replaced } if replaced.load(Ordering::Acquire) => {
                let message = "the stored element was replaced after this part of it was taken";
                Err(node.locate(Error::unsupported(message).at(node.path())))
            }
            _ => Ok(()),
        }
    }
}

/// How many categories a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberOfCategories {
    Known(usize),
    /// Known once the column is loaded.
    Unknown,
}

impl From<Option<usize>> for NumberOfCategories {
    fn from(number: Option<usize>) -> Self {
        number.map_or(Self::Unknown, Self::Known)
    }
}

/// What becomes of categories that no value of a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Categories {
    /// They are kept.
    Keep,
    /// They are dropped, in columns of categories.
    DropUnused,
}

impl Lazy {
    /// A lazy element over the metadata of a stored one.
    pub fn new(node: Node, registry: Registry) -> Self {
        Self(Arc::new(Inner::Stored { node, registry, value: Kept::Once(OnceLock::new()) }))
    }

    /// The same stored element, read anew each time: for what stays in its store because it is too large, or may change
    /// there. Other elements are what they are.
    pub(crate) fn never_kept(&self) -> Self {
        match &*self.0 {
            Inner::Stored { node, registry, value: Kept::Once(_) } => Self(Arc::new(Inner::Stored {
                node: node.clone(),
                registry: registry.clone(),
                value: Kept::Never { replaced: AtomicBool::new(false) },
            })),
            Inner::Stored { .. } | Inner::Part { .. } | Inner::Colors { .. } => self.clone(),
        }
    }

    /// Whether both are the same element, not only equal ones.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Says that the stored element was replaced by another, so that neither this nor a part of it can be read again.
    pub(crate) fn set_replaced(&self) {
        if let Inner::Stored { value: Kept::Never { replaced }, .. } = &*self.0 {
            replaced.store(true, Ordering::Release);
        }
    }

    /// The colours of the categories that a part of a column keeps, out of those of all its categories.
    pub(crate) fn colors(colors: &Element, all: &Series, kept: &Series) -> Self {
        Self(Arc::new(Inner::Colors { colors: colors.clone(), all: all.clone(), kept: kept.clone() }))
    }

    /// The part of an element that selections along its axes pick, one an axis; a part of a part is a part of the
    /// whole. Nothing is read.
    pub(crate) fn part(of: &Element, axes: &[Axis], categories: Categories) -> Self {
        if let Element::Lazy(Self(inner)) = of
            && let Inner::Part { of, axes: outer, categories: before } = &**inner
        {
            let axes = outer.iter().zip(axes).map(|(outer, inner)| outer.select(inner)).collect();
            let categories = if *before == Categories::DropUnused { *before } else { categories };
            return Self(Arc::new(Inner::Part { of: of.clone(), axes, categories }));
        }
        Self(Arc::new(Inner::Part { of: of.clone(), axes: axes.to_vec(), categories }))
    }

    /// How many categories a column of categories has, where metadata tell; `None` for any other element.
    pub(crate) fn n_categories(&self) -> Option<NumberOfCategories> {
        match &*self.0 {
            Inner::Stored { node, .. } => {
                let encoding = node.text_attribute("encoding-type").ok().flatten();
                if encoding.as_deref() != Some("categorical") {
                    return None;
                }
                let categories = node.descendant("categories").and_then(|node| node.as_array().ok()?.shape().ok());
                Some(categories.and_then(|shape| shape.first().copied()).into())
            }
            Inner::Part { of: Element::Lazy(lazy), categories, .. } => match categories {
                Categories::Keep => lazy.n_categories(),
                Categories::DropUnused => lazy.n_categories().map(|_| NumberOfCategories::Unknown),
            },
            Inner::Part { of: Element::Column(column), .. } => {
                matches!(column.kind(), ColumnKind::Categorical { .. }).then_some(NumberOfCategories::Unknown)
            }
            _ => None,
        }
    }

    /// The path of the element in its store, or of what it is made from; empty in memory.
    pub fn path(&self) -> &str {
        match &*self.0 {
            Inner::Stored { node, .. } => node.path(),
            Inner::Part { of: Element::Lazy(lazy), .. } => lazy.path(),
            Inner::Part { .. } | Inner::Colors { .. } => "",
        }
    }

    /// The stored metadata, where this is a whole stored element.
    pub fn node(&self) -> Option<&Node> {
        match &*self.0 {
            Inner::Stored { node, .. } => Some(node),
            Inner::Part { .. } | Inner::Colors { .. } => None,
        }
    }

    /// What this is a part of, where it is one: of the same kind and dtype, but of another length.
    pub(crate) fn whole(&self) -> Option<&Element> {
        match &*self.0 {
            Inner::Part { of, .. } => Some(of),
            Inner::Stored { .. } | Inner::Colors { .. } => None,
        }
    }

    /// Whether the values have been read, or are made from values in memory.
    pub fn is_loaded(&self) -> bool {
        match &*self.0 {
            Inner::Stored { value, .. } => value.get().is_some(),
            Inner::Part { of: Element::Lazy(lazy), .. } => lazy.is_loaded(),
            Inner::Part { .. } => true,
            Inner::Colors { .. } => false,
        }
    }

    /// The length of each axis, from metadata alone; `None` for what has no axes.
    ///
    /// # Errors
    /// Where the metadata are malformed.
    pub fn shape(&self) -> Result<Option<Vec<usize>>> {
        match &*self.0 {
            Inner::Stored { node, registry, .. } => registry.shape(node).map_err(|error| node.locate(error)),
            Inner::Part { of, axes, .. } => {
                let Some(mut shape) = of.shape()? else { return Ok(None) };
                for (len, axis) in shape.iter_mut().zip(axes) {
                    *len = usize::try_from(axis.len())
                        .map_err(|_| Error::limit_exceeded(format!("{} positions are selected", axis.len())))?;
                }
                Ok(Some(shape))
            }
            Inner::Colors { .. } => self.make()?.shape(),
        }
    }

    /// The element. A whole stored one is read on first use and kept.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn load(&self) -> Result<Element> {
        match &*self.0 {
            Inner::Stored { value, .. } => {
                if let Some(element) = value.get() {
                    return Ok(element.clone());
                }
                let element = self.make()?;
                match value {
                    Kept::Once(value) => Ok(value.get_or_init(|| element).clone()),
                    Kept::Never { .. } => Ok(element),
                }
            }
            Inner::Part { .. } | Inner::Colors { .. } => self.make(),
        }
    }

    /// The element, read and not kept: for passing over data larger than memory.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn load_once(&self) -> Result<Element> {
        match &*self.0 {
            Inner::Stored { value, .. } => value.get().map_or_else(|| self.make(), |element| Ok(element.clone())),
            Inner::Part { .. } | Inner::Colors { .. } => self.make(),
        }
    }

    fn make(&self) -> Result<Element> {
        match &*self.0 {
            Inner::Stored { node, registry, value } => {
                value.check(node)?;
                registry.build(node.fetch()?).map_err(|error| node.locate(error))
            }
            Inner::Part { of, axes, categories } => match (part_of(of, axes)?, categories) {
                (Element::Column(column), Categories::DropUnused) => {
                    Ok(Element::Column(column.without_unused_categories()?))
                }
                (part, _) => Ok(part),
            },
            Inner::Colors { colors, all, kept } => {
                let colors = colors.to_tensor()?;
                if colors.ndim() == 0 {
                    return Ok(Element::Tensor(colors.reshape([1])?));
                }
                kept_colors(&colors, &all.load()?, &kept.load()?).map(Element::Tensor)
            }
        }
    }

    /// The stored tree that can be written in place of the element without building it, where there is one.
    pub(crate) fn encode(&self, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        self.copied(context).map_err(|error| self.locate(error))
    }

    /// Names the element, and the file where it is in one, in an error about it.
    pub(crate) fn locate(&self, error: Error) -> Error {
        let error = if self.path().is_empty() { error } else { error.at(self.path()) };
        match &*self.0 {
            Inner::Stored { node, .. } => node.locate(error),
            Inner::Part { of: Element::Lazy(lazy), .. } => lazy.locate(error),
            Inner::Part { .. } | Inner::Colors { .. } => error,
        }
    }

    fn copied(&self, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        match &*self.0 {
            Inner::Stored { node, registry, value } if registry.is_current(node, context)? => {
                value.check(node)?;
                registry.copy(&context.laid_out(node)).map(Some)
            }
            Inner::Part { of: Element::Lazy(whole), axes, categories } => match &*whole.0 {
                Inner::Stored { node, registry, value }
                    if value.get().is_none()
                        && (*categories == Categories::Keep || whole.n_categories().is_none())
                        && registry.is_current(node, context)? =>
                {
                    value.check(node)?;
                    registry.select(&context.laid_out(node), axes)
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

/// A part of an element: of a stored one that was not loaded, no more is read than has to be.
fn part_of(of: &Element, axes: &[Axis]) -> Result<Element> {
    match of {
        Element::Lazy(whole) => match &*whole.0 {
            Inner::Stored { node, registry, value } if value.get().is_none() => {
                value.check(node)?;
                registry.build_part(node, axes).map_err(|error| node.locate(error))
            }
            _ => whole.load()?.select(axes),
        },
        of => of.select(axes),
    }
}

/// The colours of the categories that are kept. Where there is not one for each category, all stay.
fn kept_colors(colors: &Tensor, all: &Column, kept: &Column) -> Result<Tensor> {
    let categories = |column: &Column| labels(&column.codes_and_categories()?.1);
    let (all, kept) = (categories(all)?, HashSet::<String>::from_iter(categories(kept)?));
    if colors.shape().first() != Some(&all.len()) {
        return Ok(colors.clone());
    }
    let places: Vec<u64> =
        (0_u64..).zip(&all).filter(|(_, category)| kept.contains(*category)).map(|(place, _)| place).collect();
    colors.take(0, &places)
}

/// Equal values; both are read where they are not the same element.
impl PartialEq for Lazy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || matches!((self.load(), other.load()), (Ok(a), Ok(b)) if a == b)
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.0 {
            Inner::Part { .. } => "part",
            Inner::Colors { .. } => "colors",
            Inner::Stored { value, .. } => value.get().map_or("stored", |_| "loaded"),
        };
        write!(f, "Lazy('{}', {state})", self.path())
    }
}
