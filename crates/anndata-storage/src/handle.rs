//! [`Group`] and [`Array`]: the handles that users hold. They check arguments and put the path into every error.

mod array;

use std::sync::Arc;

use crate::edit::{is_stage, settled};
use crate::path::is_name;
use crate::storage::make_parents;
use crate::{
    ArraySpec, Attribute, Attributes, Error, NodeKind, NodeMeta, Result, Storage, TreeVisitor, child_path, file_name,
};
pub use array::{Array, BlockSize, Blocks, Copied, PieceCopy};

/// A group of a store. Cheap to clone.
#[derive(Debug, Clone)]
#[doc(alias = "StorageType")]
pub struct Group {
    storage: Arc<dyn Storage>,
    path: String,
}

impl Group {
    /// The root group of a store.
    ///
    /// If the store is for reading only and an [`Edit`](crate::Edit) of it was committed and not finished, its
    /// elements are those that the edit made.
    pub fn root(storage: Arc<dyn Storage>) -> Self {
        Self { storage: settled(storage), path: String::new() }
    }

    /// The store.
    #[doc(alias = "backend")]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The path in the store; the root is empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last name of the path; the root is empty.
    pub fn name(&self) -> &str {
        file_name(&self.path)
    }

    /// The path of `key` below this group. A key may be a relative path.
    pub fn path_of(&self, key: &str) -> String {
        child_path(&self.path, key)
    }

    /// What stands at `key`, `None` if nothing does. Nothing is ever named `.`, `..` or by an empty text, so no key
    /// leads out of the store.
    ///
    /// # Errors
    /// If the store cannot be read, or what stands there is refused.
    pub fn kind(&self, key: &str) -> Result<Option<NodeKind>> {
        let path = self.path_of(key);
        if !path.is_empty() && !path.split('/').all(is_name) {
            return Ok(None);
        }
        self.storage.kind(&path).map_err(|error| self.locate(&path, error))
    }

    /// Whether there is something at `key`.
    ///
    /// # Errors
    /// As [`kind`](Self::kind).
    pub fn contains(&self, key: &str) -> Result<bool> {
        Ok(self.kind(key)?.is_some())
    }

    /// The names of the children. What an [`Edit`](crate::Edit) wrote and did not put in its place is none of them.
    ///
    /// # Errors
    /// If the group is gone or the store cannot be read.
    pub fn children(&self) -> Result<Vec<String>> {
        let names = self.storage.children(&self.path);
        let mut names = names.map_err(|error| self.locate(&self.path, error))?;
        if self.path.is_empty() {
            names.retain(|name| !is_stage(name));
        }
        Ok(names)
    }

