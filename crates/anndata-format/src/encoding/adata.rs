//! `anndata` 0.1.0: the object itself.
//!
//! ```text
//! /                       group
//!   encoding-type         "anndata"
//!   encoding-version      "0.1.0"
//!   X                     a matrix; may be missing
//!   layers                a mapping of matrices
//!   obs, var              data frames
//!   obsm, varm            mappings of arrays
//!   obsp, varp            mappings of square matrices
//!   uns                   a mapping
//!   raw                   a raw; may be missing
//! ```
//!
//! What else stands in the group is kept and written back. Files of all versions since 0.5 are read: see
//! [`legacy`]. Specification: [AnnData specification](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#anndata-specification).
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{AnnData, Element, Group, MemoryStore, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let adata = AnnData::builder().shape(2, 3).uns("method", "umap").build()?;
//! io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.attributes()?["encoding-type"].as_str().as_deref(), Some("anndata"));
//! assert_eq!(io::read_elem(&root, "", &io::ElemReadOptions::default())?, Element::from(adata));
//! # Ok::<(), anndata_format::Error>(())
//! ```

use anndata_storage::{Error, Result, child_path};

use super::options::EncodeOptions;
use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::slots::{check_matrix, check_object, frame_to_write};
use super::values::wrong_element;
use super::{dataframe, dict, legacy, raw, sparse};
use crate::findings::Checker;
use crate::node::{GroupNode, Node};
use crate::{AnnData, DataFrame, Element, Mapping, Raw, Schema, stored};

/// See the [module](self).
#[derive(Debug)]
pub struct AnnDataEncoding;

impl Encoding for AnnDataEncoding {
    fn name(&self) -> &'static str {
        "anndata"
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::AnnData(_))
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        Ok(Element::AnnData(Box::new(build(node.into_group()?, context)?)))
    }

    fn encode(&self, element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
        let Element::AnnData(adata) = element else { return Err(wrong_element("anndata", element)) };
        // Python makes categories of the columns of the outermost object alone.
        let options = EncodeOptions { strings_to_categoricals: false, ..context.options().clone() };
        let context = &context.with_options(&options);
        let mut node = encode(adata, path, context)?;
        if let (None, Node::Group(group)) = (adata.raw(), &mut node) {
            // Python says of an object within another that it has no raw.
            let raw = context.encode(&Element::Null, &child_path(path, "raw"))?;
            group.children.entry("raw".to_owned()).or_insert(raw);
        }
        Ok(node)
    }

    fn validate(&self, node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
        check_object(node, registry, checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        let group = node.as_group()?;
        let rows = |key: &str| match group.child(key)? {
            // Records, in the layout of before 0.7.
            Node::Array(array) => match array.shape()?.as_slice() {
                [] => Err(Error::invalid_data("expected records, found a single value").at(&array.path)),
                [rows, ..] => Ok(*rows),
            },
            frame @ Node::Group(_) => dataframe::n_rows(frame).map_err(|error| error.at(frame.path())),
        };
        Ok(Schema::AnnData { n_obs: rows("obs")?, n_vars: rows("var")? })
    }

    fn shape(&self, node: &Node, registry: &Registry) -> Result<Option<Vec<usize>>> {
        // An object without names of observations or variables has the shape of its matrices, once they are read.
        let has = |key: &str| node.descendant(key).is_some();
        if has("obs") && has("var") { Ok(self.schema(node, registry)?.shape()) } else { Ok(None) }
    }

    fn elements(&self, node: &Node) -> Result<Vec<(String, Node)>> {
        let slots = ["X", "obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns", "raw"];
        super::values::children(node, &slots)
    }

    fn is_container(&self, _node: &Node) -> bool {
        true
    }
}

