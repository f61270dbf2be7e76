//! `cargo xtask features`: every set of features compiles, without a warning: none, each alone, all. `cargo xtask ci` checks none of each
//! package; all of them together are what its lints build.
//!
//! The sets are those of the manifests, so that a new feature is checked from its first day. Clippy takes the place of
//! `cargo check`: it makes warnings errors without building the dependencies anew, and knows the declared Rust
//! (`rust-version`), so that nothing of the standard library is used that is newer. And files are read without any C.

use serde_json::Value;

use crate::env::Tools;
use crate::sh::{Error, Result, cargo, output, step, target};

/// The crates that build DataFusion, and the features of others that do: `cargo xtask sql` checks them, with one set of features.
const WITH_DATAFUSION: [&str; 4] = ["anndata-datafusion", "anndata-ballista", "sql", "cluster"];

/// Check every set of every package that is published, and what zarr stores say without the codecs that are rare.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn run() -> Result<()> {
    let tools = Tools::bring()?;
    check(&tools, sets)?;
    // The tests of ci are built with the rare codecs.
    let mut without = cargo();
    without.args(["test", "--package", "anndata-io-zarr", "--test", "codecs"]);
    step("zarr codecs without those that are rare", tools.apply(&mut without))?;
    let mut check = cargo();
    check.args(["check", "--quiet"]).args(RUST_ALONE).arg("--target-dir").arg(target().join("no-c"));
    for compiler in ["CC", "CXX", "AR", "CMAKE", "HOST_CC", "TARGET_CC"] {
        check.env(compiler, "/bin/false");
    }
    step("reading files needs no C compiler", &mut check)
}

/// Check what does not take long: every package without features, and that nothing asks for a C compiler where it must not.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn quick(tools: &Tools) -> Result<()> {
    check(tools, |_| vec![String::new()])?;
    let mut tree = cargo();
    tree.args(["tree", "--quiet", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]).args(RUST_ALONE);
    let tree = output(&mut tree)?;
    let builders = builders_of_c(&tree);
    if builders.is_empty() {
        return Ok(());
    }
    let features = RUST_ALONE.last().unwrap_or(&"");
    Err(Error::new(format!(
        "reading files needs no C compiler, but with the features {features}: {}",
        builders.join(", ")
    )))
}

/// The set of features of which it is promised that no C compiler is needed.
const RUST_ALONE: [&str; 5] = ["--package", "anndata-rs", "--no-default-features", "--features", "hdf5-read,zarr"];

/// Those packages of a tree with which build scripts call a C compiler, or look for what it made.
fn builders_of_c(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut found: Vec<&str> = names.filter(|name| ["cc", "cmake", "bindgen", "pkg-config"].contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Check some sets of the features of every package that is published and has some. Where there are none, the lints of the workspace
/// were enough.
fn check(tools: &Tools, sets: impl Fn(&[String]) -> Vec<String>) -> Result<()> {
    for Package { name, features } in packages()?.iter().filter(|package| !package.features.is_empty()) {
        for set in sets(features) {
            let title = format!("{name}, features: {}", if set.is_empty() { "none" } else { &set });
            let mut check = cargo();
            check.args(["clippy", "--quiet", "--package", name, "--no-default-features", "--features", &set]);
            step(&title, tools.apply(check.args(["--", "--deny", "warnings"])))?;
        }
    }
    Ok(())
}

/// All features of all packages that are published, as an argument of cargo.
///
/// # Errors
///
/// When cargo does not say which there are.
pub(crate) fn every() -> Result<String> {
    let of = |Package { name, features }: Package| features.into_iter().map(move |feature| format!("{name}/{feature}"));
    Ok(packages()?.into_iter().flat_map(of).collect::<Vec<_>>().join(","))
}

/// A package that is published, and its features.
struct Package {
    name: String,
    features: Vec<String>,
}

/// Those that do not build DataFusion.
fn packages() -> Result<Vec<Package>> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--quiet"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| Error::new(format!("cargo metadata: {e}")))?;
    let published =
        metadata["packages"].as_array().into_iter().flatten().filter(|package| package["publish"].is_null());
    let packages = published.filter_map(|package| {
        let (name, features) = (package["name"].as_str()?, package["features"].as_object()?);
        let is_checked = |feature: &&String| *feature != "default" && !WITH_DATAFUSION.contains(&feature.as_str());
        Some(Package { name: name.to_owned(), features: features.keys().filter(is_checked).cloned().collect() })
    });
    Ok(packages.filter(|package| !WITH_DATAFUSION.contains(&package.name.as_str())).collect())
}

/// None, each alone, all.
fn sets(features: &[String]) -> Vec<String> {
    let mut sets = vec![String::new()];
    sets.extend_from_slice(features);
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
        assert_eq!(sets(&["testkit".to_owned()]), ["", "testkit"]);
        assert_eq!(sets(&["cloud", "zarr"].map(str::to_owned)), ["", "cloud", "zarr", "cloud,zarr"]);
    }

    #[test]
    fn what_builds_c_is_found() {
        assert_eq!(builders_of_c("anndata-rs v0.1.0 (here)\nlinux-raw-sys v0.12.1\naccess v1.0.0\n"), [""; 0]);
        assert_eq!(builders_of_c("zstd-sys v2.1.2\ncmake v0.1.5\ncc v1.2.0\ncc v1.2.0 (*)\n"), ["cc", "cmake"]);
    }
}
