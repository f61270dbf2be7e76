//! What of a backed object is not as it is stored, and how that comes into the store.

use anndata_storage::{Edit, Error, NodeKind, Result};

use super::{Backed, path_of};
use crate::encoding::dict::check_key;
use crate::encoding::slots::{check_matrix, frame_to_write};
use crate::encoding::{EncodeContext, sparse};
use crate::io::ElemWriteOptions;
use crate::node::Node;
use crate::{AnnData, DataFrame, Element, Lazy, Mapping, Raw};

/// An element of the object that is not as it is stored.
pub(super) struct Change {
    /// Its path below the object.
    pub(super) key: String,
    /// What it is now, `None` if it is gone.
    node: Option<Node>,
}

impl Backed {
    /// What of an object is not as it is stored.
    pub(super) fn changes(&self, new: &AnnData, context: &EncodeContext<'_>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let old = &self.stored;
        let whole = new.layers().keys().any(Option::is_some) && !self.has_layers()?;
        for key in old.layers().keys().filter(|key| !new.layers().contains_key(*key)) {
            changes.push(Change { key: path_of(key.as_deref()), node: None });
        }
        for (key, layer) in new.layers() {
            let is_new = old.layers().get(key).is_none_or(|old| !is_same(layer, old));
            if is_new && !(whole && key.is_some()) {
                changes.push(self.layer_change(key.as_deref(), layer, context)?);
            }
        }
        if whole {
            let layers = new.layers().iter().filter_map(|(key, layer)| Some((key.clone()?, layer.clone())));
            changes.push(self.change("layers", &Element::Mapping(layers.collect()), context)?);
        }
        for (key, new, old) in [("obs", new.obs(), old.obs()), ("var", new.var(), old.var())] {
            if !is_same_frame(new, old) {
                let frame = frame_to_write(new, context).map_err(|error| error.at(&self.root.path_of(key)))?;
                changes.push(self.change(key, &Element::Frame(frame), context)?);
            }
        }
        for ((slot, new), (_, old)) in new.mappings().into_iter().zip(old.mappings()) {
            if !is_same_mapping(new, old) {
                changes.extend(self.mapping_changes(slot, new, old, context)?);
            }
        }
        match (new.raw(), old.raw()) {
            (None, Some(_)) => changes.push(Change { key: "raw".to_owned(), node: None }),
            (Some(new), old) if old.is_none_or(|old| !is_same_raw(new, old)) => {
                changes.push(self.change("raw", &Element::Raw(Box::new(new.clone())), context)?);
            }
            _ => {}
        }
        Ok(changes)
    }

    /// What of a mapping is not as it is stored: only its elements that are others, if it is a group already.
    fn mapping_changes(
        &self,
        slot: &str,
        new: &Mapping,
        old: &Mapping,
        context: &EncodeContext<'_>,
    ) -> Result<Vec<Change>> {
        if self.root.kind(slot)? != Some(NodeKind::Group) {
            return Ok(vec![self.change(slot, &Element::Mapping(new.clone()), context)?]);
        }
        let path = |key: &str| format!("{slot}/{key}");
        let gone = old.keys().filter(|&key| !new.contains_key(key));
        let mut changes: Vec<Change> = gone.map(|key| Change { key: path(key), node: None }).collect();
        for (key, element) in new {
            if old.get(key).is_none_or(|old| !is_same(element, old)) {
                check_key(key).map_err(|error| error.at(&self.root.path_of(slot)))?;
                changes.push(self.change(&path(key), element, context)?);
            }
        }
        Ok(changes)
    }

