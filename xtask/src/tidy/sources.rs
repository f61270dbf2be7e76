//! Checks of single files: documentation, length, words, what a crate has to have.

use std::path::Path;

use super::File;
use crate::sh::{Result, root};

const LINES_AT_MOST: usize = 400;
const REASON: &str = "// Long file: ";

/// What gives away the machine that a file was written on; in two parts, so that this file passes.
pub(crate) const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tm", "p/"),
    concat!("/Use", "rs/"),
];

/// What `[package]` has to have in every crate that is published.
const RELEASE_KEYS: &[&str] =
    &["description", "readme", "license", "repository", "rust-version", "keywords", "categories"];

fn rust(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|f| Path::new(&f.path).extension().is_some_and(|e| e == "rs"))
}

/// Every Rust file says at its top what it is; the root of a crate may do so with its README.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn module_docs(files: &[File]) -> Result<Vec<String>> {
    let documented = |f: &&File| f.text.starts_with("//! ") || f.text.starts_with("#![doc = include_str!(");
    let undocumented = rust(files).filter(|f| !documented(f));
    Ok(undocumented.map(|f| format!("{}: does not open with //!", f.path)).collect())
}

/// A file that is longer than files should be says why, in a line `// Long file: reason`.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn lengths(files: &[File]) -> Result<Vec<String>> {
    let long = rust(files).filter(|f| f.text.lines().count() > LINES_AT_MOST);
    let unexplained = long.filter(|f| !f.text.lines().any(|l| l.strip_prefix(REASON).is_some_and(|r| r.len() > 10)));
    let complaint = |f: &File| format!("{}: {} lines and no `{REASON}…`", f.path, f.text.lines().count());
    Ok(unexplained.map(complaint).collect())
}

/// No file names a folder of the machine that it was written on.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn machine_paths(files: &[File]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            for path in MACHINE_PATHS.iter().filter(|p| line.contains(**p)) {
                found.push(format!("{}:{}: names {path}", file.path, number + 1));
            }
        }
    }
    Ok(found)
}

/// Every crate has a README and the lints of the workspace, and a published one what a registry asks for.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn crate_files(files: &[File]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for manifest in files {
        let Some(folder) = manifest.path.strip_suffix("/Cargo.toml") else { continue };
        if !root().join(folder).join("README.md").is_file() {
            found.push(format!("{folder}: has no README.md"));
        }
        if !manifest.text.contains("[lints]\nworkspace = true") {
            found.push(format!("{}: does not use the lints of the workspace", manifest.path));
        }
        let has = |key: &&&str| {
            manifest.text.lines().any(|l| l.strip_prefix(**key).is_some_and(|r| r.starts_with([' ', '.', '='])))
        };
        if !manifest.text.contains("publish = false") {
            // Each package holds its licences, which are links to those of the workspace.
            for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
                let read = |path: std::path::PathBuf| std::fs::read(path).unwrap_or_default();
                if read(root().join(folder).join(licence)) != read(root().join(licence)) {
                    found.push(format!("{folder}: has no {licence}, or not that of the workspace"));
                }
            }
            let missing = RELEASE_KEYS.iter().filter(|key| !has(key));
            found.extend(missing.map(|key| format!("{}: has no {key}", manifest.path)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: impl Into<String>) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_file_without_documentation_is_found() {
        let files = [file("a.rs", "//! Says what it is.\n"), file("b.rs", "use x;\n"), file("c.py", "x = 1\n")];
        let found = module_docs(&files).unwrap_or_default();
        assert_eq!(found, ["b.rs: does not open with //!"]);
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let long = "\n".repeat(LINES_AT_MOST + 1);
        let files =
            [file("a.rs", &long), file("b.rs", format!("// Long file: one table that is read as a whole\n{long}"))];
        let found = lengths(&files).unwrap_or_default();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|c| c.starts_with("a.rs: 401 lines")), "{found:?}");
    }

    #[test]
    fn a_machine_path_is_found() {
        let files = [file("a.md", format!("see\n{}x\n", MACHINE_PATHS.concat()))];
        let found = machine_paths(&files).unwrap_or_default();
        assert_eq!(found.len(), MACHINE_PATHS.len());
        assert!(found.iter().all(|c| c.starts_with("a.md:2: ")), "{found:?}");
    }
}
