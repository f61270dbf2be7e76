//! [`OpenFile`]: a file that is open for reading, as a store and its arrays have it in common.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use anndata_hdf5_meta::{Error as MetaError, LinkTarget, MetaFile, MetaLimits, Object, ObjectKind, ReadAt};
use anndata_storage::{Error, Limits, Result, on_waiting_threads};

use super::chunks::ChunkList;
use super::error::because;
use crate::Hdf5Options;
use crate::file::RawFile;
use crate::heap::Heap;
use crate::resolve::{self, Link, Links};
use crate::undo;

/// What a store and its open arrays share.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) raw: Arc<RawFile>,
    pub(super) meta: MetaFile,
    pub(super) options: Hdf5Options,
    pub(super) path: PathBuf,
    /// The paths of objects by their addresses, for references; found when first asked for.
    paths: OnceLock<Result<HashMap<u64, Vec<u8>>, MetaError>>,
    /// The chunks of open arrays, by the address of the array.
    chunks: Mutex<HashMap<u64, Weak<ChunkList>>>,
}

impl OpenFile {
    /// Opens a file.
    pub(super) fn open(path: &Path, options: &Hdf5Options) -> Result<Self> {
        let file = File::open(path)?;
        undo::recover(path)?;
        lock(&file)?;
        let file = Self::new(file, path, options)?;
        if file.meta.superblock().is_open_for_writing() {
            return Err(Error::invalid_data(
                "the file is marked as open for writing: another program writes to it, or did not close it (then \
                 'h5clear -s' takes the mark away)",
            ));
        }
        Ok(file)
    }

    /// What is open already.
    pub(super) fn new(file: File, path: &Path, options: &Hdf5Options) -> Result<Self> {
        Self::of_bytes(RawFile::new(file, false)?.with_map(options.mmap)?, path, options)
    }

    /// What a source has the bytes of.
    pub(super) fn of_source(source: impl ReadAt + 'static, location: &Path, options: &Hdf5Options) -> Result<Self> {
        Self::of_bytes(RawFile::of_source(source)?, location, options)
    }

    fn of_bytes(raw: RawFile, path: &Path, options: &Hdf5Options) -> Result<Self> {
        let raw = Arc::new(raw);
        let limits = meta_limits(options.limits);
        let meta = MetaFile::new(Arc::clone(&raw), limits).map_err(because("the file cannot be opened"))?;
        let (paths, chunks) = (OnceLock::new(), Mutex::default());
        Ok(Self { raw, meta, options: *options, path: path.to_owned(), paths, chunks })
    }

    /// The object at a path, `None` if there is nothing.
    pub(super) fn resolve(&self, path: &str) -> Result<Option<Object>> {
        resolve::resolve(self, path)
    }

    /// The heap that texts are in, `None` if its references are not of the usual width.
    pub(super) fn heap(&self) -> Option<Heap<'_>> {
        let superblock = self.meta.superblock();
        let usual = superblock.address_width == 8 && superblock.length_width == 8;
        usual.then(|| Heap { file: &self.raw, base: superblock.base, limits: self.options.limits })
    }

    /// The path of the object at an address, `None` if no path leads to it.
    pub(super) fn path_of(&self, address: u64) -> Result<Option<&[u8]>> {
        let paths = self.paths.get_or_init(|| self.meta.object_paths());
        match paths {
            Ok(paths) => Ok(paths.get(&address).map(Vec::as_slice)),
            Err(error) => Err(because("what a reference is to cannot be looked for")(error.clone())),
        }
    }

    /// Where the chunks of an array are, the same for all of its handles.
    pub(super) fn chunk_list(&self, array: &Object) -> Arc<ChunkList> {
        let mut lists = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(&array.address()).and_then(Weak::upgrade) {
            return list;
        }
        let list = Arc::new(ChunkList::default());
        if lists.len() == lists.capacity() {
            // Before it grows, those that nobody has any more go.
            lists.retain(|_, list| list.strong_count() > 0);
        }
        lists.insert(array.address(), Arc::downgrade(&list));
        list
    }

    /// Reads values. Where bytes take long to come, on more threads than there are cores, as those wait.
    pub(super) fn overlapped<T: Send>(&self, read: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        if self.raw.has_latency() { on_waiting_threads(read)? } else { read() }
    }

    /// What was read, where it was read from the file that was opened.
    pub(super) fn unchanged<T>(&self, read: Result<T>) -> Result<T> {
        self.raw.check_unchanged()?;
        read
    }
}

impl Links for OpenFile {
    type Object = Object;
    type Identity = u64;

    fn root(&self) -> Result<Object> {
        self.meta.root().map_err(because("the root group cannot be read"))
    }

    fn again(&self, object: &Object) -> Result<Object> {
        Ok(object.clone())
    }

    fn group(&self, object: &Object) -> Result<Option<u64>> {
        let kind = object.kind().map_err(because("the object's header cannot be read"))?;
        Ok((kind == ObjectKind::Group).then(|| object.address()))
    }

    fn link(&self, group: &Object, name: &str) -> Result<Option<Link<Object>>> {
        let link = group.link(name.as_bytes()).map_err(because("a link cannot be looked up"))?;
        let Some(link) = link else { return Ok(None) };
        Ok(Some(match link.target {
            LinkTarget::Hard(address) => {
                Link::Object(self.meta.object(address).map_err(because("the object cannot be opened"))?)
            }
            LinkTarget::Soft(mut target) => {
                target.truncate(target.iter().position(|&byte| byte == 0).unwrap_or(target.len()));
                let target = String::from_utf8(target);
                Link::Soft(target.map_err(|error| Error::invalid_data("a soft link is not UTF-8").with_source(error))?)
            }
            LinkTarget::External { .. } => Link::External,
            _ => Link::UserDefined,
        }))
    }
}

impl ReadAt for RawFile {
    fn len(&self) -> io::Result<u64> {
        RawFile::len(self).map_err(io::Error::other)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact(offset, bytes)
    }

    fn block_len(&self) -> usize {
        RawFile::block_len(self)
    }
}

/// Limits of metadata: those of the reader's own, or none.
fn meta_limits(limits: Limits) -> MetaLimits {
    if limits.max_unbacked == u64::MAX { MetaLimits::NONE } else { MetaLimits::default() }
}

/// Locks the file, shared with others that read it, as the HDF5 library does: a program that writes to it meanwhile is
/// found out.
fn lock(file: &File) -> Result<()> {
    // The library's own switch.
    let switch = std::env::var("HDF5_USE_FILE_LOCKING").unwrap_or_default();
    if matches!(switch.as_str(), "FALSE" | "0") {
        return Ok(());
    }
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            Err(Error::invalid_data("the file cannot be opened: another program writes to it, and has it locked"))
        }
        // Some file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
