//! Values behind a network: an asynchronous store, a runtime of its own, many requests under way.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use anndata_storage::BoxFuture;
use anndata_storage::{Error, OrBug as _, Result, Runtime};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::MultipartUpload;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use super::{ByteRange, Store, check_size, too_short};

/// Keys with their sizes.
pub(crate) type Sizes = Vec<(String, u64)>;

/// Values under keys, asynchronously.
pub(crate) trait AsyncStore: fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// Part of a value; `None` if it is not there. More than `max` bytes are an error before they are fetched, where
    /// the store says how many there are.
    fn get<'a>(&'a self, key: &'a str, range: ByteRange, max: u64) -> BoxFuture<'a, Result<Option<Bytes>>>;

    /// The size of a value.
    fn size<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<u64>>>;

    /// The names directly below a prefix that are themselves prefixes.
    fn children<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>>>;

    /// All keys below a prefix, with their sizes where known; `None` if the store cannot list.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Option<Sizes>>>;

    /// What tells the store from any other.
    fn identity(&self) -> String {
        self.to_string()
    }

    /// Whether values can be written.
    fn is_writable(&self) -> bool;

    /// Stores a value.
    fn put<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<()>>;

    /// Begins a value that is sent in parts and appears when they are completed; `None` if the store takes none.
    fn begin<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn MultipartUpload>>>> {
        Box::pin(async { Ok(None) })
    }

    /// Removes a value, if it is there.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// The stores that are open for reading in this process, and how often.
static OPEN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn open_stores() -> MutexGuard<'static, BTreeMap<String, usize>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a store is open for reading, as long as it lives: one that is read must not be replaced, as nothing of it would
/// be left.
#[derive(Debug)]
struct Reading(String);

impl Reading {
    fn of(store: &dyn AsyncStore) -> Self {
        let identity = store.identity();
        *open_stores().entry(identity.clone()).or_default() += 1;
        Self(identity)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = open_stores().entry(std::mem::take(&mut self.0)) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// An [`AsyncStore`] with what it runs on. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    store: Arc<dyn AsyncStore>,
    runtime: Runtime,
    permits: Arc<Semaphore>,
    concurrency: usize,
    retries: u32,
    writable: bool,
    /// The URL, or what else names the store.
    location: PathBuf,
    /// Held where the store is read and not written.
    _reading: Option<Arc<Reading>>,
}

impl Remote {
    /// Starts the runtime.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn new(store: Arc<dyn AsyncStore>, concurrency: usize, retries: u32, writable: bool) -> Result<Self> {
        let runtime = Runtime::new("anndata-zarr")?;
        let concurrency = concurrency.max(1);
        Ok(Self {
            _reading: (!writable).then(|| Arc::new(Reading::of(&*store))),
            writable: writable && store.is_writable(),
            location: PathBuf::from(store.to_string()),
            store,
            runtime,
            permits: Arc::new(Semaphore::new(concurrency)),
            concurrency,
            retries,
        })
    }

