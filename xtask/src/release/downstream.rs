//! A project that depends on published crates by version, as a user's does.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::workspace::Workspace;
use crate::env::Tools;
use crate::sh::{Error, Result, output, step};

/// A program and what it depends on.
#[derive(Debug)]
pub(crate) struct Downstream {
    /// Names and requirements.
    pub(crate) dependencies: Vec<(String, String)>,
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<PathBuf>,
}

/// The sample of this project: it reads a small `.h5ad` through the facade and through the storage traits.
///
/// # Errors
///
/// When a crate is not there.
pub(crate) fn sample(workspace: &Workspace) -> Result<Downstream> {
    let requirement =
        |name: &str| workspace.package(name).map(|package| (name.to_owned(), format!("={}", package.version)));
    Ok(Downstream {
        dependencies: vec![requirement("anndata-rs")?, requirement("anndata-storage")?],
        program: include_str!("../../downstream/main.rs"),
        arguments: vec![workspace.root.join("tests/fixtures/demo.h5ad")],
    })
}

/// Build the program in a folder of its own, with a Cargo that knows nothing of this workspace, and return what it prints.
///
/// # Errors
///
/// When it does not build or fails.
pub(crate) fn run(workspace: &Workspace, project: &Downstream, arguments: &[String]) -> Result<String> {
    let folder = workspace.scratch().join("downstream");
    std::fs::create_dir_all(folder.join("src"))?;
    let mut manifest =
        "[package]\nname = \"downstream\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n"
            .to_owned();
    for (name, requirement) in &project.dependencies {
        writeln!(manifest, "{name} = \"{requirement}\"").map_err(|e| Error::new(e.to_string()))?;
    }
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/main.rs"), project.program)?;
    let lock = folder.join("Cargo.lock");
    if lock.exists() {
        // Of a run before, with a registry at another port.
        std::fs::remove_file(lock)?;
    }
    let mut build = workspace.cargo();
    build.current_dir(&folder).arg("build").args(arguments);
    step("build a project that depends on what was published", Tools::bring()?.apply(&mut build))?;
    let program = workspace.target.join("debug").join(format!("downstream{}", std::env::consts::EXE_SUFFIX));
    output(crate::sh::command(program).current_dir(&folder).args(&project.arguments))
}
