//! What the build and the tests need from outside, found on this machine or brought into `target/venv`.
//!
//! - **CMake** 3.26 or later builds the HDF5 library. If the one on `PATH` is missing or older, it is installed
//!   with pip, and child processes find it through `CMAKE`.
//! - **Python** 3.12 or later runs anndata, for the comparison with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sh::{Error, Result, cargo, command, output, root, step, target};

const CMAKE_AT_LEAST: (u32, u32) = (3, 26);
const CMAKE_PACKAGE: &str = "cmake>=3.26";
const PYTHON_AT_LEAST: (u32, u32) = (3, 12);
const REQUIREMENTS: &str = "tests/python/requirements.txt";
/// The requirements of annbatch, beside which other versions are installed.
pub(crate) const ANNBATCH: &str = "tests/python/requirements-annbatch.txt";
/// The requirements of the check of mutants, which has no need of Python anndata.
pub(crate) const MUTANTS: &str = "tests/python/requirements-mutants.txt";

/// The CMake that builds HDF5 when the one on `PATH` will not do.
#[derive(Debug)]
pub(crate) struct Tools {
    cmake: Option<PathBuf>,
}

impl Tools {
    /// Find the tools, and install what is missing.
    ///
    /// # Errors
    ///
    /// When CMake is missing and no Python with pip is there to install it.
    pub(crate) fn bring() -> Result<Self> {
        let on_path = std::env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
        if is_recent_cmake(Path::new(&on_path)) {
            return Ok(Self { cmake: None });
        }
        let folder = target().join("venv/tools");
        let installed = cmake_in(&folder);
        let cmake = match installed {
            Some(cmake) => cmake,
            None => install_cmake(&folder)?,
        };
        Ok(Self { cmake: Some(cmake) })
    }

    /// Let a command use the tools.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some(cmake) = &self.cmake {
            command.env("CMAKE", cmake);
        }
        command
    }
}

/// A command of Cargo that is not part of it, installed below `target/tools`, or below `$ANNDATA_TOOLS`.
#[derive(Debug)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl CargoTool {
    /// The program, if it is installed already.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let program = tools().join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        program.exists().then_some(program)
    }

    /// The program, installed if need be, which takes several minutes.
    ///
    /// # Errors
    ///
    /// When Cargo cannot install it.
    pub(crate) fn bring(&self) -> Result<PathBuf> {
        if let Some(found) = self.find() {
            return Ok(found);
        }
        let mut install = cargo();
        // Unoptimized, which is fast enough for what it does.
        install.args(["install", "--debug", "--locked", self.name, "--version", self.version, "--root"]);
        step(&format!("install {}", self.name), install.arg(tools()))?;
        self.find().ok_or_else(|| Error::new(format!("cargo installed no {}", self.name)))
    }
}

fn tools() -> PathBuf {
    std::env::var_os("ANNDATA_TOOLS").map_or_else(|| target().join("tools"), PathBuf::from)
}

/// Install CMake below `folder`: in a virtual environment, or beside nothing where Python lacks `venv`.
fn install_cmake(folder: &Path) -> Result<PathBuf> {
    let python = ["python3", "python"].into_iter().find(|p| python_version(p.as_ref()).is_some());
    let python = python.ok_or_else(|| Error::new(no_cmake("there is no Python to install it with")))?;
    let in_venv = output(command(python).args(["-m", "venv"]).arg(folder)).and_then(|_| {
        step(
            "install cmake",
            command(program_in(folder, "python")).args(["-m", "pip", "install", "--quiet", CMAKE_PACKAGE]),
        )
    });
    if in_venv.is_err() {
        let mut pip = command(python);
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(folder).arg(CMAKE_PACKAGE);
        step("install cmake", &mut pip).map_err(|e| Error::new(no_cmake(&e.to_string())))?;
    }
    cmake_in(folder).ok_or_else(|| Error::new(no_cmake("pip installed one that does not run")))
}

fn no_cmake(why: &str) -> String {
    let (major, minor) = CMAKE_AT_LEAST;
    format!("CMake {major}.{minor} or later is needed to build HDF5, and {why}. Install it and try again.")
}

