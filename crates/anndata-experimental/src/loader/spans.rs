//! [`Spans`]: which rows cursors have in memory, and which they need next.

use std::ops::Range;
use std::sync::Arc;

use super::RowSet;
use super::slots::Units;

/// What cursors read beyond what is asked for, as they need it next.
#[derive(Debug, Clone)]
pub(super) struct Ahead {
    pub(super) units: Units,
    /// Where cursors begin, sorted: none reads beyond the begin of the next.
    pub(super) starts: Arc<[u64]>,
    pub(super) cursors: usize,
    /// Whether a window has what is left of units as well, rather than a copy of its own rows.
    pub(super) shares: bool,
    /// The most bytes of windows that are kept for what is left of units in them; beyond, that is copied.
    pub(super) kept_bytes: u64,
}

/// Which positions are in memory: stretches, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(pub(super) Vec<Range<u64>>);

impl Spans {
    /// What has to be read for some positions, which are sorted and each there once.
    pub(super) fn missing(&self, wanted: &[u64], len: u64, ahead: &Ahead) -> Vec<Range<u64>> {
        let mut held = self.0.clone();
        held.sort_unstable_by_key(|span| span.start);
        let mut fresh: Vec<Range<u64>> = Vec::new();
        for &position in wanted {
            if fresh.last().is_some_and(|last| position < last.end) {
                continue;
            }
            let next = held.partition_point(|span| span.end <= position);
            if held.get(next).is_some_and(|span| span.start <= position) {
                continue;
            }
            let cursor = ahead.starts.get(ahead.starts.partition_point(|&start| start <= position)).copied();
            let before = held.get(next).map(|span| span.start);
            let end = ahead.units.end_of(position, len).min(cursor.unwrap_or(len)).min(before.unwrap_or(len));
            match fresh.last_mut() {
                Some(last) if last.end == position => last.end = end,
                _ => fresh.push(position..end),
            }
        }
        fresh
    }

    /// Those positions of all that are in memory which come after the last one of their stretch that was asked for.
    pub(super) fn left(all: &[Range<u64>], wanted: &[u64], ahead: &Ahead) -> Self {
        let after = |span: &Range<u64>| {
            let last = wanted.partition_point(|&position| position < span.end).checked_sub(1);
            let last = last.and_then(|last| wanted.get(last)).filter(|&&last| last >= span.start);
            last.map_or(span.start, |last| last + 1)..span.end
        };
        let mut left: Vec<Range<u64>> = all.iter().map(after).filter(|span| !span.is_empty()).collect();
        let most = ahead.cursors.max(1);
        // Where other ranks have passed, nobody asks again.
        left.drain(..left.len().saturating_sub(most));
        Self(left)
    }

    pub(super) fn all(&self) -> &[Range<u64>] {
        &self.0
    }
}

/// The stretches of sorted positions.
pub(super) fn runs(sorted: &[u64]) -> Vec<Range<u64>> {
    RowSet::of_sorted(sorted.iter().copied()).ranges().to_vec()
}
