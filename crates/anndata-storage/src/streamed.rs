//! Writing past the caches.
//!
//! A processor first reads a line of memory that a program is to write, and keeps it in its caches, where it takes the place of another.
//! For results much larger than the caches both are wasted: half of what moves is read for nothing. Lines that are written whole can go
//! to memory by themselves.

use bytemuck::Pod;

use crate::{OrBug, Result};

/// A line of the cache, in bytes.
const LINE: usize = 64;

/// Fewer bytes go through the caches, where whoever reads them next finds them.
const LEAST: usize = 1 << 20;

/// Values that are written past the caches, see [`streamed`].
#[derive(Debug)]
pub struct Streamed<'a, T> {
    values: &'a mut [T],
    is_large: bool,
}

/// Calls a function with values that it writes in pieces of whole lines of the cache, 64 bytes each, as far as they can be: these go
/// to memory without a detour if the values are many. What is in no whole line, and what is few, is written as ever; so is
/// everything on processors other than x86-64. Values are written in any order, and what is not written stays as it was.
///
/// ```
/// let mut values = vec![0_u32; 1 << 20];
/// anndata_storage::streamed(&mut values, |mut values| values.write(3, &[7; 100]))?;
/// assert_eq!(values[..3], [0; 3]);
/// assert_eq!(values[3..103], [7; 100]);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
pub fn streamed<T: Pod, R>(values: &mut [T], write: impl FnOnce(Streamed<'_, T>) -> R) -> R {
    let is_large = size_of_val(values) >= LEAST;
    // Whether the function returns or panics, what it wrote is in memory before anybody can look.
    let _fence = is_large.then_some(Fence);
    write(Streamed { values, is_large })
}

impl<T: Pod> Streamed<'_, T> {
    /// Writes consecutive values, the first of them at `at`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) if they are beyond the end.
    #[inline]
    pub fn write(&mut self, at: usize, values: &[T]) -> Result<()> {
        let end = at.checked_add(values.len()).or_bug("a piece without an end")?;
        let to = self.values.get_mut(at..end).or_bug("a piece beyond the values")?;
        #[cfg(target_arch = "x86_64")]
        if self.is_large {
            lines::copy(bytemuck::cast_slice_mut(to), bytemuck::cast_slice(values));
            return Ok(());
        }
        to.copy_from_slice(values);
        Ok(())
    }

    /// Writes consecutive values, of which there are always as many; see [`write`](Self::write). It is faster where they are whole
    /// lines, and go to such.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    #[inline]
    pub fn write_array<const LEN: usize>(&mut self, at: usize, values: &[T; LEN]) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        if self.is_large && (LEN * size_of::<T>()).is_multiple_of(LINE) {
            let end = at.checked_add(LEN).or_bug("a piece without an end")?;
            let to = self.values.get_mut(at..end).or_bug("a piece beyond the values")?;
            let (lines, rest) = bytemuck::cast_slice_mut::<T, u8>(to).as_chunks_mut::<LINE>();
            if rest.is_empty() && lines.as_ptr().align_offset(LINE) == 0 {
                let (from, _) = bytemuck::cast_slice::<T, u8>(values).as_chunks::<LINE>();
                lines.iter_mut().zip(from).for_each(|(to, from)| lines::copy_line(to, from));
                return Ok(());
            }
        }
        self.write(at, values)
    }
}

/// Waits until what was streamed is in memory.
struct Fence;

impl Drop for Fence {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every such processor has the instruction, which only waits.
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod lines {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};

    use super::LINE;

    /// Copies bytes to as many others: whole lines past the caches, and as ever what is before and behind them.
    #[inline]
    pub(super) fn copy(to: &mut [u8], from: &[u8]) {
        let before = to.as_ptr().align_offset(LINE).min(to.len());
        let (first, to) = to.split_at_mut(before);
        let (from_first, from) = from.split_at(before.min(from.len()));
        first.copy_from_slice(from_first);
        let (lines, last) = to.as_chunks_mut::<LINE>();
        let (from_lines, from_last) = from.as_chunks::<LINE>();
        for (to, from) in lines.iter_mut().zip(from_lines) {
            copy_line(to, from);
        }
        last.copy_from_slice(from_last);
    }

    /// Copies a line to one that begins where a line of the cache does.
    #[inline]
    pub(super) fn copy_line(to: &mut [u8; LINE], from: &[u8; LINE]) {
        let (to, _) = to.as_chunks_mut::<{ size_of::<__m128i>() }>();
        let (from, _) = from.as_chunks::<{ size_of::<__m128i>() }>();
        for (to, from) in to.iter_mut().zip(from) {
            // SAFETY: both are 16 bytes, borrowed for as long; what is written is aligned to them, as the line is. Nobody reads it before
            // `Fence` waited: it is borrowed by a `Streamed`, which only writes, until then.
            unsafe { _mm_stream_si128(to.as_mut_ptr().cast(), _mm_loadu_si128(from.as_ptr().cast())) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pieces_are_where_they_were_written(
            pieces in proptest::collection::vec((0_usize..1000, 0_usize..300), 0..50),
            is_large in any::<bool>(),
            skew in 0_usize..64,
        ) {
            let len = if is_large { LEAST + 64 } else { 2000 };
            let mut plain = vec![0_u16; len];
            let mut written = plain.clone();
            streamed(written.split_at_mut(skew).1, |mut written| {
                for (number, &(at, len)) in (1..).zip(&pieces) {
                    let values: Vec<u16> = (0..).map(|value| value + 1000 * number).take(len).collect();
                    plain[skew + at..skew + at + len].copy_from_slice(&values);
                    written.write(at, &values)?;
                }
                Ok::<(), crate::Error>(())
            })?;
            prop_assert_eq!(plain, written);
        }
    }

    #[test]
    fn what_is_beyond_the_end_is_not_written() -> Result<()> {
        for len in [10, LEAST] {
            let mut values = vec![1_u8; len];
            streamed(&mut values, |mut values| {
                for at in [len - 9, len + 1, usize::MAX] {
                    let error = values.write(at, &[2; 10]).unwrap_err();
                    assert!(error.is_bug() && error.message().starts_with("a piece"), "{error}");
                }
                values.write(len - 10, &[3; 10])
            })?;
            assert_eq!(values[len - 10..], [3; 10]);
            assert_eq!(values.iter().filter(|&&value| value != 1).count(), 10);
        }
        Ok(())
    }
}