    /// Runs what encodes elements for this store.
    pub(super) fn encoded<T>(
        &self,
        options: &ElemWriteOptions,
        encode: impl FnOnce(&EncodeContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let choices = options.encode.below(self.root.path(), options.store.keep_layout);
        encode(&EncodeContext::new(&options.registry, &choices, self.root.storage().capabilities()))
    }

    /// What an element of the object becomes in the store.
    fn change(&self, key: &str, element: &Element, context: &EncodeContext<'_>) -> Result<Change> {
        Ok(Change { key: key.to_owned(), node: Some(sparse::encode(element, &self.root.path_of(key), context)?) })
    }

    /// What `X` or a layer becomes in the store.
    pub(super) fn layer_change(
        &self,
        key: Option<&str>,
        layer: &Element,
        context: &EncodeContext<'_>,
    ) -> Result<Change> {
        let path = path_of(key);
        check_matrix(layer, &self.root.path_of(&path))?;
        let Some(key) = key else { return self.change(&path, layer, context) };
        check_key(key).map_err(|error| error.at(&self.root.path_of("layers")))?;
        if self.has_layers()? {
            return self.change(&path, layer, context);
        }
        self.change("layers", &Element::Mapping([(key.to_owned(), layer.clone())].into()), context)
    }

    /// Whether the stored object has a group of layers; one that is made gets its attributes as a whole.
    fn has_layers(&self) -> Result<bool> {
        Ok(self.root.kind("layers")? == Some(NodeKind::Group))
    }

    /// Brings changes into the store, all or none. Matrices that they replace can no longer be read.
    pub(super) fn apply(&self, changes: &[Change], options: &ElemWriteOptions) -> Result<()> {
        let storage = self.root.storage();
        let path = |change: &Change| self.root.path_of(&change.key);
        let first = changes.first().map(path).unwrap_or_default();
        let options = options.store.below(self.root.path());
        let mut edit = Edit::begin(storage).map_err(|error| error.at(&first))?;
        for change in changes {
            match &change.node {
                Some(node) => node.stage(&mut edit, storage, &path(change), &options)?,
                None => edit.remove(&path(change))?,
            }
        }
        edit.commit().map_err(|error| error.at(self.root.path()))?;
        let matrices = self.stored.layers().iter().map(|(key, layer)| (path_of(key.as_deref()), layer));
        let raw = self.stored.raw().and_then(Raw::x).map(|x| ("raw/X".to_owned(), x));
        for (path, matrix) in matrices.chain(raw) {
            if let Element::Lazy(lazy) = matrix
                && changes.iter().any(|change| is_within(&path, &change.key))
            {
                lazy.set_replaced();
            }
        }
        Ok(())
    }

    /// Whether a matrix in memory is the stored one of this key.
    pub(super) fn is_stored(&self, key: Option<&str>, lazy: &Lazy) -> bool {
        matches!(self.stored.layer(key), Some(Element::Lazy(stored)) if stored.is(lazy))
    }

    /// Refuses to change a stored matrix from which another one in memory is still to be read.
    pub(super) fn check_alone(&self, key: Option<&str>) -> Result<()> {
        let path = self.root.path_of(&path_of(key));
        let matrices = self.layers().iter().filter(|(other, _)| other.as_deref() != key);
        let matrices = matrices.map(|(key, layer)| (path_of(key.as_deref()), layer));
        let raw = self.raw().and_then(Raw::x).map(|x| ("raw/X".to_owned(), x));
        let others = self
            .mappings()
            .into_iter()
            .flat_map(|(slot, mapping)| mapping.iter().map(move |(key, element)| (format!("{slot}/{key}"), element)));
        match matrices.chain(raw).chain(others).find(|(_, element)| reads_from(element, &path)) {
            Some((reader, _)) => {
                Err(Error::unsupported(format!("{reader} in memory still reads from it: write that back first"))
                    .at(&path))
            }
            None => Ok(()),
        }
    }
}

/// Whether a path is a key or below it.
pub(super) fn is_within(path: &str, key: &str) -> bool {
    path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an element that is still to be read is, or is a part of, the stored one at a path.
fn reads_from(element: &Element, path: &str) -> bool {
    match element {
        Element::Lazy(lazy) => {
            !lazy.path().is_empty() && (is_within(lazy.path(), path) || is_within(path, lazy.path()))
        }
        Element::Mapping(mapping) => mapping.values().any(|element| reads_from(element, path)),
        Element::AnnData(adata) => {
            adata.layers().values().any(|layer| reads_from(layer, path))
                || adata.raw().and_then(Raw::x).is_some_and(|x| reads_from(x, path))
        }
        Element::Raw(raw) => raw.x().is_some_and(|x| reads_from(x, path)),
        _ => false,
    }
}

/// Whether an element is the one that is stored. Nothing is read for that: a matrix that stays in the store is the same
/// only as long as nobody put another in its place.
fn is_same(new: &Element, old: &Element) -> bool {
    match (new, old) {
        (Element::Lazy(new), Element::Lazy(old)) => new.is(old),
        (Element::Lazy(_), _) | (_, Element::Lazy(_)) => false,
        (Element::Frame(new), Element::Frame(old)) => is_same_frame(new, old),
        (Element::Mapping(new), Element::Mapping(old)) => is_same_mapping(new, old),
        (new, old) => new == old,
    }
}

/// Also the order of columns is the same.
fn is_same_frame(new: &DataFrame, old: &DataFrame) -> bool {
    new == old && new.column_names().eq(old.column_names())
}

/// Also the order of keys is the same.
fn is_same_mapping(new: &Mapping, old: &Mapping) -> bool {
    new.len() == old.len() && new.iter().zip(old).all(|(new, old)| new.0 == old.0 && is_same(new.1, old.1))
}

fn is_same_raw(new: &Raw, old: &Raw) -> bool {
    let x = match (new.x(), old.x()) {
        (Some(new), Some(old)) => is_same(new, old),
        (None, None) => true,
        _ => false,
    };
    x && is_same_frame(new.var(), old.var())
        && is_same_mapping(new.varm(), old.varm())
        && is_same_mapping(new.other(), old.other())
}
