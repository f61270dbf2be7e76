//! [`Edit`]: changes of several elements of a store that happen all or not at all.
//!
//! New elements are written beside the old ones, into a group of their own at the root (the stage). To commit, the stage
//! gets its final name, which is the one step that decides; then old elements are moved into it, new ones out of it, and it
//! is removed with what is left in it. A single element needs none of this where the store replaces in one step
//! ([`Capabilities::atomic_replace`](crate::Capabilities::atomic_replace)).
//!
//! A process may end at any instant:
//!
//! - what was staged and not committed is removed when the store is next opened for editing ([`Edit::recover`]);
//! - what was committed and not finished is finished then. A store that is opened for reading only is not changed:
//!   [`Group::root`](crate::Group::root) leads its readers to the new elements, wherever they are.
//!
//! Stages are not elements of a store: groups do not list them.

mod unfinished;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::path::is_name;
use crate::storage::{make_parents, missing_parents};
use crate::{Attribute, Attributes, Error, NodeKind, Result, Storage, Tensor, child_path};
pub(crate) use unfinished::settled;

/// What the names of stages that are not committed begin with.
const STAGE: &str = ".anndata-edit-";

/// The name of the stage that is committed.
const COMMITTED: &str = ".anndata-commit";

/// Held while an edit is committed, as there is one name for what is.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The attributes of a stage: the paths that get a new element, and those whose element is removed.
const REPLACED: &str = "replaced";
const REMOVED: &str = "removed";

/// Whether a name at the root of a store is that of a stage.
pub(crate) fn is_stage(name: &str) -> bool {
    name == COMMITTED || name.starts_with(STAGE)
}

/// Changes of several elements of a store that happen all or not at all.
///
/// Should the process end meanwhile, the store has all of the old elements or all of the new ones, if it moves an element in
/// one step ([`Capabilities::atomic_rename`](crate::Capabilities::atomic_rename)), or replaces one in one step and the edit is
/// of that one alone ([`Capabilities::atomic_replace`](crate::Capabilities::atomic_replace)).
///
/// Dropped before it is committed it leaves nothing behind. Edits of one store may be made from several threads, as long
/// as they are of different elements; another process must not edit it meanwhile.
///
/// ```
/// use std::sync::Arc;
/// use anndata_storage::{ArraySpec, Edit, Group, MemoryStore, Tensor};
///
/// let root = Group::root(Arc::new(MemoryStore::new()));
/// let (old, new) = (Tensor::scalar(1_i32), Tensor::scalar(2_i32));
/// root.create_array("X", &ArraySpec::of(&old))?.write(&[], &old)?;
///
/// let mut edit = Edit::begin(root.storage())?;
/// let place = edit.replace("X")?;
/// root.create_array(&place, &ArraySpec::of(&new))?.write(&[], &new)?;
/// assert_eq!(root.array("X")?.read()?, old);
/// edit.commit()?;
/// assert_eq!(root.array("X")?.read()?, new);
/// assert_eq!(root.children()?, ["X"]);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Debug)]
pub struct Edit {
    storage: Arc<dyn Storage>,
    stage: String,
    replaced: Vec<String>,
    removed: Vec<String>,
    committed: bool,
}

