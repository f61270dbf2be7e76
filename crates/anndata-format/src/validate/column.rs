//! Checks of categorical and nullable columns.

use anndata_storage::DType;

use super::{Checker, distinct, rules};
use crate::node::{ArrayNode, GroupNode, Node, first_not_in};

/// The encodings that categories may have.
const CATEGORIES: [&str; 5] =
    ["array", "string-array", "nullable-integer", "nullable-boolean", "nullable-string-array"];

/// A categorical column of 0.2.0.
pub(crate) fn check_categorical(node: &Node, checker: &mut Checker<'_>) {
    let Some(group) = checker.group(node) else { return };
    checker.attribute(node, "ordered", Node::bool_attribute);
    let codes = checker.array_child(group, "codes");
    let categories = check_categories(group, checker);
    let Some(codes) = codes else { return };
    checker.part_attributes(&Node::Array(codes.clone()), &["array"]);
    let (path, spec) = (codes.path.as_str(), &codes.spec);
    if spec.null || spec.ndim() != 1 || !spec.dtype.is_integer() {
        let message = format!("codes are {} of shape {:?}", spec.dtype, spec.shape);
        return checker.add(&rules::CODES, path, message);
    }
    // Where it is not known how many categories there are, which was told of, codes have no upper bound.
    let range = -1..categories.map_or(i128::MAX, i128::from);
    let mut bad = None;
    checker.stream(codes, &mut |start, values| {
        if bad.is_none() {
            bad = first_not_in(values, &range)?.map(|at| start + at as u64);
        }
        Ok(())
    });
    if let Some(at) = bad {
        let message = match categories {
            Some(categories) => format!("the code at {at} is not within -1..{categories}"),
            None => format!("the code at {at} is below -1"),
        };
        checker.add(&rules::CODE_OUT_OF_RANGE, path, message);
    }
}

/// The categories themselves. Gives their number, where it is known.
fn check_categories(group: &GroupNode, checker: &mut Checker<'_>) -> Option<u64> {
    let categories = checker.child(group, "categories")?;
    let path = categories.path();
    checker.part(categories, &CATEGORIES);
    check_half(categories, checker);
    let message = match checker.registry().shape(categories) {
        Ok(Some(shape)) => match shape.as_slice() {
            [len] => return Some(check_distinct(categories, *len as u64, checker)),
            // A single category was written as a scalar once.
            [] if checker.is_legacy() => return Some(check_distinct(categories, 1, checker)),
            [] => "categories are a single value, not an array".to_owned(),
            other => format!("categories have shape {other:?}"),
        },
        Ok(None) => "categories are not an array".to_owned(),
        Err(_) => return None, // Malformed, which was found.
    };
    checker.add(&rules::CATEGORIES, path, message);
    None
}

/// Looks for values of which pandas makes no index.
pub(super) fn check_half(index: &Node, checker: &mut Checker<'_>) {
    if matches!(index, Node::Array(array) if array.spec.dtype == DType::F16) {
        checker.add(&rules::INDEX_HALF, index.path(), "values are of type float16");
    }
}

/// Looks for categories that repeat or are missing; gives their number.
fn check_distinct(categories: &Node, len: u64, checker: &mut Checker<'_>) -> u64 {
    let path = categories.path();
    if let Some(names) = distinct::look(categories, checker) {
        if let Some(repeated) = names.repeated {
            checker.add(&rules::CATEGORIES_REPEATED, path, repeated.to_string());
        }
        if names.missing > 0 {
            checker.add(&rules::CATEGORIES_MISSING, path, format!("{} of the {len} categories", names.missing));
        }
    }
    len
}

/// A nullable column of a dtype for which `holds` is true, whose values have this encoding.
pub(crate) fn check_nullable(
    node: &Node,
    holds: impl Fn(&DType) -> bool,
    values_encoding: &str,
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
            checker.part(array, &[encoding]);
        }
    }
}
