//! `cargo xtask fuzz`: looks for inputs that break a promise, with libFuzzer on the stable toolchain.

use std::path::PathBuf;
use std::process::Command;

use crate::env::Tools;
use crate::sh::{Error, Result, cargo, command, host, option, root, step, target};

/// What makes a program tell a fuzzer which of its code was run. All of it is in stable flags.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// How long each target is run where nothing else is said.
const SECONDS: &str = "60";

/// An input that takes longer is a fault, and so is one that takes more memory.
const LIMITS: [&str; 2] = ["-timeout=30", "-rss_limit_mb=4096"];

/// Run the targets.
///
/// # Errors
///
/// When an input broke a promise, or the build fails.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let known = ["--target", "--seconds", "--input"];
    let one = option(arguments, "--target", &known)?;
    let seconds = option(arguments, "--seconds", &known)?.unwrap_or(SECONDS);
    seconds.parse::<u32>().map_err(|_| Error::new("--seconds takes a number"))?;
    let targets = targets(one)?;
    let program = build()?;
    if let Some(input) = option(arguments, "--input", &known)? {
        let [target] = targets.as_slice() else { return Err(Error::new("--input takes a --target")) };
        return step(target, fuzzer(&program, target)?.arg(root().join(input)));
    }
    let failed: Vec<&String> = targets.iter().filter(|target| search(&program, target, seconds).is_err()).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::new(format!("something was found, see fuzz/crashes: {failed:?}")))
    }
}

/// The targets, which have a folder of inputs each.
fn targets(one: Option<&str>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/corpus"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let Some(one) = one else { return Ok(names) };
    if !names.iter().any(|name| name == one) {
        return Err(Error::new(format!("there is no target {one}, only {}", names.join(", "))));
    }
    Ok(vec![one.to_owned()])
}

/// Builds the fuzzer in a folder of its own, as all crates are built with other flags.
fn build() -> Result<PathBuf> {
    let host = host()?;
    let folder = target().join("fuzz");
    let mut build = cargo();
    // With a target, the flags are not those of build scripts and procedural macros.
    build.args(["build", "--package", "anndata-fuzz", "--features", "libfuzzer", "--target", &host]);
    build.env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", &folder);
    step("build", Tools::bring()?.apply(&mut build))?;
    Ok(folder.join(host).join("debug").join(format!("fuzz{}", std::env::consts::EXE_SUFFIX)))
}

fn fuzzer(program: &PathBuf, name: &str) -> Result<Command> {
    let crashes = root().join("fuzz/crashes").join(name);
    std::fs::create_dir_all(&crashes)?;
    let mut fuzzer = command(program);
    fuzzer.env("ANNDATA_FUZZ_TARGET", name).args(LIMITS);
    fuzzer.arg(format!("-artifact_prefix={}/", crashes.display()));
    Ok(fuzzer)
}

/// Runs what is kept, then looks for more, and makes what is found small.
fn search(program: &PathBuf, name: &str, seconds: &str) -> Result<()> {
    let found = target().join("fuzz-corpus").join(name);
    std::fs::create_dir_all(&found)?;
    let mut fuzzer = fuzzer(program, name)?;
    fuzzer.arg(format!("-max_total_time={seconds}")).args(["-print_final_stats=1", "-verbosity=1"]);
    let searched = step(name, fuzzer.arg(found).arg(root().join("fuzz/corpus").join(name)));
    if searched.is_err() {
        minimise(program, name)?;
    }
    searched
}

/// Makes what was found as small as it gets in a minute, beside it.
fn minimise(program: &PathBuf, name: &str) -> Result<()> {
    for entry in std::fs::read_dir(root().join("fuzz/crashes").join(name))? {
        let path = entry?.path();
        let small = path.with_extension("small");
        if path == small || small.exists() {
            continue;
        }
        let mut fuzzer = fuzzer(program, name)?;
        fuzzer
            .args(["-minimize_crash=1", "-max_total_time=60"])
            .arg(format!("-exact_artifact_path={}", small.display()));
        // It ends as what was found does.
        let _ = step(&format!("minimise {}", path.display()), fuzzer.arg(path));
    }
    Ok(())
}
