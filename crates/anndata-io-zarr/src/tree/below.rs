//! The metadata of an element of a remote store and of all below it: level by level, the requests of a level at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anndata_storage::{Error, NodeKind, NodeMeta, Result, Storage as _, TreeVisitor};

use super::{Shared, ZarrStore};
use crate::store::Remote;

/// More elements than this are asked for one by one, as long as the visitor wants more.
const MAX_AT_ONCE: usize = 100_000;

/// What is below an element. The nodes themselves are known to the tree by then.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// The paths of the children of each group.
    children: HashMap<String, Vec<String>>,
    /// Prefixes that are not nodes.
    absent: HashSet<String>,
}

impl Shared {
    /// The store that has to be asked for metadata, where that takes time.
    pub(super) fn to_ask(&self) -> Option<Remote> {
        self.store.as_remote().filter(|_| !self.tree().complete).cloned()
    }

    /// Gets to know the nodes at a path and below it.
    pub(super) async fn load_below(self: Arc<Self>, remote: Remote, path: String) -> Result<Below> {
        let mut below = Below::default();
        let mut level = vec![path];
        while !level.is_empty() {
            let unknown = self.unknown(&level);
            let values = remote.clone().get_all(self.metadata_keys(&unknown), self.options.limits.max_metadata).await?;
            let nodes = self.note(&unknown, &values);
            // One that is malformed is asked for again when it is reported.
            let absent = unknown.iter().zip(nodes).filter(|(_, node)| matches!(node, Ok(None)));
            below.absent.extend(absent.map(|(path, _)| path.clone()));
            let groups: Vec<String> = level.into_iter().filter(|path| self.is_group(path)).collect();
            level = Vec::new();
            let listed = remote.children_of(&groups).await?;
            for (group, names) in groups.into_iter().zip(listed) {
                let paths = Self::paths_of(&group, names);
                level.extend_from_slice(&paths);
                below.children.insert(group, paths);
            }
            if below.children.len() + level.len() > MAX_AT_ONCE {
                return Err(Error::limit_exceeded("the store has more elements than are listed at once"));
            }
        }
        Ok(below)
    }

    fn is_group(&self, path: &str) -> bool {
        self.tree().nodes.get(path).is_some_and(|node| node.fault.is_none() && !node.is_array)
    }
}

impl ZarrStore {
    /// Reports to a visitor the element at a path and what is below it.
    pub(super) fn tell(&self, below: &Below, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        if !visitor.enter(path)? || !visitor.visit(path, self.meta(path))? {
            return Ok(());
        }
        let children = below.children.get(path).into_iter().flatten();
        children.filter(|path| !below.absent.contains(*path)).try_for_each(|path| self.tell(below, path, visitor))
    }

    fn meta(&self, path: &str) -> Result<NodeMeta> {
        let array = match self.kind(path)? {
            Some(NodeKind::Array) => Some(self.open_array(path)?),
            Some(NodeKind::Group) => None,
            None => return Err(Error::not_found("no such element")),
        };
        Ok(NodeMeta { attributes: self.attributes(path), array })
    }
}

#[cfg(test)]
mod tests;
