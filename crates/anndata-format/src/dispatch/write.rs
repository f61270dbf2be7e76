//! [`write_dispatched`]: each element is asked about before it is encoded.

use std::fmt::{self, Debug};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anndata_storage::{ArrayLayout, Group, Result, parent_path};

use super::of_whole_elements;
use crate::encoding::{ElementVisitor, Registry};
use crate::io::ElemWriteOptions;
use crate::node::Node;
use crate::{Element, io};

/// What becomes of an element that is written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one at a time, and an element in a box is a burden to its maker")]
pub enum OnWrite {
    /// It is written as the options say; the elements in it are asked about next.
    #[default]
    Default,
    /// It is left out. A column is not listed in its frame in the store.
    Skip,
    /// This is written in its place; the elements in it are asked about next.
    Value(Element),
    /// Its array, or all arrays in it, are stored like this; the elements in it are asked about next, and may be stored in
    /// another way.
    Layout(ArrayLayout),
}

/// An element about which [`write_dispatched`] asks.
#[derive(Debug, Clone, Copy)]
pub struct WriteStep<'a> {
    path: &'a str,
    element: &'a Element,
}

impl<'a> WriteStep<'a> {
    /// Where it will be in the store: `obs/cell_type`; the root is empty.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The element, which may be lazy.
    pub fn element(&self) -> &'a Element {
        self.element
    }
}

/// Writes an element at `key` of a group, as a function decides of each element in it. With the empty key its content goes into
/// the group itself, which has to be empty; what stands at another key is replaced, whole and at once.
///
/// The function is asked about each element before those that are in it, in Python's order: `obs`, `var`, `uns`, ..., the index of a
/// frame before its columns, the codes of a column before its categories. It is not asked about what is in an element that it
/// left out, nor in a lazy one, whose stored arrays are copied without being made into elements.
///
/// ```
/// use std::sync::Arc;
/// use anndata_format::dispatch::{OnWrite, write_dispatched};
/// use anndata_format::{AnnData, Element, Group, MemoryStore, SparseFormat, Tensor, io};
///
/// let adata = AnnData::builder()
///     .x(Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 0.0, 2.0])?)
///     .uns("draft", "text")
///     .build()?;
/// let root = Group::root(Arc::new(MemoryStore::new()));
/// write_dispatched(&root, "", &adata.into(), &io::ElemWriteOptions::default(), |step| {
///     Ok(match (step.path(), step.element()) {
///         ("uns/draft", _) => OnWrite::Skip,
///         ("X", x) => OnWrite::Value(x.to_format(SparseFormat::Csr)?.into()),
///         _ => OnWrite::Default,
///     })
/// })?;
/// let back = io::read_anndata(&root, &io::ElemReadOptions::default())?;
/// assert!(back.x().unwrap().is_sparse()? && back.uns().is_empty());
/// # Ok::<(), anndata_format::Error>(())
/// ```
///
/// # Errors
/// As [`write_elem`](crate::io::write_elem), and what the function gives, at the path that it was asked about. A layout that the
/// format does not have is an error, as is one for an element without arrays.
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if an index, codes or another part of an element is left out;
/// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the key is empty and the group is not.
#[doc(alias = "Writer")]
pub fn write_dispatched(
    group: &Group,
    key: &str,
    element: &Element,
    options: &ElemWriteOptions,
    visit: impl FnMut(&WriteStep<'_>) -> Result<OnWrite> + Send,
) -> Result<()> {
    let visitor = Visitor(Mutex::new(Decisions { visit, left_out: Vec::new(), layouts: Vec::new() }));
    let written = io::write_visited(group, key, element, options, &visitor, |node, store| {
        let Visitor(decisions) = &visitor;
        let mut decisions = lock(decisions);
        store.layouts.append(&mut decisions.layouts);
        decisions.left_out.iter().try_fold(Some(node), |node, path| leave_out(node, path, &options.registry))
    });
    written.map_err(|error| error.in_store(&**group.storage()))
}

/// Asks a function about elements.
struct Visitor<F>(Mutex<Decisions<F>>);

struct Decisions<F> {
    visit: F,
    left_out: Vec<String>,
    layouts: Vec<(String, ArrayLayout)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: FnMut(&WriteStep<'_>) -> Result<OnWrite> + Send> ElementVisitor for Visitor<F> {
    fn visit(&self, element: &Element, path: &str) -> Result<Option<Element>> {
        let mut decisions = lock(&self.0);
        match (decisions.visit)(&WriteStep { path, element }).map_err(|error| error.at(path))? {
            OnWrite::Default => Ok(None),
            OnWrite::Value(value) => Ok(Some(value)),
            OnWrite::Layout(layout) => {
                decisions.layouts.push((path.to_owned(), layout));
                Ok(None)
            }
            OnWrite::Skip => {
                // It has a place in the tree until that is whole.
                decisions.left_out.push(path.to_owned());
                Ok(Some(Element::Null))
            }
        }
    }
}

impl<F> Debug for Visitor<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor")
    }
}

/// The tree without an element; `None` if that is all of it.
fn leave_out(node: Option<Node>, path: &str, registry: &Registry) -> Result<Option<Node>> {
    let Some(mut node) = node.filter(|node| node.path() != path) else { return Ok(None) };
    let mut around = parent_path(path);
    // A key with a slash leads through groups that are no elements.
    let element = loop {
        let Some(above) = around else { break &node };
        let found = above.strip_prefix(node.path()).and_then(|rest| node.descendant(rest));
        match found {
            Some(found) if found.attributes().contains_key("encoding-type") => break found,
            _ => around = parent_path(above),
        }
    };
    if !registry.is_container(element)? {
        return Err(of_whole_elements("left out").at(path));
    }
    node.leave_out(path)?;
    Ok(Some(node))
}
