//! Checks of data frames, and of the names of observations and variables.

use std::collections::HashSet;

use anndata_storage::{Attribute, DType, child_path};

use super::{distinct, layout};
use crate::encoding::registry::{Found, Registry};
use crate::findings::{Checker, rules};
use crate::node::Node;

/// The encodings that a column may have.
const COLUMNS: [&str; 7] = [
    "array",
    "string-array",
    "categorical",
    "nullable-integer",
    "nullable-boolean",
    "nullable-string-array",
    // Kept by readers, though no column of Python's.
    "awkward-array",
];

/// A data frame of any version.
pub(super) fn check_frame(node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    let Some(group) = checker.group(node) else { return };
    let path = node.path();
    let index_key = checker.attribute(node, "_index", Node::text_attribute);
    let order = checker.attribute(node, "column-order", Node::texts_attribute);

    if let Some(Attribute::Tensor(order)) = node.attributes().get("column-order")
        && order.ndim() != 1
        && !order.is_empty()
    {
        let message = format!("attribute 'column-order' has shape {:?}, not one dimension", order.shape());
        checker.add(&rules::ATTRIBUTE_TYPE, path, message);
    }

    let rows = index_key.as_deref().and_then(|key| column(node, key, registry, checker));
    if let Some(index) = index_of(node) {
        check_half(&index, checker);
    }
    let mut seen = HashSet::new();
    for key in order.iter().flatten() {
        if !seen.insert(key.as_str()) {
            checker.add(&rules::COLUMN_REPEATED, path, format!("'{key}' is named twice"));
            continue;
        }
        if key == layout::NO_NAME {
            checker.add(&rules::COLUMN_RESERVED, path, format!("a column is called '{key}'"));
        }
        // An index that is a column as well was checked.
        let len = if Some(key) == index_key.as_ref() { None } else { column(node, key, registry, checker) };
        if let (Some(len), Some(rows)) = (len, rows)
            && len != rows
        {
            let message = format!("the column has {len} values, the index {rows}");
            checker.add(&rules::COLUMN_LENGTH, &child_path(path, key), message);
        }
    }
    let listed = order.iter().flatten().map(String::as_str);
    for (key, child) in layout::unlisted(group, listed, index_key.as_deref().unwrap_or_default()) {
        if order.is_some() && index_key.is_some() {
            checker.add(&rules::COLUMN_UNLISTED, child.path(), format!("'column-order' does not name '{key}'"));
        }
        checker.element(child);
    }
}

/// Checks a column or the index, and gives its length, if it has one.
fn column(frame: &Node, key: &str, registry: &Registry, checker: &mut Checker<'_>) -> Option<usize> {
    let path = child_path(frame.path(), key);
    if checker.is_unreadable(&path) {
        return None;
    }
    if key.contains('/') {
        checker.add(&rules::KEY_SLASH, frame.path(), format!("'{key}' has a '/'"));
    }
    let named = layout::named(frame, key);
    let node = checker.add_failed(&rules::COLUMN_ABSENT, frame.path(), named)?;
    let upgraded = layout::upgrade(frame, node);
    let node = checker.add_failed(&rules::CODES, &path, upgraded)?;
    checker.element(&node);
    let is_column = match registry.find(&node) {
        Ok(Found::Known(encoding)) => COLUMNS.contains(&encoding.name()),
        Ok(Found::Legacy(_)) => matches!(node, Node::Array(_)),
        Ok(Found::Unknown) | Err(_) => return None,
    };
    let is_column = is_column && !is_records(&node);
    let message = match registry.shape(&node) {
        Ok(Some(shape)) => match shape.as_slice() {
            [len] if is_column => return Some(*len),
            [] => "a single value, not a column".to_owned(),
            [_] => "of a kind that cannot be a column".to_owned(),
            shape => format!("of shape {shape:?}, not a column"),
        },
        Ok(None) => "nothing that has rows, not a column".to_owned(),
        Err(_) => return None, // Malformed, which was found.
    };
    checker.add(&rules::COLUMN_KIND, &path, message);
    None
}

/// The index of a frame of any version, where it has one: of records, the records themselves.
pub(super) fn index_of(frame: &Node) -> Option<Node> {
    if matches!(frame, Node::Array(_)) {
        return Some(frame.clone());
    }
    let key = frame.text_attribute("_index").ok().flatten()?;
    layout::named(frame, &key).and_then(|index| layout::upgrade(frame, index)).ok()
}

/// Whether the values are records, which are not a column, whatever the encoding says.
pub(in crate::encoding) fn is_records(node: &Node) -> bool {
    matches!(node, Node::Array(array) if matches!(array.spec.dtype, DType::Compound(_)))
}

/// Looks for values of which pandas makes no index.
pub(in crate::encoding) fn check_half(index: &Node, checker: &mut Checker<'_>) {
    if matches!(index, Node::Array(array) if array.spec.dtype == DType::F16) {
        checker.add(&rules::INDEX_HALF, index.path(), "values are of type float16");
    }
}

/// The names of observations or variables, in the frame of them, of any version.
pub(in crate::encoding) fn check_names(frame: &Node, checker: &mut Checker<'_>) {
    let Some(index) = &index_of(frame) else { return };
    let Some(names) = distinct::look(index, checker) else { return };
    let path = index.path();
    if names.len == 0 {
        return;
    }
    if !is_text(index) {
        checker.add(&rules::NAMES_NOT_TEXT, path, "the names are not text");
    }
    if let Some(repeated) = names.repeated {
        checker.add(&rules::NAMES_REPEATED, path, repeated.to_string());
    }
    if let Some(position) = names.empty {
        checker.add(&rules::NAMES_EMPTY, path, format!("the name at {position} is empty"));
    }
    if names.missing > 0 {
        checker.add(&rules::NAMES_MISSING, path, format!("{} of {} names are missing", names.missing, names.len));
    }
}

/// Whether names are text, in any of its forms.
pub(super) fn is_text(index: &Node) -> bool {
    let text = |node: &Node| match node {
        Node::Array(array) => match &array.spec.dtype {
            DType::Compound(fields) => fields.first().is_some_and(|field| field.dtype.is_text()),
            dtype => dtype.is_text(),
        },
        Node::Group(_) => false,
    };
    let child = |key| index.descendant(key).is_some_and(text);
    text(index) || child("values") || child("categories") || child("categories/values")
}
