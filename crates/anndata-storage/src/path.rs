//! Paths of elements: names joined by `/`, the root empty, no leading or trailing slash.

/// The path of `key` below `parent`.
///
/// ```
/// assert_eq!(anndata_storage::child_path("", "obs"), "obs");
/// assert_eq!(anndata_storage::child_path("obs", "louvain"), "obs/louvain");
/// ```
pub fn child_path(parent: &str, key: &str) -> String {
    let key = key.trim_matches('/');
    match (parent, key) {
        ("", key) => key.to_owned(),
        (parent, "") => parent.to_owned(),
        (parent, key) => format!("{parent}/{key}"),
    }
}

/// The last name of a path; empty for the root.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path without its last name; `None` for the root.
pub fn parent_path(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None if path.is_empty() => None,
        None => Some(""),
    }
}

/// Whether an element can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains('\0')
}
