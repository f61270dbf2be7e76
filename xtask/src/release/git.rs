//! What Git knows of a workspace.

use std::path::Path;

use super::version::{Level, Version};
use crate::sh::{Error, Result, command, output};
use crate::tidy::File;

/// The trailer of a commit that raises the level of a release.
const TRAILER: &str = "Release-Level";

/// The repository of a workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Git<'a> {
    root: &'a Path,
}

impl<'a> Git<'a> {
    pub(crate) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Run a command of Git and return what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        output(command("git").current_dir(self.root).args(arguments))
    }

    /// Refuse a tree in which something is not committed.
    pub(crate) fn require_clean(&self) -> Result<()> {
        let dirty = self.dirty()?;
        if dirty.is_empty() {
            return Ok(());
        }
        let shown: Vec<&str> = dirty.iter().take(10).map(String::as_str).collect();
        let more = if dirty.len() > 10 { ", …" } else { "" };
        Err(Error::new(format!("not committed: {}{more}: commit or stash it first", shown.join(", "))))
    }

    /// The files that are not as the last commit has them, untracked ones included.
    pub(crate) fn dirty(&self) -> Result<Vec<String>> {
        let status = self.run(&["status", "--porcelain", "--untracked-files=all"])?;
        Ok(status.lines().filter_map(|line| line.get(3..)).map(str::to_owned).collect())
    }

    /// The highest version of a crate that has a tag.
    pub(crate) fn last_version(&self, name: &str) -> Result<Option<Version>> {
        let prefix = format!("{name}-v");
        let tags = self.run(&["tag", "--list", &format!("{prefix}*")])?;
        Ok(tags.lines().filter_map(|tag| tag.strip_prefix(&prefix)?.parse().ok()).max())
    }

    pub(crate) fn has_tag(&self, tag: &str) -> Result<bool> {
        Ok(self.run(&["tag", "--list", tag])?.lines().any(|line| line == tag))
    }

    /// The files below some paths that differ between a revision and the last commit.
    pub(crate) fn changed(&self, since: &str, paths: &[&str]) -> Result<Vec<String>> {
        let list = self.run(&[&["diff", "--name-only", "-z", since, "HEAD", "--"], paths].concat())?;
        Ok(list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// The text of a file at a revision.
    pub(crate) fn show(&self, revision: &str, path: &str) -> Result<String> {
        self.run(&["show", &format!("{revision}:{path}")])
    }

    /// The Rust files below a folder at a revision.
    pub(crate) fn sources(&self, revision: &str, folder: &str) -> Result<Vec<File>> {
        let list = self.run(&["ls-tree", "-r", "-z", "--name-only", revision, "--", &format!("{folder}/")])?;
        if !list.split('\0').any(|path| Path::new(path).extension().is_some_and(|extension| extension == "rs")) {
            return Ok(Vec::new());
        }
        let archive = self.run(&["archive", "--format=tar", revision, &format!("{folder}/*.rs")])?;
        Ok(untar(archive.as_bytes()))
    }

    /// The highest level that commits since a revision ask for: `Release-Level: major` for the crates that the commit
    /// changes, `Release-Level: NAME major` for one.
    ///
    /// # Errors
    ///
    /// Names the commit whose trailer is neither.
    pub(crate) fn level_asked_for(&self, since: &str, name: &str, folder: &str) -> Result<Option<Level>> {
        let (range, format) =
            (format!("{since}..HEAD"), format!("--format=%h %(trailers:key={TRAILER},valueonly,separator=%x3b)"));
        let of_folder = self.run(&["log", &range, &format, "--", folder])?;
        let of_all = self.run(&["log", &range, &format])?;
        let mut levels = Vec::new();
        for (log, is_of_folder) in [(&of_folder, true), (&of_all, false)] {
            for (commit, values) in log.lines().filter_map(|line| line.split_once(' ')) {
                for value in values.split(';').filter(|value| !value.is_empty()) {
                    let words: Vec<&str> = value.split_whitespace().collect();
                    let level = match *words {
                        [level] => is_of_folder.then_some(level),
                        [of, level] => (of == name).then_some(level),
                        _ => Some(value),
                    };
                    let parse = |level: &str| {
                        level
                            .parse::<Level>()
                            .map_err(|e| Error::new(format!("{commit}: trailer {TRAILER}: {value}: {e}")))
                    };
                    levels.extend(level.map(parse).transpose()?);
                }
            }
        }
        Ok(levels.into_iter().max())
    }
}

/// The text files of a tar archive (POSIX `ustar`).
fn untar(archive: &[u8]) -> Vec<File> {
    const BLOCK: usize = 512;
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    let (mut files, mut rest) = (Vec::new(), archive);
    while let Some((header, after)) = rest.split_at_checked(BLOCK) {
        let len = usize::from_str_radix(text(&header[124..136]).trim(), 8).unwrap_or(0);
        let (name, kind, folder) = (text(&header[..100]), header[156], text(&header[345..500]));
        if let (b'0' | 0, Some(contents), false) = (kind, after.get(..len), name.is_empty()) {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.push(File { path, text: String::from_utf8_lossy(contents).into_owned() });
        }
        rest = after.get(len.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
    files
}
