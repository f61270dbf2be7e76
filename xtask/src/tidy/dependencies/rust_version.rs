//! The `rust-version` that each crate declares is true: no dependency of it asks for a later one.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::super::File;
use super::text;
use crate::sh::{Error, Result, cargo, command, output};

/// Compare what dependencies declare with what each crate that takes them declares.
pub(crate) fn check(_: &[File]) -> Result<Vec<String>> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--quiet", "--filter-platform", &host()?]);
    let metadata: Value =
        serde_json::from_str(&output(&mut metadata)?).map_err(|e| Error::new(format!("cargo metadata: {e}")))?;
    Ok(too_new(&metadata))
}

/// The dependencies, of dependencies too, that ask for a later Rust than a crate that takes them.
fn too_new(metadata: &Value) -> Vec<String> {
    let by_id = |list: &'static str, value: &'static str| -> HashMap<&str, &Value> {
        let (start, key) = list.split_once('/').unwrap_or((list, ""));
        let all = if key.is_empty() { &metadata[start] } else { &metadata[start][key] };
        all.as_array()
            .into_iter()
            .flatten()
            .map(|one| (text(one, "id"), if value.is_empty() { one } else { &one[value] }))
            .collect()
    };
    let (packages, dependencies) = (by_id("packages", ""), by_id("resolve/nodes", "dependencies"));
    let mut found = BTreeSet::new();
    let mut is_declared = false;
    for (id, package) in packages.iter().filter(|(_, package)| package["source"].is_null()) {
        let Some(declared) = rust_version(package) else { continue };
        is_declared = true;
        let (mut seen, mut next) = (HashSet::from([*id]), vec![*id]);
        while let Some(id) = next.pop() {
            let below = dependencies.get(id).and_then(|below| below.as_array()).into_iter().flatten();
            next.extend(below.filter_map(Value::as_str).filter(|id| seen.insert(id)));
        }
        for other in seen.iter().filter_map(|id| packages.get(id)) {
            if rust_version(other).is_some_and(|version| version > declared) {
                let (name, version, rust) = (text(other, "name"), text(other, "version"), text(other, "rust_version"));
                found.insert(format!("{name} {version}, which {} takes, asks for Rust {rust}", text(package, "name")));
            }
        }
    }
    if !is_declared {
        found.insert("Cargo.toml: the workspace declares no rust-version".to_owned());
    }
    found.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_crate_is_compared_with_what_it_takes_itself() {
        let package = |id: &str, rust: &str, source: Value| json!({"id": id, "name": id, "version": "1.0.0", "rust_version": rust, "source": source});
        let mut metadata = json!({
            "packages": [
                package("old", "1.91", Value::Null),
                package("new", "1.94", Value::Null),
                package("between", "1.80", json!("registry")),
                package("late", "1.94", json!("registry")),
            ],
            "resolve": {"nodes": [
                {"id": "new", "dependencies": ["old", "between"]},
                {"id": "between", "dependencies": ["late"]},
                {"id": "old", "dependencies": []},
                {"id": "late", "dependencies": []},
            ]},
        });
        assert_eq!(too_new(&metadata), Vec::<String>::new());
        metadata["resolve"]["nodes"][2]["dependencies"] = json!(["between"]);
        assert_eq!(too_new(&metadata), ["late 1.0.0, which old takes, asks for Rust 1.94"]);
    }
}
