//! [`Reindex`]: how the positions of one axis map to those of another.

use anndata_storage::{Error, Result};

/// How the positions of an old axis go to those of a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Reindex {
    old_len: usize,
    new_len: usize,
    /// `None` if nothing changes.
    maps: Option<Maps>,
}

#[derive(Debug, Clone, PartialEq)]
struct Maps {
    to_new: Vec<Option<usize>>,
    to_old: Vec<Option<usize>>,
}

impl Reindex {
    /// An axis that stays as it is.
    pub fn identity(len: usize) -> Self {
        Self { old_len: len, new_len: len, maps: None }
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
        Ok(Self { old_len: to_new.len(), new_len, maps: Some(Maps { to_new, to_old }) })
    }

    /// From an axis of one length to one of another: the first positions stay where they are.
    pub fn resize(old_len: usize, new_len: usize) -> Self {
        if old_len == new_len {
            return Self::identity(old_len);
        }
        let kept = |len: usize, other: usize| (0..len).map(|position| (position < other).then_some(position)).collect();
        let maps = Maps { to_new: kept(old_len, new_len), to_old: kept(new_len, old_len) };
        Self { old_len, new_len, maps: Some(maps) }
    }

    /// From an axis to a longer one in which it begins at `start`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it ends beyond the longer one.
    pub fn shift(old_len: usize, start: usize, new_len: usize) -> Result<Self> {
        let end = start.checked_add(old_len).filter(|&end| end <= new_len);
        let end = end.ok_or_else(|| {
            Error::invalid_input(format!("{old_len} positions from {start} on go beyond an axis of length {new_len}"))
        })?;
        if old_len == new_len {
            return Ok(Self::identity(old_len));
        }
        Self::from_map((start..end).map(Some).collect(), new_len)
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
        self.maps.is_none()
    }

    /// Where an old position goes; `None` if it is dropped, or does not exist.
    pub fn to_new(&self, old: usize) -> Option<usize> {
        match &self.maps {
            None => (old < self.old_len).then_some(old),
            Some(maps) => maps.to_new.get(old).copied().flatten(),
        }
    }

    /// What stands at a new position; `None` if the old axis does not have it.
    pub fn to_old(&self, new: usize) -> Option<usize> {
        match &self.maps {
            None => (new < self.new_len).then_some(new),
            Some(maps) => maps.to_old.get(new).copied().flatten(),
        }
    }

    /// Whether an old position goes nowhere.
    pub fn drops(&self) -> bool {
        self.maps.as_ref().is_some_and(|maps| maps.to_new.contains(&None))
    }

    /// Whether a new position is filled by nothing.
    pub fn misses(&self) -> bool {
        self.maps.as_ref().is_some_and(|maps| maps.to_old.contains(&None))
    }

    /// The new positions that the old axis does not have, in order.
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        (0..self.new_len).filter(|&new| self.to_old(new).is_none())
    }

    /// What stands at each new position.
    pub fn sources(&self) -> Vec<Option<usize>> {
        (0..self.new_len).map(|new| self.to_old(new)).collect()
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
