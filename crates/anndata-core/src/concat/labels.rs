//! Labels of an axis: joins, and where the labels of one index are in another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use anndata_storage::{Error, OrBug, Result};
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_schema::Field;
use rayon::prelude::*;

use crate::{Column, ColumnKind, DataFrame, NaValue};

/// The labels of an axis as text; a missing label is null.
#[derive(Debug, Clone)]
pub struct Labels {
    texts: LargeStringArray,
    /// What a missing label is, where the type of the index has one.
    na_value: Option<NaValue>,
}

/// Equal labels, whatever their type.
impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Labels {
    /// The labels of the rows of a frame.
    ///
    /// # Errors
    /// Where a lazy index cannot be read, or labels are no text.
    pub(crate) fn of(frame: &DataFrame) -> Result<Self> {
        Self::from_column(&frame.index().load()?)
    }

    fn from_column(column: &Column) -> Result<Self> {
        let na_value = if let ColumnKind::Nullable(na_value) = column.kind() { Some(na_value) } else { None };
        let texts = match column.array().as_any().downcast_ref::<LargeStringArray>() {
            Some(texts) => texts.clone(),
            None => LargeStringArray::from(column.to_strings()?),
        };
        Ok(Self { texts, na_value })
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The labels in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        self.texts.iter()
    }

    /// The labels as the index of a frame: text that can be missing where a label is, or where the index says so.
    pub(crate) fn to_column(&self) -> Result<Column> {
        let na_value = self.na_value.or((self.texts.null_count() > 0).then_some(NaValue::Nan));
        let field = Field::new("", self.texts.data_type().clone(), na_value.is_some());
        let field = match na_value {
            Some(NaValue::Nan) => field.with_metadata([("na-value".to_owned(), "NaN".to_owned())].into()),
            _ => field,
        };
        let texts: ArrayRef = Arc::new(self.texts.clone());
        Column::from_arrow(&field, &texts)
    }

    /// The labels of all, one after the other, each followed by `separator` and the key of its input where asked.
    pub(crate) fn concat(all: &[Self], unique: Option<(&str, &[String])>) -> Result<Self> {
        let na_value = all.iter().find_map(|labels| labels.na_value);
        let Some((separator, keys)) = unique else {
            let arrays: Vec<&dyn Array> = all.iter().map(|labels| &labels.texts as &dyn Array).collect();
            let joined = arrow_select::concat::concat(&arrays)
                .map_err(|error| Error::invalid_data("labels cannot be joined").with_source(error))?;
            return Ok(Self { texts: LargeStringArray::from(joined.to_data()), na_value });
        };
        let with_key = all.iter().zip(keys).flat_map(|(labels, key)| {
            labels.iter().map(move |label| label.map(|label| format!("{label}{separator}{key}")))
        });
        Ok(Self { texts: with_key.collect(), na_value })
    }

    /// The labels that all have, in the order of the first.
    pub(crate) fn intersection(all: &[Self]) -> Self {
        let Some((first, rest)) = all.split_first() else { return Self::none() };
        let others: Vec<HashSet<Option<&str>, RandomState>> =
            rest.par_iter().filter(|other| *other != first).map(|other| other.iter().collect()).collect();
        if others.is_empty() {
            return first.clone();
        }
        let texts = first.iter().filter(|label| others.iter().all(|other| other.contains(label))).collect();
        Self { texts, na_value: first.na_value }
    }

    /// The labels that any has: as they are where all are equal (or empty), otherwise sorted, missing ones last.
    pub(crate) fn union(all: &[Self]) -> Self {
        let mut filled = all.iter().filter(|labels| !labels.is_empty());
        let Some(first) = filled.next() else {
            return all.first().cloned().unwrap_or_else(Self::none);
        };
        if filled.clone().all(|other| other == first) {
            return first.clone();
        }
        let mut seen: HashSet<Option<&str>, RandomState> = first.iter().collect();
        for other in filled {
            seen.extend(other.iter());
        }
        let mut union: Vec<Option<&str>> = seen.into_iter().collect();
        union.sort_unstable_by_key(|label| (label.is_none(), *label));
        Self { texts: union.into_iter().collect(), na_value: first.na_value }
    }

    fn none() -> Self {
        Self { texts: LargeStringArray::new_null(0), na_value: None }
    }

    /// The first label that occurs twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let mut seen = HashSet::with_capacity_and_hasher(self.len(), RandomState::default());
        self.iter().find(|label| !seen.insert(*label)).map(|label| label.unwrap_or("missing"))
    }
}

/// How the positions of an old axis go to those of a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Reindex {
    old_len: usize,
    new_len: usize,
    /// `None` where nothing changes.
    maps: Option<Maps>,
}

#[derive(Debug, Clone, PartialEq)]
struct Maps {
    to_new: Vec<Option<usize>>,
    to_old: Vec<Option<usize>>,
}

