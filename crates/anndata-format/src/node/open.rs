//! Opening trees from a store.

use std::collections::HashSet;
use std::sync::Arc;

use anndata_storage::{
    Array, ArraySpec, Attribute, Attributes, Error, Group, Limits, NodeMeta, OrBug as _, Result, Tensor, TreeVisitor,
    ensure, file_name, parent_path,
};
use indexmap::IndexMap;

use super::{ArrayNode, GroupNode, Node, Source, Unreadable};

/// How deep groups may be nested: deeper than any use, shallower than a stack.
pub(super) const MAX_DEPTH: usize = 100;

/// Links of a file can make one element stand at many paths, and a small file a tree that grows with each link. This many
/// elements are opened without a look at that.
const FEW_NODES: usize = 100;

/// At how many paths the other elements may stand, on average.
const MAX_PATHS: usize = 8;

impl Node {
    /// The metadata of the element at `key` of a group and of all below it; the empty key is the group itself.
    ///
    /// What is below and cannot be opened, such as a link that leads nowhere, keeps nothing else from being opened: it
    /// stands in the tree with the reason ([`Source::Unreadable`]).
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or if the element itself cannot be opened, the
    /// store fails, or its tree is larger than any use.
    pub fn open(group: &Group, key: &str) -> Result<Self> {
        Self::open_without(group, key, &[])
    }

    /// The same as [`open`](Self::open) without the elements at some paths, relative to the group: they are not looked at.
    /// A column that is left out is no longer named in the attributes of its frame.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`NotFound`](crate::ErrorKind::NotFound) if a path names no element, and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it names the index of a frame.
    pub fn open_without(group: &Group, key: &str, skip: &[String]) -> Result<Self> {
        let mut opener = Opener::new(group, key).without(skip);
        group.tree(key, &mut opener)?;
        opener.finish()
    }

    /// The same as [`open_without`](Self::open_without) without blocking the thread if the store has latency.
    ///
    /// # Errors
    /// As [`open_without`](Self::open_without).
    pub async fn open_async(group: &Group, key: &str, skip: &[String]) -> Result<Self> {
        let mut opener = Opener::new(group, key).without(skip);
        group.tree_async(key, &mut opener).await?;
        opener.finish()
    }

    /// The same as [`open`](Self::open), leaving out what cannot be opened: `failed` is given the path of each such
    /// element and why. A group whose attributes cannot be read is kept without any.
    ///
    /// # Errors
    /// If the element itself cannot be opened.
    pub fn open_tolerant(group: &Group, key: &str, failed: &mut (dyn FnMut(String, Error) + Send)) -> Result<Self> {
        let mut opener = Opener { failed: Some(failed), ..Opener::new(group, key) };
        group.tree(key, &mut opener)?;
        opener.finish()
    }
}

/// Makes a tree of the elements that a store reports.
struct Opener<'a> {
    group: &'a Group,
    limits: Limits,
    /// How many groups the element that is opened is within, as far as the depth of trees counts them.
    base: usize,
    /// The groups that are gone through, each with its name in the one before.
    open: Vec<(String, GroupNode)>,
    tree: Option<Node>,
    opened: usize,
    /// How often an element was opened of which the store says what it is, and which elements these were.
    counted: usize,
    seen: HashSet<u128>,
    /// There are more elements than there may be.
    exceeded: bool,
    /// Whether groups are nested deeper than a tree can be.
    too_deep: bool,
    /// Receives the elements that cannot be opened and are left out; without it, they stand in the tree.
    failed: Option<&'a mut (dyn FnMut(String, Error) + Send)>,
    /// What is not opened.
    skip: Vec<Skip>,
}

/// An element that is to be left out.
struct Skip {
    path: String,
    found: bool,
}

impl<'a> Opener<'a> {
    fn new(group: &'a Group, key: &str) -> Self {
        Self {
            group,
            limits: group.storage().limits(),
            base: usize::from(!key.trim_matches('/').is_empty()),
            open: Vec::new(),
            tree: None,
            opened: 0,
            counted: 0,
            seen: HashSet::new(),
            exceeded: false,
            too_deep: false,
            failed: None,
            skip: Vec::new(),
        }
    }

