//! The groups above a path, made where they are missing.

use crate::{Error, NodeKind, Result, Storage, parent_path};

/// Makes the groups above a path that are missing, from there to a path of this length.
pub(crate) fn make_parents(storage: &dyn Storage, path: &str, until: usize) -> Result<()> {
    missing_parents(storage, path, until)?.into_iter().rev().try_for_each(|parent| {
        match storage.create_group(parent) {
            // Another thread made it meanwhile.
            Err(error) if error.is_already_exists() && storage.kind(parent)? == Some(NodeKind::Group) => Ok(()),
            made => made.map_err(|error| error.at(parent)),
        }
    })
}

/// The paths above another one, from there to a path of this length, at which no group stands: the lowest first. An array
/// among them is an error.
pub(crate) fn missing_parents<'a>(storage: &dyn Storage, path: &'a str, until: usize) -> Result<Vec<&'a str>> {
    let mut missing = Vec::new();
    let mut above = parent_path(path);
    while let Some(parent) = above.filter(|parent| parent.len() > until) {
        match storage.kind(parent).map_err(|error| error.at(parent))? {
            Some(NodeKind::Array) => {
                return Err(Error::invalid_input(format!("'{parent}' is an array, not a group")).at(path));
            }
            Some(NodeKind::Group) => break,
            None => missing.push(parent),
        }
        above = parent_path(parent);
    }
    Ok(missing)
}
