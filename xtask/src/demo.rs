//! `cargo xtask demo`: the main job on a real file, with the `anndata` command as a user would type it.

use std::path::PathBuf;

use crate::env::Tools;
use crate::sh::{Error, Result, cargo, command, root, step, target};

const INPUT: &str = "tests/fixtures/demo.h5ad";
const OUTPUT: &str = "target/demo/demo-gzip.h5ad";
const STORE: &str = "target/demo/demo.zarr";
const BACK: &str = "target/demo/demo-back.h5ad";

/// The demonstration, one command a line. A new capability is one more line.
const COMMANDS: &[&[&str]] = &[
    &["show", INPUT],
    &["show", "--tree", INPUT],
    &["convert", INPUT, OUTPUT, "--compression", "gzip", "--overwrite"],
    &["show", OUTPUT],
    &["convert", INPUT, STORE, "--overwrite"],
    &["show", "--tree", STORE],
    &["convert", STORE, BACK, "--overwrite"],
    &["show", BACK],
];

/// Build the command, selected by these arguments of cargo, and run the demonstration.
///
/// # Errors
///
/// When the build or one of the commands fails.
pub(crate) fn run(selection: &[&str]) -> Result<()> {
    let binary = build_binary(&Tools::bring()?, selection)?;
    std::fs::create_dir_all(root().join("target/demo"))?;
    for arguments in COMMANDS {
        let line = format!("anndata {}", arguments.join(" "));
        step(&line, command(&binary).args(*arguments))?;
    }
    for path in [INPUT, OUTPUT, BACK] {
        println!("{:>9} bytes  {path}", std::fs::metadata(root().join(path))?.len());
    }
    Ok(())
}

/// Build the `anndata` command and say where it is.
fn build_binary(tools: &Tools, selection: &[&str]) -> Result<PathBuf> {
    let mut build = cargo();
    build.arg("build").args(selection);
    step("build the anndata command", tools.apply(&mut build))?;
    let binary = target().join("debug").join(format!("anndata{}", std::env::consts::EXE_SUFFIX));
    if binary.exists() { Ok(binary) } else { Err(Error::new(format!("no command at {}", binary.display()))) }
}
