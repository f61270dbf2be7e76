//! [`AlignedBytes`]: bytes that are filled once.

mod reuse;

use std::fmt;

use arrow_buffer::Buffer;
use memmap2::MmapMut;

use crate::{Error, Result};
pub use reuse::MemoryReuse;
use reuse::Pages;

/// From here on memory is mapped, in pages as large as the system has.
const LARGE: usize = 4 << 20;

/// From here on memory is mapped that is to be used again.
const REUSED: usize = 256 << 10;

/// Zeroed bytes, aligned for every numeric dtype, to be filled and turned into a [`Buffer`].
///
/// Large ones come zeroed from the operating system, so filling them touches the memory once; on Linux in huge pages
/// where it has them, which makes the first touch several times cheaper.
pub struct AlignedBytes(Memory);

enum Memory {
    Small { words: Vec<u64>, len: usize },
    Large { map: Pages, len: usize },
}

impl AlignedBytes {
    /// `len` zero bytes. Ends the process where the system has not that much memory, as `vec!` does.
    pub fn zeroed(len: usize) -> Self {
        // Asked for in the other way, the memory ends the process where it is not to be had.
        Self::try_zeroed(len).unwrap_or_else(|_| Self::small(len))
    }

    /// `len` zero bytes, or an error where the system has not that much memory to give.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded).
    pub fn try_zeroed(len: usize) -> Result<Self> {
        if len < LARGE { Ok(Self::small(len)) } else { Self::mapped(len) }
    }

    fn mapped(len: usize) -> Result<Self> {
        let map = MmapMut::map_anon(len).map_err(|error| {
            Error::limit_exceeded(format!("{len} bytes of memory cannot be allocated")).with_source(error)
        })?;
        // A wish: a kernel without huge pages gives small ones.
        #[cfg(target_os = "linux")]
        if len >= LARGE {
            map.advise(memmap2::Advice::HugePage).ok();
        }
        Ok(Self(Memory::Large { map: map.into(), len }))
    }

    /// `len` bytes that are all to be filled, whatever they are now: memory that was [used before](MemoryReuse), where there is
    /// such, or zeros.
    ///
    /// # Errors
    /// As [`try_zeroed`](Self::try_zeroed).
    pub fn try_to_fill(len: usize) -> Result<Self> {
        if len < REUSED || !MemoryReuse::is_wanted() {
            return Self::try_zeroed(len);
        }
        match Pages::used(len) {
            Some(map) => Ok(Self(Memory::Large { map, len })),
            // Blocks are seldom of one length: the next one, which may be longer, is to fit as well. What is not touched takes
            // no memory.
            None => Ok(Self::mapped(len.saturating_add(len / 8))?.cut(len)),
        }
    }

    fn small(len: usize) -> Self {
        Self(Memory::Small { words: vec![0; len.div_ceil(size_of::<u64>())], len })
    }

    /// A copy of some bytes.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.as_mut_slice().copy_from_slice(bytes);
        copy
    }

    /// The first bytes alone, for a result that turned out smaller than it could have been.
    ///
    /// What follows takes no memory: where it was never written to, the system has given none for it, and where there
    /// is little in all, it is copied.
    #[must_use]
    pub fn into_first(self, first: usize) -> Self {
        let first = first.min(self.as_slice().len());
        let few = match &self.0 {
            Memory::Small { len, .. } => first < len / 2,
            Memory::Large { .. } => first < LARGE,
        };
        if few {
            return Self::copy_of(&self.as_slice()[..first]);
        }
        self.cut(first)
    }

    /// The first bytes alone, with the memory of all.
    fn cut(mut self, first: usize) -> Self {
        match &mut self.0 {
            Memory::Small { len, .. } | Memory::Large { len, .. } => *len = first,
        }
        self
    }

    /// Whether there may be other bytes than zeros already, so that even zeros have to be filled in.
    pub fn is_used(&self) -> bool {
        matches!(&self.0, Memory::Large { map, .. } if map.is_used)
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            // Words and map were made to hold so many bytes.
            Memory::Small { words, len } => &bytemuck::cast_slice::<u64, u8>(words)[..*len],
            Memory::Large { map, len } => &map[..*len],
        }
    }

    /// The bytes, to be filled.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Small { words, len } => &mut bytemuck::cast_slice_mut::<u64, u8>(words)[..*len],
            Memory::Large { map, len } => &mut map[..*len],
        }
    }
}

impl From<AlignedBytes> for Buffer {
    fn from(bytes: AlignedBytes) -> Self {
        match bytes.0 {
            Memory::Small { words, len } => Self::from_vec(words).slice_with_length(0, len),
            Memory::Large { map, len } => Self::from(bytes::Bytes::from_owner(map)).slice_with_length(0, len),
        }
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBytes({})", self.as_slice().len())
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

    #[test]
    fn the_first_bytes_become_a_buffer() -> Result<()> {
        for (all, len) in [(0, 0), (10, 9), (10, 3), (LARGE, 7), (LARGE + 9, LARGE + 1), (3 * LARGE, LARGE)] {
            let mut bytes = AlignedBytes::try_zeroed(all)?;
            bytes.as_mut_slice()[..len].fill(7);
            assert_eq!(bytes.into_first(len).as_slice(), vec![7; len]);
        }
        Ok(())
    }

    #[test]
    fn large_and_small_bytes_become_buffers() -> Result<()> {
        for len in [0, 1, 17, LARGE - 1, LARGE, LARGE + 3] {
            let mut bytes = AlignedBytes::try_zeroed(len)?;
            assert!(bytes.as_slice().len() == len && bytes.as_slice().iter().all(|&byte| byte == 0));
            bytes.as_mut_slice().fill(7);
            let buffer = Buffer::from(bytes);
            assert!(buffer.len() == len && buffer.iter().all(|&byte| byte == 7));
            assert_eq!(buffer.as_ptr().align_offset(8), 0);
        }
        Ok(())
    }
}
