//! [`Target`]: what an operation changes, and what is known of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anndata::Result;

use super::jobs::{kept, prepare, target};
use super::{Job, Operation, Row};

/// An operation, and what is known of its target.
pub(super) struct Target {
    pub(super) operation: Operation,
    /// Inputs, kept objects and the target; removed in the end.
    folder: tempfile::TempDir,
    /// Which object it holds; `None` if that has to be put there first.
    pub(super) state: Option<usize>,
    /// About what the operation takes from the signal to its end.
    pub(super) takes: Duration,
    pub(super) rounds: u32,
    pub(super) inputs: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) killed: Row,
    pub(super) full: Row,
}

impl Target {
    pub(super) fn new(operation: Operation) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        prepare(folder.path(), operation)?;
        let inputs = files(&folder.path().join("in"))?;
        let (killed, full) = (Row::new(operation, "kill"), Row::new(operation, "full disk"));
        // Until it is measured.
        let takes = Duration::from_millis(50);
        Ok(Self { operation, folder, state: None, takes, rounds: 0, inputs, killed, full })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self) -> PathBuf {
        target(self.folder(), self.operation)
    }

    /// Which object it is to hold next. One that holds none gets one first, and so does one that only grows.
    pub(super) fn next(&mut self) -> Result<usize> {
        if self.state.is_none() || self.operation.job == Job::Append {
            let path = self.path();
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            }
            copy(&kept(self.folder(), self.operation, 0), &path)?;
            self.state = Some(0);
        }
        Ok(1 - self.state.unwrap_or_default().min(1))
    }

    /// The length of the largest file of an object.
    pub(super) fn largest(&self, state: usize) -> Result<u64> {
        let files = files(&kept(self.folder(), self.operation, state))?;
        Ok(files.values().map(|bytes| bytes.len() as u64).max().unwrap_or_default())
    }

    /// What is beside the target.
    pub(super) fn left(&self) -> Result<Vec<String>> {
        let path = self.path();
        let entries = fs::read_dir(self.folder().join("out"))?.collect::<std::io::Result<Vec<_>>>()?;
        let others = entries.iter().filter(|entry| entry.path() != path);
        Ok(others.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    }

    /// The stages of edits within the target, and documents that are to take the place of others.
    pub(super) fn within(&self) -> Result<Vec<PathBuf>> {
        let path = self.path();
        if !path.is_dir() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>()?;
        let is_left = |entry: &fs::DirEntry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(".anndata") || name.ends_with(".new")
        };
        Ok(entries.iter().filter(|entry| is_left(entry)).map(fs::DirEntry::path).collect())
    }

    /// Makes what is left older: what may still be a living writer's, as a folder that has no lock yet, is let alone for a while.
    pub(super) fn age(&self) -> Result<()> {
        let beside = self.left()?.into_iter().map(|name| self.folder().join("out").join(name));
        let unowned = beside.filter(|folder| !folder.join("lock").exists());
        for left in unowned.chain(self.within()?) {
            File::open(left)?.set_modified(SystemTime::now() - Duration::from_hours(2))?;
        }
        Ok(())
    }
}

/// The bytes of all files at or below a path.
pub(super) fn files(path: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    if path.is_dir() {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(path)? {
            all.extend(files(&entry?.path())?);
        }
        return Ok(all);
    }
    Ok([(path.to_owned(), fs::read(path)?)].into())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::copy(from, to)?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
