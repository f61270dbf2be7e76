//! Checks of `AnnData` and `raw` objects: what their slots hold, and that all fits the observations and variables.

use anndata_storage::DType;

use super::check_is_anndata;
use crate::Schema;
use crate::encoding::dataframe::{check_labels, check_names};
use crate::encoding::registry::{Found, Registry};
use crate::findings::{Checker, rules};
use crate::node::{ArrayNode, GroupNode, Node, Source};

/// Lengths that the first axes of an element have to have; `None` if any will do or it is not known.
type Axes = [Option<usize>; 2];

/// The axis that the rows of an element are aligned with: its length, where it is known, and its frame.
type RowAxis<'n> = (Option<usize>, Option<&'n Node>);

/// What a slot may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// A dense or sparse matrix of two dimensions.
    Matrix,
    /// A matrix with further dimensions allowed: `obsp`, `varp`.
    Pairs,
    /// A matrix, an array of any dimensions, a data frame, an awkward array: `obsm`, `varm`.
    Rows,
}

impl Slot {
    fn takes(self, encoding: &str) -> bool {
        match encoding {
            "array" | "csr_matrix" | "csc_matrix" => true,
            "dataframe" | "awkward-array" => self == Self::Rows,
            _ => false,
        }
    }

    /// How many axes are aligned.
    fn aligned(self) -> usize {
        if self == Self::Rows { 1 } else { 2 }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Matrix => "a dense or sparse matrix",
            Self::Pairs => "a dense or sparse square matrix",
            Self::Rows => "an array, a sparse matrix or a data frame",
        }
    }
}

/// The root of a store, which has to be an object.
pub(crate) fn validate_root(node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    if checker.is_unreadable(node.path()) {
        return checker.beneath(node);
    }
    if let Ok(Some("MuData")) = node.text_attribute("encoding-type").as_ref().map(Option::as_deref) {
        return check_mudata(node, registry, checker);
    }
    if let Err(error) = check_is_anndata(node) {
        checker.add(&rules::NOT_ANNDATA, node.path(), error.message());
        return checker.beneath(node);
    }
    if let Ok(None) = node.text_attribute("encoding-type") {
        checker.set_legacy(true);
        registry.identify(node, checker);
        checker.set_legacy(false);
        checker.add(&rules::LEGACY_LAYOUT, node.path(), "the object is in the layout of anndata before 0.8");
        checker.set_legacy(true);
        return check_object(node, registry, checker);
    }
    checker.element(node);
}

/// Several objects, one for each modality, and what is known of all their observations and variables: the
/// [MuData specification](https://mudata.readthedocs.io/stable/io/spec.html).
fn check_mudata(node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    let Some(group) = checker.group(node) else { return };
    let n_obs = check_axis(group, "obs", registry, checker);
    let n_vars = check_axis(group, "var", registry, checker);
    if let Some(modalities) = checker.child(group, "mod").and_then(|node| checker.group(node)) {
        modalities.children.values().for_each(|object| validate_root(object, registry, checker));
    }
    for (key, child) in &group.children {
        match key.as_str() {
            "obs" | "var" | "mod" => {}
            "obsm" | "obsmap" => check_rows(child, (n_obs, group.children.get("obs")), registry, checker),
            "varm" | "varmap" => check_rows(child, (n_vars, group.children.get("var")), registry, checker),
            "obsp" => check_mapping(child, Slot::Pairs, [n_obs, n_obs], registry, checker),
            "varp" => check_mapping(child, Slot::Pairs, [n_vars, n_vars], registry, checker),
            "uns" => {
                checker.element(child);
                members(child, registry, checker);
            }
            key => {
                checker.add(&rules::MEMBER_UNKNOWN, child.path(), format!("'{key}' is not a slot of a MuData object"));
                checker.element(child);
            }
        }
    }
}

/// An `AnnData`, of any version.
pub(in crate::encoding) fn check_object(node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    let Some(group) = checker.group(node) else { return };
    let n_obs = check_axis(group, "obs", registry, checker);
    let n_vars = check_axis(group, "var", registry, checker);
    let mut old_raw = GroupNode { path: group.path.clone(), ..GroupNode::default() };
    for (key, child) in &group.children {
        match key.as_str() {
            "obs" | "var" => {}
            "X" => {
                checker.element(child);
                check_slot(child, Slot::Matrix, [n_obs, n_vars], registry, checker);
            }
            "layers" => check_mapping(child, Slot::Matrix, [n_obs, n_vars], registry, checker),
            "obsm" => check_rows(child, (n_obs, group.children.get("obs")), registry, checker),
            "varm" => check_rows(child, (n_vars, group.children.get("var")), registry, checker),
            "obsp" => check_mapping(child, Slot::Pairs, [n_obs, n_obs], registry, checker),
            "varp" => check_mapping(child, Slot::Pairs, [n_vars, n_vars], registry, checker),
            "uns" => {
                checker.element(child);
                members(child, registry, checker);
            }
            "raw" => check_new_raw(child, n_obs, registry, checker),
            key => {
                if let Some(part) = key.strip_prefix("raw.") {
                    old_raw.children.insert(part.to_owned(), child.clone());
                    continue;
                }
                checker.add(&rules::MEMBER_UNKNOWN, child.path(), format!("'{key}' is not a slot of an object"));
                checker.element(child);
            }
        }
    }
    if old_raw.children.is_empty() {
        return;
    }
    if let Some(Node::Group(_)) = group.children.get("raw") {
        checker.add(&rules::RAW_TWICE, &group.path, "both 'raw' and 'raw.*' are there");
    }
    checker.add_legacy(&group.path, "'raw' is stored as 'raw.*', as before anndata 0.7");
    check_raw_members(&old_raw, registry, checker);
    if let Some(x) = old_raw.children.get("X") {
        check_shape(x, Slot::Matrix, [n_obs, None], checker);
    }
}

