//! [`Cached`]: parts of remote objects on the local disk, as [`Pages`].
//!
//! A page is a file of its own, named by a hash of what it is a part of: the object, its version, and the range. The file begins with
//! that as a text, so that two pages of one hash are told apart, and has a checksum of its bytes, so that one that was damaged is
//! none. It appears whole, by a rename; any number of processes may share a folder.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anndata_codecs::Checksum;
use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::PageCache;

/// The begin of the name of a page; other files of the folder are left alone.
const PREFIX: &str = "anndata-page-";

/// What a page begins with: four bytes for each of the length of the text and the checksum follow.
const MAGIC: &[u8; 8] = b"ADPAGE1\n";

/// How much of the room is used after some pages were removed, in tenths.
const KEPT: u64 = 9;

/// A page that was used within this time is not marked as used again.
const FRESH: Duration = Duration::from_mins(1);

/// The most objects of which the version is remembered; beyond, all are asked for anew.
const VERSIONS: usize = 1 << 16;

/// Pages, and the versions of the objects that they are parts of, each asked for once.
#[derive(Debug)]
pub(crate) struct Cached {
    pages: Arc<Pages>,
    versions: Mutex<HashMap<ObjectPath, Arc<OnceCell<Option<Version>>>>>,
}

/// What tells an object from one that takes its place.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    e_tag: Option<String>,
    modified: i64,
    size: u64,
}

impl Version {
    pub(crate) fn of(meta: &ObjectMeta) -> Self {
        let modified = meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
        Self { e_tag: meta.e_tag.clone(), modified, size: meta.size }
    }

    /// Whether an object is the same: its size, and its tag, or its time of change where there is no tag.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same = match (&self.e_tag, &other.e_tag) {
            (Some(one), Some(other)) => one == other,
            _ => self.modified == other.modified,
        };
        is_same && self.size == other.size
    }

    /// Whether it tells anything.
    fn is_known(&self) -> bool {
        self.e_tag.is_some() || self.modified != 0
    }

    /// The name of a page; `None` if it is beyond the object.
    pub(crate) fn page(&self, store: &str, path: &ObjectPath, range: Option<&GetRange>) -> Option<String> {
        let range = range.map_or(Ok(0..self.size), |range| range.as_range(self.size)).ok()?;
        let tag = self.e_tag.as_deref().unwrap_or_default();
        Some(format!("{store}\n{path}\n{tag}\n{} {}\n{range:?}", self.modified, self.size))
    }
}

impl Cached {
    pub(crate) fn new(options: PageCache) -> Self {
        Self { pages: Arc::new(Pages::new(options)), versions: Mutex::default() }
    }

