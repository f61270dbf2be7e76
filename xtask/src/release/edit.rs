//! Writing a plan into the files of a workspace, with a way back.

use std::path::{Path, PathBuf};

use super::changelog;
use super::plan::{Plan, Release};
use super::version::Version;
use super::workspace::Workspace;
use crate::sh::{Error, Result, output};

/// The files that were written, and what they were before.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    before: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Edits {
    fn write(&mut self, path: &Path, text: &str) -> Result<()> {
        let before = std::fs::read(path).ok();
        if before.as_deref() != Some(text.as_bytes()) {
            self.before.push((path.to_owned(), before));
            std::fs::write(path, text).map_err(|e| Error::new(format!("{}: {e}", path.display())))?;
        }
        Ok(())
    }

    /// Put everything back, in the order in which it was not written.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub(crate) fn undo(self) -> Result<()> {
        for (path, before) in self.before.into_iter().rev() {
            match before {
                Some(bytes) => std::fs::write(&path, bytes)?,
                None => std::fs::remove_file(&path)?,
            }
        }
        Ok(())
    }
}

/// Write versions, requirements, changelogs and the lock file.
///
/// # Errors
///
/// When a file is not of the form that it has in this project; what was written by then is put back.
pub(crate) fn write(workspace: &Workspace, plan: &Plan) -> Result<Edits> {
    let mut edits = Edits::default();
    match write_all(workspace, plan, &mut edits) {
        Ok(()) => Ok(edits),
        Err(error) => {
            edits.undo()?;
            Err(error)
        }
    }
}

fn write_all(workspace: &Workspace, plan: &Plan, edits: &mut Edits) -> Result<()> {
    let root = workspace.root.join("Cargo.toml");
    let mut requirements = read(&root)?;
    for release in &plan.releases {
        let (package, next) = (&release.package, release.next);
        let manifest = workspace.root.join(&package.folder).join("Cargo.toml");
        let text =
            with_version(&read(&manifest)?, next).map_err(|e| Error::new(format!("{}: {e}", manifest.display())))?;
        edits.write(&manifest, &text)?;
        // A crate that no other depends on has no requirement.
        requirements = with_requirement(&requirements, &package.name, &package.folder, next)
            .map_err(|e| Error::new(format!("{}: {e}", root.display())))?;
    }
    edits.write(&root, &requirements)?;
    write_pages(workspace, plan, edits)?;
    write_changelogs(workspace, plan, edits)?;
    let lock = workspace.root.join("Cargo.lock");
    if let Ok(before) = std::fs::read(&lock) {
        edits.before.push((lock, Some(before)));
        output(workspace.cargo().args(["update", "--workspace", "--offline", "--quiet"]))?;
    }
    Ok(())
}

/// The lines of pages that tell users which version to ask for.
fn write_pages(workspace: &Workspace, plan: &Plan, edits: &mut Edits) -> Result<()> {
    let pages = workspace.git().run(&["ls-files", "-z", "*.md"])?;
    let is_log = |page: &str| page.rsplit('/').next() == Some(changelog::ROOT);
    for page in pages.split('\0').filter(|page| !page.is_empty() && !is_log(page)) {
        let path = workspace.root.join(page);
        let text = read(&path)?;
        edits.write(&path, &with_asked_for(&text, &plan.releases))?;
    }
    Ok(())
}

fn write_changelogs(workspace: &Workspace, plan: &Plan, edits: &mut Edits) -> Result<()> {
    let root = workspace.root.join(changelog::ROOT);
    let released: Vec<&str> = plan.releases.iter().map(|release| release.package.name.as_str()).collect();
    if let Ok(text) = std::fs::read_to_string(&root) {
        edits.write(&root, &changelog::without(&text, &released, workspace))?;
    }
    for release in &plan.releases {
        let path = workspace.root.join(&release.package.folder).join(changelog::ROOT);
        let old = std::fs::read_to_string(&path).ok();
        let (name, is_first) = (&release.package.name, release.last.is_none());
        let text = changelog::with_release(old.as_deref(), name, release.next, &release.log, is_first);
        edits.write(&path, &text)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| Error::new(format!("{}: {e}", path.display())))
}

