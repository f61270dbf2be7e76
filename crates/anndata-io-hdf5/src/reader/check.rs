//! A walk over the metadata of a file, before the library edits it: the library does not survive every damaged one.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use anndata_hdf5_meta::{Error as MetaError, ErrorKind, LinkTarget, Object, ObjectKind};
use anndata_storage::{Error, Result};

use super::array::ReaderArray;
use super::attributes::utf8_name;
use super::error::because;
use super::file::OpenFile;
use crate::Hdf5Options;
use crate::undo;

/// Refuses a file with damaged metadata: links, attributes, and what arrays say of themselves, the lists of their chunks
/// among it. Values, those of texts too, are not looked at.
///
/// # Errors
/// What is damaged, with its path.
pub(crate) fn check(path: &Path, options: &Hdf5Options) -> Result<()> {
    let file = File::open(path)?;
    undo::recover(path)?;
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        // Another program writes to it, which the library refuses itself; or this one, which has looked at it before.
        return Ok(());
    }
    let file = Arc::new(OpenFile::new(file, path, options)?);
    let root = file.meta.root().map_err(because("the root group cannot be read"))?;
    let mut seen = HashSet::from([root.address()]);
    let mut todo = vec![(String::new(), root)];
    while let Some((path, object)) = todo.pop() {
        let links = check_object(&file, &object).map_err(|error| error.at(&path))?;
        for (name, address) in links {
            if seen.insert(address) {
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                let object = file.meta.object(address).map_err(because("the object cannot be opened"));
                todo.push((path.clone(), object.map_err(|error| error.at(&path))?));
            }
        }
    }
    Ok(())
}

/// Checks an object, and says which others hard links lead to from it.
fn check_object(file: &Arc<OpenFile>, object: &Object) -> Result<Vec<(String, u64)>> {
    let kind = object.kind().map_err(because("the object's header cannot be read"))?;
    for attribute in object.attributes().map_err(because("the attributes cannot be listed"))? {
        if let Some(error) = attribute.value.err().filter(is_damage) {
            return Err(because("an attribute cannot be read")(error));
        }
    }
    match kind {
        ObjectKind::Dataset => {
            match ReaderArray::new(Arc::clone(file), object.clone()).and_then(|array| array.check_chunks()) {
                // What is in other files, or newer than all that is known, is no damage.
                Err(error) if !error.is_refused() && !error.is_unsupported() => return Err(error),
                _ => {}
            }
            Ok(Vec::new())
        }
        ObjectKind::NamedDatatype => Ok(Vec::new()),
        ObjectKind::Group => {
            let links = object.links().map_err(because("the names in the group cannot be listed"))?;
            let hard = links.into_iter().filter_map(|link| match link.target {
                LinkTarget::Hard(address) => Some(utf8_name(link.name).map(|name| (name, address))),
                _ => None,
            });
            hard.collect::<Result<_, Error>>()
        }
    }
}

fn is_damage(error: &MetaError) -> bool {
    !matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Refused)
}
