//! Links within a folder: which of them are followed.
//!
//! A link to a file that is within the store is followed: its bytes are those of the store. A link to a folder is not,
//! since folders within each other can have far more paths than folders; and no link out of the store is, as whoever
//! made the store could have the reader reveal what is in other files. An option follows them all, except one that
//! leads back to a folder that it is in.

use std::fs;
use std::path::Path;

use anndata_storage::{Error, Result};

/// What is done with links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Those to files within the store are followed for reading, others are refused.
    Within,
    /// All are followed that do not lead back.
    Followed,
}

impl Links {
    /// Follows all links, or those within the store.
    pub(crate) fn followed(yes: bool) -> Self {
        if yes { Self::Followed } else { Self::Within }
    }

    /// Refuses a key whose file is behind a link that is not followed. What is not there is no link.
    pub(super) fn check(self, root: &Path, key: &str, to_write: bool) -> Result<()> {
        let mut path = root.to_owned();
        let mut names = key.split('/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            path.push(name);
            if !path.is_symlink() {
                continue;
            }
            let refused = |what: &str| {
                let shown = path.strip_prefix(root).unwrap_or(&path).display();
                Err(Error::refused(format!("'{shown}' is a link {what}")))
            };
            let is_last = names.peek().is_none();
            if self == Self::Followed {
                if leads_back(&path) {
                    return refused("that leads back to a folder that it is in");
                }
            } else if !is_last {
                return refused("to another folder; the option allow_links of the store follows it");
            } else if to_write {
                return refused("to another file; the option allow_links of the store writes to that");
            } else if leads_out(&path, root) {
                return refused("to what is not in the store; the option allow_links of the store follows it");
            }
        }
        Ok(())
    }
}

/// Whether a link ends outside a folder, or nowhere.
fn leads_out(link: &Path, root: &Path) -> bool {
    match (fs::canonicalize(link), fs::canonicalize(root)) {
        (Ok(target), Ok(root)) => !target.starts_with(root) || !target.is_file(),
        _ => true,
    }
}

fn leads_back(link: &Path) -> bool {
    let parent = link.parent().and_then(|parent| fs::canonicalize(parent).ok());
    match (fs::canonicalize(link), parent) {
        (Ok(target), Some(parent)) => parent.starts_with(target),
        _ => false,
    }
}
