//! Dependencies: they build with the declared Rust, are used, are asked for in one version, and may be used.

mod licences;
mod rust_version;
mod unused;
mod versions;

pub(super) use licences::check as licences;
pub(super) use rust_version::check as rust_version;
pub(super) use unused::check as unused;
pub(super) use versions::check as versions;

use serde_json::Value;

use crate::sh::{Error, Result, cargo, output};

/// What `cargo metadata` says, with these arguments.
fn metadata(arguments: &[&str]) -> Result<Vec<Value>> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--quiet"]).args(arguments);
    let text = output(&mut metadata)?;
    let mut metadata: Value = serde_json::from_str(&text).map_err(|e| Error::new(format!("cargo metadata: {e}")))?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => Err(Error::new("cargo metadata: no packages")),
    }
}

/// The dependencies that a package declares.
fn declared(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().into_iter().flatten()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or("?")
}
