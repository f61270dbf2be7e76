//! [`MetaFile`]: an open file.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::ReadAt;
use crate::context::Context;
use crate::error::{Error, Result, Section};
use crate::global_heap::{self, HeapReference, bytes_of};
use crate::limits::{Action, MetaLimits};
use crate::message::link::LinkTarget;
use crate::object::{Object, ObjectKind};
use crate::source::Source;
use crate::superblock::Superblock;

const SECTION: Section = Section::new("file", "II");

/// An HDF5 file whose metadata are read.
///
/// It is cheap to clone and may be used from many threads. What is read is kept in part, so that it is assumed that the file
/// does not change.
///
/// ```no_run
/// use anndata_hdf5_meta::MetaFile;
///
/// let file = MetaFile::open("cells.h5ad", Default::default())?;
/// for link in file.root()?.links()? {
///     println!("{}", link.name.escape_ascii());
/// }
/// if let Some(counts) = file.resolve(b"X/data")? {
///     println!("{:?}, {} chunks", counts.dataspace()?.shape(), counts.chunks()?.len());
/// }
/// # Ok::<(), anndata_hdf5_meta::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MetaFile {
    context: Arc<Context>,
}

impl MetaFile {
    /// Opens a file at a path.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if it cannot be opened; else as [`new`](Self::new).
    pub fn open(path: impl AsRef<Path>, limits: MetaLimits) -> Result<Self> {
        let file = File::open(path.as_ref()).map_err(|error| Error::io(SECTION, error))?;
        Self::new(file, limits)
    }

    /// Takes a file that is read from a source.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) if it is not an HDF5 file, or is shorter than it says;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it is one of several that make up a file.
    pub fn new(source: impl ReadAt + 'static, limits: MetaLimits) -> Result<Self> {
        let source = Source::new(Box::new(source)).map_err(|error| Error::io(SECTION, error))?;
        Ok(Self { context: Arc::new(Context::open(source, limits)?) })
    }

    /// What the superblock says.
    pub fn superblock(&self) -> &Superblock {
        &self.context.superblock
    }

    /// The length of the file when it was opened.
    pub fn file_len(&self) -> u64 {
        self.context.file_len()
    }

    /// The root group.
    ///
    /// # Errors
    /// If its header cannot be read.
    pub fn root(&self) -> Result<Object> {
        self.object(self.context.superblock.root)
    }

    /// The object whose header is at an address, as hard links and object references have it.
    ///
    /// # Errors
    /// If there is no header.
    pub fn object(&self, address: u64) -> Result<Object> {
        Object::open(&self.context, address)
    }

    /// The object at a path from the root; `None` if nothing is there.
    ///
    /// # Errors
    /// As [`Object::resolve`].
    pub fn resolve(&self, path: &[u8]) -> Result<Option<Object>> {
        self.root()?.resolve(path)
    }

    /// A path of each object that hard links lead to from the root, by its address: what an object reference is to. Of
    /// several paths it is one of the shortest.
    ///
    /// # Errors
    /// If a group cannot be read, or paths are longer than the limits allow.
    pub fn object_paths(&self) -> Result<HashMap<u64, Vec<u8>>> {
        let root = self.context.superblock.root;
        let reader = self.context.reader(Action::Paths, root);
        let mut paths = HashMap::from([(root, b"/".to_vec())]);
        let mut todo = VecDeque::from([root]);
        while let Some(address) = todo.pop_front() {
            let object = self.object(address)?;
            if object.kind()? != ObjectKind::Group {
                continue;
            }
            let above = paths.get(&address).cloned().unwrap_or_default();
            for link in object.links()? {
                let LinkTarget::Hard(address) = link.target else { continue };
                if let Entry::Vacant(entry) = paths.entry(address) {
                    let path = [above.strip_suffix(b"/").unwrap_or(&above), b"/", &link.name].concat();
                    reader.charge(SECTION, path.len() as u64)?;
                    entry.insert(path);
                    todo.push_back(address);
                }
            }
        }
        Ok(paths)
    }

    /// Takes references into the global heap, as they are stored one after the other, apart.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) if the last is not whole.
    pub fn heap_references(&self, references: &[u8]) -> Result<Vec<HeapReference>> {
        let widths = self.context.store().widths;
        references.chunks(HeapReference::size(widths)).map(|bytes| HeapReference::parse(bytes, widths)).collect()
    }

    /// The bytes of values of any length, of which the references are stored one after the other: texts, where an item is of
    /// one byte, or sequences of items of a size. What they take together counts against the limits.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) if a value is not where it should be;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if many references are to one long value.
    pub fn variable_length(&self, references: &[u8], item_size: usize) -> Result<Vec<Vec<u8>>> {
        let references = self.heap_references(references)?;
        let first = references.iter().find_map(|reference| reference.collection).unwrap_or(0);
        let reader = self.context.reader(Action::Values, first);
        let mut values = Vec::with_capacity(references.len());
        for HeapReference { items, collection, object } in references {
            let Some(address) = collection.filter(|_| items > 0) else {
                values.push(Vec::new());
                continue;
            };
            let len = bytes_of(items, item_size)?;
            reader.charge(global_heap::SECTION, len as u64)?;
            values.push(self.context.collection(&reader, address)?.get(object, len)?.to_vec());
        }
        Ok(values)
    }
}
