//! Checks of the attributes that say how an element is encoded, and of what an element is made of.

use anndata_storage::Attribute;

use super::{Encoding, Found, Registry};
use crate::findings::{Checker, Checks, rules};
use crate::node::Node;

/// Attributes that are single values, of which no reader takes an array.
const TAKEN_AS_THEY_ARE: &[&str] = &["encoding-type", "encoding-version", "_index", "form", "length"];

/// Attributes that are single values, of which readers of HDF5 take an array of one value as well. In JSON that is a list, which
/// they take for one.
const READ_WITH_DIMENSIONS: &[&str] = &["ordered", "na-value"];

impl Checks for Registry {
    fn check(&self, node: &Node, checker: &mut Checker<'_>) {
        match self.identify(node, checker) {
            None => checker.beneath(node),
            Some(Found::Known(encoding)) => {
                let before = checker.is_legacy();
                let is_older = is_older(node, encoding, checker);
                checker.set_legacy(before || is_older);
                encoding.validate(node, self, checker);
                checker.set_legacy(before);
            }
            Some(Found::Legacy(legacy)) => legacy.validate(node, self, checker),
            Some(Found::Unknown) => drop(checker.decode(node)),
        }
    }
}

impl Registry {
    /// Checks an element that another one is made of, and that its encoding is one of these.
    pub(in crate::encoding) fn check_part(&self, node: &Node, encodings: &[&str], checker: &mut Checker<'_>) {
        checker.element(node);
        if let Ok(Found::Known(encoding)) = self.find(node) {
            expect_encoding(node, encoding, encodings, checker);
        }
    }

    /// The attributes alone of an element that another one is made of, which has to be of one of these encodings.
    pub(in crate::encoding) fn check_part_attributes(
        &self,
        node: &Node,
        encodings: &[&str],
        checker: &mut Checker<'_>,
    ) {
        if let Some(Found::Known(encoding)) = self.identify(node, checker) {
            expect_encoding(node, encoding, encodings, checker);
        }
    }

    /// What the attributes of an element say of its encoding, `None` if they cannot be understood. What is wrong with
    /// them is found.
    pub(in crate::encoding) fn identify(&self, node: &Node, checker: &mut Checker<'_>) -> Option<Found<'_>> {
        let path = node.path();
        check_single_values(node, checker);
        let text = |name| node.text_attribute(name).map(Option::unwrap_or_default);
        let name = checker.add_failed(&rules::ATTRIBUTE_TYPE, path, text("encoding-type"));
        let version = checker.add_failed(&rules::ATTRIBUTE_TYPE, path, text("encoding-version"));
        let (name, version) = (name?, version?);
        let found = self.find(node).ok()?;
        if name.is_empty() && !version.is_empty() {
            checker.add(&rules::ENCODING_TYPE_MISSING, path, "attribute 'encoding-type' is missing");
        } else if matches!(found, Found::Legacy(_)) && !checker.is_legacy() {
            checker.add(&rules::ENCODING_MISSING, path, "attribute 'encoding-type' is missing");
        }
        if matches!(found, Found::Known(_)) {
            for name in self.unplaced_attributes(node) {
                checker.add(&rules::ATTRIBUTE_UNPLACED, path, format!("attribute '{name}' belongs to no encoding"));
            }
        }
        if !matches!(found, Found::Unknown) {
            return Some(found);
        }
        let known = self.get(&name).is_some_and(|known| known.versions().contains(&version.as_str()));
        if !known && !name.is_empty() {
            if version.is_empty() {
                checker.add(&rules::ENCODING_VERSION_MISSING, path, "attribute 'encoding-version' is missing");
            } else {
                checker.add(&rules::ENCODING_UNKNOWN, path, format!("'{name}' of version '{version}' is not known"));
            }
        }
        Some(found)
    }
}

/// Whether an element is of an older version of its encoding, which is reported once per object.
fn is_older(node: &Node, encoding: &dyn Encoding, checker: &mut Checker<'_>) -> bool {
    let version = node.text_attribute("encoding-version").ok().flatten();
    let older = version.as_deref() != encoding.versions().last().copied();
    if older {
        let version = version.map_or_else(|| "without a version".to_owned(), |version| format!("of version {version}"));
        checker.add_legacy(node.path(), &format!("{} {version}", encoding.name()));
    }
    older
}

fn expect_encoding(node: &Node, encoding: &dyn Encoding, encodings: &[&str], checker: &mut Checker<'_>) {
    if !encodings.contains(&encoding.name()) {
        let message = format!("'{}' stands where one of {} should be", encoding.name(), encodings.join(", "));
        checker.add(&rules::PART_ENCODING, node.path(), message);
    }
}

/// Looks for attributes that are to be single values and have dimensions.
fn check_single_values(node: &Node, checker: &mut Checker<'_>) {
    let dimensions = if checker.has_typed_attributes() { &rules::ATTRIBUTE_DIMENSIONS } else { &rules::ATTRIBUTE_TYPE };
    for (names, rule) in [(TAKEN_AS_THEY_ARE, &rules::ATTRIBUTE_TYPE), (READ_WITH_DIMENSIONS, dimensions)] {
        for name in names {
            if let Some(Attribute::Tensor(value)) = node.attributes().get(*name)
                && value.ndim() > 0
            {
                let message = format!("attribute '{name}' has shape {:?}, not a single value", value.shape());
                checker.add(rule, node.path(), message);
            }
        }
    }
}
