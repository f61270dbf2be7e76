//! The encodings of the on-disk format: one module for each kind of element, and the registry of all of them.
//!
//! Every stored element carries two attributes, `encoding-type` and `encoding-version`. An [`Encoding`] turns the tree
//! of groups and arrays of such an element into an [`Element`] and back. It does no IO, so the same code serves reading
//! at once, lazily, from files and from memory. The format is described in the [specification].
//!
//! | `encoding-type` | module | element |
//! | --- | --- | --- |
//! | `anndata` | [`adata`] | [`AnnData`](crate::AnnData) |
//! | `raw` | [`raw`] | [`Raw`](crate::Raw) |
//! | `dict` | [`dict`] | [`Mapping`](crate::Mapping) |
//! | `array` | [`array`](mod@array) | [`Tensor`](crate::Tensor) |
//! | `csr_matrix`, `csc_matrix` | [`sparse`] | [`SparseMatrix`](crate::SparseMatrix) |
//! | `dataframe` | [`dataframe`] | [`DataFrame`](crate::DataFrame) |
//! | `categorical` | [`categorical`] | [`Column`] |
//! | `nullable-integer`, `nullable-boolean`, `nullable-string-array` | [`nullable`] | [`Column`] |
//! | `string-array`, `string` | [`string`] | [`Tensor`](crate::Tensor) |
//! | `numeric-scalar`, `bytes` | [`scalar`] | [`Tensor`](crate::Tensor) |
//! | `null` | [`null`] | [`Element::Null`] |
//! | `rec-array` | [`record`] | [`Tensor`](crate::Tensor) |
//! | `awkward-array` | [`awkward`] | [`Awkward`](crate::awkward::Awkward) |
//! | none | [`legacy`] | what anndata 0.5 to 0.7 wrote |
//! | any other | | [`Opaque`](crate::Opaque) |
//!
//! [specification]: https://anndata.readthedocs.io/en/stable/fileformat-prose.html

// Long file: the trait of encodings, what reading and writing hand to it, and the table of all of them.

pub mod adata;
pub mod array;
pub mod awkward;
pub mod categorical;
pub mod dataframe;
pub mod dict;
pub mod legacy;
pub mod null;
pub mod nullable;
pub mod raw;
pub mod record;
pub mod scalar;
pub mod sparse;
pub mod string;

mod registry;

use std::borrow::Cow;
use std::fmt::Debug;

use anndata_storage::{Axis, Capabilities, DType, Error, Result, child_path};

pub(crate) use adata::{check_matrix, frame_to_write};
pub(crate) use dict::check_key;
pub use registry::Registry;
pub(crate) use registry::{Found, check_is_anndata, unplaced_attributes};

use crate::node::{ArrayNode, Node};
use crate::stored::{self, StoredTree as _};
use crate::validate::Checker;
use crate::{Column, ColumnKind, ColumnSchema, Element, Schema, Series, SparseFormat};

/// How one kind of element is stored: a pair of functions between elements and trees of nodes.
pub trait Encoding: Debug + Send + Sync {
    /// The `encoding-type`.
    fn name(&self) -> &str;

    /// The `encoding-version`s that [`build`](Self::build) understands; the last is the one written.
    fn versions(&self) -> &[&str];

    /// Makes the element. Arrays are in memory, except in containers that are built lazily.
    ///
    /// # Errors
    /// Where the tree is not a valid encoding; the error names the path.
    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element>;

    /// Makes the tree of an element, to stand at `path`.
    ///
    /// # Errors
    /// Where the element has no such form.
    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node>;

    /// What the element is, from metadata alone; the registry knows the elements that it is made of.
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn schema(&self, node: &Node, registry: &Registry) -> Result<Schema>;

    /// The length of each axis, from metadata alone; `None` for what has no axes.
    ///
    /// # Errors
    /// If the metadata are malformed.
    fn shape(&self, node: &Node, registry: &Registry) -> Result<Option<Vec<usize>>> {
        Ok(self.schema(node, registry)?.shape())
    }

    /// The stored tree of a part of an element: only the selected positions along its axes, one selection an axis.
    /// Values are not read, except where others depend on them (the offsets of a sparse matrix). `None`: a part is
    /// known only once the element is built.
    ///
    /// # Errors
    /// Where the tree is malformed.
    fn select(&self, _node: &Node, _axes: &[Axis]) -> Result<Option<Node>> {
        Ok(None)
    }

