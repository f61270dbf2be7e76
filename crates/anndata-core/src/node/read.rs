//! Opening trees from a store, and fetching the values of their arrays.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use anndata_storage::{Attributes, Axis, DType, Error, Group, NodeKind, Result};
use futures_util::future::try_join_all;
use indexmap::IndexMap;
use rayon::Yield;
use rayon::prelude::*;

use super::{ArrayNode, GroupNode, Node, Source};

/// How deep groups may be nested: deeper than any use, shallower than a stack.
pub(super) const MAX_DEPTH: usize = 100;

/// How many elements a tree may have. Links of a file can make one group stand at many places, and a small file a tree
/// without end.
const MAX_NODES: usize = 1_000_000;

impl Node {
    /// The metadata of the element at `key` of a group and of all below it; the empty key is the group itself.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is none, or where metadata are malformed.
    pub fn open(group: &Group, key: &str) -> Result<Self> {
        Opener { opened: 0, failed: None }.open(group, key)
    }

    /// The same as [`open`](Self::open), leaving out what cannot be opened: `failed` is told the path of each such
    /// element and why. A group whose attributes cannot be read is kept without any.
    ///
    /// # Errors
    /// Where the element itself cannot be opened.
    pub fn open_tolerant(group: &Group, key: &str, failed: &mut dyn FnMut(String, Error)) -> Result<Self> {
        Opener { opened: 0, failed: Some(failed) }.open(group, key)
    }

    /// The same tree with the values of its arrays in memory, read concurrently. Arrays of a dtype that has no name
    /// stay as they are.
    ///
    /// # Errors
    /// Where an array cannot be read.
    pub fn fetch(&self) -> Result<Self> {
        let mut tree = self.clone();
        let mut sources = Vec::new();
        tree.collect_stored(&mut sources);
        fetch_all(sources)?;
        Ok(tree)
    }

    /// The same as [`fetch`](Self::fetch) without blocking: all arrays are under way at once where their store can read
    /// so. Arrays of other stores are read one after the other.
    ///
    /// # Errors
    /// Where an array cannot be read.
    pub async fn fetch_async(&self) -> Result<Self> {
        let mut tree = self.clone();
        let mut sources = Vec::new();
        tree.collect_stored(&mut sources);
        fetch_all_async(sources).await?;
        Ok(tree)
    }

    /// Whether no value of the tree is left to be read.
    pub fn is_fetched(&self) -> bool {
        match self {
            Self::Group(group) => group.children.values().all(Self::is_fetched),
            Self::Array(array) => !array.source.is_stored(),
        }
    }

    fn collect_stored<'a>(&'a mut self, sources: &mut Vec<&'a mut Source>) {
        match self {
            Self::Group(group) => group.children.values_mut().for_each(|child| child.collect_stored(sources)),
            Self::Array(array) => {
                let readable = !matches!(array.spec.dtype, DType::Unknown(_));
                if readable && array.source.is_stored() {
                    sources.push(&mut array.source);
                }
            }
        }
    }
}

/// Puts values in memory in the place of stored ones: of stores with latency all are under way at once, of others as many
/// as there are cores.
///
/// # Errors
/// Where one cannot be read.
pub(super) fn fetch_all(sources: Vec<&mut Source>) -> Result<()> {
    let (late, at_once): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| source.has_latency());
    if !late.is_empty() {
        wait(fetch_all_async(late))?;
    }
    at_once.into_par_iter().try_for_each(|source| {
        *source = Source::Tensor(source.read()?);
        Ok(())
    })
}

async fn fetch_all_async(sources: Vec<&mut Source>) -> Result<()> {
    let reads = sources.into_iter().map(|source| async {
        *source = Source::Tensor(match &*source {
            Source::Stored(array) => array.read_async(&Axis::all(&array.shape())).await?,
            Source::Part(part) => part.read_async().await?,
            other => other.read()?,
        });
        Ok::<_, Error>(())
    });
    try_join_all(reads).await.map(drop)
}

impl Source {
    /// Whether the values are in a store that can read without blocking.
    fn has_latency(&self) -> bool {
        match self {
            Self::Stored(array) => array.inner().as_async().is_some(),
            Self::Part(part) => part.array().inner().as_async().is_some(),
            _ => false,
        }
    }
}

/// How long a thread of the pool sleeps before it looks for work of others again.
const NAP: Duration = Duration::from_millis(1);

/// Waits for a future on this thread. Decoding is done by the pool: a thread of the pool takes part in that meanwhile, as
/// there may be no other.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => match rayon::yield_now() {
                Some(Yield::Executed) => {}
                Some(Yield::Idle) => thread::park_timeout(NAP),
                None => thread::park(),
            },
        }
    }
}

/// The walk over a store that opens a tree.
struct Opener<'a> {
    opened: usize,
    /// What is told of elements that cannot be opened and are left out; without it, the first ends the walk.
    failed: Option<&'a mut dyn FnMut(String, Error)>,
}

impl Opener<'_> {
    fn open(mut self, group: &Group, key: &str) -> Result<Node> {
        if key.trim_matches('/').is_empty() { self.group(group, 0) } else { self.child(group, key, 0) }
    }

    fn child(&mut self, parent: &Group, key: &str, depth: usize) -> Result<Node> {
        self.opened += 1;
        if self.opened > MAX_NODES {
            return Err(Error::limit_exceeded(format!("more than {MAX_NODES} elements")).at(parent.path()));
        }
        match parent.kind(key)? {
            Some(NodeKind::Group) => self.group(&parent.group(key)?, depth + 1),
            Some(NodeKind::Array) => {
                let array = parent.array(key)?;
                let spec = array.spec();
                spec.len().map_err(|error| error.at(array.path()))?;
                Ok(Node::Array(ArrayNode {
                    path: array.path().to_owned(),
                    attributes: array.attributes()?,
                    source: if spec.null { Source::Empty } else { Source::Stored(array) },
                    spec,
                }))
            }
            None => Err(Error::not_found("no such element").at(&parent.path_of(key))),
        }
    }

    fn group(&mut self, group: &Group, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(Error::invalid_data(format!("groups are nested more than {MAX_DEPTH} deep")).at(group.path()));
        }
        let mut children = IndexMap::new();
        for key in group.children()? {
            if self.failed.is_some() && self.opened > MAX_NODES {
                break; // Told of once.
            }
            match self.child(group, &key, depth) {
                Ok(child) => drop(children.insert(key, child)),
                Err(error) => self.leave_out(group.path_of(&key), error)?,
            }
        }
        let attributes = match group.attributes() {
            Ok(attributes) => attributes,
            Err(error) => {
                self.leave_out(group.path().to_owned(), error)?;
                Attributes::new()
            }
        };
        Ok(Node::Group(GroupNode { path: group.path().to_owned(), attributes, children }))
    }

    fn leave_out(&mut self, path: String, error: Error) -> Result<()> {
        let Some(failed) = &mut self.failed else { return Err(error) };
        failed(path, error);
        Ok(())
    }
}
