//! Which crates are released, with which versions, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::changelog::{self, Entry};
use super::changes::{self, Changes, Comparer, as_rust_spells, surface};
use super::version::{Level, Version};
use super::workspace::{Package, Workspace};
use crate::sh::{Error, Result};

/// What the user asks for: one crate with what has to move with it, at a level.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) package: Option<&'a str>,
    pub(crate) level: Option<Level>,
}

/// The releases that follow, each after those that it depends on.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) releases: Vec<Release>,
}

/// A crate and its next version.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) package: Package,
    /// The last that has a tag.
    pub(crate) last: Option<Version>,
    pub(crate) next: Version,
    /// `None` for the first release.
    pub(crate) level: Option<Level>,
    pub(crate) reasons: Vec<String>,
    /// The lines of the changelog.
    pub(crate) log: Vec<Entry>,
}

impl Release {
    /// Whether requirements of the version before do not take the next one.
    fn is_breaking(&self) -> bool {
        self.last.is_some_and(|last| !self.next.is_compatible_with(last))
    }
}

/// Find out what is to be released.
///
/// # Errors
///
/// When a crate is not known, a level is asked for that is too low, or changes cannot be read.
pub(crate) fn make(workspace: &Workspace, wanted: &Wanted<'_>, comparer: Option<&dyn Comparer>) -> Result<Plan> {
    if wanted.level.is_some() && wanted.package.is_none() {
        return Err(Error::new("--level is of one crate: name it with --crate"));
    }
    // Before anything that takes time.
    wanted.package.map(|name| workspace.package(name)).transpose()?;
    let all = workspace.packages.iter().map(|p| Ok((p.name.as_str(), changes::of(workspace, p, comparer)?)));
    let mut all: BTreeMap<&str, Changes> = all.collect::<Result<_>>()?;
    if let (Some(name), Some(level)) = (wanted.package, wanted.level)
        && let Some(changes) = all.get_mut(name)
    {
        ask_for(level, name, changes)?;
    }
    let root = std::fs::read_to_string(workspace.root.join(changelog::ROOT)).unwrap_or_default();
    let mut log = changelog::unreleased(&root, workspace);
    let mut releases: Vec<Release> = Vec::new();
    for package in &workspace.packages {
        let Some(changes) = all.remove(package.name.as_str()) else { continue };
        let log = log.remove(&package.name).unwrap_or_default();
        releases.extend(release(workspace, package, changes, log, &releases)?);
    }
    if let Some(name) = wanted.package {
        let chosen = with_what_it_needs(workspace, name, &releases);
        if !chosen.contains(name) {
            return Err(Error::new(format!("{name} did not change since its last release")));
        }
        releases.retain(|release| chosen.contains(&release.package.name));
    }
    Ok(Plan { releases })
}

/// Take the level that a person names instead of the one that was found.
fn ask_for(level: Level, name: &str, changes: &mut Changes) -> Result<()> {
    let found = changes.least.unwrap_or(Level::Patch);
    if level < found {
        let reasons = changes.reasons.join("\n  ");
        return Err(Error::new(format!("{name} needs {found}, not {level}:\n  {reasons}")));
    }
    changes.level = Some(level);
    changes.reasons.push(format!("asked for: {level}"));
    Ok(())
}

