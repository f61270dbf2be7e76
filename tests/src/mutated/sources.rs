//! The sound objects that are mutated: all fixtures, and files and stores made from them in every layout.

use std::fs;
use std::path::{Path, PathBuf};

use anndata::{Compression, ConvertOptions, Result, WriteOptions};

use super::Kind;
use crate::fixtures;

/// The files of an object by their paths in it; a single file has an empty one.
pub(super) type Files = Vec<(PathBuf, Vec<u8>)>;

/// A sound object, which stands at a path.
#[derive(Debug)]
pub(super) struct Source(PathBuf);

impl Source {
    /// What its name ends in: `h5ad`, `zarr` or `zarr.zip`.
    pub(super) fn ending(&self) -> String {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split_once('.').map_or(String::new(), |(_, ending)| ending.to_owned())
    }

    pub(super) fn files(&self) -> Result<Files> {
        Ok(files(&self.0)?)
    }
}

/// Where the sound objects of a kind stand.
fn folder(within: &Path, kind: Kind) -> PathBuf {
    within.join("sound").join(kind.name())
}

/// Makes the sound objects of a kind: the fixtures as they are, and what becomes of them in each format, in different layouts.
pub(super) fn make(within: &Path, kind: Kind) -> Result<()> {
    let folder = folder(within, kind);
    fs::create_dir_all(&folder)?;
    let compressions = [Compression::Gzip(1), Compression::Lzf, Compression::Zstd(1), Compression::Blosc(1)];
    for ((number, file), compression) in fixtures::readable()?.iter().enumerate().zip(compressions.iter().cycle()) {
        let convert = |ending: &str, compression| {
            let write = WriteOptions::default().with_compression(compression).with_durable(false).with_overwrite(true);
            let options = ConvertOptions::default().with_write(write);
            anndata::convert(file, folder.join(format!("{number:03}.{ending}")), &options).map(drop)
        };
        match kind {
            Kind::H5ad => {
                fs::copy(file, folder.join(format!("{number:03}-own.h5ad")))?;
                convert("h5ad", *compression)?;
            }
            Kind::Zarr => {
                // LZF is for HDF5.
                let compression = if *compression == Compression::Lzf { Compression::Default } else { *compression };
                convert("zarr", compression)?;
                convert("zarr.zip", Compression::Default)?;
            }
        }
    }
    Ok(())
}

/// The sound objects that were made, in the same order in each process.
pub(super) fn made(within: &Path, kind: Kind) -> Result<Vec<Source>> {
    let entries = fs::read_dir(folder(within, kind))?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths.into_iter().map(Source).collect())
}

/// All files at or below a path, sorted.
fn files(root: &Path) -> std::io::Result<Files> {
    if root.is_file() {
        return Ok(vec![(PathBuf::new(), fs::read(root)?)]);
    }
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(root).unwrap_or(&path).to_owned(), fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Puts the files of an object at a path.
pub(super) fn put(files: &Files, path: &Path) -> std::io::Result<()> {
    for (name, bytes) in files {
        let file = if name.as_os_str().is_empty() { path.to_owned() } else { path.join(name) };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, bytes)?;
    }
    Ok(())
}
