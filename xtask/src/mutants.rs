//! `cargo xtask mutants`: the code of sparse matrices, selection and concatenation, changed in one place at a time; a test has to fail.

use std::path::{Path, PathBuf};

use crate::env::{self, CargoTool, Tools};
use crate::sh::{Error, Result, command, option, output, root, step, target};
use crate::tidy;

const SCRIPT: &str = "tests/python/mutants.py";

/// What is changed.
const FILES: [&str; 7] = [
    "crates/anndata-array/src/sparse.rs",
    "crates/anndata-array/src/sparse/**",
    "crates/anndata-core/src/concat.rs",
    "crates/anndata-core/src/concat/**",
    "crates/anndata-core/src/select.rs",
    "crates/anndata-core/src/selector.rs",
    "crates/anndata-core/src/selector/**",
];

/// The crates that these are in, and those whose tests run besides their own.
const PACKAGES: [&str; 2] = ["anndata-array", "anndata-core"];
const TESTED_BY: [&str; 3] = ["anndata-format", "anndata-tests", "anndata-experimental"];

/// What lists the changes.
const TOOL: CargoTool = CargoTool { name: "cargo-mutants", version: "27.1.0" };

/// Try all mutants, or with `--earlier FILE` those that were not caught there.
///
/// # Errors
///
/// When something cannot be installed, or a change is in code that does not compile without it.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let known = ["--earlier", "--python"];
    let earlier = option(arguments, "--earlier", &known)?;
    let wanted = option(arguments, "--python", &known)?;
    let python = env::anndata_python_with(wanted, env::MUTANTS)?.ok_or_else(|| Error::new(env::no_python()))?;
    let mut listed = command(TOOL.bring()?);
    listed.current_dir(root()).args(["mutants", "--list", "--json"]);
    for file in FILES {
        listed.args(["-f", file]);
    }
    let folder = target().join("mutants");
    std::fs::create_dir_all(&folder)?;
    let list = folder.join("list.json");
    std::fs::write(&list, output(&mut listed)?)?;
    let tree = copy_of_the_workspace(&folder)?;
    let mut mutants = command(python);
    mutants.arg(root().join(SCRIPT)).arg("--tree").arg(tree).arg("--list").arg(list);
    for package in PACKAGES {
        mutants.args(["--package", package]);
    }
    for package in TESTED_BY {
        mutants.args(["--test", package]);
    }
    if let Some(earlier) = earlier {
        mutants.arg("--earlier").arg(root().join(earlier));
    }
    mutants.arg("--out").arg(folder.join("results.json")).env("CARGO_TARGET_DIR", target());
    step("try each mutant", Tools::bring()?.apply(&mut mutants))
}

/// The files of the project, copied below `folder`.
fn copy_of_the_workspace(folder: &Path) -> Result<PathBuf> {
    let tree = folder.join("tree");
    if tree.exists() {
        std::fs::remove_dir_all(&tree)?;
    }
    // What git knows of may be gone.
    for path in tidy::paths()?.iter().filter(|path| root().join(path).is_file()) {
        let copy = tree.join(path);
        if let Some(folder) = copy.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::copy(root().join(path), copy)?;
    }
    Ok(tree)
}
