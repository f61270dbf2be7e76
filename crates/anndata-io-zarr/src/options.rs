//! How a store is opened or made.

use std::path::PathBuf;

use anndata_storage::Limits;

/// The two versions of the zarr format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ZarrFormat {
    /// Version 2: `.zgroup`, `.zarray`, `.zattrs`, `.zmetadata`.
    V2,
    /// Version 3: `zarr.json`, shards.
    #[default]
    V3,
}

/// Whether new arrays are stored in shards: files of many chunks. Version 3 only; version 2 has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharding {
    /// One file per chunk, of larger chunks.
    Off,
    /// Shards of about this many bytes of uncompressed values.
    Auto {
        /// The bytes of a full shard before compression.
        target_bytes: u64,
    },
}

impl Default for Sharding {
    /// Shards of 1 GB, as Python's anndata asks for.
    fn default() -> Self {
        Self::Auto { target_bytes: 1_000_000_000 }
    }
}

/// Where parts of objects behind a network are kept on the local disk, so that they are fetched once.
///
/// A part belongs to one version of its object, which is asked for (by a `HEAD`) once for each object that is read of a store that is
/// open: where that has changed, it is fetched again. Objects of which the server says neither an entity tag nor a time are not kept,
/// nor are metadata. Several processes may share a folder.
///
/// ```
/// use anndata_io_zarr::{PageCache, ZarrOptions};
///
/// let options = ZarrOptions::default().with_cache(PageCache::new("/scratch/pages").with_bytes(200 << 30));
/// assert_eq!(options.cache.map(|cache| cache.bytes), Some(200 << 30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageCache {
    /// The folder, which is made if it is not there. Files in it that are no such parts are left alone.
    pub dir: PathBuf,
    /// About the most bytes that the parts in the folder take, of all processes together: those that were not used for the longest
    /// time are removed to make room. Default: 10 GiB.
    pub bytes: u64,
}

impl PageCache {
    /// A folder for 10 GiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), bytes: 10 << 30 }
    }

    /// Sets the most bytes.
    #[must_use]
    pub fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

/// How a store is opened or made.
///
/// ```
/// use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions};
///
/// let options = ZarrOptions::default().with_format(ZarrFormat::V2).with_consolidated(false);
/// assert_eq!(options.sharding, Sharding::Auto { target_bytes: 1_000_000_000 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZarrOptions {
    /// Making: the version (default 3). Opening: the only version that is looked for (default: both).
    pub format: Option<ZarrFormat>,
    /// Opening: collected metadata are used where they are. Writing: they are made on [`flush`]. Default: yes.
    ///
    /// [`flush`]: anndata_storage::Storage::flush
    pub consolidated: bool,
    /// Whether new arrays get shards where no shape is asked for. Default: shards of 1 GB.
    pub sharding: Sharding,
    /// The most requests that are under way at a remote store. Default: 64.
    pub concurrency: usize,
    /// How often a failed request of a remote store is tried again. Default: 4.
    pub retries: u32,
    /// How much declared sizes are trusted.
    pub limits: Limits,
    /// Whether links within a folder are followed wherever they lead. Default: no; then links to folders, and links to files
    /// outside the store, are refused, and links to files within it are followed for reading.
    pub allow_links: bool,
    /// Whether [`write_atomic`](crate::write_atomic), and a flush of a zip file, wait until the disk has everything. Default:
    /// yes.
    pub durable: bool,
    /// Where parts of remote stores that are read are kept on the local disk. Default: nowhere.
    pub cache: Option<PageCache>,
    /// Settings of the provider of a URL, beside those of the environment (`aws_endpoint`, `aws_region`, ...).
    pub provider: Vec<(String, String)>,
}

impl Default for ZarrOptions {
    fn default() -> Self {
        Self {
            format: None,
            consolidated: true,
            sharding: Sharding::default(),
            concurrency: 64,
            retries: 4,
            limits: Limits::default(),
            allow_links: false,
            durable: true,
            cache: None,
            provider: Vec::new(),
        }
    }
}

impl ZarrOptions {
    /// Sets the zarr version.
    #[must_use]
    pub fn with_format(mut self, format: ZarrFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets whether collected metadata are used.
    #[must_use]
    pub fn with_consolidated(mut self, consolidated: bool) -> Self {
        self.consolidated = consolidated;
        self
    }

    /// Sets the sharding.
    #[must_use]
    pub fn with_sharding(mut self, sharding: Sharding) -> Self {
        self.sharding = sharding;
        self
    }

    /// Sets the maximum number of concurrent requests (at least 1).
    #[must_use]
    pub fn with_concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    /// Sets how often a failed request is repeated.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets whether links within a folder are followed wherever they lead.
    #[must_use]
    pub fn with_allow_links(mut self, allow: bool) -> Self {
        self.allow_links = allow;
        self
    }

    /// Sets whether writing waits for the disk (fsync).
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Sets where parts of remote stores are kept on the local disk.
    #[must_use]
    pub fn with_cache(mut self, cache: impl Into<Option<PageCache>>) -> Self {
        self.cache = cache.into();
        self
    }

    /// Adds a setting of the provider of a URL.
    #[must_use]
    pub fn with_provider(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.provider.push((name.into(), value.into()));
        self
    }
}
