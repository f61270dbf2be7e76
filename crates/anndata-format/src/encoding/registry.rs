//! The table of encodings, by name.

use std::sync::Arc;

use anndata_storage::{Axis, DType, Error, Result};
use indexmap::IndexMap;

use super::{
    BuildContext, EncodeContext, Encoding, adata, array, awkward, categorical, dataframe, dict, legacy, null, nullable,
    raw, record, scalar, sparse, string,
};
use crate::node::Node;
use crate::{AnnData, Element, Schema, SparseFormat, stored};

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
    repair: bool,
}

impl Default for Registry {
    fn default() -> Self {
        let encodings: [Arc<dyn Encoding>; 18] = [
            Arc::new(adata::AnnDataEncoding),
            Arc::new(raw::RawEncoding),
            Arc::new(dict::DictEncoding),
            Arc::new(array::ArrayEncoding),
            Arc::new(sparse::SparseEncoding(SparseFormat::Csr)),
            Arc::new(sparse::SparseEncoding(SparseFormat::Csc)),
            Arc::new(dataframe::DataFrameEncoding),
            Arc::new(categorical::CategoricalEncoding),
            Arc::new(nullable::NullableEncoding::Integer),
            Arc::new(nullable::NullableEncoding::Boolean),
            Arc::new(nullable::NullableEncoding::String),
            Arc::new(string::StringArrayEncoding),
            Arc::new(string::StringEncoding),
            Arc::new(scalar::ScalarEncoding::Number),
            Arc::new(scalar::ScalarEncoding::Bytes),
            Arc::new(null::NullEncoding),
            Arc::new(record::RecordEncoding),
            Arc::new(awkward::AwkwardEncoding),
        ];
        Self { encodings: Arc::new(encodings.into_iter().map(|e| (e.name().to_owned(), e)).collect()), repair: false }
    }
}

/// What the attributes of a node say of its encoding.
pub(crate) enum Found<'a> {
    /// An encoding, in a version that it reads.
    Known(&'a dyn Encoding),
    /// No encoding attributes: what anndata before 0.7 wrote.
    Legacy,
    /// An encoding, version or dtype that is not known, or an element of which something could not be opened.
    Unknown,
}

impl Registry {
    /// The same with one more encoding; one of the same name is replaced.
    #[must_use]
    pub fn with(self, encoding: impl Encoding + 'static) -> Self {
        let mut encodings = Arc::unwrap_or_clone(self.encodings);
        encodings.insert(encoding.name().to_owned(), Arc::new(encoding));
        Self { encodings: Arc::new(encodings), ..self }
    }

    /// The same, repairing what is plainly meant where the format is broken, instead of refusing it: codes of categories
    /// that count from 1, categories that are there more than once (which are merged), masks of integers, and keys of
    /// matrices and arrays with a `/` (which becomes a `_`). Default: no.
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
    /// Where the tree is malformed; the error names the path.
    pub fn build(&self, node: Node) -> Result<Element> {
        self.build_with(node, &BuildContext { registry: self, lazy: false })
    }

