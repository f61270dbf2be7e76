//! What has to hold of a release: the documentation, the packages, and everything that `cargo xtask ci` checks.

use std::path::{Path, PathBuf};

use super::freshness;
use super::registry::Registry;
use super::workspace::{Package, Workspace};
use crate::env::Tools;
use crate::sh::{Error, Result, command, output, step};
use crate::tidy::sources::MACHINE_PATHS;

/// No file of a package is larger, in bytes.
const FILE_AT_MOST: u64 = 1 << 20;
/// What every package has to hold, the same as at the root where it is there.
const REQUIRED: [&str; 3] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"];
/// What `prepare` writes into each crate that is released.
const PREPARED: &str = "CHANGELOG.md";

/// The checks that are not of this file.
pub(crate) trait Checks {
    /// Everything that has to pass before any change goes in.
    ///
    /// # Errors
    ///
    /// The first that does not.
    fn ci(&self, workspace: &Workspace) -> Result<()>;

    /// A registry in the place of crates.io.
    fn registry(&self) -> Option<&Registry> {
        None
    }
}

/// The checks of this project.
#[derive(Debug)]
pub(crate) struct Real;

impl Checks for Real {
    fn ci(&self, workspace: &Workspace) -> Result<()> {
        // As a command of its own: what it checks is this program too.
        step("every set of features", workspace.cargo().args(["xtask", "features"]))?;
        step("ci", workspace.cargo().args(["xtask", "ci"]))
    }
}

/// Check the last commit and note that it passed.
///
/// # Errors
///
/// The first check that fails.
pub(crate) fn run(workspace: &Workspace, checks: &dyn Checks) -> Result<()> {
    workspace.git().require_clean()?;
    freshness::check(&workspace.root)?;
    let unpublished = unpublished(workspace)?;
    all(workspace, &unpublished, checks)?;
    note_passed(workspace)
}

/// The crates whose versions have no tag yet.
pub(crate) fn unpublished(workspace: &Workspace) -> Result<Vec<&Package>> {
    let git = workspace.git();
    let mut found = Vec::new();
    for package in &workspace.packages {
        if !git.has_tag(&package.tag(package.version))? {
            found.push(package);
        }
    }
    Ok(found)
}

/// Check the tree as it is; the dearest check comes last.
///
/// # Errors
///
/// The first check that fails.
pub(crate) fn all(workspace: &Workspace, packages: &[&Package], checks: &dyn Checks) -> Result<()> {
    documentation(workspace, packages, checks)?;
    pack(workspace, packages, checks, &[PREPARED])?;
    checks.ci(workspace)
}

/// Note that the last commit passed, for [`require_passed`].
pub(crate) fn note_passed(workspace: &Workspace) -> Result<()> {
    std::fs::create_dir_all(workspace.scratch())?;
    Ok(std::fs::write(stamp(workspace), tree(workspace)?)?)
}

/// Refuse a commit that was not checked on this machine.
///
/// # Errors
///
/// Says how to check it.
pub(crate) fn require_passed(workspace: &Workspace) -> Result<()> {
    if std::fs::read_to_string(stamp(workspace)).ok() == Some(tree(workspace)?) {
        return Ok(());
    }
    Err(Error::new(
        "the last commit was not checked here: run cargo xtask release prepare or cargo xtask release check",
    ))
}

fn stamp(workspace: &Workspace) -> PathBuf {
    workspace.scratch().join("checked")
}

fn tree(workspace: &Workspace) -> Result<String> {
    workspace.git().run(&["rev-parse", "HEAD^{tree}"])
}

/// Build the documentation as docs.rs does, without a warning.
///
/// # Errors
///
/// When there is one.
pub(crate) fn documentation(workspace: &Workspace, packages: &[&Package], checks: &dyn Checks) -> Result<()> {
    let mut doc = workspace.cargo();
    doc.args(["doc", "--no-deps", "--all-features"]).args(select(packages));
    doc.args(checks.registry().iter().flat_map(|registry| registry.in_place_of_crates_io()));
    doc.env("RUSTDOCFLAGS", "--cfg docsrs --deny warnings");
    step("documentation as docs.rs builds it", Tools::bring()?.apply(&mut doc))
}

