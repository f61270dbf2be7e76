//! The one error type: a kind to act on, the structure of the file and where it is, and what is wrong with it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing stands at a path or address.
    NotFound,
    /// The file is not HDF5, damaged, or contradicts itself.
    Malformed,
    /// Valid, but a part of the format that this crate does not read.
    Unsupported,
    /// What is asked for is in another file: an external link, external storage, a virtual dataset.
    Refused,
    /// The file asks for more work or memory than the [limits](crate::MetaLimits) allow.
    LimitExceeded,
    /// The bytes could not be read.
    Io,
}

/// A structure of the format, and the section of the specification that describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Section {
    structure: &'static str,
    number: &'static str,
}

impl Section {
    pub(crate) const fn new(structure: &'static str, number: &'static str) -> Self {
        Self { structure, number }
    }

    /// The name of the structure, such as `fractal heap`.
    pub fn structure(self) -> &'static str {
        self.structure
    }

    /// The section in the HDF5 File Format Specification Version 3.0, such as `III.G`.
    pub fn number(self) -> &'static str {
        self.number
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.structure, self.number)
    }
}

/// An error of reading metadata.
///
/// It prints in one line as `structure (section) at byte N: message: cause`.
///
/// ```
/// use anndata_hdf5_meta::{ErrorKind, MetaFile};
///
/// let error = MetaFile::new(b"no such format".to_vec(), Default::default()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Malformed);
/// assert_eq!(error.to_string(), "superblock (II.A): this is not an HDF5 file: no signature at byte 0, 512, 1024 and so on");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    section: Section,
    offset: Option<u64>,
    message: Cow<'static, str>,
    source: Option<Arc<io::Error>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, section: Section, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, section, offset: None, message: message.into(), source: None }))
    }

    pub(crate) fn malformed(section: Section, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Malformed, section, message)
    }

    pub(crate) fn unsupported(section: Section, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, section, message)
    }

    pub(crate) fn refused(section: Section, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Refused, section, message)
    }

    pub(crate) fn limit(section: Section, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::LimitExceeded, section, message)
    }

    /// Why the bytes could not be read, of an error of the kind [`Io`](ErrorKind::Io).
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.source.as_deref()
    }

    pub(crate) fn io(section: Section, source: io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Io, section, "cannot be read");
        error.0.source = Some(Arc::new(source));
        error
    }

    /// Says at which byte of the file, if that is not said yet.
    #[must_use]
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// What went wrong, to act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The structure that is at fault.
    pub fn section(&self) -> Section {
        self.0.section
    }

    /// The byte of the file, counted from its beginning, if one is to blame.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// What is wrong, without structure and offset.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.section)?;
        if let Some(offset) = self.0.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": {}", self.0.message)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

// The cause is printed as a part of the error, so that it is not a source as well.
impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_and_why() {
        let section = Section::new("local heap", "III.D");
        let error = Error::malformed(section, "no end").at(7).at(9);
        assert_eq!(error.to_string(), "local heap (III.D) at byte 7: no end");
        assert_eq!((error.offset(), error.section().number(), error.message()), (Some(7), "III.D", "no end"));
        let io = Error::io(section, io::Error::other("the disk is gone"));
        assert_eq!(format!("{io:?}"), "Io: local heap (III.D): cannot be read: the disk is gone");
    }
}