/// The object of a group. Encoding attributes may be missing, as in old files.
pub(crate) fn build(mut group: GroupNode, context: &BuildContext<'_>) -> Result<AnnData> {
    let old = matches!(group.children.get("obs"), Some(Node::Array(_)));
    let old_raw = raw::of_root(&mut group, context)?;
    let mut take = |key: &str| group.children.shift_remove(key);

    let mut obs = take("obs").map(|node| legacy::frame(node, context)).transpose()?;
    let mut var = take("var").map(|node| legacy::frame(node, context)).transpose()?;
    let mut uns = legacy::mapping(take("uns"), context)?;
    let mut obsp = legacy::arrays(take("obsp"), context)?;
    if let (true, Some(obs), Some(var)) = (old, obs.as_mut(), var.as_mut()) {
        legacy::categories_from_uns(&mut uns, [obs, var])?;
    }
    legacy::move_neighbors(&mut uns, &mut obsp, obs.as_ref().map(DataFrame::len).transpose()?)?;

    let mut builder = AnnData::builder()
        .stored()
        .all_obsm(legacy::arrays(take("obsm"), context)?)
        .all_varm(legacy::arrays(take("varm"), context)?)
        .all_obsp(obsp)
        .all_varp(legacy::arrays(take("varp"), context)?)
        .all_uns(uns);
    // Python lists X after the layers.
    for (key, layer) in legacy::arrays(take("layers"), context)? {
        builder = builder.layer(key, layer);
    }
    match take("X").map(|node| context.build(node)).transpose()? {
        None | Some(Element::Null) => {}
        Some(x) => builder = builder.x(x),
    }
    let new_raw = take("raw").map(|node| build_raw(node, context)).transpose()?.flatten();
    builder = builder.raw(old_raw.or(new_raw));
    if let Some(obs) = obs {
        builder = builder.obs(obs);
    }
    if let Some(var) = var {
        builder = builder.var(var);
    }
    let other = std::mem::take(&mut group.children).into_iter().map(|(key, node)| (key, stored::opaque(node).into()));
    builder.all_other(other.collect()).build().map_err(|error| error.at(&group.path))
}

/// The raw of a group, with or without encoding attributes; `null` is none.
fn build_raw(node: Node, context: &BuildContext<'_>) -> Result<Option<Raw>> {
    if let (None, Node::Group(group)) = (context.decided(&node), &node) {
        let (group, path) = (group.clone(), group.path.clone());
        return raw::build(group, context).map(Some).map_err(|error| error.at(&path));
    }
    match context.build(node)? {
        Element::Null => Ok(None),
        Element::Raw(raw) => Ok(Some(*raw)),
        Element::Lazy(lazy) if matches!(lazy.load()?, Element::Null) => Ok(None),
        other => Err(Error::invalid_data(format!("raw is {}, not an object", other.kind_name()))),
    }
}

/// The tree of an object.
pub(crate) fn encode(adata: &AnnData, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
    adata.check_frame_labels()?;
    let at = |key: &str| child_path(path, key);
    let mut group = GroupNode::encoded(path, "anndata", "0.1.0");
    // Encoded in the order of Python, in which a visitor is asked about them.
    let frame = |key: &str, frame: &DataFrame| {
        let frame = frame_to_write(frame, context).map_err(|error| error.at(&at(key)))?;
        context.encode(&Element::Frame(frame), &at(key))
    };
    let slot = |key: &str, mapping: &Mapping| dict::encode_slot(mapping, &at(key), context);
    let frames = [("obs", frame("obs", adata.obs())?), ("var", frame("var", adata.var())?)];
    let uns = slot("uns", adata.uns())?;
    let mut aligned = Vec::new();
    for (key, of) in [("obsm", adata.obsm()), ("varm", adata.varm()), ("obsp", adata.obsp()), ("varp", adata.varp())] {
        aligned.push((key, slot(key, of)?));
    }
    let x = adata.x().map(|x| {
        check_matrix(x, &at("X"))?;
        sparse::encode(x, &at("X"), context)
    });
    let x = x.transpose()?;
    let mut layers = Mapping::new();
    for (key, layer) in adata.layers() {
        if let Some(key) = key {
            check_matrix(layer, &at(&format!("layers/{key}")))?;
            layers.insert(key.clone(), layer.clone());
        }
    }
    let layers = slot("layers", &layers)?;
    let raw = adata.raw().map(|raw| match context.visit_made(|| Element::Raw(Box::new(raw.clone())), &at("raw"))? {
        Some(instead) => context.encode_visited(&instead, &at("raw")),
        None => raw::encode(raw, &at("raw"), context),
    });
    let (x, raw) = (x.map(|x| ("X", x)), raw.transpose()?.map(|raw| ("raw", raw)));
    let slots = x.into_iter().chain(frames).chain(aligned).chain([("layers", layers), ("uns", uns)]).chain(raw);
    group.children.extend(slots.map(|(key, node)| (key.to_owned(), node)));
    for (key, element) in adata.other() {
        group.insert(key, context.encode(element, &at(key))?)?;
    }
    Ok(Node::Group(group))
}
