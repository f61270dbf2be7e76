//! Types of one file format, kept as that format describes them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A type that one file format has and anndata has no name for: an 80-bit float, a bit field, an integer of 3 bytes.
///
/// Values are the bytes that are stored, so that the backend of that format writes back what it has read. Nothing else is
/// known of them: they can be selected, joined with others of the type and compared bit for bit, but not converted, and
/// every other format refuses them.
///
/// A clone shares everything.
#[derive(Clone)]
pub struct OpaqueType(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    format: Arc<str>,
    description: Arc<str>,
    key: Arc<[u8]>,
    encoded: Arc<[u8]>,
    size: Option<usize>,
    is_reference: bool,
}

impl OpaqueType {
    /// A type of a format (`HDF5`): what it is in words, what it is equal by, how the format encodes it, and the bytes of
    /// a value, `None` if values are lists that differ in length.
    ///
    /// A format may encode one type in several ways, so that equal types have one `key`, not one encoding.
    pub fn new(
        format: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        key: impl Into<Arc<[u8]>>,
        encoded: impl Into<Arc<[u8]>>,
        size: Option<usize>,
    ) -> Self {
        let (format, description) = (format.into(), description.into());
        let (key, encoded) = (key.into(), encoded.into());
        Self(Arc::new(Inner { format, description, key, encoded, size, is_reference: false }))
    }

    /// The type of references of a format to what is in the same file; the rest as [`new`](Self::new).
    ///
    /// A value is the path from the root (`/obs/n`) as UTF-8, without bytes where it is to nothing. After a NUL may follow
    /// what the format says of the part that is meant; before that NUL is nothing where the path is not known. In another
    /// file a reference is to what is at the path there.
    pub fn references(
        format: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        key: impl Into<Arc<[u8]>>,
        encoded: impl Into<Arc<[u8]>>,
    ) -> Self {
        let (format, description) = (format.into(), description.into());
        let (key, encoded) = (key.into(), encoded.into());
        Self(Arc::new(Inner { format, description, key, encoded, size: None, is_reference: true }))
    }

    /// The format that has it.
    pub fn format(&self) -> &str {
        &self.0.format
    }

    /// What it is, in words.
    pub fn description(&self) -> &str {
        &self.0.description
    }

    /// What it is equal by.
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    /// The type as its format encodes it.
    pub fn encoded(&self) -> &[u8] {
        &self.0.encoded
    }

    /// Bytes of a value; `None` if values are lists that differ in length, or references.
    pub fn size(&self) -> Option<usize> {
        self.0.size
    }

    /// Whether values are [references](Self::references).
    pub fn is_reference(&self) -> bool {
        self.0.is_reference
    }
}

/// Equal format, key and size, and both references or neither.
impl PartialEq for OpaqueType {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.0, &*other.0);
        Arc::ptr_eq(&self.0, &other.0)
            || (&a.format, &a.key, a.size, a.is_reference) == (&b.format, &b.key, b.size, b.is_reference)
    }
}

impl Eq for OpaqueType {}

impl Hash for OpaqueType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.0.format, &self.0.key, self.0.size).hash(state);
    }
}

impl fmt::Debug for OpaqueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueType({self}, {:?} bytes)", self.0.size)
    }
}

/// The description and the format: `float of 16 bytes (HDF5)`.
impl fmt::Display for OpaqueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.description, self.0.format)
    }
}
