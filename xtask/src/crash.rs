//! `cargo xtask crash`: processes that write are killed at random instants, or find the disk full, and the old or the new object
//! has to be there.

use crate::env::Tools;
use crate::sh::{Result, cargo, command, option, step, target};

/// Build the example of that name and run it.
///
/// # Errors
///
/// When something else than the old or the new object was found, an argument is unknown, or the build fails.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    // An argument that is wrong is told of before anything is built.
    option(arguments, "--rounds", &["--rounds", "--full-disks", "--seed", "--only"])?;
    let mut build = cargo();
    build.args(["build", "--package", "anndata-tests", "--example", "crash"]);
    step("build", Tools::bring()?.apply(&mut build))?;
    let program = target().join("debug/examples").join(format!("crash{}", std::env::consts::EXE_SUFFIX));
    step("crash", command(program).args(arguments))
}
