//! Changelogs: lines are written below `Unreleased` of the one at the root, and a release moves those of a crate to the
//! crate's own.
//!
//! A line that begins with the names of crates, `` - `anndata-storage`, `anndata-core`: … ``, is of these; any other is of the
//! facade, through which most users see a change.

use std::collections::BTreeMap;

use super::date::today;
use super::version::Version;
use super::workspace::Workspace;

/// The changelog of the workspace.
pub(crate) const ROOT: &str = "CHANGELOG.md";
/// The crate that a line is of that names none.
const FACADE: &str = "anndata-rs";
const UNRELEASED: &str = "## Unreleased";
/// The order of Keep a Changelog.
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// One line of a changelog, which may be longer than a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The heading that it is below.
    kind: String,
    text: String,
}

impl Entry {
    pub(crate) fn new(kind: &str, text: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), text: text.into() }
    }
}

/// A part of a changelog: what is kept as it is, or an entry with the crates that it is of.
#[derive(Debug)]
enum Part<'a> {
    Kept(&'a str),
    Entry { owners: Vec<&'a str>, entry: Entry },
}

/// The lines below `Unreleased` of each crate.
pub(crate) fn unreleased(root: &str, workspace: &Workspace) -> BTreeMap<String, Vec<Entry>> {
    let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut found: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for part in parts(root, &names) {
        let Part::Entry { owners, entry } = part else { continue };
        for owner in owners {
            found.entry(owner.to_owned()).or_default().push(entry.clone());
        }
    }
    found
}

/// The changelog of the workspace without the lines of some crates. A line that is of others too stays for them.
pub(crate) fn without(root: &str, released: &[&str], workspace: &Workspace) -> String {
    let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut text = String::new();
    for part in parts(root, &names) {
        match part {
            Part::Kept(line) => text.push_str(line),
            Part::Entry { owners, entry } => {
                let rest: Vec<&str> = owners.iter().copied().filter(|owner| !released.contains(owner)).collect();
                if rest.is_empty() {
                    continue;
                }
                let label: Vec<String> = rest.iter().map(|name| format!("`{name}`")).collect();
                let label = if rest == [FACADE] { String::new() } else { format!("{}: ", label.join(", ")) };
                text.push_str(&bullet(&format!("{label}{}", entry.text)));
            }
        }
    }
    without_empty_headings(&text)
}

/// The section of a release.
pub(crate) fn section(version: Version, log: &[Entry], is_first: bool) -> String {
    let mut text = format!("## {version} - {}\n", today());
    if log.is_empty() {
        text.push_str(if is_first { "\nThe first release.\n" } else { "\nNothing that users of the crate see.\n" });
    }
    let others = log.iter().map(|entry| entry.kind.as_str()).filter(|kind| !KINDS.contains(kind));
    for kind in KINDS.into_iter().chain(others) {
        let heading = format!("\n### {kind}\n\n");
        let mut entries = log.iter().filter(|entry| entry.kind == kind).peekable();
        if entries.peek().is_some() && !text.contains(&heading) {
            text.push_str(&heading);
            text.extend(entries.map(|entry| bullet(&entry.text)));
        }
    }
    text
}

/// The changelog of a crate with the section of a release on top. Lines that it has for this version, of a preparation that
/// was not published, stay in the section.
pub(crate) fn with_release(old: Option<&str>, name: &str, version: Version, log: &[Entry], is_first: bool) -> String {
    let heading = format!("\n## {version} - ");
    let Some((before, rest)) = old.and_then(|old| old.split_once(&heading)) else {
        return with_section(old, name, &section(version, log, is_first));
    };
    if log.is_empty() {
        return old.unwrap_or_default().to_owned();
    }
    let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
    let (there, after) = rest.split_at(end);
    let there = format!("{UNRELEASED}\n{}", there.split_once('\n').map_or("", |(_, lines)| lines));
    let entries = parts(&there, &[]).into_iter().filter_map(|part| match part {
        Part::Entry { entry, .. } => Some(entry),
        Part::Kept(_) => None,
    });
    let all: Vec<Entry> = entries.chain(log.iter().cloned()).collect();
    with_section(Some(&format!("{before}\n{after}")), name, &section(version, &all, is_first))
}

/// The changelog of a crate with a new section on top.
fn with_section(old: Option<&str>, name: &str, section: &str) -> String {
    let head = format!(
        "# Changelog of `{name}`\n\nIn the form of [Keep a Changelog](https://keepachangelog.com); versions follow\n\
         [Semantic Versioning](https://semver.org).\n"
    );
    let old = old.unwrap_or(&head);
    let at = old.find("\n## ").map_or(old.len(), |at| at + 1);
    let (before, after) = old.split_at(at);
    let gap = if after.is_empty() { "" } else { "\n" };
    format!("{}\n\n{section}{gap}{after}", before.trim_end())
}

/// An entry as it stands in a file.
fn bullet(text: &str) -> String {
    format!("- {}\n", text.replace('\n', "\n  "))
}

/// The parts of a changelog in order.
fn parts<'a>(root: &'a str, names: &[&'a str]) -> Vec<Part<'a>> {
    let (mut parts, mut is_inside, mut kind) = (Vec::new(), false, "Changed".to_owned());
    for line in root.split_inclusive('\n') {
        let text = line.trim_end();
        if let Some(heading) = text.strip_prefix("### ") {
            heading.clone_into(&mut kind);
        } else if text.starts_with("## ") {
            is_inside = text == UNRELEASED;
        } else if let (true, Some(text)) = (is_inside, text.strip_prefix("- ")) {
            let (owners, text) = owners(text, names);
            parts.push(Part::Entry { owners, entry: Entry::new(&kind, text) });
            continue;
        } else if let (true, false, Some(Part::Entry { entry, .. })) = (is_inside, text.is_empty(), parts.last_mut()) {
            // The next line of an entry.
            entry.text.push('\n');
            entry.text.push_str(text.strip_prefix("  ").unwrap_or(text));
            continue;
        }
        parts.push(Part::Kept(line));
    }
    parts
}

/// The crates that a line begins with, and the rest of it.
fn owners<'a>(line: &'a str, names: &[&'a str]) -> (Vec<&'a str>, String) {
    let Some((label, rest)) = line.split_once("`: ") else { return (vec![FACADE], line.to_owned()) };
    let crates: Vec<&str> = label.split(", ").map(|name| name.trim_start_matches('`').trim_end_matches('`')).collect();
    if label.starts_with('`') && crates.iter().all(|name| names.contains(name)) {
        return (crates, rest.to_owned());
    }
    (vec![FACADE], line.to_owned())
}

/// Headings that have nothing below them any more are left out.
fn without_empty_headings(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    for (position, line) in lines.iter().enumerate() {
        if line.starts_with("### ") {
            let next = lines.iter().skip(position + 1).find(|line| !line.is_empty());
            if next.is_none_or(|next| next.starts_with('#')) {
                continue;
            }
        }
        if !(line.is_empty() && kept.last().is_some_and(|last| last.is_empty())) {
            kept.push(line);
        }
    }
    format!("{}\n", kept.join("\n").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sh::Result;

    const LOG: &str = "# Changelog\n\nIntro.\n\n## Unreleased\n\n### Added\n\n- `anndata-storage`, `anndata-core`: dtypes,\n  and more.\n\
                       - Views: `AnnData::select`.\n- `Schema`: what an element is.\n\n### Fixed\n\n- `anndata-core`: a mistake.\n\n## Old\n\n- Kept.\n";

    fn workspace() -> Result<Workspace> {
        let package = |name: &str| {
            Ok(super::super::workspace::Package {
                name: name.into(),
                folder: name.into(),
                version: "0.1.0".parse()?,
                dependencies: Vec::new(),
                library: None,
            })
        };
        let packages = ["anndata-storage", "anndata-core", "anndata-rs"].map(package);
        let packages = packages.into_iter().collect::<Result<_>>()?;
        Ok(Workspace { root: "".into(), target: "".into(), home: None, packages })
    }

    #[test]
    fn lines_belong_to_the_crates_that_they_name() -> Result<()> {
        let found = unreleased(LOG, &workspace()?);
        let dtypes = Entry::new("Added", "dtypes,\nand more.");
        assert_eq!(found["anndata-storage"], std::slice::from_ref(&dtypes));
        assert_eq!(found["anndata-core"], [dtypes, Entry::new("Fixed", "a mistake.")]);
        let facade = ["Views: `AnnData::select`.", "`Schema`: what an element is."];
        assert_eq!(found["anndata-rs"], facade.map(|text| Entry::new("Added", text)));
        Ok(())
    }

    #[test]
    fn what_is_released_leaves_the_list() -> Result<()> {
        let rest = without(LOG, &["anndata-core"], &workspace()?);
        let expected = "# Changelog\n\nIntro.\n\n## Unreleased\n\n### Added\n\n- `anndata-storage`: dtypes,\n  and more.\n\
                        - Views: `AnnData::select`.\n- `Schema`: what an element is.\n\n## Old\n\n- Kept.\n";
        assert_eq!(rest, expected);
        let all = ["anndata-core", "anndata-storage", "anndata-rs"];
        assert_eq!(without(LOG, &all, &workspace()?), "# Changelog\n\nIntro.\n\n## Unreleased\n\n## Old\n\n- Kept.\n");
        assert_eq!(without(LOG, &[], &workspace()?).len(), LOG.len());
        Ok(())
    }

    #[test]
    fn a_section_comes_above_the_older_ones() -> Result<()> {
        let log = [Entry::new("Fixed", "a mistake."), Entry::new("Added", "dtypes,\nand more.")];
        let new = section("0.2.0".parse()?, &log, false);
        let head = format!("## 0.2.0 - {}\n", today());
        assert_eq!(new, format!("{head}\n### Added\n\n- dtypes,\n  and more.\n\n### Fixed\n\n- a mistake.\n"));
        let first = with_section(None, "anndata-core", "## 0.1.0 - 2026-01-01\n\nThe first release.\n");
        assert!(
            first.starts_with("# Changelog of `anndata-core`\n\nIn the form") && first.ends_with("first release.\n")
        );
        let second = with_section(Some(&first), "anndata-core", &new);
        assert_eq!(second.matches("## 0.").count(), 2, "{second}");
        let again =
            with_release(Some(&second), "anndata-core", "0.2.0".parse()?, &[Entry::new("Fixed", "another.")], false);
        assert_eq!(again, second.replace("- a mistake.\n", "- a mistake.\n- another.\n"));
        assert_eq!(with_release(Some(&second), "anndata-core", "0.2.0".parse()?, &[], false), second);
        assert!(
            second.find("## 0.2.0") < second.find("## 0.1.0") && second.contains("mistake.\n\n## 0.1.0"),
            "{second}"
        );
        Ok(())
    }
}