    /// A part of a stored element, in memory: what [`select`](Self::select) gives, built.
    ///
    /// # Errors
    /// Where it cannot be read, or the tree is malformed.
    fn build_part(&self, node: &Node, axes: &[Axis], context: &BuildContext<'_>) -> Result<Element> {
        match self.select(node, axes)? {
            Some(part) => self.build(part.fetch()?, context),
            None => self.build(node.fetch()?, context)?.select(axes),
        }
    }

    /// Whether it holds elements of other encodings that can be lazy, each for itself.
    fn is_container(&self) -> bool {
        false
    }

    /// Whether a stored tree of the current version has the form that [`encode`](Self::encode) would give it, attributes
    /// aside, so that it can be copied without building the element. What has another form that [`build`](Self::build)
    /// understands is built and encoded anew.
    ///
    /// By default, where the elements within it that say an encoding are current.
    fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> bool {
        context.has_current_children(node)
    }

    /// A current stored tree as it is to be copied: with the attributes that [`encode`](Self::encode) gives it (those that
    /// name its own encoding are seen to), whatever form they were stored in. What [`build`](Self::build) would refuse is
    /// refused, here or, where the values have to be looked at, while they are copied.
    ///
    /// # Errors
    /// Where the tree is malformed.
    fn copy(&self, node: &Node) -> Result<Node> {
        Ok(node.clone())
    }

    /// Tells of everything in a stored tree that is malformed or dangerous, and goes on to the next: see
    /// [`validate`](crate::validate()).
    ///
    /// By default every array is read, block by block; then the element is built, where it is small enough.
    fn validate(&self, node: &Node, checker: &mut Checker<'_>) {
        checker.whole(node);
    }
}

/// What an encoding needs to build the elements within its own.
#[derive(Debug, Clone, Copy)]
pub struct BuildContext<'a> {
    registry: &'a Registry,
    lazy: bool,
}

impl BuildContext<'_> {
    /// The element of a child; a lazy one where elements are built lazily and it is no container.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn build(&self, node: Node) -> Result<Element> {
        if !self.lazy || node.is_fetched() || self.registry.is_container(&node)? {
            return self.registry.build_with(node, self);
        }
        Ok(if self.registry.is_known(&node)? {
            Element::Lazy(stored::lazy(node, self.registry))
        } else {
            registry::unknown(node)
        })
    }

    /// The column of a frame; one of a type of one format is kept as it is stored.
    ///
    /// # Errors
    /// Where it cannot be built, or is no column.
    pub fn series(&self, node: Node) -> Result<Series> {
        if matches!(&node, Node::Array(array) if matches!(array.spec.dtype, DType::Opaque(_))) {
            return Ok(Series::Opaque(stored::opaque(node)));
        }
        let path = node.path().to_owned();
        match self.build(node)? {
            Element::Lazy(lazy) => Ok(Series::Lazy(lazy)),
            Element::Opaque(opaque) => Ok(Series::Opaque(opaque)),
            // Times that Arrow has no value for are kept as they are stored.
            Element::Tensor(times) if times.dtype().is_time() && times.to_arrow().is_err() => {
                Ok(Series::Opaque(stored::opaque(Node::Array(ArrayNode::encoded(&path, "array", "0.2.0", times)))))
            }
            element => element.into_column().map(Series::Loaded).map_err(|error| error.at(&path)),
        }
    }
}

/// How elements become trees.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Text columns of `obs`, `var` and `raw.var` that repeat values become categorical. Default: no.
    pub strings_to_categoricals: bool,
    /// Nullable text is written as plain text, which anndata before 0.11 reads; a missing value is an error. Default: no.
    pub plain_strings: bool,
    /// The paths of sparse matrices (`X`, `raw/X`, `layers/counts`) that are written dense.
    pub as_dense: Vec<String>,
    /// The paths of dense matrices that are written as CSR.
    pub as_sparse: Vec<String>,
    /// Whether trees of stored elements that are passed on say how they are laid out there: see
    /// [`NodeWriteOptions::keep_layout`](crate::node::NodeWriteOptions::keep_layout).
    pub(crate) keep_layout: bool,
}

impl EncodeOptions {
    /// The same, turning text columns that repeat values into categorical ones, or not.
    #[must_use]
    pub fn with_strings_to_categoricals(mut self, yes: bool) -> Self {
        self.strings_to_categoricals = yes;
        self
    }

