//! [`Hdf5Store`]: a file as a store, whoever reads it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anndata_hdf5_meta::ReadAt;
#[cfg(feature = "write")]
use anndata_storage::Edit;
use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, Capabilities, Compression, Error, Limits, NodeKind, Result, Storage,
};

use crate::Hdf5Options;
#[cfg(feature = "write")]
use crate::library::LibraryStore;
#[cfg(feature = "write")]
use crate::raw::file::Mode;
#[cfg(feature = "write")]
use crate::reader;
use crate::reader::ReaderStore;
#[cfg(feature = "write")]
use crate::shared::editing::is_edited;

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
pub struct Hdf5Store(Backend);

/// Who has the file open.
#[derive(Debug)]
enum Backend {
    Reader(ReaderStore),
    #[cfg(feature = "write")]
    Library(LibraryStore),
}

impl Hdf5Store {
    /// Opens a file for reading. No byte of it is changed.
    ///
    /// A file that this process has open for editing is read by the HDF5 library, which knows what is not in the file yet.
    ///
    /// If another file is put in its place meanwhile, what is read is that of the file that was opened. If another
    /// program writes to it, reading is an error of the kind [`Stale`](anndata_storage::ErrorKind::Stale).
    ///
    /// # Errors
    /// [`NotFound`](anndata_storage::ErrorKind::NotFound) if there is no such file;
    /// [`InvalidData`](anndata_storage::ErrorKind::InvalidData) if it is not an HDF5 file.
    pub fn open(path: impl AsRef<Path>, options: &Hdf5Options) -> Result<Self> {
        let path = path.as_ref();
        if options.uses_library() || is_edited(path) {
            return Self::open_by_library(path, options);
        }
        ReaderStore::open(path, options).map(|store| Self(Backend::Reader(store))).map_err(|error| named(error, path))
    }

    /// Opens a file whose bytes a source has, for reading: behind a network, in memory. `location` is what errors call it.
    ///
    /// No more is read than is asked for, and where chunks are is looked up in the parts of indexes that lead to them. Many
    /// threads read at once, so that requests overlap. [`Blocks`](crate::Blocks) before a source makes few and long ones of
    /// many short ones.
    ///
    /// ```
    /// use std::path::Path;
    /// use std::sync::Arc;
    /// use anndata_io_hdf5::{Blocks, Hdf5Options, Hdf5Store};
    /// use anndata_storage::{ArraySpec, Group, Tensor};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("counts.h5");
    /// # let root = Group::root(Arc::new(Hdf5Store::create(&path)?));
    /// # let counts = Tensor::from_vec([3], vec![1_i32, 2, 3])?;
    /// # root.create_array("counts", &ArraySpec::of(&counts))?.write(&[0], &counts)?;
    /// # root.storage().flush()?;
    /// # drop(root);
    /// let bytes: Vec<u8> = std::fs::read(&path)?;
    /// let store = Hdf5Store::open_source(Blocks::new(bytes)?, Path::new("memory"), &Hdf5Options::default())?;
    /// assert_eq!(Group::root(Arc::new(store)).array("counts")?.read()?.as_slice::<i32>()?, [1, 2, 3]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidData`](anndata_storage::ErrorKind::InvalidData) if it is not an HDF5 file;
    /// [`Unsupported`](anndata_storage::ErrorKind::Unsupported) if the options ask for the HDF5 library; if it cannot be read.
    pub fn open_source(source: impl ReadAt + 'static, location: &Path, options: &Hdf5Options) -> Result<Self> {
        if options.uses_library() {
            let message = "the HDF5 library, for which the options ask, reads files on this machine alone";
            return Err(named(Error::unsupported(message), location));
        }
        let store = ReaderStore::open_source(source, location, options);
        store.map(|store| Self(Backend::Reader(store))).map_err(|error| named(error, location))
    }

    #[cfg(feature = "write")]
    fn open_by_library(path: &Path, options: &Hdf5Options) -> Result<Self> {
        Self::library(path, path, Mode::Read, options)
    }

    #[cfg(not(feature = "write"))]
    fn open_by_library(path: &Path, _: &Hdf5Options) -> Result<Self> {
        Err(named(
            Error::unsupported("this program was built without the HDF5 library, which is to read the file"),
            path,
        ))
    }

