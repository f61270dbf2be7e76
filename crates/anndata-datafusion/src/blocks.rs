//! [`Blocks`]: which rows a task reads.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use anndata_core::Result;
use anndata_storage::Error;

/// Ranges of rows of a table, in order and apart: what one partition of a scan reads.
///
/// As text, `0-100_300-400`, it is the name of the "file" that a partition is for the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blocks(Vec<Range<u64>>);

impl Blocks {
    /// These ranges.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if they are not in order and apart.
    pub fn new(ranges: impl IntoIterator<Item = Range<u64>>) -> Result<Self> {
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            if range.start > range.end || joined.last().is_some_and(|last| last.end > range.start) {
                return Err(Error::invalid_input(format!("the rows {range:?} do not follow those before them")));
            }
            match joined.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ if range.is_empty() => {}
                _ => joined.push(range),
            }
        }
        Ok(Self(joined))
    }

    /// The ranges.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    /// The number of rows.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses rows beyond the last.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if there are any.
    pub fn check(&self, n_rows: u64) -> Result<()> {
        match self.0.last() {
            Some(last) if last.end > n_rows => {
                Err(Error::invalid_input(format!("the rows {last:?} were asked for, but there are {n_rows}")))
            }
            _ => Ok(()),
        }
    }

    /// Split into so many parts of about the same number of rows, or fewer. A function is told of each cut, and moves it back to
    /// where it is better made.
    ///
    /// # Errors
    /// As the function.
    pub(crate) fn split(&self, parts: usize, cut: impl Fn(u64) -> Result<u64>) -> Result<Vec<Self>> {
        let (total, parts) = (u128::from(self.len()), parts.max(1) as u128);
        let cuts = (1..parts).filter_map(|part| self.nth(total * part / parts)).map(cut);
        let mut cuts = cuts.collect::<Result<Vec<u64>>>()?;
        cuts.push(u64::MAX);
        cuts.sort_unstable();
        let mut start = 0;
        let mut split = Vec::new();
        for end in cuts {
            let within = self.0.iter().map(|range| range.start.clamp(start, end)..range.end.clamp(start, end));
            let part = Self::new(within.filter(|range| !range.is_empty()))?;
            if !part.is_empty() {
                split.push(part);
            }
            start = end;
        }
        Ok(split)
    }

    /// The row that so many others are before.
    fn nth(&self, mut before: u128) -> Option<u64> {
        for range in &self.0 {
            let len = range.end - range.start;
            match u64::try_from(before) {
                Ok(within) if within < len => return Some(range.start + within),
                _ => before -= u128::from(len),
            }
        }
        None
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            write!(f, "{}{}-{}", if at > 0 { "_" } else { "" }, range.start, range.end)?;
        }
        Ok(())
    }
}

impl FromStr for Blocks {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::invalid_data(format!("expected ranges of rows, as 0-100_300-400, found '{text}'"));
        let range = |text: &str| {
            let (start, end) = text.split_once('-').ok_or_else(malformed)?;
            Ok(start.parse().map_err(|_| malformed())?..end.parse().map_err(|_| malformed())?)
        };
        Self::new(text.split('_').map(range).collect::<Result<Vec<_>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_each_row_once_and_end_where_they_are_cut() -> Result<()> {
        let blocks = Blocks::new([0..10, 20..27, 27..30])?;
        assert_eq!((blocks.to_string().as_str(), blocks.len()), ("0-10_20-30", 20));
        for parts in 1..30 {
            for step in [1, 3, 50] {
                let split = blocks.split(parts, |row| Ok(row - row % step))?;
                assert!(split.len() <= parts && split.iter().all(|part| !part.is_empty()));
                let joined = Blocks::new(split.iter().flat_map(|part| part.ranges().to_vec()))?;
                assert_eq!(joined, blocks);
            }
        }
        let halves = blocks.split(2, Ok)?;
        assert_eq!(halves, ["0-10".parse::<Blocks>()?, "20-30".parse::<Blocks>()?]);
        assert_eq!("0-10_20-30".parse::<Blocks>()?, blocks);
        for wrong in ["", "1", "2-1", "0-5_3-8", "0-x", "0--1"] {
            let error = wrong.parse::<Blocks>().unwrap_err();
            assert!(error.is_invalid_data() || error.is_invalid_input(), "{wrong}: {error}");
        }
        assert!(blocks.check(29).is_err_and(|error| error.message().contains("there are 29")));
        Ok(())
    }
}
