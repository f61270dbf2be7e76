//! [`Merge`]: which elements are kept that are not aligned to the axis of concatenation.

use std::fmt;
use std::sync::Arc;

use anndata_storage::{Result, child_path};
use indexmap::IndexSet;

use super::equal::equal;
use crate::{Element, Mapping};

/// A way to merge of one's own: from the mapping of each input to that of the result.
pub type MergeFunction = Arc<dyn Fn(&[&Mapping]) -> Result<Mapping> + Send + Sync>;

/// Which elements are kept that are not aligned to the axis of concatenation.
///
/// Elements of the other axis are compared and kept after they were brought into the joined order. Nested mappings are
/// merged key by key. NaN equals NaN in arrays and columns; arrays of different dtypes differ.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Merge {
    /// None.
    #[default]
    Off,
    /// Those that are the same in all inputs.
    Same,
    /// Those of which there is only one value, in the inputs that have them.
    Unique,
    /// The first of each key.
    First,
    /// Those that only one input has.
    Only,
    /// What a function makes of them.
    Function(MergeFunction),
}

impl Merge {
    /// What a function makes of the mappings of all inputs.
    ///
    /// The columns of a frame are handed over as a mapping of [`Element::Column`]s.
    pub fn function(merge: impl Fn(&[&Mapping]) -> Result<Mapping> + Send + Sync + 'static) -> Self {
        Self::Function(Arc::new(merge))
    }

    /// Merges mappings that stand at one path. `resolve` makes an element of an input ready to be compared and kept.
    pub(super) fn apply(
        &self,
        mappings: &[Mapping],
        path: &str,
        resolve: &dyn Fn(usize, &Element) -> Result<Element>,
    ) -> Result<Mapping> {
        match self {
            Self::Off => Ok(Mapping::new()),
            Self::Function(function) => {
                let resolved = mappings.iter().enumerate().map(|(input, mapping)| {
                    mapping.iter().map(|(key, element)| Ok((key.clone(), resolve(input, element)?))).collect()
                });
                let resolved = resolved.collect::<Result<Vec<Mapping>>>()?;
                function(&resolved.iter().collect::<Vec<_>>())
            }
            _ => self.nested(&mappings.iter().enumerate().collect::<Vec<_>>(), path, resolve),
        }
    }

    fn nested(
        &self,
        mappings: &[(usize, &Mapping)],
        path: &str,
        resolve: &dyn Fn(usize, &Element) -> Result<Element>,
    ) -> Result<Mapping> {
        let mut keys: IndexSet<&String> = mappings.iter().flat_map(|(_, mapping)| mapping.keys()).collect();
        if matches!(self, Self::Same) {
            keys = mappings.last().map(|(_, last)| last.keys().collect()).unwrap_or_default();
            keys.retain(|key| mappings.iter().all(|(_, mapping)| mapping.contains_key(*key)));
        }
        let mut merged = Mapping::new();
        for key in keys {
            let values = mappings.iter().filter_map(|(input, mapping)| Some((*input, mapping.get(key)?)));
            let values: Vec<(usize, &Element)> = values.collect();
            let within = values.iter().map(|(input, value)| match value {
                Element::Mapping(mapping) => Some((*input, mapping)),
                _ => None,
            });
            let path = child_path(path, key);
            let value = match within.collect::<Option<Vec<_>>>() {
                Some(within) => {
                    let within = self.nested(&within, &path, resolve)?;
                    (!within.is_empty()).then_some(Element::Mapping(within))
                }
                None => self.value(&values, resolve).map_err(|error| error.at(&path))?,
            };
            if let Some(value) = value {
                merged.insert(key.clone(), value);
            }
        }
        Ok(merged)
    }

    /// The value of one key, where one is kept.
    fn value(
        &self,
        values: &[(usize, &Element)],
        resolve: &dyn Fn(usize, &Element) -> Result<Element>,
    ) -> Result<Option<Element>> {
        let Some((&(input, first), rest)) = values.split_first() else { return Ok(None) };
        if matches!(self, Self::Only) && !rest.is_empty() {
            return Ok(None);
        }
        let first = resolve(input, first)?;
        if matches!(self, Self::Same | Self::Unique) {
            for &(input, value) in rest {
                if !equal(&resolve(input, value)?, &first)? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(first))
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Same => "Same",
            Self::Unique => "Unique",
            Self::First => "First",
            Self::Only => "Only",
            Self::Function(_) => "Function(..)",
        })
    }
}
