//! Cases of trees: the metadata of many elements in one call are those of each.

use std::sync::Arc;

use super::root;
use crate::{
    Array, ArraySpec, Attribute, DType, Error, ErrorKind, Group, NodeKind, NodeMeta, Result, Storage, TreeVisitor,
};

pub(super) fn write(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    for path in ["a/b/c", "a/empty", "beside"] {
        root.create_group(path)?.set_attribute("path", path)?;
    }
    for path in ["a/array", "a/b/array", "ab"] {
        let array = root.create_array(path, &ArraySpec::new(DType::I32, [2, 3]))?;
        array.set_attributes(&[("path".to_owned(), Attribute::from(path))].into())?;
    }
    Ok(())
}

/// Notes what is reported to it.
#[derive(Default)]
struct Notes {
    entered: Vec<String>,
    found: Vec<(String, Result<NodeMeta>)>,
    /// What is not wanted.
    unwanted: Option<&'static str>,
    /// What is not gone below.
    closed: Option<&'static str>,
    /// At what the visit ends.
    last: Option<&'static str>,
}

impl TreeVisitor for Notes {
    fn enter(&mut self, path: &str) -> Result<bool> {
        self.entered.push(path.to_owned());
        Ok(self.unwanted != Some(path))
    }

    fn visit(&mut self, path: &str, found: Result<NodeMeta>) -> Result<bool> {
        self.found.push((path.to_owned(), found));
        if self.last == Some(path) { Err(Error::invalid_input("enough")) } else { Ok(self.closed != Some(path)) }
    }
}

impl Notes {
    fn of(mut self, group: &Group, key: &str) -> Result<Self> {
        group.tree(key, &mut self)?;
        Ok(self)
    }

    fn paths(&self) -> Vec<&str> {
        self.found.iter().map(|(path, _)| path.as_str()).collect()
    }
}

/// The paths of an element and of all below it, in the order of the store.
fn expected(group: &Group, path: &str) -> Result<Vec<String>> {
    let mut all = vec![path.to_owned()];
    if group.kind(path)? == Some(NodeKind::Group) {
        for name in group.group(path)?.children()? {
            all.extend(expected(group, &crate::child_path(path, &name))?);
        }
    }
    Ok(all)
}

pub(super) fn check(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    for key in ["", "a", "a/b", "a/array", "beside"] {
        let notes = Notes::default().of(&root, key)?;
        assert_eq!(notes.paths(), expected(&root, key)?, "'{key}': each element before its children, these in order");
        assert_eq!(notes.paths(), notes.entered, "'{key}': each is asked for, then told of");
        for (path, found) in notes.found {
            let meta = found?;
            let attributes = meta.attributes?;
            let opened = match meta.array {
                Some(array) => {
                    let array = Array::new(Arc::clone(store), array, path.clone());
                    assert_eq!(array.spec(), root.array(&path)?.spec(), "{path}: the declaration");
                    assert!(array.read()?.shape() == [2, 3], "{path}: the array can be read");
                    array.attributes()?
                }
                None => root.group(&path)?.attributes()?,
            };
            assert_eq!(attributes, opened, "{path}: the attributes");
        }
    }
    let group = root.group("a")?;
    let notes = Notes { unwanted: Some("a/b"), ..Notes::default() }.of(&group, "")?;
    assert!(notes.paths().iter().all(|path| !path.starts_with("a/b")), "what is not wanted is not told of");
    assert!(notes.entered.iter().all(|path| !path.starts_with("a/b/")), "nor is it gone into");
    let notes = Notes { closed: Some("a/b"), ..Notes::default() }.of(&group, "")?;
    assert!(notes.paths().contains(&"a/b") && notes.paths().iter().all(|path| !path.starts_with("a/b/")));
    assert!(notes.paths().contains(&"a/empty"), "the visit goes on beside what it does not go below");
    let mut notes = Notes { last: Some("a"), ..Notes::default() };
    assert!(root.tree("", &mut notes).is_err_and(|error| error.is_invalid_input()), "the visitor ends the visit");
    assert_eq!(notes.paths().last(), Some(&"a"));
    for nothing in ["none", "a/none", "a/array/below", "a/../ab"] {
        let notes = Notes::default().of(&root, nothing)?;
        let [(path, Err(error))] = notes.found.as_slice() else {
            return Err(Error::invalid_data(format!("'{nothing}' is told of as {:?}", notes.found)));
        };
        assert_eq!((path.as_str(), error.kind()), (nothing, ErrorKind::NotFound));
    }
    Ok(())
}
