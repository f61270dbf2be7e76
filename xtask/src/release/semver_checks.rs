//! `cargo-semver-checks`, which compiles two versions of a library and finds what breaks those who depend on it.

use std::path::PathBuf;

use super::changes::Comparer;
use super::version::Level;
use super::workspace::{Package, Workspace};
use crate::env::{CargoTool, Tools};
use crate::sh::{Error, Result};

const TOOL: CargoTool = CargoTool { name: "cargo-semver-checks", version: "0.51.0" };

/// The installed command.
#[derive(Debug)]
pub(crate) struct SemverChecks {
    program: PathBuf,
}

impl SemverChecks {
    /// The command, if it is installed already.
    pub(crate) fn find() -> Option<Self> {
        TOOL.find().map(|program| Self { program })
    }

    /// The command, installed if need be.
    ///
    /// # Errors
    ///
    /// When Cargo cannot install it.
    pub(crate) fn bring() -> Result<Self> {
        Ok(Self { program: TOOL.bring()? })
    }
}

impl Comparer for SemverChecks {
    fn compare(&self, workspace: &Workspace, package: &Package, tag: &str) -> Result<(Level, Vec<String>)> {
        let mut check = crate::sh::command(&self.program);
        check.current_dir(&workspace.root).env("CARGO_TARGET_DIR", workspace.scratch().join("semver-checks"));
        check.args(["semver-checks", "--package", &package.name, "--baseline-rev", tag, "--release-type", "patch"]);
        check.args(["--color", "never"]);
        println!("==> cargo-semver-checks: {} since {tag}", package.name);
        let checked = Tools::bring()?.apply(&mut check).output()?;
        let said = [checked.stdout, checked.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        judge(checked.status.code(), &said)
            .ok_or_else(|| Error::new(format!("cargo-semver-checks does not judge {}:\n{said}", package.name)))
    }
}

/// What an exit status and an output say: the level that is needed, and which checks failed.
fn judge(status: Option<i32>, said: &str) -> Option<(Level, Vec<String>)> {
    let needs = |level: &str| said.contains(&format!("semver requires new {level} version"));
    let level = match status? {
        0 => Level::Patch,
        100 if needs("major") => Level::Major,
        100 if needs("minor") => Level::Minor,
        _ => return None,
    };
    let failures = said.lines().filter_map(|line| line.strip_prefix("--- failure "));
    Some((level, failures.map(|line| line.trim_end_matches(" ---").to_owned()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_says_is_a_level() {
        let failed = "     Checked [   0.028s] 202 checks: 200 pass, 2 fail\n\
                      --- failure function_missing: pub fn removed or renamed ---\n\n\
                      Failed in:\n  function toy::gone, previously in file src/lib.rs:2\n\
                      \x20    Summary semver requires new major version: 1 major and 0 minor checks failed\n";
        let failure = "function_missing: pub fn removed or renamed".to_owned();
        assert_eq!(judge(Some(100), failed), Some((Level::Major, vec![failure])));
        assert_eq!(judge(Some(0), "Summary no semver update required"), Some((Level::Patch, vec![])));
        assert_eq!(judge(Some(1), "error: could not compile"), None);
        assert_eq!(judge(Some(100), "something else"), None);
        assert_eq!(judge(None, failed), None);
    }
}