    /// What the requests run on.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The most requests that are under way at once.
    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// The right to have a request under way.
    async fn permit(&self) -> Result<SemaphorePermit<'_>> {
        self.permits.acquire().await.or_bug("the semaphore of a store is never closed")
    }

    /// Part of a value, tried again where the connection fails.
    pub(crate) async fn get(&self, key: &str, range: ByteRange, max: u64) -> Result<Option<Bytes>> {
        let mut pause = Duration::from_millis(50);
        for _ in 0..self.retries {
            match self.get_once(key, range, max).await {
                Err(error) if error.is_io() => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
        self.get_once(key, range, max).await
    }

    async fn get_once(&self, key: &str, range: ByteRange, max: u64) -> Result<Option<Bytes>> {
        let _permit = self.permit().await?;
        let Some(bytes) = self.store.get(key, range, max).await? else { return Ok(None) };
        check_size(key, bytes.len() as u64, max)?;
        match range {
            ByteRange::Part { len, .. } | ByteRange::Last(len) if bytes.len() as u64 != len => Err(too_short(key)),
            _ => Ok(Some(bytes)),
        }
    }

    /// Starts to store a value; the handle reports when it is stored.
    pub(crate) fn start_put(&self, key: String, value: Bytes) -> Result<JoinHandle<Result<()>>> {
        if !self.writable {
            return Err(super::read_only());
        }
        let store = Arc::clone(&self.store);
        self.start(async move { store.put(&key, value).await })
    }

    /// Starts a request, when others leave room for it.
    pub(crate) fn start(
        &self,
        request: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<JoinHandle<Result<()>>> {
        let remote = self.clone();
        self.runtime.spawn(async move {
            let _permit = remote.permit().await?;
            request.await
        })
    }

    /// Waits for the end of all these requests, also behind one that failed: none of them may write later. The first error is
    /// returned.
    pub(crate) fn join_all(&self, requests: impl IntoIterator<Item = JoinHandle<Result<()>>>) -> Result<()> {
        requests.into_iter().map(|request| self.runtime.join(request)).fold(Ok(()), Result::and)
    }

    /// Begins a value that is sent in parts; `None` if the store takes none.
    pub(crate) fn begin(&self, key: &str) -> Result<Option<Box<dyn MultipartUpload>>> {
        if !self.writable {
            return Err(super::read_only());
        }
        let (store, key) = (Arc::clone(&self.store), key.to_owned());
        self.runtime.wait(async move { store.begin(&key).await })
    }

    /// Whether the same store is open for reading.
    pub(crate) fn is_read(&self) -> bool {
        open_stores().contains_key(&self.store.identity())
    }

    /// All keys, with their sizes; `None` if the store cannot list.
    pub(crate) fn all(&self) -> Result<Option<Sizes>> {
        let store = Arc::clone(&self.store);
        self.runtime.wait(async move { store.list("").await })
    }

    /// Several values, whole, their requests overlapping.
    pub(crate) async fn get_all(self, keys: Vec<String>, max: u64) -> Result<Vec<Option<Bytes>>> {
        let remote = &self;
        stream::iter(keys)
            .map(|key| async move { remote.get(&key, ByteRange::All, max).await })
            .buffered(self.concurrency)
            .try_collect()
            .await
    }

    /// The names below each of some prefixes, sorted, their requests overlapping.
    pub(crate) async fn children_of(&self, prefixes: &[String]) -> Result<Vec<Vec<String>>> {
        stream::iter(prefixes.to_vec())
            .map(|prefix| async move {
                let _permit = self.permit().await?;
                let mut names = self.store.children(&prefix).await?;
                names.sort();
                Ok::<_, Error>(names)
            })
            .buffered(self.concurrency)
            .try_collect()
            .await
    }

    async fn keys(&self, prefix: &str) -> Result<Sizes> {
        let listed = self.store.list(prefix).await?;
        listed.ok_or_else(|| Error::unsupported("the store cannot list its content"))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&self.store).finish()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl Store for Remote {
    fn location(&self) -> Option<&Path> {
        Some(&self.location)
    }

    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let (remote, owned) = (self.clone(), key.to_owned());
        let Some(bytes) = self.runtime.wait(async move { remote.get(&owned, range, max).await })? else {
            return Ok(false);
        };
        into.clear();
        into.extend_from_slice(&bytes);
        Ok(true)
    }

    fn read_many(&self, keys: &[String], max: u64) -> Result<Vec<Option<Vec<u8>>>> {
        let values = self.runtime.wait(self.clone().get_all(keys.to_vec(), max))?;
        Ok(values.into_iter().map(|value| value.map(Into::into)).collect())
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        let (store, key) = (Arc::clone(&self.store), key.to_owned());
        self.runtime.wait(async move { store.size(&key).await })
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        let (store, prefix) = (Arc::clone(&self.store), prefix.to_owned());
        let mut names = self.runtime.wait(async move { store.children(&prefix).await })?;
        names.sort();
        Ok(names)
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        let (store, prefix) = (Arc::clone(&self.store), prefix.to_owned());
        let listed = self.runtime.wait(async move { store.list(&prefix).await })?;
        Ok(listed.map(|keys| keys.iter().map(|(_, size)| size).sum()))
    }

    fn is_writable(&self) -> bool {
        self.writable
    }

    fn write(&self, key: &str, value: &[u8]) -> Result<()> {
        self.runtime.join(self.start_put(key.to_owned(), Bytes::copy_from_slice(value))?)
    }

    fn erase(&self, key: &str) -> Result<()> {
        if !self.writable {
            return Err(super::read_only());
        }
        let (store, key) = (Arc::clone(&self.store), key.to_owned());
        self.runtime.wait(async move { store.delete(&key).await })
    }

    fn erase_all(&self, prefix: &str) -> Result<()> {
        if !self.writable {
            return Err(super::read_only());
        }
        let (remote, prefix) = (self.clone(), prefix.to_owned());
        self.runtime.wait(async move {
            let keys = remote.keys(&prefix).await?;
            let remote = &remote;
            stream::iter(keys)
                .map(|(key, _)| async move { remote.store.delete(&key).await })
                .buffer_unordered(remote.concurrency)
                .try_collect()
                .await
        })
    }

    /// Object stores cannot rename: every value is copied, then all old ones are removed.
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        if !self.writable {
            return Err(super::read_only());
        }
        let (remote, source, target) = (self.clone(), from.to_owned(), to.to_owned());
        self.runtime.wait(async move {
            let keys = remote.keys(&source).await?;
            let (remote, source, target) = (&remote, &source, &target);
            stream::iter(keys)
                .map(|(key, _)| async move {
                    let Some(rest) = super::memory::below(&key, source) else { return Ok(()) };
                    match remote.get(&key, ByteRange::All, u64::MAX).await? {
                        Some(value) => remote.store.put(&super::join(target, rest), value).await,
                        None => Ok(()),
                    }
                })
                .buffer_unordered(remote.concurrency)
                .try_collect::<()>()
                .await
        })?;
        self.erase_all(from)
    }

    fn as_remote(&self) -> Option<&Remote> {
        Some(self)
    }
}
