//! The contract of encodings, what they are handed, and the [`Registry`] of them.

// Long file: a trait, the contexts that it takes and the table that these hold know each other.

mod validate;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{ArraySpec, Attribute, AxisSelection, Capabilities, DType, Error, Result};
use indexmap::IndexMap;

use super::options::EncodeOptions;
use super::values::{encoding_of_values, vector, without_encoding};
use crate::findings::Checker;
use crate::node::{ArrayNode, GroupNode, Node};
use crate::stored::{self, PartReader, StoredElement, StoredTree as _, TreeReader};
use crate::{Column, Element, Keep, Lazy, LazySource as _, Schema, Selection, Series};

/// How one kind of element is stored: a pair of functions between elements and trees of nodes.
pub trait Encoding: Debug + Send + Sync {
    /// The `encoding-type`.
    fn name(&self) -> &str;

    /// The `encoding-version`s that [`build`](Self::build) understands; the last is the one written.
    fn versions(&self) -> &[&str];

    /// Makes the element. Arrays are in memory, except in containers that are built lazily.
    ///
    /// # Errors
    /// If the tree is not a valid encoding; the error names the path.
    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element>;

    /// Makes the tree of an element, to stand at `path`.
    ///
    /// # Errors
    /// If the element has no such form.
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

    /// The stored tree of a part of an element: only the selected positions along its axes, one selection per axis.
    /// Values are not read, except where others depend on them (the offsets of a sparse matrix). `None`: a part is
    /// known only once the element is built.
    ///
    /// # Errors
    /// If the tree is malformed.
    fn select(&self, _node: &Node, _axes: &[AxisSelection]) -> Result<Option<Node>> {
        Ok(None)
    }

    /// A part of a stored element, in memory: what [`select`](Self::select) gives, built.
    ///
    /// # Errors
    /// If it cannot be read, or the tree is malformed.
    fn build_part(&self, node: &Node, axes: &[AxisSelection], context: &BuildContext<'_>) -> Result<Element> {
        match self.select(node, axes)? {
            Some(part) => self.build(part.fetch()?, context),
            None => self.build(node.fetch()?, context)?.select(axes),
        }
    }

    /// What reads parts of a stored element better than [`build_part`](Self::build_part) if many are read, one after the other:
    /// by default nothing does.
    ///
    /// # Errors
    /// If the tree is malformed.
    fn part_reader(&self, _node: &Node) -> Result<Option<Arc<dyn PartReader>>> {
        Ok(None)
    }

    /// Whether the element of a tree holds elements of other encodings that can be lazy, each for itself.
    fn is_container(&self, _node: &Node) -> bool {
        false
    }

    /// The elements that the element of a stored tree is made of, with their keys, in the order in which they are read. By default
    /// all children of a container, and of other elements those children that say an encoding.
    ///
    /// # Errors
    /// If the tree is malformed.
    fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        let Node::Group(group) = node else { return Ok(Vec::new()) };
        let is_container = self.is_container(node);
        let elements = group.children.iter();
        let elements = elements.filter(|(_, child)| is_container || child.attributes().contains_key("encoding-type"));
        Ok(elements.map(|(key, child)| (key.clone(), child.clone())).collect())
    }

    /// Whether an element is written in this encoding. By default an [`Extension`](Element::Extension) that names it.
    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Extension(extension) if extension.encoding_type() == self.name())
    }

    /// The attributes that the element has beside `encoding-type` and `encoding-version`. Others are not kept.
    fn attributes(&self) -> &[&str] {
        &[]
    }

    /// Whether arrays of the element may become longer once it is stored.
    fn can_grow(&self) -> bool {
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
    /// If the tree is malformed.
    fn copy(&self, node: &Node) -> Result<Node> {
        Ok(node.clone())
    }

    /// The tree of a lazy element that no store holds and that is not read yet, to stand at `path`: its values are made while
    /// they are written. `None`, by default: it is loaded as a whole and then encoded.
    ///
    /// # Errors
    /// If the element has no such form, or something of it that has to be known now cannot be read.
    fn stream(&self, _lazy: &Lazy, _path: &str, _context: &EncodeContext<'_>) -> Result<Option<Node>> {
        Ok(None)
    }

    /// How many values each of some major slices of a stored sparse matrix has. `None`, by default: it is not one.
    ///
    /// # Errors
    /// If they cannot be read.
    fn major_lengths(&self, _node: &Node, _slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        Ok(None)
    }

    /// Some of the categories of a stored column of categories, without its codes. `None`, by default: they are known once the
    /// column is built.
    ///
    /// # Errors
    /// If they cannot be read.
    fn categories(&self, _node: &Node, _range: Range<usize>, _registry: &Registry) -> Result<Option<Column>> {
        Ok(None)
    }

    /// The chunks along the axes of a stored element. By default those of an array; a group has none.
    fn chunks<'n>(&self, node: &'n Node) -> Option<&'n [u64]> {
        match node {
            Node::Array(array) => array.spec.chunks.as_deref(),
            Node::Group(_) => None,
        }
    }

    /// Reports everything in a stored tree that is malformed or dangerous, and goes on to the next: see
    /// [`validate`](crate::validate()).
    ///
    /// By default every array is read, block by block; then the element is built, where it is small enough.
    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        checker.whole(node);
    }
}

