//! Values as objects of an `object_store`: S3, Google Cloud Storage, Azure, HTTP, or anything else that implements it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anndata_storage::{Error, ErrorKind, Result, file_name};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt};
use tokio::sync::Mutex as AsyncMutex;

use super::pages::{Cached, Version};
use super::remote::{AsyncStore, BoxFuture, Sizes};
use super::{ByteRange, METADATA, check_size, join, too_short};
use crate::ZarrOptions;

/// The objects below a path of an object store.
#[derive(Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    name: String,
    /// The most bytes of an object of which a part is wanted where the store has no parts.
    max_whole: u64,
    /// Whether the store said that it has no parts of objects.
    no_ranges: AtomicBool,
    whole: Whole,
    /// What all answers have to be of, where the objects are one whose parts belong together.
    version: Option<OneVersion>,
    cached: Option<Cached>,
}

/// The version of an object that the first answer was of.
#[derive(Debug, Default)]
struct OneVersion(OnceLock<Version>);

impl OneVersion {
    /// Refuses another version.
    fn check(&self, answer: &Version) -> Result<()> {
        if self.0.get_or_init(|| answer.clone()).is_same(answer) {
            Ok(())
        } else {
            Err(Error::stale("the object was changed after it was opened: open it again"))
        }
    }
}

/// The objects that were fetched whole for the sake of a part, by key, the latest last. Who waits for one that is under way
/// does not fetch it again.
#[derive(Debug, Default)]
struct Whole(Mutex<Vec<(String, Fetched)>>);

type Fetched = Arc<AsyncMutex<Option<Bytes>>>;

/// The bytes of whole objects that are kept. The latest is kept whatever its size.
const KEPT: usize = 64 << 20;

impl Whole {
    fn slot(&self, key: &str) -> Fetched {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fetched)) = kept.iter().find(|(known, _)| known == key) {
            return Arc::clone(fetched);
        }
        let size = |fetched: &Fetched| fetched.try_lock().ok().and_then(|bytes| bytes.as_ref().map(Bytes::len));
        // One that is under way has no size yet.
        let mut total = kept.iter().filter_map(|(_, fetched)| size(fetched)).fold(0, usize::saturating_add);
        kept.retain(|(_, fetched)| match size(fetched) {
            Some(bytes) if total > KEPT => {
                total -= bytes;
                false
            }
            _ => true,
        });
        let fetched = Fetched::default();
        kept.push((key.to_owned(), Arc::clone(&fetched)));
        fetched
    }
}

impl Objects {
    /// The objects below `prefix`; `name` is how the store prints.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: &str, name: String, options: &ZarrOptions) -> Self {
        let prefix = prefix.trim_matches('/').to_owned();
        let (max_whole, cached) = (options.limits.max_unbacked, options.cache.clone().map(Cached::new));
        let (no_ranges, whole) = (AtomicBool::new(false), Whole::default());
        Self { store, prefix, name, max_whole, no_ranges, whole, version: None, cached }
    }

    /// The same, of one object: answers of another version of it than the first are errors.
    pub(crate) fn of_one_version(mut self) -> Self {
        self.version = Some(OneVersion::default());
        self
    }

    fn check_version(&self, answer: &Version) -> Result<()> {
        self.version.as_ref().map_or(Ok(()), |version| version.check(answer))
    }

    fn path(&self, key: &str) -> Path {
        match (self.prefix.as_str(), key) {
            ("", key) => Path::from(key),
            (prefix, "") => Path::from(prefix),
            (prefix, key) => Path::from(join(prefix, key)),
        }
    }

    /// Asks for the version of an object anew when it is read next.
    fn forget(&self, key: &str) {
        if let Some(cached) = &self.cached {
            cached.forget(&self.path(key));
        }
    }

    /// The key of an object.
    fn key(&self, path: &Path) -> Option<String> {
        super::memory::below(path.as_ref(), self.path("").as_ref()).map(str::to_owned)
    }
}

