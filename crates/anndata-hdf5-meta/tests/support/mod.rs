//! What tests share: files, and what is in them, line by line.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod describe;
pub(crate) mod dump;

use std::path::{Path, PathBuf};

/// The small files that are kept beside the tests, each with what h5py says of it.
pub(crate) fn kept_files() -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"), "h5")
}

/// All files of a folder whose names end so.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}
