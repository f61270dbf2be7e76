//! `cargo xtask ci`: everything that has to pass before a change goes in. Stops at the first failure.

use std::time::Instant;

use crate::env::Tools;
use crate::features;
use crate::sh::{Result, Selection, WORKSPACE, cargo, step};

/// Run every check.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    step("format", cargo().args(["fmt", "--all", "--check"]))?;
    let tools = Tools::bring()?;
    // With all features, but for those that build DataFusion: their lints, which build it once more, are made by hand
    // (`cargo xtask sql --lints`).
    let features = features::every()?;
    let checked = [WORKSPACE.as_slice(), &["--features", &features]].concat();
    let mut clippy = cargo();
    clippy.arg("clippy").args(&checked).args(["--all-targets", "--", "--deny", "warnings"]);
    step("lints", tools.apply(&mut clippy))?;
    crate::tidy::run()?;
    let mut doc = cargo();
    doc.arg("doc").args(&checked).arg("--no-deps").env("RUSTDOCFLAGS", "--deny warnings");
    step("documentation", tools.apply(&mut doc))?;
    features::quick(&tools)?;
    // With what the tests are built with, so that nothing is built twice: an example has the features of dependencies that only tests
    // ask for.
    let command = ["--bin", "anndata", "--example", "conformance"];
    crate::demo::run(&[Selection::Everything.arguments().as_slice(), &command].concat())?;
    // One seed, so that what fails is what was changed; other runs of the tests look at new values each time.
    crate::test::run(&["--sql", "--seed", "20261126"])?;
    println!("\nall passed in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
