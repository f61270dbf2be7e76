//! Labels of an axis: joins, and where the labels of one index are in another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use anndata_storage::{Error, Result};
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_schema::Field;
use rayon::prelude::*;

use crate::{Column, ColumnKind, DataFrame, NaValue, Reindex};

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
    /// If a lazy index cannot be read, or labels are not text.
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

    /// Where each of these labels is among other ones, which are unique.
    ///
    /// # Errors
    /// If the other labels are not unique.
    pub(crate) fn reindex(&self, new: &Self) -> Result<Reindex> {
        if self == new {
            return Ok(Reindex::identity(self.len()));
        }
        let positions: HashMap<Option<&str>, usize, RandomState> =
            new.iter().enumerate().map(|(position, label)| (label, position)).collect();
        Reindex::from_map(self.iter().map(|label| positions.get(&label).copied()).collect(), new.len())
    }

    /// The first label that occurs twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let mut seen = HashSet::with_capacity_and_hasher(self.len(), RandomState::default());
        self.iter().find(|label| !seen.insert(*label)).map(|label| label.unwrap_or("missing"))
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
    fn maps_go_both_ways() -> Result<()> {
        let reindex = labels("cab").reindex(&labels("bxc"))?;
        assert_eq!([0, 1, 2, 3].map(|old| reindex.to_new(old)), [Some(2), None, Some(0), None]);
        assert_eq!([0, 1, 2, 3].map(|new| reindex.to_old(new)), [Some(2), None, Some(0), None]);
        assert!(reindex.drops() && reindex.misses() && !reindex.is_identity());
        assert_eq!(reindex.missing().collect::<Vec<_>>(), [1]);
        assert!(labels("ab").reindex(&labels("ab"))?.is_identity());
        Ok(())
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
