//! Every dependency, with all features, may be used under an accepted licence, comes from the registry, and is there once.
//!
//! What advisories say needs their database; `cargo deny check advisories` or `cargo audit` ask it where there is a network.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::File;
use super::{metadata, text};
use crate::sh::Result;

/// Licences that go with MIT and Apache-2.0 in a program that is given away.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages with another one, and why that is right.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("hdf5-metno-src", "no expression: the HDF5 library, whose own licence is like BSD-3-Clause"),
    ("libfuzzer-sys", "NCSA, like BSD-3-Clause: libFuzzer, in the fuzzer alone"),
    ("webpki-root-certs", "CDLA-Permissive-2.0: data, which ask for nothing of what is made with them"),
];

/// Packages that are there in more than one version, as those that ask for them do not agree.
const TWICE: &[&str] = &[
    "atoi_simd",
    "base64",
    "block-buffer",
    "crypto-common",
    "digest",
    "embedded-hal",
    "foldhash",
    "getrandom",
    "hashbrown",
    "itertools",
    "lru",
    "miniz_oxide",
    "monostate",
    "monostate-impl",
    "nb",
    "nom",
    "num-bigint",
    "object",
    "object_store",
    "phf",
    "phf_shared",
    "prettyplease",
    "quick-xml",
    "r-efi",
    "rand",
    "rand_core",
    "rand_distr",
    "spin",
    "syn",
    "thiserror",
    "thiserror-impl",
    "tower-http",
    "typed-path",
    "windows-sys",
    "zip",
    "zstd",
    "zstd-safe",
];

/// Look at all dependencies.
pub(crate) fn check(_: &[File]) -> Result<Vec<String>> {
    let packages = metadata(&["--all-features"])?;
    let foreign: Vec<&Value> = packages.iter().filter(|package| !package["source"].is_null()).collect();
    let mut found: Vec<String> = foreign.iter().filter_map(|package| wrong(package)).collect();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in foreign {
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    for (name, versions) in versions.iter().filter(|(name, versions)| versions.len() > 1 && !TWICE.contains(name)) {
        found.push(format!("{name} is there in versions {versions:?}; if that cannot be helped, it is named in TWICE"));
    }
    Ok(found)
}

/// What is wrong with a package.
fn wrong(package: &Value) -> Option<String> {
    let (name, version, licence) = (text(package, "name"), text(package, "version"), text(package, "license"));
    if !text(package, "source").starts_with("registry+") {
        return Some(format!("{name} {version} is not from the registry"));
    }
    let is_right = is_accepted(licence) || EXCEPTIONS.iter().any(|(exception, _)| *exception == name);
    (!is_right).then(|| format!("{name} {version}: the licence {licence} is not accepted"))
}

/// Whether an expression of licences can be met by accepted ones. `/` is an older way to write `OR`.
fn is_accepted(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) && rest.is_empty()
}

fn either(rest: &mut &[&str]) -> bool {
    let mut met = all(rest);
    while next_is(rest, "OR") {
        met |= all(rest);
    }
    met
}

fn all(rest: &mut &[&str]) -> bool {
    let mut met = one(rest);
    while next_is(rest, "AND") {
        met &= one(rest);
    }
    met
}

fn one(rest: &mut &[&str]) -> bool {
    if next_is(rest, "(") {
        let met = either(rest);
        return next_is(rest, ")") && met;
    }
    let Some((licence, after)) = rest.split_first() else { return false };
    *rest = after;
    if next_is(rest, "WITH") {
        let Some((exception, after)) = rest.split_first() else { return false };
        *rest = after;
        return ACCEPTED.contains(&format!("{licence} WITH {exception}").as_str());
    }
    ACCEPTED.contains(licence)
}

/// Takes a word, if it is the next.
fn next_is(rest: &mut &[&str], word: &str) -> bool {
    match rest.split_first() {
        Some((next, after)) if *next == word => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_by_accepted_licences() {
        for right in [
            "MIT",
            "MIT OR LGPL-2.1-or-later",
            "GPL-3.0-only/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
            "ISC AND (GPL-2.0-only OR ISC)",
        ] {
            assert!(is_accepted(right), "{right}");
        }
        for wrong in
            ["", "?", "GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR Apache-2.0) AND MPL-2.0", "MIT MIT", "(MIT"]
        {
            assert!(!is_accepted(wrong), "{wrong}");
        }
    }

    #[test]
    fn packages_that_are_wrong_are_named() {
        let package = |licence: &str, source: &str| serde_json::json!({"name": "x", "version": "1.0.0", "license": licence, "source": source});
        assert_eq!(wrong(&package("MIT", "registry+x")), None);
        assert_eq!(wrong(&package("MIT", "git+x")), Some("x 1.0.0 is not from the registry".into()));
        assert_eq!(
            wrong(&package("GPL-3.0-only", "registry+x")),
            Some("x 1.0.0: the licence GPL-3.0-only is not accepted".into())
        );
    }
}