impl Reindex {
    /// From the labels of the old axis to those of the new one. The new ones are unique.
    pub(crate) fn new(old: &Labels, new: &Labels) -> Self {
        let (old_len, new_len) = (old.len(), new.len());
        if old == new {
            return Self { old_len, new_len, maps: None };
        }
        let places: HashMap<Option<&str>, usize, RandomState> =
            new.iter().enumerate().map(|(place, label)| (label, place)).collect();
        let to_new: Vec<Option<usize>> = old.iter().map(|label| places.get(&label).copied()).collect();
        Self::from_map(to_new, new_len)
    }

    /// From an axis of one length to one of another: the first positions stay where they are.
    pub(crate) fn resize(old_len: usize, new_len: usize) -> Self {
        if old_len == new_len {
            return Self { old_len, new_len, maps: None };
        }
        Self::from_map((0..old_len).map(|i| (i < new_len).then_some(i)).collect(), new_len)
    }

    /// From an axis to a longer one in which it begins at `start`.
    pub(crate) fn shift(old_len: usize, start: usize, new_len: usize) -> Result<Self> {
        let end = start.checked_add(old_len).filter(|&end| end <= new_len);
        let end = end.or_bug("an axis goes beyond the one that it is a part of")?;
        if old_len == new_len {
            return Ok(Self { old_len, new_len, maps: None });
        }
        Ok(Self::from_map((start..end).map(Some).collect(), new_len))
    }

    /// From the new positions of all old ones, which are below `new_len`.
    fn from_map(to_new: Vec<Option<usize>>, new_len: usize) -> Self {
        let mut to_old = vec![None; new_len];
        for (old, new) in to_new.iter().enumerate() {
            if let Some(new) = *new {
                to_old[new] = Some(old);
            }
        }
        Self { old_len: to_new.len(), new_len, maps: Some(Maps { to_new, to_old }) }
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

    /// Where an old position goes; `None` where it is dropped, or does not exist.
    pub fn to_new(&self, old: usize) -> Option<usize> {
        match &self.maps {
            None => (old < self.old_len).then_some(old),
            Some(maps) => maps.to_new.get(old).copied().flatten(),
        }
    }

    /// What stands at a new position; `None` where the old axis does not have it.
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

    fn labels(text: &str) -> Labels {
        let texts = text.chars().map(|c| (c != '?').then(|| c.to_string())).collect();
        Labels { texts, na_value: None }
    }

    fn text(labels: &Labels) -> String {
        labels.iter().map(|label| label.unwrap_or("?")).collect()
    }

    #[test]
    fn unions_are_sorted_unless_all_are_equal() {
        for (inputs, union, intersection) in [
            (vec!["cab", "cab"], "cab", "cab"),
            (vec!["cab", "ab"], "abc", "ab"),
            (vec!["cab", ""], "cab", ""),
            (vec!["", "cab", "cab"], "cab", ""),
            (vec!["cabd", "dac"], "abcd", "cad"),
            (vec!["b?a", "z?"], "abz?", "?"),
            (vec!["zé", "a"], "azé", ""),
            (vec!["ba"], "ba", "ba"),
            (vec!["", ""], "", ""),
        ] {
            let all: Vec<Labels> = inputs.iter().map(|input| labels(input)).collect();
            assert_eq!(text(&Labels::union(&all)), union, "{inputs:?}");
            assert_eq!(text(&Labels::intersection(&all)), intersection, "{inputs:?}");
        }
    }

    #[test]
    fn maps_go_both_ways() {
        let reindex = Reindex::new(&labels("cab"), &labels("bxc"));
        assert_eq!([0, 1, 2, 3].map(|old| reindex.to_new(old)), [Some(2), None, Some(0), None]);
        assert_eq!([0, 1, 2, 3].map(|new| reindex.to_old(new)), [Some(2), None, Some(0), None]);
        assert!(reindex.drops() && reindex.misses() && !reindex.is_identity());
        assert_eq!(reindex.missing().collect::<Vec<_>>(), [1]);
        assert!(Reindex::new(&labels("ab"), &labels("ab")).is_identity());
        let longer = Reindex::resize(2, 3);
        assert!(longer.misses() && !longer.drops());
        assert_eq!(longer.sources(), [Some(0), Some(1), None]);
    }

    #[test]
    fn labels_get_keys_and_missing_ones_stay_missing() -> Result<()> {
        let keys = ["x".to_owned(), "y".to_owned()];
        let joined = Labels::concat(&[labels("a?"), labels("a")], Some(("-", &keys)))?;
        assert_eq!(joined.iter().collect::<Vec<_>>(), [Some("a-x"), None, Some("a-y")]);
        assert_eq!(joined.to_column()?.missing(), [false, true, false]);
        assert_eq!(Labels::concat(&[labels("a"), labels("a")], None)?.duplicate(), Some("a"));
        Ok(())
    }
}
