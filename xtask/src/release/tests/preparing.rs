//! What a preparation writes, and what it refuses.

use super::made_up::{Made, MadeUp, complaint, is_there, three_changes};
use crate::release::check;
use crate::release::plan::{Wanted, make};
use crate::release::{freshness, prepare};
use crate::sh::Result;

/// Prepare everything, with APIs compared by the sources alone.
fn prepare(made: &MadeUp, ci: std::result::Result<(), &'static str>) -> Result<()> {
    let (workspace, registry) = (made.workspace()?, made.registry()?);
    workspace.git().require_clean()?;
    freshness::check(&workspace.root)?;
    let plan = make(&workspace, &Wanted::default(), None)?;
    prepare::write(&workspace, &plan, &Made { registry: &registry, ci })
}

#[test]
fn versions_requirements_pages_and_changelogs_are_written() -> Result<()> {
    let made = MadeUp::released()?;
    three_changes(&made)?;
    // The releases before are in the registry, as the crates that stay are not packed anew.
    prepare(&made, Ok(()))?;
    assert!(made.read("crates/anndata-core/Cargo.toml")?.contains("\nversion = \"0.2.0\"\n"));
    assert!(made.read("crates/anndata-storage/Cargo.toml")?.contains("\nversion = \"0.1.1\"\n"));
    let manifest = made.read("Cargo.toml")?;
    assert!(manifest.contains("anndata-core = { path = \"crates/anndata-core\", version = \"0.2.0\" }"), "{manifest}");
    assert!(made.read("Cargo.lock")?.contains("name = \"anndata-core\"\nversion = \"0.2.0\""));
    assert!(made.read("crates/anndata-core/README.md")?.contains("anndata-core = \"0.2\""));
    assert!(made.read("crates/anndata-storage/README.md")?.contains("anndata-storage = \"0.1\""));
    let log = made.read("crates/anndata-core/CHANGELOG.md")?;
    assert!(log.contains("## 0.2.0 - 20") && log.contains("### Removed\n\n- `AnnData::n_obs`.\n"), "{log}");
    assert_eq!(made.read("CHANGELOG.md")?, "# Changelog\n\n## Unreleased\n");

    let head = made.git(&["log", "-1", "--format=%s"])?;
    assert_eq!(
        head.trim(),
        "Release anndata-storage 0.1.1, anndata-core 0.2.0, anndata-io-zarr 0.1.1, anndata-rs 0.2.0"
    );
    made.workspace()?.git().require_clean()?;
    check::require_passed(&made.workspace()?)?;
    // What is prepared is not raised again.
    let plan = make(&made.workspace()?, &Wanted::default(), None)?;
    let next: Vec<String> = plan.releases.iter().map(|release| release.next.to_string()).collect();
    assert_eq!(next, ["0.1.1", "0.2.0", "0.1.1", "0.2.0"]);
    prepare(&made, Ok(()))?;
    assert_eq!(made.read("crates/anndata-core/CHANGELOG.md")?, log);
    Ok(())
}

#[test]
fn a_check_that_fails_leaves_everything_as_it_was() -> Result<()> {
    let made = MadeUp::released()?;
    three_changes(&made)?;
    let head = made.git(&["rev-parse", "HEAD"])?;
    let error = complaint(prepare(&made, Err("tests failed")));
    assert_eq!(error, "tests failed\nnothing was released, and the files are as they were");
    made.workspace()?.git().require_clean()?;
    assert_eq!(made.git(&["rev-parse", "HEAD"])?, head);
    assert!(!is_there(&made.root, "crates/anndata-core/CHANGELOG.md"));
    let error = complaint(check::require_passed(&made.workspace()?));
    assert!(error.starts_with("the last commit was not checked here: run cargo xtask release prepare"), "{error}");
    // Once it is mended, the same command does it.
    prepare(&made, Ok(()))
}

#[test]
fn what_is_not_committed_is_refused() -> Result<()> {
    let made = MadeUp::new()?;
    made.write("crates/anndata-core/notes.txt", "x")?;
    made.replace("CHANGELOG.md", "# Changelog", "# Log")?;
    let error = complaint(prepare(&made, Ok(())));
    assert_eq!(error, "not committed: CHANGELOG.md, crates/anndata-core/notes.txt: commit or stash it first");
    Ok(())
}

