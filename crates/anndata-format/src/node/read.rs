//! Fetching the values of the arrays of trees.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use anndata_storage::{AxisSelection, DType, Error, Result};
use futures_util::future::try_join_all;
use rayon::Yield;
use rayon::prelude::*;

use super::{Node, Source};

impl Node {
    /// Returns the same tree with the values of its arrays in memory, read concurrently. Arrays of a dtype that has no
    /// name stay as they are.
    ///
    /// # Errors
    /// If an array cannot be read.
    pub fn fetch(&self) -> Result<Self> {
        let mut tree = self.clone();
        let mut sources = Vec::new();
        tree.collect_stored(&mut sources);
        fetch_all(sources)?;
        Ok(tree)
    }

    /// Like [`fetch`](Self::fetch), without blocking: all arrays are under way at once where their store can read
    /// so. Arrays of other stores are read one after the other.
    ///
    /// # Errors
    /// If an array cannot be read.
    pub async fn fetch_async(&self) -> Result<Self> {
        let mut tree = self.clone();
        let mut sources = Vec::new();
        tree.collect_stored(&mut sources);
        fetch_all_async(sources).await?;
        Ok(tree)
    }

    /// Whether values of the tree are in a store that can read without blocking.
    pub(crate) fn has_latency(&self) -> bool {
        match self {
            Self::Group(group) => group.children.values().any(Self::has_latency),
            Self::Array(array) => array.source.has_latency(),
        }
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
/// If one cannot be read.
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
            Source::Stored(array) => array.read_async(&AxisSelection::all(&array.shape())).await?,
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
