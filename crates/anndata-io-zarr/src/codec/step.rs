//! Steps from the values of a chunk to other values, of another order, type or number.

use anndata_storage::Result;

use super::{Conversion, Narrow, Values, bytes, numbers, registry};

/// A step from values to values. Names are those of writing; reading undoes it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Axes are stored in this order, as positions in the axes that are given.
    Transpose(Vec<usize>),
    /// Each value but the first is stored as what it is more than the one before.
    Delta,
    /// Values are converted to another type.
    Convert(Conversion),
    /// Eight booleans are stored in a byte, the first in the highest bit, after a byte with the number of bits that mean
    /// nothing.
    PackBits,
    /// Values become those of a narrower type.
    Narrow(Narrow),
    /// One of the registry.
    Registered(registry::Step),
}

impl Step {
    /// Its name among the codecs of zarr.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Transpose(_) => "transpose",
            Self::Delta => "delta",
            Self::Convert(conversion) => conversion.name(),
            Self::PackBits => "packbits",
            Self::Narrow(narrow) => narrow.name(),
            Self::Registered(step) => step.name(),
        }
    }

    /// Fills `values`, which are `before` the step, from what is stored `after` it.
    pub(super) fn undo(&self, stored: &[u8], values: &mut [u8], before: &Values, after: &Values) -> Result<()> {
        match self {
            Self::Transpose(order) => bytes::restore(stored, values, &before.shape, order, before.size()),
            Self::Delta => numbers::undo_delta(stored, &after.dtype, values, &before.dtype),
            Self::Convert(conversion) => conversion.undo(stored, &after.dtype, values, &before.dtype),
            Self::PackBits => numbers::unpack_bits(stored, values),
            Self::Narrow(narrow) => narrow.undo(stored, values),
            Self::Registered(step) => step.decode(stored, values),
        }
    }

    /// Fills `stored`, which is `after` the step, from values `before` it.
    pub(super) fn apply(&self, values: &[u8], stored: &mut [u8], before: &Values, after: &Values) -> Result<()> {
        match self {
            Self::Transpose(order) => bytes::permute(values, stored, &before.shape, order, before.size()),
            Self::Delta => numbers::apply_delta(values, &before.dtype, stored, &after.dtype),
            Self::Convert(conversion) => conversion.apply(values, &before.dtype, stored, &after.dtype),
            Self::PackBits => numbers::pack_bits(values, stored),
            Self::Narrow(narrow) => narrow.apply(values, stored),
            Self::Registered(step) => step.encode(values, stored),
        }
    }
}
