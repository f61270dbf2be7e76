//! Which format a path is in, recognized by its content.

#[cfg(feature = "hdf5-read")]
pub(crate) mod h5ad;
#[cfg(feature = "text")]
pub(crate) mod text;
#[cfg(feature = "zarr")]
pub(crate) mod zarr;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anndata_format::{Error, Group, Result};

/// A file format that holds an `AnnData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// HDF5: `.h5ad`.
    H5ad,
    /// Zarr, version 2 or 3: a `.zarr` folder, a `.zarr.zip` file, or a store behind a URL.
    Zarr,
}

/// What an HDF5 file begins with, at 0 or after a user block of 512 bytes times a power of two.
const HDF5_SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// What a zip file begins with.
const ZIP_SIGNATURE: [u8; 4] = *b"PK\x03\x04";

impl Format {
    /// The format of what is at a path or URL, recognized by its content. A URL is of a zarr store, unless it ends as HDF5 files
    /// do: in `.h5ad`, `.h5mu`, `.h5` or `.hdf5`. A path may lead into a store, as for [`open`](crate::open).
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if nothing is there;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it is none of the formats.
    pub fn of(location: impl AsRef<Path>) -> Result<Self> {
        Self::of_store(&Location::of(location.as_ref())?.store)
    }

    /// The format of a store.
    pub(crate) fn of_store(path: &Path) -> Result<Self> {
        Self::look_at(path).map_err(|error| error.in_file(path))
    }

    fn look_at(path: &Path) -> Result<Self> {
        if let Some(url) = path.to_str().filter(|path| is_url(path)) {
            let name = url.split(['?', '#']).next().unwrap_or(url);
            let name = Path::new(name);
            let is_h5mu = name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("h5mu"));
            let is_hdf5 = is_h5mu || Self::for_ending(name) == Some(Self::H5ad);
            return Ok(if is_hdf5 { Self::H5ad } else { Self::Zarr });
        }
        if path.is_dir() {
            let is_zarr = ["zarr.json", ".zgroup", ".zmetadata"].iter().any(|name| path.join(name).is_file());
            return if is_zarr { Ok(Self::Zarr) } else { Err(Error::unsupported("the folder is not a zarr store")) };
        }
        let mut file = File::open(path).map_err(|error| cannot_open(path, error))?;
        if begins_with(&mut file, 0, &ZIP_SIGNATURE)? {
            return Ok(Self::Zarr);
        }
        if is_hdf5(&mut file)? {
            Ok(Self::H5ad)
        } else {
            Err(Error::unsupported("the file is neither an HDF5 file nor a zip file"))
        }
    }

    /// The format that a path to be written asks for by its name.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name ends in none of the known ways.
    pub fn for_name(path: impl AsRef<Path>) -> Result<Self> {
        Self::for_ending(path.as_ref()).ok_or_else(|| {
            Error::invalid_input("the name does not say the format: it should end in .h5ad, .zarr or .zarr.zip")
                .in_file(path.as_ref())
        })
    }

    fn for_ending(path: &Path) -> Option<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends(&[".h5ad", ".h5", ".hdf5"]) {
            return Some(Self::H5ad);
        }
        ends(&[".zarr", ".zarr.zip"]).then_some(Self::Zarr)
    }
}

/// The error of a file that cannot be opened; if a killed write left it aside, the error says where it is.
fn cannot_open(path: &Path, error: std::io::Error) -> Error {
    let kind = Error::from(std::io::Error::from(error.kind())).kind();
    if let Some(old) = anndata_format::storage::atomic::interrupted(path) {
        return Error::new(
            kind,
            format!("a write of it was interrupted: move '{}' here, or write it again", old.display()),
        );
    }
    Error::new(kind, "cannot be opened").with_source(error)
}

/// A store, and a group in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The path of the store, or its URL.
    pub(crate) store: PathBuf,
    /// The path of the group in the store; the root is empty.
    pub(crate) group: String,
}

impl Location {
    /// What a location names. A path that is not a store itself, but leads on from one, names a group in it.
    pub(crate) fn of(location: &Path) -> Result<Self> {
        let whole = || Self { store: location.to_owned(), group: String::new() };
        if let Some(url) = location.to_str().filter(|location| is_url(location)) {
            return Ok(match url.rsplit_once("::") {
                Some((store, modality)) => Self { store: store.into(), group: format!("mod/{modality}") },
                None => whole(),
            });
        }
        if location.is_file() {
            return Ok(whole());
        }
        if let Some((store, modality)) = location.to_str().and_then(|text| text.rsplit_once("::"))
            && Path::new(store).exists()
        {
            return Ok(Self { store: store.into(), group: format!("mod/{modality}") });
        }
        let is_store = |path: &&Path| path.exists() && Format::look_at(path).is_ok();
        let Some(store) = location.ancestors().find(is_store) else { return Ok(whole()) };
        let group = location.strip_prefix(store).unwrap_or(Path::new(""));
        let group = group.to_str().ok_or_else(|| {
            Error::not_found(format!("'{}' is not the name of a group", group.display())).in_file(store)
        })?;
        Ok(Self { store: store.to_owned(), group: group.replace(std::path::MAIN_SEPARATOR, "/") })
    }

