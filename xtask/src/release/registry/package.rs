//! Packages in the folder of a registry: what `cargo publish` sends, and the lines of the index.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::release::index;
use crate::release::sha256::sha256;
use crate::sh::{Error, Result};

/// Whether something can be a crate or a version, and so the name of a file.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed)
}

/// The file of a package.
pub(super) fn file(folder: &Path, name: &str, version: &str) -> PathBuf {
    folder.join("crates").join(format!("{name}-{version}.crate"))
}

/// The file of the lines of a crate.
pub(super) fn lines(folder: &Path, name: &str) -> PathBuf {
    folder.join("index").join(index::path(name))
}

/// Keep an upload: the length of a JSON text, the text, the length of the package, the package.
///
/// # Errors
///
/// When it is not that, or the version is there already.
pub(super) fn store(folder: &Path, body: &[u8]) -> Result<()> {
    let damaged = || Error::new("the upload is not a description and a package");
    let (text, rest) = piece(body).ok_or_else(damaged)?;
    let (package, rest) = piece(rest).ok_or_else(damaged)?;
    let description: Value = serde_json::from_slice(text).map_err(|_| damaged())?;
    let (Some(name), Some(version)) = (description["name"].as_str(), description["vers"].as_str()) else {
        return Err(damaged());
    };
    if !rest.is_empty() || !is_name(name) || !is_name(version) {
        return Err(damaged());
    }
    if file(folder, name, version).exists() {
        return Err(Error::new(format!("crate {name}@{version} already exists")));
    }
    let line = line(&description, &sha256(package));
    let lines = lines(folder, name);
    std::fs::create_dir_all(lines.parent().unwrap_or(folder))?;
    // The package first: what the index names is there.
    std::fs::write(file(folder, name, version), package)?;
    let mut lines = OpenOptions::new().create(true).append(true).open(lines)?;
    Ok(writeln!(lines, "{line}")?)
}

/// A piece that begins with its length, and what follows it.
fn piece(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)
}

/// The line of the index for an upload. All its dependencies are of this registry, which stands in for crates.io.
fn line(description: &Value, checksum: &str) -> Value {
    let dependencies = description["deps"].as_array().into_iter().flatten().map(|dependency| {
        let renamed = dependency["explicit_name_in_toml"].as_str();
        json!({
            "name": renamed.map_or_else(|| dependency["name"].clone(), Value::from),
            "req": dependency["version_req"],
            "features": dependency["features"],
            "optional": dependency["optional"],
            "default_features": dependency["default_features"],
            "target": dependency["target"],
            "kind": dependency["kind"],
            "package": renamed.map(|_| dependency["name"].clone()),
        })
    });
    // Features with `dep:` and `?` are kept apart, as the format asks.
    let features = description["features"].as_object().cloned().unwrap_or_default();
    json!({
        "name": description["name"],
        "vers": description["vers"],
        "deps": dependencies.collect::<Vec<_>>(),
        "cksum": checksum,
        "features": {},
        "features2": features,
        "yanked": false,
        "links": description["links"],
        "rust_version": description["rust_version"],
        "v": 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(description: &Value, package: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for piece in [description.to_string().as_bytes(), package] {
            body.extend(u32::try_from(piece.len()).unwrap_or(u32::MAX).to_le_bytes());
            body.extend(piece);
        }
        body
    }

    #[test]
    fn uploads_are_kept_once() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("xtask-registry-{}", std::process::id()));
        let description = json!({
            "name": "abcd", "vers": "1.0.0", "features": { "x": ["dep:z"] },
            "deps": [{ "name": "z", "version_req": "^1", "features": [], "optional": true, "default_features": true,
                       "kind": "normal", "explicit_name_in_toml": "y", "registry": "https://example.org" }],
        });
        std::fs::create_dir_all(folder.join("crates"))?;
        store(&folder, &upload(&description, b"package"))?;
        assert_eq!(std::fs::read(file(&folder, "abcd", "1.0.0"))?, b"package");
        let line = std::fs::read_to_string(lines(&folder, "abcd"))?;
        let line: Value = serde_json::from_str(&line).map_err(|e| Error::new(e.to_string()))?;
        let dependency = &line["deps"][0];
        assert_eq!((&dependency["name"], &dependency["package"]), (&json!("y"), &json!("z")));
        assert_eq!((&line["cksum"], &line["features2"]["x"]), (&json!(sha256(b"package")), &json!(["dep:z"])));

        let refused = |body: &[u8]| store(&folder, body).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(refused(&upload(&description, b"other")), "crate abcd@1.0.0 already exists");
        let whole = upload(&description, b"package");
        for body in [&whole[..3], &whole[..whole.len() - 1], &[whole.as_slice(), b"x"].concat()] {
            assert_eq!(refused(body), "the upload is not a description and a package");
        }
        for (name, version) in [("../x", "1.0.0"), ("x", "../1"), ("", "1.0.0")] {
            let body = upload(&json!({ "name": name, "vers": version }), b"package");
            assert_eq!(refused(&body), "the upload is not a description and a package");
        }
        Ok(std::fs::remove_dir_all(folder)?)
    }
}
