//! Every set of features compiles, without a warning: none, each alone, all.
//!
//! The sets are those of the manifests, so that a new feature is checked from its first day. Clippy takes the place of
//! `cargo check`: it makes warnings errors without building the dependencies anew, and knows the declared Rust
//! (`rust-version`), so that nothing of the standard library is used that is newer. And files are read without any C.

use serde_json::Value;

use crate::env::Tools;
use crate::sh::{Error, Result, cargo, output, step, target};

/// The crates that build DataFusion, and the features of others that do: `cargo xtask sql` checks them, with one set of features.
const WITH_DATAFUSION: [&str; 4] = ["anndata-datafusion", "anndata-ballista", "sql", "cluster"];

/// Check every set of every package that is published.
///
/// # Errors
///
/// The first that does not compile.
pub(crate) fn run(tools: &Tools) -> Result<()> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--quiet"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| Error::new(format!("cargo metadata: {e}")))?;
    for package in metadata["packages"].as_array().into_iter().flatten().filter(|package| package["publish"].is_null())
    {
        let (Some(name), Some(features)) = (package["name"].as_str(), package["features"].as_object()) else {
            continue;
        };
        if WITH_DATAFUSION.contains(&name) {
            continue;
        }
        let features = features.keys().map(String::as_str);
        let features: Vec<&str> =
            features.filter(|feature| *feature != "default" && !WITH_DATAFUSION.contains(feature)).collect();
        // Where there are none, the lints of the workspace were enough.
        for set in sets(&features).iter().filter(|_| !features.is_empty()) {
            let title = format!("{name}, features: {}", if set.is_empty() { "none" } else { set });
            let mut check = cargo();
            check.args(["clippy", "--quiet", "--package", name, "--no-default-features", "--features", set]);
            step(&title, tools.apply(check.args(["--", "--deny", "warnings"])))?;
        }
    }
    reading_needs_no_c()
}

/// The set of features of which it is promised that no C compiler is needed.
const RUST_ALONE: [&str; 5] = ["--package", "anndata-rs", "--no-default-features", "--features", "hdf5-read,zarr"];

/// Files are read by Rust alone: it is built in a folder of its own, with compilers that fail.
fn reading_needs_no_c() -> Result<()> {
    let mut check = cargo();
    check.args(["check", "--quiet"]).args(RUST_ALONE).arg("--target-dir").arg(target().join("no-c"));
    for compiler in ["CC", "CXX", "AR", "CMAKE", "HOST_CC", "TARGET_CC"] {
        check.env(compiler, "/bin/false");
    }
    step("reading files needs no C compiler", &mut check)
}

/// None, each alone, all.
fn sets(features: &[&str]) -> Vec<String> {
    let mut sets = vec![String::new()];
    sets.extend(features.iter().map(|&feature| feature.to_owned()));
    if features.len() > 1 {
        sets.push(features.join(","));
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_none_each_alone_and_all() {
        assert_eq!(sets(&[]), [""]);
        assert_eq!(sets(&["testkit"]), ["", "testkit"]);
        assert_eq!(sets(&["cloud", "zarr"]), ["", "cloud", "zarr", "cloud,zarr"]);
    }
}
