//! [`ReaderStore`]: the tree of groups and arrays of a file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anndata_hdf5_meta::{Object, ObjectKind, ReadAt};
use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, Capabilities, Compression, Error, Limits, NodeKind, Result, Storage,
};

use super::array::ReaderArray;
use super::attributes::{self, utf8_name};
use super::error::because;
use super::file::OpenFile;
use crate::{Hdf5Options, layout};

/// A file that is open for reading.
#[derive(Debug)]
pub(crate) struct ReaderStore {
    file: Arc<OpenFile>,
}

impl ReaderStore {
    /// Opens a file.
    pub(crate) fn open(path: &Path, options: &Hdf5Options) -> Result<Self> {
        Ok(Self { file: Arc::new(OpenFile::open(path, options)?) })
    }

    /// Opens what a source has the bytes of.
    pub(crate) fn open_source(source: impl ReadAt + 'static, location: &Path, options: &Hdf5Options) -> Result<Self> {
        Ok(Self { file: Arc::new(OpenFile::of_source(source, location, options)?) })
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// The object at a path, and what it is.
    fn find(&self, path: &str) -> Result<Option<(Object, ObjectKind)>> {
        let Some(object) = self.file.resolve(path)? else { return Ok(None) };
        let kind = object.kind().map_err(because("the object's header cannot be read"))?;
        Ok(Some((object, kind)))
    }
}

impl fmt::Display for ReaderStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.path.display())
    }
}

impl Storage for ReaderStore {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::ALL.read_only();
        can.times = false;
        can.atomic_rename = false;
        can.atomic_replace = false;
        can
    }

    fn location(&self) -> Option<&Path> {
        Some(&self.file.path)
    }

    fn limits(&self) -> Limits {
        self.file.options.limits
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        match self.find(path)? {
            None => Ok(None),
            Some((_, ObjectKind::Group)) => Ok(Some(NodeKind::Group)),
            Some((_, ObjectKind::Dataset)) => Ok(Some(NodeKind::Array)),
            Some((_, ObjectKind::NamedDatatype)) => {
                Err(Error::unsupported("a named datatype is neither a group nor an array"))
            }
        }
    }

    fn identity(&self, path: &str) -> Result<Option<u128>> {
        Ok(self.file.resolve(path)?.map(|object| object.address().into()))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let (object, kind) = self.find(path)?.ok_or_else(|| Error::not_found("no such element"))?;
        if kind != ObjectKind::Group {
            return Err(Error::not_found("no such group"));
        }
        let links = object.links().map_err(because("the names in the group cannot be listed"));
        self.file.unchanged(links.and_then(|links| links.into_iter().map(|link| utf8_name(link.name)).collect()))
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        let (object, _) = self.find(path)?.ok_or_else(|| Error::not_found("no such element"))?;
        self.file.unchanged(attributes::read(&self.file, &object))
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        layout::fill_in(spec, compression)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        let (object, kind) = self.find(path)?.ok_or_else(|| Error::not_found("no such element"))?;
        if kind != ObjectKind::Dataset {
            return Err(Error::not_found("no such array"));
        }
        let array = self.file.unchanged(ReaderArray::new(Arc::clone(&self.file), object))?;
        Ok(Arc::new(array))
    }

    fn piece_family(&self) -> Option<&'static str> {
        Some("hdf5")
    }
}
