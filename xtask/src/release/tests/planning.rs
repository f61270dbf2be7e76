//! Plans.

use super::made_up::{MadeUp, complaint, three_changes};
use crate::release::changes::Comparer;
use crate::release::plan::{Plan, Wanted, make};
use crate::release::version::Level;
use crate::release::workspace::{Package, Workspace};
use crate::sh::{Result, root};

/// Name, next version and level of every release.
fn summary(plan: &Plan) -> Vec<String> {
    let line = |release: &crate::release::plan::Release| {
        let level = release.level.map_or("first".into(), |level| level.to_string());
        format!("{} {} {level}", release.package.name, release.next)
    };
    plan.releases.iter().map(line).collect()
}

fn plan(made: &MadeUp) -> Result<Plan> {
    make(&made.workspace()?, &Wanted::default(), None)
}

#[test]
fn without_tags_everything_is_a_first_release() -> Result<()> {
    let made = MadeUp::new()?;
    let expected = [
        "anndata-storage 0.1.0 first",
        "anndata-core 0.1.0 first",
        "anndata-io-zarr 0.1.0 first",
        "anndata-rs 0.1.0 first",
    ];
    assert_eq!(summary(&plan(&made)?), expected);
    Ok(())
}

#[test]
fn without_changes_nothing_is_released() -> Result<()> {
    let made = MadeUp::released()?;
    let plan = plan(&made)?;
    assert_eq!(summary(&plan), [""; 0]);
    assert!(plan.describe(&made.workspace()?, false)?.contains("Nothing to release"));
    made.write("crates/anndata-core/tests/new.rs", "//! A test.\n")?;
    made.commit("A test")?;
    assert_eq!(summary(&self::plan(&made)?), [""; 0]);
    Ok(())
}

