//! Buffers: aligned bytes that are filled once, and vectors handed over without a copy.

use std::fmt;

use arrow_buffer::Buffer;
use bytemuck::NoUninit;

use crate::{Error, Result};

/// Zeroed bytes, aligned for every numeric dtype, to be filled and turned into a [`Buffer`].
///
/// Large ones come zeroed from the operating system, so filling them touches the memory once.
pub struct AlignedBytes {
    words: Vec<u64>,
    len: usize,
}

impl AlignedBytes {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(size_of::<u64>())], len }
    }

    /// `len` zero bytes, or an error where the system has not that much memory to give.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded).
    pub fn try_zeroed(len: usize) -> Result<Self> {
        // `vec![0; n]` is the only safe way to memory that the system zeroes, but ends the process where there is none.
        // So it is asked for first, without touching it.
        let mut probe: Vec<u64> = Vec::new();
        probe.try_reserve_exact(len.div_ceil(size_of::<u64>())).map_err(|error| {
            Error::limit_exceeded(format!("{len} bytes of memory are not to be had")).with_source(error)
        })?;
        drop(std::hint::black_box(probe));
        Ok(Self::zeroed(len))
    }

    /// A copy of some bytes.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.as_mut_slice().copy_from_slice(bytes);
        copy
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        bytemuck::cast_slice::<u64, u8>(&self.words).get(..self.len).unwrap_or_default()
    }

    /// The bytes, to be filled.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut::<u64, u8>(&mut self.words).get_mut(..self.len).unwrap_or_default()
    }
}

impl From<AlignedBytes> for Buffer {
    fn from(bytes: AlignedBytes) -> Self {
        let len = bytes.len;
        Self::from_vec(bytes.words).slice_with_length(0, len)
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBytes({})", self.len)
    }
}

/// A buffer over a vector, without a copy.
pub(super) fn buffer_of<T: NoUninit + Send + Sync>(values: Vec<T>) -> Buffer {
    Buffer::from(bytes::Bytes::from_owner(Owner(values)))
}

struct Owner<T>(Vec<T>);

impl<T: NoUninit> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_is_an_error() -> Result<()> {
        assert!(AlignedBytes::try_zeroed(usize::MAX).is_err_and(|error| error.is_limit_exceeded()));
        assert!(AlignedBytes::try_zeroed(1 << 60).is_err_and(|error| error.is_limit_exceeded()));
        assert_eq!(AlignedBytes::try_zeroed(3)?.as_slice(), [0, 0, 0]);
        Ok(())
    }
}
