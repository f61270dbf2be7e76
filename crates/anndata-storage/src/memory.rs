//! A complete store in memory: for tests, and for objects that are built before they are written.

mod array;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexSet;

use crate::{
    ArraySpec, ArrayStorage, Attribute, Attributes, Capabilities, Error, Limits, NodeKind, Result, Storage, child_path,
    file_name, parent_path,
};
use array::MemoryArray;

/// A store in memory. It keeps every dtype, attribute and order; codecs are noted but not applied.
#[derive(Debug)]
pub struct MemoryStore {
    nodes: Mutex<Nodes>,
    limits: Limits,
}

/// Every element by its path. The root is always there.
type Nodes = HashMap<String, Node>;

#[derive(Debug, Default)]
struct Node {
    attributes: Attributes,
    children: IndexSet<String>,
    array: Option<Arc<MemoryArray>>,
}

impl MemoryStore {
    /// A store with an empty root group.
    pub fn new() -> Self {
        Self { nodes: Mutex::new(HashMap::from([(String::new(), Node::default())])), limits: Limits::default() }
    }

    /// Sets the limits on what is read.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        lock(&self.nodes)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

/// A panic of another thread leaves nothing half done here, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing() -> Error {
    Error::not_found("no such element")
}

/// Puts a node at a free path in a group.
fn insert(nodes: &mut Nodes, path: &str, node: Node) -> Result<()> {
    if nodes.contains_key(path) {
        return Err(Error::already_exists("something already exists at this path"));
    }
    let parent = parent_path(path).and_then(|parent| nodes.get_mut(parent)).filter(|parent| parent.array.is_none());
    let parent = parent.ok_or_else(|| Error::not_found("there is no group that it could be made in"))?;
    parent.children.insert(file_name(path).to_owned());
    nodes.insert(path.to_owned(), node);
    Ok(())
}

/// Takes out an element and all below it; each with its path below the element, parents first.
fn take(nodes: &mut Nodes, path: &str) -> Vec<(String, Node)> {
    if let Some(parent) = parent_path(path).and_then(|parent| nodes.get_mut(parent)) {
        parent.children.shift_remove(file_name(path));
    }
    let mut taken = Vec::new();
    let mut below = vec![String::new()];
    while let Some(rest) = below.pop() {
        let Some(node) = nodes.remove(&child_path(path, &rest)) else { continue };
        below.extend(node.children.iter().map(|child| child_path(&rest, child)));
        taken.push((rest, node));
    }
    taken
}

/// Moves an element, and all below it, to a free path in a group. References follow it.
fn rename(nodes: &mut Nodes, from: &str, to: &str) -> Result<()> {
    if !nodes.contains_key(from) {
        return Err(missing());
    }
    // A stand-in takes the place among the children of the group.
    insert(nodes, to, Node::default())?;
    for (rest, node) in take(nodes, from) {
        nodes.insert(child_path(to, &rest), node);
    }
    for attribute in nodes.values_mut().flat_map(|node| node.attributes.values_mut()) {
        if let Attribute::Reference(path) = attribute
            && let Some(rest) = path.strip_prefix(from)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            *path = child_path(to, rest);
        }
    }
    Ok(())
}

impl Storage for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        Ok(self.nodes().get(path).map(|node| if node.array.is_some() { NodeKind::Array } else { NodeKind::Group }))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        match self.nodes().get(path) {
            Some(node) if node.array.is_none() => Ok(node.children.iter().cloned().collect()),
            _ => Err(Error::not_found("no such group")),
        }
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.nodes().get(path).map(|node| node.attributes.clone()).ok_or_else(missing)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        attributes.clone_into(&mut self.nodes().get_mut(path).ok_or_else(missing)?.attributes);
        Ok(())
    }

    fn create_group(&self, path: &str) -> Result<()> {
        insert(&mut self.nodes(), path, Node::default())
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        if !spec.grid.is_empty() {
            return Err(Error::unsupported("a store in memory has no chunks of unequal length"));
        }
        let array = Arc::new(MemoryArray::new(spec.clone())?);
        insert(&mut self.nodes(), path, Node { array: Some(Arc::clone(&array)), ..Node::default() })?;
        Ok(array)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        match self.nodes().get(path).and_then(|node| node.array.clone()) {
            Some(array) => Ok(array),
            None => Err(Error::not_found("no such array")),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        rename(&mut self.nodes(), from, to)
    }

    fn replace(&self, from: &str, to: &str) -> Result<()> {
        let mut nodes = self.nodes();
        if !nodes.contains_key(from) {
            return Err(missing());
        }
        take(&mut nodes, to);
        rename(&mut nodes, from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        if take(&mut self.nodes(), path).is_empty() { Err(missing()) } else { Ok(()) }
    }
}

#[cfg(all(test, feature = "testkit"))]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn the_memory_store_conforms() {
        testkit::run_all(|| Arc::new(MemoryStore::new()));
    }
}
