//! Every dependency is named in the code of its crate: one of the library or the program in `src`, one of tests anywhere.
//!
//! A dependency that is there for its features alone is named by a feature of the manifest: `x/feature`.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::super::File;
use super::{declared, metadata, text};
use crate::sh::{Result, root};

/// Look for the name of every dependency.
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let packages = metadata(&[])?;
    // The name of the library, which is not always that of its package.
    let library = |package: &Value| {
        let targets = package["targets"].as_array().into_iter().flatten();
        let is_library = |target: &&Value| {
            let kinds = target["kind"].as_array().into_iter().flatten();
            kinds.filter_map(Value::as_str).any(|kind| kind.ends_with("lib") || kind == "proc-macro")
        };
        let library = targets.filter(is_library).find_map(|target| target["name"].as_str());
        library.map(|library| (text(package, "name").to_owned(), library.replace('-', "_")))
    };
    let libraries: HashMap<String, String> = packages.iter().filter_map(library).collect();
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| package["source"].is_null()) {
        let manifest = Path::new(text(package, "manifest_path"));
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok()).unwrap_or(manifest);
        let folder = format!("{}/", folder.to_string_lossy().replace('\\', "/"));
        let mut sources: Vec<&File> = files.iter().filter(|file| is_source(&file.path, &folder)).collect();
        let elsewhere: Vec<String> = sources.iter().flat_map(|file| included(file)).collect();
        sources.extend(files.iter().filter(|file| elsewhere.iter().any(|folder| is_source(&file.path, folder))));
        for dependency in declared(package) {
            let name = text(dependency, "name");
            let in_code = dependency["rename"].as_str().map(|rename| rename.replace('-', "_"));
            let in_code = in_code.or_else(|| libraries.get(name).cloned()).unwrap_or_else(|| name.replace('-', "_"));
            let is_dev = dependency["kind"] == "dev";
            // What is optional cannot be for tests alone, so that it is allowed to be.
            let is_anywhere = is_dev || dependency["optional"] == true;
            let mut places = sources.iter().filter(|file| is_anywhere || !is_test(&file.path, &folder));
            // One that is there twice for other features in tests is used by what it is there for first.
            let is_repeated = is_dev && declared(package).filter(|other| text(other, "name") == name).count() > 1;
            let is_own = name == text(package, "name");
            if !is_repeated
                && !is_own
                && !sets_features(package, name)
                && !places.any(|file| names(&file.text, &in_code))
            {
                let kind = if is_dev { "dev-dependency" } else { "dependency" };
                found.push(format!("{folder}Cargo.toml: the {kind} {name} is not used"));
            }
        }
    }
    Ok(found)
}

/// Code, and pages whose examples are compiled.
fn is_source(path: &str, folder: &str) -> bool {
    let extension = Path::new(path).extension();
    path.starts_with(folder) && extension.is_some_and(|extension| extension == "rs" || extension == "md")
}

/// The folders that the modules of a file are in which it takes from elsewhere: `#[path = "../other/file.rs"]`.
fn included(file: &File) -> Vec<String> {
    let parts = file.text.split("#[path = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let folder = |path: &str| {
        let mut names: Vec<&str> = file.path.split('/').collect();
        names.pop();
        for name in path.split('/') {
            if name == ".." {
                names.pop();
            } else {
                names.push(name);
            }
        }
        names.pop();
        format!("{}/", names.join("/"))
    };
    parts.map(folder).collect()
}

fn is_test(path: &str, folder: &str) -> bool {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    ["tests/", "examples/", "benches/"].iter().any(|tests| inner.starts_with(tests))
}

/// Whether a feature of a package sets one of a dependency.
fn sets_features(package: &Value, dependency: &str) -> bool {
    let features = package["features"].as_object().into_iter().flat_map(|features| features.values());
    let mut set = features.filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    set.any(|feature| feature.split_once('/').is_some_and(|(of, _)| of.trim_end_matches('?') == dependency))
}

/// Whether a path in a source begins with a name, or is one.
fn names(source: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let is_in_list = |before: &str, after: &str| {
        let list = before.rsplit_once("use {").map(|(_, list)| list);
        list.is_some_and(|list| !list.contains(['{', ';'])) && after.starts_with([',', '}'])
    };
    source.match_indices(name).any(|(at, _)| {
        let (before, after) = (&source[..at], &source[at + name.len()..]);
        let is_import = before.ends_with("use ") || before.ends_with("extern crate ");
        let is_path = after.starts_with("::") || after.starts_with('!');
        !before.ends_with(is_part) && !after.starts_with(is_part) && (is_import || is_path || is_in_list(before, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_imports_name_a_dependency() {
        for used in [
            "use arrow;",
            "use arrow as a;",
            "arrow::f()",
            "x(&::arrow::S)",
            "pub use arrow::{A, B};",
            "arrow!(x)",
            "pub use {a, arrow, b};",
            "use {a::B, arrow};",
        ] {
            assert!(names(used, "arrow"), "{used}");
        }
        for unused in [
            "arrow_array::f()",
            "my_arrow::f()",
            "let arrow = 1;",
            "// an arrow",
            "use arrows;",
            "use a::{arrow};",
            "f(arrow, b)",
        ] {
            assert!(!names(unused, "arrow"), "{unused}");
        }
    }

    #[test]
    fn modules_from_elsewhere_are_followed() {
        let text = "#[path = \"../../b/examples/store.rs\"]\nmod store;\n";
        assert_eq!(included(&File { path: "a/tests/x.rs".into(), text: text.into() }), ["b/examples/"]);
        assert_eq!(included(&File { path: "a/tests/x.rs".into(), text: "mod store;".into() }), [""; 0]);
    }

    #[test]
    fn features_of_a_dependency_use_it() {
        let package = serde_json::json!({ "features": { "a": ["x/y", "z?/w"], "b": ["dep:u", "v"] } });
        assert!(sets_features(&package, "x") && sets_features(&package, "z"));
        assert!(!sets_features(&package, "u") && !sets_features(&package, "v"));
    }
}
