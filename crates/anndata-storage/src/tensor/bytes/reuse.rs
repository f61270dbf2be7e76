//! Memory that is used again while values are worked on block by block.
//!
//! A page that comes from the operating system is cleared when it is first touched. Where a block is read, used and dropped
//! before the next, that takes as long as a fifth of inflating the values does.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memmap2::MmapMut;

/// As long as it lives, large memory of [`AlignedBytes`](super::AlignedBytes) that is dropped anywhere in the process is kept,
/// and given again to what [fills](super::AlignedBytes::try_to_fill) all of it.
#[derive(Debug)]
#[must_use = "memory is kept only while this lives"]
pub struct MemoryReuse {
    limit: usize,
}

impl MemoryReuse {
    /// Keeps at most so many bytes, besides those that others keep.
    pub fn up_to(limit: usize) -> Self {
        LIMIT.fetch_add(limit, Ordering::Relaxed);
        Self { limit }
    }

    /// Whether any memory is kept.
    pub(super) fn is_wanted() -> bool {
        LIMIT.load(Ordering::Relaxed) > 0
    }
}

impl Drop for MemoryReuse {
    fn drop(&mut self) {
        let limit = LIMIT.fetch_sub(self.limit, Ordering::Relaxed) - self.limit;
        let mut kept = kept();
        let mut total: usize = kept.iter().map(|map| map.len()).sum();
        let mut freed = Vec::new();
        while total > limit
            && let Some(map) = kept.pop()
        {
            total -= map.len();
            freed.push(map);
        }
        // Others need not wait until the system has it.
        drop(kept);
    }
}

/// How many bytes are kept at most.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// What is kept.
static KEPT: Mutex<Vec<MmapMut>> = Mutex::new(Vec::new());

fn kept() -> MutexGuard<'static, Vec<MmapMut>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Mapped memory, which is kept when it is dropped if that is asked for.
pub(super) struct Pages {
    map: Option<MmapMut>,
    /// Whether it may hold something already.
    pub(super) is_used: bool,
}

impl Pages {
    /// Memory that was used before, of at least `len` bytes and not of many more.
    pub(super) fn used(len: usize) -> Option<Self> {
        let map = {
            let mut kept = kept();
            let fits = |map: &MmapMut| map.len() >= len && map.len() / 2 <= len;
            let best = (0..kept.len()).filter(|&at| fits(&kept[at])).min_by_key(|&at| kept[at].len())?;
            kept.swap_remove(best)
        };
        #[cfg(debug_assertions)]
        let map = {
            // Who does not fill all of it is found out.
            let mut map = map;
            map.fill(0xa5);
            map
        };
        Some(Self { map: Some(map), is_used: true })
    }
}

impl From<MmapMut> for Pages {
    fn from(map: MmapMut) -> Self {
        Self { map: Some(map), is_used: false }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let limit = LIMIT.load(Ordering::Relaxed);
        if limit == 0 {
            return;
        }
        let Some(map) = self.map.take() else { return };
        let mut kept = kept();
        if kept.iter().map(|map| map.len()).sum::<usize>() + map.len() <= limit {
            kept.push(map);
        }
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // There until it is dropped.
        self.map.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use arrow_buffer::Buffer;

    use crate::{AlignedBytes, MemoryReuse, Result};

    const LEN: usize = 5 << 20;

    #[test]
    fn memory_is_used_again_and_never_taken_for_zeros() -> Result<()> {
        let filled = || -> Result<Buffer> {
            let mut bytes = AlignedBytes::try_to_fill(LEN)?;
            bytes.as_mut_slice().fill(7);
            Ok(bytes.into())
        };
        let reuse = MemoryReuse::up_to(2 * LEN);
        let first = filled()?;
        let at = first.as_ptr();
        drop(first);
        // Other tests may have taken it meanwhile.
        let again = (0..100).any(|_| filled().is_ok_and(|second| second.as_ptr() == at));
        assert!(again);
        drop(filled()?);
        assert!(AlignedBytes::try_zeroed(LEN)?.as_slice().iter().all(|&byte| byte == 0));
        assert_eq!(AlignedBytes::try_to_fill(LEN - 9)?.as_slice().len(), LEN - 9);
        drop(reuse);
        assert!(AlignedBytes::try_to_fill(LEN)?.as_slice().len() == LEN);
        Ok(())
    }
}