    /// The group in the store.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it has none there.
    pub(crate) fn within(&self, root: Group) -> Result<Group> {
        if self.group.is_empty() { Ok(root) } else { root.group(&self.group) }
    }
}

/// The URL that is to be written to, if it is none of a file or folder.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) if it is not one of a zarr store.
pub(crate) fn output_url(path: &Path) -> Result<Option<&str>> {
    let Some(url) = path.to_str().filter(|path| is_url(path)) else { return Ok(None) };
    if url.trim_end_matches('/').to_lowercase().ends_with(".zarr") {
        return Ok(Some(url));
    }
    Err(Error::unsupported("only zarr stores are written to URLs: choose one that ends in .zarr").in_file(url))
}

/// Refuses a URL where something is to be changed.
pub(crate) fn check_changeable(path: &Path) -> Result<()> {
    match path.to_str().filter(|path| is_url(path)) {
        Some(url) => Err(Error::unsupported("what is behind a URL is only read").in_file(url)),
        None => Ok(()),
    }
}

/// Whether a location is a URL and no path.
pub(crate) fn is_url(location: &str) -> bool {
    location.contains("://")
}

fn is_hdf5(file: &mut File) -> Result<bool> {
    let len = file.metadata()?.len();
    let mut at = 0_u64;
    while at + HDF5_SIGNATURE.len() as u64 <= len {
        if begins_with(file, at, &HDF5_SIGNATURE)? {
            return Ok(true);
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    Ok(false)
}

/// Whether the file has these bytes at an offset.
fn begins_with<const N: usize>(file: &mut File, at: u64, signature: &[u8; N]) -> Result<bool> {
    if at + N as u64 > file.metadata()?.len() {
        return Ok(false);
    }
    let mut start = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut start)?;
    Ok(start == *signature)
}

/// The error of a format whose feature is off.
#[cfg(not(all(feature = "hdf5", feature = "zarr")))]
pub(crate) fn not_built(format: Format) -> Error {
    Error::unsupported(format!("this build has no {format:?}: the feature is off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_say_the_format() -> Result<()> {
        assert_eq!(Format::for_name("a/b.H5AD")?, Format::H5ad);
        assert_eq!(Format::for_name("b.zarr.zip")?, Format::Zarr);
        assert!(Format::for_name("b.zip").is_err_and(|error| error.is_invalid_input()));
        assert_eq!(Format::of("s3://bucket/a.zarr")?, Format::Zarr);
        for url in ["https://host/a.h5ad", "s3://bucket/a.h5mu::rna", "https://host/a.h5?version=1"] {
            assert_eq!(Format::of(url)?, Format::H5ad, "{url}");
        }
        let location = Location::of(Path::new("s3://bucket/a.h5mu::rna"))?;
        assert_eq!((location.store, location.group), ("s3://bucket/a.h5mu".into(), "mod/rna".to_owned()));
        assert_eq!(output_url(Path::new("s3://bucket/a.zarr"))?, Some("s3://bucket/a.zarr"));
        assert_eq!(output_url(Path::new("bucket/a.h5ad"))?, None);
        for url in ["s3://bucket/a.h5ad", "s3://bucket/a.zarr.zip", "s3://bucket/a"] {
            assert!(output_url(Path::new(url)).is_err_and(|error| error.is_unsupported()));
        }

        let directory = tempfile::tempdir()?;
        let path = directory.path().join("named-wrongly.zarr");
        std::fs::write(&path, [&[0; 1024][..], &HDF5_SIGNATURE].concat())?;
        assert_eq!(Format::of(&path)?, Format::H5ad);
        std::fs::write(&path, b"PK\x03\x04")?;
        assert_eq!(Format::of(&path)?, Format::Zarr);
        std::fs::write(&path, b"text")?;
        assert!(Format::of(&path).is_err_and(|error| error.is_unsupported()));
        assert!(Format::of(directory.path()).is_err_and(|error| error.is_unsupported()));
        assert!(Format::of(directory.path().join("absent")).is_err_and(|error| error.is_not_found()));
        Ok(())
    }
}
