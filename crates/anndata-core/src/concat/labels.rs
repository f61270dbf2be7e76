//! Labels of an axis: joins, and where the labels of one index are in another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;
use anndata_storage::{Error, Result};
use arrow_array::{Array, ArrayRef, LargeStringArray};
use arrow_schema::Field;
use rayon::prelude::*;

use crate::{Column, ColumnKind, ColumnSchema, DType, DataFrame, NaValue, Reindex, Schema, Series};

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
    /// The labels of the rows of frames. Those that are equal to the first ones are the same in memory, and nothing that is
    /// read is kept by its frame.
    ///
    /// # Errors
    /// If a lazy index cannot be read, or labels are not text.
    pub(super) fn of_all(frames: &[&DataFrame]) -> Result<Vec<Self>> {
        let of = |frame: &&DataFrame| Self::from_column(&frame.index().load_once()?);
        let Some((first, rest)) = frames.split_first() else { return Ok(Vec::new()) };
        let first = of(first)?;
        let rest = rest.par_iter().map(|frame| {
            let own = of(frame)?;
            Ok(if own == first { Self { texts: first.texts.clone(), ..own } } else { own })
        });
        let mut all = rest.collect::<Result<Vec<_>>>()?;
        all.insert(0, first);
        Ok(all)
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

    /// The labels of all, one after the other, each followed by the suffix of its input where there are such.
    fn concat(all: &[Self], suffixes: Option<&[String]>, na_value: Option<NaValue>) -> Result<Self> {
        let Some(suffixes) = suffixes else {
            let arrays: Vec<&dyn Array> = all.iter().map(|labels| &labels.texts as &dyn Array).collect();
            let joined = arrow_select::concat::concat(&arrays)
                .map_err(|error| Error::invalid_data("labels cannot be joined").with_source(error))?;
            return Ok(Self { texts: LargeStringArray::from(joined.to_data()), na_value });
        };
        let with_suffix = all
            .iter()
            .zip(suffixes)
            .flat_map(|(labels, suffix)| labels.iter().map(move |label| label.map(|label| format!("{label}{suffix}"))));
        Ok(Self { texts: with_suffix.collect(), na_value })
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

/// The labels of the inputs, one after the other, each followed by the key of its input where asked: where they are, not
/// what they are. They are read when they are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinedLabels {
    parts: Arc<[Series]>,
    /// What follows the labels of each input.
    suffixes: Option<Arc<[String]>>,
    na_value: Option<NaValue>,
    len: usize,
}

impl JoinedLabels {
    /// The labels of frames; `unique` is a separator and the key of each frame, which follow its labels.
    pub(super) fn new(frames: &[&DataFrame], unique: Option<(&str, &[String])>) -> Result<Self> {
        let na_values = frames.iter().map(|frame| na_value(frame.index())).collect::<Result<Vec<_>>>()?;
        let missing = frames.iter().map(|frame| has_missing(frame.index())).collect::<Result<Vec<_>>>()?;
        let implied = missing.contains(&true).then_some(NaValue::Nan);
        let suffixes = unique.map(|(separator, keys)| keys.iter().map(|key| format!("{separator}{key}")).collect());
        Ok(Self {
            parts: frames.iter().map(|frame| frame.index().clone()).collect(),
            suffixes,
            na_value: na_values.into_iter().flatten().next().or(implied),
            len: frames.iter().map(|frame| frame.len()).sum::<Result<_>>()?,
        })
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The labels in memory.
    ///
    /// # Errors
    /// If an index cannot be read, or labels are not text.
    pub fn load(&self) -> Result<Labels> {
        let all = self.parts.iter().map(|part| Labels::from_column(&part.load_once()?));
        Labels::concat(&all.collect::<Result<Vec<_>>>()?, self.suffixes.as_deref(), self.na_value)
    }

    /// The index of each input.
    pub(super) fn parts(&self) -> &[Series] {
        &self.parts
    }

    /// Labels of each input as one column; of an input without any there is no column.
    pub(super) fn join(&self, parts: Vec<(Option<Column>, usize)>) -> Result<Column> {
        let labels =
            parts.into_iter().map(|(part, _)| part.map_or(Ok(Labels::none()), |part| Labels::from_column(&part)));
        Labels::concat(&labels.collect::<Result<Vec<_>>>()?, self.suffixes.as_deref(), self.na_value)?.to_column()
    }

    /// What they are as a column.
    pub(super) fn schema(&self) -> Schema {
        match self.na_value {
            None => Schema::Array { dtype: DType::String, shape: vec![self.len] },
            Some(na_value) => {
                Schema::Column(ColumnSchema::new(ColumnKind::Nullable(na_value), DType::String, self.len))
            }
        }
    }
}

/// What a missing label of an index is, where its type has one.
fn na_value(index: &Series) -> Result<Option<NaValue>> {
    Ok(match index.schema()?.map(|schema| schema.kind) {
        Some(ColumnKind::Nullable(na_value)) => Some(na_value),
        _ => None,
    })
}

/// Whether a label is missing in an index whose type does not say so: of labels that are categories.
fn has_missing(index: &Series) -> Result<bool> {
    Ok(match index.schema()?.map(|schema| schema.kind) {
        Some(ColumnKind::Categorical { .. }) => index.load_once()?.array().null_count() > 0,
        _ => false,
    })
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
        let frames = [DataFrame::with_index(labels("a?").to_column()?), DataFrame::new(["a"])];
        let joined = |unique| JoinedLabels::new(&frames.each_ref(), unique);
        let unique = joined(Some(("-", &keys)))?;
        assert_eq!(unique.load()?.iter().collect::<Vec<_>>(), [Some("a-x"), None, Some("a-y")]);
        assert_eq!(unique.load()?.to_column()?.missing(), [false, true, false]);
        assert_eq!(
            (unique.len(), unique.schema()),
            (3, Series::from(unique.load()?.to_column()?).to_element().schema()?)
        );
        assert_eq!(joined(None)?.load()?.duplicate(), Some("a"));
        Ok(())
    }
}
