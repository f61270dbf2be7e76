//! Checks of categorical columns.

use crate::encoding::dataframe::{check_half, distinct, is_records};
use crate::encoding::registry::Registry;
use crate::findings::{Checker, rules};
use crate::node::{GroupNode, Node, first_not_in};

/// The encodings that categories may have.
const CATEGORIES: [&str; 5] =
    ["array", "string-array", "nullable-integer", "nullable-boolean", "nullable-string-array"];

/// A categorical column of 0.2.0.
pub(super) fn check_categorical(node: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    let Some(group) = checker.group(node) else { return };
    checker.attribute(node, "ordered", Node::bool_attribute);
    let codes = checker.array_child(group, "codes");
    let categories = check_categories(group, registry, checker);
    let Some(codes) = codes else { return };
    registry.check_part_attributes(&Node::Array(codes.clone()), &["array"], checker);
    let (path, spec) = (codes.path.as_str(), &codes.spec);
    if spec.null || spec.ndim() != 1 || !spec.dtype.is_integer() {
        let message = format!("codes are {} of shape {:?}", spec.dtype, spec.shape);
        return checker.add(&rules::CODES, path, message);
    }
    // If the number of categories is not known, which was reported, codes have no upper bound.
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
fn check_categories(group: &GroupNode, registry: &Registry, checker: &mut Checker<'_>) -> Option<u64> {
    let categories = checker.child(group, "categories")?;
    let path = categories.path();
    registry.check_part(categories, &CATEGORIES, checker);
    check_half(categories, checker);
    let message = match registry.shape(categories) {
        Ok(Some(shape)) => match shape.as_slice() {
            [_] if is_records(categories) => "categories are records".to_owned(),
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
