//! Making zip files: values are gathered in a folder beside the file, which is packed, entries stored, when the store is
//! flushed.
//!
//! The files of the folder are numbered, so that what names a file system takes is not a limit of a zip file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anndata_storage::atomic::TemporaryFolder;
use anndata_storage::{Error, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::store::folder::Folder;
use crate::store::memory::below;
use crate::store::{ByteRange, Store, join};

/// A zip file that is made: a folder until it is flushed.
#[derive(Debug)]
pub(crate) struct NewZip {
    path: PathBuf,
    /// The path that errors name.
    location: PathBuf,
    folder: Folder,
    temporary: TemporaryFolder,
    state: Mutex<State>,
    /// Whether the file is on the disk when it is packed.
    durable: bool,
}

#[derive(Debug)]
struct State {
    /// The files of the folder, by key.
    files: BTreeMap<String, String>,
    /// The number of files that were made.
    made: u64,
    /// Whether something changed since the file was packed.
    changed: bool,
}

/// The folder of the values in the temporary folder.
const CONTENT: &str = "content";

impl NewZip {
    /// A store whose values are gathered beside `path`, and that errors call `location`.
    ///
    /// # Errors
    /// If the folder of `path` cannot be written.
    pub(crate) fn create(path: &Path, location: &Path, durable: bool) -> Result<Self> {
        let temporary = TemporaryFolder::beside(path).map_err(|error| error.in_file(location))?;
        let content = temporary.path().join(CONTENT);
        fs::create_dir(&content).map_err(|error| Error::from(error).in_file(location))?;
        let folder = Folder::unnamed(content);
        let state = Mutex::new(State { files: BTreeMap::new(), made: 0, changed: true });
        let (path, location) = (path.to_owned(), location.to_owned());
        Ok(Self { path, location, folder, temporary, state, durable })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, key: &str) -> Option<String> {
        self.state().files.get(key).cloned()
    }

    /// The file of a key that is about to change.
    fn file_to_write(&self, key: &str) -> String {
        let mut state = self.state();
        state.changed = true;
        if let Some(file) = state.files.get(key) {
            return file.clone();
        }
        let file = state.made.to_string();
        state.made += 1;
        state.files.insert(key.to_owned(), file.clone());
        file
    }

    /// Takes away the files of keys.
    fn remove(&self, chosen: impl Fn(&str) -> bool) -> Result<()> {
        let removed: Vec<(String, String)> = {
            let mut state = self.state();
            state.changed = true;
            state.files.extract_if(.., |key, _| chosen(key)).collect()
        };
        removed.iter().try_for_each(|(key, file)| self.folder.erase(file).map_err(|error| failed(key, error)))
    }
}

/// Names the entry in an error about its file in the folder.
fn failed(key: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("entry '{key}' of the zip file")).with_source(error)
}

/// Packs files into a zip file, entries stored, in the order of their keys.
fn pack(folder: &Path, files: &BTreeMap<String, String>, zip: File) -> io::Result<File> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(BufWriter::new(zip));
    for (key, file) in files {
        let mut file = File::open(folder.join(file))?;
        let large = file.metadata()?.len() >= u64::from(u32::MAX);
        writer.start_file(key.as_str(), options.large_file(large)).map_err(io::Error::other)?;
        io::copy(&mut file, &mut writer)?;
    }
    writer.finish().map_err(io::Error::other)?.into_inner().map_err(io::IntoInnerError::into_error)
}

impl fmt::Display for NewZip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location.display())
    }
}

impl Store for NewZip {
    fn location(&self) -> Option<&Path> {
        Some(&self.location)
    }

    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let Some(file) = self.file(key) else { return Ok(false) };
        self.folder.read(&file, range, max, into).map_err(|error| failed(key, error))
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        let Some(file) = self.file(key) else { return Ok(None) };
        self.folder.size(&file).map_err(|error| failed(key, error))
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        let state = self.state();
        let names: BTreeSet<&str> =
            state.files.keys().filter_map(|key| below(key, prefix)?.split_once('/')).map(|(name, _)| name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        let files: Vec<String> =
            self.state().files.iter().filter(|(key, _)| below(key, prefix).is_some()).map(|(_, f)| f.clone()).collect();
        // A value that could not be written has no file.
        let sizes = files.iter().map(|file| Ok(self.folder.size(file)?.unwrap_or(0)));
        sizes.sum::<Result<u64>>().map(Some)
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn write(&self, key: &str, value: &[u8]) -> Result<()> {
        self.folder.write(&self.file_to_write(key), value).map_err(|error| failed(key, error))
    }

    fn appends(&self) -> bool {
        true
    }

    fn write_from(&self, key: &str, start: u64, value: &[u8]) -> Result<()> {
        self.folder.write_from(&self.file_to_write(key), start, value).map_err(|error| failed(key, error))
    }

    fn erase(&self, key: &str) -> Result<()> {
        self.remove(|other| other == key)
    }

    fn erase_all(&self, prefix: &str) -> Result<()> {
        self.remove(|key| key == prefix || below(key, prefix).is_some())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.state();
        state.changed = true;
        let moved: Vec<(String, String)> = state.files.extract_if(.., |key, _| below(key, from).is_some()).collect();
        for (key, file) in moved {
            if let Some(rest) = below(&key, from) {
                state.files.insert(join(to, rest), file);
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        let mut state = self.state();
        if !state.changed {
            return Ok(());
        }
        let packed = self.temporary.path().join("packed");
        let pack = || {
            let file = pack(&self.temporary.path().join(CONTENT), &state.files, File::create(&packed)?)?;
            if self.durable {
                file.sync_all()?;
            }
            fs::rename(&packed, &self.path)
        };
        pack().map_err(|error| Error::from(error).in_file(&self.location))?;
        state.changed = false;
        Ok(())
    }
}
