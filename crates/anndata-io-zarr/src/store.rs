//! What a zarr tree is kept in: values under keys. A key is names joined by `/`.

pub(crate) mod folder;
pub(crate) mod memory;
pub(crate) mod object;
pub(crate) mod pages;
pub(crate) mod remote;
pub(crate) mod upload;
#[cfg(feature = "zarrs-storage")]
pub(crate) mod zarrs;
pub(crate) mod zip;

use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::path::Path;

use anndata_storage::{Error, FileStamp, Result};

pub(crate) use remote::Remote;

/// The names of the values that hold metadata.
pub(crate) const METADATA: [&str; 5] = ["zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"];

/// Which bytes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// All.
    All,
    /// `len` bytes from `start`.
    Part { start: u64, len: u64 },
    /// The last bytes.
    Last(u64),
}

impl ByteRange {
    /// The range in a value of this size, `None` if it is out of bounds.
    pub(crate) fn within(self, size: u64) -> Option<std::ops::Range<u64>> {
        let range = match self {
            Self::All => 0..size,
            Self::Part { start, len } => start..start.checked_add(len)?,
            Self::Last(len) => size.checked_sub(len)?..size,
        };
        (range.end <= size).then_some(range)
    }

    /// The same part of bytes in memory.
    pub(crate) fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let range = self.within(bytes.len() as u64)?;
        bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }
}

/// Values under keys.
pub(crate) trait Store: Debug + Display + Send + Sync + 'static {
    /// The path or URL of the store, if it has one.
    fn location(&self) -> Option<&Path> {
        None
    }

    /// Reads a value into `into`, replacing its content. `false`: there is no such value.
    ///
    /// More than `max` bytes are an error, and nothing is allocated for them.
    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool>;

    /// Several values at once, whole.
    fn read_many(&self, keys: &[String], max: u64) -> Result<Vec<Option<Vec<u8>>>> {
        keys.iter()
            .map(|key| {
                let mut bytes = Vec::new();
                Ok(self.read(key, ByteRange::All, max, &mut bytes)?.then_some(bytes))
            })
            .collect()
    }

    /// The size of a value.
    fn size(&self, key: &str) -> Result<Option<u64>>;

    /// The names directly below a prefix that are themselves prefixes, sorted.
    fn children(&self, prefix: &str) -> Result<Vec<String>>;

    /// The keys of all values below a prefix, if the store tells quickly.
    fn keys(&self, _prefix: &str) -> Result<Option<HashSet<String>>> {
        Ok(None)
    }

    /// The bytes of all values below a prefix, if the store knows.
    fn usage(&self, prefix: &str) -> Result<Option<u64>>;

    /// The keys of values whose checksum was not compared yet and is wrong, where the store has checksums of its own.
    fn damaged(&self) -> Vec<(String, Error)> {
        Vec::new()
    }

    /// What tells a value from one that was put in its place, `None` if there is none or the store does not know.
    fn stamp(&self, _key: &str) -> Result<Option<FileStamp>> {
        Ok(None)
    }

    /// Refuses to go on where the store is another one than was opened.
    fn check_same(&self) -> Result<()> {
        Ok(())
    }

    /// Whether values can be written.
    fn is_writable(&self) -> bool;

    /// Stores a value.
    fn write(&self, _key: &str, _value: &[u8]) -> Result<()> {
        Err(read_only())
    }

    /// Whether [`write_from`](Self::write_from) leaves what is before `start` where it is, so that it costs only what
    /// is written.
    fn appends(&self) -> bool {
        false
    }

    /// Replaces everything of a value from `start` on; a value that is not there is made.
    fn write_from(&self, key: &str, start: u64, value: &[u8]) -> Result<()> {
        let mut whole = Vec::new();
        self.read(key, ByteRange::All, u64::MAX, &mut whole)?;
        let start = usize::try_from(start).ok().filter(|&start| start <= whole.len()).ok_or_else(|| too_short(key))?;
        whole.truncate(start);
        whole.extend_from_slice(value);
        self.write(key, &whole)
    }

    /// Removes a value, if it is there.
    fn erase(&self, _key: &str) -> Result<()> {
        Err(read_only())
    }

    /// Removes all values below a prefix.
    fn erase_all(&self, _prefix: &str) -> Result<()> {
        Err(read_only())
    }

    /// Moves all values below a prefix to another one.
    fn rename(&self, _from: &str, _to: &str) -> Result<()> {
        Err(read_only())
    }

    /// Waits until everything that was written is there, where values are on their way for a while.
    fn arrive(&self) -> Result<()> {
        Ok(())
    }

    /// Makes everything written visible, where writing is delayed.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// The asynchronous store behind, if there is one.
    fn as_remote(&self) -> Option<&Remote> {
        None
    }
}

pub(crate) fn read_only() -> Error {
    Error::read_only("the store was opened for reading only")
}

/// Refuses a value that is larger than the caller can take.
pub(crate) fn check_size(key: &str, size: u64, max: u64) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size_in_memory) if size <= max => Ok(size_in_memory),
        _ => Err(Error::limit_exceeded(format!("'{key}' has {size} bytes where at most {max} can be valid"))),
    }
}

pub(crate) fn too_short(key: &str) -> Error {
    Error::invalid_data(format!("'{key}' is shorter than its index says"))
}

/// Sets the length of a buffer; memory that is not there is an error.
pub(crate) fn resize(buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    let missing = len.saturating_sub(buffer.len());
    buffer
        .try_reserve_exact(missing)
        .map_err(|error| Error::limit_exceeded(format!("{len} bytes do not fit into memory")).with_source(error))?;
    buffer.resize(len, 0);
    Ok(())
}

/// The key of `name` below a prefix.
pub(crate) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// Whether every name of a key is harmless: no empty, `.` or `..`, no NUL or backslash.
pub(crate) fn is_safe(key: &str) -> bool {
    !key.contains(['\0', '\\']) && key.split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay_within_the_value() {
        assert_eq!(ByteRange::Part { start: 2, len: 3 }.of(b"abcdef"), Some(&b"cde"[..]));
        assert_eq!(ByteRange::Last(2).of(b"abcdef"), Some(&b"ef"[..]));
        assert_eq!(ByteRange::Last(7).of(b"abcdef"), None);
        assert_eq!(ByteRange::Part { start: u64::MAX, len: 3 }.of(b"abc"), None);
    }

    #[test]
    fn names_that_leave_the_store_are_unsafe() {
        assert!(is_safe("obs/louvain"));
        for key in ["../x", "a/../b", "/a", "a//b", "a/.", "a\\..\\b", "", "a\0"] {
            assert!(!is_safe(key), "{key}");
        }
    }
}
