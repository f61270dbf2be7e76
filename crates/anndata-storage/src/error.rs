//! The one error type: a kind to act on, the file, the path of the element, a message, and the cause.

mod bug;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::escape::Escape;
pub use bug::OrBug;

/// A `Result` with [`enum@ErrorKind`]-classified [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such file, group, array, key or name.
    NotFound,
    /// Something stands where a new thing was to be made.
    AlreadyExists,
    /// The stored data is malformed or contradicts itself.
    InvalidData,
    /// The caller asked for something that makes no sense (shape, alignment, range, key).
    InvalidInput,
    /// A dtype other than the one asked for.
    DType,
    /// Valid, but not something that this backend or version can do or represent.
    Unsupported,
    /// A declared size is over the limits of the reader.
    LimitExceeded,
    /// Refused for safety (an external link, external storage); an option may allow it.
    Refused,
    /// The store was opened for reading only.
    ReadOnly,
    /// The store was replaced or changed by another after it was opened. Opened again it can be read.
    Stale,
    /// The operating system or the file format library failed.
    Io,
    /// A broken invariant of this library, whatever the file and the caller did: please report it.
    Bug,
}

/// An error of any layer of anndata.
///
/// It prints in one line as `file: path: message: cause; advice`, where the file is that of the store, also where it is a folder or
/// a URL, and the path names the element in it; control characters of names are [escaped](crate::escaped). As the cause is
/// printed, [`source`](StdError::source) has nothing more to add; [`cause`](Self::cause) has it.
///
/// ```
/// use anndata_storage::Error;
///
/// let error = Error::invalid_data("code 7 is out of range").at("obs/louvain").in_file("cells.h5ad");
/// assert_eq!(error.to_string(), "cells.h5ad: obs/louvain: code 7 is out of range");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    file: Option<PathBuf>,
    path: Option<String>,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    advice: Option<Cow<'static, str>>,
    backtrace: Option<Backtrace>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $new:ident, $is:ident, $kind:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $new(message: impl Into<Cow<'static, str>>) -> Self {
                Self::new(ErrorKind::$kind, message)
            }

            #[doc = concat!("Whether the kind is [`ErrorKind::", stringify!($kind), "`].")]
            pub fn $is(&self) -> bool {
                self.0.kind == ErrorKind::$kind
            }
        )*
    };
}

impl Error {
    /// An error of the given kind, without a file and a path yet.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let (message, file, path, source) = (message.into(), None, None, None);
        Self(Box::new(Inner { kind, file, path, message, source, advice: None, backtrace: None }))
    }

    kinds! {
        /// Something that was asked for is not there.
        not_found, is_not_found, NotFound;
        /// Something is already there.
        already_exists, is_already_exists, AlreadyExists;
        /// Stored data is malformed.
        invalid_data, is_invalid_data, InvalidData;
        /// An argument makes no sense.
        invalid_input, is_invalid_input, InvalidInput;
        /// A dtype is not the expected one.
        dtype, is_dtype, DType;
        /// Valid but not supported.
        unsupported, is_unsupported, Unsupported;
        /// A declared size is over a limit.
        limit_exceeded, is_limit_exceeded, LimitExceeded;
        /// Refused for safety.
        refused, is_refused, Refused;
        /// The store is read-only.
        read_only, is_read_only, ReadOnly;
        /// The store is another one than was opened.
        stale, is_stale, Stale;
        /// Input or output failed.
        io, is_io, Io;
    }

    /// A broken invariant of this library: something that no file and no caller should be able to bring about.
    ///
    /// The message names the position in the source and asks for a report. A backtrace is captured where
    /// `RUST_BACKTRACE` asks for one; `{:?}` prints it. See also [`ensure!`](crate::ensure) and [`OrBug`].
    #[cold]
    #[track_caller]
    pub fn bug(message: impl Into<Cow<'static, str>>) -> Self {
        let (message, caller) = (message.into(), Location::caller());
        let message = format!("{message} (a bug of anndata at {}:{}, please report it)", caller.file(), caller.line());
        let mut error = Self::new(ErrorKind::Bug, message);
        let backtrace = Backtrace::capture();
        error.0.backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        error
    }

    /// Whether the kind is [`ErrorKind::Bug`].
    pub fn is_bug(&self) -> bool {
        self.0.kind == ErrorKind::Bug
    }

    /// Where a [`bug`](Self::bug) was found, if `RUST_BACKTRACE` asked for it.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_ref()
    }

    /// Names the element that the error is about, if none is named yet.
    ///
    /// The innermost layer that knows the path names it; outer layers call this without harm.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        if self.0.path.is_none() {
            self.0.path = Some(path.trim_matches('/').to_owned());
        }
        self
    }

    /// Names the element at `to` where the one at `from` is named, and likewise what is below: for an element that was
    /// written at one path to be at another.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        if let Some(path) = &mut self.0.path
            && let Some(rest) = path.strip_prefix(from)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            *path = crate::child_path(to, rest);
        }
        self
    }

    /// Names the file (or folder, or URL) that the error is about, if none is named yet.
    ///
    /// The innermost layer that knows it names it; outer layers call this without harm.
    #[must_use]
    pub fn in_file(mut self, file: impl AsRef<Path>) -> Self {
        if self.0.file.is_none() {
            self.0.file = Some(file.as_ref().to_owned());
        }
        self
    }

    /// Returns the error as one about what a store holds: what is wrong input from a caller is malformed data there.
    #[must_use]
    pub fn of_stored(mut self) -> Self {
        if self.0.kind == ErrorKind::InvalidInput {
            self.0.kind = ErrorKind::InvalidData;
        }
        self
    }

    /// Adds the cause. File and path of another error of this type become those of this one, where it has none.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut source = source.into();
        if let Some(inner) = source.downcast_mut::<Self>() {
            self.0.file = self.0.file.or_else(|| inner.0.file.clone());
            self.0.path = self.0.path.or_else(|| inner.0.path.clone());
            // What is said once is enough.
            inner.0.file.take_if(|file| self.0.file.as_ref() == Some(file));
            inner.0.path.take_if(|path| self.0.path.as_ref() == Some(path));
        }
        self.0.source = Some(source);
        self
    }

    /// Adds what can be done about it, as a part of a sentence; it is printed last, after a semicolon and what was added
    /// before.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        let advice = advice.into();
        self.0.advice = Some(match self.0.advice.take() {
            Some(before) => format!("{before}; {advice}").into(),
            None => advice,
        });
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file, folder or URL, as the caller named it, if known.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The path of the element in its store (`obs/louvain`; the root is empty), if known.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The message with cause and advice, without file and path.
    pub fn text(&self) -> String {
        let mut text = self.0.message.to_string();
        if let Some(source) = &self.0.source {
            text = if text.is_empty() { source.to_string() } else { format!("{text}: {source}") };
        }
        match &self.0.advice {
            Some(advice) => format!("{text}; {advice}"),
            None => text,
        }
    }

    /// The message alone, without file, path and cause; empty if the cause says all.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The cause, for instance a [`std::io::Error`].
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = Escape::new(f);
        if let Some(file) = self.file() {
            write!(f, "{}: ", file.display())?;
        }
        match self.path() {
            Some("") => f.write_str("/: ")?,
            Some(path) => write!(f, "{path}: ")?,
            None => {}
        }
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)?;
        match self.backtrace() {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}

