//! Reading and writing the metadata of nodes, one by one or collected.

use std::collections::HashSet;

use anndata_storage::{Error, FileStamp, Result, file_name, parent_path};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::documents::{ARRAY, ATTRIBUTES, GROUP, document_v3, group, node_v3, tree_v2, tree_v3};
use super::{Collected, Node, Shared, Stamp, Tree};
use crate::metadata::{Document, parse, to_bytes};
use crate::store::{ByteRange, METADATA, Store, is_safe, join};
use crate::{ZarrFormat, ZarrOptions};

/// Names of nodes that would be taken for metadata.
pub(super) const RESERVED: [&str; 5] = METADATA;

const V3: &str = "zarr.json";
const COLLECTED: &str = ".zmetadata";

impl Shared {
    /// Finds out which version a store has and what it holds. With collected metadata that is one read.
    pub(crate) fn open(store: Box<dyn Store>, options: &ZarrOptions) -> Result<Self> {
        let at_root = |error: Error| error.at("");
        store.check_same().map_err(at_root)?;
        if options.format != Some(ZarrFormat::V2)
            && let Some((document, stamp)) = read_document(&*store, V3, options).map_err(at_root)?
        {
            let tree = Tree { collected_stamp: stamp, ..tree_v3(document, options).map_err(at_root)? };
            return Ok(Self::new(store, ZarrFormat::V3, options, tree));
        }
        if options.format != Some(ZarrFormat::V3) {
            let collected =
                if options.consolidated { read_document(&*store, COLLECTED, options).map_err(at_root)? } else { None };
            if let Some((collected, stamp)) = collected {
                let tree = Tree { collected_stamp: stamp, ..tree_v2(&collected).map_err(at_root)? };
                return Ok(Self::new(store, ZarrFormat::V2, options, tree));
            }
            let shared = Self::new(store, ZarrFormat::V2, options, Tree::default());
            if shared.load("").map_err(at_root)?.is_some() {
                return Ok(shared);
            }
            return Err(no_store());
        }
        Err(no_store())
    }

    /// An empty root group, of which the store holds nothing before it is [settled](Self::settle).
    pub(crate) fn create(store: Box<dyn Store>, format: ZarrFormat, options: &ZarrOptions) -> Self {
        let collected = if options.consolidated { Collected::Stale } else { Collected::Unwanted };
        let nodes = IndexMap::from([(String::new(), group(format))]);
        Self::new(store, format, options, Tree { nodes, complete: true, collected, unsettled: true, ..Tree::default() })
    }

