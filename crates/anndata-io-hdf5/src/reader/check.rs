//! A walk over the metadata of a file, before the library edits it: the library does not survive every damaged one.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use anndata_hdf5_meta::{Error as MetaError, ErrorKind, LinkTarget, Object, ObjectKind, Superblock};
use anndata_storage::{Error, Result};

use super::array::ReaderArray;
use super::attributes::utf8_name;
use super::error::because;
use super::file::OpenFile;
use crate::Hdf5Options;
use crate::undo;

/// Refuses a file with damaged metadata: links, attributes, and what arrays say of themselves, the lists of their chunks
/// among it; and one in which bytes are of two arrays, or of an array and the head of an object, as what changes one would
/// change the other, or are beyond the end that the file tells of, as what is added goes there. Values, those of texts too, are
/// not looked at.
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
    let mut taken = Taken::of(file.meta.superblock());
    let mut todo = vec![(String::new(), root)];
    while let Some((path, object)) = todo.pop() {
        let links = check_object(&file, &object, &path, &mut taken).map_err(|error| error.at(&path))?;
        for (name, address) in links {
            if seen.insert(address) {
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                let object = file.meta.object(address).map_err(because("the object cannot be opened"));
                todo.push((path.clone(), object.map_err(|error| error.at(&path))?));
            }
        }
    }
    taken.check()
}

/// What bytes of a file are taken by.
struct Taken {
    base: u64,
    /// Where the file says that what is in use ends.
    end: u64,
    /// From where to where, and whose they are.
    spans: Vec<(u64, u64, usize)>,
    /// An element, and whether its values are meant; else its head.
    whose: Vec<(String, bool)>,
}

impl Taken {
    /// The shortest superblock and the shortest head of an object: more of them may be taken.
    const SUPERBLOCK: u64 = 48;
    const HEAD: u64 = 12;

    fn of(superblock: &Superblock) -> Self {
        let mut taken = Self { base: superblock.base, end: superblock.end, spans: Vec::new(), whose: Vec::new() };
        taken.add("", false, [(superblock.base, Self::SUPERBLOCK)]);
        taken
    }

    /// Takes spans: where each begins, and how long it is.
    fn add(&mut self, path: &str, values: bool, spans: impl IntoIterator<Item = (u64, u64)>) {
        let whose = self.whose.len();
        let spans = spans.into_iter().filter(|&(_, len)| len > 0);
        self.spans.extend(spans.map(|(start, len)| (start, start.saturating_add(len), whose)));
        self.whose.push((path.to_owned(), values));
    }

    fn check(mut self) -> Result<()> {
        let beyond = self.spans.iter().find(|&&(_, end, _)| end > self.end);
        if let Some((path, _)) = beyond.and_then(|&(_, _, whose)| self.whose.get(whose)) {
            let message = format!("it is stored beyond byte {}, where the file says that it ends", self.end);
            return Err(Error::invalid_data(message).at(path));
        }
        self.spans.sort_unstable();
        // If any two share bytes, so do two that follow each other.
        let shared = self.spans.windows(2).find_map(|pair| match *pair {
            [(_, end, a), (start, _, b)] if start < end => Some((self.whose.get(a)?, self.whose.get(b)?, start)),
            _ => None,
        });
        let Some((a, b, at)) = shared else { return Ok(()) };
        let ((path, _), (other, values)) = if a.1 { (a, b) } else { (b, a) };
        let what = if *values { "values" } else { "head" };
        Err(Error::invalid_data(format!(
            "the values share bytes of the file, from {at} on, with the {what} of '/{other}'"
        ))
        .at(path))
    }
}

/// Checks an object, and says which others hard links lead to from it.
fn check_object(file: &Arc<OpenFile>, object: &Object, path: &str, taken: &mut Taken) -> Result<Vec<(String, u64)>> {
    taken.add(path, false, [(object.address().saturating_add(taken.base), Taken::HEAD)]);
    let kind = object.kind().map_err(because("the object's header cannot be read"))?;
    for attribute in object.attributes().map_err(because("the attributes cannot be listed"))? {
        if let Some(error) = attribute.value.err().filter(is_damage) {
            return Err(because("an attribute cannot be read")(error));
        }
    }
    match kind {
        ObjectKind::Dataset => {
            match ReaderArray::new(Arc::clone(file), object.clone()).and_then(|array| array.spans()) {
                Ok(spans) => taken.add(path, true, spans),
                // What is in other files, or newer than all that is known, is no damage.
                Err(error) if error.is_refused() || error.is_unsupported() => {}
                Err(error) => return Err(error),
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