fn cmake_in(folder: &Path) -> Option<PathBuf> {
    let candidates = [program_in(folder, "cmake"), folder.join("cmake/data/bin/cmake")];
    candidates.into_iter().find(|c| is_recent_cmake(c))
}

fn is_recent_cmake(cmake: &Path) -> bool {
    let version = output(command(cmake).arg("--version")).ok();
    let version = version.as_deref().and_then(|v| v.strip_prefix("cmake version "));
    version.and_then(parse_version).is_some_and(|v| v >= CMAKE_AT_LEAST)
}

/// The first two numbers of a version.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The interpreter of an environment with the newest Python anndata in it, made when it is not there.
///
/// # Errors
///
/// When no Python is recent enough (`Ok(None)` is this case without `wanted`), or pip fails.
pub(crate) fn anndata_python(wanted: Option<&str>) -> Result<Option<PathBuf>> {
    anndata_python_with(wanted, REQUIREMENTS)
}

/// [`anndata_python`] with the versions of another file of requirements.
pub(crate) fn anndata_python_with(wanted: Option<&str>, requirements: &str) -> Result<Option<PathBuf>> {
    let named = wanted.map(OsString::from).or_else(|| std::env::var_os("ANNDATA_PYTHON"));
    let mut key = std::fs::read(root().join(requirements))?;
    // A Python that is asked for by name has an environment of its own.
    key.extend(named.iter().flat_map(|name| name.as_encoded_bytes()));
    let Some(python) = find_python(named)? else { return Ok(None) };
    let folder = target().join(format!("venv/anndata-{:016x}", fnv1a(&key)));
    let (interpreter, complete) = (program_in(&folder, "python"), folder.join("complete"));
    if !complete.exists() {
        step("make the Python environment", command(&python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--requirement", requirements];
        step("install what Python needs", command(&interpreter).args(pip))?;
        std::fs::write(complete, "")?;
    }
    Ok(Some(interpreter))
}

/// A program in a virtual environment.
fn program_in(folder: &Path, name: &str) -> PathBuf {
    if cfg!(windows) { folder.join("Scripts").join(format!("{name}.exe")) } else { folder.join("bin").join(name) }
}

/// What to report when [`anndata_python`] finds nothing.
pub(crate) fn no_python() -> String {
    let (major, minor) = PYTHON_AT_LEAST;
    format!("no Python {major}.{minor} or later found; set ANNDATA_PYTHON to one")
}

fn find_python(named: Option<OsString>) -> Result<Option<OsString>> {
    if let Some(python) = named {
        return match python_version(&python) {
            Some(v) if v >= PYTHON_AT_LEAST => Ok(Some(python)),
            Some((major, minor)) => Err(Error::new(format!(
                "{} is Python {major}.{minor}; {}.{} or later is needed",
                python.display(),
                PYTHON_AT_LEAST.0,
                PYTHON_AT_LEAST.1
            ))),
            None => Err(Error::new(format!("{} does not run as Python", python.display()))),
        };
    }
    let on_path = ["python3.14", "python3.13", "python3.12", "python3"].map(OsString::from);
    let mut candidates = on_path.into_iter().chain(pyenv_pythons());
    Ok(candidates.find(|p| python_version(p).is_some_and(|v| v >= PYTHON_AT_LEAST)))
}

/// The Pythons that pyenv installed, the newest first.
fn pyenv_pythons() -> Vec<OsString> {
    let Some(home) = std::env::home_dir() else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(home.join(".pyenv/versions")) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((parse_version(entry.file_name().to_str()?)?, entry.path().join("bin/python"))))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path.into_os_string()).collect()
}

fn python_version(python: &std::ffi::OsStr) -> Option<(u32, u32)> {
    let code = "import sys; print('%d.%d' % sys.version_info[:2])";
    output(command(python).args(["-c", code])).ok().as_deref().and_then(parse_version)
}

/// A hash that is the same on every machine and release (FNV-1a, 64 bit).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(parse_version("3.28.1\n\nCMake suite"), Some((3, 28)));
        assert_eq!(parse_version("3.12"), Some((3, 12)));
        assert_eq!(parse_version("pypy"), None);
    }

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
