//! Opening stores behind a network, and stores that the caller hands over.

use std::sync::Arc;

use anndata_storage::{Error, Result};
use object_store::ObjectStore;

use crate::store::Remote;
use crate::store::object::Objects;
use crate::store::remote::AsyncStore;
use crate::tree::ZarrStore;
use crate::{ZarrFormat, ZarrOptions};

impl ZarrStore {
    /// Opens the store below `prefix` of an object store for reading.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use anndata_io_zarr::{ZarrFormat, ZarrOptions, ZarrStore};
    /// use anndata_storage::{ArraySpec, Group, Storage, Tensor};
    ///
    /// let (objects, options) = (Arc::new(object_store::memory::InMemory::new()), ZarrOptions::default());
    /// let store = Arc::new(ZarrStore::create_objects(objects.clone(), "a.zarr", ZarrFormat::V3, &options)?);
    /// let numbers = Tensor::from_vec([3], vec![1, 2, 3])?;
    /// Group::root(store.clone()).create_array("numbers", &ArraySpec::of(&numbers))?.write(&[0], &numbers)?;
    /// store.commit()?;
    ///
    /// let root = Group::root(Arc::new(ZarrStore::open_objects(objects, "a.zarr", &options)?));
    /// assert_eq!(root.array("numbers")?.read()?, numbers);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no zarr store, its metadata are malformed, or requests fail.
    pub fn open_objects(objects: Arc<dyn ObjectStore>, prefix: &str, options: &ZarrOptions) -> Result<Self> {
        let name = format!("{objects}/{}", prefix.trim_matches('/'));
        Self::open_async(Arc::new(Objects::new(objects, prefix, name, options)), options)
    }

    /// Makes a store below `prefix` of an object store.
    ///
    /// # Errors
    /// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) if a zarr store is there, or if requests fail.
    pub fn create_objects(
        objects: Arc<dyn ObjectStore>,
        prefix: &str,
        format: ZarrFormat,
        options: &ZarrOptions,
    ) -> Result<Self> {
        let name = format!("{objects}/{}", prefix.trim_matches('/'));
        Self::create_async(Arc::new(Objects::new(objects, prefix, name, options)), format, options)
    }

    /// Makes a store at a URL such as `s3://bucket/name.zarr` (feature `cloud`).
    ///
    /// # Errors
    /// As [`create_objects`](Self::create_objects), or if the URL is of an unknown kind.
    pub fn create_url(url: &str, format: ZarrFormat, options: &ZarrOptions) -> Result<Self> {
        let create = || Self::create_async(Arc::new(by_url(url, options)?), format, options);
        create().map_err(|error| error.in_file(url))
    }

    /// Opens a store of the `zarrs` ecosystem for reading.
    ///
    /// # Errors
    /// If it holds no zarr group, its metadata are malformed, or it fails.
    #[cfg(feature = "zarrs-storage")]
    pub fn open_zarrs(
        store: Arc<dyn zarrs_storage::ReadableListableStorageTraits>,
        options: &ZarrOptions,
    ) -> Result<Self> {
        Self::open_store(Box::new(crate::store::zarrs::Zarrs(store)), options)
    }

    /// Opens an asynchronous store of the `zarrs` ecosystem for reading.
    ///
    /// # Errors
    /// As [`open_zarrs`](Self::open_zarrs).
    #[cfg(feature = "zarrs-storage")]
    pub fn open_zarrs_async(
        store: Arc<dyn zarrs_storage::AsyncReadableListableStorageTraits>,
        options: &ZarrOptions,
    ) -> Result<Self> {
        Self::open_async(Arc::new(crate::store::zarrs::AsyncZarrs(store)), options)
    }

    /// Opens the store at a URL for reading. Settings of the provider come from the environment (as `AWS_REGION`) and
    /// from [`ZarrOptions::provider`], which wins.
    pub(super) fn open_url(url: &str, options: &ZarrOptions) -> Result<Self> {
        let open = || Self::open_async(Arc::new(by_url(url, options)?), options);
        open().map_err(|error| error.in_file(url))
    }

    fn open_async(store: Arc<dyn AsyncStore>, options: &ZarrOptions) -> Result<Self> {
        Self::open_store(Box::new(Remote::new(store, options.concurrency, options.retries, false)?), options)
    }

    fn create_async(store: Arc<dyn AsyncStore>, format: ZarrFormat, options: &ZarrOptions) -> Result<Self> {
        let remote = Remote::new(store, options.concurrency, options.retries, true)?;
        match Self::open_store(Box::new(remote.clone()), &ZarrOptions { format: None, ..options.clone() }) {
            Err(error) if error.is_not_found() => Self::create_in(Box::new(remote), format, options),
            Err(error) => Err(error),
            Ok(store) => Err(Error::already_exists("it is a zarr store already").in_store(&store)),
        }
    }
}

/// The objects of a store at a URL.
#[cfg(feature = "cloud")]
pub(crate) fn by_url(url: &str, options: &ZarrOptions) -> Result<Objects> {
    let (objects, prefix) = super::url::objects(url, options)?;
    Ok(Objects::new(objects, &prefix, url.to_owned(), options))
}

#[cfg(not(feature = "cloud"))]
pub(crate) fn by_url(_url: &str, _options: &ZarrOptions) -> Result<Objects> {
    Err(Error::unsupported("this build knows no URLs: its feature 'cloud' is off"))
}
