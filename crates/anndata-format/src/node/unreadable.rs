//! [`Unreadable`]: why an element of a tree could not be opened, and what becomes of it.

use std::sync::Arc;

use anndata_storage::{ArraySpec, Attributes, DType, Error, ErrorKind};

use super::{ArrayNode, Node, Source};

/// Why an element could not be opened: a link that leads nowhere or is refused, a kind of object that is neither a group
/// nor an array, metadata that are malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    kind: ErrorKind,
    path: String,
    message: String,
}

impl Unreadable {
    /// What an error says of the element at `path`.
    pub(super) fn new(path: &str, error: &Error) -> Self {
        let path = error.path().unwrap_or(path).to_owned();
        Self { kind: error.kind(), path, message: error.text() }
    }

    /// The error that opening it gave.
    pub fn error(&self) -> Error {
        Error::new(self.kind, self.message.clone()).at(&self.path)
    }

    /// What the error says, without the path.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether an error is one of an element, which keeps no other from being opened, and not of the store as a whole.
    pub(super) fn is_meant(error: &Error) -> bool {
        !matches!(error.kind(), ErrorKind::Io | ErrorKind::LimitExceeded)
    }
}

impl ArrayNode {
    /// What stands for an element that could not be opened.
    pub(super) fn unreadable(path: &str, error: &Error) -> Self {
        Self {
            path: path.to_owned(),
            attributes: Attributes::new(),
            spec: ArraySpec::new(DType::Unknown("cannot be opened".into()), []),
            source: Source::Unreadable(Arc::new(Unreadable::new(path, error))),
        }
    }
}

impl Node {
    /// Why the element, or the first part of it that could not be opened, could not be; `None` if all could be.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        match self {
            Self::Group(group) => group.children.values().find_map(Self::unreadable),
            Self::Array(ArrayNode { source: Source::Unreadable(reason), .. }) => Some(reason),
            Self::Array(_) => None,
        }
    }
}
