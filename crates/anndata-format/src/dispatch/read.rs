//! [`read_dispatched`]: the decisions make a tree, which is fetched once.

use std::collections::HashMap;

use anndata_storage::{Attribute, AxisSelection, Capabilities, Error, Group, Result};
use rayon::prelude::*;

use super::{Role, of_whole_elements};
use crate::encoding::{BuildContext, EncodeContext, EncodeOptions, Registry};
use crate::io::ElemReadOptions;
use crate::node::{GroupNode, Node};
use crate::{Element, Keep, Schema, stored};

/// What becomes of a stored element.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one at a time, and an element in a box is a burden to its maker")]
pub enum OnRead {
    /// It is read as the options say; the elements in it are asked for next.
    #[default]
    Default,
    /// Its values, and those of all elements in it, are read when they are asked for.
    Lazy,
    /// Only these positions along its axes are read: one selection per axis, from the first.
    Part(Vec<AxisSelection>),
    /// It is kept as it is stored, whatever its encoding.
    Opaque,
    /// It is left out and not read. A column is no longer listed in its frame.
    Skip,
    /// This stands in its place.
    Value(Element),
}

/// A stored element of which [`read_dispatched`] asks.
#[derive(Debug)]
pub struct ReadStep<'a> {
    node: &'a Node,
    registry: &'a Registry,
    keep: &'a Keep,
}

impl ReadStep<'_> {
    /// Where it is in the store: `obs/cell_type`; the root is empty.
    pub fn path(&self) -> &str {
        self.node.path()
    }

    /// Its `encoding-type` and `encoding-version`; `None` if it says none, as before anndata 0.7.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if they are not text.
    pub fn encoding(&self) -> Result<Option<(String, String)>> {
        let version = self.node.text_attribute("encoding-version")?.unwrap_or_default();
        let name = self.node.text_attribute("encoding-type")?.filter(|name| !name.is_empty());
        Ok(name.map(|name| (name, version)))
    }

    /// Its stored tree: attributes, dtypes, chunks.
    pub fn node(&self) -> &Node {
        self.node
    }

    /// What it is, from metadata alone.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn schema(&self) -> Result<Schema> {
        self.registry.schema(self.node)
    }

    /// The length of each axis, from metadata alone; `None` for what has no axes.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn shape(&self) -> Result<Option<Vec<usize>>> {
        self.registry.shape(self.node)
    }

    /// The element, read now: to give it back changed, as [`OnRead::Value`].
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self) -> Result<Element> {
        self.registry.build(self.node.fetch()?)
    }

    /// Selected positions along its axes, read now.
    ///
    /// # Errors
    /// If they cannot be read, or it has no such positions.
    pub fn read_part(&self, axes: &[AxisSelection]) -> Result<Element> {
        self.lazy()?.select(axes)?.load()
    }

    /// The element, whose values are read when they are asked for.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn lazy(&self) -> Result<Element> {
        self.registry.build_lazy(self.node.clone(), self.keep)
    }
}

/// Reads the element at `key` of a group, as a function decides of each element in it. The empty key is the group itself.
///
/// The function is asked of each element before those that are in it, in Python's order: `X`, `obs`, `var`, ..., the columns of a
/// frame before its index, the codes of a column before its categories. It is not asked of what it left out, or decided on as a
/// whole. All values that are read are then read at once, on all cores.
///
/// ```
/// use std::sync::Arc;
/// use anndata_format::dispatch::{OnRead, read_dispatched};
/// use anndata_format::{AnnData, AxisSelection, Element, Group, MemoryStore, Schema, Tensor, io};
///
/// # let root = Group::root(Arc::new(MemoryStore::new()));
/// # let adata = AnnData::builder()
/// #     .x(Tensor::from_vec([2, 1], vec![1.0_f32, 2.0])?)
/// #     .obsm("pca", Tensor::from_vec([2, 3], vec![0.0; 6])?)
/// #     .uns("log", "much text")
/// #     .build()?;
/// # io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
/// let adata = read_dispatched(&root, "", &io::ElemReadOptions::default(), |step| {
///     Ok(match step.path() {
///         "X" => OnRead::Lazy,
///         "uns/log" => OnRead::Skip,
///         // Two components of each.
///         path if path.starts_with("obsm/") => OnRead::Part(vec![AxisSelection::Range(0..2), AxisSelection::Range(0..2)]),
///         _ => OnRead::Default,
///     })
/// })?;
/// let Element::AnnData(adata) = adata else { panic!("it is an object") };
/// assert!(matches!(adata.x(), Some(Element::Lazy(x)) if !x.is_loaded()));
/// assert_eq!(adata.obsm()["pca"].shape()?, Some(vec![2, 2]));
/// assert!(adata.uns().is_empty());
/// # Ok::<(), anndata_format::Error>(())
/// ```
///
/// # Errors
/// As [`read_elem`](crate::io::read_elem), and what the function gives, at the path that it was asked of.
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if an index, codes or another part of an element is left out, lazy or opaque
/// alone, if a part has no such positions, and if what was decided does not fit together, such as a part of one column.
#[doc(alias = "Reader")]
pub fn read_dispatched(
    group: &Group,
    key: &str,
    options: &ElemReadOptions,
    visit: impl FnMut(&ReadStep<'_>) -> Result<OnRead> + Send,
) -> Result<Element> {
    let registry = options.registry();
    let read = || {
        let mut node = options.open(group, key, false)?;
        let (decided, parts) = (HashMap::new(), Vec::new());
        let mut walk = Walk { registry: &registry, keep: &options.keep, visit, decided, parts, changed: false };
        if !walk.element(&mut node, Role::Root)? {
            return Err(Error::invalid_input("nothing is read: what was asked for is left out").at(node.path()));
        }
        let Walk { mut decided, parts, changed, .. } = walk;
        let fetch = || if options.lazy { Ok(node) } else { node.fetch() };
        let load = || parts.into_par_iter().map(|(path, part)| Ok((path, part.load()?))).collect::<Result<Vec<_>>>();
        let (node, parts) = rayon::join(fetch, load);
        decided.extend(parts?);
        let context =
            if options.lazy { BuildContext::lazy(&registry, &options.keep) } else { BuildContext::new(&registry) };
        let built = context.with_decided(&decided).build(node?);
        built.map_err(|error| if changed { does_not_fit(error) } else { error })
    };
    read().map_err(|error| error.in_store(&**group.storage()))
}

/// Asks of elements, and puts what was decided into their tree.
struct Walk<'a, F> {
    registry: &'a Registry,
    keep: &'a Keep,
    visit: F,
    /// What stands in the place of what is stored.
    decided: HashMap<String, Element>,
    /// Parts that are still to be read.
    parts: Vec<(String, Element)>,
    /// Whether anything is not read as it is stored.
    changed: bool,
}