/// The encodings that are known. The default has all of anndata's; more can be added. Cheap to clone.
///
/// ```
/// # use anndata_format::encoding::Registry;
/// let registry = Registry::default();
/// assert!(registry.get("categorical").is_some());
/// assert!(registry.get("my-own").is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Registry {
    encodings: Arc<IndexMap<String, Arc<dyn Encoding>>>,
    /// The encoding of what says none.
    legacy: Arc<dyn Encoding>,
    repair: bool,
}

/// What the attributes of a node say of its encoding.
pub(super) enum Found<'a> {
    /// An encoding, in a version that it reads.
    Known(&'a dyn Encoding),
    /// No encoding attributes: what anndata before 0.7 wrote.
    Legacy(&'a dyn Encoding),
    /// An encoding, version or dtype that is not known, or an element of which something could not be opened.
    Unknown,
}

impl Registry {
    /// A registry without encodings, but that of elements which say none.
    pub(super) fn new(legacy: impl Encoding + 'static) -> Self {
        Self { encodings: Arc::default(), legacy: Arc::new(legacy), repair: false }
    }

    /// Adds an encoding; one of the same name is replaced.
    #[must_use]
    pub fn with(self, encoding: impl Encoding + 'static) -> Self {
        let mut encodings = Arc::unwrap_or_clone(self.encodings);
        encodings.insert(encoding.name().to_owned(), Arc::new(encoding));
        Self { encodings: Arc::new(encodings), ..self }
    }

    /// Sets whether what is plainly meant is repaired where the format is broken, instead of refused: codes of
    /// categories that count from 1, categories that are there more than once (which are merged), masks of integers,
    /// and keys of matrices and arrays with a `/` (which becomes a `_`). Default: no.
    #[must_use]
    pub fn with_repair(mut self, yes: bool) -> Self {
        self.repair = yes;
        self
    }

    /// Whether what is broken is repaired where it is plain what is meant.
    pub fn repairs(&self) -> bool {
        self.repair
    }

    /// The encoding of a name.
    pub fn get(&self, name: &str) -> Option<&dyn Encoding> {
        self.encodings.get(name).map(|encoding| &**encoding)
    }

    /// All encodings, in the order in which they were added.
    pub fn encodings(&self) -> impl Iterator<Item = &dyn Encoding> {
        self.encodings.values().map(|encoding| &**encoding)
    }

    /// The element of a tree whose arrays were fetched.
    ///
    /// # Errors
    /// If the tree is malformed; the error names the path.
    pub fn build(&self, node: Node) -> Result<Element> {
        self.build_with(node, &BuildContext::new(self))
    }

    /// The element of a tree, with everything that is not a container lazy.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_lazy(&self, node: Node, keep: &Keep) -> Result<Element> {
        BuildContext::lazy(self, keep).build(node)
    }

    /// What the element of a tree is, from metadata alone.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn schema(&self, node: &Node) -> Result<Schema> {
        match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.schema(node, self),
            Found::Unknown => Ok(Schema::Opaque),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    /// The length of each axis of the element of a tree, from metadata alone; `None` for what has no axes.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn shape(&self, node: &Node) -> Result<Option<Vec<usize>>> {
        match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.shape(node, self),
            Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    pub(super) fn build_with(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let path = node.path().to_owned();
        match self.find(&node)? {
            Found::Known(encoding) => {
                self.warn_of_attributes(&node);
                encoding.build(node, context)
            }
            Found::Legacy(legacy) => legacy.build(node, context),
            Found::Unknown => Ok(unknown(node)),
        }
        .map_err(|error| error.of_stored().at(&path))
    }

    pub(super) fn is_known(&self, node: &Node) -> Result<bool> {
        Ok(!matches!(self.find(node)?, Found::Unknown))
    }

    /// The elements that the element of a tree is made of, with their keys, in the order in which they are read.
    pub(crate) fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.elements(node),
            Found::Unknown => Ok(Vec::new()),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    pub(crate) fn is_container(&self, node: &Node) -> Result<bool> {
        Ok(match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.is_container(node),
            Found::Unknown => false,
        })
    }

    /// A current stored tree as it is to be copied, checked.
    fn copy(&self, node: &Node) -> Result<Node> {
        match self.find(node)? {
            Found::Known(encoding) => copy(encoding, node).map_err(|error| error.of_stored().at(node.path())),
            Found::Legacy(_) | Found::Unknown => Ok(node.clone()),
        }
    }

    /// The stored tree of a part of an element, checked as a copy is.
    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        match self.find(node)? {
            Found::Known(encoding) => {
                encoding.select(node, axes).and_then(|part| part.map(|part| copy(encoding, &part)).transpose())
            }
            Found::Legacy(_) | Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    /// A part of the element of a stored tree, in memory: no more is read than its encoding needs.
    pub(super) fn build_part(&self, node: &Node, axes: &[AxisSelection]) -> Result<Element> {
        let context = BuildContext::new(self);
        match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.build_part(node, axes, &context),
            Found::Unknown => Err(Error::unsupported("an element of an unknown encoding has no known parts")),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    /// What reads parts of the element of a stored tree, one after the other, if something is better at that.
    pub(super) fn part_reader(&self, node: &Node) -> Result<Option<Arc<dyn PartReader>>> {
        match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.part_reader(node),
            Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    /// Whether a stored tree can be copied as it is: it is of the current version, and has the form that is written.
    fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> Result<bool> {
        let Found::Known(encoding) = self.find(node)? else { return Ok(false) };
        let version = node.text_attribute("encoding-version")?;
        // What was read by these encodings is looked at by these.
        let context = EncodeContext::new(self, context.options, context.capabilities);
        Ok(version.as_deref() == encoding.versions().last().copied() && encoding.is_current(node, &context))
    }

    pub(super) fn find(&self, node: &Node) -> Result<Found<'_>> {
        if let Node::Array(array) = node
            && matches!(array.spec.dtype, DType::Unknown(_))
            && !array.spec.null
        {
            return Ok(Found::Unknown);
        }
        // Of values of a type of one format nothing is known; an array is one of anything.
        let opaque = matches!(node, Node::Array(array) if matches!(array.spec.dtype, DType::Opaque(_)));
        let Some(name) = node.text_attribute("encoding-type")?.filter(|name| !name.is_empty()) else {
            let is_whole = !opaque && (self.legacy.is_container(node) || node.unreadable().is_none());
            return Ok(if is_whole { Found::Legacy(&*self.legacy) } else { Found::Unknown });
        };
        let version = node.text_attribute("encoding-version")?.unwrap_or_default();
        Ok(match self.get(&name) {
            Some(encoding) if !encoding.versions().contains(&version.as_str()) => Found::Unknown,
            Some(encoding) if opaque && encoding.name() != "array" => Found::Unknown,
            Some(encoding) if !encoding.is_container(node) && node.unreadable().is_some() => Found::Unknown,
            Some(encoding) => Found::Known(encoding),
            None => Found::Unknown,
        })
    }

    /// The encoding that an element is written in.
    fn encoding_of(&self, element: &Element) -> Result<&dyn Encoding> {
        self.encodings().find(|encoding| encoding.encodes(element)).ok_or_else(|| without_encoding(element))
    }

    /// The attributes of a node that no encoding has.
    pub(super) fn unplaced_attributes<'n>(&self, node: &'n Node) -> impl Iterator<Item = &'n str> {
        let is_placed = |name: &str| {
            matches!(name, "encoding-type" | "encoding-version")
                || self.encodings().any(|encoding| encoding.attributes().contains(&name))
        };
        node.attributes().keys().map(String::as_str).filter(move |name| !is_placed(name))
    }

    /// Warns of attributes that an element cannot hold, and that are not written back.
    fn warn_of_attributes(&self, node: &Node) {
        for name in self.unplaced_attributes(node) {
            tracing::warn!(path = node.path(), attribute = name, "attribute of no encoding, not kept");
        }
    }
}

