//! What fits into the memory limit of a loader.

use anndata_core::Result;
use anndata_storage::{Error, OrBug};

use super::lengths::RowBytes;
use super::{Inner, Order, Want, lengths, order};

impl Inner {
    /// What fits into memory, or an error.
    pub(super) fn fit(&mut self) -> Result<()> {
        let limit = self.options.memory_limit;
        let bytes: Vec<&RowBytes> = self.row_bytes.iter().collect();
        let rows = &self.arrangement.rows;
        let batch = u64::from(self.sampling.batch);
        let repeats = self.arrangement.composed.is_some() || !matches!(self.arrangement.drawn, order::Drawn::Each);
        let len = rows.len();
        let largest =
            |count: u64| lengths::largest_sum(&bytes, rows, if repeats { count } else { count.min(len) }, repeats);
        let (of_batch, of_window) = (largest(batch), largest(self.window));
        let out = self.matrices.iter().zip(&bytes).map(|(matrix, own)| match &matrix.want {
            Want::Csr { .. } => {
                Ok(lengths::largest_sum(&[own], rows, if repeats { batch } else { batch.min(len) }, repeats))
            }
            Want::Dense { dtype, .. } => {
                let shape = matrix.element.shape()?.or_bug("a matrix without a shape")?;
                let columns = match (&matrix.columns, &shape[..]) {
                    (Some(columns), _) => {
                        columns.place.as_ref().map_or(columns.kept.len(), |(place, _)| place.new_len() as u64)
                    }
                    (None, [_, others @ ..]) => others.iter().map(|&len| len as u64).product(),
                    (None, []) => 1,
                };
                Ok(batch.saturating_mul(columns).saturating_mul(dtype.size().unwrap_or(1) as u64))
            }
        });
        let out = out.sum::<Result<u64>>()?.saturating_mul(2);
        let threads = rayon::current_num_threads() as u64;
        let chunks = bytes.iter().map(|one| one.chunk).max().unwrap_or(0).saturating_mul(2 * threads);
        let labels: u64 = self.labels.iter().map(|(_, codes)| size_of_val(codes.as_slice()) as u64).sum();
        let columns: u64 = self.columns.iter().map(|(_, column)| lengths::column_bytes(column)).sum();
        let lengths: u64 = bytes.iter().map(|one| one.own_bytes()).sum();
        let per_row = match (&self.arrangement.drawn, &self.arrangement.composed) {
            (_, Some(_)) => 2 * size_of::<u64>() as u64,
            (order::Drawn::Each, None) => 0,
            (order::Drawn::Thinned(_), None) => size_of::<f32>() as u64,
            (order::Drawn::Replaced(..), None) => size_of::<(f32, u32)>() as u64,
        };
        self.fixed_bytes = labels + columns + lengths + per_row * len;
        let others = self.fixed_bytes.saturating_add(out).saturating_add(chunks);
        let windows = (self.options.prefetch as u64).saturating_add(2);
        let refuse = |what: String, bytes: u64| {
            let needed = bytes.saturating_mul(windows).saturating_add(others);
            let message = format!(
                "{what} needs {needed} bytes of memory, more than the limit of {limit}: {windows} times {bytes} bytes of rows, \
                 and {others} bytes of other things"
            );
            Err(Error::limit_exceeded(message)
                .with_advice("raise the limit, read fewer windows ahead, or ask for fewer rows or variables"))
        };
        let room = limit.saturating_sub(others) / windows;
        if of_batch > room {
            return refuse(format!("a batch of {batch} rows"), of_batch);
        }
        if let Some(window) = self.sampling.window
            && of_window > room
        {
            return refuse(format!("a window of {window} rows"), of_window);
        }
        let cursors = match self.sampling.order {
            Order::Sequential => Some(1),
            Order::Interleaved { cursors, .. } => Some(u64::from(cursors)),
            Order::Shuffled { .. } => None,
        };
        let left = limit.saturating_sub(others);
        // What each window may take if so much is set aside. A window that was asked for fits all the same.
        let each = |aside: u64| left.saturating_sub(aside) / windows;
        let least = if self.sampling.window.is_some() { of_batch.max(of_window) } else { of_batch };
        let has_room = |&aside: &u64| aside <= limit / 4 && each(aside) >= least;
        // Where all chunks in which cursors are stay decoded, no rows are read ahead.
        let chunks = cursors.filter(|_| !self.repeats() && bytes.iter().all(|one| one.keeps_chunks()));
        let chunks = chunks.and_then(|cursors| {
            // A cursor ends in the chunk that the next one began in, whose first rows are kept until then if there is room.
            [cursors.saturating_mul(2), cursors].map(|count| self.chunks_of_cursors(count)).into_iter().find(has_room)
        });
        let unit = |cursors: u64| self.largest_unit().saturating_mul(cursors).saturating_mul(2);
        let ahead = if chunks.is_some() { None } else { cursors.map(unit).filter(has_room) };
        self.keeps_units = ahead.is_some();
        let ahead = ahead.unwrap_or(0);
        self.piece_bytes = each(chunks.unwrap_or(ahead));
        let piece = self.piece_bytes.min(of_window);
        // Where there is room, what cursors read ahead stays in the windows that it was read with, rather than that the rows that
        // were asked for are copied; where there is more, a window is kept as a whole for what the next one needs of it. Of several
        // ranks there may be more of it.
        let of_windows = piece.saturating_mul(windows).saturating_add(others);
        let left = ahead / 2;
        let shared = of_windows.saturating_add(left.saturating_mul(windows)).saturating_add(left);
        let with_kept = shared.saturating_add(piece).saturating_add(left);
        self.shares_units = self.keeps_units && self.sampling.rank.world == 1 && shared <= limit;
        self.kept_bytes = if with_kept <= limit { piece.saturating_add(left) } else { left };
        let needed = match (self.shares_units, with_kept <= limit) {
            (false, _) => of_windows.saturating_add(ahead),
            (true, false) => shared,
            (true, true) => with_kept,
        };
        self.chunk_bytes = chunks.unwrap_or_else(|| self.kept_chunks(cursors, limit.saturating_sub(needed)));
        let needed = needed.saturating_add(self.chunk_bytes);
        // What is left keeps the memory of a window and its batches for the next, an eighth of which is there for longer ones.
        let window = if self.shares_units { piece.saturating_add(left) } else { piece };
        let reused = window.saturating_add(out);
        self.reused_bytes = reused.saturating_add(reused.div_ceil(8)).min(limit.saturating_sub(needed));
        self.peak_memory = needed.saturating_add(self.reused_bytes);
        Ok(())
    }

