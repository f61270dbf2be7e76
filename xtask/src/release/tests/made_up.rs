//! A workspace of four small crates in a repository of its own, which is removed in the end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::release::check::Checks;
use crate::release::freshness;
use crate::release::registry::Registry;
use crate::release::workspace::Workspace;
use crate::sh::{Error, Result, command, output};

const MANIFEST: &str = "\
[workspace]
resolver = \"3\"
members = [\"crates/*\"]

[workspace.package]
edition = \"2024\"
rust-version = \"1.91\"
license = \"MIT\"

[workspace.dependencies]
anndata-storage = { path = \"crates/anndata-storage\", version = \"0.1.0\" }
anndata-core = { path = \"crates/anndata-core\", version = \"0.1.0\" }
anndata-io-zarr = { path = \"crates/anndata-io-zarr\", version = \"0.1.0\" }
anndata-rs = { path = \"crates/anndata\", version = \"0.1.0\" }
";

/// Name, folder, what it depends on, and its source.
const CRATES: [(&str, &str, &[&str], &str); 4] = [
    (
        "anndata-storage",
        "anndata-storage",
        &[],
        "//! Stores.\n\n/// A store.\n#[derive(Debug, Clone, Default)]\npub struct Store {\n    names: Vec<String>,\n}\n\n\
         impl Store {\n    /// How many arrays it has.\n    pub fn len(&self) -> usize {\n        self.names.len()\n    }\n}\n",
    ),
    (
        "anndata-core",
        "anndata-core",
        &["anndata-storage"],
        "//! Objects.\n\nuse anndata_storage::Store;\n\n/// An object.\n#[derive(Debug, Default)]\npub struct AnnData {\n    \
         /// Where it is.\n    pub store: Store,\n    /// How many rows it has.\n    pub n_obs: usize,\n}\n",
    ),
    (
        "anndata-io-zarr",
        "anndata-io-zarr",
        &["anndata-storage"],
        "//! Zarr.\n\nuse anndata_storage::Store;\n\n/// Open a store.\npub fn open() -> Store {\n    made()\n}\n\n\
         fn made() -> Store {\n    Store::default()\n}\n",
    ),
    (
        "anndata-rs",
        "anndata",
        &["anndata-core", "anndata-io-zarr"],
        "//! All of it.\n\npub use anndata_core::AnnData;\n\n/// Read an object.\npub fn read() -> AnnData {\n    \
         AnnData { store: anndata_io_zarr::open(), n_obs: 3 }\n}\n",
    ),
];

/// The workspace and its repository.
#[derive(Debug)]
pub(super) struct MadeUp {
    pub(super) root: PathBuf,
}

impl MadeUp {
    /// A repository without files.
    pub(super) fn empty() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let root = std::env::temp_dir().join(format!("xtask-release-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&root)?;
        let made = Self { root };
        made.git(&["init", "--quiet"])?;
        for (key, value) in [("user.name", "Nobody"), ("user.email", "nobody@example.org"), ("core.autocrlf", "false")]
        {
            made.git(&["config", key, value])?;
        }
        Ok(made)
    }

    /// Crates of version 0.1.0, committed and not released.
    pub(super) fn new() -> Result<Self> {
        let made = Self::empty()?;
        made.write("Cargo.toml", MANIFEST)?;
        made.write(".gitignore", "/target\n/home\n/registry\n")?;
        for (name, folder, dependencies, source) in CRATES {
            let dependencies: Vec<String> =
                dependencies.iter().map(|name| format!("{name}.workspace = true")).collect();
            let dependencies = dependencies.join("\n");
            let library = if name == "anndata-rs" { "\n[lib]\nname = \"anndata\"\n" } else { "" };
            let manifest = format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\ndescription = \"Made up\"\nreadme = \"README.md\"\n\
                 edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
                 repository = \"https://example.org\"\n{library}\n[dependencies]\n{dependencies}\n"
            );
            made.write(&format!("crates/{folder}/Cargo.toml"), &manifest)?;
            made.write(&format!("crates/{folder}/src/lib.rs"), source)?;
            made.write(&format!("crates/{folder}/README.md"), &format!("```toml\n{name} = \"0.1\"\n```\n"))?;
            for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
                made.write(&format!("crates/{folder}/{licence}"), "Do as you like.\n")?;
                made.write(licence, "Do as you like.\n")?;
            }
        }
        made.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")?;
        made.git(&["add", "--all"])?;
        made.stamp()?;
        let mut lock = crate::sh::cargo();
        output(lock.current_dir(&made.root).args(["generate-lockfile", "--offline", "--quiet"]))?;
        made.commit("Begin")?;
        Ok(made)
    }

    /// As if version 0.1.0 of every crate had been published.
    pub(super) fn released() -> Result<Self> {
        let made = Self::new()?;
        for (name, ..) in CRATES {
            made.git(&["tag", &format!("{name}-v0.1.0")])?;
        }
        Ok(made)
    }

    pub(super) fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        Ok(std::fs::write(path, text)?)
    }

    pub(super) fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(path)).map_err(|e| Error::new(format!("{path}: {e}")))
    }

    /// Replace a text that a file has once.
    pub(super) fn replace(&self, path: &str, old: &str, new: &str) -> Result<()> {
        let text = self.read(path)?;
        assert_eq!(text.matches(old).count(), 1, "{path}: {old}");
        self.write(path, &text.replace(old, new))
    }

    /// Write the page of a conformance run of the code as it is.
    pub(super) fn stamp(&self) -> Result<()> {
        self.write("docs/conformance.md", "# Conformance\n\nAll passed.\n")?;
        freshness::stamp(&self.root)
    }

    pub(super) fn commit(&self, message: &str) -> Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message]).map(drop)
    }

    pub(super) fn git(&self, arguments: &[&str]) -> Result<String> {
        output(command("git").current_dir(&self.root).args(arguments))
    }

    pub(super) fn tags(&self) -> Result<Vec<String>> {
        Ok(self.git(&["tag", "--list"])?.lines().map(str::to_owned).collect())
    }

    pub(super) fn workspace(&self) -> Result<Workspace> {
        let workspace = Workspace::read(&self.root, self.root.join("target"))?;
        Ok(Workspace { home: Some(self.root.join("home")), ..workspace })
    }

    /// A registry in a folder of the workspace, the same for each call.
    pub(super) fn registry(&self) -> Result<Registry> {
        let own = CRATES.iter().map(|(name, ..)| (*name).to_owned()).chain(["abcd".to_owned()]).collect();
        Registry::serve(&self.root.join("registry"), own)
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        // What stays is in the folder for temporary files.
        drop(std::fs::remove_dir_all(&self.root));
    }
}

