//! Stored values that are checked while they are copied.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{BlockSize, Error, Result, Scalar as _, Tensor, dispatch};

use super::{ArrayNode, BlockIter, BlockSource, Source};

impl ArrayNode {
    /// Returns the same array, whose integers are checked to be within a range when it is written from its store. The
    /// advice is given with the error, if there is any.
    #[must_use]
    pub(crate) fn checked(&self, what: &'static str, range: Range<i128>, advice: Option<&'static str>) -> Self {
        let mut node = self.clone();
        if !matches!(self.source, Source::Empty) {
            let (source, path) = (self.source.clone(), self.path.clone());
            node.source = Source::Blocks(Arc::new(CheckedIntegers { source, path, what, range, advice }));
        }
        node
    }
}

impl ArrayNode {
    /// The same array of one dimension, whose values are checked to be different from each other when it is written from
    /// its store. The advice is given with the error.
    #[must_use]
    pub(crate) fn distinct(&self, what: &'static str, advice: &'static str) -> Self {
        let mut node = self.clone();
        if !matches!(self.source, Source::Empty) {
            let (source, path) = (self.source.clone(), self.path.clone());
            node.source = Source::Blocks(Arc::new(DistinctValues { source, path, what, advice }));
        }
        node
    }
}

/// The values of an array of one dimension that were seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashSet<Box<[u8]>>);

impl Seen {
    /// The position of the first of more values that was seen before.
    pub(crate) fn first_repeated(&mut self, values: &Tensor) -> Result<Option<usize>> {
        if values.dtype().is_text() {
            let texts = values.to_text()?;
            let texts = texts.strings()?;
            return Ok((0..values.len()).find(|&at| !self.0.insert(texts.value(at).as_bytes().into())));
        }
        let (Some(size), Some(bytes)) = (values.dtype().size(), values.as_bytes()) else {
            return Err(Error::dtype(format!("values of type {} cannot be compared", values.dtype())));
        };
        // Values without a byte are none.
        let size = size.max(1);
        Ok(bytes.chunks(size).position(|value| !self.0.insert(value.into())))
    }
}

#[derive(Debug)]
struct DistinctValues {
    source: Source,
    path: String,
    what: &'static str,
    advice: &'static str,
}

impl BlockSource for DistinctValues {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let mut seen = Seen::default();
        Box::new(self.source.blocks(size).map(move |block| {
            let (offset, values) = block?;
            let Some(at) = seen.first_repeated(&values)? else { return Ok((offset, values)) };
            let position = offset.first().copied().unwrap_or(0).saturating_add(at as u64);
            let message = format!("the {} at position {position} is repeated", self.what);
            Err(self.source.locate(Error::invalid_data(message).at(&self.path)).with_advice(self.advice))
        }))
    }
}

/// The position of the first value that is not in the range; of anything but integers, the first.
pub(crate) fn first_not_in(values: &Tensor, range: &Range<i128>) -> Result<Option<usize>> {
    dispatch!(integer values.dtype(), T => {
        let values = values.as_slice::<T>()?;
        let outside = |value: &T| value.to_integer().is_none_or(|value| !range.contains(&value));
        let Some(&first) = values.first() else { return Ok(None) };
        // Most often nothing is outside, which the extremes show fast.
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
    advice: Option<&'static str>,
}

impl CheckedIntegers {
    fn check(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let Some(at) = first_not_in(values, &self.range)? else { return Ok(()) };
        let position = offset.first().copied().unwrap_or(0).saturating_add(at as u64);
        let Range { start, end } = &self.range;
        let message = format!("the {} at position {position} is out of bounds of {start}..{end}", self.what);
        let error = self.source.locate(Error::invalid_data(message).at(&self.path));
        Err(match self.advice {
            Some(advice) => error.with_advice(advice),
            None => error,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_compared_are_not_taken_to_differ() -> Result<()> {
        let field = Tensor::from_vec([2], vec![1_i32, 1])?;
        assert_eq!(Seen::default().first_repeated(&field)?, Some(1));
        let records = Tensor::from_fields([2], [("a".to_owned(), field)])?;
        let error = Seen::default().first_repeated(&records).unwrap_err();
        assert!(error.is_dtype() && error.message().contains("cannot be compared"), "{error}");
        Ok(())
    }
}
