//! Running commands in the root of the project, with their time, and the one error type.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What is built together, always with the same features, so that nothing is built twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The workspace without the crates that build DataFusion, which takes minutes; beside the default features stores by URL, and
    /// arrays for other libraries.
    WithoutDataFusion,
    /// All of it, and the zarr codecs that are rare.
    Everything,
}

impl Selection {
    /// The arguments of cargo.
    pub(crate) fn arguments(self) -> Vec<&'static str> {
        let (packages, more): (&[&str], &[&str]) = match self {
            Self::WithoutDataFusion => (&WORKSPACE, &[]),
            Self::Everything => {
                (&["--workspace"], &["--features", "anndata-cli/cluster,anndata-ballista/cloud,anndata-io-zarr/zarrs"])
            }
        };
        let features = ["--features", "anndata-tests/cloud,anndata-cli/cloud,anndata-rs/candle,anndata-rs/dlpack"];
        [packages, &features, more].concat()
    }
}

/// The workspace without the crates that build DataFusion.
pub(crate) const WORKSPACE: [&str; 5] =
    ["--workspace", "--exclude", "anndata-datafusion", "--exclude", "anndata-ballista"];

/// The result of every step.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as one text for the user.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The folder that Cargo builds in.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The Cargo that runs this program.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A command that will run in the root of the project.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    // Cargo sets these for the programs it runs; a Cargo started from here has to work them out anew.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_PKG_NAME");
    command
}

/// Run a command and let the user see its output.
///
/// # Errors
///
/// When it cannot be started or does not succeed.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    println!("==> {name}");
    let start = Instant::now();
    let status = command.status().map_err(|e| Error::new(format!("{name}: {}: {e}", line_of(command))))?;
    if !status.success() {
        return Err(Error::new(format!("{name} failed ({status}): {}", line_of(command))));
    }
    println!("==> {name}: {:.1} s\n", start.elapsed().as_secs_f64());
    Ok(())
}

/// Run a command quietly and return what it wrote to its standard output.
///
/// # Errors
///
/// When it cannot be started or does not succeed; the message then has what it wrote to its standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().map_err(|e| Error::new(format!("{}: {e}", line_of(command))))?;
    if !out.status.success() {
        let stderr = String::from_utf8_lossy(&out.stderr);
        return Err(Error::new(format!("{} failed ({})\n{}", line_of(command), out.status, stderr.trim())));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The triple of the machine that this runs on.
///
/// # Errors
///
/// When the compiler does not name it.
pub(crate) fn host() -> Result<String> {
    let version = output(command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::new("rustc -vV names no host"))
}

/// A command as one would type it.
fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The value that follows an option in a list of arguments.
///
/// # Errors
///
/// When the option has no value, or an argument is none of `known`.
pub(crate) fn option<'a>(arguments: &[&'a str], name: &str, known: &[&str]) -> Result<Option<&'a str>> {
    let mut found = None;
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        if !known.contains(&argument) {
            return Err(Error::new(format!("unknown argument {argument}\n\n{}", crate::USAGE)));
        }
        let value = rest.next().ok_or_else(|| Error::new(format!("{argument} needs a value")))?;
        if argument == name {
            found = Some(*value);
        }
    }
    Ok(found)
}

/// Whether a word is among the arguments, and the others, for [`option`].
pub(crate) fn split_flag<'a>(arguments: &[&'a str], name: &str) -> (bool, Vec<&'a str>) {
    (flag(arguments, name), arguments.iter().copied().filter(|argument| *argument != name).collect())
}

/// Whether a word is among the arguments.
pub(crate) fn flag(arguments: &[&str], name: &str) -> bool {
    arguments.contains(&name)
}
