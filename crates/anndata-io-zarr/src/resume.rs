//! Folders that are made in several goes: what was written stays beside the target until it is whole.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Error, Group, Journal, Result, Storage, merge_ranges};
use serde_json::{Value, json};

use crate::atomic::check_is_store;
use crate::store::folder::Folder;
use crate::store::zip::is_zip;
use crate::{ZarrOptions, ZarrStore};

/// The version of a journal.
const VERSION: u64 = 1;

/// As [`write_atomic`](crate::write_atomic), but what was written stays where the write is interrupted, in a folder
/// `.NAME.resume` beside the path, and the next call with the same `identity` goes on with it. `build` is given a journal of
/// what is there already, and notes what it writes.
///
/// The output is the same, byte for byte, as that of a write that was not interrupted.
///
/// # Errors
/// As [`write_atomic`](crate::write_atomic); [`Unsupported`](anndata_storage::ErrorKind::Unsupported) for a zip file;
/// [`InvalidInput`](anndata_storage::ErrorKind::InvalidInput) if a write of another identity was interrupted there, or another
/// process is writing it.
pub fn write_resumable<T>(
    path: impl AsRef<Path>,
    options: &ZarrOptions,
    overwrite: bool,
    identity: &str,
    build: impl FnOnce(&Group, &Arc<dyn Journal>) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    if is_zip(path) {
        return Err(Error::unsupported("a zip file is written in one go: only folders can be resumed").in_file(path));
    }
    let output = AtomicOutput::create(path, OutputKind::Folder, overwrite)?;
    check_is_store(output.target()).map_err(|error| error.in_file(path))?;
    let stage = Stage::open(output.target(), identity).map_err(|error| error.in_file(path))?;
    let store = Folder::new(stage.store(), true);
    let format = options.format.unwrap_or_default();
    let store = Arc::new(ZarrStore::create_at_once(Box::new(store), path, format, options));
    let journal = stage.journal(options.durable).map_err(|error| error.in_file(path))?;
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let made = build(&Group::root(Arc::clone(&store) as Arc<dyn Storage>), &journal)?;
    store.commit().map_err(|error| error.in_store(&*store))?;
    drop(store);
    check_is_store(output.target()).map_err(|error| error.in_file(path))?;
    fs::rename(stage.store(), output.path()).map_err(|error| Error::from(error).in_file(path))?;
    output.commit(options.durable)?;
    stage.remove();
    Ok(made)
}

/// The folder that a store is made in. As long as it is open, it is locked.
struct Stage {
    folder: PathBuf,
    _lock: File,
    /// What is written of each array: rows, and the rows of a piece.
    there: HashMap<String, Written>,
}

/// Rows of an array that are written, and the rows of a piece of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Written {
    rows: Vec<Range<u64>>,
    piece_rows: u64,
}

impl Stage {
    /// Opens what was interrupted and keeps of it what is whole, or begins anew.
    fn open(target: &Path, identity: &str) -> Result<Self> {
        let name = target.file_name().ok_or_else(|| Error::invalid_input("it is not the path of a folder"))?;
        let folder = target.with_file_name(format!(".{}.resume", name.to_string_lossy()));
        fs::create_dir_all(&folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Error::invalid_input("another process is writing it")),
            // There may be no locks on this file system.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut stage = Self { folder, _lock: lock, there: HashMap::new() };
        match fs::read_to_string(stage.header()) {
            // Without a store nothing of what is noted is there: it was killed when it had moved the store to its place, and may
            // even have finished.
            Ok(_) if !stage.store().is_dir() => stage.begin(identity)?,
            Ok(header) => {
                let found: Option<Value> = serde_json::from_str(&header).ok();
                let same = found.as_ref().is_some_and(|found| {
                    found["version"].as_u64() == Some(VERSION) && found["identity"].as_str() == Some(identity)
                });
                if !same {
                    return Err(Error::invalid_input(format!(
                        "another write to it was interrupted, of other inputs or with other options: remove '{}' to \
                         begin anew, or repeat that one",
                        stage.folder.display()
                    )));
                }
                stage.there = stage.read_progress()?;
                stage.clean()?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Whatever is there without a journal is worth nothing.
                match fs::remove_dir_all(stage.store()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
                stage.begin(identity)?;
            }
            Err(error) => return Err(error.into()),
        }
        fs::create_dir_all(stage.store())?;
        Ok(stage)
    }

    /// Begins a journal in which nothing is noted.
    fn begin(&self, identity: &str) -> Result<()> {
        let beside = self.folder.join("journal.new");
        fs::write(&beside, json!({ "version": VERSION, "identity": identity }).to_string())?;
        fs::write(self.progress(), "")?;
        Ok(fs::rename(beside, self.header())?)
    }

    fn store(&self) -> PathBuf {
        self.folder.join("new")
    }

    fn header(&self) -> PathBuf {
        self.folder.join("journal.json")
    }

    fn progress(&self) -> PathBuf {
        self.folder.join("progress.jsonl")
    }

    fn journal(&self, durable: bool) -> Result<FileJournal> {
        let lines = OpenOptions::new().append(true).open(self.progress())?;
        Ok(FileJournal { store: self.store(), there: self.there.clone(), lines: Mutex::new(lines), durable })
    }

    /// The noted rows. A last line that was not written to its end is passed over, and cut off.
    fn read_progress(&self) -> Result<HashMap<String, Written>> {
        let text = fs::read(self.progress())?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        OpenOptions::new().write(true).open(self.progress())?.set_len(whole as u64)?;
        let mut there: HashMap<String, Written> = HashMap::new();
        for line in text.get(..whole).unwrap_or_default().split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let broken = || Error::invalid_data("the journal of an interrupted write is damaged");
            let line: Value = serde_json::from_slice(line).map_err(|error| broken().with_source(error))?;
            let number = |value: &Value| value.as_u64().ok_or_else(broken);
            let path = line["path"].as_str().ok_or_else(broken)?;
            let written = there.entry(path.to_owned()).or_default();
            written.piece_rows = number(&line["piece"])?.max(1);
            written.rows.push(number(&line["rows"][0])?..number(&line["rows"][1])?);
        }
        for written in there.values_mut() {
            written.rows = merge_ranges(std::mem::take(&mut written.rows));
        }
        Ok(there)
    }

