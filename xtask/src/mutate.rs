//! `cargo xtask mutate`: files and stores of which bytes are changed are looked at in every way, and no process may end of it.

use crate::env::{Tools, anndata_python};
use crate::sh::{Error, Result, cargo, command, option, step, target};

const KNOWN: [&str; 6] = ["--h5ad", "--zarr", "--seed", "--jobs", "--sample", "--python"];

/// Build the example of that name and run it; with `--sample`, compare what was read with what Python reads.
///
/// # Errors
///
/// When a process panicked, died or hung, values differ, an argument is unknown, or the build fails.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let wanted = option(arguments, "--python", &KNOWN)?;
    let sample = option(arguments, "--sample", &KNOWN)?;
    let python = if sample.is_some() { anndata_python(wanted)? } else { None };
    let mut build = cargo();
    build.args(["build", "--package", "anndata-tests", "--example", "mutate"]);
    step("build", Tools::bring()?.apply(&mut build))?;
    let program = target().join("debug/examples").join(format!("mutate{}", std::env::consts::EXE_SUFFIX));
    let mut mutate = command(program);
    for pair in arguments.chunks(2).filter(|pair| pair.first() != Some(&"--python")) {
        mutate.args(pair);
    }
    if sample.is_none() {
        return step("mutate", &mut mutate);
    }
    let python = python.ok_or_else(|| Error::new("--sample needs a Python to compare with"))?;
    let folder = target().join("mutated");
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder)?;
    }
    let looked = step("mutate", mutate.arg("--folder").arg(&folder));
    let mut compare = command(python);
    compare.args(["-W", "ignore", "tests/python/mutated.py"]).arg(folder.join("kept"));
    looked.and(step("compare with Python", &mut compare))
}
