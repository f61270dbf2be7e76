//! [`RemoteObject`]: one object of an object store, of which parts are read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{Error, Result};
use bytes::Bytes;
use object_store::ObjectStore;

use crate::ZarrOptions;
use crate::open::by_url;
use crate::store::object::Objects;
use crate::store::{ByteRange, Remote, Store as _};

/// One object of an object store, such as a file behind a URL, of which parts are read: for formats other than zarr.
///
/// Requests that fail are made again, and many may be under way, as for a zarr store. If a server knows no parts of objects, the
/// whole is fetched and kept in memory, within [`Limits::max_unbacked`](anndata_storage::Limits).
///
/// All that is read is of one version of the object: once its ETag is another (or, without one, its time of change), or its size,
/// reading is a [`Stale`](anndata_storage::ErrorKind::Stale) error.
///
/// ```
/// use std::sync::Arc;
/// use anndata_io_zarr::object_store::{ObjectStoreExt as _, memory::InMemory};
/// use anndata_io_zarr::{RemoteObject, ZarrOptions};
///
/// let objects = Arc::new(InMemory::new());
/// futures_executor::block_on(objects.put(&"a/b.h5ad".into(), vec![1_u8, 2, 3].into())).unwrap();
/// let object = RemoteObject::of_objects(objects, "a/b.h5ad", &ZarrOptions::default())?;
/// assert_eq!(object.size()?, 3);
/// assert_eq!(&*object.read(1..3)?, [2, 3]);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Clone)]
pub struct RemoteObject(Remote);

impl RemoteObject {
    /// The object at a URL such as `s3://bucket/cells.h5ad` (feature `cloud`). Nothing is asked for yet. Settings of the provider
    /// come from the environment, and from the options, as for a zarr store.
    ///
    /// # Errors
    /// If the URL is of an unknown kind.
    pub fn by_url(url: &str, options: &ZarrOptions) -> Result<Self> {
        let open = || Self::new(by_url(url, options)?, options);
        open().map_err(|error| error.in_file(url))
    }

    /// The object at a path of an object store. Nothing is asked for yet.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn of_objects(objects: Arc<dyn ObjectStore>, path: &str, options: &ZarrOptions) -> Result<Self> {
        let name = format!("{objects}/{}", path.trim_matches('/'));
        Self::new(Objects::new(objects, path, name, options), options)
    }

    fn new(objects: Objects, options: &ZarrOptions) -> Result<Self> {
        Remote::new(Arc::new(objects.of_one_version()), options.concurrency, options.retries, false).map(Self)
    }

    /// The number of bytes.
    ///
    /// # Errors
    /// [`NotFound`](anndata_storage::ErrorKind::NotFound) if there is no such object, or if the request fails.
    pub fn size(&self) -> Result<u64> {
        self.0.size("")?.ok_or_else(absent)
    }

    /// Some bytes.
    ///
    /// # Errors
    /// [`NotFound`](anndata_storage::ErrorKind::NotFound) if there is no such object; if it has fewer bytes, the request fails, or
    /// the server knows no parts and the object is too large to be fetched as a whole.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let part = ByteRange::Part { start: range.start, len: range.end.saturating_sub(range.start) };
        let remote = self.0.clone();
        let read = self.0.runtime().wait(async move { remote.get("", part, u64::MAX).await });
        read?.ok_or_else(absent)
    }
}

impl fmt::Debug for RemoteObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteObject").field(&format_args!("{}", self.0)).finish()
    }
}

fn absent() -> Error {
    Error::not_found("no such object")
}
