//! [`RowCopy`]: rows of stored arrays that become rows of another one, neither of them encoded.

use std::ops::Range;
use std::path::Path;

use anndata_storage::{Array, ArraySpec, AxisSelection, OrBug, Result};
use rayon::prelude::*;

use super::options::NodeWriteOptions;
use crate::node::StoredRows;

/// The bytes that one core copies at a time, unless a chunk is larger: they stay in its cache.
const PART: u64 = 1 << 20;

/// Rows of a stored array that become rows of another one, both without codecs: they are read and written a part at a time, in
/// little memory that is reused. In a chunked target only whole chunks are copied, so that each is written once.
pub(super) struct RowCopy {
    from: StoredRows,
    to: Array,
    rows: Range<u64>,
    /// How many rows are copied at a time.
    step: u64,
}

impl RowCopy {
    /// Plans the copy of those rows that can be copied within the memory of a block; `None` if there are none.
    pub(super) fn new(from: &StoredRows, to: &Array, options: &NodeWriteOptions) -> Option<Self> {
        let (stored, made) = (from.array.spec(), to.spec());
        let (&len, inner) = stored.shape.split_first()?;
        let is_same = stored.dtype == made.dtype && stored.dtype.is_numeric() && made.shape.get(1..) == Some(inner);
        let is_plain =
            stored.codecs.is_empty() && made.codecs.is_empty() && made.shards.is_none() && made.grid.is_empty();
        // A remote store would be asked for each small part.
        let is_here = from.array.storage().location().is_some_and(Path::exists);
        if !is_here || !is_same || !is_plain || stored.is_empty() || options.journal.is_some() {
            return None;
        }
        let row = inner.iter().copied().fold(stored.dtype.size()? as u64, u64::saturating_mul);
        let chunk =
            |spec: &ArraySpec| spec.chunks.as_ref().and_then(|chunks| chunks.first()).map_or(1, |&rows| rows.max(1));
        let room = options.block_bytes / rayon::current_num_threads().max(1) as u64;
        if row.saturating_mul(chunk(&stored).max(chunk(&made))) > room {
            return None;
        }
        let end = from.start.checked_add(len)?;
        let whole = if made.shape.first() == Some(&end) { end } else { end - end % chunk(&made) };
        let rows = from.start.checked_next_multiple_of(chunk(&made))?..whole;
        let step = (PART.min(room) / row.max(1)).max(1).next_multiple_of(chunk(&made));
        (!rows.is_empty()).then(|| Self { from: from.clone(), to: to.clone(), rows, step })
    }

    /// The rows of the target that are copied.
    pub(super) fn rows(&self) -> &Range<u64> {
        &self.rows
    }

    /// Copies them, on all cores.
    pub(super) fn run(&self, options: &NodeWriteOptions) -> Result<()> {
        let StoredRows { start, array, .. } = &self.from;
        let inner = AxisSelection::all(array.shape().get(1..).or_bug("rows of an array without axes")?);
        (0..(self.rows.end - self.rows.start).div_ceil(self.step)).into_par_iter().try_for_each(|part| {
            let first = self.rows.start + part * self.step;
            let end = self.rows.end.min(first.saturating_add(self.step));
            let rows = std::iter::once(AxisSelection::Range(first - start..end - start));
            let values = array.read_selection(&rows.chain(inner.iter().cloned()).collect::<Vec<_>>())?;
            let checked = self.from.check(first - start, &values);
            checked.map_err(|error| error.at(array.path()).in_store(&**array.storage()))?;
            let offset: Vec<u64> = std::iter::once(first).chain(inner.iter().map(|_| 0)).collect();
            self.to.write(&offset, &values)?;
            options.tell(&values);
            Ok(())
        })
    }
}
