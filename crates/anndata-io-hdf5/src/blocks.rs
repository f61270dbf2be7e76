//! [`Blocks`]: few long reads of a source in the place of many short ones.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anndata_hdf5_meta::ReadAt;

/// The bytes of a block.
const BLOCK: u64 = 1 << 20;

/// How many blocks are kept.
const KEPT: usize = 64;

/// A source of which blocks of 1 MiB are read, each once as long as it is kept: for sources where a read takes long and the
/// length of it matters less, such as objects behind a URL. Up to 64 are kept. Threads that want one block wait for one read;
/// reads of more than a block are made as they are.
///
/// ```
/// use anndata_io_hdf5::{Blocks, ReadAt};
///
/// let blocks = Blocks::new(vec![1_u8, 2, 3])?;
/// let mut two = [0; 2];
/// blocks.read_at(1, &mut two)?;
/// assert_eq!(two, [2, 3]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Blocks<S> {
    source: S,
    len: u64,
    kept: Mutex<Kept>,
}

/// Blocks by their number, each with the time of its last use.
#[derive(Default)]
struct Kept {
    blocks: HashMap<u64, (u64, Slot)>,
    time: u64,
}

/// A block that is there, or that the thread which has the lock reads.
type Slot = Arc<Mutex<Option<Arc<[u8]>>>>;

impl<S: ReadAt> Blocks<S> {
    /// A source with blocks before it.
    ///
    /// # Errors
    /// If its length cannot be found out.
    pub fn new(source: S) -> io::Result<Self> {
        let len = source.len()?;
        Ok(Self { source, len, kept: Mutex::default() })
    }

    /// One block, shorter at the end.
    fn block(&self, number: u64) -> io::Result<Arc<[u8]>> {
        let slot = lock(&self.kept).slot(number);
        let mut block = lock(&slot);
        if let Some(block) = &*block {
            return Ok(Arc::clone(block));
        }
        let start = number.checked_mul(BLOCK).ok_or(io::ErrorKind::UnexpectedEof)?;
        let len = usize::try_from(self.len.saturating_sub(start).min(BLOCK)).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        self.source.read_at(start, &mut bytes)?;
        let bytes: Arc<[u8]> = bytes.into();
        *block = Some(Arc::clone(&bytes));
        Ok(bytes)
    }
}

impl<S: ReadAt> ReadAt for Blocks<S> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, mut offset: u64, mut bytes: &mut [u8]) -> io::Result<()> {
        if bytes.len() as u64 > BLOCK {
            return self.source.read_at(offset, bytes);
        }
        while !bytes.is_empty() {
            let block = self.block(offset / BLOCK)?;
            let start = usize::try_from(offset % BLOCK).map_err(io::Error::other)?;
            let part = block.get(start..).filter(|part| !part.is_empty()).ok_or(io::ErrorKind::UnexpectedEof)?;
            let len = part.len().min(bytes.len());
            let (now, later) = bytes.split_at_mut(len);
            now.copy_from_slice(part.get(..len).ok_or(io::ErrorKind::UnexpectedEof)?);
            (bytes, offset) = (later, offset.saturating_add(len as u64));
        }
        Ok(())
    }
}

impl Kept {
    /// The slot of a block; one that is new takes the place of that which was not used for longest.
    fn slot(&mut self, number: u64) -> Slot {
        self.time += 1;
        if let Some((time, slot)) = self.blocks.get_mut(&number) {
            *time = self.time;
            return Arc::clone(slot);
        }
        if self.blocks.len() >= KEPT
            && let Some(oldest) = self.blocks.iter().min_by_key(|(_, (time, _))| *time).map(|(&number, _)| number)
        {
            self.blocks.remove(&oldest);
        }
        let slot = Slot::default();
        self.blocks.insert(number, (self.time, Arc::clone(&slot)));
        slot
    }
}

impl<S> fmt::Debug for Blocks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("len", &self.len).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rayon::prelude::*;

    use super::*;

    /// Counts how often it is asked, and fails the first time where it is told to.
    struct Counted(Vec<u8>, AtomicUsize, bool);

    impl ReadAt for Counted {
        fn len(&self) -> io::Result<u64> {
            ReadAt::len(&self.0)
        }

        fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 && self.2 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            self.0.read_at(offset, bytes)
        }
    }

    fn source(len: usize, fails: bool) -> Counted {
        Counted((0..len).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect(), AtomicUsize::new(0), fails)
    }

    #[test]
    fn threads_share_a_read() -> io::Result<()> {
        let blocks = Blocks::new(source((2 << 20) + 5, false))?;
        (0..4000_u64).into_par_iter().try_for_each(|at| {
            let offset = at * 523;
            let mut bytes = [0; 90];
            blocks.read_at(offset, &mut bytes)?;
            let expected = (offset..).take(90).map(|at| u8::try_from(at * 7 % 251).unwrap());
            assert!(bytes.into_iter().eq(expected), "{offset}");
            Ok::<_, io::Error>(())
        })?;
        assert_eq!(blocks.source.1.load(Ordering::Relaxed), 2);
        let mut end = [0; 5];
        blocks.read_at(2 << 20, &mut end)?;
        let after = blocks.read_at((2 << 20) + 1, &mut end);
        assert!(after.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
        let mut long = vec![0; (1 << 20) + 1];
        blocks.read_at(3, &mut long)?;
        assert_eq!(long[0], 21);
        assert_eq!(blocks.source.1.load(Ordering::Relaxed), 4);
        Ok(())
    }

    #[test]
    fn a_read_that_failed_is_made_again() -> io::Result<()> {
        let blocks = Blocks::new(source(10, true))?;
        let mut bytes = [0; 2];
        assert!(blocks.read_at(1, &mut bytes).is_err());
        blocks.read_at(1, &mut bytes)?;
        assert_eq!(bytes, [7, 14]);
        Ok(())
    }

    #[test]
    fn few_blocks_are_kept() -> io::Result<()> {
        let blocks = Blocks::new(source(70 << 20, false))?;
        for number in 0..70 {
            blocks.read_at(number << 20, &mut [0; 1])?;
        }
        assert_eq!(lock(&blocks.kept).blocks.len(), KEPT);
        Ok(())
    }
}
