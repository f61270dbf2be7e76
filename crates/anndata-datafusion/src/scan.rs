//! [`Scan`]: one run over some rows of a table, and what it hands on.

use anndata_storage::OrBug;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use crate::dataset::Dataset;
use crate::error::stored;
use crate::filter::Filter;

/// One run over some rows of a table.
pub(crate) struct Scan<'a> {
    pub(crate) dataset: &'a Dataset,
    /// The columns of the table.
    pub(crate) schema: SchemaRef,
    /// Those that are asked for.
    pub(crate) projected: SchemaRef,
    pub(crate) projection: Vec<usize>,
    pub(crate) filters: &'a [Filter],
    pub(crate) dynamic: &'a [Filter],
    pub(crate) batch_size: usize,
    /// About how many bytes may be in memory at a time.
    pub(crate) memory: u64,
    /// How many rows are enough.
    pub(crate) limit: Option<usize>,
    pub(crate) reservation: MemoryReservation,
    pub(crate) sent: usize,
    pub(crate) send: &'a mut dyn FnMut(RecordBatch) -> bool,
}

impl Scan<'_> {
    /// The filters, the cheapest first.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.filters.iter().chain(self.dynamic)
    }

    /// The columns that are asked for, and those that filters are on.
    pub(crate) fn used_columns(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.filters().flat_map(|filter| filter.columns.iter().copied()).collect();
        used.extend(&self.projection);
        used.sort_unstable();
        used.dedup();
        used
    }

    /// Asks the pool for what chunks take, and so many bytes more, which are needed until the end.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<()> {
        let chunks = usize::try_from(self.memory).or_bug("more memory than there is").map_err(stored)?;
        self.reservation.try_resize(chunks.saturating_add(bytes))
    }

    /// Hands on rows in batches; whether more are wanted.
    pub(crate) fn emit(&mut self, rows: RecordBatch) -> Result<bool> {
        let (chunks, before) = (self.reservation.size(), self.sent);
        let here = rows.get_array_memory_size();
        self.reservation.try_resize(chunks.saturating_add(here))?;
        let mut start = 0;
        while start < rows.num_rows() {
            let len = self.batch_size.min(rows.num_rows() - start);
            if !(self.send)(rows.slice(start, len)) {
                return Ok(false);
            }
            start += len;
            self.sent = before + start;
            if self.limit.is_some_and(|limit| self.sent >= limit) {
                return Ok(false);
            }
        }
        drop(rows);
        self.reservation.try_resize(chunks)?;
        Ok(true)
    }
}
