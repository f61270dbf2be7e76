//! Trees of groups and arrays: what an encoding reads and makes.
//!
//! A tree is opened from a store with metadata alone ([`Node::open`]), its arrays are fetched, all concurrently, when
//! the values are needed ([`Node::fetch`]), and it is written to any store ([`Node::write`]), block by block where its
//! arrays are still stored ones. Encodings turn elements into trees and back, and do no IO themselves.

mod attributes;
mod blocks;
mod checked;
mod open;
mod part;
mod read;
mod rest;
mod unreadable;
mod write;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{Array, ArraySpec, Attributes, AxisSelection, BlockSize, Error, Result, Tensor};
use indexmap::IndexMap;

pub use attributes::encoding_attributes;
pub use blocks::{BlockGroup, BlockIter, BlockSource, GroupIter, Member, StoredRows};
pub(crate) use checked::{Seen, first_not_in};
pub use part::Part;
pub(crate) use rest::{APPENDING, without_rest};
pub use unreadable::Unreadable;
pub(crate) use write::is_nothing;
pub use write::{Grid, NodeWriteOptions, Progress};

/// A group or an array, with its path for messages.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a tree has few nodes, and most are arrays")]
pub enum Node {
    /// Attributes and children.
    Group(GroupNode),
    /// Attributes and values.
    Array(ArrayNode),
}

/// A group of a tree.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupNode {
    /// Where it is, or will be, in a store.
    pub path: String,
    /// The attributes.
    pub attributes: Attributes,
    /// The children, in order.
    pub children: IndexMap<String, Node>,
}

/// An array of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayNode {
    /// Where it is, or will be, in a store.
    pub path: String,
    /// The attributes.
    pub attributes: Attributes,
    /// Dtype and shape; the chunks, shards and codecs that it is stored in, or is to be stored in where it names any.
    pub spec: ArraySpec,
    /// Where the values are.
    pub source: Source,
}

/// Where the values of an array are.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nowhere: an array without values ([`ArraySpec::null`]).
    Empty,
    /// In memory.
    Tensor(Tensor),
    /// In a store, still to be read.
    Stored(Array),
    /// Some of the values of an array in a store, still to be read.
    Part(Part),
    /// Made block by block while it is written.
    Blocks(Arc<dyn BlockSource>),
    /// Nowhere that they can be read from: the element could not be opened. It stands as an array of an unknown dtype,
    /// whatever it is.
    Unreadable(Arc<Unreadable>),
}

impl Source {
    /// The values, if there are any: those in memory as they are, others are read.
    ///
    /// # Errors
    /// If they cannot be read, or are still to be made block by block.
    pub fn read(&self) -> Result<Tensor> {
        match self {
            Self::Tensor(tensor) => Ok(tensor.clone()),
            Self::Stored(array) => array.read(),
            Self::Part(part) => part.read(),
            Self::Empty => Err(Error::invalid_data("the array has no value (a null dataspace)")),
            Self::Blocks(_) => Err(Error::unsupported("values that are made block by block are not read at once")),
            Self::Unreadable(reason) => Err(reason.error()),
        }
    }

    /// The values as blocks of about this size with their offsets, in order.
    pub fn blocks<'a>(&'a self, size: impl Into<BlockSize<'a>>) -> BlockIter<'a> {
        let size = size.into();
        match self {
            Self::Empty => Box::new(std::iter::empty()),
            Self::Tensor(tensor) => Box::new(std::iter::once_with(|| Ok((vec![0; tensor.ndim()], tensor.clone())))),
            Self::Stored(array) => Box::new(array.blocks(size)),
            Self::Part(part) => part.blocks(size),
            Self::Blocks(source) => source.blocks(size),
            Self::Unreadable(reason) => Box::new(std::iter::once_with(|| Err(reason.error()))),
        }
    }

    /// The array in a store that the values are read from, if there is one.
    fn stored_array(&self) -> Option<&Array> {
        match self {
            Self::Stored(array) => Some(array),
            Self::Part(part) => Some(part.array()),
            Self::Empty | Self::Tensor(_) | Self::Blocks(_) | Self::Unreadable(_) => None,
        }
    }

    /// Names the file in an error about the values, where they are in one.
    pub(crate) fn locate(&self, error: Error) -> Error {
        match self.stored_array() {
            Some(array) => error.in_store(&**array.storage()),
            None => error,
        }
    }

    /// Whether the values are in a store, still to be read.
    pub fn is_stored(&self) -> bool {
        matches!(self, Self::Stored(_) | Self::Part(_))
    }
}

