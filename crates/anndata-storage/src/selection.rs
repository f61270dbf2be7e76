//! What of an axis is read: a range or a list of positions.

use std::ops::Range;
use std::sync::Arc;

/// A selection along one axis of an array.
///
/// A full selection is one `AxisSelection` for each dimension; the result has one axis for each, of the selected length
/// (outer indexing, as `numpy.ix_`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AxisSelection {
    /// Consecutive positions.
    Range(Range<u64>),
    /// Positions in the order wanted, repeats allowed. A backend is only ever handed strictly increasing ones.
    Indices(Arc<[u64]>),
}

impl AxisSelection {
    /// The number of selected positions; a range that ends before it begins has none.
    pub fn len(&self) -> u64 {
        match self {
            Self::Range(range) => range.end.saturating_sub(range.start),
            Self::Indices(indices) => indices.len() as u64,
        }
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A selection of everything in an array of this shape.
    pub fn all(shape: &[u64]) -> Vec<Self> {
        shape.iter().map(|&len| Self::Range(0..len)).collect()
    }

    /// A selection of these positions; a range where they are consecutive.
    pub fn of_positions(positions: Vec<u64>) -> Self {
        let Some(&first) = positions.first() else { return Self::Range(0..0) };
        // The last of all numbers has none behind it where a range could end.
        match first.checked_add(positions.len() as u64) {
            Some(end) if positions.iter().copied().eq(first..end) => Self::Range(first..end),
            _ => Self::from(positions),
        }
    }

    /// The selection that `inner` makes of what this one selects, as one selection of the same axis. Positions of
    /// `inner` that are out of bounds are left out.
    ///
    /// ```
    /// # use anndata_storage::AxisSelection;
    /// let outer = AxisSelection::from(vec![7, 3, 5]);
    /// assert_eq!(outer.select(&AxisSelection::Range(1..3)), AxisSelection::from(vec![3, 5]));
    /// assert_eq!(AxisSelection::Range(10..20).select(&AxisSelection::from(vec![4, 0])), AxisSelection::from(vec![14, 10]));
    /// ```
    #[must_use]
    pub fn select(&self, inner: &Self) -> Self {
        let len = self.len();
        match (self, inner) {
            (Self::Range(outer), Self::Range(inner)) => {
                let (start, end) = (inner.start.min(len), inner.end.min(len));
                Self::Range(outer.start + start..outer.start + end.max(start))
            }
            (Self::Range(outer), Self::Indices(inner)) => {
                inner.iter().filter(|&&at| at < len).map(|at| outer.start + at).collect::<Vec<_>>().into()
            }
            (Self::Indices(outer), inner) => {
                let at = |position: u64| outer.get(usize::try_from(position).ok()?).copied();
                Self::of_positions(inner.positions().filter_map(at).collect())
            }
        }
    }

    /// The selected positions, in order.
    pub fn positions(&self) -> impl Iterator<Item = u64> + '_ {
        let (range, indices) = match self {
            Self::Range(range) => (range.clone(), &[][..]),
            Self::Indices(indices) => (0..0, &**indices),
        };
        range.chain(indices.iter().copied())
    }

    /// Whether positions are selected in their order, none of them twice.
    pub fn keeps_order(&self) -> bool {
        match self {
            Self::Range(_) => true,
            Self::Indices(indices) => indices.is_sorted_by(|a, b| a < b),
        }
    }

    /// Whether this is everything of an axis of this length, in order.
    pub fn is_whole(&self, len: u64) -> bool {
        matches!(self, Self::Range(range) if range.start == 0 && range.end == len)
    }

    /// One past the highest selected position, 0 where nothing is selected. The last of all numbers, which no axis has,
    /// counts as its own end.
    pub fn end(&self) -> u64 {
        match self {
            Self::Range(range) if range.is_empty() => 0,
            Self::Range(range) => range.end,
            Self::Indices(indices) => indices.iter().max().map_or(0, |&max| max.saturating_add(1)),
        }
    }

    /// The maximal runs of consecutive positions, in order: `(first, length)`.
    pub fn runs(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Range(range) if range.is_empty() => Vec::new(),
            Self::Range(range) => vec![(range.start, range.end - range.start)],
            Self::Indices(indices) => {
                let mut runs: Vec<(u64, u64)> = Vec::new();
                for &index in indices.iter() {
                    match runs.last_mut() {
                        Some((start, len)) if start.checked_add(*len) == Some(index) => *len += 1,
                        _ => runs.push((index, 1)),
                    }
                }
                runs
            }
        }
    }
}

impl From<Range<u64>> for AxisSelection {
    fn from(range: Range<u64>) -> Self {
        Self::Range(range)
    }
}

impl From<Vec<u64>> for AxisSelection {
    fn from(indices: Vec<u64>) -> Self {
        Self::Indices(indices.into())
    }
}

impl From<&[u64]> for AxisSelection {
    fn from(indices: &[u64]) -> Self {
        Self::Indices(indices.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_consecutive_positions_only() {
        assert_eq!(AxisSelection::from(vec![1, 2, 3, 7, 9, 10]).runs(), [(1, 3), (7, 1), (9, 2)]);
        assert_eq!(AxisSelection::from(vec![3, 3, 2]).runs(), [(3, 1), (3, 1), (2, 1)]);
        assert_eq!(AxisSelection::from(4..9).runs(), [(4, 5)]);
        assert!(AxisSelection::from(4..4).runs().is_empty());
    }

    #[test]
    fn selections_compose() {
        let (range, list) = (AxisSelection::Range(10..20), AxisSelection::from(vec![4, 4, 1]));
        assert_eq!(range.select(&AxisSelection::Range(2..4)), AxisSelection::Range(12..14));
        assert_eq!(range.select(&list), AxisSelection::from(vec![14, 14, 11]));
        assert_eq!(list.select(&AxisSelection::Range(1..3)), AxisSelection::from(vec![4, 1]));
        assert_eq!(list.select(&AxisSelection::from(vec![2, 0])), AxisSelection::from(vec![1, 4]));
        assert_eq!(AxisSelection::of_positions(vec![3, 4, 5]), AxisSelection::Range(3..6));
        assert_eq!(AxisSelection::of_positions(vec![3, 5]), AxisSelection::from(vec![3, 5]));
        let highest = vec![u64::MAX - 1, u64::MAX];
        assert_eq!(AxisSelection::of_positions(highest.clone()), AxisSelection::from(highest));
        assert!(AxisSelection::Range(0..3).is_whole(3) && !AxisSelection::Range(0..2).is_whole(3) && !list.is_whole(3));
    }

    #[test]
    fn end_is_one_past_the_highest_position() {
        assert_eq!(AxisSelection::from(vec![5, 1]).end(), 6);
        assert_eq!(AxisSelection::from(Vec::new()).end(), 0);
        assert_eq!(AxisSelection::from(9..9).end(), 0);
    }
}
