//! Values as entries of a zip file.
//!
//! Reading: stored entries by positioned reads, deflated ones unpacked whole. Writing: values are gathered in a folder
//! beside the file, which is packed, entries stored, when the store is flushed.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anndata_storage::{Error, Limits, Result};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::folder::{Folder, failed};
use super::memory::below;
use super::{ByteRange, Store, check_size, is_safe, resize, too_short};

/// A zip file that is read.
#[derive(Debug)]
pub(crate) struct Zip {
    path: PathBuf,
    file: File,
    limits: Limits,
    entries: HashMap<String, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u64,
    stored: u64,
    size: u64,
    method: CompressionMethod,
}

impl Zip {
    /// Reads the list of entries.
    ///
    /// # Errors
    /// Where the file is no zip file, or an entry leaves the store (`../x`).
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self> {
        let io = |error| failed(path, error);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let malformed = |error| Error::invalid_data(format!("'{}' is no zip file", path.display())).with_source(error);
        let mut archive = ZipArchive::new(BufReader::new(file.try_clone().map_err(io)?)).map_err(malformed)?;
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
            let start = entry.data_start().unwrap_or(u64::MAX);
            if start.checked_add(entry.compressed_size()).is_none_or(|end| end > len) || entry.encrypted() {
                return Err(Error::invalid_data(format!("entry '{name}' of the zip file cannot be read")));
            }
            let (stored, size, method) = (entry.compressed_size(), entry.size(), entry.compression());
            entries.insert(name, Entry { start, stored, size, method });
        }
        Ok(Self { path: path.to_owned(), file, limits, entries: below_root(entries) })
    }

    fn read_at(&self, start: u64, into: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, into, start).map_err(|error| failed(&self.path, error))
    }

    /// Unpacks a deflated entry.
    fn inflate(&self, key: &str, entry: Entry) -> Result<Vec<u8>> {
        self.limits.check(entry.size, entry.stored)?;
        let mut packed = Vec::new();
        resize(&mut packed, check_size(key, entry.stored, u64::MAX)?)?;
        self.read_at(entry.start, &mut packed)?;
        let mut whole = Vec::new();
        resize(&mut whole, check_size(key, entry.size, u64::MAX)?)?;
        match libdeflater::Decompressor::new().deflate_decompress(&packed, &mut whole) {
            Ok(len) if len == whole.len() => Ok(whole),
            _ => Err(Error::invalid_data(format!("entry '{key}' of the zip file is damaged"))),
        }
    }
}

/// A store may be packed with the folder that holds it: its only top name is left out then.
fn below_root(entries: HashMap<String, Entry>) -> HashMap<String, Entry> {
    let marks = ["zarr.json", ".zgroup", ".zmetadata", ".zarray"];
    let tops: BTreeSet<&str> = entries.keys().filter_map(|key| key.split('/').next()).collect();
    let [top] = tops.into_iter().collect::<Vec<_>>()[..] else { return entries };
    if !marks.iter().any(|mark| entries.contains_key(&super::join(top, mark))) {
        return entries;
    }
    let top = top.to_owned();
    entries.into_iter().filter_map(|(key, entry)| Some((below(&key, &top)?.to_owned(), entry))).collect()
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut into: &mut [u8], mut start: u64) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into = into.get_mut(read..).unwrap_or_default();
                start += read as u64;
            }
        }
    }
    Ok(())
}

impl fmt::Display for Zip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl Store for Zip {
    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let Some(&entry) = self.entries.get(key) else { return Ok(false) };
        let part = range.within(entry.size).ok_or_else(|| too_short(key))?;
        let len = check_size(key, part.end - part.start, max)?;
        match entry.method {
            CompressionMethod::Stored if entry.stored == entry.size => {
                resize(into, len)?;
                self.read_at(entry.start + part.start, into)?;
            }
            CompressionMethod::DEFLATE => {
                let whole = self.inflate(key, entry)?;
                range.of(&whole).ok_or_else(|| too_short(key))?.clone_into(into);
            }
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

    fn is_writable(&self) -> bool {
        false
    }
}

/// A zip file that is made: a folder until it is flushed.
#[derive(Debug)]
pub(crate) struct NewZip {
    path: PathBuf,
    folder: Folder,
    content: TempDir,
    /// Whether something changed since the file was packed.
    changed: Mutex<bool>,
    /// Whether the file is on the disk when it is packed.
    durable: bool,
}

impl NewZip {
    /// A store whose values are gathered beside `path`.
    ///
    /// # Errors
    /// Where the folder of `path` cannot be written.
    pub(crate) fn create(path: &Path, durable: bool) -> Result<Self> {
        let content = crate::atomic::sibling_folder(path).map_err(|error| failed(path, error))?;
        let folder = Folder::new(content.path(), true);
        Ok(Self { path: path.to_owned(), folder, content, changed: Mutex::new(true), durable })
    }

    fn touched<T>(&self, result: Result<T>) -> Result<T> {
        *self.changed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        result
    }
}

/// Packs all files below `folder` into a zip file, entries stored.
fn pack(folder: &Path, zip: File) -> io::Result<File> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(BufWriter::new(zip));
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let mut entries = fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = super::join(&prefix, &entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), name));
            } else {
                let mut file = File::open(entry.path())?;
                let large = file.metadata()?.len() >= u64::from(u32::MAX);
                writer.start_file(name, options.large_file(large)).map_err(io::Error::other)?;
                io::copy(&mut file, &mut writer)?;
            }
        }
    }
    writer.finish().map_err(io::Error::other)?.into_inner().map_err(io::IntoInnerError::into_error)
}

impl fmt::Display for NewZip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl Store for NewZip {
    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        self.folder.read(key, range, max, into)
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        self.folder.size(key)
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        self.folder.children(prefix)
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        self.folder.usage(prefix)
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn write(&self, key: &str, value: &[u8]) -> Result<()> {
        self.touched(self.folder.write(key, value))
    }

    fn appends(&self) -> bool {
        true
    }

    fn write_from(&self, key: &str, start: u64, value: &[u8]) -> Result<()> {
        self.touched(self.folder.write_from(key, start, value))
    }

    fn erase(&self, key: &str) -> Result<()> {
        self.touched(self.folder.erase(key))
    }

    fn erase_all(&self, prefix: &str) -> Result<()> {
        self.touched(self.folder.erase_all(prefix))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.touched(self.folder.rename(from, to))
    }

    fn flush(&self) -> Result<()> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if !*changed {
            return Ok(());
        }
        let packed = crate::atomic::sibling_file(&self.path).and_then(|file| {
            let packed = pack(self.content.path(), file.reopen()?)?;
            if self.durable {
                packed.sync_all()?;
            }
            file.persist(&self.path).map_err(io::Error::from)
        });
        packed.map_err(|error| failed(&self.path, error))?;
        *changed = false;
        Ok(())
    }
}
