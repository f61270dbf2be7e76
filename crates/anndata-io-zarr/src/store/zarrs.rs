//! Stores of the `zarrs` ecosystem, for reading: whatever implements its storage traits, as icechunk does.

use std::fmt;
use std::sync::Arc;

use anndata_storage::{Error, ErrorKind, Result};
use bytes::Bytes;
use zarrs_storage::{
    AsyncReadableListableStorageTraits, ReadableListableStorageTraits, StorageError, StoreKey, StoreKeysPrefixes,
    StorePrefix, byte_range,
};

use super::remote::{AsyncStore, BoxFuture, Sizes};
use super::{ByteRange, Store, check_size, read_only, too_short};

/// A store that answers at once.
pub(crate) struct Zarrs(pub(crate) Arc<dyn ReadableListableStorageTraits>);

/// A store that answers later.
pub(crate) struct AsyncZarrs(pub(crate) Arc<dyn AsyncReadableListableStorageTraits>);

fn failed(error: StorageError) -> Error {
    let kind = match &error {
        StorageError::ReadOnly => ErrorKind::ReadOnly,
        StorageError::Unsupported(_) => ErrorKind::Unsupported,
        StorageError::InvalidByteRangeError(_) => ErrorKind::InvalidData,
        _ => ErrorKind::Io,
    };
    Error::new(kind, "the store failed").with_source(error)
}

fn to_key(key: &str) -> Result<StoreKey> {
    StoreKey::new(key).map_err(|error| Error::invalid_input("not a key of a store").with_source(error))
}

fn to_prefix(prefix: &str) -> Result<StorePrefix> {
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    StorePrefix::new(prefix).map_err(|error| Error::invalid_input("not a prefix of a store").with_source(error))
}

fn to_range(range: ByteRange) -> byte_range::ByteRange {
    match range {
        ByteRange::All => byte_range::ByteRange::FromStart(0, None),
        ByteRange::Part { start, len } => byte_range::ByteRange::FromStart(start, Some(len)),
        ByteRange::Last(len) => byte_range::ByteRange::Suffix(len),
    }
}

/// The last names of the prefixes that were listed.
fn names(listed: &StoreKeysPrefixes) -> Vec<String> {
    let last = |prefix: &StorePrefix| prefix.as_str().trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    listed.prefixes().iter().filter_map(last).collect()
}

impl fmt::Debug for Zarrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Zarrs")
    }
}

impl fmt::Display for Zarrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a zarrs store")
    }
}

impl Store for Zarrs {
    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let key_there = to_key(key)?;
        let Some(size) = self.0.size_key(&key_there).map_err(failed)? else { return Ok(false) };
        let part = range.within(size).ok_or_else(|| too_short(key))?;
        check_size(key, part.end - part.start, max)?;
        let Some(bytes) = self.0.get_partial(&key_there, to_range(range)).map_err(failed)? else { return Ok(false) };
        into.clear();
        into.extend_from_slice(&bytes);
        Ok(true)
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        self.0.size_key(&to_key(key)?).map_err(failed)
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        let mut names = names(&self.0.list_dir(&to_prefix(prefix)?).map_err(failed)?);
        names.sort();
        Ok(names)
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        self.0.size_prefix(&to_prefix(prefix)?).map(Some).map_err(failed)
    }

    fn is_writable(&self) -> bool {
        false
    }
}

impl fmt::Debug for AsyncZarrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncZarrs")
    }
}

impl fmt::Display for AsyncZarrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a zarrs store")
    }
}

impl AsyncStore for AsyncZarrs {
    fn get<'a>(&'a self, key: &'a str, range: ByteRange, _max: u64) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(async move { self.0.get_partial(&to_key(key)?, to_range(range)).await.map_err(failed) })
    }

    fn size<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move { self.0.size_key(&to_key(key)?).await.map_err(failed) })
    }

    fn children<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { Ok(names(&self.0.list_dir(&to_prefix(prefix)?).await.map_err(failed)?)) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Option<Sizes>>> {
        Box::pin(async move {
            let keys = self.0.list_prefix(&to_prefix(prefix)?).await.map_err(failed)?;
            let mut sized = Vec::with_capacity(keys.len());
            for key in keys {
                let size = self.0.size_key(&key).await.map_err(failed)?;
                sized.push((key.as_str().to_owned(), size.unwrap_or(0)));
            }
            Ok(Some(sized))
        })
    }

    fn is_writable(&self) -> bool {
        false
    }

    fn put<'a>(&'a self, _key: &'a str, _value: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(read_only()) })
    }

    fn delete<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Err(read_only()) })
    }
}
