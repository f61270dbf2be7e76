//! [`NameIndex`]: where each name of an axis is.

use ahash::RandomState;
use anndata_storage::{Error, Result};
use arrow_array::{Array, LargeStringArray};
use hashbrown::HashTable;
use rayon::prelude::*;

/// How many names an error shows.
const SHOWN: usize = 5;
/// From how many names on they are looked up on all cores.
const MANY: usize = 1 << 12;

/// The names of an axis and where each is: a hash table over the names, built once.
///
/// ```
/// use anndata_array::NameIndex;
///
/// let names = NameIndex::new(vec!["cell-1", "cell-2", "cell-3"].into());
/// assert_eq!(names.position("cell-2"), Some(1));
/// assert_eq!(names.positions(&["cell-3", "cell-1"])?, [2, 0]);
/// let error = names.positions(&["cell-3", "cell-9"]).unwrap_err();
/// assert!(error.to_string().contains("'cell-9'"), "{error}");
/// # Ok::<(), anndata_array::Error>(())
/// ```
#[derive(Debug)]
pub struct NameIndex {
    names: LargeStringArray,
    hasher: RandomState,
    /// The first position of each name.
    table: HashTable<usize>,
}

impl NameIndex {
    /// The index of these names; a missing one counts as empty.
    pub fn new(names: LargeStringArray) -> Self {
        let hasher = RandomState::default();
        let mut table = HashTable::with_capacity(names.len());
        let hash = |position: &usize| hasher.hash_one(name_at(&names, *position));
        for position in 0..names.len() {
            let name = name_at(&names, position);
            let same = |other: &usize| name_at(&names, *other) == name;
            table.entry(hasher.hash_one(name), same, hash).or_insert(position);
        }
        Self { names, hasher, table }
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> &LargeStringArray {
        &self.names
    }

    /// Whether no name stands twice.
    pub fn is_unique(&self) -> bool {
        self.table.len() == self.names.len()
    }

    /// The position of a name; the first one if it is repeated.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.table.find(self.hasher.hash_one(name), |&other| name_at(&self.names, other) == name).copied()
    }

    /// All positions of a name, in order.
    pub fn all_positions(&self, name: &str) -> Vec<u64> {
        let Some(first) = self.position(name) else { return Vec::new() };
        if self.is_unique() {
            return vec![first as u64];
        }
        (first..self.len()).filter(|&at| name_at(&self.names, at) == name).map(|at| at as u64).collect()
    }

    /// Where each of these names is, in the order given, looked up on all cores where there are many.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such name, with the first few of them;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the names of the axis are not unique, as it is not
    /// known then which one is meant.
    pub fn positions<S: AsRef<str> + Sync>(&self, names: &[S]) -> Result<Vec<u64>> {
        self.find(names.len(), |i| names[i].as_ref())
    }

    /// The same as [`positions`](Self::positions) for an Arrow array of names.
    ///
    /// # Errors
    /// As [`positions`](Self::positions).
    pub fn positions_of(&self, names: &LargeStringArray) -> Result<Vec<u64>> {
        self.find(names.len(), |i| name_at(names, i))
    }

    fn find<'a>(&self, len: usize, name: impl Fn(usize) -> &'a str + Sync) -> Result<Vec<u64>> {
        if !self.is_unique() && len > 0 {
            let again = self.duplicates().into_iter().map(|name| format!("'{name}'")).collect::<Vec<_>>();
            return Err(Error::invalid_input(format!(
                "names are not unique, so that a list of names cannot be looked up: {} and perhaps others stand twice",
                again.join(", ")
            )));
        }
        let find = |i: usize| self.position(name(i)).map_or(u64::MAX, |at| at as u64);
        let positions: Vec<u64> = if len < MANY {
            (0..len).map(find).collect()
        } else {
            (0..len).into_par_iter().with_min_len(MANY / 4).map(find).collect()
        };
        if !positions.contains(&u64::MAX) {
            return Ok(positions);
        }
        let missing: Vec<usize> = (0..len).filter(|&i| positions.get(i) == Some(&u64::MAX)).collect();
        let shown: Vec<String> = missing.iter().take(SHOWN).map(|&i| format!("'{}'", name(i))).collect();
        let more = missing.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(Error::not_found(format!("no such name: {}{more}", shown.join(", "))))
    }

    /// The first few names that stand more than once.
    fn duplicates(&self) -> Vec<&str> {
        let again = (0..self.len()).map(|at| (at, name_at(&self.names, at)));
        let again = again.filter(|&(at, name)| self.position(name) != Some(at)).map(|(_, name)| name);
        let mut shown: Vec<&str> = Vec::new();
        for name in again {
            if !shown.contains(&name) {
                shown.push(name);
            }
            if shown.len() == SHOWN {
                break;
            }
        }
        shown
    }
}

/// The name at a position; a missing one is empty.
fn name_at(names: &LargeStringArray, position: usize) -> &str {
    if position < names.len() && names.is_valid(position) { names.value(position) } else { "" }
}
