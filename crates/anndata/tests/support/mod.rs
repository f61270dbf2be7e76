//! What tests with files of Python share.

#![allow(clippy::print_stderr, reason = "tests")]
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::path::Path;
use std::process::Command;

/// Runs a script of `tests/python`; false, with a line that says so, where `ANNDATA_PYTHON` names no Python.
pub(crate) fn python(script: &str, arguments: &[&Path]) -> bool {
    python_of("ANNDATA_PYTHON", script, arguments)
}

/// The same with the Python that another variable names, as that of annbatch.
pub(crate) fn python_of(variable: &str, script: &str, arguments: &[&Path]) -> bool {
    let Some(python) = std::env::var_os(variable) else {
        eprintln!("skipped: {variable} names no Python");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}