    /// The bytes of the chunks to keep: all of them if rows come from anywhere, else those that cursors are in. 0 if they do not fit.
    fn kept_chunks(&self, cursors: Option<u64>, room: u64) -> u64 {
        let bytes = match cursors.filter(|_| !self.repeats()) {
            None => {
                let (rows, stores) = (self.ends.last().copied().unwrap_or(0), self.ends.len() as u64);
                let chunked = self.row_bytes.iter().filter(|one| one.keeps_chunks());
                chunked
                    .map(|one| one.total(rows).saturating_add(one.chunk.saturating_mul(2).saturating_mul(stores)))
                    .sum()
            }
            Some(cursors) if self.keeps_units => self.chunks_of_cursors(cursors),
            Some(_) => 0,
        };
        if bytes <= room { bytes } else { 0 }
    }

    /// The bytes of the chunks in which cursors are: for each one of values and one of indices.
    fn chunks_of_cursors(&self, cursors: u64) -> u64 {
        let chunked = self.row_bytes.iter().filter(|one| one.keeps_chunks());
        chunked.map(|one| one.chunk.saturating_mul(2).saturating_mul(cursors)).sum()
    }

    /// Whether rows come from anywhere, and may come again.
    pub(super) fn repeats(&self) -> bool {
        self.arrangement.composed.is_some() || matches!(self.arrangement.drawn, order::Drawn::Replaced(..))
    }

    /// The bytes of the largest unit.
    fn largest_unit(&self) -> u64 {
        let (rows, len) = (&self.arrangement.rows, self.arrangement.rows.len());
        let of = |row: u64| self.row_bytes.iter().map(|matrix| matrix.of(row)).sum::<u64>();
        let (mut largest, mut own, mut end) = (0, 0_u64, 0);
        for (position, row) in (0..).zip(rows.iter()) {
            if position >= end {
                (own, end) = (0, self.arrangement.units.end_of(position, len));
            }
            own += of(row);
            largest = largest.max(own);
        }
        largest
    }
}
