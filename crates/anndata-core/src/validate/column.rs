//! Checks of categorical and nullable columns.

use anndata_storage::DType;

use super::{Checker, distinct, rules};
use crate::node::{ArrayNode, GroupNode, Node, first_not_in};

/// A categorical column of 0.2.0.
pub(crate) fn check_categorical(node: &Node, checker: &mut Checker<'_>) {
    let Some(group) = checker.group(node) else { return };
    checker.attribute(node, "ordered", Node::bool_attribute);
    let codes = checker.array_child(group, "codes");
    let categories = check_categories(group, checker);
    let Some(codes) = codes else { return };
    let (path, spec) = (codes.path.as_str(), &codes.spec);
    if spec.null || spec.ndim() != 1 || !spec.dtype.is_integer() {
        let message = format!("codes are {} of shape {:?}", spec.dtype, spec.shape);
        return checker.add(&rules::CODES, path, message);
    }
    let range = -1..i128::from(categories.unwrap_or(u64::MAX));
    let mut bad = None;
    checker.stream(codes, &mut |start, values| {
        if bad.is_none() {
            bad = first_not_in(values, &range)?.map(|at| start + at as u64);
        }
        Ok(())
    });
    if let Some(at) = bad {
        let message = format!("the code at {at} is not within -1..{}", range.end);
        checker.add(&rules::CODE_OUT_OF_RANGE, path, message);
    }
}

/// The categories themselves. Gives their number, where it is known.
fn check_categories(group: &GroupNode, checker: &mut Checker<'_>) -> Option<u64> {
    let categories = checker.child(group, "categories")?;
    let path = categories.path();
    checker.element(categories);
    let shape = checker.shape(categories);
    // A single category was written as a scalar once.
    let len = match shape.as_deref()? {
        [] => 1,
        [len] => *len as u64,
        other => {
            checker.add(&rules::CATEGORIES, path, format!("categories have shape {other:?}"));
            return None;
        }
    };
    if let Some(names) = distinct::look(categories, checker) {
        if let Some(repeated) = names.repeated {
            checker.add(&rules::CATEGORIES_REPEATED, path, repeated.to_string());
        }
        if names.missing > 0 {
            checker.add(&rules::CATEGORIES_MISSING, path, format!("{} of the {len} categories", names.missing));
        }
    }
    Some(len)
}

/// A nullable column of a dtype for which `holds` is true.
pub(crate) fn check_nullable(node: &Node, holds: impl Fn(&DType) -> bool, checker: &mut Checker<'_>) {
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
    for key in ["values", "mask"] {
        if let Some(array @ Node::Array(_)) = group.children.get(key) {
            checker.element(array);
        }
    }
}
