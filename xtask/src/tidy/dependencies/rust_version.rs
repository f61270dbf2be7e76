//! The `rust-version` that the workspace declares is true: no dependency asks for a later one.

use serde_json::Value;

use super::super::File;
use super::{metadata, text};
use crate::sh::{Error, Result, command, output};

/// Compare what dependencies declare with what the workspace declares.
pub(crate) fn check(_: &[File]) -> Result<Vec<String>> {
    let packages = metadata(&["--filter-platform", &host()?])?;
    let (own, others): (Vec<&Value>, Vec<&Value>) = packages.iter().partition(|p| p["source"].is_null());
    let Some(declared) = own.iter().filter_map(|p| rust_version(p)).min() else {
        return Ok(vec!["Cargo.toml: the workspace declares no rust-version".into()]);
    };
    let too_new = others.iter().filter(|p| rust_version(p).is_some_and(|v| v > declared));
    Ok(too_new
        .map(|p| format!("{} {} asks for Rust {}", text(p, "name"), text(p, "version"), text(p, "rust_version")))
        .collect())
}

/// Major, minor and patch.
fn rust_version(package: &Value) -> Option<[u32; 3]> {
    let mut numbers = package["rust_version"].as_str()?.split('.').map(|n| n.parse().unwrap_or(0));
    Some(std::array::from_fn(|_| numbers.next().unwrap_or(0)))
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(command(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|l| l.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::new("rustc -vV names no host"))
}