#[test]
fn a_version_with_a_tag_is_refused() -> Result<()> {
    let made = MadeUp::new()?;
    made.git(&["tag", "anndata-core-v0.1.0"])?;
    let (workspace, registry) = (made.workspace()?, made.registry()?);
    let mut plan = make(&workspace, &Wanted::default(), None)?;
    assert!(plan.releases.iter().all(|release| release.package.name != "anndata-core"));
    // A tag that came after the plan.
    made.git(&["tag", "anndata-rs-v0.1.0"])?;
    plan.releases.retain(|release| release.package.name == "anndata-rs");
    let error = complaint(prepare::write(&workspace, &plan, &Made { registry: &registry, ci: Ok(()) }));
    assert_eq!(error, "anndata-rs-v0.1.0 is there already: the version of anndata-rs is too low");
    Ok(())
}

#[test]
fn a_conformance_run_of_older_code_is_refused() -> Result<()> {
    let made = MadeUp::new()?;
    freshness::check(&made.root)?;
    made.replace("crates/anndata-core/src/lib.rs", "//! Objects.", "//! Matrices.")?;
    made.commit("Docs")?;
    let error = complaint(prepare(&made, Ok(())));
    assert!(error.starts_with("docs/conformance.md is older than the code, which is `"), "{error}");
    assert!(error.ends_with("run cargo xtask conformance --full and commit the page"), "{error}");
    made.stamp()?;
    freshness::check(&made.root)?;
    made.write("docs/conformance.md", "# Conformance\n")?;
    made.commit("Of no code")?;
    let error = complaint(prepare(&made, Ok(())));
    assert!(error.starts_with("docs/conformance.md does not say which code it is of"), "{error}");
    Ok(())
}

#[test]
fn packages_are_looked_into() -> Result<()> {
    let made = MadeUp::new()?;
    let folder = "crates/anndata-core";
    made.write(&format!("{folder}/large.bin"), &"x".repeat((1 << 20) + 1))?;
    made.write(&format!("{folder}/notes.txt"), &format!("see {}", made.workspace()?.root.display()))?;
    made.write(&format!("{folder}/LICENSE-MIT"), "Do nothing.\n")?;
    std::fs::remove_file(made.root.join(format!("{folder}/LICENSE-APACHE")))?;
    made.commit("Too much and too little")?;
    let error = complaint(prepare(&made, Ok(())));
    for complaint in [
        "anndata-core: has no LICENSE-APACHE",
        "anndata-core: LICENSE-MIT is not that of the workspace",
        "anndata-core: large.bin has 1048577 bytes, more than 1048576",
        &format!("anndata-core: notes.txt names {}", made.workspace()?.root.display()),
    ] {
        assert!(error.lines().any(|line| line.trim() == complaint), "{complaint} is not in\n{error}");
    }
    assert!(!error.contains("anndata-storage:"), "{error}");
    Ok(())
}

#[test]
fn a_package_that_does_not_build_alone_is_refused() -> Result<()> {
    let made = MadeUp::new()?;
    made.write("shared.txt", "text")?;
    made.replace(
        "crates/anndata-core/src/lib.rs",
        "/// An object.",
        "/// A text outside of the package.\npub const TEXT: &str = include_str!(\"../../../shared.txt\");\n\n/// An object.",
    )?;
    made.stamp()?;
    made.commit("A text")?;
    let error = complaint(prepare(&made, Ok(())));
    assert!(error.starts_with("build each package from its archive failed"), "{error}");
    made.workspace()?.git().require_clean()
}

#[test]
fn documentation_with_a_warning_is_refused() -> Result<()> {
    let made = MadeUp::new()?;
    made.replace("crates/anndata-core/src/lib.rs", "/// An object.", "/// An [object](Absent::new).")?;
    made.stamp()?;
    made.commit("A link to nothing")?;
    let error = complaint(prepare(&made, Ok(())));
    assert!(error.starts_with("documentation as docs.rs builds it failed"), "{error}");
    Ok(())
}
