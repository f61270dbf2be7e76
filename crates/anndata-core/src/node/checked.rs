//! Stored integers that are checked while they are copied.

use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{BlockSize, Error, Result, Scalar as _, Tensor, dispatch};

use super::{ArrayNode, BlockIter, BlockSource, Source};

impl ArrayNode {
    /// The same array, whose integers are checked to be within a range when it is written from its store.
    #[must_use]
    pub(crate) fn checked(&self, what: &'static str, range: Range<i128>) -> Self {
        let mut node = self.clone();
        if !matches!(self.source, Source::Empty) {
            let (source, path) = (self.source.clone(), self.path.clone());
            node.source = Source::Blocks(Arc::new(CheckedIntegers { source, path, what, range }));
        }
        node
    }
}

/// The place of the first value that is not in the range; of anything but integers, the first.
pub(crate) fn first_not_in(values: &Tensor, range: &Range<i128>) -> Result<Option<usize>> {
    dispatch!(integer values.dtype(), T => {
        let values = values.as_slice::<T>()?;
        let outside = |value: &T| value.to_integer().is_none_or(|value| !range.contains(&value));
        let Some(&first) = values.first() else { return Ok(None) };
        // Most often nothing is outside, which the extremes tell fast.
        let (low, high) = values.iter().fold((first, first), |(low, high), &value| (low.min(value), high.max(value)));
        if !outside(&low) && !outside(&high) {
            return Ok(None);
        }
        Ok(values.iter().position(outside))
    }, else => Ok(Some(0)))
}

#[derive(Debug)]
struct CheckedIntegers {
    source: Source,
    path: String,
    what: &'static str,
    range: Range<i128>,
}

impl CheckedIntegers {
    fn check(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let Some(at) = first_not_in(values, &self.range)? else { return Ok(()) };
        let place = offset.first().copied().unwrap_or(0).saturating_add(at as u64);
        let Range { start, end } = &self.range;
        let message = format!("the {} at {place} is out of bounds of {start}..{end}", self.what);
        Err(Error::invalid_data(message).at(&self.path))
    }
}

impl BlockSource for CheckedIntegers {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        Box::new(self.source.blocks(size).map(|block| {
            let (offset, values) = block?;
            self.check(&offset, &values)?;
            Ok((offset, values))
        }))
    }
}
