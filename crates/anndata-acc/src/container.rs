//! [`Container`]: what data have to say about themselves for references to be applied to them.

mod objects;

use std::fmt;
use std::sync::Arc;

use anndata_core::{AxisSelection, Element, NameIndex, Result};

use crate::Dim;

/// Where arrays are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Slot {
    /// `X` and `layers`.
    Layers,
    /// The frame of a dimension: `obs`, `var`.
    Frame(Dim),
    /// Arrays aligned to a dimension: `obsm`, `varm`.
    Multi(Dim),
    /// Square matrices over a dimension: `obsp`, `varp`.
    Graphs(Dim),
}

/// Prints as the slot is called: `layers`, `obs`, `obsm`, `obsp`.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layers => f.write_str("layers"),
            Self::Frame(dim) => dim.fmt(f),
            Self::Multi(dim) => write!(f, "{dim}m"),
            Self::Graphs(dim) => write!(f, "{dim}p"),
        }
    }
}

/// Data that references can be applied to: [`AnnData`](anndata_core::AnnData), whether it is in memory, a view or lazy, its
/// [`Raw`](anndata_core::Raw), and
/// containers of downstream crates.
///
/// Two methods are needed; the others have defaults in terms of these.
///
/// ```
/// use anndata_acc::{A, Access, Acc, Container, Dim, Meta, Slot};
/// use anndata_core::{AnnData, DataFrame, Element, Result};
///
/// /// Health records: an object, and a frame of time points.
/// struct Records {
///     adata: AnnData,
///     visits: DataFrame,
/// }
///
/// impl Container for Records {
///     fn keys(&self, slot: &Slot) -> Option<Vec<String>> {
///         match slot {
///             Slot::Frame(Dim::Other(name)) if **name == *"tem" => Some(self.visits.column_names().map(str::to_owned).collect()),
///             slot => self.adata.keys(slot),
///         }
///     }
///
///     fn element(&self, slot: &Slot, key: Option<&str>) -> Result<Option<Element>> {
///         match (slot, key) {
///             (Slot::Frame(Dim::Other(name)), None) if **name == *"tem" => Ok(Some(self.visits.clone().into())),
///             (Slot::Frame(Dim::Other(name)), Some(key)) if **name == *"tem" => {
///                 Ok(self.visits.columns().find(|(name, _)| *name == key).map(|(_, column)| column.to_element()))
///             }
///             (slot, key) => self.adata.element(slot, key),
///         }
///     }
/// }
///
/// let records = Records {
///     adata: AnnData::builder().shape(2, 0).build()?,
///     visits: DataFrame::new(["t0", "t1", "t2"]).with_column("visit_id", vec![7_i64, 8, 9])?,
/// };
/// let tem = Acc::<Meta>::new(Meta { dim: Dim::other("tem") });
/// assert_eq!(tem.column("visit_id").to_string(), "A.tem['visit_id']");
/// assert_eq!(records.get_as::<Vec<i64>>(&tem.column("visit_id"))?, [7, 8, 9]);
/// assert_eq!(records.get_as::<Vec<String>>(&A.obs_index())?, ["0", "1"]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
pub trait Container {
    /// The keys in a slot, in order, those of the columns of a frame; `X` has none. `None` if the data have no such
    /// slot.
    fn keys(&self, slot: &Slot) -> Option<Vec<String>>;

    /// The array of a key, not read where it is lazy: a layer (without a key `X`), a column of a frame (without a key
    /// the frame), an annotation. `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be determined.
    fn element(&self, slot: &Slot, key: Option<&str>) -> Result<Option<Element>>;

    /// The names along a dimension, and where each is. `None` if the data have no such dimension.
    ///
    /// # Errors
    /// If they cannot be read.
    fn names(&self, dim: &Dim) -> Result<Option<Arc<NameIndex>>> {
        match self.element(&Slot::Frame(dim.clone()), None)? {
            Some(frame) => frame.as_frame()?.name_index().map(Some),
            None => Ok(None),
        }
    }

    /// Part of an array, in memory: what is selected of each axis. What is not selected is not read, where the layout of
    /// the array allows it. `None` if there is no such array.
    ///
    /// # Errors
    /// If it cannot be read.
    fn part(&self, slot: &Slot, key: Option<&str>, axes: &[AxisSelection]) -> Result<Option<Element>> {
        self.element(slot, key)?.map(|element| element.select(axes)?.load()).transpose()
    }
}
