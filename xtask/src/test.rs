//! `cargo xtask test`: the comparison with Python anndata, the documentation tests and the Rust tests.
//!
//! All of them run, also after a failure. The Rust tests come last, so that their summary ends the output.

use crate::env::{ANNBATCH, Tools, anndata_python, anndata_python_with};
use crate::sh::{Error, Result, Selection, cargo, command, option, output, split_flag, step};

/// How many queries are asked with `--sql`: some of each kind, as each takes a second here. `cargo xtask sql` asks more.
const QUERIES: &str = "60";

/// Run all tests; with `--sql` those of the crates that build DataFusion too, and random queries. `--seed N` makes random values the same
/// in each run.
///
/// # Errors
///
/// Names every part that failed. If there is no Python for the comparison, it is left out with a line that says
/// so; with `CI=true` this is a failure.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (sql, arguments) = split_flag(arguments, "--sql");
    let known = ["--python", "--seed"];
    let wanted = option(&arguments, "--python", &known)?;
    let seed = option(&arguments, "--seed", &known)?;
    let tools = Tools::bring()?;
    let selection = if sql { Selection::Everything } else { Selection::WithoutDataFusion };
    let mut parts = vec![compare_with_python(selection, wanted), documentation_tests(selection, &tools)];
    if sql {
        parts.push(crate::sql::random_queries(&selection.arguments(), &tools, wanted, Some(QUERIES), seed));
    }
    parts.push(rust_tests(selection, &tools, wanted, seed));
    let failures: Vec<String> = parts.into_iter().filter_map(Result::err).map(|e| format!("FAILED: {e}")).collect();
    if failures.is_empty() { Ok(()) } else { Err(Error::new(failures.join("\n"))) }
}

/// Check the Python half of the comparison, then compare.
fn compare_with_python(selection: Selection, wanted: Option<&str>) -> Result<()> {
    if let Some(python) = anndata_python(wanted)? {
        let mut check = command(&python);
        check.args(["-W", "ignore", "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests/python"]);
        step("check the comparison itself", &mut check)?;
    }
    let mut arguments = vec!["--quick"];
    arguments.extend(wanted.into_iter().flat_map(|python| ["--python", python]));
    crate::conformance::run_built(selection, &arguments)
}

fn documentation_tests(selection: Selection, tools: &Tools) -> Result<()> {
    step("documentation tests", tools.apply(cargo().arg("test").args(selection.arguments()).arg("--doc")))
}

/// The tests that need Python, for zarr stores that it makes and for servers, get the one of the comparison.
fn rust_tests(selection: Selection, tools: &Tools, wanted: Option<&str>, seed: Option<&str>) -> Result<()> {
    let mut tests = cargo();
    if let Some(python) = anndata_python(wanted)? {
        tests.env("ANNDATA_PYTHON", python);
        if let Some(annbatch) = anndata_python_with(wanted, ANNBATCH)? {
            tests.env("ANNBATCH_PYTHON", annbatch);
        }
    }
    if output(cargo().args(["nextest", "--version"])).is_ok() {
        tests.args(["nextest", "run"]).args(selection.arguments());
    } else {
        tests.arg("test").args(selection.arguments()).arg("--all-targets");
    }
    if let Some(seed) = seed {
        tests.env("PROPTEST_RNG_SEED", seed);
    }
    let rare = match selection {
        Selection::WithoutDataFusion => codecs_of_zarrs(tools),
        Selection::Everything => Ok(()),
    };
    step("Rust tests", tools.apply(&mut tests)).and(rare)
}

/// The codecs that come with the feature `zarrs`, where the other tests are built without it.
fn codecs_of_zarrs(tools: &Tools) -> Result<()> {
    let arguments = ["test", "--package", "anndata-io-zarr", "--features", "zarrs", "--lib", "--test", "codecs"];
    step("tests of rare zarr codecs", tools.apply(cargo().args(arguments)))
}
