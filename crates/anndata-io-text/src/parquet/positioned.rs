//! A file that threads read at the same time. The crate `parquet` moves the one place in the file that all handles share.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use anndata_storage::position::read_exact_at;
use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// A file of which every read says where it begins.
#[derive(Clone)]
pub(super) struct Positioned {
    file: Arc<File>,
    len: u64,
}

impl Positioned {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), len })
    }
}

impl Length for Positioned {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Positioned {
    type T = BufReader<Rest>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(Rest { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len);
        if end.is_none() {
            let message = format!("{length} bytes from byte {start} on are wanted of a file of {}", self.len);
            return Err(ParquetError::EOF(message));
        }
        let mut bytes = vec![0; length];
        read_exact_at(&self.file, start, &mut bytes)?;
        Ok(bytes.into())
    }
}

/// What a file has from a position on.
pub(super) struct Rest {
    file: Positioned,
    at: u64,
}

impl Read for Rest {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.file.len.saturating_sub(self.at);
        let len = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        let into = into.get_mut(..len).unwrap_or_default();
        read_exact_at(&self.file.file, self.at, into)?;
        self.at += len as u64;
        Ok(len)
    }
}
