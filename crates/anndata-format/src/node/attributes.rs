//! The attributes of nodes: those that name an encoding, and values in the types that encodings ask for.

use anndata_storage::{Attribute, Attributes, Error, Result};

use super::Node;

impl Node {
    /// Returns the same node under this encoding. Both attributes come first where they are new, and are single texts
    /// whatever they were; the other attributes stay.
    #[must_use]
    pub(crate) fn encoded_as(mut self, encoding: &str, version: &str) -> Self {
        let attributes = self.attributes_mut();
        for (position, (name, value)) in encoding_attributes(encoding, version).into_iter().enumerate() {
            if attributes.contains_key(&name) {
                attributes.insert(name, value);
            } else {
                attributes.shift_insert(position.min(attributes.len()), name, value);
            }
        }
        self
    }

    /// The value of a text attribute, `None` if there is no such attribute.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is not text.
    pub fn text_attribute(&self, name: &str) -> Result<Option<String>> {
        self.attribute(name, "text", Attribute::as_str)
    }

    /// The value of a boolean attribute, `None` if there is no such attribute.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is not a boolean.
    pub fn bool_attribute(&self, name: &str) -> Result<Option<bool>> {
        self.attribute(name, "a boolean", Attribute::as_bool)
    }

    /// The value of a list-of-text attribute, `None` if there is no such attribute.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is not a list of text.
    pub fn texts_attribute(&self, name: &str) -> Result<Option<Vec<String>>> {
        self.attribute(name, "a list of text", Attribute::as_strings)
    }

    /// The value of an attribute of lengths, `None` if there is no such attribute. Whole floats count, as tools in R
    /// store them.
    ///
    /// # Errors
    /// [`InvalidData`](crate::ErrorKind::InvalidData) if it is not such a list.
    pub fn lengths_attribute(&self, name: &str) -> Result<Option<Vec<usize>>> {
        self.attribute(name, "a list of lengths", |value| {
            value.as_lengths()?.into_iter().map(|length| usize::try_from(length).ok()).collect()
        })
    }

    fn attribute<T>(&self, name: &str, what: &str, get: impl Fn(&Attribute) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.attributes().get(name) else { return Ok(None) };
        get(value).map(Some).ok_or_else(|| {
            let error = Error::invalid_data(format!("attribute '{name}' is not {what}"));
            self.locate(error.at(self.path()))
        })
    }
}

/// The two attributes that name an encoding.
pub fn encoding_attributes(encoding: &str, version: &str) -> Attributes {
    Attributes::from([
        ("encoding-type".to_owned(), Attribute::from(encoding)),
        ("encoding-version".to_owned(), Attribute::from(version)),
    ])
}