/// The error of an object store by its kind.
pub(super) fn failed(error: object_store::Error) -> Error {
    use object_store::Error as E;
    let (kind, message) = match &error {
        E::NotFound { .. } => (ErrorKind::NotFound, "no such object"),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => (ErrorKind::Refused, "access was denied"),
        E::NotSupported { .. } | E::NotImplemented { .. } => {
            (ErrorKind::Unsupported, "the object store cannot do this")
        }
        E::InvalidPath { .. } => (ErrorKind::InvalidInput, "not a path of an object store"),
        _ => (ErrorKind::Io, "a request failed"),
    };
    Error::new(kind, message).with_source(error)
}

/// An answer, `None` if the object is not there.
fn found<T>(result: object_store::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

impl Objects {
    async fn get_range(&self, key: &str, range: Option<GetRange>, max: u64) -> object_store::Result<Result<Bytes>> {
        if let Some(cached) = self.cached.as_ref().filter(|_| !METADATA.contains(&file_name(key))) {
            return self.get_cached(cached, key, range, max).await;
        }
        let answer = self.store.get_opts(&self.path(key), GetOptions { range, ..GetOptions::default() }).await?;
        let size = answer.range.end.saturating_sub(answer.range.start);
        let checked = self.check_version(&Version::of(&answer.meta)).and_then(|()| check_size(key, size, max));
        if let Err(error) = checked {
            return Ok(Err(error));
        }
        answer.bytes().await.map(Ok)
    }

    /// A part of an object from the local disk, or fetched and kept there.
    async fn get_cached(
        &self,
        cached: &Cached,
        key: &str,
        range: Option<GetRange>,
        max: u64,
    ) -> object_store::Result<Result<Bytes>> {
        let path = self.path(key);
        let version = cached.version(&*self.store, &path).await?;
        if let Some(Err(error)) = version.as_ref().map(|version| self.check_version(version)) {
            return Ok(Err(error));
        }
        let name = version.as_ref().and_then(|version| version.page(&self.name, &path, range.as_ref()));
        if let Some(name) = &name
            && let Some(bytes) = cached.get(name.clone()).await
        {
            return Ok(check_size(key, bytes.len() as u64, max).map(|_| bytes));
        }
        let answer = self.store.get_opts(&path, GetOptions { range, ..GetOptions::default() }).await?;
        let (size, found) = (answer.range.end.saturating_sub(answer.range.start), Version::of(&answer.meta));
        if let Err(error) = self.check_version(&found).and_then(|()| check_size(key, size, max)) {
            return Ok(Err(error));
        }
        // What took its place since is not kept under its name.
        let is_same = version.is_some_and(|version| version.is_same(&found));
        if !is_same {
            cached.forget(&path);
        }
        let bytes = answer.bytes().await?;
        if let Some(name) = name.filter(|_| is_same) {
            cached.put(name, bytes.clone()).await;
        }
        Ok(Ok(bytes))
    }

    async fn get(&self, key: &str, range: ByteRange, max: u64) -> Result<Option<Bytes>> {
        let wanted = match range {
            ByteRange::All => None,
            // An empty range is not a request.
            ByteRange::Part { len: 0, .. } | ByteRange::Last(0) => return Ok(Some(Bytes::new())),
            _ if self.no_ranges.load(Ordering::Relaxed) => return self.cut(key, range, max).await,
            ByteRange::Part { start, len } => Some(GetRange::Bounded(start..start.saturating_add(len))),
            ByteRange::Last(len) => Some(GetRange::Suffix(len)),
        };
        let mut result = self.get_range(key, wanted, max).await;
        if let (ByteRange::Last(len), Err(object_store::Error::NotSupported { .. })) = (range, &result) {
            // Azure knows no ranges from the end.
            let Some(object) = found(self.store.head(&self.path(key)).await)? else { return Ok(None) };
            let bounded = GetRange::Bounded(object.size.saturating_sub(len)..object.size);
            result = self.get_range(key, Some(bounded), max).await;
        }
        if let (ByteRange::Part { .. } | ByteRange::Last(_), Err(object_store::Error::NotSupported { .. })) =
            (range, &result)
        {
            // Plain HTTP servers know none at all.
            self.no_ranges.store(true, Ordering::Relaxed);
            return self.cut(key, range, max).await;
        }
        if let (Err(_), Some(version)) = (&result, &self.version)
            && let Ok(object) = self.store.head(&self.path(key)).await
        {
            // One that has become shorter has no such part.
            version.check(&Version::of(&object))?;
        }
        found(result)?.transpose()
    }

    /// A part of an object that is fetched whole.
    async fn cut(&self, key: &str, range: ByteRange, max: u64) -> Result<Option<Bytes>> {
        let slot = self.whole.slot(key);
        let mut fetched = slot.lock().await;
        if fetched.is_none() {
            let whole = found(self.get_range(key, None, self.max_whole).await)?.transpose();
            *fetched = whole.map_err(|error| {
                let message = "the server gives no parts of an object, and the whole is more than the limits allow";
                Error::new(error.kind(), message).with_source(error)
            })?;
        }
        let Some(whole) = &*fetched else { return Ok(None) };
        let part = range.within(whole.len() as u64).ok_or_else(|| too_short(key))?;
        check_size(key, part.end - part.start, max)?;
        let in_memory = |at: u64| usize::try_from(at).map_err(|_| too_short(key));
        Ok(Some(whole.slice(in_memory(part.start)?..in_memory(part.end)?)))
    }

    async fn list(&self, prefix: &str) -> Result<Option<Sizes>> {
        let path = self.path(prefix);
        let listed: object_store::Result<Vec<_>> = self.store.list(Some(&path)).try_collect().await;
        match listed {
            Ok(objects) => {
                let keyed = objects.into_iter().filter_map(|object| Some((self.key(&object.location)?, object.size)));
                Ok(Some(keyed.collect()))
            }
            Err(object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. }) => Ok(None),
            Err(error) if is_unknown_method(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Whether a server does not know the method of a request, as plain HTTP servers do not know the one that lists. The error has
/// the status in its text alone.
fn is_unknown_method(error: &object_store::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let is_told = |error: &dyn std::error::Error| {
        let text = error.to_string();
        text.contains("405 Method Not Allowed") || text.contains("501 Not Implemented")
    };
    matches!(error, object_store::Error::Generic { .. }) && causes.into_iter().any(is_told)
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl AsyncStore for Objects {
    fn get<'a>(&'a self, key: &'a str, range: ByteRange, max: u64) -> BoxFuture<'a, Result<Option<Bytes>>> {
        Box::pin(self.get(key, range, max))
    }

    fn size<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            let Some(object) = found(self.store.head(&self.path(key)).await)? else { return Ok(None) };
            self.check_version(&Version::of(&object))?;
            Ok(Some(object.size))
        })
    }

    fn children<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let listed = self.store.list_with_delimiter(Some(&self.path(prefix))).await.map_err(failed)?;
            let names = listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
            Ok(names.collect())
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Option<Sizes>>> {
        Box::pin(self.list(prefix))
    }

    /// The URL, or the object store that was handed over.
    fn identity(&self) -> String {
        if self.name.contains("://") {
            return self.name.trim_end_matches('/').to_owned();
        }
        format!("{:p}/{}", Arc::as_ptr(&self.store).cast::<()>(), self.prefix)
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn put<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.forget(key);
            self.store.put(&self.path(key), value.into()).await.map(drop).map_err(failed)
        })
    }

    fn begin<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn MultipartUpload>>>> {
        Box::pin(async move {
            self.forget(key);
            match self.store.put_multipart(&self.path(key)).await {
                Ok(upload) => Ok(Some(upload)),
                Err(object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. }) => Ok(None),
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.forget(key);
            found(self.store.delete(&self.path(key)).await).map(drop)
        })
    }
}
