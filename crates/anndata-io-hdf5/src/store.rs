//! [`Hdf5Store`]: the tree of groups and arrays of a file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, Capabilities, Compression, Edit, Error, Limits, NodeKind, Result, Storage,
    file_name, parent_path,
};

use crate::array::Hdf5Array;
use crate::raw::file::Mode;
use crate::raw::link::{self, Object, ObjectKind};
use crate::shared::Shared;
use crate::{Hdf5Options, attributes, create, layout};

/// An HDF5 file as a store.
///
/// A file is opened for reading ([`open`](Self::open)), which changes no byte of it, for editing in place
/// ([`open_rw`](Self::open_rw)), or made ([`create`](Self::create)). New files are best made with
/// [`write_atomic`](crate::write_atomic), which never leaves half a file behind.
///
/// Groups made here remember the order of their members and attributes. A store may be used from many threads; values
/// of chunked and contiguous arrays are read and written without the library's lock.
///
/// ```
/// use std::sync::Arc;
/// use anndata_io_hdf5::Hdf5Store;
/// use anndata_storage::{ArraySpec, Group, Tensor};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("counts.h5");
/// let root = Group::root(Arc::new(Hdf5Store::create(&path)?));
/// let counts = Tensor::from_vec([2, 3], vec![1_i32, 2, 3, 4, 5, 6])?;
/// root.create_array("counts", &ArraySpec::of(&counts))?.write(&[0, 0], &counts)?;
/// root.storage().flush()?;
/// # drop(root);
///
/// let root = Group::root(Arc::new(Hdf5Store::open(&path, &Default::default())?));
/// assert_eq!(root.array("counts")?.read()?, counts);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Debug)]
pub struct Hdf5Store {
    shared: Arc<Shared>,
}

impl Hdf5Store {
    /// Opens a file for reading. No byte of it is changed.
    ///
    /// If another file is put in its place meanwhile, what is read is that of the file that was opened. If another
    /// program writes to it, reading is an error of the kind [`Stale`](anndata_storage::ErrorKind::Stale).
    ///
    /// # Errors
    /// [`NotFound`](anndata_storage::ErrorKind::NotFound) if there is no such file;
    /// [`InvalidData`](anndata_storage::ErrorKind::InvalidData) if it is not an HDF5 file.
    pub fn open(path: impl AsRef<Path>, options: &Hdf5Options) -> Result<Self> {
        Self::with_mode(path.as_ref(), Mode::Read, options)
    }

    /// Opens a file for reading and editing in place. An [`Edit`] that was not finished is finished, or taken back.
    ///
    /// A file that is replaced or removed while it is open is not written to any more: that is an error of the kind
    /// [`Stale`](anndata_storage::ErrorKind::Stale).
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the file cannot be written or is in use.
    pub fn open_rw(path: impl AsRef<Path>, options: &Hdf5Options) -> Result<Self> {
        let store = Self::with_mode(path.as_ref(), Mode::Edit, options)?;
        Edit::recover(&store)?;
        Ok(store)
    }

    /// Makes a new file.
    ///
    /// # Errors
    /// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) if something is at the path, or if the file
    /// cannot be made.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::create_at(path.as_ref(), path.as_ref())
    }

    /// Makes a new file that errors call `location`.
    pub(crate) fn create_at(path: &Path, location: &Path) -> Result<Self> {
        let options = Hdf5Options::default().with_limits(Limits::NONE);
        Ok(Self { shared: Arc::new(Self::open_shared(path, location, Mode::Create, &options)?) })
    }

    fn with_mode(path: &Path, mode: Mode, options: &Hdf5Options) -> Result<Self> {
        Ok(Self { shared: Arc::new(Self::open_shared(path, path, mode, options)?) })
    }

    fn open_shared(path: &Path, location: &Path, mode: Mode, options: &Hdf5Options) -> Result<Shared> {
        Shared::open(path, location, mode, options).map_err(|error| {
            let error = match error.message() {
                "" => Error::new(error.kind(), "cannot be opened").with_source(error),
                _ => error,
            };
            error.in_file(location)
        })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Hands everything to the operating system and waits until it is on the disk.
    ///
    /// # Errors
    /// If that fails.
    pub fn sync(&self) -> Result<()> {
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

impl fmt::Display for Hdf5Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shared.location.display())
    }
}

impl Storage for Hdf5Store {
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
}
