//! The tree of groups and arrays: what is known of its nodes, and keeping that true.

mod array;
mod below;
mod documents;
mod load;
mod storage;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anndata_storage::{Error, ErrorKind, FileStamp, NodeKind, Result};
use indexmap::IndexMap;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::metadata::Document;
use crate::shard::ShardIndex;
use crate::store::{Store, read_only};
use crate::{ZarrFormat, ZarrOptions};
use array::State;

/// A zarr store: a folder, a zip file, memory, or a remote store, of either version.
///
/// Opening for reading changes nothing. See [the crate](crate) for how stores are opened and made.
pub struct ZarrStore(pub(crate) Arc<Shared>);

/// What a store and its open arrays share.
pub(crate) struct Shared {
    pub(crate) store: Box<dyn Store>,
    /// The path or URL as users know it.
    pub(crate) location: Option<PathBuf>,
    pub(crate) format: ZarrFormat,
    pub(crate) options: ZarrOptions,
    tree: RwLock<Tree>,
    /// The indexes of shards that were read or written or are on their way, by key.
    indexes: Mutex<HashMap<String, Arc<OnceCell<Arc<ShardIndex>>>>>,
}

/// What is known of the nodes.
#[derive(Debug, Default)]
struct Tree {
    /// By path, in stored order.
    nodes: IndexMap<String, Node>,
    /// Whether nodes that are not known do not exist.
    complete: bool,
    /// What is known of the collected metadata in the store.
    collected: Collected,
    /// What tells whether the collected metadata in the store are those that were read or written last.
    collected_stamp: Option<FileStamp>,
    /// Whether no metadata of a node is in the store yet.
    unsettled: bool,
}

/// The collected metadata in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Collected {
    /// Not there, and not wanted.
    #[default]
    Unwanted,
    /// To be made when the store is committed.
    Stale,
    /// There, and true.
    Current,
}

/// A group or an array.
#[derive(Debug, Clone, Default)]
struct Node {
    is_array: bool,
    attributes: Document,
    /// Version 3: `zarr.json` without attributes and collected metadata. Version 2: `.zarray` or `.zgroup`.
    document: Document,
    /// Why it cannot be opened; then the document is as it was found. Other nodes of the store are what they are.
    fault: Option<(ErrorKind, String)>,
    stamp: Stamp,
    state: Arc<State>,
}

/// What tells the metadata of an array in the store from others that were put in their place; `None` as long as the array
/// was not opened, or if the store does not know. A node and the arrays opened from it share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamp(Arc<Mutex<Option<FileStamp>>>);

impl Stamp {
    /// Held while the metadata are written or compared.
    fn lock(&self) -> MutexGuard<'_, Option<FileStamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// A node that cannot be opened.
    fn faulty(document: Value, error: &Error) -> Self {
        let document = if let Value::Object(document) = document { document } else { Document::new() };
        Self { document, fault: Some((error.kind(), error.message().to_owned())), ..Self::default() }
    }

    /// The node, where it can be opened.
    fn checked(self) -> Result<Self> {
        match self.fault {
            Some((kind, message)) => Err(Error::new(kind, message)),
            None => Ok(self),
        }
    }

    fn kind(&self) -> NodeKind {
        if self.is_array { NodeKind::Array } else { NodeKind::Group }
    }
}

impl Shared {
    fn new(store: Box<dyn Store>, format: ZarrFormat, options: &ZarrOptions, tree: Tree) -> Self {
        let options = options.clone();
        let location = store.location().map(Into::into);
        Self { store, location, format, options, tree: RwLock::new(tree), indexes: Mutex::default() }
    }

    fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn indexes(&self) -> MutexGuard<'_, HashMap<String, Arc<OnceCell<Arc<ShardIndex>>>>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cached_index(&self, key: &str) -> Option<Arc<ShardIndex>> {
        self.indexes().get(key)?.get().map(Arc::clone)
    }

    pub(crate) fn cache_index(&self, key: &str, index: &Arc<ShardIndex>) {
        self.indexes().insert(key.to_owned(), Arc::new(OnceCell::new_with(Some(Arc::clone(index)))));
    }

    /// The index that is cached, else one that was read: what was written meanwhile is newer.
    pub(crate) fn cached_or(&self, key: &str, read: Arc<ShardIndex>) -> Arc<ShardIndex> {
        let cell = self.coming_index(key);
        // It fails where the cell is full, or is being filled with the same index.
        let _ = cell.set(Arc::clone(&read));
        cell.get().map_or(read, Arc::clone)
    }

    /// The cell for the index of the shard at `key`, which whoever reads the index fills.
    pub(crate) fn coming_index(&self, key: &str) -> Arc<OnceCell<Arc<ShardIndex>>> {
        Arc::clone(self.indexes().entry(key.to_owned()).or_default())
    }

    pub(crate) fn forget_index(&self, key: &str) {
        self.indexes().remove(key);
    }

    /// Refuses to write to a store that cannot be written, or is another one than was opened.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.store.is_writable() { self.store.check_same() } else { Err(read_only()) }
    }

    /// Refuses to go on where the array at a path is another one than was opened.
    pub(crate) fn check_array(&self, path: &str, stamp: &Stamp) -> Result<()> {
        let opened = stamp.lock();
        if opened.is_none() || self.store.stamp(&self.array_key(path))? == *opened {
            return Ok(());
        }
        Err(Error::stale("it was replaced, moved or removed after it was opened: open it again").at(path))
    }
}

impl Drop for Shared {
    /// Collected metadata that are out of date were removed at the first edit; here they come back.
    fn drop(&mut self) {
        if self.tree().collected == Collected::Stale {
            // Nobody is left to hear of an error, and without them the store is complete.
            let _ = self.collect();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZarrStore").field("store", &self.store).field("format", &self.format).finish_non_exhaustive()
    }
}

impl fmt::Debug for ZarrStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ZarrStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.location {
            Some(location) => write!(f, "{}", location.display()),
            None => self.0.store.fmt(f),
        }
    }
}
