//! [`Extension`]: a value of a kind that anndata does not have.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use anndata_storage::{AxisSelection, Error, Result};

/// A value of a kind that anndata does not have, for encodings that are added to those of the format.
pub trait Extension: Any + Debug + Send + Sync {
    /// The `encoding-type` that writes it.
    fn encoding_type(&self) -> &str;

    /// The length of each axis, where it has axes; used to check alignment.
    fn shape(&self) -> Option<Vec<usize>> {
        None
    }

    /// The selected positions along its axes, one selection per axis, all within bounds. By default refused.
    ///
    /// # Errors
    /// If no part of it can be selected.
    fn select(&self, _axes: &[AxisSelection]) -> Result<Arc<dyn Extension>> {
        Err(Error::unsupported(format!("no part of an element encoded as '{}' can be selected", self.encoding_type())))
    }

    /// Several values of this kind, one after the other along the first axis: each with its number of rows, `None` for an
    /// object that has no such element. By default refused.
    ///
    /// # Errors
    /// If they cannot be concatenated.
    fn concat(&self, _parts: &[(Option<Arc<dyn Extension>>, usize)]) -> Result<Arc<dyn Extension>> {
        Err(Error::unsupported(format!("elements encoded as '{}' cannot be concatenated", self.encoding_type())))
    }

    /// Whether another value is equal. By default, whether it is the same one in memory.
    fn equals(&self, other: &dyn Extension) -> bool {
        std::ptr::addr_eq(std::ptr::from_ref(self).cast::<()>(), std::ptr::from_ref(other).cast::<()>())
    }

    /// Itself, for downcasting.
    fn as_any(&self) -> &dyn Any;
}

impl PartialEq for dyn Extension {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}