impl<F: FnMut(&ReadStep<'_>) -> Result<OnRead>> Walk<'_, F> {
    /// Asks of an element and those in it. Whether it is kept.
    fn element(&mut self, node: &mut Node, role: Role) -> Result<bool> {
        let step = ReadStep { node, registry: self.registry, keep: self.keep };
        let path = step.path().to_owned();
        let decision = (self.visit)(&step).map_err(|error| error.at(&path))?;
        self.changed |= !matches!(decision, OnRead::Default | OnRead::Lazy);
        let decided = match decision {
            OnRead::Default => return self.elements(node).map(|()| true),
            OnRead::Skip if role == Role::Inner => return Err(of_whole_elements("left out").at(&path)),
            OnRead::Skip => return Ok(false),
            OnRead::Lazy if role == Role::Inner => return Err(of_whole_elements("lazy").at(&path)),
            OnRead::Opaque if role == Role::Inner => return Err(of_whole_elements("opaque").at(&path)),
            OnRead::Lazy => step.lazy()?,
            OnRead::Opaque => Element::Opaque(stored::opaque(node.clone())),
            OnRead::Value(value) => value,
            OnRead::Part(axes) => {
                let part = step.lazy().and_then(|whole| whole.select(&axes)).map_err(|error| error.at(&path))?;
                if role != Role::Inner {
                    self.parts.push((path, part));
                    *node = stand_in(node);
                    return Ok(true);
                }
                part
            }
        };
        if role == Role::Inner {
            *node = self.encode(&decided, &path)?;
        } else {
            self.decided.insert(path, decided);
            *node = stand_in(node);
        }
        Ok(true)
    }

    fn elements(&mut self, node: &mut Node) -> Result<()> {
        let role = if self.registry.is_container(node)? { Role::Member } else { Role::Inner };
        for (key, mut child) in self.registry.elements(node)? {
            // In version 0.1.0 of frames a column and its codes are the same array.
            if child.path() == node.path() {
                continue;
            }
            if self.element(&mut child, role)? {
                if let Some(place) = node.descendant_mut(&key) {
                    *place = child;
                }
            } else {
                node.leave_out(child.path())?;
            }
        }
        Ok(())
    }

    /// The tree of what stands in the place of a part of an element.
    fn encode(&self, element: &Element, path: &str) -> Result<Node> {
        let options = EncodeOptions::default();
        EncodeContext::new(self.registry, &options, Capabilities::ALL).encode(&element.load()?, path)
    }
}

/// A node without values in the place of one that was decided on; it is no group of a key with a `/`.
fn stand_in(node: &Node) -> Node {
    let (path, mut attributes) = (node.path().to_owned(), node.attributes().clone());
    attributes.entry("encoding-type".to_owned()).or_insert_with(|| Attribute::from(""));
    Node::Group(GroupNode { path, attributes, ..GroupNode::default() })
}

/// The error of elements that do not fit together, which their store is not to blame for.
fn does_not_fit(error: Error) -> Error {
    if !error.is_invalid_data() {
        return error;
    }
    let path = error.path().map(str::to_owned);
    let given = Error::invalid_input("what was decided on does not fit together").with_source(error);
    match path {
        Some(path) => given.at(&path),
        None => given,
    }
}
