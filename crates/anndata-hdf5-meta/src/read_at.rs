//! [`ReadAt`]: where the bytes of a file come from.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Bytes that are read at positions, from many threads at once: a file, a buffer, an object behind a URL.
///
/// The length does not change while a [`MetaFile`](crate::MetaFile) reads. Reads are of blocks, each of which is asked for once as
/// long as it is kept.
///
/// ```
/// use anndata_hdf5_meta::ReadAt;
///
/// let mut two = [0; 2];
/// [1_u8, 2, 3].as_slice().read_at(1, &mut two)?;
/// assert_eq!(two, [2, 3]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[expect(clippy::len_without_is_empty, reason = "an empty file is no case of its own")]
pub trait ReadAt: Send + Sync {
    /// The number of bytes.
    ///
    /// # Errors
    /// If it cannot be found out.
    fn len(&self) -> Result<u64>;

    /// Fills `bytes` with those that begin at `offset`.
    ///
    /// # Errors
    /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if there are not so many; whatever else keeps them from being
    /// read.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()>;

    /// The bytes of a block: 64 KiB, so that a source with latency is asked seldom, and less where asking often costs less
    /// than reading what nobody wants. At least 1 KiB is read.
    fn block_len(&self) -> usize {
        64 << 10
    }
}

impl ReadAt for File {
    fn len(&self) -> Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn block_len(&self) -> usize {
        4 << 10
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut offset: u64, mut bytes: &mut [u8]) -> Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, bytes, offset) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    bytes = bytes.get_mut(read..).unwrap_or_default();
                    offset += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(bytes.len()));
        let found = start.zip(end).and_then(|(start, end)| self.get(start..end));
        let found = found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        bytes.copy_from_slice(found);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> Result<u64> {
        ReadAt::len(self.as_slice())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.as_slice().read_at(offset, bytes)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> Result<u64> {
        T::len(self)
    }

    fn block_len(&self) -> usize {
        T::block_len(self)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        T::read_at(self, offset, bytes)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Arc<T> {
    fn len(&self) -> Result<u64> {
        T::len(self)
    }

    fn block_len(&self) -> usize {
        T::block_len(self)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        T::read_at(self, offset, bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_reads_as_its_bytes() -> Result<()> {
        let mut file = tempfile::tempfile()?;
        let bytes: Vec<u8> = (0..100).collect();
        file.write_all(&bytes)?;
        assert_eq!((ReadAt::len(&file)?, ReadAt::len(&bytes)?), (100, 100));
        assert_eq!((Arc::new(&file).block_len(), Arc::new(&bytes).block_len()), (4 << 10, 64 << 10));
        for (offset, len) in [(0, 100), (93, 7), (100, 0), (94, 7), (u64::MAX, 1)] {
            let (mut one, mut two) = (vec![0; len], vec![0; len]);
            let results = [ReadAt::read_at(&file, offset, &mut one), bytes.read_at(offset, &mut two)];
            assert_eq!(results.each_ref().map(Result::is_ok), [offset.saturating_add(len as u64) <= 100; 2]);
            assert!(results.iter().any(Result::is_err) || one == two);
        }
        Ok(())
    }
}
