//! The names of observations and variables: setting them and making them unique.

use std::collections::{HashMap, HashSet};

use anndata_storage::{Result, Tensor};

use super::AnnData;
use crate::{Column, ColumnKind, DataFrame, Series};

/// How many colliding names a warning shows.
const SHOWN: usize = 5;

macro_rules! names {
    ($($axis:ident, $aligned:ident, $set:ident, $make_unique:ident, $what:literal;)*) => {
        $(
            #[doc = concat!("Sets the names of the ", $what, ".")]
            ///
            #[doc = concat!("The name of the index stays. Frames in `", stringify!($aligned), "` get the names as well.")]
            ///
            /// # Errors
            #[doc = concat!("Where there is not one for each of the ", $what, ".")]
            pub fn $set<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) -> Result<()> {
                let mut frame = self.$axis.clone();
                frame.set_index(Column::strings(names)).map_err(|error| error.at(stringify!($axis)))?;
                let aligned = self.$aligned.relabelled(&frame)?;
                (self.$axis, self.$aligned) = (frame, aligned);
                warn_of_duplicates(stringify!($axis), &self.$axis);
                self.edited();
                Ok(())
            }

            #[doc = concat!("Makes the names of the ", $what, " unique, as [`make_unique`] does; unique ones stay.")]
            ///
            /// A missing name stays missing. If a new name was about to collide with one that is there, a warning is
            /// given as a `tracing` event.
            ///
            /// # Errors
            /// If names cannot be read, or are not text.
            pub fn $make_unique(&mut self, join: &str) -> Result<()> {
                if self.$axis.name_index()?.is_unique() {
                    return Ok(());
                }
                let mut frame = self.$axis.clone();
                frame.set_index(unique_labels(&frame.index().load()?, join)?)?;
                let aligned = self.$aligned.relabelled(&frame)?;
                (self.$axis, self.$aligned) = (frame, aligned);
                self.edited();
                Ok(())
            }
        )*
    };
}

impl AnnData {
    names! {
        obs, obsm, set_obs_names, obs_names_make_unique, "observations";
        var, varm, set_var_names, var_names_make_unique, "variables";
    }
}

/// Makes names unique: `join` and a number, from 1, are appended to each that stood before. A number whose name is there
/// already is passed over. This is Python's `make_index_unique`, with the same results.
///
/// ```
/// let names = ["a", "a", "b", "a", "a-1"];
/// assert_eq!(anndata_core::make_unique(&names, "-"), ["a", "a-2", "b", "a-3", "a-1"]);
/// ```
pub fn make_unique<S: AsRef<str>>(names: &[S], join: &str) -> Vec<String> {
    let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_ref())).collect();
    unique(&names, join).into_iter().map(Option::unwrap_or_default).collect()
}

fn unique(names: &[Option<&str>], join: &str) -> Vec<Option<String>> {
    let mut taken: HashSet<String> = names.iter().flatten().map(|&name| name.to_owned()).collect();
    let mut seen: HashSet<&str> = HashSet::with_capacity(names.len());
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut collisions: Vec<String> = Vec::new();
    let mut made = Vec::with_capacity(names.len());
    for &name in names {
        let Some(text) = name.filter(|&name| !seen.insert(name)) else {
            made.push(name.map(str::to_owned));
            continue;
        };
        let number = numbers.entry(text).or_insert(0);
        made.push(Some(loop {
            *number += 1;
            let candidate = format!("{text}{join}{number}");
            if taken.insert(candidate.clone()) {
                break candidate;
            }
            if collisions.len() < SHOWN {
                collisions.push(candidate);
            }
        }));
    }
    if !collisions.is_empty() {
        tracing::warn!(
            join,
            ?collisions,
            "names that were made unique may be hard to tell from names that end like them: consider another join"
        );
    }
    made
}

