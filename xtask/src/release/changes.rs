//! What changed in a crate since its last tag, by path and by public API.

use std::collections::{BTreeMap, BTreeSet};

use super::api::{self, Difference, Surface};
use super::git::Git;
use super::version::{Level, Version};
use super::workspace::{Package, Workspace};
use crate::sh::{Error, Result};

/// Folders of a crate whose changes no user of the crate sees.
const UNSEEN: [&str; 4] = ["tests/", "examples/", "benches/", "proptest-regressions/"];

/// Another judge of what breaks, which compiles.
pub(crate) trait Comparer {
    /// The level that a crate needs since a tag, and what it found.
    ///
    /// # Errors
    ///
    /// When it comes to no judgement.
    fn compare(&self, workspace: &Workspace, package: &Package, tag: &str) -> Result<(Level, Vec<String>)>;
}

/// The changes of a crate.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The version that was released last; `None` before the first release.
    pub(crate) last: Option<Version>,
    /// The files that are packed and seen.
    pub(crate) files: Vec<String>,
    /// How much they raise the version; `None` without any.
    pub(crate) level: Option<Level>,
    /// The lowest level that a person may choose: without breaks that the sources show and a compiler does not.
    pub(crate) least: Option<Level>,
    /// What was found, for a reader.
    pub(crate) reasons: Vec<String>,
}

impl Changes {
    fn raise(&mut self, level: Level, reason: impl Into<String>) {
        self.level = self.level.max(Some(level));
        self.least = self.least.max(Some(level));
        self.reasons.push(reason.into());
    }
}

/// What changed in a crate.
///
/// # Errors
///
/// When Git, the sources or a trailer cannot be read, or `comparer` fails.
pub(crate) fn of(workspace: &Workspace, package: &Package, comparer: Option<&dyn Comparer>) -> Result<Changes> {
    let git = workspace.git();
    let mut changes = Changes { last: git.last_version(&package.name)?, ..Changes::default() };
    let Some(last) = changes.last else { return Ok(changes) };
    let tag = package.tag(last);
    let folder = format!("{}/", package.folder);
    let in_package = |path: &String| path.strip_prefix(&folder).unwrap_or(path).to_owned();
    changes.files = git.changed(&tag, &[&folder])?.iter().map(in_package).filter(|path| is_seen(path)).collect();
    if !changes.files.is_empty() {
        let count = changes.files.len();
        let files = if count == 1 { "file" } else { "files" };
        changes.raise(Level::Patch, format!("{count} {files} changed"));
    }
    if changes.files.iter().any(|path| path.starts_with("src/")) {
        compare_api(workspace, package, &tag, comparer, &mut changes)?;
    }
    compare_requirements(workspace, package, &tag, &mut changes)?;
    if let Some(level) = git.level_asked_for(&tag, &package.name, &folder)? {
        changes.raise(level, format!("a commit says: {level}"));
    }
    Ok(changes)
}

/// The API at a revision.
pub(crate) fn surface(git: Git<'_>, package: &Package, revision: &str) -> Result<Surface> {
    let Some(library) = &package.library else { return Ok(Surface::default()) };
    let sources = git.sources(revision, &package.folder)?;
    let crates: Vec<String> = package.dependencies.iter().map(|d| as_rust_spells(&d.name)).collect();
    api::read(library, &sources, &crates)
}

/// The name of the library of a crate of the workspace: the facade's is not that of its package.
pub(crate) fn as_rust_spells(package: &str) -> String {
    package.replace('-', "_")
}

fn is_seen(path: &str) -> bool {
    path != "CHANGELOG.md" && !UNSEEN.iter().any(|folder| path.starts_with(folder))
}

fn compare_api(
    workspace: &Workspace,
    package: &Package,
    tag: &str,
    comparer: Option<&dyn Comparer>,
    changes: &mut Changes,
) -> Result<()> {
    if package.library.is_none() {
        return Ok(());
    }
    let git = workspace.git();
    let (old, new) = (surface(git, package, tag)?, surface(git, package, "HEAD")?);
    let difference = Difference::between(&old, &new);
    let (level, mut least) = (difference.level(), difference.level());
    changes.level = changes.level.max(Some(level));
    changes.reasons.extend(difference.breaking.into_iter().map(|line| format!("breaks: {line}")));
    changes.reasons.extend(difference.added.into_iter().map(|line| format!("adds: {line}")));
    if let Some(comparer) = comparer {
        let (compiled, found) = comparer.compare(workspace, package, tag)?;
        changes.level = changes.level.max(Some(compiled));
        least = least.min(Level::Minor).max(compiled);
        changes.reasons.extend(found.into_iter().map(|line| format!("cargo-semver-checks: {line}")));
    }
    changes.least = changes.least.max(Some(least));
    Ok(())
}

