//! [`Shared`]: an open file, as a store and its open arrays have it in common.

mod array_state;
pub(crate) mod editing;
mod resolve;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anndata_storage::{Error, Result};

use crate::Hdf5Options;
use crate::file::RawFile;
use crate::heap::Heap;
use crate::raw::Id;
use crate::raw::file::{self, Mode};
use crate::raw::link::{self, Identity, Object};
use crate::undo::{self, UndoLog};
pub(crate) use array_state::ArrayState;
use editing::Editing;

/// What a store and its open arrays share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) file: Id,
    pub(crate) raw: Arc<RawFile>,
    /// What undoes an edit of the file.
    log: Option<Arc<UndoLog>>,
    pub(crate) options: Hdf5Options,
    /// Where the addresses of the global heap count from, `None` if its references are not of the usual width.
    pub(crate) heap_base: Option<u64>,
    pub(crate) path: PathBuf,
    /// The path as users know it.
    pub(crate) location: PathBuf,
    pub(crate) writable: bool,
    _editing: Option<Editing>,
    made_here: bool,
    /// Where the file begins behind the block of its user: what addresses count from.
    pub(crate) base: u64,
    /// The root group, `None` if it is damaged.
    root: Option<Identity>,
    /// How often the library was asked to change something.
    changes: AtomicU64,
    /// How many of the changes are in the file. The lock is held while what the library holds back is brought there: who
    /// asks meanwhile has to wait, as what is read is old until then, and what is written might be overwritten.
    settled: Mutex<u64>,
    /// Made here, and nothing was removed yet: what is allocated is zero on the disk.
    pub(crate) pristine: AtomicBool,
    /// What the handles of an array share, by the number of its identity.
    states: Mutex<HashMap<u128, Weak<Mutex<ArrayState>>>>,
}

/// What the handles of one array share.
pub(crate) type SharedState = Arc<Mutex<ArrayState>>;

impl Shared {
    /// Opens a file, or makes one, that errors call `location`.
    pub(crate) fn open(path: &Path, location: &Path, mode: Mode, options: &Hdf5Options) -> Result<Self> {
        let writable = mode != Mode::Read;
        if !matches!(mode, Mode::Create { .. }) {
            // The operating system says in plain words, and of a kind, why a file cannot be opened; the library does not.
            drop(std::fs::File::options().read(true).write(writable).open(path)?);
            undo::recover(path)?;
        }
        let (file, log) = file::open(path, mode)?;
        #[cfg(unix)]
        let handle = file::handle(&file)?;
        #[cfg(not(unix))]
        let handle = std::fs::File::options().read(true).write(writable).open(path)?;
        let raw = Arc::new(RawFile::new(handle, writable)?.with_map(options.mmap)?.with_log(log.clone()));
        let (base, address, length) = file::geometry(&file)?;
        let root = link::open(&file, "/").ok().map(|root| root.identity);
        Ok(Self {
            file,
            raw,
            log,
            options: *options,
            heap_base: (address == 8 && length == 8).then_some(base),
            path: path.to_owned(),
            location: location.to_owned(),
            base,
            writable,
            _editing: writable.then(|| Editing::of(path)),
            made_here: matches!(mode, Mode::Create { .. }),
            root,
            changes: AtomicU64::new(u64::from(writable)),
            settled: Mutex::new(0),
            pristine: AtomicBool::new(matches!(mode, Mode::Create { .. })),
            states: Mutex::default(),
        })
    }

    /// What the open handles of an array share; made where there is none. The caller holds the array open.
    pub(crate) fn state(&self, array: &Identity, make: impl FnOnce() -> Result<ArrayState>) -> Result<SharedState> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let number = array.number();
        if let Some(state) = states.get(&number).and_then(Weak::upgrade) {
            return Ok(state);
        }
        let state = Arc::new(Mutex::new(make()?));
        if states.len() == states.capacity() {
            // Before it grows, those that nobody has any more go.
            states.retain(|_, state| state.strong_count() > 0);
        }
        states.insert(number, Arc::downgrade(&state));
        Ok(state)
    }

    /// The heap that texts are in, `None` if its references are not of the usual width.
    pub(crate) fn heap(&self) -> Option<Heap<'_>> {
        self.heap_base.map(|base| Heap { file: &self.raw, base, limits: self.options.limits })
    }

    /// The heap, with all in the file that was written to it. `None` also where the library is the better way: texts of a
    /// file that is being made are its own.
    pub(crate) fn settled_heap(&self) -> Result<Option<Heap<'_>>> {
        if self.made_here {
            return Ok(None);
        }
        self.settle()?;
        Ok(self.heap())
    }

    /// Notes that the library was asked to change something.
    pub(crate) fn touch(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Brings into the file what the library holds back, so that it can be read without it.
    pub(crate) fn settle(&self) -> Result<()> {
        self.check_not_undone()?;
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.changes.load(Ordering::Acquire);
        if *settled < changes {
            file::flush(&self.file)?;
            *settled = changes;
        }
        Ok(())
    }

    /// Ends an edit: what is in the file stays there.
    pub(crate) fn commit(&self) -> Result<()> {
        self.log.as_ref().map_or(Ok(()), |log| log.commit())
    }

    /// Refuses to go on where an edit failed and was undone: what the library knows is not what is in the file.
    pub(crate) fn check_not_undone(&self) -> Result<()> {
        self.log.as_ref().map_or(Ok(()), |log| log.check())
    }

    pub(crate) fn check_mode(&self) -> Result<()> {
        if self.writable { Ok(()) } else { Err(Error::read_only("the file was opened for reading only")) }
    }

    /// Refuses to write to a file that cannot be written, or is not at its path any more.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_mode()?;
        self.check_not_undone()?;
        self.raw.check_in_place(&self.path)
    }

    /// What was read, where it was read from the file that was opened.
    pub(crate) fn unchanged<T>(&self, read: Result<T>) -> Result<T> {
        self.raw.check_unchanged()?;
        read
    }

    /// Whether an object is in this file, not behind a link to another.
    pub(crate) fn is_own(&self, object: &Object) -> bool {
        self.root.is_some_and(|root| root.is_in_file_of(&object.identity))
    }

    /// Whether newly allocated bytes are known to be zero.
    pub(crate) fn is_pristine(&self) -> bool {
        self.pristine.load(Ordering::Acquire)
    }
}
