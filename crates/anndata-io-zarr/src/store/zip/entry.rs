//! One entry of a zip file: its checksum, and its values unpacked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use anndata_storage::{Error, Result};
use crc32fast::Hasher;
use zip::CompressionMethod;

/// The most pieces of an entry whose checksums are kept until they are one.
const MAX_PIECES: usize = 1 << 16;

/// An entry, as the directory of the zip file has it, and what is known of it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where its bytes begin.
    pub(super) start: u64,
    /// How many there are.
    pub(super) stored: u64,
    /// How many there are unpacked.
    pub(super) size: u64,
    pub(super) method: CompressionMethod,
    /// The checksum of the unpacked bytes.
    pub(super) sum: u32,
    seen: Mutex<Seen>,
    /// The unpacked bytes, once a part of them was read. The lock is held while they are unpacked, which waits for nobody.
    pub(super) unpacked: Mutex<Option<Arc<Unpacked>>>,
}

/// What was read of an entry.
#[derive(Debug, Default)]
struct Seen {
    /// Whether its checksum was compared, or is not going to be.
    done: bool,
    /// The ends and checksums of the pieces that were read, by their start.
    pieces: BTreeMap<u64, (u64, Hasher)>,
}

impl Entry {
    pub(super) fn new(start: u64, stored: u64, size: u64, method: CompressionMethod, sum: u32) -> Self {
        Self { start, stored, size, method, sum, seen: Mutex::default(), unpacked: Mutex::default() }
    }

    /// Whether the bytes are there as they are.
    pub(super) fn is_stored(&self) -> bool {
        self.method == CompressionMethod::Stored && self.stored == self.size
    }

    /// Whether the checksum was compared already.
    pub(super) fn is_checked(&self) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).done
    }

    /// Notes that the checksum is right or that it was reported to be wrong.
    fn set_checked(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen { done: true, pieces: BTreeMap::new() };
    }

    /// Compares the checksum of all bytes.
    pub(super) fn check(&self, key: &str, sum: u32) -> Result<()> {
        self.set_checked();
        if sum == self.sum { Ok(()) } else { Err(wrong(key)) }
    }

    /// Compares the checksum once the pieces that were read, of which this is one, are all bytes. Pieces that overlap others
    /// are left out.
    pub(super) fn check_piece(&self, key: &str, start: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() || self.is_checked() {
            return Ok(());
        }
        let mut sum = Hasher::new();
        sum.update(bytes);
        let mut end = start.saturating_add(bytes.len() as u64);
        let mut first = start;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.done || seen.pieces.range(..end).next_back().is_some_and(|(_, &(last, _))| last > start) {
            return Ok(());
        }
        if let Some((&at, &(last, _))) = seen.pieces.range(..start).next_back()
            && last == start
            && let Some((_, mut before)) = seen.pieces.remove(&at)
        {
            before.combine(&sum);
            (first, sum) = (at, before);
        }
        if let Some((last, after)) = seen.pieces.remove(&end) {
            sum.combine(&after);
            end = last;
        }
        if (first, end) == (0, self.size) {
            drop(seen);
            return self.check(key, sum.finalize());
        }
        seen.pieces.insert(first, (end, sum));
        if seen.pieces.len() > MAX_PIECES {
            *seen = Seen { done: true, pieces: BTreeMap::new() };
        }
        Ok(())
    }
}

pub(super) fn damaged(key: &str) -> Error {
    Error::invalid_data(format!("entry '{key}' of the zip file is damaged"))
}

fn wrong(key: &str) -> Error {
    Error::invalid_data(format!(
        "the checksum (CRC-32) of entry '{key}' of the zip file is wrong: its bytes are damaged"
    ))
}

/// The unpacked bytes of an entry that is read in parts.
#[derive(Debug)]
pub(super) enum Unpacked {
    Memory(Vec<u8>),
    /// In a file without a name, which goes with the handle.
    File(File),
}

impl Unpacked {
    pub(super) fn in_file(bytes: &[u8]) -> std::io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        Ok(Self::File(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: &[u8]) -> Entry {
        let size = bytes.len() as u64;
        Entry::new(0, size, size, CompressionMethod::Stored, crc32fast::hash(bytes))
    }

    #[test]
    fn pieces_in_any_order_are_compared_once_they_are_the_whole() {
        let bytes: Vec<u8> = (0..=255).collect();
        for damage in [None, Some(0), Some(77), Some(255)] {
            let entry = entry(&bytes);
            let mut read = bytes.clone();
            if let Some(at) = damage {
                read[at] ^= 4;
            }
            let piece = |from: usize, to: usize| entry.check_piece("a", from as u64, &read[from..to]);
            for (from, to) in [(200, 256), (10, 20), (20, 100), (15, 30), (100, 101), (101, 200), (101, 200), (3, 3)] {
                assert!(piece(from, to).is_ok());
            }
            let last = piece(0, 10);
            assert_eq!(last.is_err(), damage.is_some());
            assert!(last.is_ok_and(|()| entry.is_checked()) || damage.is_some());
        }
    }
}
