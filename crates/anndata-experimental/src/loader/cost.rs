//! [`Cost`]: what an epoch will read.

use std::collections::BTreeSet;

use anndata_core::Result;

use super::epoch::{Windows, positions};
use super::lengths::{Parts, RowBytes, Touched, touched};
use super::reader::distinct;
use super::spans::{Spans, runs};
use super::{Inner, LoaderState};
use crate::random::Key;

/// What an epoch of a rank reads, known before any value is: from the order of its first windows, and as if all rows of a store
/// had the same number of values.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// The batches.
    pub batches: u64,
    /// About the bytes of values and indices that are decoded.
    pub bytes_decoded: u64,
    /// About the bytes of values and indices of the rows that are given. Where more than four times as many are decoded, a
    /// collection that is [`Shuffled`](super::Order::Shuffled) with small units is better rewritten in random order once, or read
    /// [`Interleaved`](super::Order::Interleaved).
    pub bytes_given: u64,
    /// About the stored chunks that are read.
    pub requests: u64,
    /// The bytes that are in memory at a time, at most: see [`LoaderOptions::memory_limit`](super::LoaderOptions::memory_limit).
    pub peak_memory: u64,
    /// How much of everything a batch has: of 64 equal stretches of the rows, the entropy of those which the rows of a batch are
    /// from, over that of as many rows drawn at random. 1 is as good as random, 0 is that a batch is from one stretch.
    pub randomness: f64,
}

impl Cost {
    /// How many times the bytes that are given are decoded.
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn amplification(&self) -> f64 {
        self.bytes_decoded as f64 / (self.bytes_given.max(1)) as f64
    }
}

/// How many windows are looked at, and how many batches.
const LOOKED_AT: u64 = 4;
const STRETCHES: u64 = 64;

/// What a matrix is stored as: what each store has of it, and what its rows take.
pub(super) type Stored<'a> = (&'a Parts, &'a RowBytes);

/// Looks at the first windows of an epoch.
pub(super) fn cost(of: &Inner, stored: &[Stored<'_>], state: &LoaderState) -> Result<Cost> {
    let mut windows = Windows::new(of, state)?;
    let ahead = of.ahead(&windows.stream);
    let (batches, mut looked_at, mut rows) = (windows.deal.batches(), 0_u64, 0_u64);
    let (mut decoded, mut requests) = (0_u64, 0_u64);
    let mut held = Spans::default();
    let mut entropies = Vec::new();
    // Chunks that stay decoded are decoded once.
    let mut seen: Vec<BTreeSet<Touched>> = vec![BTreeSet::new(); stored.len()];
    for _ in 0..LOOKED_AT {
        let Some(mut pending) = windows.next()? else { break };
        let mut is_new = true;
        while !pending.is_empty() {
            let taken = of.take_what_fits(&mut pending)?;
            for batch in &taken {
                rows += batch.positions.len() as u64;
                entropies
                    .push((entropy(batch.positions.iter().copied(), of.arrangement.rows.len()), batch.positions.len()));
            }
            looked_at += taken.len() as u64;
            let wanted = distinct(&positions(&taken));
            let whole = is_new && pending.is_empty();
            let fresh = match ahead.as_ref().filter(|_| whole) {
                Some(ahead) => {
                    let fresh = held.missing(&wanted, of.arrangement.rows.len(), ahead);
                    let all: Vec<_> = held.all().iter().cloned().chain(fresh.iter().cloned()).collect();
                    held = Spans::left(&all, &wanted, ahead);
                    fresh
                }
                None => runs(&wanted),
            };
            is_new = false;
            for ((parts, bytes), seen) in stored.iter().zip(&mut seen) {
                let mut chunks = BTreeSet::new();
                for span in &fresh {
                    let row = |position: u64| of.arrangement.rows.nth(position);
                    if let (Some(first), Some(last)) = (row(span.start), row(span.end - 1)) {
                        touched(parts, bytes, first, last, &mut chunks);
                    }
                }
                if of.chunk_bytes > 0 {
                    chunks.retain(|chunk| seen.insert(*chunk));
                }
                decoded += chunks.iter().map(|chunk| chunk.bytes).sum::<u64>();
                requests += chunks.iter().map(|chunk| chunk.requests).sum::<u64>();
            }
        }
    }
    let scaled = |seen: u64| {
        let all = u128::from(seen) * u128::from(batches) / u128::from(looked_at.max(1));
        // Fallback: an estimate.
        u64::try_from(all).unwrap_or(u64::MAX)
    };
    let n_rows = stored.iter().map(|(parts, _)| parts.iter().map(|(rows, _)| rows).sum::<u64>()).max().unwrap_or(0);
    let per_row: u64 = stored.iter().map(|(_, bytes)| bytes.mean(n_rows)).sum();
    Ok(Cost {
        batches,
        bytes_decoded: scaled(decoded),
        bytes_given: scaled(rows.saturating_mul(per_row)),
        requests: scaled(requests),
        peak_memory: of.peak_memory,
        randomness: randomness(&entropies, of.arrangement.rows.len()),
    })
}

/// The entropy of the stretches that positions are in.
#[expect(clippy::cast_precision_loss, reason = "counts of a batch")]
fn entropy(positions: impl Iterator<Item = u64>, len: u64) -> f64 {
    let mut counts = [0_u64; 64];
    for position in positions {
        let stretch = u128::from(position) * u128::from(STRETCHES) / u128::from(len.max(1));
        if let Some(count) = usize::try_from(stretch).ok().and_then(|stretch| counts.get_mut(stretch)) {
            *count += 1;
        }
    }
    let total: u64 = counts.iter().sum();
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total as f64);
    -shares.map(|share| share * share.ln()).sum::<f64>()
}

/// The entropies of batches over those of batches of the same sizes drawn at random.
fn randomness(entropies: &[(f64, usize)], len: u64) -> f64 {
    let (mut own, mut random) = (0.0, 0.0);
    for (batch, (entropy_of, rows)) in (0_u64..).zip(entropies) {
        let key = Key::new(batch);
        own += entropy_of;
        random += entropy((0..*rows as u64).map(|row| key.below(row, len)), len);
    }
    if random > 0.0 { own / random } else { 1.0 }
}
