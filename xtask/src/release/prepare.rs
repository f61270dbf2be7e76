//! `cargo xtask release prepare`: write the next versions, check them, and commit.

use super::check::{self, Checks};
use super::edit;
use super::freshness;
use super::plan::{self, Plan, Wanted};
use super::semver_checks::SemverChecks;
use super::workspace::{Package, Workspace};
use crate::sh::{Error, Result};

/// Prepare the releases that are wanted.
///
/// # Errors
///
/// When the tree is not clean, the page of the conformance run is older than the code, there is nothing to release, a
/// version has a tag already, or a check fails; the files are as they were then.
pub(crate) fn run(workspace: &Workspace, wanted: &Wanted<'_>, checks: &dyn Checks) -> Result<()> {
    let git = workspace.git();
    git.require_clean()?;
    freshness::check(&workspace.root)?;
    let tool = compiled_comparison(workspace)?;
    let plan = plan::make(workspace, wanted, tool.as_ref().map(|tool| tool as _))?;
    print!("{}", plan.describe(workspace, tool.is_some())?);
    write(workspace, &plan, checks)
}

/// A release that goes out is compared by a compiler too, if there is one before it to compare with.
fn compiled_comparison(workspace: &Workspace) -> Result<Option<SemverChecks>> {
    let git = workspace.git();
    for package in workspace.packages.iter().filter(|package| package.library.is_some()) {
        if let Some(last) = git.last_version(&package.name)?
            && !git.changed(&package.tag(last), &[&format!("{}/src", package.folder)])?.is_empty()
        {
            return SemverChecks::bring().map(Some);
        }
    }
    Ok(None)
}

/// Write a plan, check what would be published, and commit.
///
/// # Errors
///
/// See [`run`].
pub(crate) fn write(workspace: &Workspace, plan: &Plan, checks: &dyn Checks) -> Result<()> {
    let git = workspace.git();
    if plan.releases.is_empty() {
        return Err(Error::new("nothing to release: no crate changed since its last tag"));
    }
    for release in &plan.releases {
        let tag = release.package.tag(release.next);
        if git.has_tag(&tag)? {
            return Err(Error::new(format!(
                "{tag} is there already: the version of {} is too low",
                release.package.name
            )));
        }
    }
    let edits = edit::write(workspace, plan)?;
    if let Err(error) = check_edited(workspace, plan, checks) {
        edits.undo()?;
        return Err(Error::new(format!("{error}\nnothing was released, and the files are as they were")));
    }
    let released: Vec<String> = plan.releases.iter().map(|r| format!("{} {}", r.package.name, r.next)).collect();
    if git.dirty()?.is_empty() {
        println!("prepared already: {}", released.join(", "));
    } else {
        git.run(&["add", "--all"])?;
        git.run(&["commit", "--quiet", "--message", &format!("Release {}", released.join(", "))])?;
        println!("prepared and committed: {}", released.join(", "));
    }
    check::note_passed(workspace)?;
    println!("next: cargo xtask release publish --dry-run");
    Ok(())
}

fn check_edited(workspace: &Workspace, plan: &Plan, checks: &dyn Checks) -> Result<()> {
    let edited = Workspace::read(&workspace.root, workspace.target.clone())?;
    let edited = Workspace { home: workspace.home.clone(), ..edited };
    let is_released = |package: &&Package| plan.releases.iter().any(|release| release.package.name == package.name);
    let packages: Vec<&Package> = edited.packages.iter().filter(is_released).collect();
    check::all(&edited, &packages, checks)
}
