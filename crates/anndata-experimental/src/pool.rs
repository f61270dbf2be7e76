//! [`StorePool`]: more stores than may be open at a time.

use std::collections::HashMap;
use std::fmt::{self, Debug, Display};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, AxisSelection, Capabilities, Error, ErrorKind, FileStamp, Group, Limits,
    NodeKind, NodeMeta, OrBug, PieceFormat, PieceState, Result, Storage, StoredPieces, Tensor, TreeVisitor,
};

/// Stores that are opened when they are read and of which the least recently used is closed where there are too many, so that
/// any number of them can be in use with few open files. They are for reading only.
///
/// Stores with latency, which have no open file, stay as they are.
#[derive(Debug, Clone)]
pub struct StorePool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    capacity: usize,
    /// The stores that are open, with the time of their last use.
    open: Mutex<Vec<(u64, Weak<Pooled>)>>,
    clock: AtomicU64,
}

/// How many stores are open at a time; an HDF5 file takes two descriptors.
const CAPACITY: usize = 100;

impl Default for StorePool {
    /// A pool of 100 stores, which is within the usual limit of 256 descriptors.
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl StorePool {
    /// A pool that keeps this many stores open, at least one.
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Inner { capacity: capacity.max(1), open: Mutex::default(), clock: AtomicU64::new(0) }))
    }

    /// A group of a store, which a function opens: now, and again whenever the store was closed meanwhile.
    ///
    /// # Errors
    /// As the function.
    pub fn group(&self, open: impl Fn() -> Result<Group> + Send + Sync + 'static) -> Result<Group> {
        let group = open()?;
        let storage = Arc::clone(group.storage());
        if storage.as_async().is_some() {
            return Ok(group);
        }
        let path = group.path().to_owned();
        let location = storage.location().map(Path::to_owned);
        let pooled = Arc::new_cyclic(|me| Pooled {
            me: Weak::clone(me),
            pool: Arc::clone(&self.0),
            stamp: location.as_deref().and_then(stamp_of),
            capabilities: storage.capabilities().read_only(),
            limits: storage.limits(),
            piece_family: storage.piece_family(),
            location,
            open: Box::new(move || Ok(Arc::clone(open()?.storage()))),
            current: Mutex::new(Some(Arc::new(Open { storage, arrays: Mutex::default() }))),
        });
        self.0.used(&pooled);
        let root = Group::root(pooled);
        if path.is_empty() { Ok(root) } else { root.group(&path) }
    }

    /// How many stores are open.
    pub fn n_open(&self) -> usize {
        lock(&self.0.open).len()
    }
}

impl Inner {
    /// Notes that a store is in use, and closes those that were not for the longest time.
    fn used(&self, store: &Arc<Pooled>) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut closed = Vec::new();
        {
            let mut open = lock(&self.open);
            open.retain(|(_, other)| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(store)));
            open.push((now, Arc::downgrade(store)));
            while open.len() > self.capacity {
                let oldest = open.iter().enumerate().min_by_key(|(_, (used, _))| *used).map(|(at, _)| at);
                closed.extend(oldest.and_then(|at| open.swap_remove(at).1.upgrade()));
            }
        }
        for store in closed {
            let dropped = lock(&store.current).take();
            drop(dropped);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind the locks is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp_of(path: &Path) -> Option<FileStamp> {
    std::fs::metadata(path).ok().map(|metadata| FileStamp::of(&metadata))
}

/// A store that is open or not.
struct Pooled {
    me: Weak<Pooled>,
    pool: Arc<Inner>,
    open: Box<dyn Fn() -> Result<Arc<dyn Storage>> + Send + Sync>,
    location: Option<PathBuf>,
    /// What it was when it was first opened.
    stamp: Option<FileStamp>,
    capabilities: Capabilities,
    limits: Limits,
    piece_family: Option<&'static str>,
    current: Mutex<Option<Arc<Open>>>,
}

/// An open store, and its open arrays, which keep it open.
struct Open {
    storage: Arc<dyn Storage>,
    arrays: Mutex<HashMap<String, Arc<dyn ArrayStorage>>>,
}

impl Open {
    fn array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        if let Some(array) = lock(&self.arrays).get(path) {
            return Ok(Arc::clone(array));
        }
        let array = self.storage.open_array(path)?;
        lock(&self.arrays).insert(path.to_owned(), Arc::clone(&array));
        Ok(array)
    }
}

