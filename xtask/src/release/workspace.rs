//! The crates of a workspace that are published, in the order in which they can be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::git::Git;
use super::version::Version;
use crate::sh::{Error, Result, cargo, output};

/// A workspace and what it publishes, each crate after those that it depends on.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// The folder that Cargo builds in.
    pub(crate) target: PathBuf,
    /// Where Cargo keeps what it downloads, if it is not the usual place.
    pub(crate) home: Option<PathBuf>,
    pub(crate) packages: Vec<Package>,
}

/// A crate that is published.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// From the root of the workspace, with `/`.
    pub(crate) folder: String,
    pub(crate) version: Version,
    pub(crate) dependencies: Vec<Dependency>,
    /// The root of its library, from the root of the workspace; a program alone has none.
    pub(crate) library: Option<String>,
}

/// A dependency that the published manifest keeps.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it is for tests and examples alone.
    pub(crate) is_dev: bool,
    /// Whether it is a crate of the workspace.
    pub(crate) is_sibling: bool,
}

impl Package {
    /// The tag of a version.
    pub(crate) fn tag(&self, version: Version) -> String {
        format!("{}-v{version}", self.name)
    }

    /// The crates of the workspace that it depends on, its tests not counted.
    pub(crate) fn siblings(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|d| d.is_sibling && !d.is_dev).map(|d| d.name.as_str())
    }
}

impl Workspace {
    /// Read the manifests below a folder.
    ///
    /// # Errors
    ///
    /// When Cargo does not read them, a version has another form than `1.2.3`, or crates depend on each other in a circle.
    pub(crate) fn read(root: &Path, target: PathBuf) -> Result<Self> {
        let mut metadata = cargo();
        metadata.current_dir(root).args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--quiet"]);
        let metadata = output(&mut metadata)?;
        let metadata: Value =
            serde_json::from_str(&metadata).map_err(|e| Error::new(format!("cargo metadata: {e}")))?;
        // As Cargo spells it, where a part of the path is a link.
        let root = PathBuf::from(metadata["workspace_root"].as_str().unwrap_or_default());
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let published = packages.filter(|package| package["publish"].is_null());
        let packages = published.map(|package| read_package(package, &root)).collect::<Result<Vec<_>>>()?;
        Ok(Self { root, target, home: None, packages: in_order(packages)? })
    }

    pub(crate) fn git(&self) -> Git<'_> {
        Git::new(&self.root)
    }

    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo.envs(self.home.iter().map(|home| ("CARGO_HOME", home)));
        cargo
    }

    pub(crate) fn package(&self, name: &str) -> Result<&Package> {
        self.packages.iter().find(|package| package.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.packages.iter().map(|package| package.name.as_str()).collect();
            Error::new(format!("there is no crate {name} to publish; there are {}", names.join(", ")))
        })
    }

    /// Where what belongs to releases is kept.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("release-work")
    }
}

fn read_package(package: &Value, root: &Path) -> Result<Package> {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let from_root = |path: &Path| {
        let path = path.strip_prefix(root).unwrap_or(path);
        path.to_string_lossy().replace('\\', "/")
    };
    let folder = Path::new(text("manifest_path")).parent().unwrap_or(root);
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let is_kept = |d: &&Value| !(d["path"].is_string() && d["req"] == "*");
    let dependencies = dependencies.filter(is_kept).map(|d| Dependency {
        name: d["name"].as_str().unwrap_or_default().to_owned(),
        is_dev: d["kind"] == "dev",
        is_sibling: d["path"].is_string(),
    });
    let targets = package["targets"].as_array().into_iter().flatten();
    let is_library = |t: &&Value| {
        let kinds = t["kind"].as_array().into_iter().flatten();
        kinds.filter_map(Value::as_str).any(|kind| kind.ends_with("lib") || kind == "proc-macro")
    };
    let library = targets.clone().find(is_library).and_then(|t| t["src_path"].as_str());
    Ok(Package {
        name: text("name").to_owned(),
        folder: from_root(folder),
        version: text("version").parse().map_err(|e| Error::new(format!("{}: {e}", text("name"))))?,
        dependencies: dependencies.collect(),
        library: library.map(|path| from_root(Path::new(path))),
    })
}

/// Each after those that it depends on, also for its tests: Cargo resolves those too when it packs.
fn in_order(mut packages: Vec<Package>) -> Result<Vec<Package>> {
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let names: BTreeSet<String> = packages.iter().map(|package| package.name.clone()).collect();
    let (mut sorted, mut done) = (Vec::new(), BTreeSet::new());
    while !packages.is_empty() {
        let waits = |package: &Package| {
            package.dependencies.iter().any(|d| d.is_sibling && names.contains(&d.name) && !done.contains(&d.name))
        };
        let Some(next) = packages.iter().position(|package| !waits(package)) else {
            let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
            return Err(Error::new(format!("these depend on each other in a circle: {}", names.join(", "))));
        };
        let next = packages.remove(next);
        done.insert(next.name.clone());
        sorted.push(next);
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, siblings: &[&str]) -> Result<Package> {
        let dependency =
            |name: &&str| Dependency { name: (*name).to_owned(), is_dev: name.ends_with('d'), is_sibling: true };
        Ok(Package {
            name: name.into(),
            folder: name.into(),
            version: "0.1.0".parse()?,
            dependencies: siblings.iter().map(dependency).collect(),
            library: None,
        })
    }

    #[test]
    fn dependencies_come_first() -> Result<()> {
        let packages = vec![package("a", &["c", "bd"])?, package("bd", &["c"])?, package("c", &[])?];
        let order: Vec<String> = in_order(packages)?.into_iter().map(|package| package.name).collect();
        assert_eq!(order, ["c", "bd", "a"]);
        let circle = in_order(vec![package("a", &["b"])?, package("b", &["a"])?, package("c", &[])?]);
        let error = circle.err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("these depend on each other in a circle: a, b"));
        Ok(())
    }
}
