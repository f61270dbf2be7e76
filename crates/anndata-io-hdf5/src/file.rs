//! The bytes of the file, read at positions without the library and its lock.

use std::fmt;
use std::fs::{self, File};
use std::io::IoSlice;
use std::path::Path;
#[cfg(feature = "write")]
use std::sync::Arc;

use anndata_hdf5_meta::ReadAt;
use anndata_storage::position::{read_exact_at, write_all_at, write_all_pieces_at};
use anndata_storage::{Error, FileStamp, Result};
use bytes::Bytes;
use memmap2::Mmap;

#[cfg(feature = "write")]
use crate::undo::UndoLog;

/// A handle of our own on the file of a store.
#[derive(Debug)]
pub(crate) struct RawFile {
    place: Place,
    /// The length, where it cannot change because the store is open for reading only.
    len: Option<u64>,
    /// All of it in memory, if that was asked for.
    map: Option<Bytes>,
    /// What undoes an edit of it.
    #[cfg(feature = "write")]
    log: Option<Arc<UndoLog>>,
}

/// Where the bytes are.
enum Place {
    /// In a file, and what it was when it was opened.
    File(File, FileStamp),
    /// Where a caller's source reads them from.
    Source(Box<dyn ReadAt>),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, _) => file.fmt(f),
            Self::Source(_) => f.write_str("Source"),
        }
    }
}

impl RawFile {
    /// The bytes of an open file.
    pub(crate) fn new(file: File, writable: bool) -> Result<Self> {
        let metadata = file.metadata()?;
        let len = if writable { None } else { Some(metadata.len()) };
        Ok(Self::at(Place::File(file, FileStamp::of(&metadata)), len))
    }

    /// The bytes of a source, which are only read.
    pub(crate) fn of_source(source: impl ReadAt + 'static) -> Result<Self> {
        let len = source.len()?;
        Ok(Self::at(Place::Source(Box::new(source)), Some(len)))
    }

    fn at(place: Place, len: Option<u64>) -> Self {
        Self {
            place,
            len,
            map: None,
            #[cfg(feature = "write")]
            log: None,
        }
    }

    /// Maps a file that is open for reading only into memory, if that is wanted.
    pub(crate) fn with_map(mut self, wanted: bool) -> Result<Self> {
        if let (true, Some(_), Place::File(file, _)) = (wanted, self.len, &self.place) {
            // SAFETY: who set the option promised that nobody changes the file (`Hdf5Options::with_mmap`).
            let map = unsafe { Mmap::map(file) };
            let map = map.map_err(|error| {
                let error = Error::from(error);
                Error::new(error.kind(), "the file cannot be mapped into memory").with_source(error)
            })?;
            self.map = Some(Bytes::from_owner(map));
        }
        Ok(self)
    }

    /// Bytes of a mapped file, without a copy; `None` if it is not mapped.
    pub(crate) fn mapped(&self, offset: u64, len: usize) -> Option<Bytes> {
        let map = self.map.as_ref()?;
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(len).filter(|end| *end <= map.len())?;
        Some(map.slice(start..end))
    }

    /// The same, of which what is overwritten is saved.
    #[cfg(feature = "write")]
    pub(crate) fn with_log(self, log: Option<Arc<UndoLog>>) -> Self {
        Self { log, ..self }
    }

    /// Whether it may take long until bytes are there, so that many should be asked for at once, and none in vain.
    pub(crate) fn has_latency(&self) -> bool {
        matches!(self.place, Place::Source(_))
    }

    /// How many bytes of metadata are read at a time.
    pub(crate) fn block_len(&self) -> usize {
        match &self.place {
            Place::File(file, _) => file.block_len(),
            Place::Source(source) => source.block_len(),
        }
    }

    /// The file, if it is one.
    fn file(&self) -> Result<&File> {
        match &self.place {
            Place::File(file, _) => Ok(file),
            Place::Source(_) => Err(Error::read_only("what is not a file on this machine is only read")),
        }
    }

    /// The length of the file.
    pub(crate) fn len(&self) -> Result<u64> {
        match self.len {
            Some(len) => Ok(len),
            None => Ok(self.file()?.metadata()?.len()),
        }
    }

    /// Refuses what was read while another program wrote to the file.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        if let (Some(_), Place::File(file, opened)) = (self.len, &self.place)
            && FileStamp::of(&file.metadata()?) != *opened
        {
            return Err(Error::stale("another program changed the file after it was opened: open it again"));
        }
        Ok(())
    }

    /// Refuses to write where the file is not at its path any more, as nobody would ever see what is written.
    #[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
    pub(crate) fn check_in_place(&self, path: &Path) -> Result<()> {
        if let Place::File(_, opened) = &self.place
            && fs::metadata(path).is_ok_and(|metadata| FileStamp::of(&metadata).is_same_file(opened))
        {
            return Ok(());
        }
        Err(Error::stale(
            "the file was replaced or removed after it was opened, and what is written would be lost: open it again",
        ))
    }

    /// Checks that a piece lies within the file.
    pub(crate) fn check(&self, offset: u64, len: u64) -> Result<()> {
        let end = offset.checked_add(len);
        if end.is_some_and(|end| self.len.is_some_and(|known| end <= known)) {
            return Ok(());
        }
        let file = match &self.place {
            Place::File(file, _) => file.metadata()?.len(),
            Place::Source(_) => self.len()?,
        };
        if end.is_some_and(|end| end <= file) {
            return Ok(());
        }
        Err(Error::invalid_data(format!("{len} bytes at {offset} lie outside the file of {file} bytes")))
    }

    /// Fills `bytes` from a position.
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.read_exact(offset, bytes).map_err(|error| {
            let (len, file) = (bytes.len(), self.len().unwrap_or(0));
            match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    Error::invalid_data(format!("{len} bytes at {offset} lie outside the file of {file} bytes"))
                }
                _ => Error::from(error),
            }
        })
    }

    /// Fills `bytes` from a position, or says why the operating system did not.
    pub(crate) fn read_exact(&self, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
        match &self.place {
            Place::File(file, _) => read_exact_at(file, offset, bytes),
            Place::Source(source) => source.read_at(offset, bytes),
        }
    }

    /// Writes `bytes` at a position.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write_saved(offset, bytes.len(), |file| write_all_at(file, offset, bytes))
    }

    /// Writes pieces, one after the other, the first of them at a position.
    #[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
    pub(crate) fn write_pieces_at(&self, offset: u64, pieces: &mut [IoSlice<'_>]) -> Result<()> {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        self.write_saved(offset, len, |file| write_all_pieces_at(file, offset, pieces))
    }

    /// Writes so many bytes at a position, after what is overwritten was saved.
    fn write_saved(&self, offset: u64, len: usize, write: impl FnOnce(&File) -> std::io::Result<()>) -> Result<()> {
        let write = || Ok(write(self.file()?)?);
        #[cfg(feature = "write")]
        if let Some(log) = &self.log {
            // Fallback: what ends beyond all numbers cannot be written either.
            return log.write(offset..offset.saturating_add(len as u64), write);
        }
        #[cfg(not(feature = "write"))]
        let _ = (offset, len);
        write()
    }

    /// Waits until everything is on the disk.
    #[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
    pub(crate) fn sync(&self) -> Result<()> {
        Ok(self.file()?.sync_all()?)
    }
}