    /// The attributes.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn attributes(&self) -> Result<Attributes> {
        self.storage.attributes(&self.path).map_err(|error| self.locate(&self.path, error))
    }

    /// Reports to a visitor the element at `key` and all below it, each before its children and these in order; the
    /// empty key is the group itself. The metadata of all are read as the store reads them best ([`Storage::tree`]).
    /// What an [`Edit`](crate::Edit) wrote and did not put in its place is left out.
    ///
    /// # Errors
    /// The error of the visitor, which ends the visit. What cannot be opened is reported to the visitor.
    pub fn tree(&self, key: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        self.storage.tree(&self.path_of(key), &mut Located { storage: &*self.storage, visitor })
    }

    /// The same as [`tree`](Self::tree) without blocking the thread if the store has latency. Other stores are visited
    /// when the future is first polled.
    ///
    /// # Errors
    /// As [`tree`](Self::tree).
    pub async fn tree_async(&self, key: &str, visitor: &mut (dyn TreeVisitor + Send)) -> Result<()> {
        let Some(inner) = self.storage.as_async() else { return self.tree(key, visitor) };
        inner.tree_async(&self.path_of(key), &mut Located { storage: &*self.storage, visitor }).await
    }

    /// Replaces all attributes.
    ///
    /// # Errors
    /// If one cannot be stored.
    pub fn set_attributes(&self, attributes: &Attributes) -> Result<()> {
        check_writable(&*self.storage)
            .and_then(|()| self.storage.set_attributes(&self.path, attributes))
            .map_err(|error| self.locate(&self.path, error))
    }

    /// Sets one attribute and keeps the others.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn set_attribute(&self, name: &str, value: impl Into<Attribute>) -> Result<()> {
        let mut attributes = self.attributes()?;
        attributes.insert(name.to_owned(), value.into());
        self.set_attributes(&attributes)
    }

    /// The group at `key`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    pub fn group(&self, key: &str) -> Result<Self> {
        let path = self.path_of(key);
        match self.kind(key)? {
            Some(NodeKind::Group) => Ok(Self { storage: Arc::clone(&self.storage), path }),
            Some(NodeKind::Array) => Err(self.locate(&path, Error::not_found("expected a group, found an array"))),
            None => Err(self.locate(&path, Error::not_found("no such group"))),
        }
    }

    /// The array at `key`. Reads metadata only.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    pub fn array(&self, key: &str) -> Result<Array> {
        let path = self.path_of(key);
        match self.kind(key)? {
            Some(NodeKind::Array) => {
                let inner = self.storage.open_array(&path).map_err(|error| self.locate(&path, error))?;
                Ok(Array::new(Arc::clone(&self.storage), inner, path))
            }
            Some(NodeKind::Group) => Err(self.locate(&path, Error::not_found("expected an array, found a group"))),
            None => Err(self.locate(&path, Error::not_found("no such array"))),
        }
    }

    /// Makes a group at `key`, and those above it that are missing.
    ///
    /// # Errors
    /// If something stands there, or the store cannot be written.
    pub fn create_group(&self, key: &str) -> Result<Self> {
        let path = self.path_of(key);
        self.make_way(key, &path)?;
        self.storage.create_group(&path).map_err(|error| self.locate(&path, error))?;
        Ok(Self { storage: Arc::clone(&self.storage), path })
    }

    /// The group at `key`, made where it is missing.
    ///
    /// # Errors
    /// If an array stands there, or the store cannot be written.
    pub fn require_group(&self, key: &str) -> Result<Self> {
        match self.kind(key)? {
            Some(_) => self.group(key),
            None => self.create_group(key),
        }
    }

    /// Makes an array at `key`, and the groups above it that are missing. Until it is written it reads as zeros (or empty text).
    ///
    /// # Errors
    /// If something stands there, the spec contradicts itself, or the format lacks the dtype or a codec.
    pub fn create_array(&self, key: &str, spec: &ArraySpec) -> Result<Array> {
        let path = self.path_of(key);
        spec.validate().map_err(|error| self.locate(&path, error))?;
        self.make_way(key, &path)?;
        let inner = self.storage.create_array(&path, spec).map_err(|error| self.locate(&path, error))?;
        Ok(Array::new(Arc::clone(&self.storage), inner, path))
    }

    /// Moves what stands at `from` to the free key `to`; groups above it that are missing are made.
    ///
    /// # Errors
    /// If nothing stands at `from` or something at `to`.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from_path, to_path) = (self.path_of(from), self.path_of(to));
        check_writable(&*self.storage).map_err(|error| self.locate(&from_path, error))?;
        if !self.contains(from)? {
            return Err(self.locate(&from_path, Error::not_found("there is no element to rename")));
        }
        if from_path.is_empty() || to_path.strip_prefix(&from_path).is_some_and(|rest| rest.starts_with('/')) {
            return Err(self.locate(&from_path, Error::invalid_input("an element cannot be moved below itself")));
        }
        self.make_way(to, &to_path)?;
        self.storage.rename(&from_path, &to_path).map_err(|error| self.locate(&from_path, error))
    }

    /// Removes what stands at `key`, and all below it.
    ///
    /// # Errors
    /// If nothing stands there.
    pub fn remove(&self, key: &str) -> Result<()> {
        let path = self.path_of(key);
        check_writable(&*self.storage).map_err(|error| self.locate(&path, error))?;
        if path.is_empty() {
            return Err(self.locate(&path, Error::invalid_input("the root cannot be removed")));
        }
        if !self.contains(key)? {
            return Err(self.locate(&path, Error::not_found("there is no element to remove")));
        }
        self.storage.remove(&path).map_err(|error| self.locate(&path, error))
    }

    /// Names the store and the element in an error.
    fn locate(&self, path: &str, error: Error) -> Error {
        error.at(path).in_store(&*self.storage)
    }

    /// Checks that something can be made at `key`, and makes the groups above it that are missing.
    fn make_way(&self, key: &str, path: &str) -> Result<()> {
        check_writable(&*self.storage).map_err(|error| self.locate(path, error))?;
        if path.is_empty() || !path.split('/').all(is_name) {
            return Err(self.locate(&self.path, Error::invalid_input(format!("'{key}' is not a name for an element"))));
        }
        if self.contains(key)? {
            return Err(self.locate(path, Error::already_exists("something already exists at this path")));
        }
        make_parents(&*self.storage, path, self.path.len()).map_err(|error| self.locate(path, error))
    }
}

/// A visitor of elements alone, with the store in every error.
struct Located<'a, V: ?Sized> {
    storage: &'a dyn Storage,
    visitor: &'a mut V,
}

impl<V: TreeVisitor + ?Sized> TreeVisitor for Located<'_, V> {
    fn enter(&mut self, path: &str) -> Result<bool> {
        let is_wanted = path.contains('/') || !is_stage(path);
        Ok(is_wanted && self.visitor.enter(path)?)
    }

    fn visit(&mut self, path: &str, found: Result<NodeMeta>) -> Result<bool> {
        let locate = |error: Error| error.at(path).in_store(self.storage);
        let found = found.map_err(locate).map(|meta| NodeMeta { attributes: meta.attributes.map_err(locate), ..meta });
        self.visitor.visit(path, found)
    }
}

fn check_writable(storage: &dyn Storage) -> Result<()> {
    if storage.capabilities().write { Ok(()) } else { Err(Error::read_only("the store was opened for reading only")) }
}
