//! The store as the rest of anndata sees it.

use std::path::Path;
use std::sync::Arc;

use anndata_storage::{
    ArraySpec, ArrayStorage, AsyncStorage, Attribute, Attributes, BoxFuture, Capabilities, Compression, DType, Error,
    Limits, NodeKind, Result, Runtime, Storage, TreeVisitor, file_name, parent_path, walk,
};
use serde_json::Value;

use super::array::ZarrArray;
use super::documents::group;
use super::load::RESERVED;
use super::{Collected, Node, Shared, ZarrStore};
use crate::layout;
use crate::metadata::{ArrayMeta, Document};
use crate::store::{is_safe, join};

impl Shared {
    fn add(&self, path: &str, node: Node) -> Result<()> {
        if !is_safe(path) || RESERVED.contains(&file_name(path)) {
            return Err(Error::invalid_input(format!("'{path}' cannot be the name of an element in a zarr store")));
        }
        self.save(path, node)
    }

    /// Changes the metadata of a node.
    fn edit(&self, path: &str, change: impl FnOnce(&mut Node)) -> Result<()> {
        let mut node = self.load(path)?.ok_or_else(missing)?;
        self.before_edit()?;
        change(&mut node);
        self.save(path, node)
    }

    /// The path of the element that a key of the store belongs to.
    fn element_of<'a>(&self, key: &'a str) -> &'a str {
        let mut path = parent_path(key);
        while let Some(above) = path {
            if above.is_empty() || matches!(self.load(above), Ok(Some(_))) {
                break;
            }
            path = parent_path(above);
        }
        path.unwrap_or_default()
    }

    /// Whether the store keeps the order in which elements were made: collected metadata do, folders do not.
    fn is_ordered(&self) -> bool {
        let tree = self.tree();
        tree.complete && tree.collected != Collected::Unwanted
    }

    pub(crate) fn set_shape(&self, path: &str, shape: &[u64]) -> Result<()> {
        self.edit(path, |node| {
            node.document.insert("shape".to_owned(), Value::from(shape.to_vec()));
        })
    }
}

fn missing() -> Error {
    Error::not_found("no such element")
}

/// Whether `key` is `path` or below it; the part below.
fn below<'a>(key: &'a str, path: &str) -> Option<&'a str> {
    if path.is_empty() {
        return Some(key);
    }
    let rest = key.strip_prefix(path)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

impl Storage for ZarrStore {
    fn capabilities(&self) -> Capabilities {
        let mut can = if self.0.store.is_writable() { Capabilities::ALL } else { Capabilities::ALL.read_only() };
        can.null_arrays = false;
        can.text_in_records = false;
        can.typed_attributes = false;
        can.ordered = self.0.is_ordered();
        // Objects are copied one by one. In a folder and a zip file there is one step, which replaces nothing.
        can.atomic_rename = self.0.store.as_remote().is_none();
        can.atomic_replace = false;
        can
    }

    fn location(&self) -> Option<&Path> {
        self.0.location.as_deref()
    }

    fn limits(&self) -> Limits {
        self.0.options.limits
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        Ok(self.0.load(path)?.map(|node| node.kind()))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        match self.0.load(path)? {
            Some(node) if !node.is_array => {
                let mut names: Vec<String> =
                    self.0.child_paths(path)?.iter().map(|path| file_name(path).to_owned()).collect();
                if !self.0.is_ordered() {
                    names.sort();
                }
                Ok(names)
            }
            _ => Err(Error::not_found("no such group")),
        }
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        let node = self.0.load(path)?.ok_or_else(missing)?;
        let attributes = node.attributes.iter().map(|(name, value)| (name.clone(), Attribute::from_json(value)));
        let mut attributes: Attributes = attributes.collect();
        if !self.0.is_ordered() {
            attributes.sort_keys();
        }
        Ok(attributes)
    }

    /// A remote store without collected metadata is asked level by level. What goes wrong on the way is found out, and
    /// reported of, element by element.
    fn tree(&self, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        let Some(remote) = self.0.to_ask() else { return walk(self, path, visitor) };
        let load = Arc::clone(&self.0).load_below(remote.clone(), path.to_owned());
        match remote.runtime().wait(load) {
            Ok(below) => self.tell(&below, path, visitor),
            Err(_) => walk(self, path, visitor),
        }
    }

