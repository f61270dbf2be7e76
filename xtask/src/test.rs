//! `cargo xtask test`: the comparison with Python anndata, the documentation tests and the Rust tests.
//!
//! All of them run, also after a failure. The Rust tests come last, so that their summary ends the output.

use crate::demo::build_binary;
use crate::env::{Tools, anndata_python, no_python};
use crate::sh::{Error, Result, cargo, command, option, output, step};

/// Run all tests.
///
/// # Errors
///
/// Names every part that failed. Where there is no Python for the comparison, it is left out with a line that says
/// so; with `CI=true` this is a failure.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let wanted = option(arguments, "--python", &["--python"])?;
    let tools = Tools::bring()?;
    let parts = [compare_with_python(&tools, wanted), documentation_tests(&tools), rust_tests(&tools)];
    let failures: Vec<String> = parts.into_iter().filter_map(Result::err).map(|e| format!("FAILED: {e}")).collect();
    if failures.is_empty() { Ok(()) } else { Err(Error::new(failures.join("\n"))) }
}

/// Rewrite every fixture with the `anndata` command and let Python say whether it is the same.
fn compare_with_python(tools: &Tools, wanted: Option<&str>) -> Result<()> {
    let name = "compare with Python anndata";
    let Some(python) = anndata_python(wanted)? else {
        println!("==> {name}: SKIPPED, {}\n", no_python());
        let required = std::env::var("CI").is_ok_and(|v| v == "true");
        return if required { Err(Error::new(format!("{name}: {}", no_python()))) } else { Ok(()) };
    };
    let binary = build_binary(tools)?;
    let mut check = command(&python);
    check.args(["-W", "ignore", "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests/python"]);
    step("check the comparison itself", &mut check)?;
    let mut compare = command(&python);
    compare.args(["-W", "ignore", "tests/python/roundtrip.py", "--anndata-bin"]).arg(binary);
    step(name, &mut compare)
}

fn documentation_tests(tools: &Tools) -> Result<()> {
    step("documentation tests", tools.apply(cargo().args(["test", "--workspace", "--doc"])))
}

fn rust_tests(tools: &Tools) -> Result<()> {
    let mut tests = cargo();
    if output(cargo().args(["nextest", "--version"])).is_ok() {
        tests.args(["nextest", "run", "--workspace"]);
    } else {
        tests.args(["test", "--workspace", "--all-targets"]);
    }
    step("Rust tests", tools.apply(&mut tests))
}
