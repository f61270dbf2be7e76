//! Values as entries of a zip file that is read: stored entries by positioned reads, deflated ones unpacked.
//!
//! A deflated entry of which parts are read, as chunks of a shard are, is unpacked once and kept: in memory as long as such
//! entries are small together, otherwise in a temporary file without a name.
//!
//! The checksum of an entry is over all its bytes. It is compared whenever they are read or unpacked together, and where
//! parts of a stored entry are read, when they have become the whole of it; what is read of an entry before that, or of one
//! that is never read whole, is not compared. [`Store::damaged`] compares all.

mod entry;
mod new;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use anndata_storage::position::read_exact_at;
use anndata_storage::{Error, Limits, Result};
use rayon::prelude::*;
use zip::{CompressionMethod, ZipArchive};

use super::memory::below;
use super::{ByteRange, Store, check_size, is_safe, resize, too_short};
use entry::{Entry, Unpacked, damaged};
pub(crate) use new::NewZip;

/// Whether a path names a zip file.
pub(crate) fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

/// The bytes of unpacked entries that are kept in memory.
const KEPT: u64 = if cfg!(test) { 1 << 10 } else { 64 << 20 };

/// The bytes that are read at a time where only their checksum is wanted.
const PIECE: usize = 1 << 20;

/// A zip file that is read.
#[derive(Debug)]
pub(crate) struct Zip {
    path: PathBuf,
    file: File,
    limits: Limits,
    entries: HashMap<String, Entry>,
    /// The bytes of unpacked entries in memory.
    kept: AtomicU64,
}

impl Zip {
    /// Reads the list of entries.
    ///
    /// # Errors
    /// If the file is not a zip file, or an entry leaves the store (`../x`).
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let malformed = |error| Error::invalid_data("it is not a zip file").with_source(error);
        let mut archive = ZipArchive::new(BufReader::new(file.try_clone()?)).map_err(malformed)?;
        let mut entries = HashMap::with_capacity(archive.len());
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(malformed)?;
            let name = entry.name().map_err(malformed)?.trim_start_matches('/').to_owned();
            if name.ends_with('/') {
                continue;
            }
            if !is_safe(&name) {
                return Err(Error::refused(format!("the zip file has an entry '{name}', which leaves the store")));
            }
            let start = entry.data_start().filter(|_| !entry.encrypted());
            let is_within = |start: &u64| start.checked_add(entry.compressed_size()).is_some_and(|end| end <= len);
            let Some(start) = start.filter(is_within) else {
                return Err(Error::invalid_data(format!("entry '{name}' of the zip file cannot be read")));
            };
            let (stored, size, method) = (entry.compressed_size(), entry.size(), entry.compression());
            entries.insert(name, Entry::new(start, stored, size, method, entry.crc32()));
        }
        Ok(Self { path: path.to_owned(), file, limits, entries: below_root(entries), kept: AtomicU64::new(0) })
    }

    fn read_at(&self, start: u64, into: &mut [u8]) -> Result<()> {
        Ok(read_exact_at(&self.file, start, into)?)
    }

    /// Unpacks a deflated entry.
    fn inflate(&self, key: &str, entry: &Entry, into: &mut Vec<u8>) -> Result<()> {
        self.limits.check(entry.size, entry.stored)?;
        let mut packed = Vec::new();
        resize(&mut packed, check_size(key, entry.stored, u64::MAX)?)?;
        self.read_at(entry.start, &mut packed)?;
        resize(into, check_size(key, entry.size, u64::MAX)?)?;
        anndata_codecs::inflate(&packed, into).map_err(|_| damaged(key))?;
        entry.check(key, crc32fast::hash(into))
    }

    /// A part of a deflated entry, which is unpacked if it is the first.
    fn inflate_part(&self, key: &str, entry: &Entry, range: ByteRange, into: &mut Vec<u8>) -> Result<()> {
        let unpacked = {
            let mut kept = entry.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
            match &*kept {
                Some(unpacked) => Arc::clone(unpacked),
                None => Arc::clone(kept.insert(Arc::new(self.unpack(key, entry)?))),
            }
        };
        match &*unpacked {
            Unpacked::Memory(whole) => range.of(whole).ok_or_else(|| too_short(key))?.clone_into(into),
            Unpacked::File(file) => {
                let part = range.within(entry.size).ok_or_else(|| too_short(key))?;
                resize(into, check_size(key, part.end - part.start, u64::MAX)?)?;
                read_exact_at(file, part.start, into).map_err(|error| unpacked_failed(key, error))?;
            }
        }
        Ok(())
    }

    fn unpack(&self, key: &str, entry: &Entry) -> Result<Unpacked> {
        let mut whole = Vec::new();
        self.inflate(key, entry, &mut whole)?;
        let before = self.kept.fetch_add(entry.size, Ordering::Relaxed);
        if before.saturating_add(entry.size) <= KEPT {
            return Ok(Unpacked::Memory(whole));
        }
        self.kept.fetch_sub(entry.size, Ordering::Relaxed);
        Unpacked::in_file(&whole).map_err(|error| unpacked_failed(key, error))
    }

    /// Compares the checksum of an entry whatever was read of it.
    fn verify(&self, key: &str, entry: &Entry) -> Result<()> {
        if !entry.is_stored() {
            return self.read(key, ByteRange::All, u64::MAX, &mut Vec::new()).map(drop);
        }
        let (mut sum, mut piece) = (crc32fast::Hasher::new(), Vec::new());
        let mut at = 0;
        while at < entry.size {
            let len = (entry.size - at).min(PIECE as u64);
            resize(&mut piece, check_size(key, len, PIECE as u64)?)?;
            self.read_at(entry.start + at, &mut piece)?;
            sum.update(&piece);
            at += len;
        }
        entry.check(key, sum.finalize())
    }
}

