//! Checks of the attributes that say how an element is encoded, and of what an element is made of.

use anndata_storage::Attribute;

use super::{Checker, rules};
use crate::encoding::{Encoding, Found, unplaced_attributes};
use crate::node::Node;

/// Attributes that are single values, of which no reader takes an array.
const TAKEN_AS_THEY_ARE: &[&str] = &["encoding-type", "encoding-version", "_index", "form"];

/// Attributes that are single values, of which readers take an array of one value as well.
const READ_WITH_DIMENSIONS: &[&str] = &["ordered", "na-value", "length"];

impl<'a> Checker<'a> {
    /// Checks an element that another one is made of, and that its encoding is one of these.
    pub(super) fn part(&mut self, node: &Node, encodings: &[&str]) {
        self.element(node);
        if let Ok(Found::Known(encoding)) = self.registry().find(node) {
            self.expect_encoding(node, encoding, encodings);
        }
    }

    /// The attributes alone of an element that another one is made of, which has to be of one of these encodings.
    pub(crate) fn part_attributes(&mut self, node: &Node, encodings: &[&str]) {
        if let Some(Found::Known(encoding)) = self.encoding_of(node) {
            self.expect_encoding(node, encoding, encodings);
        }
    }

    fn expect_encoding(&mut self, node: &Node, encoding: &dyn Encoding, encodings: &[&str]) {
        if !encodings.contains(&encoding.name()) {
            let message = format!("'{}' stands where one of {} should be", encoding.name(), encodings.join(", "));
            self.add(&rules::PART_ENCODING, node.path(), message);
        }
    }

    /// What the attributes of an element say of its encoding, `None` where they cannot be understood. What is wrong with
    /// them is found.
    pub(super) fn encoding_of(&mut self, node: &Node) -> Option<Found<'a>> {
        let path = node.path();
        self.single_values(node);
        let text = |name| node.text_attribute(name).map(Option::unwrap_or_default);
        let name = self.add_failed(&rules::ATTRIBUTE_TYPE, path, text("encoding-type"));
        let version = self.add_failed(&rules::ATTRIBUTE_TYPE, path, text("encoding-version"));
        let (name, version) = (name?, version?);
        let found = self.registry().find(node).ok()?;
        if name.is_empty() && !version.is_empty() {
            self.add(&rules::ENCODING_TYPE_MISSING, path, "attribute 'encoding-type' is missing");
        } else if matches!(found, Found::Legacy) && !self.is_legacy() {
            self.add(&rules::ENCODING_MISSING, path, "attribute 'encoding-type' is missing");
        }
        if matches!(found, Found::Known(_)) {
            for name in unplaced_attributes(node) {
                self.add(&rules::ATTRIBUTE_UNPLACED, path, format!("attribute '{name}' belongs to no encoding"));
            }
        }
        if !matches!(found, Found::Unknown) {
            return Some(found);
        }
        let known = self.registry().get(&name).is_some_and(|known| known.versions().contains(&version.as_str()));
        if !known && !name.is_empty() {
            if version.is_empty() {
                self.add(&rules::ENCODING_VERSION_MISSING, path, "attribute 'encoding-version' is missing");
            } else {
                self.add(&rules::ENCODING_UNKNOWN, path, format!("'{name}' of version '{version}' is not known"));
            }
        }
        Some(found)
    }

    /// Looks for attributes that are to be single values and have dimensions.
    fn single_values(&mut self, node: &Node) {
        for (names, rule) in
            [(TAKEN_AS_THEY_ARE, &rules::ATTRIBUTE_TYPE), (READ_WITH_DIMENSIONS, &rules::ATTRIBUTE_DIMENSIONS)]
        {
            for name in names {
                if let Some(Attribute::Tensor(value)) = node.attributes().get(*name)
                    && value.ndim() > 0
                {
                    let message = format!("attribute '{name}' has shape {:?}, not a single value", value.shape());
                    self.add(rule, node.path(), message);
                }
            }
        }
    }
}
