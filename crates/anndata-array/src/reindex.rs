//! [`Reindex`]: how the positions of one axis map to those of another.

use std::sync::Arc;

use anndata_storage::{AxisSelection, Error, OrBug, Result};

/// How the positions of an old axis go to those of a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Reindex {
    old_len: usize,
    new_len: usize,
    map: Map,
}

#[derive(Debug, Clone, PartialEq)]
enum Map {
    /// Each old position goes this far up the new axis, as far as that goes.
    Shift(usize),
    /// As a table says.
    Table(Arc<Table>),
}

#[derive(Debug, PartialEq)]
struct Table {
    to_new: Vec<Option<usize>>,
    to_old: Vec<Option<usize>>,
}

impl Reindex {
    /// An axis that stays as it is.
    pub fn identity(len: usize) -> Self {
        Self::resize(len, len)
    }

    /// From the new position of each old one, `None` if it is dropped, on a new axis of length `new_len`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a new position is out of bounds or is given twice.
    pub fn from_map(to_new: Vec<Option<usize>>, new_len: usize) -> Result<Self> {
        let mut to_old = vec![None; new_len];
        for (old, new) in to_new.iter().enumerate() {
            let Some(new) = *new else { continue };
            let slot = to_old.get_mut(new).ok_or_else(|| {
                Error::invalid_input(format!("position {new} is out of bounds for a new axis of length {new_len}"))
            })?;
            if let Some(first) = slot.replace(old) {
                return Err(Error::invalid_input(format!("positions {first} and {old} both become position {new}")));
            }
        }
        let old_len = to_new.len();
        let start = to_new.first().copied().flatten();
        let map = match start {
            Some(start) if to_new.iter().copied().eq((start..start + old_len).map(Some)) => Map::Shift(start),
            _ => Map::Table(Arc::new(Table { to_new, to_old })),
        };
        Ok(Self { old_len, new_len, map })
    }

    /// From an axis of one length to one of another: the first positions stay where they are.
    pub fn resize(old_len: usize, new_len: usize) -> Self {
        Self { old_len, new_len, map: Map::Shift(0) }
    }

    /// From an axis to a longer one in which it begins at `start`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it ends beyond the longer one.
    pub fn shift(old_len: usize, start: usize, new_len: usize) -> Result<Self> {
        match start.checked_add(old_len) {
            Some(end) if end <= new_len => Ok(Self { old_len, new_len, map: Map::Shift(start) }),
            _ => Err(Error::invalid_input(format!(
                "{old_len} positions from {start} on go beyond an axis of length {new_len}"
            ))),
        }
    }

    /// The length of the old axis.
    pub fn old_len(&self) -> usize {
        self.old_len
    }

    /// The length of the new axis.
    pub fn new_len(&self) -> usize {
        self.new_len
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        self.old_len == self.new_len && (self.map == Map::Shift(0) || self.old_len == 0)
    }

    /// Where an old position goes; `None` if it is dropped, or does not exist.
    pub fn to_new(&self, old: usize) -> Option<usize> {
        match &self.map {
            Map::Shift(start) if old < self.old_len => old.checked_add(*start).filter(|&new| new < self.new_len),
            Map::Shift(_) => None,
            Map::Table(table) => table.to_new.get(old).copied().flatten(),
        }
    }

    /// What stands at a new position; `None` if the old axis does not have it.
    pub fn to_old(&self, new: usize) -> Option<usize> {
        match &self.map {
            Map::Shift(start) if new < self.new_len => new.checked_sub(*start).filter(|&old| old < self.old_len),
            Map::Shift(_) => None,
            Map::Table(table) => table.to_old.get(new).copied().flatten(),
        }
    }

    /// Whether an old position goes nowhere.
    pub fn drops(&self) -> bool {
        match &self.map {
            Map::Shift(start) => self.old_len > self.new_len.saturating_sub(*start),
            Map::Table(table) => table.to_new.contains(&None),
        }
    }

    /// Whether a new position is filled by nothing.
    pub fn misses(&self) -> bool {
        match &self.map {
            Map::Shift(start) => self.new_len > 0 && (*start > 0 || self.new_len > self.old_len),
            Map::Table(table) => table.to_old.contains(&None),
        }
    }