/// Without a source: the cause is printed already, and would be printed again by whoever follows sources.
impl StdError for Error {}

/// An error of this library that was passed on as one of the system is itself again.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(own) => return own,
            Err(other) => other,
        };
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
            _ => ErrorKind::Io,
        };
        Self::new(kind, "").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_path_is_kept_and_printed_first() {
        let error = Error::invalid_data("code 7 is out of range").at("/obs/louvain").at("obs");
        assert_eq!(error.to_string(), "obs/louvain: code 7 is out of range");
        assert!(error.is_invalid_data() && !error.is_io());
        let at = |from: &str| Error::io("full").at("a/b/c").renamed(from, "d").path().map(str::to_owned);
        assert_eq!([at("a/b"), at("a/b/c"), at("a/bc")].map(Option::unwrap), ["d/c", "d", "a/b/c"]);
    }

    #[test]
    fn advice_comes_last() {
        let error =
            Error::unsupported("it cannot be read").with_advice("leave it out").with_source(Error::io("no disk"));
        let error = error.at("uns/x").with_advice("or not");
        assert_eq!(error.to_string(), "uns/x: it cannot be read: no disk; leave it out; or not");
    }

    #[test]
    fn io_errors_keep_their_kind_and_cause() {
        let error = Error::from(std::io::Error::from(std::io::ErrorKind::NotFound));
        assert!(error.is_not_found());
        let cause = error.cause().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        assert!(cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound));
        assert!(StdError::source(&error).is_none(), "the cause would be printed twice");
    }

    #[test]
    fn the_file_is_printed_first_and_once() {
        let inner = Error::invalid_data("it is short").in_file("a.h5ad").at("X");
        let outer = Error::io("chunk [0]").with_source(inner).in_file("b.h5ad").at("obs");
        assert_eq!(outer.to_string(), "a.h5ad: X: chunk [0]: it is short");
        assert_eq!((outer.file(), outer.path()), (Some(Path::new("a.h5ad")), Some("X")));
        let other = Error::io("copying").in_file("b.h5ad").with_source(Error::io("full").in_file("a.h5ad"));
        assert_eq!(other.to_string(), "b.h5ad: copying: a.h5ad: full");
    }

    #[test]
    fn an_error_is_one_line_whatever_names_hold() {
        let error = Error::not_found("no 'a\nb'").at("uns/\u{1b}[31m").in_file("x\ty.h5ad").with_source("1\r\n2");
        assert_eq!(error.to_string(), r"x\ty.h5ad: uns/\x1b[31m: no 'a\nb': 1\r\n2");
    }
}
