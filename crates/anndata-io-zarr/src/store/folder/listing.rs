//! All values below a folder.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::store::join;

/// The keys of the files below a folder, which itself is at `prefix`; `None` if there are links, behind which there may be more.
pub(super) fn keys(folder: &Path, prefix: &str) -> io::Result<Option<HashSet<String>>> {
    let mut found = HashSet::new();
    Ok(add(folder, prefix, &mut found)?.then_some(found))
}

/// Adds keys; `false` if there is a link.
fn add(folder: &Path, prefix: &str, found: &mut HashSet<String>) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        // No key is a name that is not UTF-8.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = join(prefix, &name);
        if kind.is_symlink() || (kind.is_dir() && !add(&entry.path(), &key, found)?) {
            return Ok(false);
        }
        if kind.is_file() {
            found.insert(key);
        }
    }
    Ok(true)
}
