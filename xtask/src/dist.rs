//! `cargo xtask dist`: an archive of the `anndata` command as one downloads it.
//!
//! It holds the command, stripped and with every feature, completions for five shells, manual pages, licences and the
//! README. HDF5 and the other C libraries are linked into the command; what it still needs from the system is printed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::env::Tools;
use crate::sh::{Error, Result, cargo, command, host, output, root, step, target};

const PACKAGE: &str = "anndata-cli";
const FEATURES: &str = "cloud,zarrs";
/// The shells that completions are for, and how their files are called.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "anndata.bash"),
    ("elvish", "anndata.elv"),
    ("fish", "anndata.fish"),
    ("powershell", "_anndata.ps1"),
    ("zsh", "_anndata"),
];
const PAGES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
/// How often the command is started to time it.
const STARTS: usize = 21;

/// Build the command and pack it.
///
/// # Errors
///
/// When a step fails.
pub(crate) fn run() -> Result<()> {
    let binary = build()?;
    let (version, host) = (version(&binary)?, host()?);
    let name = format!("anndata-{version}-{host}");
    let folder = target().join("dist").join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    for inner in ["completions", "man"] {
        std::fs::create_dir_all(folder.join(inner))?;
    }
    let packed = folder.join(binary.file_name().unwrap_or_default());
    std::fs::copy(&binary, &packed)?;
    for (shell, file) in SHELLS {
        std::fs::write(folder.join("completions").join(file), output(command(&packed).args(["completions", shell]))?)?;
    }
    output(command(&packed).arg("man").arg(folder.join("man")))?;
    for page in PAGES {
        std::fs::copy(root().join(page), folder.join(page))?;
    }
    std::fs::copy(root().join("crates").join(PACKAGE).join("README.md"), folder.join("README.md"))?;
    let archive = folder.with_file_name(format!("{name}.tar.gz"));
    let parent = folder.parent().unwrap_or(&folder);
    step("pack", command("tar").arg("-czf").arg(&archive).arg("-C").arg(parent).arg(&name))?;
    report(&packed, &archive)
}

/// The command in the release profile, without symbols.
fn build() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["rustc", "--release", "--package", PACKAGE, "--bin", "anndata", "--features", FEATURES]);
    // For the command alone, so that what was built for others is used.
    build.args(["--", "-C", "strip=symbols"]);
    step("build the anndata command", Tools::bring()?.apply(&mut build))?;
    let binary = target().join("release").join(format!("anndata{}", std::env::consts::EXE_SUFFIX));
    if binary.exists() { Ok(binary) } else { Err(Error::new(format!("no command at {}", binary.display()))) }
}

fn version(binary: &Path) -> Result<String> {
    let said = output(command(binary).arg("--version"))?;
    let version = said.split_whitespace().last().map(str::to_owned);
    version.ok_or_else(|| Error::new("the command says no version"))
}

/// Print what was made: sizes, what is linked at run time, and how long the command takes to start.
fn report(binary: &Path, archive: &Path) -> Result<()> {
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len());
    println!("{:>10} bytes  {}", size(archive)?, archive.display());
    println!("{:>10} bytes  {}", size(binary)?, binary.display());
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        output(command(binary).arg("--version"))?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(STARTS / 2).copied().unwrap_or(Duration::ZERO);
    println!("{:>10.1} ms     to start (median of {STARTS})", median.as_secs_f64() * 1e3);
    if cfg!(target_os = "linux") {
        let libraries = output(command("ldd").arg(binary))?;
        let names: Vec<&str> = libraries.lines().filter_map(|line| line.split_whitespace().next()).collect();
        println!("needs from the system: {}", names.join(", "));
    }
    Ok(())
}
