//! [`OrBug`] and [`ensure!`](crate::ensure): a broken invariant becomes an error, never a default.

use std::error::Error as StdError;

use super::{Error, Result};

/// What an invariant of this library promises: a value where there should be one, or an [`Error::bug`].
///
/// For places where a default would hide a broken invariant as a plausible number.
///
/// ```
/// use anndata_storage::OrBug;
///
/// let offsets = [0, 3, 5];
/// assert_eq!(offsets.last().or_bug("offsets are empty")?, &5);
/// assert!(offsets.get(3).or_bug("offsets are too short").unwrap_err().is_bug());
/// # Ok::<(), anndata_storage::Error>(())
/// ```
pub trait OrBug<T> {
    /// The value.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) with this message where there is none.
    fn or_bug(self, message: &'static str) -> Result<T>;
}

impl<T> OrBug<T> for Option<T> {
    #[inline]
    #[track_caller]
    fn or_bug(self, message: &'static str) -> Result<T> {
        match self {
            Some(value) => Ok(value),
            None => Err(Error::bug(message)),
        }
    }
}

impl<T, E: StdError + Send + Sync + 'static> OrBug<T> for Result<T, E> {
    #[inline]
    #[track_caller]
    fn or_bug(self, message: &'static str) -> Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::bug(message).with_source(error)),
        }
    }
}

/// Returns an [`Error::bug`](crate::Error::bug) from a function where an invariant of this library does not hold.
///
/// ```
/// fn row_len(offsets: &[usize], row: usize) -> anndata_storage::Result<usize> {
///     anndata_storage::ensure!(row + 1 < offsets.len(), "row {row} of {} offsets", offsets.len());
///     Ok(offsets[row + 1] - offsets[row])
/// }
///
/// assert_eq!(row_len(&[0, 3], 0)?, 3);
/// let error = row_len(&[0, 3], 1).unwrap_err();
/// assert!(error.is_bug() && error.message().starts_with("row 1 of 2 offsets (a bug of anndata at "));
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Error::bug(::std::format!($($message)+)));
        }
    };
}

#[cfg(test)]
mod tests {
    use std::backtrace::{Backtrace, BacktraceStatus};

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_bug_names_its_place_and_asks_for_a_report() {
        fn check(at: usize) -> Result<()> {
            crate::ensure!(at < 3, "position {at} of 3");
            Ok(())
        }
        assert!(check(2).is_ok());
        let error = check(3).unwrap_err().at("X/indptr");
        assert_eq!(error.kind(), ErrorKind::Bug);
        let text = error.to_string();
        assert!(text.starts_with("X/indptr: position 3 of 3 (a bug of anndata at "), "{text}");
        assert!(text.contains("bug.rs:") && text.ends_with(", please report it)"), "{text}");
        assert_eq!(error.backtrace().is_some(), Backtrace::capture().status() == BacktraceStatus::Captured);
    }

    #[test]
    fn a_missing_value_is_a_bug_with_its_cause() {
        assert_eq!(Some(1).or_bug("nothing").unwrap(), 1);
        let error = None::<i32>.or_bug("nothing").unwrap_err();
        assert!(error.is_bug() && error.message().starts_with("nothing (a bug of anndata at "), "{error}");
        let error = u8::try_from(256_u64).or_bug("a byte").unwrap_err();
        assert!(error.is_bug() && error.cause().is_some(), "{error}");
    }
}
