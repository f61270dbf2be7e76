//! [`Source`]: whose bytes values are made of.

use anndata_storage::Result;
use arrow_array::{LargeBinaryArray, LargeStringArray};

use super::ByteCount;

/// Where bytes come from, which decides where in them the values are and what stands for a text.
pub(crate) trait Source {
    /// The offset or size that applies.
    fn pick(&self, count: ByteCount) -> usize;

    /// The texts that cells (references or pointers) stand for.
    ///
    /// # Safety
    /// The cells are those of texts in bytes that come from this source.
    unsafe fn texts(&self, cells: &[u8]) -> Result<LargeStringArray>;

    /// The bytes of the lists that cells (references) stand for, of items of so many bytes.
    fn lists(&self, cells: &[u8], item: usize) -> Result<LargeBinaryArray>;
}
