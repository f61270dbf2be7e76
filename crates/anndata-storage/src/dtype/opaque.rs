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
}

impl OpaqueType {
    /// A type of a format (`HDF5`): what it is in words, what it is equal by, how the format encodes it, and the bytes of
    /// a value, `None` where values are lists that differ in length.
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
        Self(Arc::new(Inner { format, description, key: key.into(), encoded: encoded.into(), size }))
    }

    /// The format that has it.
    pub fn format(&self) -> &str {
        &self.0.format
    }

    /// The type as its format encodes it.
    pub fn encoded(&self) -> &[u8] {
        &self.0.encoded
    }

    /// Bytes of a value; `None` where values are lists that differ in length.
    pub fn size(&self) -> Option<usize> {
        self.0.size
    }
}

/// Equal format, key and size.
impl PartialEq for OpaqueType {
    fn eq(&self, other: &Self) -> bool {
        let parts = |opaque: &Self| (opaque.0.format.clone(), opaque.0.key.clone(), opaque.0.size);
        Arc::ptr_eq(&self.0, &other.0) || parts(self) == parts(other)
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
