//! The bytes of the file by blocks, the last few MiB of which are kept.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ReadAt;

/// Blocks have so many bytes at least.
const SHORTEST: u64 = 1 << 10;
/// Bytes that are kept.
const KEEP: u64 = 4 << 20;
/// What is longer than so many bytes is read at once and not kept.
const LONG: usize = 256 << 10;

/// A source with a cache of blocks before it.
pub(crate) struct Source {
    reader: Box<dyn ReadAt>,
    len: u64,
    /// Bytes that are read at a time.
    block: u64,
    blocks: Mutex<Blocks>,
}

/// Blocks by their number, each with whether it was used again, and the order in which they are looked at for one to give up.
#[derive(Default)]
struct Blocks {
    kept: HashMap<u64, (bool, Arc<[u8]>)>,
    order: VecDeque<u64>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Source {
    pub(crate) fn new(reader: Box<dyn ReadAt>) -> io::Result<Self> {
        let len = reader.len()?;
        let block = (reader.block_len() as u64).clamp(SHORTEST, KEEP);
        Ok(Self { reader, len, block, blocks: Mutex::default() })
    }

    /// The length of the file when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// So many bytes at an offset. The caller knows that the file has them.
    pub(crate) fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        if len > LONG {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
            bytes.resize(len, 0);
            self.reader.read_at(offset, &mut bytes)?;
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
            let block = self.block(at / self.block)?;
            let start = usize::try_from(at % self.block).map_err(io::Error::other)?;
            let part = block.get(start..).filter(|part| !part.is_empty()).ok_or(io::ErrorKind::UnexpectedEof)?;
            bytes.extend(part.iter().take(len - bytes.len()));
        }
        Ok(bytes)
    }

    /// One block, shorter at the end of the file.
    fn block(&self, number: u64) -> io::Result<Arc<[u8]>> {
        if let Some(block) = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).get(number) {
            return Ok(block);
        }
        let start = number * self.block;
        let len = self.len.saturating_sub(start).min(self.block);
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        self.reader.read_at(start, &mut bytes)?;
        let block: Arc<[u8]> = bytes.into();
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).put(number, &block, KEEP / self.block);
        Ok(block)
    }
}

impl Blocks {
    fn get(&mut self, number: u64) -> Option<Arc<[u8]>> {
        let (used, block) = self.kept.get_mut(&number)?;
        *used = true;
        Some(Arc::clone(block))
    }

    /// Keeps a block; if there are as many as may be, in the place of one that was not used since it was last looked at.
    fn put(&mut self, number: u64, block: &Arc<[u8]>, most: u64) {
        while self.kept.len() as u64 >= most
            && let Some(oldest) = self.order.pop_front()
        {
            match self.kept.get_mut(&oldest) {
                Some((used, _)) if *used => {
                    *used = false;
                    self.order.push_back(oldest);
                }
                _ => {
                    self.kept.remove(&oldest);
                }
            }
        }
        // Two threads may have read the same one.
        if self.kept.insert(number, (false, Arc::clone(block))).is_none() {
            self.order.push_back(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts how often it is asked.
    struct Counted(Vec<u8>, Arc<AtomicUsize>);

    impl ReadAt for Counted {
        fn len(&self) -> io::Result<u64> {
            ReadAt::len(&self.0)
        }

        fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read_at(offset, bytes)
        }
    }

    #[test]
    fn blocks_are_asked_for_once() -> io::Result<()> {
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let source = Source::new(Box::new(Counted(bytes.clone(), Arc::clone(&asked))))?;
        for at in (0..1_100_000).step_by(1000).chain((0..1_100_000).rev().step_by(997)) {
            assert_eq!(source.read(at as u64, 90)?, bytes[at..at + 90]);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 17);
        assert_eq!(source.read(5, 300_000)?, bytes[5..300_005]);
        assert_eq!(source.read(1_199_990, 10)?, bytes[1_199_990..]);
        assert!(source.read(1_199_990, 11).is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
        Ok(())
    }

    #[test]
    fn few_blocks_are_kept() -> io::Result<()> {
        let source = Source::new(Box::new(vec![7_u8; 100 * 65_536]))?;
        for block in 0..100 {
            assert_eq!(source.read(block * 65_536, 3)?, [7; 3]);
            assert_eq!(source.read(0, 1)?, [7]);
        }
        assert_eq!(source.blocks.lock().unwrap_or_else(PoisonError::into_inner).kept.len(), 64);
        // What is used all the time is still there.
        assert!(source.blocks.lock().unwrap_or_else(PoisonError::into_inner).kept.contains_key(&0));
        Ok(())
    }
}
