//! [`Deal`]: which stretches of an epoch a rank has, and how they are cut into batches.

use std::ops::Range;

use anndata_core::Result;
use anndata_storage::Error;

use super::{Rank, Tail};

/// The stretches of a stream that one rank has. In each round every rank gets a window; what is left after the last whole round is
/// cut into equal parts.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    /// The length of the stream.
    len: u64,
    /// Where in it the first round begins.
    start: u64,
    window: u64,
    batch: u64,
    rank: Rank,
    /// The number of whole rounds.
    rounds: u64,
    /// What this rank has of the last one, which may go beyond the stream: then rows of its beginning come again.
    last: Range<u64>,
    /// The batches that every rank has in the last round.
    last_batches: u64,
}

impl Deal {
    pub(super) fn new(len: u64, start: u64, window: u64, batch: u64, tail: Tail, rank: Rank) -> Result<Self> {
        let (world, own) = (u64::from(rank.world), u64::from(rank.rank));
        let (left, round) = (len.saturating_sub(start), window.saturating_mul(world));
        let (mut rounds, mut rest) = (left / round, left % round);
        if tail == Tail::Keep && rest > 0 && rest < world {
            // Less than a row each: they are cut together with the round before.
            if rounds == 0 {
                let message = format!(
                    "{left} rows cannot be kept by {world} ranks, each of which has a batch: take fewer ranks, or a tail \
                     that is dropped or padded"
                );
                return Err(Error::invalid_input(message));
            }
            (rounds, rest) = (rounds - 1, rest + round);
        }
        let base = start + rounds * round;
        let (last, last_batches) = match tail {
            Tail::Drop => {
                let share = rest / world / batch * batch;
                let begin = base + own * share;
                (begin..begin + share, share / batch)
            }
            Tail::Keep => {
                let (share, more) = (rest / world, rest % world);
                let begin = base + own * share + own.min(more);
                (begin..begin + share + u64::from(own < more), share.div_ceil(batch))
            }
            Tail::Pad => {
                let share = rest.div_ceil(world).next_multiple_of(batch);
                let begin = base + own * share;
                (begin..begin + share, share / batch)
            }
        };
        Ok(Self { len, start, window, batch, rank, rounds, last, last_batches })
    }

    /// The number of batches.
    pub(super) fn batches(&self) -> u64 {
        self.rounds * self.per_window() + self.last_batches
    }

    /// The batches of a whole window.
    fn per_window(&self) -> u64 {
        self.window / self.batch
    }

    /// The window that has a batch, and the number of its first batch.
    pub(super) fn window_of(&self, batch: u64) -> (u64, u64) {
        let window = (batch / self.per_window()).min(self.rounds);
        (window, window * self.per_window())
    }

    /// Where a window is in the stream.
    pub(super) fn window(&self, window: u64) -> Range<u64> {
        if window >= self.rounds {
            return self.last.clone();
        }
        let begin = self.start + (window * u64::from(self.rank.world) + u64::from(self.rank.rank)) * self.window;
        begin..begin + self.window
    }

    /// Which rows of a window are in each of its batches.
    pub(super) fn batches_of(&self, window: u64) -> impl Iterator<Item = Range<u64>> + use<> {
        let (count, len) = if window < self.rounds {
            (self.per_window(), self.window)
        } else {
            (self.last_batches, self.last.end - self.last.start)
        };
        let batch = self.batch;
        (0..count).map(move |at| at * batch..if at + 1 == count { len } else { (at + 1) * batch })
    }

    /// Which part of a window are rows of the stream; what follows comes again.
    pub(super) fn own_rows(&self, window: u64) -> u64 {
        let range = self.window(window);
        range.end.min(self.len).saturating_sub(range.start)
    }

    /// Where a rank of another number of processes goes on after some batches: at the end of a round.
    pub(super) fn end_of_round(&self, batch: u64) -> Option<u64> {
        let rounds = batch / self.per_window();
        let is_whole = batch.is_multiple_of(self.per_window()) && rounds <= self.rounds;
        is_whole.then(|| self.start + rounds * self.window * u64::from(self.rank.world))
    }
}
