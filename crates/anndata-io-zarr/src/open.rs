//! Opening and making stores.

mod remote;
#[cfg(feature = "cloud")]
mod url;

pub(crate) use remote::by_url;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anndata_storage::{Edit, Error, Group, Result};

use crate::store::Store;
use crate::store::folder::{Folder, Links};
use crate::store::memory::Memory;
use crate::store::zip::{NewZip, Zip, is_zip};
use crate::tree::{Shared, ZarrStore};
use crate::{ZarrFormat, ZarrOptions};

/// The root group of the store at a path or URL, for reading.
///
/// # Errors
/// As [`ZarrStore::open`].
pub fn open(location: &str, options: &ZarrOptions) -> Result<Group> {
    Ok(Group::root(Arc::new(ZarrStore::open(location, options)?)))
}

/// The root group of the folder or zip file at a path, for reading.
///
/// # Errors
/// As [`ZarrStore::open_path`].
pub fn open_path(path: impl AsRef<Path>) -> Result<Group> {
    Ok(Group::root(Arc::new(ZarrStore::open_path(path, &ZarrOptions::default())?)))
}

/// Whether a zarr store stands at a path: a folder with zarr metadata, or a zip file with such.
pub fn is_zarr(path: impl AsRef<Path>) -> bool {
    ZarrStore::open_path(path, &ZarrOptions::default()).is_ok()
}

impl ZarrStore {
    /// Opens the store at a path, or at a URL such as `s3://bucket/name.zarr` (feature `cloud`), for reading.
    ///
    /// # Errors
    /// If there is no zarr store, its metadata are malformed, or the URL is of an unknown kind.
    pub fn open(location: &str, options: &ZarrOptions) -> Result<Self> {
        match location.split_once("://") {
            None => Self::open_path(location, options),
            Some(("file", path)) => Self::open_path(path, options),
            Some(_) => Self::open_url(location, options),
        }
    }

    /// Opens the folder or zip file at a path for reading. Nothing is changed.
    ///
    /// If the folder, or an array in it, is replaced meanwhile, reading is an error of the kind
    /// [`Stale`](anndata_storage::ErrorKind::Stale).
    ///
    /// # Errors
    /// If there is no zarr store, or its metadata are malformed.
    pub fn open_path(path: impl AsRef<Path>, options: &ZarrOptions) -> Result<Self> {
        let path = path.as_ref();
        let open = || {
            if fs::metadata(path).map_err(cannot_open)?.is_dir() {
                let folder = Folder::new(path, false).with_links(Links::followed(options.allow_links));
                return Self::open_store(Box::new(folder), options);
            }
            if has_zip_magic(path) {
                return Self::open_store(Box::new(Zip::open(path, options.limits)?), options);
            }
            Err(Error::invalid_data("it is not a zarr store: it is neither a folder nor a zip file"))
        };
        open().map_err(|error| error.in_file(path))
    }

    /// Opens the folder at a path for reading and changing. An [`Edit`] that was not finished is finished, or taken back.
    ///
    /// # Errors
    /// As [`open_path`](Self::open_path); a zip file cannot be changed.
    pub fn open_rw(path: impl AsRef<Path>, options: &ZarrOptions) -> Result<Self> {
        let path = path.as_ref();
        let open = || {
            if !fs::metadata(path).map_err(cannot_open)?.is_dir() {
                return Err(Error::unsupported("only a folder can be changed in place: convert the zip file to one"));
            }
            let folder = Folder::new(path, true).with_links(Links::followed(options.allow_links));
            let store = Self::open_store(Box::new(folder), options)?;
            Edit::recover(&store)?;
            Ok(store)
        };
        open().map_err(|error| error.in_file(path))
    }

    /// Makes a store at a free path: a folder, or a zip file where the path ends with `.zip`.
    ///
    /// A zip file appears when the store is [flushed](anndata_storage::Storage::flush). See
    /// [`write_atomic`](crate::write_atomic) for a store that appears complete or not at all.
    ///
    /// # Errors
    /// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) if something stands there, or if it cannot be
    /// written.
    pub fn create(path: impl AsRef<Path>, format: ZarrFormat, options: &ZarrOptions) -> Result<Self> {
        let path = path.as_ref();
        if fs::symlink_metadata(path).is_ok() {
            return Err(Error::already_exists("it already exists").in_file(path));
        }
        if is_zip(path) {
            return Self::create_in(Box::new(NewZip::create(path, path, options.durable)?), format, options);
        }
        Self::create_in(Box::new(Folder::new(path, true)), format, options)
    }

    /// Makes a store in memory.
    ///
    /// # Errors
    /// Never in practice: memory can be written.
    pub fn in_memory(format: ZarrFormat, options: &ZarrOptions) -> Result<Self> {
        Self::create_in(Box::new(Memory::default()), format, options)
    }

    pub(crate) fn open_store(store: Box<dyn Store>, options: &ZarrOptions) -> Result<Self> {
        let location = store.location().map(Path::to_owned);
        let name = |error: Error| match location {
            Some(location) => error.in_file(location),
            None => error,
        };
        Ok(Self(Arc::new(Shared::open(store, options).map_err(name)?)))
    }

    pub(crate) fn create_in(store: Box<dyn Store>, format: ZarrFormat, options: &ZarrOptions) -> Result<Self> {
        let store = Self(Arc::new(Shared::create(store, format, options)));
        store.0.settle().map_err(|error| error.in_store(&store))?;
        Ok(store)
    }

    /// Makes a store of which nobody knows before it is flushed: metadata are written then, once. Errors name `location`.
    pub(crate) fn create_at_once(
        store: Box<dyn Store>,
        location: &Path,
        format: ZarrFormat,
        options: &ZarrOptions,
    ) -> Self {
        let mut shared = Shared::create(store, format, options);
        shared.location = Some(location.to_owned());
        Self(Arc::new(shared))
    }

    /// The version of the format.
    pub fn format(&self) -> ZarrFormat {
        self.0.format
    }
}

/// The error of a path that cannot be looked at.
fn cannot_open(error: std::io::Error) -> Error {
    let kind = Error::from(std::io::Error::from(error.kind())).kind();
    Error::new(kind, "cannot be opened").with_source(error)
}

/// Whether a file begins as zip files do.
fn has_zip_magic(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && matches!(&magic, b"PK\x03\x04" | b"PK\x05\x06")
}
