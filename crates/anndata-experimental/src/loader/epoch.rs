//! [`Epoch`]: the batches of an epoch, the windows of which a thread reads ahead.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anndata_core::Result;
use anndata_storage::chunked::ChunkReuse;
use anndata_storage::{MemoryReuse, OrBug};

use super::blocks::{Meter, Piece};
use super::deal::Deal;
use super::order::Stream;
use super::reader::Reader;
use super::spans::Ahead;
use super::{Batch, Inner, LoaderState, LoaderStats, Order};
use crate::read_ahead::ReadAhead;

/// The batches of an epoch in order. Made by [`Loader::epoch`](super::Loader::epoch).
///
/// What goes wrong while a window is read, a panic included, comes as the next item, and none after it. Dropping it ends the
/// thread that reads ahead, which finishes the matrix that it reads.
#[derive(Debug)]
pub struct Epoch {
    of: Arc<Inner>,
    windows: ReadAhead<Loaded>,
    current: Option<Loaded>,
    state: LoaderState,
    meter: Arc<Meter>,
    stop: Arc<AtomicBool>,
    waited: Duration,
    rows: u64,
    done: bool,
    #[expect(dead_code, reason = "memory and chunks are kept as long as they live")]
    kept: (MemoryReuse, ChunkReuse),
}

/// The rows of a batch, as positions in order, and how many of them came before.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) positions: Vec<u64>,
    pub(super) padding: u32,
}

/// Batches whose rows are in memory.
#[derive(Debug)]
struct Loaded {
    piece: Piece,
    batches: VecDeque<Planned>,
    /// The rows of those that were given.
    given: usize,
}

impl Epoch {
    pub(super) fn new(of: &Arc<Inner>, state: LoaderState) -> Result<Self> {
        let windows = Windows::new(of, &state)?;
        let (meter, stop) = (Arc::<Meter>::default(), Arc::<AtomicBool>::default());
        let reader = Reader::new(&of.matrices, &of.arrangement.rows, of.ahead(&windows.stream), &meter, &stop);
        let mut feeder = Feeder { of: Arc::clone(of), windows, reader, pending: VecDeque::new() };
        let windows = ReadAhead::new(move || feeder.next().transpose(), of.options.prefetch);
        // Fallback: no more is kept than there is.
        let most = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let chunks = if of.repeats() { ChunkReuse::whole } else { ChunkReuse::unread };
        let kept = (MemoryReuse::up_to(most(of.reused_bytes)), chunks(most(of.chunk_bytes)));
        let (of, current, waited, rows, done) = (Arc::clone(of), None, Duration::ZERO, 0, false);
        Ok(Self { of, windows, current, state, meter, stop, waited, rows, done, kept })
    }

    /// With what a loader [goes on](super::Loader::resume) after the batches that were given so far.
    pub fn state(&self) -> LoaderState {
        self.state.clone()
    }

    /// What was read and given so far.
    pub fn stats(&self) -> LoaderStats {
        LoaderStats {
            rows: self.rows,
            waited: self.waited,
            bytes_read: self.meter.read.load(Ordering::Relaxed),
            peak_memory: self.meter.peak() + self.of.fixed_bytes,
        }
    }