    /// Removes all files but the pieces whose rows were noted: metadata are written anew.
    fn clean(&self) -> Result<()> {
        let mut kept = HashSet::new();
        for (path, written) in &self.there {
            for rows in &written.rows {
                for piece in rows.start / written.piece_rows..rows.end.div_ceil(written.piece_rows) {
                    kept.extend(files_of(&self.store().join(path), piece)?);
                }
            }
        }
        match remove_all_but(&self.store(), &kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn remove(self) {
        // What is left of it is of no use, and does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The files or folders of the pieces at a position along the first axis.
fn files_of(array: &Path, piece: u64) -> io::Result<Vec<PathBuf>> {
    let chunks = array.join("c");
    if chunks.is_dir() {
        return Ok(vec![chunks.join(piece.to_string())]);
    }
    // Version 2, in which the numbers of a position are one name.
    let entries = match fs::read_dir(array) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (alone, first) = (piece.to_string(), format!("{piece}."));
    let names = entries.map(|entry| Ok(entry?.path()));
    let of_piece = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == alone.as_str() || name.starts_with(&first)
    };
    names.filter(|path: &io::Result<PathBuf>| path.as_ref().map_or(true, of_piece)).collect()
}

fn remove_all_but(folder: &Path, kept: &HashSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if kept.contains(&path) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            remove_all_but(&path, kept)?;
            // If something in it is kept, so is the folder.
            let _ = fs::remove_dir(&path);
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A journal in a file of lines.
#[derive(Debug)]
struct FileJournal {
    store: PathBuf,
    /// What earlier writes noted.
    there: HashMap<String, Written>,
    lines: Mutex<File>,
    durable: bool,
}

impl Journal for FileJournal {
    fn there(&self, path: &str) -> Vec<Range<u64>> {
        self.there.get(path).map(|written| written.rows.clone()).unwrap_or_default()
    }

    /// What is noted is on the disk before the note is, so that a loss of power leaves no note of what is lost.
    fn wrote(&self, path: &str, rows: Range<u64>, piece_rows: u64) -> Result<()> {
        if self.durable {
            for piece in rows.start / piece_rows.max(1)..rows.end.div_ceil(piece_rows.max(1)) {
                files_of(&self.store.join(path), piece)?.iter().try_for_each(|file| sync(file))?;
            }
        }
        let line = format!("{}\n", json!({ "path": path, "rows": [rows.start, rows.end], "piece": piece_rows }));
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.write_all(line.as_bytes())?;
        if self.durable {
            lines.sync_data()?;
        }
        Ok(())
    }
}

/// Brings a file, or all files of a folder, to the disk.
fn sync(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            fs::read_dir(path)?.try_for_each(|entry| sync(&entry?.path()))?;
            File::open(path)?.sync_all()
        }
        Ok(_) => File::open(path)?.sync_data(),
        // A piece that holds nothing but what was never written is not stored.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
