//! The metadata of a tree: [`TreeVisitor`], to whom its elements are reported, and [`walk`], which asks for them one by
//! one.

use std::sync::Arc;

use crate::path::is_name;
use crate::{ArrayStorage, Attributes, Error, NodeKind, Result, Storage, child_path};

/// What a store knows of an element without reading a value.
#[derive(Debug)]
pub struct NodeMeta {
    /// The attributes, or why they cannot be read.
    pub attributes: Result<Attributes>,
    /// The open array, if it is one; else it is a group.
    pub array: Option<Arc<dyn ArrayStorage>>,
}

/// Receives the elements of a tree from [`Storage::tree`].
pub trait TreeVisitor {
    /// Whether the element at a path, and what is below it, is wanted; nothing of it was read so far.
    ///
    /// # Errors
    /// An error ends the visit.
    fn enter(&mut self, path: &str) -> Result<bool>;

    /// Takes the element at a path, or why it cannot be opened. Returns whether to go on with what is below it.
    ///
    /// # Errors
    /// An error ends the visit.
    fn visit(&mut self, path: &str, found: Result<NodeMeta>) -> Result<bool>;
}

/// Visits the element at a path and all below it, by asking a store for one after the other: what [`Storage::tree`] does
/// where a store has nothing better.
///
/// # Errors
/// The error of the visitor. If there is no element, or it cannot be opened, that is reported to the visitor.
pub fn walk<S: Storage + ?Sized>(storage: &S, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
    if !visitor.enter(path)? {
        return Ok(());
    }
    let (found, children) = match open(storage, path) {
        Ok((meta, children)) => (Ok(meta), children),
        Err(error) => (Err(error), Vec::new()),
    };
    if visitor.visit(path, found)? {
        for name in children {
            walk(storage, &child_path(path, &name), visitor)?;
        }
    }
    Ok(())
}

/// An element, and the names of its children.
fn open<S: Storage + ?Sized>(storage: &S, path: &str) -> Result<(NodeMeta, Vec<String>)> {
    let is_path = path.is_empty() || path.split('/').all(is_name);
    let kind = if is_path { storage.kind(path)? } else { None };
    let (array, children) = match kind {
        Some(NodeKind::Group) => (None, members(storage.children(path)?)?),
        Some(NodeKind::Array) => (Some(storage.open_array(path)?), Vec::new()),
        None => return Err(Error::not_found("no such element")),
    };
    Ok((NodeMeta { attributes: storage.attributes(path), array }, children))
}

/// The names of the members of a group, each of which leads to one of its own and not back to the group or past it.
fn members(names: Vec<String>) -> Result<Vec<String>> {
    match names.iter().find(|name| name.is_empty() || name.contains('/')) {
        Some(name) => Err(Error::invalid_data(format!("a member is called '{name}', which is no name"))),
        None => Ok(names),
    }
}