    /// The new positions that the old axis does not have, in order.
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        (0..self.new_len).filter(|&new| self.to_old(new).is_none())
    }

    /// What stands at each new position.
    pub fn sources(&self) -> Vec<Option<usize>> {
        (0..self.new_len).map(|new| self.to_old(new)).collect()
    }

    /// What is left if only some new positions are kept, which are strictly increasing: the old positions that stand there,
    /// in the order of the new ones, and how these go to them.
    ///
    /// ```
    /// use anndata_array::Reindex;
    /// use anndata_storage::AxisSelection;
    ///
    /// // "a", "b", "c" on an axis of "c", "d", "a", of which the last two are kept.
    /// let reindex = Reindex::from_map(vec![Some(2), None, Some(0)], 3)?;
    /// let (old, left) = reindex.select(&AxisSelection::Range(1..3))?;
    /// assert_eq!(old, AxisSelection::Range(0..1));
    /// assert_eq!(left.sources(), [None, Some(0)]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if a position is beyond what memory can hold.
    pub fn select(&self, new: &AxisSelection) -> Result<(AxisSelection, Self)> {
        if new.is_whole(self.new_len as u64) && !self.drops() {
            return Ok((AxisSelection::Range(0..self.old_len as u64), self.clone()));
        }
        let new_len = usize::try_from(new.len()).or_bug("more positions than memory can hold")?;
        let (mut old, mut to_new) = (Vec::new(), Vec::new());
        for (at, position) in new.positions().enumerate() {
            let position = usize::try_from(position).or_bug("a position beyond what memory can hold")?;
            if let Some(source) = self.to_old(position) {
                old.push(source as u64);
                to_new.push(Some(at));
            }
        }
        Ok((AxisSelection::of_positions(old), Self::from_map(to_new, new_len)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_go_both_ways() -> Result<()> {
        let longer = Reindex::resize(2, 3);
        assert!(longer.misses() && !longer.drops());
        assert_eq!(longer.sources(), [Some(0), Some(1), None]);
        let shorter = Reindex::resize(3, 2);
        assert!(shorter.drops() && !shorter.misses());
        assert_eq!([0, 1, 2].map(|old| shorter.to_new(old)), [Some(0), Some(1), None]);
        assert_eq!(Reindex::shift(2, 1, 4)?.sources(), [None, Some(0), Some(1), None]);
        assert!(Reindex::shift(2, 0, 2)?.is_identity());
        assert!(Reindex::from_map(vec![Some(0), Some(1)], 2)?.is_identity());
        assert!(!Reindex::from_map(vec![Some(1), Some(0)], 2)?.is_identity());
        let nothing = Reindex::shift(0, 3, 3)?;
        assert!(nothing.misses() && !nothing.drops() && !nothing.is_identity());
        assert!(Reindex::identity(0).is_identity() && !Reindex::identity(0).misses());
        Ok(())
    }

    #[test]
    fn a_map_of_selected_positions_is_that_of_all_at_these() -> Result<()> {
        let maps = [
            Reindex::identity(4),
            Reindex::resize(3, 4),
            Reindex::resize(6, 4),
            Reindex::shift(2, 1, 4)?,
            Reindex::from_map(vec![Some(3), None, Some(0)], 4)?,
        ];
        for map in maps {
            for kept in [vec![], vec![0], vec![1, 3], vec![0, 1, 2, 3]] {
                let (old, left) = map.select(&AxisSelection::of_positions(kept.clone()))?;
                let old: Vec<u64> = old.positions().collect();
                let seen: Vec<Option<u64>> = left.sources().into_iter().map(|at| at.map(|at| old[at])).collect();
                let expected = kept.iter().map(|&new| map.to_old(usize::try_from(new).unwrap()).map(|old| old as u64));
                assert_eq!(seen, expected.collect::<Vec<_>>(), "{map:?} at {kept:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn maps_that_are_not_one_to_one_are_refused() {
        let error = |map: &[Option<usize>]| Reindex::from_map(map.to_vec(), 2).unwrap_err().to_string();
        assert_eq!(error(&[Some(2)]), "position 2 is out of bounds for a new axis of length 2");
        assert_eq!(error(&[Some(1), None, Some(1)]), "positions 0 and 2 both become position 1");
        let beyond = Reindex::shift(2, 3, 4).unwrap_err().to_string();
        assert_eq!(beyond, "2 positions from 3 on go beyond an axis of length 4");
    }
}
