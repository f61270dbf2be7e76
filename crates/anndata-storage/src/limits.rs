//! [`Limits`]: how much a reader trusts the sizes that a file declares.

use crate::{Error, Result};

/// How much a reader trusts the sizes that a file declares.
///
/// A file may declare an array far larger than what it stores: everything unwritten, or compressed very well. An array
/// is read only where its size in memory is at most `stored bytes x max_expansion + max_unbacked`. A chunk counts 4 KiB at
/// least, since it takes time to find out that it was never written.
///
/// The default is made for data sets of any size. [`Limits::untrusted`] is for files from strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in memory for each stored byte. Default: 4,096 (deflate reaches 1,032, a chunk of zeros in zstd more).
    pub max_expansion: u64,
    /// Bytes in memory that need no stored byte behind them. Default: 4 GiB.
    pub max_unbacked: u64,
    /// Bytes in memory of all arrays that are read at once, texts among them: those of an object, or of a lazy element when it is
    /// asked for. Default: no limit.
    pub max_total: u64,
    /// The elements of a tree, columns and the arrays of sparse matrices among them. Default: 1,000,000.
    pub max_elements: u64,
    /// How many groups may be within each other. Default: 100, which is also the most.
    pub max_depth: u64,
    /// Bytes of one metadata document of a zarr store. Default: 1 GiB.
    pub max_metadata: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_expansion: 4096,
            max_unbacked: 4 << 30,
            max_total: u64::MAX,
            max_elements: 1_000_000,
            max_depth: 100,
            max_metadata: 1 << 30,
        }
    }
}

impl Limits {
    /// No limit: for files of one's own.
    pub const NONE: Self = Self {
        max_expansion: u64::MAX,
        max_unbacked: u64::MAX,
        max_total: u64::MAX,
        max_elements: u64::MAX,
        max_depth: u64::MAX,
        max_metadata: u64::MAX,
    };

    /// Limits for files from strangers: 1,100 bytes for each stored one, 64 MiB without any, 8 GiB for an element and all below
    /// it, 100,000 elements, 32 groups within each other, and metadata documents of 16 MiB.
    ///
    /// ```
    /// use anndata_storage::Limits;
    ///
    /// // A service that has little memory for each file.
    /// let limits = Limits::untrusted().with_max_total(1 << 30);
    /// assert!(limits.max_elements < Limits::default().max_elements);
    /// ```
    #[must_use]
    pub const fn untrusted() -> Self {
        Self {
            max_expansion: 1100,
            max_unbacked: 64 << 20,
            max_total: 8 << 30,
            max_elements: 100_000,
            max_depth: 32,
            max_metadata: 16 << 20,
        }
    }

    /// Sets [`max_expansion`](Self::max_expansion).
    #[must_use]
    pub fn with_max_expansion(mut self, bytes_per_byte: u64) -> Self {
        self.max_expansion = bytes_per_byte;
        self
    }

    /// Sets [`max_unbacked`](Self::max_unbacked).
    #[must_use]
    pub fn with_max_unbacked(mut self, bytes: u64) -> Self {
        self.max_unbacked = bytes;
        self
    }

    /// Sets [`max_total`](Self::max_total).
    #[must_use]
    pub fn with_max_total(mut self, bytes: u64) -> Self {
        self.max_total = bytes;
        self
    }

    /// Sets [`max_elements`](Self::max_elements).
    #[must_use]
    pub fn with_max_elements(mut self, elements: u64) -> Self {
        self.max_elements = elements;
        self
    }

    /// Sets [`max_depth`](Self::max_depth).
    #[must_use]
    pub fn with_max_depth(mut self, groups: u64) -> Self {
        self.max_depth = groups;
        self
    }

    /// Sets [`max_metadata`](Self::max_metadata).
    #[must_use]
    pub fn with_max_metadata(mut self, bytes: u64) -> Self {
        self.max_metadata = bytes;
        self
    }

    /// Checks that `needed` bytes may be allocated for something that takes `stored` bytes in the file.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded).
    pub fn check(&self, needed: u64, stored: u64) -> Result<()> {
        // A product beyond all numbers allows every size, as no limit does.
        let allowed = stored.saturating_mul(self.max_expansion).saturating_add(self.max_unbacked);
        if needed <= allowed {
            return Ok(());
        }
        Err(Error::limit_exceeded(format!(
            "{needed} bytes are declared but only {stored} are stored; the limits allow {allowed}"
        )))
    }
}