#[test]
fn a_fix_a_method_and_a_field_move_what_they_must() -> Result<()> {
    let made = MadeUp::released()?;
    three_changes(&made)?;
    let plan = plan(&made)?;
    let expected = [
        "anndata-storage 0.1.1 minor",
        "anndata-core 0.2.0 major",
        "anndata-io-zarr 0.1.1 patch",
        // Its API has the object of the core, so that it breaks with it.
        "anndata-rs 0.2.0 major",
    ];
    assert_eq!(summary(&plan), expected);
    let text = plan.describe(&made.workspace()?, false)?;
    for line in [
        "  adds: fn Store::is_empty is new",
        "  breaks: field AnnData.n_obs is gone",
        "  depends on anndata-core 0.2.0, whose types stand in its API",
        "  | - `Store::is_empty`.",
        "  | - `AnnData::n_obs`.",
        "  | - Depends on `anndata-core` 0.2.0.",
        "  | Nothing that users of the crate see.",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    Ok(())
}

#[test]
fn one_crate_takes_with_it_what_it_needs() -> Result<()> {
    let made = MadeUp::released()?;
    three_changes(&made)?;
    let of = |name| make(&made.workspace()?, &Wanted { package: Some(name), level: None }, None);
    assert_eq!(summary(&of("anndata-storage")?), ["anndata-storage 0.1.1 minor"]);
    // The changes below it, on which it may rely.
    let zarr = ["anndata-storage 0.1.1 minor", "anndata-io-zarr 0.1.1 patch"];
    assert_eq!(summary(&of("anndata-io-zarr")?), zarr);
    // And whom it leaves behind; these depend on the rest.
    assert_eq!(summary(&of("anndata-core")?).len(), 4);
    assert!(
        complaint(of("anndata-x")).starts_with("there is no crate anndata-x to publish; there are anndata-storage,")
    );
    Ok(())
}

#[test]
fn a_level_can_be_raised_and_not_lowered() -> Result<()> {
    let made = MadeUp::released()?;
    three_changes(&made)?;
    let of = |name, level| make(&made.workspace()?, &Wanted { package: Some(name), level: Some(level) }, None);
    let raised = summary(&of("anndata-io-zarr", Level::Major)?);
    assert!(raised.contains(&"anndata-io-zarr 0.2.0 major".to_owned()), "{raised:?}");
    let error = complaint(of("anndata-storage", Level::Patch));
    assert!(error.starts_with("anndata-storage needs minor, not patch:\n  1 file changed"), "{error}");
    let none = make(&made.workspace()?, &Wanted { package: None, level: Some(Level::Patch) }, None);
    assert_eq!(complaint(none), "--level is of one crate: name it with --crate");
    Ok(())
}

/// A comparison by a compiler that finds the same of every crate.
#[derive(Debug)]
struct Finds(Level);

impl Comparer for Finds {
    fn compare(&self, _: &Workspace, package: &Package, tag: &str) -> Result<(Level, Vec<String>)> {
        Ok((self.0, vec![format!("{} since {tag}", package.name)]))
    }
}

#[test]
fn the_higher_of_two_findings_counts_and_a_major_of_the_sources_alone_can_be_lowered() -> Result<()> {
    let made = MadeUp::released()?;
    three_changes(&made)?;
    let of = |name, level, found| make(&made.workspace()?, &Wanted { package: Some(name), level }, Some(&Finds(found)));
    let plan = of("anndata-storage", None, Level::Major)?;
    assert_eq!(summary(&plan)[0], "anndata-storage 0.2.0 major");
    let reason = "cargo-semver-checks: anndata-storage since anndata-storage-v0.1.0".to_owned();
    assert!(plan.releases[0].reasons.contains(&reason), "{:?}", plan.releases[0].reasons);
    assert_eq!(summary(&of("anndata-core", None, Level::Patch)?)[1], "anndata-core 0.2.0 major");
    let lowered = summary(&of("anndata-core", Some(Level::Minor), Level::Patch)?);
    assert!(lowered.contains(&"anndata-core 0.1.1 minor".to_owned()), "{lowered:?}");
    let error = complaint(of("anndata-core", Some(Level::Patch), Level::Patch));
    assert!(error.starts_with("anndata-core needs minor, not patch:\n"), "{error}");
    let error = complaint(of("anndata-core", Some(Level::Minor), Level::Major));
    assert!(error.starts_with("anndata-core needs major, not minor:\n"), "{error}");
    // And without a compiler, nobody contradicts the sources.
    let alone = make(&made.workspace()?, &Wanted { package: Some("anndata-core"), level: Some(Level::Minor) }, None);
    assert!(complaint(alone).starts_with("anndata-core needs major, not minor:\n"));
    Ok(())
}

#[test]
fn a_commit_can_ask_for_more_than_is_seen() -> Result<()> {
    let made = MadeUp::released()?;
    made.replace("crates/anndata-io-zarr/src/lib.rs", "    Store::default()", "    Store::default().clone()")?;
    made.commit("Zarr: links are refused\n\nThey were followed.\n\nRelease-Level: major")?;
    assert_eq!(summary(&plan(&made)?)[0], "anndata-io-zarr 0.2.0 major");
    made.replace("crates/anndata/src/lib.rs", "//! All of it.", "//! All.")?;
    made.commit("Docs\n\nRelease-Level: anndata-core minor")?;
    let expected = ["anndata-core 0.1.1 minor", "anndata-io-zarr 0.2.0 major", "anndata-rs 0.1.1 patch"];
    assert_eq!(summary(&plan(&made)?), expected);
    made.replace("crates/anndata/src/lib.rs", "//! All.", "//! Everything.")?;
    made.commit("Docs\n\nRelease-Level: huge")?;
    let error = complaint(plan(&made));
    assert!(error.ends_with("trailer Release-Level: huge: huge is not a level: major, minor or patch"), "{error}");
    Ok(())
}

#[test]
fn a_newer_compiler_or_dependency_moves_who_has_it() -> Result<()> {
    let made = MadeUp::new()?;
    // No package of the index is needed to read a manifest.
    made.replace(
        "Cargo.toml",
        "[workspace.dependencies]\n",
        "[workspace.dependencies]\nitoa = \"1\"\nryu = \"1.0\"\n",
    )?;
    let core = "crates/anndata-core/";
    made.replace(
        &format!("{core}Cargo.toml"),
        "[dependencies]\n",
        "[dependencies]\nitoa.workspace = true\nryu.workspace = true\n",
    )?;
    made.replace(&format!("{core}src/lib.rs"), "/// An object.", "pub use itoa::Buffer;\n\n/// An object.")?;
    made.commit("Numbers")?;
    for name in ["anndata-storage", "anndata-core", "anndata-io-zarr", "anndata-rs"] {
        made.git(&["tag", &format!("{name}-v0.1.0")])?;
    }
    made.replace("Cargo.toml", "ryu = \"1.0\"", "ryu = \"2\"")?;
    made.commit("A dependency that nobody sees")?;
    assert_eq!(summary(&plan(&made)?), ["anndata-core 0.1.1 patch"]);
    made.replace("Cargo.toml", "itoa = \"1\"", "itoa = \"2\"")?;
    made.commit("A dependency whose types stand in the API")?;
    assert_eq!(summary(&plan(&made)?), ["anndata-core 0.2.0 major", "anndata-rs 0.2.0 major"]);
    made.replace("Cargo.toml", "1.91", "1.92")?;
    made.commit("Rust 1.92")?;
    assert_eq!(summary(&plan(&made)?)[0], "anndata-storage 0.1.1 minor");
    Ok(())
}

/// The same three changes, in a copy of this workspace.
#[test]
fn this_workspace_is_planned() -> Result<()> {
    let made = copy()?;
    let workspace = made.workspace()?;
    for package in &workspace.packages {
        made.git(&["tag", &package.tag(package.version)])?;
    }
    let zarr = "crates/anndata-io-zarr/src/lib.rs";
    let text = made.read(zarr)?;
    made.write(zarr, &format!("{text}\n#[expect(dead_code, reason = \"made up\")]\nfn mended() {{}}\n"))?;
    let storage = "crates/anndata-storage/src/dtype.rs";
    let text = made.read(storage)?;
    made.write(storage, &format!("{text}\nimpl DType {{\n    /// Made up.\n    pub fn is_made_up(&self) -> bool {{\n        false\n    }}\n}}\n"))?;
    let core = "crates/anndata-core/src/lib.rs";
    let text = made.read(core)?;
    made.write(core, &format!("{text}\n/// Made up.\n#[derive(Debug)]\npub struct MadeUp {{\n    /// One.\n    pub one: u8,\n    /// Two.\n    pub two: u8,\n}}\n"))?;
    made.commit("Made up")?;
    made.git(&["tag", "--force", "anndata-core-v0.1.0"])?;
    made.replace(core, "    /// Two.\n    pub two: u8,\n", "")?;
    made.commit("A field less")?;
    let plan = summary(&plan(&made)?);
    for line in [
        "anndata-storage 0.1.1 minor",
        "anndata-core 0.2.0 major",
        "anndata-io-zarr 0.1.1 patch",
        "anndata-rs 0.2.0 major",
    ] {
        assert!(plan.iter().any(|l| l == line), "{line} is not in {plan:?}");
    }
    for name in ["anndata-codecs", "anndata-array", "anndata-io-hdf5"] {
        assert!(!plan.iter().any(|line| line.starts_with(name)), "{name} did not change: {plan:?}");
    }
    Ok(())
}

/// The files of this workspace as they are, in a repository of their own.
fn copy() -> Result<MadeUp> {
    let made = MadeUp::empty()?;
    for file in crate::tidy::files()? {
        made.write(&file.path, &file.text)?;
    }
    made.commit("Begin")?;
    Ok(made)
}

#[test]
fn packages_of_this_workspace_come_after_what_they_depend_on() -> Result<()> {
    let workspace = Workspace::read(root(), crate::sh::target())?;
    let names: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    assert!(!names.contains(&"xtask") && !names.contains(&"anndata-tests"), "{names:?}");
    assert!(names.contains(&"anndata-storage") && names.last() == Some(&"anndata-cli"), "{names:?}");
    for (position, package) in workspace.packages.iter().enumerate() {
        for dependency in package.dependencies.iter().filter(|d| d.is_sibling) {
            assert!(
                names[..position].contains(&dependency.name.as_str()),
                "{} before {}",
                package.name,
                dependency.name
            );
        }
    }
    Ok(())
}