    /// Writes the metadata of all nodes, where none is in the store yet; from then on each is written when it changes. Those of
    /// the root, which make it a store, come when everything else is there.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut tree = self.tree_mut();
        if tree.unsettled {
            let (root, below): (Vec<_>, Vec<_>) = tree.nodes.iter().partition(|(path, _)| path.is_empty());
            below.into_iter().try_for_each(|(path, node)| self.put(path, node))?;
            self.store.arrive()?;
            root.into_iter().try_for_each(|(path, node)| self.put(path, node))?;
            tree.unsettled = false;
        }
        Ok(())
    }

    /// The node at a path, `None` if there is none.
    pub(super) fn load(&self, path: &str) -> Result<Option<Node>> {
        if !path.is_empty() && !is_safe(path) {
            return Ok(None);
        }
        {
            let tree = self.tree();
            let known = tree.nodes.get(path).cloned();
            if known.is_some() || tree.complete {
                return known.map(Node::checked).transpose();
            }
        }
        self.load_many(&[path.to_owned()])?.pop().unwrap_or(Ok(None))
    }

    /// Reads the metadata of several nodes at once. One that is malformed or refused is not an error of the others.
    fn load_many(&self, paths: &[String]) -> Result<Vec<Result<Option<Node>>>> {
        let keys = self.metadata_keys(paths);
        let values = match self.store.read_many(&keys, self.options.limits.max_metadata) {
            Ok(values) => values,
            // Which of them is refused is found out one by one.
            Err(error) if error.is_refused() && paths.len() > 1 => {
                return Ok(paths.iter().map(|path| self.load(path)).collect());
            }
            Err(error) if error.is_refused() => return Ok(vec![Err(error)]),
            Err(error) => return Err(error),
        };
        self.store.check_same()?;
        Ok(self.note(paths, &values))
    }

    /// The names of the values that hold the metadata of a node.
    fn metadata_names(&self) -> &'static [&'static str] {
        match self.format {
            ZarrFormat::V2 => &[ARRAY, GROUP, ATTRIBUTES],
            ZarrFormat::V3 => &[V3],
        }
    }

    /// The keys of the metadata of nodes.
    pub(super) fn metadata_keys(&self, paths: &[String]) -> Vec<String> {
        paths.iter().flat_map(|path| self.metadata_names().iter().map(|name| join(path, name))).collect()
    }

    /// Takes nodes from the values of their metadata. One that was read or written meanwhile stays, with what arrays that were
    /// opened from it share.
    pub(super) fn note<V: AsRef<[u8]>>(&self, paths: &[String], values: &[Option<V>]) -> Vec<Result<Option<Node>>> {
        let nodes = paths.iter().zip(values.chunks(self.metadata_names().len()));
        let nodes = nodes.map(|(path, documents)| {
            let node = self.node(documents).map_err(|error| error.at(path))?;
            Ok::<_, Error>(node.map(|node| self.tree_mut().nodes.entry(path.clone()).or_insert(node).clone()))
        });
        nodes.collect()
    }

    /// Those of some paths of which the tree knows nothing.
    pub(super) fn unknown(&self, paths: &[String]) -> Vec<String> {
        let tree = self.tree();
        paths.iter().filter(|path| !tree.nodes.contains_key(*path)).cloned().collect()
    }

    /// The paths of the children of a group that have these names, as far as they can be nodes.
    pub(super) fn paths_of(group: &str, names: Vec<String>) -> Vec<String> {
        let paths = names.into_iter().map(|name| join(group, &name));
        paths.filter(|path| is_safe(path) && !RESERVED.contains(&file_name(path))).collect()
    }

    /// A node from the values of its metadata.
    fn node<V: AsRef<[u8]>>(&self, values: &[Option<V>]) -> Result<Option<Node>> {
        let documents = values
            .iter()
            .map(|value| value.as_ref().map(|value| parse(value.as_ref())).transpose())
            .collect::<Result<Vec<_>>>()?;
        match (self.format, documents.as_slice()) {
            (ZarrFormat::V3, [Some(document)]) => node_v3(document.clone()).map(Some),
            (ZarrFormat::V2, [array, group, attributes]) => {
                let Some(document) = array.as_ref().or(group.as_ref()) else { return Ok(None) };
                let (document, attributes) = (document.clone(), attributes.clone().unwrap_or_default());
                Ok(Some(Node { is_array: array.is_some(), attributes, document, ..Node::default() }))
            }
            _ => Ok(None),
        }
    }

    /// Notes the metadata of a node and writes them.
    pub(super) fn save(&self, path: &str, node: Node) -> Result<()> {
        let mut tree = self.tree_mut();
        if !tree.unsettled {
            drop(tree);
            self.put(path, &node)?;
            tree = self.tree_mut();
        }
        tree.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    fn put(&self, path: &str, node: &Node) -> Result<()> {
        let mut stamp = node.stamp.lock();
        self.put_documents(path, node)?;
        if stamp.is_some() {
            *stamp = self.store.stamp(&self.array_key(path))?;
        }
        Ok(())
    }

    /// The key of the metadata that make the node at a path an array.
    pub(super) fn array_key(&self, path: &str) -> String {
        match self.format {
            ZarrFormat::V2 => join(path, ARRAY),
            ZarrFormat::V3 => join(path, V3),
        }
    }

    /// Notes what tells the array at a path from another that is put in its place.
    pub(super) fn watch(&self, path: &str, node: &Node) -> Result<Stamp> {
        if node.stamp.lock().is_none() {
            let stamp = self.store.stamp(&self.array_key(path))?;
            self.check_collected()?;
            let mut watched = node.stamp.lock();
            *watched = watched.or(stamp);
        }
        Ok(node.stamp.clone())
    }

    /// Refuses to go on where the collected metadata were changed by another since they were read.
    fn check_collected(&self) -> Result<()> {
        let tree = self.tree();
        if tree.collected == Collected::Current && self.store.stamp(self.collected_key())? != tree.collected_stamp {
            return Err(Error::stale("the store was changed by another after it was opened: open it again"));
        }
        Ok(())
    }

    /// The key of the value with the collected metadata.
    fn collected_key(&self) -> &'static str {
        match self.format {
            ZarrFormat::V2 => COLLECTED,
            ZarrFormat::V3 => V3,
        }
    }

    fn put_documents(&self, path: &str, node: &Node) -> Result<()> {
        let put = |name: &str, document: &Document| self.store.write(&join(path, name), &to_bytes(document)?);
        match self.format {
            ZarrFormat::V3 => put(V3, &document_v3(node)),
            ZarrFormat::V2 => {
                put(if node.is_array { ARRAY } else { GROUP }, &node.document)?;
                if node.attributes.is_empty() {
                    self.store.erase(&join(path, ATTRIBUTES))
                } else {
                    put(ATTRIBUTES, &node.attributes)
                }
            }
        }
    }

    /// Called before an edit: collected metadata in the store would be wrong after it, so they are taken away.
    pub(super) fn before_edit(&self) -> Result<()> {
        self.check_writable()?;
        let root = {
            let mut tree = self.tree_mut();
            if tree.collected != Collected::Current {
                return Ok(());
            }
            tree.collected = Collected::Stale;
            tree.nodes.get("").cloned().unwrap_or_default()
        };
        match self.format {
            ZarrFormat::V2 => self.store.erase(COLLECTED),
            ZarrFormat::V3 => self.put("", &root),
        }
    }

    /// Makes the collected metadata from what the store holds.
    pub(crate) fn collect(&self) -> Result<()> {
        self.check_writable()?;
        self.settle()?;
        self.load_all()?;
        let mut tree = self.tree_mut();
        match self.format {
            ZarrFormat::V2 => {
                let mut metadata = Map::new();
                for (path, node) in &tree.nodes {
                    let name = if node.is_array { ARRAY } else { GROUP };
                    metadata.insert(join(path, name), Value::Object(node.document.clone()));
                    metadata.insert(join(path, ATTRIBUTES), Value::Object(node.attributes.clone()));
                }
                let document = json!({"metadata": metadata, "zarr_consolidated_format": 1});
                self.store.write(COLLECTED, document.to_string().as_bytes())?;
            }
            ZarrFormat::V3 => {
                let Some(root) = tree.nodes.get("").filter(|root| !root.is_array) else { return Ok(()) };
                let metadata: Document = tree
                    .nodes
                    .iter()
                    .filter(|(path, _)| !path.is_empty())
                    .map(|(path, node)| (path.clone(), Value::Object(document_v3(node))))
                    .collect();
                let mut document = document_v3(root);
                let collected = json!({"kind": "inline", "must_understand": false, "metadata": metadata});
                document.insert("consolidated_metadata".to_owned(), collected);
                self.store.write(V3, Value::Object(document).to_string().as_bytes())?;
            }
        }
        tree.collected = Collected::Current;
        tree.collected_stamp = self.store.stamp(self.collected_key())?;
        Ok(())
    }

    /// Knows every node of the store.
    fn load_all(&self) -> Result<()> {
        if self.tree().complete {
            return Ok(());
        }
        let mut open = vec![String::new()];
        while let Some(path) = open.pop() {
            if self.load(&path)?.is_some_and(|node| !node.is_array) {
                open.extend(self.child_paths(&path)?);
            }
        }
        self.tree_mut().complete = true;
        Ok(())
    }

    /// The paths of a group's children.
    pub(super) fn child_paths(&self, path: &str) -> Result<Vec<String>> {
        {
            let tree = self.tree();
            if tree.complete {
                let children = tree.nodes.keys().filter(|key| !key.is_empty() && parent_path(key) == Some(path));
                return Ok(children.cloned().collect());
            }
        }
        let names = self.store.children(path)?;
        self.store.check_same()?;
        let paths = Self::paths_of(path, names);
        let unknown = self.unknown(&paths);
        let loaded = self.load_many(&unknown)?;
        // What cannot be opened is listed, so that who asks for it learns why.
        let absent: HashSet<&String> =
            unknown.iter().zip(&loaded).filter(|(_, node)| matches!(node, Ok(None))).map(|(path, _)| path).collect();
        Ok(paths.iter().filter(|path| !absent.contains(path)).cloned().collect())
    }
}

fn no_store() -> Error {
    Error::not_found("it is not a zarr store: it has neither zarr.json nor .zgroup")
}

/// A document, and what tells whether it is still the same.
fn read_document(store: &dyn Store, key: &str, options: &ZarrOptions) -> Result<Option<(Document, Option<FileStamp>)>> {
    let before = store.stamp(key)?;
    let mut bytes = Vec::new();
    let there = store.read(key, ByteRange::All, options.limits.max_metadata, &mut bytes)?;
    if store.stamp(key)? != before {
        return Err(Error::stale(format!("'{key}' was changed while it was read: open the store again")));
    }
    if there { Ok(Some((parse(&bytes)?, before))) } else { Ok(None) }
}