impl TreeReader for Registry {
    fn schema(&self, node: &Node) -> Result<Schema> {
        Self::schema(self, node)
    }

    fn shape(&self, node: &Node) -> Result<Option<Vec<usize>>> {
        Self::shape(self, node)
    }

    fn build(&self, node: Node) -> Result<Element> {
        Self::build(self, node)
    }

    fn build_part(&self, node: &Node, axes: &[AxisSelection]) -> Result<Element> {
        Self::build_part(self, node, axes)
    }

    fn part_reader(&self, node: &Node) -> Result<Option<Arc<dyn PartReader>>> {
        Self::part_reader(self, node)
    }

    fn major_lengths(&self, node: &Node, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        match self.find(node)? {
            Found::Known(encoding) => encoding.major_lengths(node, slices),
            Found::Legacy(_) | Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    fn categories(&self, node: &Node, range: Range<usize>) -> Result<Option<Column>> {
        match self.find(node)? {
            Found::Known(encoding) => encoding.categories(node, range, self),
            Found::Legacy(_) | Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    fn chunks(&self, node: &Node) -> Result<Option<Vec<u64>>> {
        Ok(match self.find(node)? {
            Found::Known(encoding) | Found::Legacy(encoding) => encoding.chunks(node).map(<[u64]>::to_vec),
            Found::Unknown => None,
        })
    }
}

/// A current stored tree as it is to be copied, saying its encoding as it is written.
fn copy(encoding: &dyn Encoding, node: &Node) -> Result<Node> {
    let version = encoding.versions().last().copied().unwrap_or_default();
    Ok(encoding.copy(node)?.encoded_as(encoding.name(), version))
}

/// The element of an encoding, version or dtype that is not known, or that cannot be opened, reported once.
fn unknown(node: Node) -> Element {
    let opaque = stored::opaque(node);
    if let Some(reason) = opaque.unreadable() {
        tracing::warn!(path = opaque.path(), reason = reason.text(), "cannot be opened");
        return Element::Opaque(opaque);
    }
    tracing::warn!(
        path = opaque.path(),
        encoding = opaque.encoding_type(),
        version = opaque.encoding_version(),
        "unknown encoding or dtype, kept as it is"
    );
    Element::Opaque(opaque)
}

/// What an encoding needs to build the elements within its own.
#[derive(Debug, Clone, Copy)]
pub struct BuildContext<'a> {
    registry: &'a Registry,
    /// What becomes of the values of lazy elements, if elements are built lazily.
    lazy: Option<&'a Keep>,
    /// What stands in the place of elements, by path.
    decided: Option<&'a HashMap<String, Element>>,
}

impl<'a> BuildContext<'a> {
    /// A context in which every element is built.
    pub fn new(registry: &'a Registry) -> Self {
        Self { registry, lazy: None, decided: None }
    }

    /// A context in which elements that are not containers are lazy; their values are kept or not once they are read.
    pub fn lazy(registry: &'a Registry, keep: &'a Keep) -> Self {
        Self { registry, lazy: Some(keep), decided: None }
    }

    /// Returns the same context with elements that stand in the place of those of a tree, by path.
    pub(crate) fn with_decided(mut self, decided: &'a HashMap<String, Element>) -> Self {
        self.decided = Some(decided);
        self
    }

    /// What stands in the place of the element of a node, if something does.
    pub(super) fn decided(&self, node: &Node) -> Option<&'a Element> {
        self.decided?.get(node.path())
    }

    /// The encodings.
    pub fn registry(&self) -> &'a Registry {
        self.registry
    }

    /// The element of a child; a lazy one where elements are built lazily and it is not a container.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build(&self, node: Node) -> Result<Element> {
        if let Some(decided) = self.decided(&node) {
            return Ok(decided.clone());
        }
        let Some(keep) = self.lazy.filter(|_| !node.is_fetched()) else { return self.registry.build_with(node, self) };
        if self.registry.is_container(&node)? {
            return self.registry.build_with(node, self);
        }
        Ok(if self.registry.is_known(&node)? {
            Element::Lazy(Lazy::with_keep(StoredElement::new(node, self.registry.clone()), keep))
        } else {
            unknown(node)
        })
    }