    fn advance(&mut self) -> Result<Option<Batch>> {
        loop {
            if let Some(loaded) = &mut self.current
                && let Some(planned) = loaded.batches.pop_front()
            {
                let state = LoaderState { batch: self.state.batch + 1, ..self.state.clone() };
                let rows = loaded.piece.rows(&planned.positions, loaded.given)?;
                loaded.given += planned.positions.len();
                let batch = self.of.batch(&loaded.piece, &rows, &planned, Some(state.clone()))?;
                self.state = state;
                self.rows += batch.len() as u64;
                return Ok(Some(batch));
            }
            self.current = None;
            let asked = Instant::now();
            let next = self.windows.next().transpose();
            self.waited += asked.elapsed();
            match next? {
                Some(loaded) => self.current = Some(loaded),
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.advance().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        if self.done {
            self.stop.store(true, Ordering::Relaxed);
            self.current = None;
            let LoaderStats { rows, waited, bytes_read, peak_memory } = self.stats();
            let (epoch, rank) = (self.state.epoch, self.state.rank.rank);
            tracing::debug!(epoch, rank, rows, ?waited, bytes_read, peak_memory, "the batches of an epoch end");
        }
        item
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The windows of an epoch, cut into batches.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) stream: Stream,
    pub(super) deal: Deal,
    /// The next batch.
    batch: u64,
    shuffles: bool,
}

impl Windows {
    pub(super) fn new(of: &Inner, state: &LoaderState) -> Result<Self> {
        let stream = Stream::new(&of.arrangement, state.seed, state.epoch)?;
        let (sampling, batch) = (&of.sampling, u64::from(of.sampling.batch));
        let deal = Deal::new(stream.len(), state.start, of.window, batch, sampling.tail, sampling.rank)?;
        let shuffles = stream.shuffles(sampling.order);
        Ok(Self { stream, deal, batch: state.batch, shuffles })
    }

    /// The batches of the next window; of the first one those that are left.
    pub(super) fn next(&mut self) -> Result<Option<VecDeque<Planned>>> {
        if self.batch >= self.deal.batches() {
            return Ok(None);
        }
        let (window, first) = self.deal.window_of(self.batch);
        let range = self.deal.window(window);
        let own = self.deal.own_rows(window);
        let mut positions = self.stream.positions(range.start..range.start + own)?;
        if self.shuffles {
            self.stream.window_key(range.start).shuffle(&mut positions)?;
        }
        // Rows that come again are those of the beginning, as often as it takes.
        let (mut next, len) = ((range.start + own) % self.stream.len().max(1), range.end - range.start);
        while (positions.len() as u64) < len {
            let missing = len - positions.len() as u64;
            let end = self.stream.len().min(next + missing);
            positions.extend(self.stream.positions(next..end)?);
            next = end % self.stream.len();
        }
        let mut batches = VecDeque::new();
        for rows in
            self.deal.batches_of(window).skip(usize::try_from(self.batch - first).or_bug("a batch beyond memory")?)
        {
            let padding = rows.end.saturating_sub(own.max(rows.start));
            let to = |row: u64| usize::try_from(row).or_bug("a batch beyond memory");
            let positions = positions.get(to(rows.start)?..to(rows.end)?).or_bug("a batch beyond its window")?.to_vec();
            batches
                .push_back(Planned { positions, padding: u32::try_from(padding).or_bug("a batch beyond its size")? });
        }
        self.batch += batches.len() as u64;
        Ok(Some(batches))
    }
}

/// Reads windows: as a whole where that fits, else some batches at a time.
struct Feeder {
    of: Arc<Inner>,
    windows: Windows,
    reader: Reader,
    pending: VecDeque<Planned>,
}

impl Feeder {
    fn next(&mut self) -> Result<Option<Loaded>> {
        let is_new = self.pending.is_empty();
        if is_new {
            match self.windows.next()? {
                Some(batches) => self.pending = batches,
                None => return Ok(None),
            }
        }
        let batches = self.of.take_what_fits(&mut self.pending)?;
        let piece = self.reader.read(&positions(&batches), is_new && self.pending.is_empty())?;
        Ok(piece.map(|piece| Loaded { piece, batches, given: 0 }))
    }
}

/// The positions of some batches.
pub(super) fn positions(batches: &VecDeque<Planned>) -> Vec<u64> {
    batches.iter().flat_map(|batch| batch.positions.iter().copied()).collect()
}

impl Inner {
    /// As many batches as fit into memory together, one at least.
    pub(super) fn take_what_fits(&self, pending: &mut VecDeque<Planned>) -> Result<VecDeque<Planned>> {
        let mut taken = VecDeque::new();
        let mut bytes = 0_u64;
        while let Some(next) = pending.front() {
            let rows = next.positions.iter().map(|&position| {
                let row = self.arrangement.rows.nth(position).or_bug("a row beyond all")?;
                Ok(self.row_bytes.iter().map(|matrix| matrix.of(row)).sum::<u64>())
            });
            bytes += rows.sum::<Result<u64>>()?;
            if bytes > self.piece_bytes && !taken.is_empty() {
                break;
            }
            taken.extend(pending.pop_front());
        }
        Ok(taken)
    }

    /// What cursors read beyond what is asked for, if the order is one of cursors and there is room for it.
    pub(super) fn ahead(&self, stream: &Stream) -> Option<Ahead> {
        let starts = stream.cursor_starts().filter(|_| self.keeps_units)?;
        let cursors = match self.sampling.order {
            // Fallback: more cursors than memory can count are more than there are units.
            Order::Interleaved { cursors, .. } => usize::try_from(cursors).unwrap_or(usize::MAX),
            _ => 1,
        };
        let (shares, kept_bytes) = (self.shares_units, self.kept_bytes);
        Some(Ahead { units: self.arrangement.units.clone(), starts: starts.into(), cursors, shares, kept_bytes })
    }
}