    /// Opens a file for reading and editing in place. An [`Edit`] that was not finished is finished, or taken back.
    ///
    /// The HDF5 library edits, which does not survive every damaged file: all metadata are looked at first, and a file in which
    /// any is damaged is refused.
    ///
    /// An edit ends with [`commit`](Storage::commit), or when the file is closed. One that fails before, as on a full disk, is undone
    /// at once; one whose process is killed is undone by whoever opens the file next, through this crate: until then other programs
    /// see it half done. What is overwritten is kept in a journal beside the file meanwhile, `.NAME.undo`. A loss of power is
    /// not covered.
    ///
    /// A file that is replaced or removed while it is open is not written to any more: that is an error of the kind
    /// [`Stale`](anndata_storage::ErrorKind::Stale).
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the file cannot be written or is in use.
    #[cfg(feature = "write")]
    pub fn open_rw(path: impl AsRef<Path>, options: &Hdf5Options) -> Result<Self> {
        let path = path.as_ref();
        if !is_edited(path) {
            reader::check(path, options).map_err(|error| named(error, path))?;
        }
        let store = Self::library(path, path, Mode::Edit, options)?;
        Edit::recover(&store)?;
        Ok(store)
    }

    /// Makes a new file.
    ///
    /// # Errors
    /// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) if something is at the path, or if the file
    /// cannot be made.
    #[cfg(feature = "write")]
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::create_at(path.as_ref(), path.as_ref(), 0)
    }

    /// Makes a new file that errors call `location`, with a user block of so many bytes.
    #[cfg(feature = "write")]
    pub(crate) fn create_at(path: &Path, location: &Path, user_block: u64) -> Result<Self> {
        Self::library(path, location, Mode::Create { user_block }, &Hdf5Options::default().with_limits(Limits::NONE))
    }

    #[cfg(feature = "write")]
    fn library(path: &Path, location: &Path, mode: Mode, options: &Hdf5Options) -> Result<Self> {
        let store = LibraryStore::open(path, location, mode, options);
        store.map(|store| Self(Backend::Library(store))).map_err(|error| named(error, location))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Backend::Reader(store) => store.path(),
            #[cfg(feature = "write")]
            Backend::Library(store) => store.path(),
        }
    }

    /// Hands everything to the operating system and waits until it is on the disk.
    ///
    /// # Errors
    /// If that fails.
    pub fn sync(&self) -> Result<()> {
        match &self.0 {
            Backend::Reader(_) => Ok(()),
            #[cfg(feature = "write")]
            Backend::Library(store) => store.sync(),
        }
    }

    fn storage(&self) -> &dyn Storage {
        match &self.0 {
            Backend::Reader(store) => store,
            #[cfg(feature = "write")]
            Backend::Library(store) => store,
        }
    }

    fn writable(&self) -> Result<&dyn Storage> {
        match &self.0 {
            Backend::Reader(_) => Err(Error::read_only("the file was opened for reading only")),
            #[cfg(feature = "write")]
            Backend::Library(store) => Ok(store),
        }
    }
}

/// Whether this process has a file open for editing: without the library it edits none.
#[cfg(not(feature = "write"))]
fn is_edited(_: &Path) -> bool {
    false
}

/// The error of a file that could not be opened.
fn named(error: Error, location: &Path) -> Error {
    let error = match error.message() {
        "" => Error::new(error.kind(), "cannot be opened").with_source(error),
        _ => error,
    };
    error.in_file(location)
}

impl fmt::Display for Hdf5Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.storage(), f)
    }
}

impl Storage for Hdf5Store {
    fn capabilities(&self) -> Capabilities {
        self.storage().capabilities()
    }

    fn location(&self) -> Option<&Path> {
        self.storage().location()
    }

    fn limits(&self) -> Limits {
        self.storage().limits()
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.storage().kind(path)
    }

    fn identity(&self, path: &str) -> Result<Option<u128>> {
        self.storage().identity(path)
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        self.storage().children(path)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.storage().attributes(path)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        self.writable()?.set_attributes(path, attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.writable()?.create_group(path)
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        self.storage().layout(spec, compression)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        self.writable()?.create_array(path, spec)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        self.storage().open_array(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.writable()?.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.writable()?.remove(path)
    }

    fn piece_family(&self) -> Option<&'static str> {
        self.storage().piece_family()
    }

    fn flush(&self) -> Result<()> {
        self.storage().flush()
    }

    fn commit(&self) -> Result<()> {
        self.storage().commit()
    }
}