/// The labels of an index made unique; labels that can be missing still can.
fn unique_labels(index: &Column, join: &str) -> Result<Column> {
    let texts = index.to_strings()?;
    let names = unique(&texts.iter().map(Option::as_deref).collect::<Vec<_>>(), join);
    match index.kind() {
        ColumnKind::Nullable(na_value) => {
            let missing: Vec<bool> = names.iter().map(Option::is_none).collect();
            let texts = Tensor::from_strings([names.len()], names.into_iter().map(Option::unwrap_or_default))?;
            Column::nullable(&texts, &missing, na_value)
        }
        ColumnKind::Plain | ColumnKind::Time(_) | ColumnKind::Categorical { .. } => {
            Ok(Column::strings(names.into_iter().map(Option::unwrap_or_default)))
        }
    }
}

/// The frame with labels of text. A lazy index is taken as it is.
pub(super) fn with_text_labels(mut frame: DataFrame) -> Result<DataFrame> {
    if let Series::Loaded(index) = frame.index()
        && index.to_string_array().is_err()
    {
        let labels = Column::strings(index.to_labels()?);
        frame.set_index(labels)?;
    }
    Ok(frame)
}

/// Warns of names that stand twice, where someone listens. A lazy index is not read for it.
pub(crate) fn warn_of_duplicates(axis: &str, frame: &DataFrame) {
    if !tracing::enabled!(tracing::Level::WARN) || !matches!(frame.index(), Series::Loaded(_)) {
        return;
    }
    if frame.name_index().is_ok_and(|names| !names.is_unique()) {
        tracing::warn!("the names of {axis} are not unique: `{axis}_names_make_unique` makes them so");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, NaValue};

    #[test]
    fn numbers_that_are_taken_are_passed_over() {
        let cases: [(&[&str], &str, &[&str]); 5] = [
            (&[], "-", &[]),
            (&["b", "a"], "-", &["b", "a"]),
            (&["a", "a", "a"], "_", &["a", "a_1", "a_2"]),
            (&["snap25", "snap25", "snap25-1"], "-", &["snap25", "snap25-2", "snap25-1"]),
            (&["a", "a", "a-1", "a-1"], "-", &["a", "a-2", "a-1", "a-1-1"]),
        ];
        for (names, join, expected) in cases {
            assert_eq!(make_unique(names, join), expected);
        }
    }

    #[test]
    fn missing_names_stay_missing() -> Result<()> {
        let texts = Tensor::from_strings([4], ["a", "", "a", ""])?;
        let index = Column::nullable(&texts, &[false, true, false, true], NaValue::Nan)?;
        let unique = unique_labels(&index, "-")?;
        assert_eq!(unique.kind(), index.kind());
        assert_eq!(unique.to_strings()?, [Some("a".into()), None, Some("a-1".into()), None]);
        Ok(())
    }

    #[test]
    fn names_follow_into_frames_and_keep_the_name_of_the_index() -> Result<()> {
        let obs = DataFrame::new(["a", "b"]).with_index_name(Some("cell".into()));
        let frame = DataFrame::new(["a", "b"]).with_column("n", vec![1, 2])?;
        let mut adata = AnnData::builder().obs(obs).obsm("df", frame).build()?;
        adata.set_obs_names(["x", "x"])?;
        assert_eq!((adata.obs_names()?, adata.obs().index_name()), (vec!["x".into(), "x".into()], Some("cell")));
        adata.obs_names_make_unique("-")?;
        let df = adata.obsm().get("df").map(Element::as_frame).transpose()?;
        assert_eq!(df.map(DataFrame::names).transpose()?, Some(vec!["x".to_owned(), "x-1".to_owned()]));
        assert_eq!(df.and_then(DataFrame::index_name), Some("cell"));
        let before = adata.clone();
        assert!(adata.set_obs_names(["only one"]).is_err_and(|error| error.path() == Some("obs")));
        assert_eq!(adata, before);
        Ok(())
    }
}