    /// The same, writing nullable text as plain text, or not.
    #[must_use]
    pub fn with_plain_strings(mut self, yes: bool) -> Self {
        self.plain_strings = yes;
        self
    }

    /// The same, writing the sparse matrices at these paths dense.
    #[must_use]
    pub fn with_as_dense<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.as_dense = paths.into_iter().map(Into::into).collect();
        self
    }

    /// The same, writing the dense matrices at these paths as CSR.
    #[must_use]
    pub fn with_as_sparse<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.as_sparse = paths.into_iter().map(Into::into).collect();
        self
    }

    /// The same for a layout that is kept, with the paths of matrices as they are in a store, for an object at `group`.
    pub(crate) fn below(&self, group: &str, keep_layout: bool) -> Self {
        let below = |paths: &[String]| paths.iter().map(|asked| child_path(group, &matrix_path(asked))).collect();
        Self { as_dense: below(&self.as_dense), as_sparse: below(&self.as_sparse), keep_layout, ..self.clone() }
    }
}

/// The path of a matrix that an option names: `raw.X` is `raw/X`; a dot further on belongs to the key.
pub(crate) fn matrix_path(asked: &str) -> String {
    match asked.trim_matches('/').split_once(['/', '.']) {
        Some((slot, key)) => format!("{slot}/{key}"),
        None => asked.trim_matches('/').to_owned(),
    }
}

/// What an encoding needs to encode the elements within its own.
#[derive(Debug, Clone, Copy)]
pub struct EncodeContext<'a> {
    registry: &'a Registry,
    options: &'a EncodeOptions,
    capabilities: Capabilities,
}

impl<'a> EncodeContext<'a> {
    /// A context for a store of these capabilities.
    pub fn new(registry: &'a Registry, options: &'a EncodeOptions, capabilities: Capabilities) -> Self {
        Self { registry, options, capabilities }
    }

    /// The options.
    pub fn options(&self) -> &'a EncodeOptions {
        self.options
    }

    /// What the target store can do.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// A tree of a store as it is to be copied: laid out as it is there where the options ask for it.
    pub(crate) fn laid_out<'n>(&self, node: &'n Node) -> Cow<'n, Node> {
        if self.options.keep_layout { Cow::Borrowed(node) } else { Cow::Owned(sparse::without_layout(node)) }
    }

    /// The tree of an element, to stand at `path`.
    ///
    /// A lazy element whose stored tree is current is not read: its tree is passed on. A matrix becomes dense or sparse
    /// where the options ask for it.
    ///
    /// # Errors
    /// Where the element cannot be stored.
    pub fn encode(&self, element: &Element, path: &str) -> Result<Node> {
        let asked = |paths: &[String]| paths.iter().any(|asked| asked == path);
        if asked(&self.options.as_dense) {
            return sparse::encode_dense(element, path).map_err(|error| error.at(path));
        }
        if asked(&self.options.as_sparse) {
            let matrix =
                Element::Sparse(sparse::to_sparse(element, SparseFormat::Csr).map_err(|error| error.at(path))?);
            return self.encode_as_is(&matrix, path);
        }
        self.encode_as_is(element, path)
    }

    /// Whether all elements in a group that say an encoding can be copied as they are.
    fn has_current_children(&self, node: &Node) -> bool {
        let Node::Group(group) = node else { return true };
        let mut children = group.children.values();
        children.all(|child| {
            !child.attributes().contains_key("encoding-type") || self.registry.is_current(child, self).unwrap_or(false)
        })
    }

    /// The child of a group where it is stored as numbers or text in one dimension are written, so that it can be copied
    /// as it is. It need not say its encoding.
    fn plain_vector<'n>(&self, node: &'n Node, key: &str) -> Option<&'n ArrayNode> {
        let child = node.descendant(key)?;
        let array = vector(node, key)?;
        let encoding = match self.registry.find(child).ok()? {
            Found::Known(encoding) => encoding.name(),
            Found::Legacy => encoding_of_values(&array.spec.dtype, 1).ok()?,
            Found::Unknown => return None,
        };
        match encoding {
            "array" if array.spec.dtype.is_numeric() => Some(array),
            "string-array" if array.spec.dtype == DType::String => Some(array),
            _ => None,
        }
    }

    fn encode_as_is(&self, element: &Element, path: &str) -> Result<Node> {
        match element {
            Element::Opaque(opaque) => match opaque.unreadable() {
                Some(reason) => Err(reason),
                None => match opaque.node() {
                    Some(node) => Ok(self.laid_out(node).into_owned()),
                    None => Err(Error::unsupported("an opaque element of another format cannot be written")),
                },
            },
            Element::Lazy(lazy) => match stored::encode(lazy, self)? {
                Some(stored) => Ok(stored),
                None => self.encode_as_is(&lazy.load_once()?, path),
            },
            element => {
                let name = encoding_of(element).map_err(|error| error.at(path))?;
                let encoding = self
                    .registry
                    .get(name)
                    .ok_or_else(|| Error::unsupported(format!("no encoding '{name}' is registered")).at(path))?;
                encoding.encode(element, path, self).map_err(|error| error.at(path))
            }
        }
    }
}