    fn without(mut self, skip: &[String]) -> Self {
        let path = |asked: &String| self.group.path_of(asked.trim_matches('/'));
        self.skip = skip.iter().map(|asked| Skip { path: path(asked), found: false }).collect();
        self
    }

    fn finish(mut self) -> Result<Node> {
        self.close(None)?;
        let mut tree = self.tree.or_bug("a store that tells of no element")?;
        for skip in self.skip {
            if !skip.found {
                return Err(Error::not_found(format!("'{}' does not name an element that can be left out", skip.path)));
            }
            forget_column(&mut tree, &skip.path)?;
        }
        Ok(tree)
    }

    /// Ends the groups that a path is not in.
    fn close(&mut self, path: Option<&str>) -> Result<()> {
        let parent = path.and_then(parent_path);
        while let Some((name, group)) = self.open.pop_if(|(_, group)| parent != Some(group.path.as_str())) {
            self.put(name, Node::Group(group))?;
        }
        Ok(())
    }

    /// Puts an element into the group that it is in.
    fn put(&mut self, name: String, node: Node) -> Result<()> {
        if let Some((_, group)) = self.open.last_mut() {
            group.children.insert(name, node);
        } else {
            ensure!(self.tree.is_none(), "the store tells of '{}', which is not what was asked for", node.path());
            self.tree = Some(node);
        }
        Ok(())
    }

    /// Whether there are more elements than the limits allow.
    fn is_full(&self) -> bool {
        self.opened as u64 > self.limits.max_elements
    }

    /// Counts an element that is about to be opened.
    fn count(&mut self, path: &str) -> Result<()> {
        self.opened += 1;
        if self.is_full() {
            self.exceeded = true;
            let message = format!("the store has more than {} elements (max_elements)", self.limits.max_elements);
            return Err(Error::limit_exceeded(message).at(path));
        }
        if self.opened <= FEW_NODES {
            return Ok(());
        }
        // A link that leads nowhere is reported where the element is opened.
        if let Ok(Some(identity)) = self.group.storage().identity(path) {
            self.counted += 1;
            self.seen.insert(identity);
        }
        if self.counted > FEW_NODES + MAX_PATHS * self.seen.len() {
            self.exceeded = true;
            let message = format!(
                "links show {} stored elements at more than {} paths, and there may be more; \
                 open a part of the file, or remove links to what is stored elsewhere",
                self.seen.len(),
                self.counted
            );
            return Err(Error::limit_exceeded(message).at(path));
        }
        Ok(())
    }

    /// An element without what is below it.
    fn node(&mut self, path: &str, found: Result<NodeMeta>) -> Result<Node> {
        let NodeMeta { attributes, array } = found?;
        let path = path.to_owned();
        if let Some(inner) = array {
            let array = Array::new(Arc::clone(self.group.storage()), inner, path.as_str());
            let spec = ArraySpec::clone(&array.spec());
            spec.len().map_err(|error| error.at(&path))?;
            let source = if spec.null { Source::Empty } else { Source::Stored(array) };
            return Ok(Node::Array(ArrayNode { path, attributes: attributes?, spec, source }));
        }
        let depth = self.base + self.open.len();
        if depth > MAX_DEPTH {
            self.too_deep = true;
            return Err(Error::invalid_data(format!("groups are nested more than {MAX_DEPTH} deep")).at(&path));
        }
        if depth as u64 > self.limits.max_depth {
            self.too_deep = true;
            let message = format!("groups are nested more than {} deep (max_depth)", self.limits.max_depth);
            return Err(Error::limit_exceeded(message).at(&path));
        }
        let attributes = match (attributes, &mut self.failed) {
            (Err(error), Some(failed)) => {
                failed(path.clone(), error);
                Attributes::new()
            }
            (attributes, _) => attributes?,
        };
        Ok(Node::Group(GroupNode { path, attributes, children: IndexMap::new() }))
    }

