//! `cargo xtask ci`: everything that has to pass before a change goes in. Stops at the first failure.

mod features;

use std::time::Instant;

use crate::env::Tools;
use crate::sh::{FEATURES, Result, WORKSPACE, cargo, step};

/// Run every check.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    step("format", cargo().args(["fmt", "--all", "--check"]))?;
    let tools = Tools::bring()?;
    let mut clippy = cargo();
    clippy.arg("clippy").args(WORKSPACE).arg("--all-targets").args(FEATURES).args(["--", "--deny", "warnings"]);
    step("lints", tools.apply(&mut clippy))?;
    crate::tidy::run()?;
    let mut doc = cargo();
    doc.arg("doc").args(WORKSPACE).arg("--no-deps").args(FEATURES).env("RUSTDOCFLAGS", "--deny warnings");
    step("documentation", tools.apply(&mut doc))?;
    features::run(&tools)?;
    // With what the tests are built with, so that nothing is built twice.
    crate::demo::run(&[WORKSPACE.as_slice(), &["--bin", "anndata"], &FEATURES].concat())?;
    // One seed, so that what fails is what was changed; other runs of the tests look at new values each time.
    crate::test::run(&["--seed", "20261126"])?;
    // Their lints build DataFusion once more: `cargo xtask sql --lints`, by hand.
    crate::sql::run(&["--seed", "20261126"])?;
    println!("\nall passed in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
