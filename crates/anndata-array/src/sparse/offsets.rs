//! [`Offsets`]: where major slices begin, checked once, so that what is computed from them has a proof.

use std::ops::Range;

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch, ensure};
use rayon::prelude::*;

use super::buffers::{Index, by_width, largest, plain_mut, too_many, zeroed};

/// The start of each major slice and the end of the last one. There is at least one offset, the first is 0, and they never
/// decrease.
///
/// A major slice is a row of a CSR matrix or a column of a CSC matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets(Vec<usize>);

impl Offsets {
    /// Major slices of these lengths.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if their sum is more than memory can hold.
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Result<Self> {
        let lengths = lengths.into_iter();
        let mut offsets = Vec::with_capacity(lengths.size_hint().0 + 1);
        let mut total = 0_usize;
        offsets.push(0);
        for len in lengths {
            total = total.checked_add(len).ok_or_else(|| Error::limit_exceeded("more values than memory can hold"))?;
            offsets.push(total);
        }
        Ok(Self(offsets))
    }

    /// The offsets of `slices` major slices within `values` values, as a caller or a store gives them.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are not what offsets have to be; it says where.
    pub fn given(indptr: &Tensor, slices: usize, values: usize) -> Result<Self> {
        let offsets = to_offsets(indptr)?;
        let mut check = OffsetCheck::default();
        check.push(&offsets)?;
        check.finish(slices, values)?;
        Ok(Self(offsets))
    }

    /// The offsets of a matrix that was checked when it was made.
    pub(super) fn checked(indptr: &Tensor, slices: usize, values: usize) -> Result<Self> {
        let offsets = to_offsets(indptr)?;
        ensure!(offsets.len().checked_sub(1) == Some(slices), "{} offsets of {slices} major slices", offsets.len());
        ensure!(offsets.first() == Some(&0) && offsets.is_sorted(), "the offsets of a matrix decrease");
        ensure!(offsets.last() == Some(&values), "offsets to {:?} of {values} values", offsets.last());
        Ok(Self(offsets))
    }

    /// How many major slices there are.
    pub fn n_major(&self) -> usize {
        // There is at least one offset, whatever made them.
        self.0.len() - 1
    }

    /// How many values all major slices have together.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if there are no offsets.
    pub fn total(&self) -> Result<usize> {
        self.0.last().copied().or_bug("there are no offsets")
    }

    /// Where the values of a major slice are.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if there is no such major slice.
    pub fn range(&self, slice: usize) -> Result<Range<usize>> {
        match self.0.get(slice..) {
            Some([start, end, ..]) => Ok(*start..*end),
            _ => Err(self.outside(slice)),
        }
    }

    /// Where the values of consecutive major slices are.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if the major slices are out of bounds.
    pub fn run(&self, slices: Range<usize>) -> Result<Range<usize>> {
        match self.0.get(slices.start..=slices.end) {
            Some([start, .., end]) => Ok(*start..*end),
            Some([start]) => Ok(*start..*start),
            _ => Err(self.outside(slices.end)),
        }
    }

    #[cold]
    fn outside(&self, slice: usize) -> Error {
        Error::bug(format!("major slice {slice} of {}", self.n_major()))
    }

    /// Where the values of each major slice are.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + Clone + '_ {
        self.0.iter().zip(self.0.iter().skip(1)).map(|(&start, &end)| start..end)
    }

    /// Where the values of each major slice are, for all cores.
    pub(super) fn par_ranges(&self) -> impl IndexedParallelIterator<Item = Range<usize>> + '_ {
        self.0.par_iter().zip(self.0.par_iter().skip(1)).map(|(&start, &end)| start..end)
    }

    /// The length of each major slice: the inverse of [`of_lengths`](Self::of_lengths).
    pub fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.ranges().map(|slice| slice.len())
    }

    /// Where each major slice begins, without the end of the last.
    pub(super) fn starts(&self) -> &[usize] {
        self.0.split_last().map_or(&[], |(_, starts)| starts)
    }

    /// Where each major slice ends.
    pub fn ends(&self) -> &[usize] {
        self.0.split_first().map_or(&[], |(_, ends)| ends)
    }

    /// The major slices of a range, which begin at 0 again.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if the major slices are out of bounds.
    pub fn slice(&self, slices: Range<usize>) -> Result<Self> {
        let start = self.run(slices.clone())?.start;
        let kept = self.0.get(slices.start..=slices.end).or_bug("major slices of a matrix are out of bounds")?;
        Ok(Self(kept.iter().map(|offset| offset - start).collect()))
    }

    /// As a tensor, in the dtype wanted where it holds them, in 64 bits otherwise.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if even 64 bits do not hold them.
    pub fn to_tensor(&self, wanted: &DType) -> Result<Tensor> {
        let last = self.total()?;
        let dtype = if last <= largest(wanted)? { wanted } else { &DType::I64 };
        if last > largest(dtype)? {
            return Err(too_many(last));
        }
        by_width!(dtype, I => {
            let mut bytes = zeroed(self.0.len(), size_of::<I>())?;
            plain_mut::<I>(&mut bytes)?.iter_mut().zip(&self.0).for_each(|(to, &from)| *to = I::from_usize(from));
            Tensor::new(dtype.clone(), [self.0.len()], bytes)
        })
    }

    /// As they are.
    pub(super) fn into_vec(self) -> Vec<usize> {
        self.0
    }
}

/// Offsets as machine integers, not checked against each other.
///
/// # Errors
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are not integers, or one is negative.
pub fn to_offsets(indptr: &Tensor) -> Result<Vec<usize>> {
    dispatch!(integer indptr.dtype(), P => {
        indptr.as_slice::<P>()?.iter().map(|&offset| {
            offset.to_integer().and_then(|offset| usize::try_from(offset).ok())
                .ok_or_else(|| Error::invalid_input(format!("indptr has the impossible offset {offset}")))
        }).collect()
    }, else => Err(Error::invalid_input(format!("indptr is of type {}, not an integer", indptr.dtype()))))
}

/// The check of offsets that come in parts: `slices + 1` of them, from 0, never decreasing, within the values.
#[derive(Debug, Default)]
pub struct OffsetCheck {
    seen: usize,
    last: usize,
}

impl OffsetCheck {
    /// Takes the next part.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the first is not 0, or one is less than that before it.
    pub fn push(&mut self, offsets: &[usize]) -> Result<()> {
        for &offset in offsets {
            if self.seen == 0 && offset != 0 {
                return Err(Error::invalid_input(format!("indptr begins with {offset}, not 0")));
            }
            if offset < self.last {
                let (last, at) = (self.last, self.seen - 1);
                return Err(Error::invalid_input(format!("indptr decreases from {last} to {offset} at {at}")));
            }
            (self.seen, self.last) = (self.seen + 1, offset);
        }
        Ok(())
    }

    /// Checks the whole against the length of the axis and the number of values. Gives the last offset.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there are too few or too many, or the last is beyond the values.
    pub fn finish(self, major: usize, values: usize) -> Result<usize> {
        let Self { seen, last } = self;
        if seen.checked_sub(1) != Some(major) {
            return Err(Error::invalid_input(format!(
                "expected {} entries in indptr, one more than the major axis is long, found {seen}",
                major.saturating_add(1)
            )));
        }
        if last > values {
            return Err(Error::invalid_input(format!("indptr ends at {last} but there are {values} values")));
        }
        Ok(last)
    }
}