    /// The column of a frame; one of a type of one format is kept as it is stored.
    ///
    /// # Errors
    /// If it cannot be built, or is not a column.
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

/// Is asked about each element before it is encoded.
pub trait ElementVisitor: Debug + Sync {
    /// What is encoded in the place of an element that is to stand at `path`; `None` is the element itself.
    ///
    /// # Errors
    /// Those of whoever is asked.
    fn visit(&self, element: &Element, path: &str) -> Result<Option<Element>>;
}

/// What an encoding needs to encode the elements within its own.
#[derive(Debug, Clone, Copy)]
pub struct EncodeContext<'a> {
    registry: &'a Registry,
    options: &'a EncodeOptions,
    capabilities: Capabilities,
    visitor: Option<&'a dyn ElementVisitor>,
}

impl<'a> EncodeContext<'a> {
    /// A context for a store of these capabilities.
    pub fn new(registry: &'a Registry, options: &'a EncodeOptions, capabilities: Capabilities) -> Self {
        Self { registry, options, capabilities, visitor: None }
    }

    /// Returns the same context with a visitor, who is asked about each element.
    #[must_use]
    pub fn with_visitor(mut self, visitor: &'a dyn ElementVisitor) -> Self {
        self.visitor = Some(visitor);
        self
    }

    /// What is to be encoded in the place of an element, if there is a visitor who says so.
    pub(crate) fn visit(&self, element: &Element, path: &str) -> Result<Option<Element>> {
        self.visitor.map_or(Ok(None), |visitor| visitor.visit(element, path))
    }

