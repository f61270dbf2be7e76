//! Checks of nullable columns.

use anndata_storage::DType;

use crate::encoding::registry::Registry;
use crate::findings::{Checker, rules};
use crate::node::{ArrayNode, Node};

/// A nullable column of a dtype for which `holds` is true, whose values have this encoding.
pub(super) fn check_nullable(
    node: &Node,
    holds: impl Fn(&DType) -> bool,
    values_encoding: &str,
    registry: &Registry,
    checker: &mut Checker<'_>,
) {
    let Some(group) = checker.group(node) else { return };
    match node.text_attribute("na-value") {
        Ok(None) => {}
        Ok(Some(value)) if matches!(value.as_str(), "NA" | "NaN") => {}
        Ok(Some(value)) => checker.add(&rules::NA_VALUE, node.path(), format!("attribute 'na-value' is '{value}'")),
        Err(error) => checker.add(&rules::ATTRIBUTE_TYPE, node.path(), error.message()),
    }
    let (values, mask) = (checker.array_child(group, "values"), checker.array_child(group, "mask"));
    if let Some(values) = values {
        let spec = &values.spec;
        if spec.null || spec.ndim() != 1 || !holds(&spec.dtype) {
            let message = format!("values are {} of shape {:?}", spec.dtype, spec.shape);
            checker.add(&rules::NULLABLE_VALUES, &values.path, message);
        }
    }
    if let Some(mask) = mask
        && (mask.spec.null
            || mask.spec.dtype != DType::Bool
            || values.is_some_and(|values| values.spec.shape != mask.spec.shape))
    {
        let of = |array: &ArrayNode| format!("{} of shape {:?}", array.spec.dtype, array.spec.shape);
        let values = values.map_or_else(String::new, |values| format!(", the values are {}", of(values)));
        checker.add(&rules::NULLABLE_MASK, &mask.path, format!("the mask is {}{values}", of(mask)));
    }
    for (key, encoding) in [("values", values_encoding), ("mask", "array")] {
        if let Some(array @ Node::Array(_)) = group.children.get(key) {
            registry.check_part(array, &[encoding], checker);
        }
    }
}
