//! Values as files below a folder.

mod early;
#[cfg(unix)]
mod handles;
mod links;
mod listing;
mod windows;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(unix)]
use anndata_storage::position::read_exact_at;
use anndata_storage::{Error, FileStamp, Result, file_name};

use super::{ByteRange, METADATA, Store, check_size, read_only, resize, too_short};
use early::Early;
pub(crate) use links::Links;

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    writable: bool,
    links: Links,
    /// Whether errors name the keys. Those of a folder that nobody but this library knows mean nothing to anybody.
    named: bool,
    early: Option<Early>,
    /// The folder that was opened, once it was there.
    opened: OnceLock<Opened>,
    #[cfg(unix)]
    handles: handles::Handles,
}

/// A folder as it was opened.
#[derive(Debug)]
struct Opened {
    stamp: FileStamp,
    /// Held open, so that no other folder gets its number.
    _held: Option<File>,
}

impl Folder {
    /// The values below `root`.
    pub(crate) fn new(root: impl Into<PathBuf>, writable: bool) -> Self {
        let (links, opened) = (Links::Within, OnceLock::new());
        Self {
            root: root.into(),
            writable,
            links,
            named: true,
            early: None,
            opened,
            #[cfg(unix)]
            handles: handles::Handles::default(),
        }
    }

    /// A folder whose files are known by other names than their keys: errors give the cause alone.
    pub(crate) fn unnamed(root: impl Into<PathBuf>) -> Self {
        Self { named: false, ..Self::new(root, true) }
    }

    /// Sets how links are followed.
    pub(crate) fn with_links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// A folder whose files go to the disk while it is written. Those that are small, and the folder itself, still have
    /// to be brought there after [`flush`](Store::flush).
    pub(crate) fn durable(root: impl Into<PathBuf>) -> io::Result<Self> {
        Ok(Self { early: Some(Early::start()?), ..Self::new(root, true) })
    }

    /// The file of a key to be read, where it is not behind a link that is not followed.
    fn path_to_read(&self, key: &str) -> Result<PathBuf> {
        windows::check(key)?;
        self.links.check(&self.root, key, false)?;
        Ok(self.path(key))
    }

    /// The file of a key. Keys were checked to stay within the folder.
    fn path(&self, key: &str) -> PathBuf {
        if key.is_empty() { self.root.clone() } else { self.root.join(key) }
    }

    fn path_to_write(&self, key: &str) -> Result<PathBuf> {
        if !self.writable {
            return Err(read_only());
        }
        windows::check(key)?;
        self.links.check(&self.root, key, true)?;
        Ok(self.path(key))
    }

    /// The path of a file or folder that is removed or renamed. If it is itself a link, that is what goes.
    fn path_to_move(&self, key: &str) -> Result<PathBuf> {
        if !self.writable {
            return Err(read_only());
        }
        windows::check(key)?;
        self.links.check(&self.root, key.rsplit_once('/').map_or("", |(above, _)| above), true)?;
        Ok(self.path(key))
    }

    fn wrote(&self, key: &str, path: &Path, value: &[u8]) {
        if let Some(early) = &self.early {
            early.wrote(key, path, value.len());
        }
    }

    /// Names the key in an error.
    fn failed(&self, key: &str, error: io::Error) -> Error {
        failed(if self.named { key } else { "" }, error)
    }

    /// Reads a part of a file, which stays open, as others are read after it: the chunks of a shard.
    #[cfg(unix)]
    fn read_part(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        let io = |error| self.failed(key, error);
        let handle = match self.handles.get(key) {
            Some(handle) => handle,
            None => match handles::Handle::open(&self.path_to_read(key)?) {
                Ok(Some(handle)) => self.handles.keep(key, handle),
                Ok(None) => return Ok(false),
                Err(error) if is_missing(&error) => return Ok(false),
                Err(error) => return Err(io(error)),
            },
        };
        let range = range.within(handle.len).ok_or_else(|| too_short(key))?;
        resize(into, check_size(key, range.end - range.start, max)?)?;
        read_exact_at(&handle.file, range.start, into).map_err(io)?;
        Ok(true)
    }

    /// Runs a write; where the folder above is missing, makes it and tries once more.
    fn with_parent<T>(&self, key: &str, path: &Path, write: impl Fn() -> io::Result<T>) -> Result<T> {
        match (write(), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(parent).and_then(|()| write())
            }
            (result, _) => result,
        }
        .map_err(|error| self.failed(key, error))
    }
}

/// Whether a key is that of metadata.
fn is_metadata(key: &str) -> bool {
    METADATA.contains(&file_name(key))
}

/// Names a key in an error. The folder itself is the store, which handles name: it can stand elsewhere while it is made.
fn failed(key: &str, error: io::Error) -> Error {
    if key.is_empty() {
        return error.into();
    }
    let kind = Error::from(io::Error::from(error.kind())).kind();
    Error::new(kind, format!("'{key}'")).with_source(error)
}

/// Whether an error says that there is no such file.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