/// A raw of itself.
pub(in crate::encoding) fn check_raw(node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    if let Some(group) = checker.group(node) {
        check_raw_members(group, registry, checker);
    }
}

/// The raw of an object, with or without encoding attributes.
fn check_new_raw(node: &Node, n_obs: Option<usize>, registry: &Registry, checker: &mut Checker<'_>) {
    match (node, registry.find(node)) {
        (Node::Group(group), Ok(Found::Legacy(_))) => {
            registry.check_part_attributes(node, &["raw"], checker);
            check_raw_members(group, registry, checker);
        }
        (_, Ok(Found::Known(encoding))) if !matches!(encoding.name(), "raw" | "null") => {
            checker.element(node);
            checker.add(&rules::SLOT_KIND, node.path(), format!("'{}' stands where a raw should be", encoding.name()));
        }
        // Of nothing (null) Python takes the `raw` of a file for none, and fails at that of an object within another.
        (Node::Array(array), Ok(Found::Legacy(_))) if !array.spec.null || node.path() != "raw" => {
            checker.element(node);
            checker.add(&rules::SLOT_KIND, node.path(), "an array stands where a raw should be");
        }
        _ => checker.element(node),
    }
    if let Some(x) = node.descendant("X") {
        check_shape(x, Slot::Matrix, [n_obs, None], checker);
    }
}

fn check_raw_members(group: &GroupNode, registry: &Registry, checker: &mut Checker<'_>) {
    let n_vars = check_axis(group, "var", registry, checker);
    for (key, child) in &group.children {
        match key.as_str() {
            "var" => {}
            "X" => {
                checker.element(child);
                // The rows of a raw are counted by its matrix.
                check_member(child, Slot::Matrix, [None, n_vars], registry, checker);
            }
            "varm" => check_rows(child, (n_vars, group.children.get("var")), registry, checker),
            // Before 0.7, the categories of `raw.var`.
            "cat" => checker.beneath(child),
            key => {
                checker.add(&rules::MEMBER_IGNORED, child.path(), format!("'{key}' is not a slot of a raw"));
                checker.element(child);
            }
        }
    }
}

/// `obs` or `var`: checks the frame and its names, and gives its length.
fn check_axis(group: &GroupNode, key: &str, registry: &Registry, checker: &mut Checker<'_>) -> Option<usize> {
    let frame = checker.child(group, key)?;
    checker.element(frame);
    let is_frame = match registry.find(frame) {
        Ok(Found::Known(encoding)) => encoding.name() == "dataframe",
        // An array of records, as before 0.7.
        Ok(Found::Legacy(_)) => matches!(frame, Node::Array(array) if is_records(array) && array.spec.ndim() == 1),
        Ok(Found::Unknown) | Err(_) => false,
    };
    if !is_frame {
        checker.add(&rules::SLOT_KIND, frame.path(), "not a data frame");
        return None;
    }
    check_names(frame, checker);
    checker.shape(frame)?.first().copied()
}

/// Whether an array holds records, as frames and mappings of arrays were before 0.7.
fn is_records(array: &ArrayNode) -> bool {
    matches!(array.spec.dtype, DType::Compound(_)) && !array.spec.null
}

/// Whether values of a dtype are no matrix of anything: text, or records.
fn is_unusual(dtype: &DType) -> bool {
    dtype.is_text() || matches!(dtype, DType::Compound(_))
}

/// The members of a mapping, which the node of a slot has to be. Arrays of records are mappings of before 0.7.
fn members<'n>(node: &'n Node, registry: &Registry, checker: &mut Checker<'_>) -> Option<&'n GroupNode> {
    match (registry.find(node), node) {
        (Ok(Found::Known(encoding)), Node::Group(group)) if encoding.name() == "dict" => Some(group),
        (Ok(Found::Known(encoding)), _) if encoding.name() == "null" => None,
        (Ok(Found::Legacy(_)), Node::Group(group)) => Some(group),
        (Ok(Found::Legacy(_)), Node::Array(array)) if matches!(array.source, Source::Empty) => None,
        (Err(_), _) => None,
        _ => {
            checker.add(&rules::SLOT_KIND, node.path(), "not a mapping");
            None
        }
    }
}

