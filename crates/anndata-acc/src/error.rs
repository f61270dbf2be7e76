//! [`AccError`]: what can be wrong with a reference, and with data that it is applied to.

use std::error::Error as StdError;
use std::fmt;

use anndata_core::{Error, ErrorKind};
use anndata_storage::escaped;

use crate::Dim;

/// A `Result` of this crate.
pub type Result<T, E = AccError> = std::result::Result<T, E>;

/// Why a reference could not be made, or gives nothing on some data.
///
/// `?` turns it into an [`anndata_core::Error`] of the kind that fits.
#[derive(Debug)]
#[non_exhaustive]
pub enum AccError {
    /// A text or JSON is not a reference.
    Syntax {
        /// The text or JSON.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// The data have no array of this key, or no such column.
    MissingKey {
        /// The accessor or reference that was applied.
        reference: String,
        /// The key that is missing.
        key: String,
        /// Where it was looked for: `obsm`, `obs`, ...
        slot: String,
        /// The nearest key that is there.
        nearest: Option<String>,
    },
    /// The index of a dimension has not this name.
    MissingName {
        /// The reference that was applied.
        reference: String,
        /// The dimension.
        dim: Dim,
        /// The name that is missing.
        name: String,
        /// The nearest name that is there.
        nearest: Option<String>,
    },
    /// The index of a dimension has this name more than once.
    RepeatedName {
        /// The reference that was applied.
        reference: String,
        /// The dimension.
        dim: Dim,
        /// The name.
        name: String,
    },
    /// There is no column of this number.
    OutOfRange {
        /// The reference that was applied.
        reference: String,
        /// The number.
        position: i64,
        /// How many columns there are.
        columns: usize,
    },
    /// The data are of a kind that has no such part, or not the type asked for.
    Unsuitable {
        /// The accessor or reference that was applied.
        reference: String,
        /// What there is, and what was expected.
        message: String,
    },
    /// The data could not be read.
    Data(Error),
}

impl AccError {
    pub(crate) fn syntax(text: &str, expected: impl Into<String>) -> Self {
        Self::Syntax { text: text.to_owned(), expected: expected.into() }
    }

    /// A reference was expected, but the text stands for a whole array.
    pub(crate) fn is_whole(text: &str) -> Self {
        Self::syntax(text, "it stands for a whole array, where a column, a row or a vector was expected")
    }

    /// A whole array was expected, but the text stands for a reference.
    pub(crate) fn is_reference(text: &str) -> Self {
        Self::syntax(text, "it stands for a reference into an array, where a whole array was expected")
    }

    /// For an accessor or reference of one's own: the data are of a kind that has no such part.
    pub fn unsuitable(reference: &impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Unsuitable { reference: reference.to_string(), message: message.into() }
    }

    /// Whether something that was asked for is not there: a key, a name or a column.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::MissingKey { .. } | Self::MissingName { .. } | Self::OutOfRange { .. } => true,
            Self::Data(error) => error.is_not_found(),
            _ => false,
        }
    }
}

impl fmt::Display for AccError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one line, whatever names hold.
        escaped(Raw(self)).fmt(f)
    }
}

/// The text as it is.
struct Raw<'a>(&'a AccError);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = |f: &mut fmt::Formatter<'_>, nearest: &Option<String>| match nearest {
            Some(nearest) => write!(f, "; did you mean '{nearest}'?"),
            None => Ok(()),
        };
        match self.0 {
            AccError::Syntax { text, expected } => write!(f, "`{text}` is not a reference: {expected}"),
            AccError::MissingKey { reference, key, slot, nearest } => {
                write!(f, "{reference}: there is no '{key}' in {slot}")?;
                hint(f, nearest)
            }
            AccError::MissingName { reference, dim, name, nearest } => {
                write!(f, "{reference}: there is no '{name}' in the index of {dim}")?;
                hint(f, nearest)
            }
            AccError::RepeatedName { reference, dim, name } => {
                write!(f, "{reference}: '{name}' is more than once in the index of {dim}")
            }
            AccError::OutOfRange { reference, position, columns } => {
                write!(f, "{reference}: column {position} is out of range of {columns}")
            }
            AccError::Unsuitable { reference, message } => write!(f, "{reference}: {message}"),
            AccError::Data(error) => error.fmt(f),
        }
    }
}

impl StdError for AccError {}

impl From<Error> for AccError {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

impl From<AccError> for Error {
    fn from(error: AccError) -> Self {
        let kind = match error {
            AccError::Data(error) => return error,
            AccError::MissingKey { .. } | AccError::MissingName { .. } => ErrorKind::NotFound,
            AccError::Unsuitable { .. } => ErrorKind::DType,
            _ => ErrorKind::InvalidInput,
        };
        Self::new(kind, error.to_string())
    }
}