/// Build every package from its archive alone, with the archives of the others in the place of the registry's, and look
/// into it; beside what every package has to hold it has to hold `more`.
///
/// # Errors
///
/// When one does not build, or with everything that is wrong with what they hold.
pub(crate) fn pack(workspace: &Workspace, packages: &[&Package], checks: &dyn Checks, more: &[&str]) -> Result<()> {
    let mut package = workspace.cargo();
    // What `prepare` wrote is not committed yet.
    package.args(["package", "--allow-dirty"]).args(select(packages));
    if let Some(registry) = checks.registry() {
        package.args(registry.in_place_of_crates_io()).args(["--registry", Registry::NAME]);
    }
    step("build each package from its archive", Tools::bring()?.apply(&mut package))?;
    let folder = workspace.scratch().join("packed");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    println!("{:>9} {:>9} {:>6}  package", "packed", "unpacked", "files");
    let mut complaints = Vec::new();
    for package in packages {
        complaints.extend(look_into(workspace, package, &folder, more)?);
    }
    if complaints.is_empty() { Ok(()) } else { Err(Error::new(format!("packages:\n  {}", complaints.join("\n  ")))) }
}

fn select<'a>(packages: &[&'a Package]) -> impl Iterator<Item = &'a str> {
    packages.iter().flat_map(|package| ["--package", package.name.as_str()])
}

/// The archive of a package that was packed.
pub(crate) fn archive(workspace: &Workspace, package: &Package) -> PathBuf {
    workspace.target.join("package").join(format!("{}-{}.crate", package.name, package.version))
}

/// Print what a package is made of and return what is wrong with it.
fn look_into(workspace: &Workspace, package: &Package, folder: &Path, more: &[&str]) -> Result<Vec<String>> {
    let archive = archive(workspace, package);
    output(command("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder))?;
    let root = folder.join(format!("{}-{}", package.name, package.version));
    let files = files_below(&root)?;
    let sizes = files.iter().map(|path| Ok(std::fs::metadata(root.join(path))?.len())).collect::<Result<Vec<u64>>>()?;
    let (packed, unpacked, count) = (std::fs::metadata(&archive)?.len(), sizes.iter().sum::<u64>(), files.len());
    println!("{packed:>9} {unpacked:>9} {count:>6}  {} {}", package.name, package.version);
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("{}: {what}", package.name));
    for &required in REQUIRED.iter().chain(more) {
        let (here, above) = (std::fs::read(root.join(required)), std::fs::read(workspace.root.join(required)));
        match (here, above) {
            (Err(_), _) => complain(format!("has no {required}")),
            (Ok(here), Ok(above)) if required.starts_with("LICENSE") && here != above => {
                complain(format!("{required} is not that of the workspace"));
            }
            _ => {}
        }
    }
    let secrets = secrets(workspace);
    for (path, size) in files.iter().zip(sizes) {
        if size > FILE_AT_MOST {
            complain(format!("{path} has {size} bytes, more than {FILE_AT_MOST}"));
        }
        let bytes = std::fs::read(root.join(path))?;
        for secret in secrets.iter().filter(|secret| contains(&bytes, secret.as_bytes())) {
            complain(format!("{path} names {secret}"));
        }
    }
    Ok(complaints)
}

/// What gives away the machine: folders, and its name if that is not an everyday word.
fn secrets(workspace: &Workspace) -> Vec<String> {
    let mut found: Vec<String> = MACHINE_PATHS.iter().map(|path| (*path).to_owned()).collect();
    found.push(workspace.root.to_string_lossy().into_owned());
    found.extend(std::env::home_dir().map(|home| format!("{}/", home.to_string_lossy())).filter(|home| home.len() > 2));
    let host = output(&mut command("hostname")).unwrap_or_default().trim().to_owned();
    if host.len() > 5 && host != "localhost" {
        found.push(host);
    }
    found.sort();
    found.dedup();
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The files below a folder, with `/`.
fn files_below(root: &Path) -> Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}