impl PartialEq for Source {
    /// Equal values in memory, or the same stored array.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Tensor(a), Self::Tensor(b)) => a == b,
            (Self::Stored(a), Self::Stored(b)) => a.path() == b.path() && Arc::ptr_eq(a.inner(), b.inner()),
            (Self::Part(a), Self::Part(b)) => a == b,
            (Self::Blocks(a), Self::Blocks(b)) => Arc::ptr_eq(a, b),
            (Self::Unreadable(a), Self::Unreadable(b)) => a == b,
            _ => false,
        }
    }
}

impl Node {
    /// The path, for messages.
    pub fn path(&self) -> &str {
        match self {
            Self::Group(group) => &group.path,
            Self::Array(array) => &array.path,
        }
    }

    /// The attributes.
    pub fn attributes(&self) -> &Attributes {
        match self {
            Self::Group(group) => &group.attributes,
            Self::Array(array) => &array.attributes,
        }
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> &mut Attributes {
        match self {
            Self::Group(group) => &mut group.attributes,
            Self::Array(array) => &mut array.attributes,
        }
    }

    /// Names the file in an error about the tree, if any of its values are in one.
    pub(crate) fn locate(&self, error: Error) -> Error {
        match self.stored_array() {
            Some(array) => error.in_store(&**array.storage()),
            None => error,
        }
    }

    fn stored_array(&self) -> Option<&Array> {
        match self {
            Self::Group(group) => group.children.values().find_map(Self::stored_array),
            Self::Array(array) => array.source.stored_array(),
        }
    }

    /// The descendant at a relative path (`a`, or `a/b`).
    pub fn descendant(&self, path: &str) -> Option<&Self> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(self, |node, name| match node {
            Self::Group(group) => group.children.get(name),
            Self::Array(_) => None,
        })
    }

    /// The descendant at a relative path, to be changed.
    pub fn descendant_mut(&mut self, path: &str) -> Option<&mut Self> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(self, |node, name| match node {
            Self::Group(group) => group.children.get_mut(name),
            Self::Array(_) => None,
        })
    }

    /// The group, if it is one.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is an array.
    pub fn as_group(&self) -> Result<&GroupNode> {
        match self {
            Self::Group(group) => Ok(group),
            Self::Array(array) => Err(Error::invalid_data("an array stands where a group should be").at(&array.path)),
        }
    }

    /// The group, if it is one.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is an array.
    pub fn into_group(self) -> Result<GroupNode> {
        match self {
            Self::Group(group) => Ok(group),
            Self::Array(array) => Err(Error::invalid_data("an array stands where a group should be").at(&array.path)),
        }
    }

    /// The array, if it is one.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is a group.
    pub fn as_array(&self) -> Result<&ArrayNode> {
        match self {
            Self::Array(array) => Ok(array),
            Self::Group(group) => Err(Error::invalid_data("a group stands where an array should be").at(&group.path)),
        }
    }

    /// The values of an array that was fetched.
    ///
    /// # Errors
    /// If it is a group, or was not fetched.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self {
            Self::Array(ArrayNode { source: Source::Tensor(tensor), .. }) => Ok(tensor),
            Self::Array(ArrayNode { source: Source::Unreadable(reason), .. }) => Err(reason.error()),
            Self::Array(array) if array.spec.null => {
                Err(Error::invalid_data("the array has no value (a null dataspace)").at(&array.path))
            }
            Self::Array(array) => {
                Err(Error::unsupported(format!("values of type '{}' cannot be read", array.spec.dtype)).at(&array.path))
            }
            Self::Group(group) => Err(Error::invalid_data("a group stands where an array should be").at(&group.path)),
        }
    }
}

impl GroupNode {
    /// A group without children at a path, with the attributes of an encoding.
    pub fn encoded(path: &str, encoding: &str, version: &str) -> Self {
        Self { path: path.to_owned(), attributes: encoding_attributes(encoding, version), children: IndexMap::new() }
    }

    /// Takes a child out.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is missing.
    pub fn take(&mut self, key: &str) -> Result<Node> {
        self.children
            .shift_remove(key)
            .ok_or_else(|| Error::invalid_data(format!("the group has no child '{key}'")).at(&self.path))
    }

    /// A child.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is missing.
    pub fn child(&self, key: &str) -> Result<&Node> {
        self.children
            .get(key)
            .ok_or_else(|| Error::invalid_data(format!("the group has no child '{key}'")).at(&self.path))
    }

