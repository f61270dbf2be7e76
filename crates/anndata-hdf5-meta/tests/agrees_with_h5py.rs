//! What is read of files by h5py of every version of the format is what h5py says of them: tree, links, attributes, types,
//! shapes, layouts, filters, fill values, and where each chunk is.
//!
//! Small files are kept in `tests/data`. With a Python with h5py in `ANNDATA_PYTHON`, files of every kind are made and
//! compared; without one the test says so and does nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use anndata_hdf5_meta::{MetaFile, MetaLimits};
use support::{dump, files, kept_files};

/// Where one file is not as h5py says.
fn difference(path: &Path, theirs: &Path) -> Option<String> {
    let bytes = std::fs::read(path).unwrap();
    let theirs = std::fs::read_to_string(theirs).unwrap();
    let file = MetaFile::open(path, MetaLimits::default()).and_then(|file| dump::dump(&file, &bytes));
    let ours = match file {
        Ok(ours) => ours,
        Err(error) => return Some(format!("{}: {error}", path.display())),
    };
    let mut lines = ours.lines().map(Some).chain(std::iter::repeat(None)).zip(theirs.lines().map(Some).chain([None]));
    let (number, (ours, theirs)) = lines.by_ref().enumerate().find(|(_, (ours, theirs))| ours != theirs)?;
    Some(format!("{}, line {}: {ours:?}, and h5py has {theirs:?}", path.display(), number + 1))
}

/// Compares files with the texts beside them.
fn compare(files: &[PathBuf]) {
    let differences = files.iter().filter_map(|path| difference(path, &path.with_extension("txt")));
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Runs `make_fixtures.py`; false, with a line that says so, where `ANNDATA_PYTHON` names no Python.
fn make_fixtures(arguments: &[&Path]) -> bool {
    let Some(python) = std::env::var_os("ANNDATA_PYTHON") else {
        eprintln!("skipped: ANNDATA_PYTHON names no Python");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make_fixtures.py");
    let made = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    true
}

#[test]
fn kept_files_are_read_as_h5py_reads_them() {
    let files = kept_files();
    assert!(files.len() >= 6, "{files:?}");
    compare(&files);
}

#[test]
fn files_of_every_kind_are_read_as_h5py_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    if make_fixtures(&[folder.path()]) {
        let files = files(folder.path(), "h5");
        assert!(files.len() >= 25, "{files:?}");
        compare(&files);
    }
}

/// Files that Python anndata wrote, where this is the workspace that has them; `HDF5_FILES` names a folder of others.
#[test]
fn files_of_anndata_are_read_as_h5py_reads_them() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let folders = ["h5ad", "legacy"].map(|name| fixtures.join(name)).into_iter();
    let folders = folders.chain(std::env::var_os("HDF5_FILES").map(PathBuf::from)).filter(|folder| folder.is_dir());
    let files: Vec<PathBuf> = folders.flat_map(|folder| files(&folder, "h5ad")).collect();
    let texts = tempfile::tempdir().unwrap();
    let arguments: Vec<&Path> =
        [Path::new("--dump"), texts.path()].into_iter().chain(files.iter().map(PathBuf::as_path)).collect();
    if make_fixtures(&arguments) {
        let texts = (0..).map(|number| texts.path().join(format!("{number}.txt")));
        let differences = files.iter().zip(texts).filter_map(|(path, text)| difference(path, &text));
        let differences: Vec<String> = differences.collect();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}
