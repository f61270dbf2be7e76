//! [`Limits`]: how much a reader trusts the sizes that a file declares.

use crate::{Error, Result};

/// How much a reader trusts the sizes that a file declares.
///
/// A file may declare an array far larger than what it stores: everything unwritten, or compressed very well. An array
/// is read only where its size in memory is at most `stored bytes x max_expansion + max_unbacked`. A chunk counts 4 KiB at
/// least, since it takes time to find out that it was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in memory for each stored byte. Default: 4,096 (deflate reaches 1,032, a chunk of zeros in zstd more).
    pub max_expansion: u64,
    /// Bytes in memory that need no stored byte behind them. Default: 4 GiB.
    pub max_unbacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_expansion: 4096, max_unbacked: 4 << 30 }
    }
}

impl Limits {
    /// No limit: for files of one's own.
    pub const NONE: Self = Self { max_expansion: u64::MAX, max_unbacked: u64::MAX };

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
