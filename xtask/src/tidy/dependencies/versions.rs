//! The crates of the workspace ask for one major version of each dependency. What their dependencies bring in several is
//! listed: it costs time to build, and is not theirs to choose.

use std::collections::{BTreeMap, BTreeSet};

use super::super::File;
use super::{declared, metadata, text};
use crate::sh::Result;

/// Compare what the manifests ask for, and list what the lock file has more than once.
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let mut asked: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for package in metadata(&["--no-deps"])? {
        for dependency in declared(&package).filter(|dependency| dependency["path"].is_null()) {
            let of = asked.entry(text(dependency, "name").to_owned()).or_default();
            of.entry(major(text(dependency, "req"))).or_default().insert(text(&package, "name").to_owned());
        }
    }
    if let Some(lock) = files.iter().find(|file| file.path == "Cargo.lock") {
        let several = several(&lock.text);
        let several: Vec<String> = several.iter().map(|(name, majors)| format!("{name} {}", join(majors))).collect();
        println!("     in several versions: {}", several.join(", "));
    }
    let asked = asked.into_iter().filter(|(_, versions)| versions.len() > 1);
    let complaint = |(name, versions): (String, BTreeMap<String, BTreeSet<String>>)| {
        let versions = versions.iter().map(|(version, by)| format!("{version} by {}", join(by)));
        format!("{name} is asked for in several versions: {}", versions.collect::<Vec<_>>().join("; "))
    };
    Ok(asked.map(complaint).collect())
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The part of a version or a requirement that tells incompatible ones apart.
fn major(version: &str) -> String {
    let version = version.trim_start_matches(['^', '=', '~', '>', ' ']);
    let mut numbers = version.split(['.', ',', '+', '-']);
    match (numbers.next().unwrap_or_default(), numbers.next()) {
        ("0", Some(minor)) => format!("0.{minor}"),
        (major, _) => major.to_owned(),
    }
}

/// The packages of a lock file that it has in incompatible versions.
fn several(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let value = |line: &str, key: &str| {
        line.strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(" = \""))
            .map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let (mut found, mut name): (BTreeMap<String, BTreeSet<String>>, String) = (BTreeMap::new(), String::new());
    for line in lock.lines() {
        if let Some(next) = value(line, "name") {
            name = next;
        } else if let Some(version) = value(line, "version") {
            found.entry(name.clone()).or_default().insert(major(&version));
        }
    }
    found.retain(|_, majors| majors.len() > 1);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incompatible_versions_are_told_apart() {
        let parts = ["^0.22", "0.22.1", "^59", "59.2.0", "=1.2.3", "^1"].map(major);
        assert_eq!(parts, ["0.22", "0.22", "59", "59", "1", "1"]);
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"1.2.0\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"b\"\nversion = \"0.2.0\"\n";
        assert_eq!(several(lock), [("b".to_owned(), ["0.1".to_owned(), "0.2".to_owned()].into())].into());
    }
}
