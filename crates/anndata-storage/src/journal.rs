//! [`Journal`]: what was written of arrays, so that a write that was interrupted can go on.

use std::fmt::Debug;
use std::ops::Range;

use crate::Result;

/// What was written of the arrays of a store, kept beside it, so that a write that was interrupted goes on where it stopped.
///
/// Rows are noted in whole pieces: chunks, or shards where chunks are in such.
pub trait Journal: Debug + Send + Sync {
    /// The rows of the array at a path that an earlier write has written, in order and apart from each other.
    fn there(&self, path: &str) -> Vec<Range<u64>>;

    /// Notes that rows of an array were written, whose pieces have so many rows each.
    ///
    /// # Errors
    /// If that cannot be noted.
    fn wrote(&self, path: &str, rows: Range<u64>, piece_rows: u64) -> Result<()>;
}

/// Ranges in order, those that overlap or touch put together.
///
/// ```
/// assert_eq!(anndata_storage::merge_ranges(vec![5..7, 0..2, 2..3]), [0..3, 5..7]);
/// ```
pub fn merge_ranges(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
