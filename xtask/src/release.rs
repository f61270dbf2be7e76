//! `cargo xtask release`: crates are released one by one, each with a version of its own.
//!
//! - `plan` says what changed since each crate's last tag (`NAME-vX.Y.Z`), which version follows, and who has to move with it.
//! - `prepare` writes versions, requirements and changelogs, checks what would be published, and commits.
//! - `check` is the checks alone, for a commit that another machine prepared; `docs` and `pack` are each one of them: the
//!   documentation as docs.rs builds it, and the packages, built from their archives alone and looked into.
//! - `publish` uploads what is not tagged yet in the order of dependencies, waits for the index, and tags. An interrupted
//!   run is gone on with by the next. `--dry-run` does it all to a registry on this machine, and builds a project on it.
//!
//! `CONTRIBUTING.md` has the rules for versions and changelogs.

mod api;
mod changelog;
mod changes;
mod check;
mod date;
mod downstream;
mod edit;
mod freshness;
mod git;
mod index;
mod plan;
mod prepare;
mod publish;
mod registry;
mod semver_checks;
mod sha256;
#[cfg(test)]
mod tests;
mod version;
mod workspace;

use semver_checks::SemverChecks;
use workspace::Workspace;

use crate::sh::{Error, Result, flag, option, root, target};

pub(crate) use date::today;
pub(crate) use freshness::stamp as stamp_conformance;

/// Run one of the subcommands.
///
/// # Errors
///
/// Says what is in the way: an unclean tree, a check that fails, a version that is there already.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else { return Err(Error::new(crate::USAGE)) };
    let (flags, values): (Vec<&str>, Vec<&str>) = rest.iter().partition(|word| FLAGS.contains(word));
    let (known_flags, known_values) = known(name)?;
    if let Some(other) = flags.iter().find(|word| !known_flags.contains(word)) {
        return Err(Error::new(format!("release {name} takes no {other}")));
    }
    let value = |option_name| option(&values, option_name, known_values);
    let workspace = Workspace::read(root(), target())?;
    let every: Vec<_> = workspace.packages.iter().collect();
    match *name {
        "plan" => {
            let tool = if flag(&flags, "--install") { Some(SemverChecks::bring()?) } else { SemverChecks::find() };
            let wanted = plan::Wanted { package: value("--crate")?, level: None };
            let plan = plan::make(&workspace, &wanted, tool.as_ref().map(|tool| tool as _))?;
            print!("{}", plan.describe(&workspace, tool.is_some())?);
            Ok(())
        }
        "prepare" => {
            let level = value("--level")?.map(str::parse).transpose()?;
            let wanted = plan::Wanted { package: value("--crate")?, level };
            prepare::run(&workspace, &wanted, &check::Real)
        }
        "docs" => check::documentation(&workspace, &every, &check::Real),
        // What only `prepare` writes may be missing.
        "pack" => check::pack(&workspace, &every, &check::Real, &[]),
        "check" => check::run(&workspace, &check::Real),
        "publish" if flag(&flags, "--dry-run") => publish::dry_run(&workspace),
        _ => publish::run(&workspace, value("--registry")?),
    }
}

const FLAGS: [&str; 2] = ["--dry-run", "--install"];

/// The flags and the options with values that a subcommand takes.
fn known(name: &str) -> Result<(&'static [&'static str], &'static [&'static str])> {
    match name {
        "plan" => Ok((&["--install"], &["--crate"])),
        "prepare" => Ok((&[], &["--crate", "--level"])),
        "docs" | "pack" | "check" => Ok((&[], &[])),
        "publish" => Ok((&["--dry-run"], &["--registry"])),
        _ => Err(Error::new(crate::USAGE)),
    }
}