    /// Takes it that an element cannot be opened.
    fn fail(&mut self, path: &str, error: Error) -> Result<()> {
        match &mut self.failed {
            // The element itself.
            _ if self.open.is_empty() => Err(error),
            Some(failed) => {
                failed(path.to_owned(), error);
                Ok(())
            }
            None if Unreadable::is_meant(&error) && !self.too_deep && !self.exceeded => {
                self.put(file_name(path).to_owned(), Node::Array(ArrayNode::unreadable(path, &error)))
            }
            None => Err(error),
        }
    }
}

impl TreeVisitor for Opener<'_> {
    fn enter(&mut self, path: &str) -> Result<bool> {
        self.close(Some(path))?;
        if self.open.is_empty() {
            return Ok(true);
        }
        if self.failed.is_some() && self.exceeded {
            if self.base + self.open.len() > 1 || self.is_full() {
                return Ok(false); // Told of once.
            }
            // Links that multiply one member of the root say nothing of the others.
            (self.exceeded, self.counted) = (false, 0);
            self.seen.clear();
        }
        if let Some(skip) = self.skip.iter_mut().find(|skip| skip.path == path) {
            skip.found = true;
            return Ok(false);
        }
        match self.count(path) {
            Ok(()) => Ok(true),
            Err(error) => self.fail(path, error).map(|()| false),
        }
    }

    fn visit(&mut self, path: &str, found: Result<NodeMeta>) -> Result<bool> {
        self.close(Some(path))?;
        let name = file_name(path).to_owned();
        match self.node(path, found) {
            Ok(Node::Group(group)) => {
                self.open.push((name, group));
                Ok(true)
            }
            Ok(array) => self.put(name, array).map(|()| false),
            Err(error) => self.fail(path, error).map(|()| false),
        }
    }
}

impl Node {
    /// Takes the element at a path of the store out of the tree. A column is no longer named in the attributes of its frame.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is the index of a frame.
    pub(crate) fn leave_out(&mut self, path: &str) -> Result<()> {
        forget_column(self, path)?;
        let Some(within) = path.strip_prefix(self.path()).map(|rest| rest.trim_start_matches('/').to_owned()) else {
            return Ok(());
        };
        let mut rest = within.as_str();
        while !rest.is_empty() {
            let (parent, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            let Some(Self::Group(group)) = self.descendant_mut(parent) else { return Ok(()) };
            group.children.shift_remove(name);
            // Groups that were there for it alone go with it.
            rest = if group.children.is_empty() && group.attributes.is_empty() { parent } else { "" };
        }
        Ok(())
    }
}

/// Takes the column at a path, or the columns in the group at it, out of what the attributes of their frame name.
fn forget_column(node: &mut Node, path: &str) -> Result<()> {
    let Node::Group(group) = node else { return Ok(()) };
    let Some(rest) = path.strip_prefix(group.path.as_str()).map(|rest| rest.trim_start_matches('/')) else {
        return Ok(());
    };
    let is_left_out =
        |name: &str| name.strip_prefix(rest).is_some_and(|below| below.is_empty() || below.starts_with('/'));
    if let Some(order) = group.attributes.get("column-order").and_then(Attribute::as_strings) {
        let index = group.attributes.get("_index").and_then(Attribute::as_str);
        if index.is_some_and(|index| is_left_out(&index)) {
            return Err(Error::invalid_input("the index of a data frame cannot be left out").at(path));
        }
        let kept: Vec<&String> = order.iter().filter(|name| !is_left_out(name)).collect();
        let kept = Attribute::Tensor(Tensor::from_strings([kept.len()], kept)?);
        group.attributes.insert("column-order".to_owned(), kept);
    }
    let first = rest.split('/').next().unwrap_or_default();
    group.children.get_mut(first).map_or(Ok(()), |child| forget_column(child, path))
}

#[cfg(test)]
mod tests;