impl Pooled {
    /// The open store, opened again where it was closed.
    fn get(&self) -> Result<Arc<Open>> {
        let found = lock(&self.current).clone();
        let open = match found {
            Some(open) => open,
            None => self.reopen()?,
        };
        self.pool.used(&self.me.upgrade().or_bug("a store that is gone")?);
        Ok(open)
    }

    fn reopen(&self) -> Result<Arc<Open>> {
        if self.location.as_deref().and_then(stamp_of) != self.stamp {
            let message =
                "it is not what it was when it was opened: it was written to, or another one was put in its place";
            return Err(Error::new(ErrorKind::Stale, message));
        }
        // Without the lock, as opening may wait for others who read the store. Who opened it first is right.
        let open = Arc::new(Open { storage: (self.open)()?, arrays: Mutex::default() });
        Ok(Arc::clone(lock(&self.current).get_or_insert(open)))
    }

    fn wrap(&self, path: &str, array: &dyn ArrayStorage) -> Result<Arc<dyn ArrayStorage>> {
        let store = self.me.upgrade().or_bug("a store that is gone")?;
        let has_pieces = array.as_pieces().is_some();
        Ok(Arc::new(PooledArray { store, path: path.to_owned(), spec: array.spec(), has_pieces }))
    }
}

impl Debug for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").field("location", &self.location).finish_non_exhaustive()
    }
}

impl Display for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "{}", location.display()),
            None => f.write_str("a store of a pool"),
        }
    }
}

impl Storage for Pooled {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn location(&self) -> Option<&Path> {
        self.location.as_deref()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.get()?.storage.kind(path)
    }

    fn identity(&self, path: &str) -> Result<Option<u128>> {
        self.get()?.storage.identity(path)
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        self.get()?.storage.children(path)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.get()?.storage.attributes(path)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        let array = self.get()?.array(path)?;
        self.wrap(path, &*array)
    }

    fn tree(&self, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        self.get()?.storage.tree(path, &mut Wrapping { store: self, visitor })
    }

    fn piece_family(&self) -> Option<&'static str> {
        self.piece_family
    }

    fn verify(&self) -> Result<Vec<Error>> {
        self.get()?.storage.verify()
    }
}

/// Hands on what a store reports, with arrays that can be closed.
struct Wrapping<'a> {
    store: &'a Pooled,
    visitor: &'a mut dyn TreeVisitor,
}

impl TreeVisitor for Wrapping<'_> {
    fn enter(&mut self, path: &str) -> Result<bool> {
        self.visitor.enter(path)
    }

    fn visit(&mut self, path: &str, found: Result<NodeMeta>) -> Result<bool> {
        let found = found.and_then(|meta| {
            let array = meta.array.map(|array| self.store.wrap(path, &*array)).transpose()?;
            Ok(NodeMeta { array, ..meta })
        });
        self.visitor.visit(path, found)
    }
}

/// An array of a store that may be closed.
#[derive(Debug)]
struct PooledArray {
    store: Arc<Pooled>,
    path: String,
    spec: Arc<ArraySpec>,
    has_pieces: bool,
}

impl PooledArray {
    fn with_pieces<T>(&self, run: impl FnOnce(&dyn StoredPieces) -> Result<T>) -> Result<T> {
        let array = self.store.get()?.array(&self.path)?;
        run(array.as_pieces().or_bug("an array that had pieces before")?)
    }
}

impl StoredPieces for PooledArray {
    fn format(&self) -> Result<PieceFormat> {
        self.with_pieces(|pieces| pieces.format())
    }

    fn state(&self, position: &[u64]) -> Result<PieceState> {
        self.with_pieces(|pieces| pieces.state(position))
    }

    fn read(&self, position: &[u64], range: Range<u64>, bytes: &mut Vec<u8>) -> Result<()> {
        self.with_pieces(|pieces| pieces.read(position, range, bytes))
    }
}

impl ArrayStorage for PooledArray {
    fn spec(&self) -> Arc<ArraySpec> {
        Arc::clone(&self.spec)
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.store.get()?.array(&self.path)?.read(selection)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        self.store.get()?.array(&self.path)?.stored_bytes()
    }

    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        self.store.get()?.array(&self.path)?.read_runs(runs)
    }

    fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        self.store.get()?.array(&self.path)?.read_runs_into(runs, out)
    }

    fn as_pieces(&self) -> Option<&dyn StoredPieces> {
        self.has_pieces.then_some(self)
    }
}
