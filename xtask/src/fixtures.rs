//! `cargo xtask fixtures`: write `tests/fixtures` anew with Python anndata.

use crate::env::{anndata_python, no_python};
use crate::sh::{Error, Result, command, option, step};

/// The generators, in order.
const SCRIPTS: &[&str] = &["make_fixtures.py", "make_malformed.py", "make_legacy_all.py", "make_natsort.py"];

/// Run every generator.
///
/// # Errors
///
/// When there is no Python that runs anndata, or a generator fails.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let wanted = option(arguments, "--python", &["--python"])?;
    let python = anndata_python(wanted)?.ok_or_else(|| Error::new(no_python()))?;
    for script in SCRIPTS {
        step(script, command(&python).arg(format!("tests/python/{script}")))?;
    }
    Ok(())
}