    /// Adds a descendant at a relative path, making the groups between.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if something stands there, or the path has an empty name.
    pub fn insert(&mut self, path: &str, node: Node) -> Result<()> {
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        if first.is_empty() {
            return Err(Error::invalid_input(format!("'{path}' is not a name for an element")).at(&self.path));
        }
        match (rest, self.children.get_mut(first)) {
            (None, None) => {
                self.children.insert(first.to_owned(), node);
                Ok(())
            }
            (Some(rest), None) => {
                let path = anndata_storage::child_path(&self.path, first);
                let mut between = Self { path, ..Self::default() };
                between.insert(rest, node)?;
                self.children.insert(first.to_owned(), Node::Group(between));
                Ok(())
            }
            (Some(rest), Some(Node::Group(between))) if between.attributes.is_empty() => between.insert(rest, node),
            _ => Err(Error::invalid_input(format!("two elements would stand at '{path}'")).at(&self.path)),
        }
    }
}

impl ArrayNode {
    /// Consecutive rows.
    pub(crate) fn read_rows(&self, start: u64, len: usize) -> Result<Tensor> {
        match &self.source {
            Source::Stored(stored) => stored.read_selection(&[AxisSelection::Range(start..start + len as u64)]),
            Source::Tensor(tensor) => {
                let start = usize::try_from(start)
                    .map_err(|_| Error::invalid_input(format!("row {start} is beyond what memory can hold")))?;
                tensor.slice_rows(start..start.saturating_add(len))
            }
            Source::Unreadable(reason) => Err(reason.error()),
            Source::Empty | Source::Part(_) | Source::Blocks(_) => {
                Err(Error::unsupported("these values are read in order only"))
            }
        }
    }

    /// An array over values in memory, with the attributes of an encoding.
    pub fn encoded(path: &str, encoding: &str, version: &str, values: Tensor) -> Self {
        Self { attributes: encoding_attributes(encoding, version), ..Self::plain(path, values) }
    }

    /// An array over values in memory, without attributes.
    pub fn plain(path: &str, values: Tensor) -> Self {
        Self {
            path: path.to_owned(),
            attributes: Attributes::new(),
            spec: ArraySpec::of(&values),
            source: Source::Tensor(values),
        }
    }

    /// Returns the same array with only the selected positions: one selection per axis, from the first; further axes
    /// are whole. Nothing is read.
    ///
    /// # Errors
    /// If there are more selections than axes, or the values are made block by block.
    pub fn select(&self, axes: &[AxisSelection]) -> Result<Self> {
        let mut axes = axes.to_vec();
        axes.extend(self.spec.shape.iter().skip(axes.len()).map(|&len| AxisSelection::Range(0..len)));
        let source = match &self.source {
            Source::Tensor(tensor) => Source::Tensor(tensor.select(&axes)?),
            Source::Stored(array) => Source::Part(Part::axes(array.clone(), &axes)),
            Source::Unreadable(reason) => return Err(reason.error()),
            Source::Empty | Source::Part(_) | Source::Blocks(_) => {
                return Err(Error::unsupported("only whole arrays are selected from").at(&self.path));
            }
        };
        self.with_source(axes.iter().map(AxisSelection::len).collect(), source)
    }

    /// Returns the same one-dimensional array as runs of its values, one after the other. Nothing is read.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn select_runs(&self, runs: Vec<Range<u64>>) -> Result<Self> {
        let len = runs.iter().map(|run| run.end.saturating_sub(run.start)).sum();
        let source = match &self.source {
            Source::Tensor(tensor) => Source::Tensor(tensor.take(0, &runs.into_iter().flatten().collect::<Vec<_>>())?),
            Source::Stored(array) => Source::Part(Part::runs(array.clone(), runs)),
            Source::Unreadable(reason) => return Err(reason.error()),
            Source::Empty | Source::Part(_) | Source::Blocks(_) => {
                return Err(Error::unsupported("only whole arrays are selected from").at(&self.path));
            }
        };
        self.with_source(vec![len], source)
    }

    /// Returns the same array over other values of its dtype.
    pub(crate) fn with_source(&self, shape: Vec<u64>, source: Source) -> Result<Self> {
        let mut spec = ArraySpec::new(self.spec.dtype.clone(), shape);
        spec.resizable = self.spec.resizable;
        spec.len().map_err(|error| error.at(&self.path))?;
        Ok(Self { path: self.path.clone(), attributes: self.attributes.clone(), spec, source })
    }

    /// The shape in machine integers.
    ///
    /// # Errors
    /// If a length does not fit into memory.
    pub fn shape(&self) -> Result<Vec<usize>> {
        let convert = |&len: &u64| {
            usize::try_from(len)
                .map_err(|_| Error::limit_exceeded("an axis is longer than memory can hold").at(&self.path))
        };
        self.spec.shape.iter().map(convert).collect()
    }
}