impl Store for Folder {
    fn location(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        #[cfg(unix)]
        if !self.writable && range != ByteRange::All {
            return self.read_part(key, range, max, into);
        }
        let path = self.path_to_read(key)?;
        let io = |error| self.failed(key, error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(io(error)),
        };
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Ok(false);
        }
        let range = range.within(metadata.len()).ok_or_else(|| too_short(key))?;
        resize(into, check_size(key, range.end - range.start, max)?)?;
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).map_err(io)?;
        }
        file.read_exact(into).map_err(io)?;
        Ok(true)
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        let path = self.path_to_read(key)?;
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(key, error)),
        }
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        let path = self.path_to_read(prefix)?;
        let io = |error| self.failed(prefix, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            // A link to a folder counts, so that it is reported; a name that is not UTF-8 cannot be a zarr name.
            if let (true, Ok(name)) = (entry.path().is_dir(), entry.file_name().into_string()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn keys(&self, prefix: &str) -> Result<Option<HashSet<String>>> {
        listing::keys(&self.path_to_read(prefix)?, prefix).map_err(|error| self.failed(prefix, error))
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        let path = self.path(prefix);
        folder_size(&path).map(Some).map_err(|error| self.failed(prefix, error))
    }

    fn stamp(&self, key: &str) -> Result<Option<FileStamp>> {
        let path = self.path(key);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(FileStamp::of(&metadata))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(key, error)),
        }
    }

    fn check_same(&self) -> Result<()> {
        let now = self.stamp("")?;
        if self.opened.get().is_none()
            && let Some(stamp) = now
        {
            // A folder that cannot be opened is identified by its number alone.
            let held = File::open(&self.root).ok();
            let _ = self.opened.set(Opened { stamp, _held: held });
        }
        match (self.opened.get(), now) {
            (Some(opened), Some(now)) if opened.stamp.is_same_file(&now) => Ok(()),
            (None, _) => Ok(()),
            (Some(_), _) => Err(Error::stale("the store was replaced or removed after it was opened: open it again")),
        }
    }

    fn is_writable(&self) -> bool {
        self.writable
    }

    /// A value that is there, and metadata, are replaced in one step.
    fn write(&self, key: &str, value: &[u8]) -> Result<()> {
        let mut path = self.path_to_write(key)?;
        let old = fs::metadata(&path).ok();
        if old.is_some() || is_metadata(key) {
            if path.is_symlink() {
                // The link is kept; what it leads to is replaced.
                path = fs::canonicalize(&path).map_err(|error| self.failed(key, error))?;
            }
            let new = beside(&path);
            self.with_parent(key, &path, || {
                fs::write(&new, value)
                    .and_then(|()| old.as_ref().map_or(Ok(()), |old| fs::set_permissions(&new, old.permissions())))
                    .and_then(|()| fs::rename(&new, &path))
                    .inspect_err(|_| drop(fs::remove_file(&new)))
            })?;
            if is_metadata(key) {
                sweep(&path);
            }
        } else {
            self.with_parent(key, &path, || fs::write(&path, value))?;
        }
        self.wrote(key, &path, value);
        Ok(())
    }

    fn appends(&self) -> bool {
        true
    }

    fn write_from(&self, key: &str, start: u64, value: &[u8]) -> Result<()> {
        let path = self.path_to_write(key)?;
        self.with_parent(key, &path, || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            file.set_len(start)?;
            file.seek(SeekFrom::Start(start))?;
            file.write_all(value)
        })?;
        self.wrote(key, &path, value);
        Ok(())
    }

    fn erase(&self, key: &str) -> Result<()> {
        let path = self.path_to_move(key)?;
        match fs::remove_file(&path) {
            Err(error) if !is_missing(&error) => Err(self.failed(key, error)),
            _ => Ok(()),
        }
    }

    fn erase_all(&self, prefix: &str) -> Result<()> {
        let path = self.path_to_move(prefix)?;
        match remove_folder(&path) {
            Err(error) if !is_missing(&error) => Err(self.failed(prefix, error)),
            _ => Ok(()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, new) = (self.path_to_move(from)?, self.path_to_move(to)?);
        self.with_parent(to, &new, || fs::rename(&from, &new))
    }

    fn flush(&self) -> Result<()> {
        self.early.as_ref().map_or(Ok(()), Early::finish)
    }
}

/// A free name in the same folder, of a file that is to be at a path.
fn beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.new", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// After this time a file that is to take the place of another one is nobody's any more.
const LONG_AGO: Duration = Duration::from_hours(1);

/// Removes what writers of a file that were killed left [`beside`] it. What cannot be removed does no harm.
fn sweep(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let prefix = format!(".{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(&prefix) || !name.ends_with(".new") {
            continue;
        }
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > LONG_AGO) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes a folder, its own metadata last: what is left of it should the process end is still found.
fn remove_folder(path: &Path) -> io::Result<()> {
    // Of a link nothing goes but itself.
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    fs::remove_dir_all(path)
}

/// The bytes of all files below a folder. Links are not followed.
fn folder_size(path: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        size += if kind.is_dir() { folder_size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(size)
}