fn unpacked_failed(key: &str, error: io::Error) -> Error {
    let message = format!("the temporary file of the unpacked entry '{key}' cannot be used");
    Error::new(Error::from(io::Error::from(error.kind())).kind(), message).with_source(error)
}

/// A store may be packed with the folder that holds it: its only top name is left out then. What macOS adds does not count.
fn below_root(entries: HashMap<String, Entry>) -> HashMap<String, Entry> {
    let marks = ["zarr.json", ".zgroup", ".zmetadata", ".zarray"];
    let tops: BTreeSet<&str> = entries.keys().filter_map(|key| key.split('/').next()).collect();
    let tops: Vec<&str> = tops.into_iter().filter(|top| !matches!(*top, "__MACOSX" | ".DS_Store")).collect();
    let [top] = tops[..] else { return entries };
    if !marks.iter().any(|mark| entries.contains_key(&super::join(top, mark))) {
        return entries;
    }
    let top = top.to_owned();
    entries.into_iter().filter_map(|(key, entry)| Some((below(&key, &top)?.to_owned(), entry))).collect()
}

impl fmt::Display for Zip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl Store for Zip {
    fn location(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let Some(entry) = self.entries.get(key) else { return Ok(false) };
        let part = range.within(entry.size).ok_or_else(|| too_short(key))?;
        let len = check_size(key, part.end - part.start, max)?;
        match entry.method {
            CompressionMethod::Stored if entry.is_stored() => {
                resize(into, len)?;
                self.read_at(entry.start + part.start, into)?;
                if part == (0..entry.size) && !entry.is_checked() {
                    entry.check(key, crc32fast::hash(into))?;
                } else {
                    entry.check_piece(key, part.start, into)?;
                }
            }
            CompressionMethod::DEFLATE if part == (0..entry.size) => self.inflate(key, entry, into)?,
            CompressionMethod::DEFLATE => self.inflate_part(key, entry, range, into)?,
            CompressionMethod::Stored => return Err(damaged(key)),
            method => {
                return Err(Error::unsupported(format!("entry '{key}' of the zip file is packed with {method}")));
            }
        }
        Ok(true)
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.entries.get(key).map(|entry| entry.size))
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        let names: BTreeSet<&str> =
            self.entries.keys().filter_map(|key| below(key, prefix)?.split_once('/')).map(|(name, _)| name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        let entries = self.entries.iter().filter(|(key, _)| below(key, prefix).is_some());
        Ok(Some(entries.map(|(_, entry)| entry.stored).sum()))
    }

    fn damaged(&self) -> Vec<(String, Error)> {
        let mut open: Vec<(&String, &Entry)> = self.entries.iter().filter(|(_, entry)| !entry.is_checked()).collect();
        open.sort_by_key(|(_, entry)| entry.start);
        let verified =
            open.into_par_iter().filter_map(|(key, entry)| Some((key.clone(), self.verify(key, entry).err()?)));
        verified.collect()
    }

    fn is_writable(&self) -> bool {
        false
    }
}