    fn as_async(&self) -> Option<&dyn AsyncStorage> {
        self.0.store.as_remote().is_some().then_some(self)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        let to_json = |(name, value): (&String, &Attribute)| Ok((name.clone(), value.to_json()?));
        let attributes = attributes.iter().map(to_json).collect::<Result<Document>>()?;
        self.0.edit(path, |node| node.attributes = attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.0.before_edit()?;
        self.0.add(path, group(self.0.format))
    }

    /// An array without values becomes a single `false`, as Python's anndata writes it.
    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        let mut spec = spec.clone();
        if spec.null {
            spec = ArraySpec::new(DType::Bool, []);
        } else if spec.chunks.is_none() {
            // Without chunks of its own an array gets those of the format, and no codec.
            let ArraySpec { chunks, shards, .. } =
                layout::fill_in(self.0.format, self.0.options.sharding, &spec, Compression::None)?;
            (spec.chunks, spec.shards) = (chunks, shards);
        }
        let (document, meta) = ArrayMeta::create(self.0.format, &spec)?;
        self.0.before_edit()?;
        let node = Node { is_array: true, document, ..Node::default() };
        let (stamp, state) = (node.stamp.clone(), Arc::clone(&node.state));
        self.0.add(path, node)?;
        Ok(Arc::new(ZarrArray::new(Arc::clone(&self.0), path, meta, spec.resizable, stamp, state)?))
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        layout::fill_in(self.0.format, self.0.options.sharding, spec, compression)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        match self.0.load(path)? {
            Some(node) if node.is_array => {
                let meta = ArrayMeta::parse(self.0.format, &node.document)?;
                // Zarr does not say which arrays may grow: all may.
                let resizable = !meta.shape.is_empty();
                let stamp = self.0.watch(path, &node)?;
                Ok(Arc::new(ZarrArray::new(Arc::clone(&self.0), path, meta, resizable, stamp, node.state)?))
            }
            _ => Err(Error::not_found("no such array")),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.0.before_edit()?;
        self.0.settle()?;
        if below(to, from).is_some() {
            return Err(Error::invalid_input("an element cannot be moved into itself"));
        }
        if !is_safe(to) || RESERVED.contains(&file_name(to)) {
            return Err(Error::invalid_input(format!("'{to}' cannot be the name of an element in a zarr store")));
        }
        self.0.store.rename(from, to)?;
        let mut tree = self.0.tree_mut();
        let moved: Vec<String> = tree.nodes.keys().filter(|key| below(key, from).is_some()).cloned().collect();
        for old in moved {
            let (Some(rest), Some(node)) = (below(&old, from), tree.nodes.shift_remove(&old)) else { continue };
            let new = if rest.is_empty() { to.to_owned() } else { join(to, rest) };
            tree.nodes.insert(new, node);
        }
        drop(tree);
        self.0.indexes().clear();
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.0.before_edit()?;
        self.0.store.erase_all(path)?;
        self.0.tree_mut().nodes.retain(|key, _| below(key, path).is_none());
        self.0.indexes().clear();
        Ok(())
    }

    fn piece_family(&self) -> Option<&'static str> {
        Some("zarr")
    }

    fn flush(&self) -> Result<()> {
        self.0.settle()?;
        self.0.store.flush()
    }

    /// Makes the collected metadata anew, where the store is to have such and they are out of date.
    fn commit(&self) -> Result<()> {
        if self.0.tree().collected == Collected::Stale {
            self.0.collect()?;
        }
        self.flush()
    }

    /// The checksums of the entries of a zip file.
    fn verify(&self) -> Result<Vec<Error>> {
        let damaged = self.0.store.damaged();
        Ok(damaged.into_iter().map(|(key, error)| error.at(self.0.element_of(&key))).collect())
    }
}

impl AsyncStorage for ZarrStore {
    fn tree_async<'a>(&'a self, path: &'a str, visitor: &'a mut (dyn TreeVisitor + Send)) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(remote) = self.0.to_ask() else { return walk(self, path, visitor) };
            // The requests run on the runtime of the store, whatever runtime the caller has, or none.
            let load = remote.runtime().spawn(Arc::clone(&self.0).load_below(remote.clone(), path.to_owned()));
            let below = match load {
                Ok(load) => Runtime::finish(load).await,
                Err(error) => Err(error),
            };
            match below {
                Ok(below) => self.tell(&below, path, visitor),
                Err(_) => walk(self, path, visitor),
            }
        })
    }
}
