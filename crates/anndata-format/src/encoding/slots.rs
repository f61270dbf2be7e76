//! The members of stored objects and raws: what belongs there, and the checks of what is there.

mod validate;

use anndata_storage::{Attribute, Attributes, Error, Result};

use super::registry::EncodeContext;
use crate::node::{GroupNode, Node};
use crate::{DataFrame, Element};
pub(crate) use validate::validate_root;
pub(super) use validate::{check_object, check_raw};

/// The slots of an object, and of its raw.
const SLOTS: [&str; 10] = ["X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw"];
const RAW_SLOTS: [&str; 3] = ["X", "var", "varm"];

/// Takes members that are not slots out of an object and the objects within it. The tree of an object of before 0.8 does
/// not say that it is one.
pub(crate) fn drop_unknown(node: &mut Node, is_object: bool) {
    let encoding = node.text_attribute("encoding-type").ok().flatten().unwrap_or_default();
    let Node::Group(group) = node else { return };
    if is_object || encoding == "anndata" {
        retain(group, |key| SLOTS.contains(&key) || key.starts_with("raw."));
        if let Some(Node::Group(raw)) = group.children.get_mut("raw") {
            retain(raw, |key| RAW_SLOTS.contains(&key));
        }
    }
    if encoding == "raw" {
        retain(group, |key| RAW_SLOTS.contains(&key));
    }
    group.children.values_mut().for_each(|child| drop_unknown(child, false));
}

fn retain(group: &mut GroupNode, is_slot: impl Fn(&str) -> bool) {
    group.children.retain(|key, child| {
        let keep = is_slot(key);
        if !keep {
            tracing::warn!(path = child.path(), "left out: no slot");
        }
        keep
    });
}

/// Whether the attributes of a group are those of an object in the layout that is written.
pub(crate) fn is_current(attributes: &Attributes) -> bool {
    attributes.get("encoding-type").and_then(Attribute::as_str).as_deref() == Some("anndata")
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

/// `X` and layers have two dimensions on disk.
pub(crate) fn check_matrix(element: &Element, path: &str) -> Result<()> {
    match element.shape()? {
        Some(shape) if shape.len() != 2 => Err(Error::invalid_input(format!(
            "the format stores only matrices of two dimensions here, not of shape {shape:?}"
        ))
        .at(path)),
        _ => Ok(()),
    }
}

/// `obs` or `var` as the options ask to write it.
pub(crate) fn frame_to_write(frame: &DataFrame, context: &EncodeContext<'_>) -> Result<DataFrame> {
    if context.options().strings_to_categoricals { frame.strings_to_categoricals() } else { Ok(frame.clone()) }
}