/// What a stored array is.
fn array_schema(array: &ArrayNode) -> Result<Schema> {
    Ok(Schema::Array { dtype: array.spec.dtype.clone(), shape: array.shape()? })
}

/// What an element is as a column.
fn column_schema(schema: &Schema) -> Result<ColumnSchema> {
    schema.as_column().ok_or_else(|| Error::invalid_data(format!("expected a column, found {}", schema.kind_name())))
}

/// The `encoding-type` that an element is written with.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) where there is none.
fn encoding_of(element: &Element) -> Result<&str> {
    Ok(match element {
        Element::Null => "null",
        Element::Tensor(tensor) => encoding_of_values(tensor.dtype(), tensor.ndim())?,
        Element::Sparse(matrix) => matrix.format().encoding(),
        Element::Column(column) => encoding_of_column(column)?,
        Element::Frame(_) => "dataframe",
        Element::Awkward(_) => "awkward-array",
        Element::Mapping(_) => "dict",
        Element::AnnData(_) => "anndata",
        Element::Raw(_) => "raw",
        Element::Extension(extension) => extension.encoding_type(),
        element => {
            return Err(Error::unsupported(format!("{} has no encoding of its own", element.kind_name())));
        }
    })
}

fn encoding_of_values(dtype: &DType, ndim: usize) -> Result<&'static str> {
    Ok(match (dtype, ndim) {
        (DType::Compound(_), _) => "rec-array",
        (DType::FixedBytes(_), 0) => "bytes",
        (DType::FixedBytes(_), _) => "array",
        (dtype, 0) if dtype.is_text() => "string",
        (dtype, _) if dtype.is_text() => "string-array",
        (dtype, 0) if dtype.is_numeric() => "numeric-scalar",
        (DType::Opaque(_), _) => "array",
        (dtype, _) if dtype.is_numeric() || dtype.is_time() => "array",
        (dtype, _) => return Err(Error::unsupported(format!("values of type {dtype} cannot be stored"))),
    })
}

/// The child of a group where it is an array of one dimension with values.
fn vector<'n>(node: &'n Node, key: &str) -> Option<&'n ArrayNode> {
    match node.descendant(key)? {
        Node::Array(array) if array.spec.ndim() == 1 && !array.spec.null => Some(array),
        _ => None,
    }
}

/// An array within an element, saying its encoding.
fn member(array: &ArrayNode) -> Result<Node> {
    let encoding = encoding_of_values(&array.spec.dtype, array.spec.ndim())?;
    Ok(Node::Array(array.clone()).encoded_as(encoding, "0.2.0"))
}

fn encoding_of_column(column: &Column) -> Result<&'static str> {
    match column.kind() {
        ColumnKind::Categorical { .. } => Ok("categorical"),
        ColumnKind::Plain | ColumnKind::Time(_) => encoding_of_values(column.to_tensor()?.dtype(), 1),
        ColumnKind::Nullable(_) => match column.to_tensor()?.dtype() {
            DType::Bool => Ok("nullable-boolean"),
            dtype if dtype.is_integer() => Ok("nullable-integer"),
            dtype if dtype.is_text() => Ok("nullable-string-array"),
            dtype => Err(Error::unsupported(format!("values of type {dtype} cannot be missing in anndata"))),
        },
    }
}

/// The error of an encoding that was handed an element it does not encode.
fn wrong_element(encoding: &str, element: &Element) -> Error {
    Error::invalid_input(format!("{} cannot be encoded as '{encoding}'", element.kind_name()))
}
