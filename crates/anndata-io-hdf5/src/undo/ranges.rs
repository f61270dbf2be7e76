//! [`Ranges`]: which bytes of a file were saved.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges that do not touch each other, by where they begin.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// The parts of a range that are not there.
    pub(super) fn missing(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        if range.is_empty() {
            return missing;
        }
        let mut at = range.start;
        let before = self.0.range(..=range.start).next_back();
        let after = self.0.range((std::ops::Bound::Excluded(range.start), std::ops::Bound::Excluded(range.end)));
        for (&start, &end) in before.into_iter().chain(after) {
            if start > at {
                missing.push(at..start);
            }
            at = at.max(end);
        }
        if at < range.end {
            missing.push(at..range.end);
        }
        missing
    }

    /// Adds a range.
    pub(super) fn add(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        // Those that overlap it or touch it become part of it.
        while let Some((&other, &other_end)) = self.0.range(..=end).next_back().filter(|&(_, &to)| to >= start) {
            start = start.min(other);
            end = end.max(other_end);
            self.0.remove(&other);
        }
        if start < end {
            self.0.insert(start, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_a_list_of_bytes() {
        let mut state = 7_u64;
        let mut next = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % bound
        };
        for _ in 0..200 {
            let (mut ranges, mut bytes) = (Ranges::default(), [false; 64]);
            for _ in 0..12 {
                let start = next(64);
                let range = start..start + next(64 - start + 1);
                let expected: Vec<u64> = range.clone().filter(|&at| !bytes[usize::try_from(at).unwrap()]).collect();
                let missing = ranges.missing(range.clone());
                assert_eq!(missing.iter().cloned().flatten().collect::<Vec<_>>(), expected);
                assert!(missing.windows(2).all(|pair| pair[0].end < pair[1].start));
                ranges.add(range.clone());
                range.for_each(|at| bytes[usize::try_from(at).unwrap()] = true);
            }
        }
    }
}
