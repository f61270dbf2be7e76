//! `cargo xtask release publish`: upload what has no tag yet, each crate after those that it depends on.

use std::time::Duration;

use super::check;
use super::downstream;
use super::index;
use super::registry::Registry;
use super::sha256::sha256;
use super::workspace::{Package, Workspace};
use crate::env::Tools;
use crate::sh::{Error, Result, output, step};

/// How long an index may take to show an upload.
const PATIENCE: Duration = Duration::from_mins(5);

/// Where to publish to.
#[derive(Debug)]
pub(crate) struct Destination {
    /// The index of the registry.
    pub(crate) index: String,
    /// Arguments for every call of Cargo.
    pub(crate) arguments: Vec<String>,
    /// The name of the registry, if it is not crates.io.
    pub(crate) registry: Option<String>,
    /// The variable of a token and the token, if Cargo knows none.
    pub(crate) token: Option<(String, String)>,
    /// Whether what was published gets its tag.
    pub(crate) tags: bool,
    pub(crate) patience: Duration,
}

/// Publish the last commit, which has to be checked, to crates.io or a registry that Cargo is configured for.
///
/// # Errors
///
/// When the tree is not clean or not checked, or a step fails; another run goes on from there.
pub(crate) fn run(workspace: &Workspace, registry: Option<&str>) -> Result<()> {
    check::require_passed(workspace)?;
    let index = match registry {
        None => index::CRATES_IO.to_owned(),
        Some(name) => {
            let variable = format!("CARGO_REGISTRIES_{}_INDEX", name.to_uppercase().replace('-', "_"));
            std::env::var(&variable).map_err(|_| Error::new(format!("set {variable} to the index of {name}")))?
        }
    };
    let registry = registry.map(str::to_owned);
    to(workspace, &Destination { index, arguments: Vec::new(), registry, token: None, tags: true, patience: PATIENCE })
}

/// Publish the last commit to a registry on this machine, and build a project that depends on what is there. A dry run that
/// was interrupted is gone on with, as long as the commit is the same.
///
/// # Errors
///
/// When the tree is not clean, or a step fails.
pub(crate) fn dry_run(workspace: &Workspace) -> Result<()> {
    workspace.git().require_clean()?;
    let folder = workspace.scratch().join("registry");
    let (commit, noted) = (workspace.git().run(&["rev-parse", "HEAD"])?, folder.join("commit"));
    if folder.exists() && std::fs::read_to_string(&noted).ok().as_ref() != Some(&commit) {
        std::fs::remove_dir_all(&folder)?;
    }
    let own = check::unpublished(workspace)?.iter().map(|package| package.name.clone()).collect();
    let registry = Registry::serve(&folder, own)?;
    std::fs::write(noted, commit)?;
    println!("a registry at {} takes the place of crates.io", registry.index());
    let arguments = registry.in_place_of_crates_io();
    let (index, name) = (registry.index(), Some(Registry::NAME.to_owned()));
    let (token, patience) = (Some(Registry::token()), Duration::from_secs(10));
    let destination = Destination { index, arguments, registry: name, token, tags: false, patience };
    // What comes from this registry is of no use to others.
    let home = workspace.scratch().join("home");
    let workspace =
        Workspace { home: Some(home.clone()), ..Workspace::read(&workspace.root, workspace.target.clone())? };
    to(&workspace, &destination)?;
    let sample = downstream::sample(&workspace)?;
    let said = downstream::run(&workspace, &sample, &destination.arguments)?;
    print!("{said}");
    std::fs::remove_dir_all(home)?;
    println!("the dry run passed: nothing left this machine");
    Ok(())
}

/// Publish to a destination.
///
/// # Errors
///
/// When the tree is not clean, a version is there with other contents, or an upload fails.
pub(crate) fn to(workspace: &Workspace, destination: &Destination) -> Result<()> {
    let git = workspace.git();
    git.require_clean()?;
    let unpublished = check::unpublished(workspace)?;
    if unpublished.is_empty() {
        return Err(Error::new(
            "nothing to publish: every version has its tag; cargo xtask release plan says what changed",
        ));
    }
    let mut tags = Vec::new();
    for package in &unpublished {
        let (name, version, tag) = (&package.name, package.version.to_string(), package.tag(package.version));
        publish(workspace, package, destination).map_err(|e| Error::new(format!("{name} {version}: {e}")))?;
        if destination.tags {
            git.run(&["tag", &tag])?;
        }
        tags.push(tag);
    }
    let done = if destination.tags { "tagged; push the tags with: git push origin" } else { "would be tagged:" };
    println!("{done} {}", tags.join(" "));
    Ok(())
}

/// Upload a crate and wait until others can depend on it, unless an earlier run did.
fn publish(workspace: &Workspace, package: &Package, destination: &Destination) -> Result<()> {
    let (name, version) = (package.name.as_str(), package.version.to_string());
    if let Some(there) = index::versions(&destination.index, name)?.get(&version) {
        let ours = pack(workspace, package, destination)?;
        if *there != ours {
            return Err(Error::new(
                "the registry has this version already, and with other contents: a version cannot be replaced; \
                 run cargo xtask release prepare, which raises it",
            ));
        }
        println!("==> {name} {version} is in the registry already, as an earlier run left it\n");
        return Ok(());
    }
    let mut upload = workspace.cargo();
    upload.args(["publish", "--package", name]).args(&destination.arguments).envs(destination.token.clone());
    upload.args(destination.registry.iter().flat_map(|registry| ["--registry", registry]));
    step(&format!("publish {name} {version}"), Tools::bring()?.apply(&mut upload)).map_err(|e| {
        Error::new(format!("{e}\nwhat was published before stays: run the command again, which goes on from here"))
    })?;
    index::wait_for(&destination.index, name, &version, destination.patience)
}

/// The checksum of a package as it is packed here.
fn pack(workspace: &Workspace, package: &Package, destination: &Destination) -> Result<String> {
    let mut pack = workspace.cargo();
    pack.args(["package", "--quiet", "--no-verify", "--package", &package.name]).args(&destination.arguments);
    pack.args(destination.registry.iter().flat_map(|registry| ["--registry", registry]));
    output(&mut pack)?;
    Ok(sha256(&std::fs::read(check::archive(workspace, package))?))
}
