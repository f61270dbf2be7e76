//! Which format a path is in, told by looking at it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anndata_core::{Error, Group, Result};

/// A file format that holds an `AnnData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// HDF5: `.h5ad`.
    H5ad,
}

/// What an HDF5 file begins with, at 0 or after a user block of 512 bytes times a power of two.
const HDF5_SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

impl Format {
    /// The format of what is at a path, told by its content.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where nothing is there;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where it is none of the formats.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() {
            return Err(Error::unsupported("a directory, which is none of the formats that can be read"));
        }
        let mut file = File::open(path).map_err(|error| {
            let kind = Error::from(std::io::Error::from(error.kind())).kind();
            Error::new(kind, "cannot be opened").with_source(error)
        })?;
        if is_hdf5(&mut file)? { Ok(Self::H5ad) } else { Err(Error::unsupported("the file is not HDF5")) }
    }

    /// The format that a path to be written asks for by its name.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) where the name ends in none of the known ways.
    pub fn for_name(path: impl AsRef<Path>) -> Result<Self> {
        let name = path.as_ref().file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if [".h5ad", ".h5", ".hdf5"].iter().any(|end| name.ends_with(end)) {
            return Ok(Self::H5ad);
        }
        Err(Error::invalid_input("the name does not say the format: it should end in .h5ad"))
    }
}

fn is_hdf5(file: &mut File) -> Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    let len = file.metadata()?.len();
    let mut at = 0_u64;
    while at + HDF5_SIGNATURE.len() as u64 <= len {
        let mut start = [0; HDF5_SIGNATURE.len()];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut start)?;
        if start == HDF5_SIGNATURE {
            return Ok(true);
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    Ok(false)
}

/// The root group of what is at a path, for reading; the format is told by looking at it. Opening reads metadata only.
///
/// ```
/// # use anndata::{AnnData, io};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write_h5ad(&path, &AnnData::builder().shape(2, 3).uns("method", "umap").build()?)?;
/// let root = anndata::open(&path)?;
/// let method = io::read_elem(&root, "uns/method", &io::ReadOptions::default())?;
/// assert_eq!(method.to_text()?, "umap");
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// Where nothing is there, it is in no known format, or it cannot be opened.
pub fn open(path: impl AsRef<Path>) -> Result<Group> {
    let path = path.as_ref();
    match Format::of(path)? {
        #[cfg(feature = "hdf5")]
        Format::H5ad => {
            let store = anndata_io_hdf5::Hdf5Store::open(path, &anndata_io_hdf5::Hdf5Options::default())?;
            Ok(Group::root(std::sync::Arc::new(store)))
        }
        #[cfg(not(feature = "hdf5"))]
        Format::H5ad => Err(Error::unsupported("this build reads no HDF5: its feature 'hdf5' is off")),
    }
}