impl Edit {
    /// An edit that changes nothing yet.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) if the store cannot be written.
    pub fn begin(storage: &Arc<dyn Storage>) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if !storage.capabilities().write {
            return Err(Error::read_only("the store was opened for reading only").in_store(&**storage));
        }
        let stage = loop {
            let name = format!("{STAGE}{}", NEXT.fetch_add(1, Ordering::Relaxed));
            if storage.kind(&name).map_err(|error| error.in_store(&**storage))?.is_none() {
                break name;
            }
        };
        let storage = Arc::clone(storage);
        Ok(Self { storage, stage, replaced: Vec::new(), removed: Vec::new(), committed: false })
    }

    /// The free path at which the new element of `path` is to be made. Whether there is an old one does not matter.
    ///
    /// # Errors
    /// If the edit changes an element at, above or below the path already, or no element can be there.
    pub fn replace(&mut self, path: &str) -> Result<String> {
        let free = self.check_apart(path).and_then(|()| missing_parents(&*self.storage, path, 0).map(drop));
        free.map_err(|error| error.in_store(&*self.storage))?;
        self.replaced.push(path.to_owned());
        Ok(new_place(&self.stage, self.replaced.len() - 1))
    }

    /// Has the element at a path removed.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub fn remove(&mut self, path: &str) -> Result<()> {
        self.check_apart(path).map_err(|error| error.in_store(&*self.storage))?;
        self.removed.push(path.to_owned());
        Ok(())
    }

    /// Puts all new elements in their places, and removes the old ones. Who makes an edit for a user
    /// [commits the store](Storage::commit) after it, and after all else that belongs to the action.
    ///
    /// # Errors
    /// If the store fails; then all elements are as they were. If it fails so that not even that can be brought
    /// about, the edit is finished when the store is next opened for editing.
    pub fn commit(mut self) -> Result<()> {
        let storage = Arc::clone(&self.storage);
        self.put_in_place(&*storage).map_err(|error| error.in_store(&*storage))
    }

    /// The only element that is replaced, where the store does it in one step.
    fn in_one_step(&self, storage: &dyn Storage) -> Option<&str> {
        match (self.replaced.as_slice(), self.removed.as_slice()) {
            ([path], []) if storage.capabilities().atomic_replace => Some(path),
            _ => None,
        }
    }

    fn put_in_place(&mut self, storage: &dyn Storage) -> Result<()> {
        if self.replaced.is_empty() && self.removed.is_empty() {
            return Ok(());
        }
        if let Some(path) = self.in_one_step(storage) {
            storage.flush()?;
            make_parents(storage, path, 0)?;
            storage.replace(&new_place(&self.stage, 0), path).map_err(|error| error.at(path))?;
            self.committed = true;
            // As below.
            drop(storage.remove(&self.stage).and_then(|()| storage.flush()));
            return Ok(());
        }
        self.settle_stage(storage)?;
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        finish_last(storage)?;
        storage.rename(&self.stage, COMMITTED)?;
        self.committed = true;
        let moves = Moves { replaced: std::mem::take(&mut self.replaced), removed: std::mem::take(&mut self.removed) };
        if let Err(error) = moves.finish(storage).and_then(|()| storage.flush()) {
            // The first error is the one to report.
            if moves.undo(storage).and_then(|()| storage.rename(COMMITTED, &self.stage)).is_ok() {
                self.committed = false;
            }
            return Err(error);
        }
        // Done. What is left behind here goes when the store is next opened for editing.
        drop(storage.remove(COMMITTED).and_then(|()| storage.flush()));
        Ok(())
    }

    /// Finishes an edit that was committed when the process that made it ended, and removes what others left behind.
    ///
    /// A backend calls it when a store is opened for editing.
    ///
    /// # Errors
    /// If the store fails, or something other than an edit stands in its place.
    pub fn recover(storage: &dyn Storage) -> Result<()> {
        if storage.kind("")? != Some(NodeKind::Group) {
            return Ok(());
        }
        finish_last(storage)?;
        let mut left = storage.children("")?;
        left.retain(|name| is_stage(name));
        if left.is_empty() {
            return Ok(());
        }
        left.iter().try_for_each(|name| storage.remove(name))?;
        storage.flush()
    }

    /// Writes down what is to be done, and brings everything staged into the store.
    fn settle_stage(&self, storage: &dyn Storage) -> Result<()> {
        if storage.kind(&self.stage)?.is_none() {
            storage.create_group(&self.stage)?;
        }
        let mut attributes = Attributes::new();
        for (name, paths) in [(REPLACED, &self.replaced), (REMOVED, &self.removed)] {
            if !paths.is_empty() {
                let texts = Tensor::from_strings([paths.len()], paths)?;
                attributes.insert(name.to_owned(), Attribute::Tensor(texts));
            }
        }
        storage.set_attributes(&self.stage, &attributes)?;
        storage.flush()
    }

    fn check_apart(&self, path: &str) -> Result<()> {
        if path.is_empty() {
            return Err(Error::invalid_input("the root cannot be replaced or removed").at(path));
        }
        if !path.split('/').all(is_name) {
            return Err(Error::invalid_input(format!("'{path}' is not a name for an element")).at(path));
        }
        if self.replaced.iter().chain(&self.removed).any(|other| is_within(other, path) || is_within(path, other)) {
            return Err(Error::invalid_input("one edit changes an element, or what is in it, only once").at(path));
        }
        Ok(())
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        if !self.committed && self.storage.kind(&self.stage).is_ok_and(|kind| kind.is_some()) {
            // The first error was reported; what is left behind goes when the store is next opened for editing.
            drop(self.storage.remove(&self.stage).and_then(|()| self.storage.flush()));
        }
    }
}

