//! `cargo xtask tidy`: conventions of the project that neither rustfmt nor clippy can check.
//!
//! Each check looks at the files that Git tracks (or would track) and returns its complaints, one line each.

pub(crate) mod circles;
mod dependencies;
mod encodings;
mod fallbacks;
mod links;
pub(crate) mod sources;

use std::path::PathBuf;
use std::time::Instant;

use crate::sh::{Error, Result, command, output, root};

/// A file of the project: its path from the root, with `/`, and its text.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One check: what it is called, and what it finds.
type Check = (&'static str, fn(&[File]) -> Result<Vec<String>>);

const CHECKS: &[Check] = &[
    ("files open with //!", sources::module_docs),
    ("long files give a reason", sources::lengths),
    ("no paths of a machine", sources::machine_paths),
    ("crates have what a release needs", sources::crate_files),
    ("no number stands in for one that does not fit", fallbacks::check),
    ("no files import each other in a circle", circles::check),
    ("encodings are registered and documented", encodings::check),
    ("links of the docs lead to files, and names in them", links::check),
    ("dependencies build with the declared Rust", dependencies::rust_version),
    ("dependencies are used", dependencies::unused),
    ("dependencies are asked for in one version", dependencies::versions),
    ("dependencies have accepted licences and are there once", dependencies::licences),
];

/// Run every check.
///
/// # Errors
///
/// Lists all complaints.
pub(crate) fn run() -> Result<()> {
    println!("==> tidy");
    let start = Instant::now();
    let files = files()?;
    let mut complaints = Vec::new();
    for (name, check) in CHECKS {
        let found = check(&files)?;
        println!("{} {name}", if found.is_empty() { "ok  " } else { "FAIL" });
        complaints.extend(found);
    }
    if !complaints.is_empty() {
        return Err(Error::new(format!("tidy failed:\n  {}", complaints.join("\n  "))));
    }
    println!("==> tidy: {} files, {:.1} s\n", files.len(), start.elapsed().as_secs_f64());
    Ok(())
}

/// Every text file of the project.
pub(crate) fn files() -> Result<Vec<File>> {
    let mut files: Vec<File> = paths()?
        .into_iter()
        .filter_map(|path| std::fs::read_to_string(root().join(&path)).ok().map(|text| File { path, text }))
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The path of every file of the project.
pub(crate) fn paths() -> Result<Vec<String>> {
    let list = output(command("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]));
    match list {
        Ok(list) => Ok(list.split('\0').filter(|p| !p.is_empty()).map(str::to_owned).collect()),
        Err(_) => walk(),
    }
}

/// Every file below the root, where Git is absent; without what is built and what is hidden.
fn walk() -> Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder))? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
            let hidden = name.to_string_lossy().starts_with('.') && name != ".ci" && name != ".cargo";
            if entry.file_type()?.is_dir() {
                if !hidden && name != "target" && name != "__pycache__" {
                    folders.push(path);
                }
            } else {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(found)
}