    /// The element of a tree, with everything that is no container lazy.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_lazy(&self, node: Node) -> Result<Element> {
        BuildContext { registry: self, lazy: true }.build(node)
    }

    /// What the element of a tree is, from metadata alone.
    ///
    /// # Errors
    /// If the metadata are malformed.
    pub fn schema(&self, node: &Node) -> Result<Schema> {
        match self.find(node)? {
            Found::Known(encoding) => encoding.schema(node, self),
            Found::Legacy => legacy::schema(node),
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
            Found::Known(encoding) => encoding.shape(node, self),
            Found::Legacy => legacy::schema(node).map(|schema| schema.shape()),
            Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    pub(super) fn build_with(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        let path = node.path().to_owned();
        match self.find(&node)? {
            Found::Known(encoding) => {
                warn_of_attributes(&node);
                encoding.build(node, context)
            }
            Found::Legacy => legacy::build(node, context),
            Found::Unknown => Ok(unknown(node)),
        }
        .map_err(|error| error.of_stored().at(&path))
    }

    pub(super) fn is_known(&self, node: &Node) -> Result<bool> {
        Ok(!matches!(self.find(node)?, Found::Unknown))
    }

    pub(super) fn is_container(&self, node: &Node) -> Result<bool> {
        Ok(match self.find(node)? {
            Found::Known(encoding) => encoding.is_container(),
            Found::Legacy => legacy::is_container(node),
            Found::Unknown => false,
        })
    }

    /// A current stored tree as it is to be copied, checked.
    pub(crate) fn copy(&self, node: &Node) -> Result<Node> {
        match self.find(node)? {
            Found::Known(encoding) => copy(encoding, node).map_err(|error| error.of_stored().at(node.path())),
            Found::Legacy | Found::Unknown => Ok(node.clone()),
        }
    }

    /// The stored tree of a part of an element, checked as a copy is.
    pub(crate) fn select(&self, node: &Node, axes: &[Axis]) -> Result<Option<Node>> {
        match self.find(node)? {
            Found::Known(encoding) => {
                encoding.select(node, axes).and_then(|part| part.map(|part| copy(encoding, &part)).transpose())
            }
            Found::Legacy | Found::Unknown => Ok(None),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    /// A part of the element of a stored tree, in memory: no more is read than its encoding needs.
    pub(crate) fn build_part(&self, node: &Node, axes: &[Axis]) -> Result<Element> {
        let context = BuildContext { registry: self, lazy: false };
        match self.find(node)? {
            Found::Known(encoding) => encoding.build_part(node, axes, &context),
            Found::Legacy => legacy::build_part(node, axes, &context),
            Found::Unknown => Err(Error::unsupported("an element of an unknown encoding has no known parts")),
        }
        .map_err(|error| error.of_stored().at(node.path()))
    }

    /// Whether a stored tree can be copied as it is: it is of the current version, and has the form that is written.
    pub(crate) fn is_current(&self, node: &Node, context: &EncodeContext<'_>) -> Result<bool> {
        let Found::Known(encoding) = self.find(node)? else { return Ok(false) };
        let version = node.text_attribute("encoding-version")?;
        // What was read by these encodings is looked at by these.
        let context = EncodeContext::new(self, context.options, context.capabilities);
        Ok(version.as_deref() == encoding.versions().last().copied() && encoding.is_current(node, &context))
    }

    pub(crate) fn find(&self, node: &Node) -> Result<Found<'_>> {
        if let Node::Array(array) = node
            && matches!(array.spec.dtype, DType::Unknown(_))
            && !array.spec.null
        {
            return Ok(Found::Unknown);
        }
        // Of values of a type of one format nothing is known; an array is one of anything.
        let opaque = matches!(node, Node::Array(array) if matches!(array.spec.dtype, DType::Opaque(_)));
        let Some(name) = node.text_attribute("encoding-type")?.filter(|name| !name.is_empty()) else {
            let is_whole = !opaque && (legacy::is_container(node) || node.unreadable().is_none());
            return Ok(if is_whole { Found::Legacy } else { Found::Unknown });
        };
        let version = node.text_attribute("encoding-version")?.unwrap_or_default();
        Ok(match self.get(&name) {
            Some(encoding) if !encoding.versions().contains(&version.as_str()) => Found::Unknown,
            Some(encoding) if opaque && encoding.name() != "array" => Found::Unknown,
            Some(encoding) if !encoding.is_container() && node.unreadable().is_some() => Found::Unknown,
            Some(encoding) => Found::Known(encoding),
            None => Found::Unknown,
        })
    }

    /// The object of a root group, which in files before 0.7 does not say what it is.
    pub(crate) fn build_anndata(&self, node: Node, lazy: bool) -> Result<AnnData> {
        adata::build(node.into_group()?, &BuildContext { registry: self, lazy }).map_err(Error::of_stored)
    }
}

/// A current stored tree as it is to be copied, saying its encoding as it is written.
fn copy(encoding: &dyn Encoding, node: &Node) -> Result<Node> {
    let version = encoding.versions().last().copied().unwrap_or_default();
    Ok(encoding.copy(node)?.encoded_as(encoding.name(), version))
}

/// The element of an encoding, version or dtype that is not known, or that cannot be opened, told of once.
pub(super) fn unknown(node: Node) -> Element {
    let opaque = stored::opaque(node);
    if let Some(reason) = opaque.unreadable() {
        tracing::warn!(path = opaque.path(), reason = reason.message(), "cannot be opened");
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

/// The attributes that encodings have.
const ATTRIBUTES: [&str; 9] =
    ["encoding-type", "encoding-version", "shape", "ordered", "na-value", "column-order", "_index", "form", "length"];

/// The attributes that an element has no place for.
pub(crate) fn unplaced_attributes(node: &Node) -> impl Iterator<Item = &str> {
    node.attributes().keys().map(String::as_str).filter(|name| !ATTRIBUTES.contains(name))
}

/// Tells of attributes that an element has no place for, and that are not written back.
fn warn_of_attributes(node: &Node) {
    for name in unplaced_attributes(node) {
        tracing::warn!(path = node.path(), attribute = name, "attribute of no encoding, not kept");
    }
}

/// Refuses a root element that is something else than an `AnnData`; files before 0.7 do not say.
pub(crate) fn check_is_anndata(node: &Node) -> Result<()> {
    match node.text_attribute("encoding-type")?.as_deref() {
        Some("anndata" | "raw") => Ok(()),
        None | Some("") => {
            let has = |key: &&str| node.descendant(key).is_some();
            if ["X", "obs", "var"].iter().any(has) {
                return Ok(());
            }
            Err(Error::invalid_data("not an AnnData object: it has no encoding and none of X, obs and var")
                .at(node.path()))
        }
        Some(other) => {
            Err(Error::invalid_data(format!("the element is encoded as '{other}', not 'anndata'")).at(node.path()))
        }
    }
}