fn check_mapping(node: &Node, slot: Slot, axes: Axes, registry: &Registry, checker: &mut Checker<'_>) {
    checker.element(node);
    for child in members(node, registry, checker).iter().flat_map(|group| group.children.values()) {
        check_member(child, slot, axes, registry, checker);
    }
}

/// `obsm` or `varm`, whose data frames have the names of the axis for an index.
fn check_rows(node: &Node, (len, names): RowAxis<'_>, registry: &Registry, checker: &mut Checker<'_>) {
    checker.element(node);
    if let (Node::Array(array), Ok(Found::Legacy(_))) = (node, registry.find(node))
        && matches!(array.spec.dtype, DType::Compound(_))
    {
        if !is_records(array) {
            return checker.add(&rules::SLOT_KIND, node.path(), "records without a value, not a mapping");
        }
        if let DType::Compound(fields) = &array.spec.dtype
            && let Some(field) = fields.iter().find(|field| is_unusual(&field.dtype))
        {
            let message = format!("field '{}' is of type {}, not {}", field.name, field.dtype, Slot::Rows.words());
            checker.add(&rules::SLOT_UNUSUAL, node.path(), message);
        }
        return check_shape(node, Slot::Rows, [len, None], checker);
    }
    for child in members(node, registry, checker).iter().flat_map(|group| group.children.values()) {
        check_member(child, Slot::Rows, [len, None], registry, checker);
        if let (Ok(Found::Known(encoding)), Some(names)) = (registry.find(child), names)
            && encoding.name() == "dataframe"
        {
            check_labels(child, names, registry, checker);
        }
    }
}

/// What a mapping holds, which is never nothing.
fn check_member(node: &Node, slot: Slot, axes: Axes, registry: &Registry, checker: &mut Checker<'_>) {
    let is_null = match registry.find(node) {
        Ok(Found::Known(encoding)) => encoding.name() == "null",
        Ok(Found::Legacy(_)) => matches!(node, Node::Array(array) if array.spec.null),
        Ok(Found::Unknown) | Err(_) => false,
    };
    if is_null {
        return checker.add(&rules::SLOT_KIND, node.path(), format!("nothing (null), not {}", slot.words()));
    }
    check_slot(node, slot, axes, registry, checker);
}

/// Kind and shape of what a slot holds, from metadata; the element itself was checked.
fn check_slot(node: &Node, slot: Slot, axes: Axes, registry: &Registry, checker: &mut Checker<'_>) {
    let path = node.path();
    let listed = match registry.find(node) {
        Ok(Found::Known(encoding)) if encoding.name() == "null" => return,
        // What an added encoding is for is its own affair.
        Ok(Found::Known(_)) if matches!(registry.schema(node), Ok(Schema::Extension { .. })) => true,
        Ok(Found::Known(encoding)) => slot.takes(encoding.name()),
        Ok(Found::Legacy(_)) if matches!(node, Node::Array(array) if array.spec.null) => return,
        Ok(Found::Legacy(_)) => !matches!(node, Node::Array(array) if is_unusual(&array.spec.dtype)),
        Ok(Found::Unknown) | Err(_) => return,
    };
    match registry.shape(node) {
        Err(_) => return, // Malformed, which was found.
        Ok(Some(shape)) if !shape.is_empty() => {
            if !listed {
                checker.add(&rules::SLOT_UNUSUAL, path, format!("not {}", slot.words()));
            }
        }
        Ok(_) => return checker.add(&rules::SLOT_KIND, path, format!("not {}", slot.words())),
    }
    if slot == Slot::Matrix
        && let Node::Array(array) = node
        && !array.spec.dtype.is_numeric()
        && !array.spec.dtype.is_time()
        && !matches!(array.spec.dtype, DType::Opaque(_))
    {
        checker.add(&rules::MATRIX_DTYPE, path, format!("values are of type {}", array.spec.dtype));
    }
    check_shape(node, slot, axes, checker);
}

fn check_shape(node: &Node, slot: Slot, axes: Axes, checker: &mut Checker<'_>) {
    // What has no shape is malformed, which was found.
    let Some(shape) = checker.shape(node) else { return };
    let aligned = slot.aligned();
    let dimensions = if slot == Slot::Matrix { shape.len() == aligned } else { shape.len() >= aligned };
    let fits = axes.iter().zip(&shape).take(aligned).all(|(axis, len)| axis.is_none_or(|axis| axis == *len));
    if dimensions && fits {
        return;
    }
    let wanted: Vec<String> =
        axes.iter().take(aligned).map(|axis| axis.map_or_else(|| "any".to_owned(), |len| len.to_string())).collect();
    let more = if slot == Slot::Matrix { "" } else { ", …" };
    let message = format!("the shape is {shape:?}, not [{}{more}]", wanted.join(", "));
    checker.add(&rules::SLOT_SHAPE, node.path(), message);
}
