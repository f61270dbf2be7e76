//! What is read of files by h5py of every version of the format is what h5py says of them: tree, links, attributes, types,
//! shapes, layouts, filters, fill values, and where each chunk is.
//!
//! Small files are kept in `tests/data`. With a Python with h5py in `ANNDATA_PYTHON`, files of every kind are made and
//! compared; without one the test says so and does nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use anndata_hdf5_meta::{MetaFile, MetaLimits};
use support::{dump, files, kept_files};

/// Where one file is not as the text beside it says.
fn difference(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).unwrap();
    let theirs = std::fs::read_to_string(path.with_extension("txt")).unwrap();
    let file = MetaFile::open(path, MetaLimits::default()).and_then(|file| dump::dump(&file, &bytes));
    let ours = match file {
        Ok(ours) => ours,
        Err(error) => return Some(format!("{}: {error}", path.display())),
    };
    let mut lines = ours.lines().map(Some).chain(std::iter::repeat(None)).zip(theirs.lines().map(Some).chain([None]));
    let (number, (ours, theirs)) = lines.by_ref().enumerate().find(|(_, (ours, theirs))| ours != theirs)?;
    Some(format!("{}, line {}: {ours:?}, and h5py has {theirs:?}", path.display(), number + 1))
}

fn compare(files: &[PathBuf]) {
    let differences: Vec<String> = files.iter().filter_map(|path| difference(path)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn kept_files_are_read_as_h5py_reads_them() {
    let files = kept_files();
    assert!(files.len() >= 6, "{files:?}");
    compare(&files);
}

#[test]
fn files_of_every_kind_are_read_as_h5py_reads_them() {
    let Some(python) = std::env::var_os("ANNDATA_PYTHON") else {
        eprintln!("skipped: ANNDATA_PYTHON names no Python");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make_fixtures.py");
    let made = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let files = files(folder.path());
    assert!(files.len() >= 25, "{files:?}");
    compare(&files);
}