/// Three changes: nothing that is seen in the zarr backend, a method more in storage, a field less in core.
pub(super) fn three_changes(made: &MadeUp) -> Result<()> {
    let storage = "crates/anndata-storage/src/lib.rs";
    made.replace("crates/anndata-io-zarr/src/lib.rs", "    Store::default()", "    Store::default().clone()")?;
    made.commit("Zarr: a mistake is mended")?;
    made.replace(storage, "impl Store {\n", "impl Store {\n    /// Whether it has none.\n    pub fn is_empty(&self) -> bool {\n        self.names.is_empty()\n    }\n\n")?;
    made.replace(
        "CHANGELOG.md",
        "## Unreleased\n",
        "## Unreleased\n\n### Added\n\n- `anndata-storage`: `Store::is_empty`.\n",
    )?;
    made.commit("Stores say whether they are empty")?;
    made.replace("crates/anndata-core/src/lib.rs", "    /// How many rows it has.\n    pub n_obs: usize,\n", "")?;
    made.replace("crates/anndata/src/lib.rs", "anndata_io_zarr::open(), n_obs: 3 }", "anndata_io_zarr::open() }")?;
    made.replace("CHANGELOG.md", "is_empty`.\n", "is_empty`.\n\n### Removed\n\n- `anndata-core`: `AnnData::n_obs`.\n")?;
    made.stamp()?;
    made.commit("Rows are not counted twice")
}

/// Checks whose last one passes or fails as a test says, with a registry that is on this machine.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) registry: &'a Registry,
    pub(super) ci: std::result::Result<(), &'static str>,
}

impl Checks for Made<'_> {
    fn ci(&self, _: &Workspace) -> Result<()> {
        self.ci.map_err(Error::new)
    }

    fn registry(&self) -> Option<&Registry> {
        Some(self.registry)
    }
}

/// The message of what has to fail.
pub(super) fn complaint<T>(result: Result<T>) -> String {
    result.err().map_or_else(|| "it succeeded".into(), |error| error.to_string())
}

/// Whether a file is there.
pub(super) fn is_there(root: &Path, path: &str) -> bool {
    root.join(path).exists()
}
