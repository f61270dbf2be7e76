//! `cargo xtask mutants`: the code of sparse matrices, selection and concatenation, changed in one place at a time; a test has to fail.

use std::path::{Path, PathBuf};

use crate::env::{self, Tools};
use crate::sh::{Error, Result, cargo, command, option, output, root, step, target};

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

/// `cargo-mutants`, which lists the changes.
const VERSION: &str = "27.1.0";

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
    let mut listed = command(cargo_mutants()?);
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

/// What git knows of, copied below `folder`.
fn copy_of_the_workspace(folder: &Path) -> Result<PathBuf> {
    let tree = folder.join("tree");
    if tree.exists() {
        std::fs::remove_dir_all(&tree)?;
    }
    let mut git = command("git");
    git.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    for file in output(&mut git)?.split('\0').filter(|file| root().join(file).is_file()) {
        let copy = tree.join(file);
        std::fs::create_dir_all(copy.parent().unwrap_or(&tree))?;
        std::fs::copy(root().join(file), copy)?;
    }
    Ok(tree)
}

/// The command, installed below `target/tools` if need be, which takes several minutes.
fn cargo_mutants() -> Result<PathBuf> {
    let folder = target().join("tools");
    let program = folder.join("bin").join(format!("cargo-mutants{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let mut install = cargo();
        install.args(["install", "--debug", "--locked", "cargo-mutants", "--version", VERSION, "--root"]);
        step("install cargo-mutants", install.arg(folder))?;
    }
    Ok(program)
}