/// What the manifest of the workspace gives to its crates.
fn compare_requirements(workspace: &Workspace, package: &Package, tag: &str, changes: &mut Changes) -> Result<()> {
    let git = workspace.git();
    let (old, new) = (git.show(tag, "Cargo.toml")?, git.show("HEAD", "Cargo.toml")?);
    let (before, after) = (entries(&old, "workspace.package"), entries(&new, "workspace.package"));
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (before.get(key).map_or("", String::as_str), after.get(key).map_or("", String::as_str));
        if was != is {
            // Who builds with an older compiler has to stay behind, which Cargo does for them.
            let level = if key == "rust-version" { Level::Minor } else { Level::Patch };
            changes.raise(level, format!("{key} was {was}, is {is}"));
        }
    }
    let (before, after) = (entries(&old, "workspace.dependencies"), entries(&new, "workspace.dependencies"));
    let mut public = None;
    for dependency in package.dependencies.iter().filter(|d| !d.is_sibling && !d.is_dev) {
        let (Some(was), Some(is)) = (before.get(&dependency.name), after.get(&dependency.name)) else { continue };
        if was == is {
            continue;
        }
        let crates = match &public {
            Some(crates) => crates,
            None => public.insert(surface(git, package, "HEAD")?.crates),
        };
        let breaks = crates.contains(&as_rust_spells(&dependency.name)) && !is_same_requirement(was, is)?;
        let level = if breaks { Level::Major } else { Level::Patch };
        let of_api = if breaks { ", whose types stand in the API," } else { "" };
        changes.raise(level, format!("{}{of_api} was {was}, is {is}", dependency.name));
    }
    Ok(())
}

/// Whether two entries of a table of dependencies ask for compatible versions.
fn is_same_requirement(one: &str, other: &str) -> Result<bool> {
    let significant = |entry: &str| {
        let text = match entry.split_once("version") {
            Some((_, after)) => after.trim_start_matches([' ', '=']),
            None => entry,
        };
        let version = text.trim_start_matches('"').split('"').next().unwrap_or_default();
        let numbers: Vec<&str> = version.trim_start_matches(['^', '=']).split('.').chain(["0", "0"]).take(3).collect();
        numbers
            .join(".")
            .parse::<Version>()
            .map(Version::significant)
            .map_err(|_| Error::new(format!("no version in {entry}")))
    };
    Ok(significant(one)? == significant(other)?)
}

/// The entries of a table of a manifest, each on one line or more: a key and what it is set to.
pub(crate) fn entries(manifest: &str, table: &str) -> BTreeMap<String, String> {
    let (mut found, mut is_inside, mut key) = (BTreeMap::<String, String>::new(), false, String::new());
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') && line.ends_with(']') && !line.contains('"') && !line.contains(',') {
            is_inside = line == format!("[{table}]");
            key.clear();
        } else if is_inside && !line.starts_with('#') {
            let is_key = |k: &str| k.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
            match line.split_once('=') {
                Some((k, value)) if is_key(k.trim()) => {
                    k.trim().clone_into(&mut key);
                    found.insert(key.clone(), value.trim().to_owned());
                }
                _ if key.is_empty() => {}
                _ => found.entry(key.clone()).or_default().push_str(line),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_table_are_read() {
        let manifest = "[package]\na = 1\n\n[workspace.dependencies]\n# Why.\narrow = \"59\"\nx = { version = \"1\", features = [\n    \"a\",\n    \"b\",\n] }\n\n[other]\ny = 2\n";
        let found = entries(manifest, "workspace.dependencies");
        let expected = [("arrow", "\"59\""), ("x", "{ version = \"1\", features = [\"a\",\"b\",] }")];
        assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn requirements_are_compared_as_cargo_reads_them() -> Result<()> {
        assert!(is_same_requirement("\"59\"", "{ version = \"59.2\", features = [] }")?);
        assert!(is_same_requirement("\"0.11.1\"", "\"0.11\"")?);
        assert!(!is_same_requirement("\"59\"", "\"60\"")?);
        assert!(!is_same_requirement("\"0.11\"", "{ default-features = false, version = \"0.12\" }")?);
        let error = is_same_requirement("{ git = \"x\" }", "\"1\"").err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("no version in { git = \"x\" }"));
        Ok(())
    }

    #[test]
    fn tests_and_changelogs_need_no_release() {
        let seen =
            ["src/lib.rs", "Cargo.toml", "README.md", "docs/guide.md", "tests/x.rs", "examples/a.rs", "CHANGELOG.md"];
        let seen: Vec<&str> = seen.into_iter().filter(|path| is_seen(path)).collect();
        assert_eq!(seen, ["src/lib.rs", "Cargo.toml", "README.md", "docs/guide.md"]);
    }
}
