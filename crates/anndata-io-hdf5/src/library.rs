//! [`LibraryStore`]: the tree of groups and arrays of a file that the HDF5 library has open.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, Capabilities, Compression, Error, Limits, NodeKind, Result, Storage,
    file_name, parent_path,
};

use crate::array::Hdf5Array;
use crate::raw::file::Mode;
use crate::raw::link::{self, Object, ObjectKind};
use crate::shared::Shared;
use crate::{Hdf5Options, attributes, create, layout};

/// A file that the HDF5 library has open.
#[derive(Debug)]
pub(crate) struct LibraryStore {
    shared: Arc<Shared>,
}

impl LibraryStore {
    /// Opens a file, or makes one, that errors call `location`.
    pub(crate) fn open(path: &Path, location: &Path, mode: Mode, options: &Hdf5Options) -> Result<Self> {
        Ok(Self { shared: Arc::new(Shared::open(path, location, mode, options)?) })
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Hands everything to the operating system and waits until it is on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.flush()?;
        if self.shared.writable { self.shared.raw.sync() } else { Ok(()) }
    }

    /// The object at a path.
    fn find(&self, path: &str) -> Result<Object> {
        self.shared.resolve(path)?.ok_or_else(|| Error::not_found("no such element"))
    }

    /// The group that holds a new element.
    fn parent_of(&self, path: &str) -> Result<Object> {
        self.shared.check_writable()?;
        let parent = parent_path(path).ok_or_else(|| Error::invalid_input("the root is there already"))?;
        let group = self.find(parent)?;
        if link::get(&group.id, file_name(path))?.is_some() {
            return Err(Error::already_exists("something already exists at this path"));
        }
        Ok(group)
    }
}

impl fmt::Display for LibraryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shared.location.display())
    }
}

impl Storage for LibraryStore {
    fn capabilities(&self) -> Capabilities {
        let mut can = if self.shared.writable { Capabilities::ALL } else { Capabilities::ALL.read_only() };
        can.times = false;
        // What the library changes in memory reaches the file block by block.
        can.atomic_rename = false;
        can.atomic_replace = false;
        can
    }

    fn location(&self) -> Option<&Path> {
        Some(&self.shared.location)
    }

    fn limits(&self) -> Limits {
        self.shared.options.limits
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        match self.shared.resolve(path)?.map(|object| object.kind) {
            None => Ok(None),
            Some(ObjectKind::Group) => Ok(Some(NodeKind::Group)),
            Some(ObjectKind::Dataset) => Ok(Some(NodeKind::Array)),
            Some(ObjectKind::Other) => Err(Error::unsupported("a named datatype is neither a group nor an array")),
        }
    }

    fn identity(&self, path: &str) -> Result<Option<u128>> {
        Ok(self.shared.resolve(path)?.map(|object| object.identity.number()))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let object = self.find(path)?;
        if object.kind != ObjectKind::Group {
            return Err(Error::not_found("no such group"));
        }
        self.shared.unchanged(link::names(&object.id))
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.shared.unchanged(attributes::read(&self.shared, &self.find(path)?))
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        self.shared.check_writable()?;
        let result = attributes::replace(&self.shared, &self.find(path)?, attributes);
        self.shared.touch();
        result
    }

    fn create_group(&self, path: &str) -> Result<()> {
        let parent = self.parent_of(path)?;
        let result = link::create_group(&parent.id, file_name(path));
        self.shared.touch();
        result.map(drop)
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        layout::fill_in(spec, compression)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        let parent = self.parent_of(path)?;
        let result = create::create(&self.shared, &parent.id, file_name(path), spec);
        self.shared.touch();
        Ok(Arc::new(Hdf5Array::new(Arc::clone(&self.shared), link::object(result?)?, true)?))
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        let object = self.find(path)?;
        if object.kind != ObjectKind::Dataset {
            return Err(Error::not_found("no such array"));
        }
        let own = self.shared.is_own(&object);
        let array = self.shared.unchanged(Hdf5Array::new(Arc::clone(&self.shared), object, own))?;
        Ok(Arc::new(array))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let target = self.parent_of(to)?;
        let parent = parent_path(from).ok_or_else(|| Error::invalid_input("the root cannot be moved"))?;
        let result = link::rename(&self.find(parent)?.id, file_name(from), &target.id, file_name(to));
        self.shared.touch();
        result
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.shared.check_writable()?;
        let parent = parent_path(path).ok_or_else(|| Error::invalid_input("the root cannot be removed"))?;
        self.shared.pristine.store(false, Ordering::Release);
        let result = link::remove(&self.find(parent)?.id, file_name(path));
        self.shared.touch();
        result
    }

    fn piece_family(&self) -> Option<&'static str> {
        Some("hdf5")
    }

    fn flush(&self) -> Result<()> {
        if self.shared.writable {
            // Also what nobody reported: the library closes what was removed when its last handle is closed.
            self.shared.touch();
            self.shared.settle()?;
        }
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        self.flush()?;
        self.shared.commit()
    }
}
