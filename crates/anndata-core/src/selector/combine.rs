//! Several selectors of an axis as one.

use std::ops::Not;

use anndata_storage::{OrBug, Result};

use super::{Axis, Kind, Selector};
use crate::{DataFrame, Mask};

/// Selectors are combined before the axis is known; what they select is in the order of the axis then, each position once.
///
/// ```
/// use anndata_core::{AnnData, DataFrame, Selector};
///
/// let obs = DataFrame::new(["a", "b", "c", "d"])
///     .with_column("batch", ["x", "y", "x", "z"])?
///     .with_column("is_good", [true, true, false, true])?;
/// let adata = AnnData::builder().shape(4, 0).obs(obs).build()?;
/// let good = Selector::is_in("batch", ["x", "z"]).and(Selector::mask_of("is_good"));
/// assert_eq!(adata.select(good.clone(), ..)?.obs_names()?, ["a", "d"]);
/// assert_eq!(adata.select(good.clone().or("c"), ..)?.obs_names()?, ["a", "c", "d"]);
/// assert_eq!(adata.select(!good, ..)?.obs_names()?, ["b", "c"]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl Selector {
    /// What this selector and another one both select.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        Self(Kind::Both(Box::new((self, other.into()))))
    }

    /// What this selector, another one, or both select.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self(Kind::Either(Box::new((self, other.into()))))
    }

    /// For each position of the axis that a frame annotates whether it is selected.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn mask(&self, axis: &DataFrame) -> Result<Mask> {
        self.mask_on(Axis { len: axis.len()?, frame: Some(axis) })
    }

    pub(super) fn mask_on(&self, axis: Axis<'_>) -> Result<Mask> {
        let mut chosen = vec![false; axis.len];
        for position in self.resolve_on(axis)?.positions() {
            let position = usize::try_from(position).ok().and_then(|position| chosen.get_mut(position));
            *position.or_bug("a position beyond the axis")? = true;
        }
        Ok(chosen.into())
    }
}

/// What the selector does not select.
impl Not for Selector {
    type Output = Self;

    fn not(self) -> Self {
        Self(Kind::Others(Box::new(self)))
    }
}
