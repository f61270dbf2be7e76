//! [`RowSet`]: some of the rows of a collection.

use std::ops::Range;
use std::sync::Arc;

use anndata_core::Result;
use anndata_storage::Error;

/// Some of the rows of a collection, each once, in order: as ranges, so that half of a hundred million take little memory if they
/// follow each other. A clone shares them.
///
/// ```
/// use anndata_experimental::RowSet;
///
/// let rows = RowSet::from_rows([7, 3, 4, 5])?;
/// assert_eq!((rows.len(), rows.ranges()), (4, &[3..6, 7..8][..]));
/// assert!(rows.contains(5) && !rows.contains(6));
/// assert!(rows.is_disjoint(&RowSet::from(0..3)));
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowSet {
    ranges: Arc<[Range<u64>]>,
    /// The number of rows up to the end of each range.
    ends: Arc<[u64]>,
}

impl RowSet {
    /// Rows in any order.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if a row is given twice.
    pub fn from_rows(rows: impl IntoIterator<Item = u64>) -> Result<Self> {
        let mut rows: Vec<u64> = rows.into_iter().collect();
        rows.sort_unstable();
        if let Some(row) = rows.windows(2).find_map(|pair| if let [a, b] = pair { (a == b).then_some(a) } else { None })
        {
            return Err(Error::invalid_input(format!("row {row} was given twice: a set has each row once")));
        }
        Ok(Self::of_sorted(rows))
    }

    /// Rows in order, each once.
    pub(crate) fn of_sorted(rows: impl IntoIterator<Item = u64>) -> Self {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for row in rows {
            match ranges.last_mut() {
                Some(last) if last.end == row => last.end = row.saturating_add(1),
                _ => ranges.push(row..row.saturating_add(1)),
            }
        }
        Self::of_ranges(ranges)
    }

    fn of_ranges(ranges: Vec<Range<u64>>) -> Self {
        let ends = ranges.iter().scan(0_u64, |end, range| {
            *end = end.saturating_add(range.end - range.start);
            Some(*end)
        });
        Self { ends: ends.collect(), ranges: ranges.into() }
    }

    /// The number of rows.
    pub fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows as ranges, in order, none of which touch each other.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges.iter().cloned().flatten()
    }

    /// Whether a row is one of them.
    pub fn contains(&self, row: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.end <= row);
        self.ranges.get(at).is_some_and(|range| range.contains(&row))
    }

    /// Whether no row is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        let (mut own, mut others) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(a), Some(b)) = (own.peek(), others.peek()) {
            if a.end <= b.start {
                own.next();
            } else if b.end <= a.start {
                others.next();
            } else {
                return false;
            }
        }
        true
    }

    /// How many of them are before a row.
    pub(crate) fn count_before(&self, row: u64) -> u64 {
        let at = self.ranges.partition_point(|range| range.end <= row);
        // Fallback: no range is before the first row.
        let before = at.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        before + self.ranges.get(at).map_or(0, |range| row.saturating_sub(range.start))
    }

    /// The row at a position among them.
    pub(crate) fn nth(&self, position: u64) -> Option<u64> {
        let at = self.ends.partition_point(|&end| end <= position);
        let (range, end) = (self.ranges.get(at)?, self.ends.get(at)?);
        Some(range.end - (end - position))
    }
}

impl From<Range<u64>> for RowSet {
    fn from(rows: Range<u64>) -> Self {
        Self::of_ranges(if rows.is_empty() { Vec::new() } else { vec![rows] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_position() -> Result<()> {
        let rows = RowSet::from_rows([9, 0, 1, 5, 6, 7])?;
        assert_eq!(rows.iter().collect::<Vec<_>>(), [0, 1, 5, 6, 7, 9]);
        assert_eq!(
            (0..7).map(|at| rows.nth(at)).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(5), Some(6), Some(7), Some(9), None]
        );
        assert!(RowSet::from(3..3).is_empty());
        assert_eq!(RowSet::from(3..3).nth(0), None);
        assert!(!rows.is_disjoint(&RowSet::from_rows([3, 6])?) && rows.is_disjoint(&RowSet::from_rows([3, 8])?));
        let twice = RowSet::from_rows([1, 1]).unwrap_err();
        assert_eq!(twice.text(), "row 1 was given twice: a set has each row once");
        Ok(())
    }
}
