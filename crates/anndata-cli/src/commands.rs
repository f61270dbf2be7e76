//! The subcommands, one file each, and how they fail.

pub(crate) mod completions;
pub(crate) mod concat;
pub(crate) mod convert;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod elements;
pub(crate) mod get;
pub(crate) mod head;
mod layout;
pub(crate) mod rechunk;
pub(crate) mod repack;
#[cfg(feature = "report")]
pub(crate) mod report;
mod selection;
pub(crate) mod set;
pub(crate) mod show;
pub(crate) mod split;
#[cfg(feature = "sql")]
pub(crate) mod sql;
pub(crate) mod stats;
pub(crate) mod subset;
pub(crate) mod transpose;
pub(crate) mod validate;

use std::fmt;
use std::io;
use std::path::Path;

use anndata::Error;
use anndata::storage::escaped;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library failed; the error names the file.
    Library(Error),
    /// The output could not be written.
    Output(io::Error),
    /// Options that do not fit each other.
    Usage(String),
}

impl Failure {
    /// For `map_err`: an error of the library about a file, unless it names another.
    pub(crate) fn of(file: &Path) -> impl Fn(Error) -> Self {
        move |error| Self::Library(error.in_file(file))
    }

    /// Whether nobody reads the output any more, which is not a failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// What can be done about it.
    fn advice(error: &Error) -> &'static str {
        if error.is_already_exists() {
            "; use --overwrite to replace it"
        } else if error.is_limit_exceeded() {
            "; the file may be damaged"
        } else {
            ""
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) => write!(f, "{error}{}", Self::advice(error)),
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
            Self::Usage(message) => escaped(message).fmt(f),
        }
    }
}
