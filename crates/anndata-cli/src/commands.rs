//! The subcommands, one file each, and how they fail.

pub(crate) mod concat;
pub(crate) mod convert;
pub(crate) mod get;
pub(crate) mod show;
pub(crate) mod validate;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use anndata::Error;

/// Why a command failed: what, and with which file.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library failed.
    Library { file: PathBuf, error: Error },
    /// The output could not be written.
    Output(io::Error),
    /// Options that do not fit each other.
    Usage(String),
}

impl Failure {
    /// For `map_err`: an error of the library about a file.
    pub(crate) fn of(file: &Path) -> impl Fn(Error) -> Self {
        move |error| Self::Library { file: file.to_owned(), error }
    }

    /// Whether nobody reads the output any more, which is no failure.
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
            Self::Library { file, error } => {
                let (file, error, advice) = (file.display().to_string(), error.to_string(), Self::advice(error));
                // The library names the file where it could not be opened or made.
                let message = if error.starts_with(&file) {
                    format!("{error}{advice}")
                } else {
                    format!("{file}: {error}{advice}")
                };
                f.write_str(&message.replace('\n', " "))
            }
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
            Self::Usage(message) => f.write_str(message),
        }
    }
}