/// The release of a crate, if there is one to make: changed itself, or left behind by what it depends on.
fn release(
    workspace: &Workspace,
    package: &Package,
    changes: Changes,
    mut log: Vec<Entry>,
    before: &[Release],
) -> Result<Option<Release>> {
    let Changes { last, mut level, mut reasons, .. } = changes;
    let Some(last) = last else {
        reasons.push("first release".into());
        return Ok(Some(Release { package: package.clone(), last, next: package.version, level: None, reasons, log }));
    };
    let siblings: BTreeSet<&str> = package.siblings().collect();
    let mut crates = None;
    for moved in before.iter().filter(|r| r.is_breaking() && siblings.contains(r.package.name.as_str())) {
        let crates = match &crates {
            Some(crates) => crates,
            None => crates.insert(surface(workspace.git(), package, "HEAD")?.crates),
        };
        let is_public = crates.contains(&as_rust_spells(&moved.package.name));
        level = level.max(Some(if is_public { Level::Major } else { Level::Patch }));
        let of_api = if is_public { ", whose types stand in its API" } else { "" };
        reasons.push(format!("depends on {} {}{of_api}", moved.package.name, moved.next));
        log.push(Entry::new("Changed", format!("Depends on `{}` {}.", moved.package.name, moved.next)));
    }
    let Some(level) = level else { return Ok(None) };
    // What is prepared already is enough, or is raised further.
    let next = last.after(level).max(package.version);
    if next == package.version {
        reasons.push(format!("{next} is prepared"));
    }
    Ok(Some(Release { package: package.clone(), last: Some(last), next, level: Some(level), reasons, log }))
}

/// A crate, those of its dependencies that are released, and those that a break of one of these leaves behind.
fn with_what_it_needs(workspace: &Workspace, name: &str, releases: &[Release]) -> BTreeSet<String> {
    let is_released = |name: &str| releases.iter().any(|release| release.package.name == name);
    let mut chosen: BTreeSet<String> = is_released(name).then(|| name.to_owned()).into_iter().collect();
    loop {
        let before = chosen.len();
        for package in &workspace.packages {
            let of_package = package.dependencies.iter().filter(|d| d.is_sibling && is_released(&d.name));
            if chosen.contains(&package.name) {
                chosen.extend(of_package.map(|d| d.name.clone()));
            } else if is_released(&package.name)
                && releases.iter().any(|release| {
                    let name = &release.package.name;
                    release.is_breaking() && chosen.contains(name) && package.siblings().any(|sibling| sibling == name)
                })
            {
                chosen.insert(package.name.clone());
            }
        }
        if chosen.len() == before {
            return chosen;
        }
    }
}

impl Plan {
    /// The plan as a table and the changelogs that belong to it.
    ///
    /// # Errors
    ///
    /// When Git does not answer.
    pub(crate) fn describe(&self, workspace: &Workspace, is_compiled: bool) -> Result<String> {
        let mut text = String::new();
        let with = if is_compiled {
            "cargo-semver-checks and the sources"
        } else {
            "the sources (--install brings cargo-semver-checks)"
        };
        // Writing to a text does not fail.
        let _ = writeln!(text, "Public APIs are compared by {with}.");
        if !workspace.git().dirty()?.is_empty() {
            let _ = writeln!(text, "What is not committed is not counted.");
        }
        if self.releases.is_empty() {
            let _ = writeln!(text, "Nothing to release: no crate changed since its last tag.");
            return Ok(text);
        }
        let _ = writeln!(text, "\n{:<22} {:>8} {:>8} level", "crate", "last", "next");
        for release in &self.releases {
            let last = release.last.map_or("none".into(), |last| last.to_string());
            let level = release.level.map_or("first".into(), |level| level.to_string());
            let _ = writeln!(text, "{:<22} {last:>8} {:>8} {level}", release.package.name, release.next);
        }
        let stay = workspace.packages.iter().filter(|p| self.releases.iter().all(|r| r.package.name != p.name));
        let stay: Vec<&str> = stay.map(|package| package.name.as_str()).collect();
        if !stay.is_empty() {
            let _ = writeln!(text, "unchanged: {}", stay.join(", "));
        }
        for release in &self.releases {
            let _ = writeln!(text, "\n{} {}", release.package.name, release.next);
            for reason in &release.reasons {
                let _ = writeln!(text, "  {reason}");
            }
            for line in changelog::section(release.next, &release.log, release.last.is_none()).lines() {
                let _ = writeln!(text, "{}", format!("  | {line}").trim_end());
            }
        }
        Ok(text)
    }
}