    /// The version of an object; `None` if the server does not say.
    pub(crate) async fn version(
        &self,
        store: &dyn ObjectStore,
        path: &ObjectPath,
    ) -> object_store::Result<Option<Version>> {
        let cell = {
            let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            if versions.len() >= VERSIONS {
                versions.clear();
            }
            Arc::clone(versions.entry(path.clone()).or_default())
        };
        let ask = || async {
            match store.head(path).await {
                Ok(meta) => Ok(Some(Version::of(&meta)).filter(Version::is_known)),
                Err(object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        cell.get_or_try_init(ask).await.cloned()
    }

    /// Asks for the version of an object anew when it is read next.
    pub(crate) fn forget(&self, path: &ObjectPath) {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// A page, if it is there.
    pub(crate) async fn get(&self, name: String) -> Option<Bytes> {
        let pages = Arc::clone(&self.pages);
        spawn_blocking(move || pages.get(&name)).await.ok().flatten().map(Bytes::from)
    }

    /// Keeps a page. That the disk does not take it is no reason not to go on.
    pub(crate) async fn put(&self, name: String, bytes: Bytes) {
        let pages = Arc::clone(&self.pages);
        let kept = spawn_blocking(move || pages.put(&name, &bytes)).await;
        if let Ok(Err(error)) = kept {
            tracing::debug!(%error, dir = %self.pages.options.dir.display(), "a part of a remote object is not kept");
        }
    }
}

/// The pages in a folder.
#[derive(Debug)]
pub(crate) struct Pages {
    options: PageCache,
    /// About the bytes that are in use, once they were counted.
    used: Mutex<Option<u64>>,
}

impl Pages {
    pub(crate) fn new(options: PageCache) -> Self {
        Self { options, used: Mutex::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        self.options.dir.join(format!("{PREFIX}{:016x}", hasher.finish()))
    }

    /// The bytes of a page. What cannot be read is not there: it is fetched again.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        let mut file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let rest = bytes.strip_prefix(MAGIC)?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let body = rest.strip_prefix(name.as_bytes()).filter(|_| u32::from_le_bytes(*len) as usize == name.len())?;
        if Checksum::CRC32C.of(body) != *checksum {
            return None;
        }
        let now = SystemTime::now();
        let used = file.metadata().and_then(|metadata| metadata.modified()).ok();
        if used.and_then(|used| now.duration_since(used).ok()).is_some_and(|since| since > FRESH) {
            // Without it the page goes sooner, which does no harm.
            let touch = || File::options().append(true).open(&path)?.set_modified(now);
            touch().ok();
        }
        let begin = bytes.len() - body.len();
        bytes.drain(..begin);
        Some(bytes)
    }

    /// Keeps a page, and removes those that were not used for the longest time where there are too many.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn put(&self, name: &str, body: &[u8]) -> io::Result<()> {
        let len = (MAGIC.len() + 8 + name.len() + body.len()) as u64;
        let Ok(name_len) = u32::try_from(name.len()) else { return Ok(()) };
        if len > self.options.bytes {
            return Ok(());
        }
        fs::create_dir_all(&self.options.dir)?;
        let mut file = tempfile::Builder::new().prefix(".anndata-page-").tempfile_in(&self.options.dir)?;
        for part in [MAGIC.as_slice(), &name_len.to_le_bytes(), &Checksum::CRC32C.of(body), name.as_bytes(), body] {
            file.write_all(part)?;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let total = match *used {
            Some(used) => used,
            None => all(&self.options.dir)?.iter().map(|page| page.len).sum(),
        };
        // Room is made before it is used.
        let total = if total + len > self.options.bytes {
            self.remove_down_to((self.options.bytes / 10 * KEPT).min(self.options.bytes - len))?
        } else {
            total
        };
        *used = Some(total + len);
        drop(used);
        file.persist(self.path(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes pages, the oldest first, until no more than so many bytes are in use; gives how many are.
    fn remove_down_to(&self, most: u64) -> io::Result<u64> {
        let mut pages = all(&self.options.dir)?;
        pages.sort_by_key(|page| page.used);
        let mut total: u64 = pages.iter().map(|page| page.len).sum();
        for page in pages {
            if total <= most {
                break;
            }
            match fs::remove_file(&page.path) {
                // Another process was faster.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => total -= page.len,
            }
        }
        Ok(total)
    }
}

/// A page that is there.
struct Page {
    path: PathBuf,
    len: u64,
    used: SystemTime,
}

/// All pages of a folder.
fn all(folder: &Path) -> io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // One that is removed meanwhile is not counted.
        let Ok(metadata) = entry.metadata() else { continue };
        pages.push(Page { path: entry.path(), len: metadata.len(), used: metadata.modified()? });
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_kept_told_apart_and_removed_the_oldest_first() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let dir = folder.path().join("pages");
        let pages = Pages::new(PageCache::new(&dir).with_bytes(4000));
        assert_eq!(pages.get("a"), None);
        pages.put("a", &[1; 1000])?;
        pages.put("b", &[])?;
        assert_eq!((pages.get("a"), pages.get("b")), (Some(vec![1; 1000]), Some(Vec::new())));
        // Too large for all of it.
        pages.put("c", &[0; 5000])?;
        assert_eq!(pages.get("c"), None);
        // Files of others stay.
        fs::write(dir.join("notes.txt"), vec![0; 10_000])?;
        let old = SystemTime::now() - Duration::from_hours(1);
        File::options().append(true).open(pages.path("b"))?.set_modified(old)?;
        File::options().append(true).open(pages.path("a"))?.set_modified(old - Duration::from_secs(1))?;
        // It is used, and no longer the oldest.
        assert!(pages.get("a").is_some());
        for name in ["d", "e", "f"] {
            pages.put(name, &[2; 1000])?;
        }
        let there = ["a", "b", "d", "e", "f"].map(|name| pages.get(name).is_some());
        assert!(!there[1] && there[4], "{there:?}");
        assert!(all(&dir)?.iter().map(|page| page.len).sum::<u64>() <= 4000);
        assert!(dir.join("notes.txt").exists());
        Ok(())
    }

    #[test]
    fn a_page_that_was_damaged_is_none() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let pages = Pages::new(PageCache::new(folder.path()));
        pages.put("a", b"values")?;
        let whole = fs::read(pages.path("a"))?;
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(pages.path("a"), &damaged)?;
            assert_eq!(pages.get("a"), None, "byte {at}");
            fs::write(pages.path("a"), &whole[..at])?;
            assert_eq!(pages.get("a"), None, "{at} bytes");
        }
        fs::write(pages.path("a"), &whole)?;
        assert_eq!(pages.get("a"), Some(b"values".to_vec()));
        // Another page of the same hash.
        fs::rename(pages.path("a"), pages.path("b"))?;
        assert_eq!(pages.get("b"), None);
        Ok(())
    }
}
