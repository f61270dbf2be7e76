//! Values in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anndata_storage::Result;

use super::{ByteRange, Store, check_size, too_short};

/// Values in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zarr in memory")
    }
}

/// The part of a key below a prefix.
pub(super) fn below<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() { Some(key) } else { key.strip_prefix(prefix)?.strip_prefix('/') }
}

impl Store for Memory {
    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let values = self.values();
        let Some(value) = values.get(key) else { return Ok(false) };
        let part = range.of(value).ok_or_else(|| too_short(key))?;
        check_size(key, part.len() as u64, max)?;
        part.clone_into(into);
        Ok(true)
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.values().get(key).map(|value| value.len() as u64))
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        let values = self.values();
        let names: BTreeSet<&str> =
            values.keys().filter_map(|key| below(key, prefix)?.split_once('/')).map(|(name, _)| name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        let values = self.values();
        Ok(Some(values.iter().filter(|(key, _)| below(key, prefix).is_some()).map(|(_, v)| v.len() as u64).sum()))
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn write(&self, key: &str, value: &[u8]) -> Result<()> {
        self.values().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn erase(&self, key: &str) -> Result<()> {
        self.values().remove(key);
        Ok(())
    }

    fn erase_all(&self, prefix: &str) -> Result<()> {
        self.values().retain(|key, _| below(key, prefix).is_none());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut values = self.values();
        let moved: Vec<String> = values.keys().filter(|key| below(key, from).is_some()).cloned().collect();
        for key in moved {
            if let (Some(rest), Some(value)) = (below(&key, from).map(str::to_owned), values.remove(&key)) {
                values.insert(super::join(to, &rest), value);
            }
        }
        Ok(())
    }
}