/// Finishes the edit that was committed and not finished, if there is one.
fn finish_last(storage: &dyn Storage) -> Result<()> {
    let Some(moves) = Moves::committed(storage)? else { return Ok(()) };
    moves.finish(storage)?;
    storage.flush()?;
    storage.remove(COMMITTED)?;
    storage.flush()
}

fn new_place(stage: &str, number: usize) -> String {
    child_path(stage, &format!("new-{number}"))
}

/// Where the old element of a path goes that gets a new one, or is removed.
fn old_place(what: &str, number: usize) -> String {
    child_path(COMMITTED, &format!("{what}-{number}"))
}

/// Whether a path is another one or below it.
fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a committed edit does.
///
/// Every step is visible in the store: a new element that is still in the stage was not put in its place.
#[derive(Debug, Default)]
struct Moves {
    replaced: Vec<String>,
    removed: Vec<String>,
}

impl Moves {
    /// Those of the edit that was committed and not finished, `None` if there is none.
    fn committed(storage: &dyn Storage) -> Result<Option<Self>> {
        match storage.kind(COMMITTED)? {
            None => return Ok(None),
            Some(NodeKind::Group) => {}
            Some(NodeKind::Array) => {
                return Err(Error::invalid_data("an array stands where an unfinished edit should be").at(COMMITTED));
            }
        }
        let attributes = storage.attributes(COMMITTED).map_err(|error| error.at(COMMITTED))?;
        let paths = |name: &str| match attributes.get(name) {
            None => Ok(Vec::new()),
            Some(paths) => paths.as_strings().ok_or_else(|| {
                Error::invalid_data(format!("attribute '{name}' of an unfinished edit is not a list of paths"))
                    .at(COMMITTED)
            }),
        };
        Ok(Some(Self { replaced: paths(REPLACED)?, removed: paths(REMOVED)? }))
    }

    /// Does what is not done yet.
    fn finish(&self, storage: &dyn Storage) -> Result<()> {
        for (number, path) in self.replaced.iter().enumerate() {
            let new = new_place(COMMITTED, number);
            if storage.kind(&new)?.is_some() {
                put_aside(storage, path, &old_place("old", number))?;
                make_parents(storage, path, 0)?;
                storage.rename(&new, path).map_err(|error| error.at(path))?;
            }
        }
        for (number, path) in self.removed.iter().enumerate() {
            put_aside(storage, path, &old_place("removed", number))?;
        }
        Ok(())
    }

    /// Takes back what was done.
    fn undo(&self, storage: &dyn Storage) -> Result<()> {
        for (number, path) in self.removed.iter().enumerate().rev() {
            put_aside(storage, &old_place("removed", number), path)?;
        }
        for (number, path) in self.replaced.iter().enumerate().rev() {
            let new = new_place(COMMITTED, number);
            if storage.kind(&new)?.is_none() {
                storage.rename(path, &new)?;
            }
            put_aside(storage, &old_place("old", number), path)?;
        }
        storage.flush()
    }
}

/// Moves what is at a path, if anything is.
fn put_aside(storage: &dyn Storage, path: &str, beside: &str) -> Result<()> {
    match storage.kind(path).map_err(|error| error.at(path))? {
        Some(_) => storage.rename(path, beside).map_err(|error| error.at(path)),
        None => Ok(()),
    }
}