    /// The same of an element that is made for the visitor alone.
    pub(super) fn visit_made(&self, element: impl FnOnce() -> Element, path: &str) -> Result<Option<Element>> {
        self.visitor.map_or(Ok(None), |visitor| visitor.visit(&element(), path))
    }

    /// The same context with other options.
    pub(crate) fn with_options<'b>(&self, options: &'b EncodeOptions) -> EncodeContext<'b>
    where
        'a: 'b,
    {
        EncodeContext { options, ..*self }
    }

    /// The options.
    pub fn options(&self) -> &'a EncodeOptions {
        self.options
    }

    /// What the target store can do.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The encodings.
    pub fn registry(&self) -> &'a Registry {
        self.registry
    }

    /// A tree of a store as it is to be copied: laid out as it is there if the options ask for it, otherwise as an element
    /// that is encoded.
    pub(crate) fn laid_out<'n>(&self, node: &'n Node) -> Cow<'n, Node> {
        if self.options.keep_layout { Cow::Borrowed(node) } else { Cow::Owned(self.without_layout(node, false)) }
    }

    /// Returns the same tree without chunks, shards and codecs.
    fn without_layout(&self, node: &Node, resizable: bool) -> Node {
        match node {
            Node::Group(group) => {
                let encoding = group.attributes.get("encoding-type").and_then(Attribute::as_str);
                let encoding = encoding.and_then(|name| self.registry.get(&name));
                let resizable = encoding.is_some_and(Encoding::can_grow);
                let children = group.children.iter();
                let children = children.map(|(key, child)| (key.clone(), self.without_layout(child, resizable)));
                Node::Group(GroupNode {
                    path: group.path.clone(),
                    attributes: group.attributes.clone(),
                    children: children.collect(),
                })
            }
            Node::Array(array) => {
                let mut spec = ArraySpec::new(array.spec.dtype.clone(), array.spec.shape.clone());
                (spec.resizable, spec.null) = (resizable, array.spec.null);
                Node::Array(ArrayNode { spec, ..array.clone() })
            }
        }
    }

    /// The tree of an element, to stand at `path`.
    ///
    /// A lazy element whose stored tree is current is not read: its tree is passed on. Matrices stay dense or sparse,
    /// whatever the options ask for: that is seen to above.
    ///
    /// # Errors
    /// If the element cannot be stored.
    pub fn encode(&self, element: &Element, path: &str) -> Result<Node> {
        match self.visit(element, path)? {
            Some(instead) => self.encode_visited(&instead, path),
            None => self.encode_visited(element, path),
        }
    }

    /// The tree of an element about which the visitor was asked.
    pub(crate) fn encode_visited(&self, element: &Element, path: &str) -> Result<Node> {
        match element {
            Element::Opaque(opaque) => match opaque.unreadable() {
                Some(reason) => Err(reason),
                None => match opaque.node() {
                    Some(node) => Ok(self.laid_out(node).into_owned()),
                    None => Err(Error::unsupported("an opaque element of another format cannot be written")),
                },
            },
            Element::Lazy(lazy) => match self.copy(lazy).map_err(|error| lazy.locate(error))? {
                Some(stored) => Ok(stored),
                None => match self.stream(lazy, path)? {
                    Some(made) => Ok(made),
                    None => self.encode_visited(&lazy.load_once()?, path),
                },
            },
            element => {
                let encoding = self.registry.encoding_of(element).map_err(|error| error.at(path))?;
                encoding.encode(element, path, self).map_err(|error| error.at(path))
            }
        }
    }

    /// The stored tree that can be written in place of a lazy element without building it, if there is one.
    fn copy(&self, lazy: &Lazy) -> Result<Option<Node>> {
        if let Some(stored) = lazy.source::<StoredElement>() {
            lazy.check_current()?;
            let Some(registry) = self.reader_of_current(stored)? else { return Ok(None) };
            return registry.copy(&self.laid_out(stored.node())).map(Some);
        }
        let Some(selection) = lazy.selected() else { return Ok(None) };
        let Element::Lazy(whole) = selection.of() else { return Ok(None) };
        let Some(stored) = whole.source::<StoredElement>().filter(|_| !whole.is_loaded()) else { return Ok(None) };
        // Which categories are dropped is known once the codes are.
        let is_categorical = || matches!(stored.schema(), Ok(Schema::Column(column)) if column.is_categorical());
        if selection.drops_unused_categories() && is_categorical() {
            return Ok(None);
        }
        whole.check_current()?;
        let Some(registry) = self.reader_of_current(stored)? else { return Ok(None) };
        registry.select(&self.laid_out(stored.node()), selection.axes())
    }

    /// The tree of a lazy element of which nothing was read and that is in no store, if its encoding can make it block by
    /// block.
    fn stream(&self, lazy: &Lazy, path: &str) -> Result<Option<Node>> {
        let whole = match lazy.selected().map(Selection::of) {
            None => lazy,
            Some(Element::Lazy(whole)) => whole,
            Some(_) => return Ok(None),
        };
        if whole.is_loaded() || whole.source::<StoredElement>().is_some() {
            return Ok(None);
        }
        let is_categorical = || matches!(lazy.schema(), Ok(Schema::Column(column)) if column.is_categorical());
        if lazy.selected().is_some_and(Selection::drops_unused_categories) && is_categorical() {
            return Ok(None);
        }
        match lazy.schema()? {
            Schema::Array { shape, .. } if !shape.is_empty() => {}
            Schema::Sparse { .. } | Schema::Column(_) => {}
            _ => return Ok(None),
        }
        let without_rows = Element::Lazy(lazy.clone()).select(&[AxisSelection::Range(0..0)])?.load()?;
        let encoding = self.registry.encoding_of(&without_rows).map_err(|error| error.at(path))?;
        encoding.stream(lazy, path, self).map_err(|error| error.at(path))
    }

    /// The encodings that a stored element was read with, if its tree can be copied as it is.
    fn reader_of_current<'s>(&self, stored: &'s StoredElement) -> Result<Option<&'s Registry>> {
        let Some(registry) = stored.reader::<Registry>() else { return Ok(None) };
        Ok(registry.is_current(stored.node(), self)?.then_some(registry))
    }

    /// Whether all elements in a group that say an encoding can be copied as they are.
    pub(super) fn has_current_children(&self, node: &Node) -> bool {
        let Node::Group(group) = node else { return true };
        let mut children = group.children.values();
        children.all(|child| {
            !child.attributes().contains_key("encoding-type") || self.registry.is_current(child, self).unwrap_or(false)
        })
    }

    /// The child of a group where it is stored as numbers or text in one dimension are written, so that it can be copied
    /// as it is. It need not say its encoding.
    pub(super) fn plain_vector<'n>(&self, node: &'n Node, key: &str) -> Option<&'n ArrayNode> {
        let child = node.descendant(key)?;
        let array = vector(node, key)?;
        let encoding = match self.registry.find(child).ok()? {
            Found::Known(encoding) => encoding.name(),
            Found::Legacy(_) => encoding_of_values(&array.spec.dtype, 1).ok()?,
            Found::Unknown => return None,
        };
        match encoding {
            "array" if array.spec.dtype.is_numeric() => Some(array),
            "string-array" if array.spec.dtype == DType::String => Some(array),
            _ => None,
        }
    }
}