/// A manifest with another version of the package.
fn with_version(manifest: &str, version: Version) -> Result<String> {
    let (mut lines, mut is_package, mut written) = (Vec::new(), false, 0);
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_package = line == "[package]";
        }
        let is_version = is_package && line.split('=').next().is_some_and(|key| key.trim() == "version");
        written += usize::from(is_version);
        lines.push(if is_version { format!("version = \"{version}\"") } else { line.to_owned() });
    }
    if written != 1 {
        return Err(Error::new("[package] has no line `version = \"…\"` of its own"));
    }
    Ok(format!("{}\n", lines.join("\n")))
}

/// The manifest of the workspace with another requirement of a crate of it.
fn with_requirement(manifest: &str, name: &str, folder: &str, version: Version) -> Result<String> {
    let (mut lines, prefix, path) = (Vec::new(), format!("{name} ="), format!("path = \"{folder}\""));
    for line in manifest.lines() {
        if !(line.starts_with(&prefix) && line.contains(&path)) {
            lines.push(line.to_owned());
            continue;
        }
        let parts = line.split_once("version = \"").and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
        let (before, after) = parts.ok_or_else(|| Error::new(format!("the line of {name} has no version")))?;
        lines.push(format!("{before}version = \"{version}\"{after}"));
    }
    Ok(format!("{}\n", lines.join("\n")))
}

/// A page with the versions that its lines `NAME = "0.1"` and `NAME = { version = "0.1", … }` ask for.
fn with_asked_for(page: &str, releases: &[Release]) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.split_inclusive('\n') {
        let of = releases.iter().find_map(|release| {
            let rest = line.trim_start().strip_prefix(&release.package.name)?.trim_start().strip_prefix('=')?;
            let quoted = if rest.trim_start().starts_with('"') { rest } else { rest.split_once("version =")?.1 };
            let old = quoted.split('"').nth(1)?;
            let at = line.len() - quoted.len();
            Some((at, old, release.next.significant()))
        });
        match of {
            Some((at, old, new)) => {
                text.push_str(&line[..at]);
                text.push_str(&line[at..].replacen(&format!("\"{old}\""), &format!("\"{new}\""), 1));
            }
            None => text.push_str(line),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::workspace::Package;
    use super::*;

    fn releases() -> Result<Vec<Release>> {
        let package = Package {
            name: "anndata-storage".into(),
            folder: "crates/anndata-storage".into(),
            version: "0.1.0".parse()?,
            dependencies: Vec::new(),
            library: None,
        };
        let (last, next) = (Some("0.1.0".parse()?), "0.2.0".parse()?);
        Ok(vec![Release { package, last, next, level: None, reasons: Vec::new(), log: Vec::new() }])
    }

    #[test]
    fn manifests_get_the_version() -> Result<()> {
        let manifest = "[package]\nname = \"x\"\nversion = \"0.1.0\"\nrust-version.workspace = true\n\n[dependencies]\nversion = \"9\"\n";
        assert_eq!(with_version(manifest, "0.2.0".parse()?)?, manifest.replace("0.1.0", "0.2.0"));
        let none = with_version("[package]\nversion.workspace = true\n", "0.2.0".parse()?).err();
        assert_eq!(none.map(|e| e.to_string()).as_deref(), Some("[package] has no line `version = \"…\"` of its own"));
        let root = "[workspace.dependencies]\nanndata-storage = { path = \"crates/anndata-storage\", version = \"0.1.0\", features = [\"x\"] }\nb = \"0.1.0\"\n";
        let new = with_requirement(root, "anndata-storage", "crates/anndata-storage", "0.2.0".parse()?)?;
        assert_eq!(new, root.replacen("0.1.0", "0.2.0", 1));
        Ok(())
    }

    #[test]
    fn pages_ask_for_the_version() -> Result<()> {
        let page = "```toml\nanndata-storage = { version = \"0.1\", features = [\"testkit\"] }\nanndata-storage = \"0.1\"\nanndata-core = \"0.1\"\n```\nanndata-storage 0.1\n";
        let new = with_asked_for(page, &releases()?);
        let expected =
            page.replace("version = \"0.1\"", "version = \"0.2\"").replace("storage = \"0.1\"", "storage = \"0.2\"");
        assert_eq!(new, expected);
        Ok(())
    }
}
