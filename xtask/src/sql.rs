//! `cargo xtask sql`: the crates that build DataFusion, alone and with one set of features: what DataFusion is built with depends on what
//! is built beside it, and it takes minutes. `cargo xtask test --sql` builds and tests them with all others.

use crate::env::{Tools, anndata_python};
use crate::sh::{Error, Result, cargo, command, option, output, split_flag, step, target};

/// What is built, by every step.
pub(crate) const PACKAGES: [&str; 8] = [
    "--package",
    "anndata-datafusion",
    "--package",
    "anndata-ballista",
    "--package",
    "anndata-cli",
    "--features",
    "anndata-cli/cluster,anndata-cli/cloud,anndata-ballista/cloud",
];

/// Of the command the tests of `anndata sql`; the others run without it.
const TESTS: &str = "package(anndata-datafusion) + package(anndata-ballista) + binary(sql) + test(commands::sql)";

/// How many queries are asked.
const QUERIES: &str = "200";

/// Run the tests, and ask random queries beside pandas: so many, from a seed.
///
/// # Errors
///
/// The first step that fails.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (lints, arguments) = split_flag(arguments, "--lints");
    let known = ["--queries", "--seed", "--python"];
    let queries = option(&arguments, "--queries", &known)?;
    let seed = option(&arguments, "--seed", &known)?;
    let wanted = option(&arguments, "--python", &known)?;
    let tools = Tools::bring()?;
    if lints {
        let mut clippy = cargo();
        clippy.arg("clippy").args(PACKAGES).args(["--all-targets", "--", "--deny", "warnings"]);
        step("lints of the crates with DataFusion", tools.apply(&mut clippy))?;
        let mut doc = cargo();
        doc.arg("doc").args(PACKAGES).args(["--no-deps", "--lib"]).env("RUSTDOCFLAGS", "--deny warnings");
        step("their documentation", tools.apply(&mut doc))?;
    }
    let mut tests = cargo();
    if output(cargo().args(["nextest", "--version"])).is_ok() {
        tests.args(["nextest", "run"]).args(PACKAGES).args(["--all-targets", "-E", TESTS]);
    } else {
        tests.arg("test").args(PACKAGES).arg("--all-targets");
    }
    step("their tests", tools.apply(&mut tests))?;
    step("their documentation tests", tools.apply(cargo().arg("test").args(PACKAGES).arg("--doc")))?;
    random_queries(&PACKAGES, &tools, wanted, queries, seed)
}

/// Ask random queries beside pandas: so many, from a seed. The program that asks is built with what is selected.
///
/// # Errors
///
/// The first step that fails.
pub(crate) fn random_queries(
    selection: &[&str],
    tools: &Tools,
    python: Option<&str>,
    queries: Option<&str>,
    seed: Option<&str>,
) -> Result<()> {
    let Some(python) = anndata_python(python)? else { return Ok(()) };
    let (queries, seed) = (queries.unwrap_or(QUERIES), seed.unwrap_or("1"));
    let mut example = cargo();
    example.arg("build").args(selection).args(["--example", "sql_cases"]);
    step("build the program that asks", tools.apply(&mut example))?;
    let folder = target().join("sql");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let mut make = command(&python);
    make.args(["-W", "ignore", "tests/python/sql.py"]).arg(&folder).args([queries, seed]);
    step("random queries, answered by pandas", &mut make)?;
    let mut ask = command(target().join("debug/examples/sql_cases"));
    step("the same queries in SQL", ask.arg(&folder))
        .map_err(|error| Error::new(format!("{error}\nagain: cargo xtask sql --queries {queries} --seed {seed}")))
}
