//! Fetching the values of the arrays of trees.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use anndata_storage::{AsyncArrayStorage, AxisSelection, DType, Error, Result, Tensor};
use futures_util::future::try_join_all;
use rayon::Yield;
use rayon::prelude::*;

use super::{Node, Source, rest};

impl Node {
    /// Returns the same tree with the values of its arrays in memory, read concurrently. Arrays of a dtype that has no
    /// name stay as they are.
    ///
    /// # Errors
    /// If an array cannot be read.
    pub fn fetch(&self) -> Result<Self> {
        let mut tree = self.clone();
        rest::cut_all(&mut tree)?;
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
        rest::cut_all(&mut tree)?;
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
    let budget = Budget::default();
    at_once.into_par_iter().try_for_each(|source| {
        budget.declare(source)?;
        let values = source.read()?;
        budget.settle(source, &values)?;
        *source = Source::Tensor(values);
        Ok(())
    })
}

async fn fetch_all_async(sources: Vec<&mut Source>) -> Result<()> {
    let budget = Budget::default();
    // Before anything is asked for, as all is under way at once.
    sources.iter().try_for_each(|source| budget.declare(source))?;
    let budget = &budget;
    let reads = sources.into_iter().map(|source| async move {
        let values = match &*source {
            Source::Stored(array) => array.read_async(&AxisSelection::all(&array.shape())).await?,
            Source::Part(part) => part.read_async().await?,
            other => other.read()?,
        };
        budget.settle(source, &values)?;
        *source = Source::Tensor(values);
        Ok::<_, Error>(())
    });
    try_join_all(reads).await.map(drop)
}

/// The bytes that the arrays of a tree take in memory, held against what the limits of their stores allow in all.
#[derive(Debug, Default)]
struct Budget(AtomicU64);

impl Budget {
    /// Counts what a source declares, before it is read.
    fn declare(&self, source: &Source) -> Result<()> {
        self.add(source, source.declared_bytes())
    }

    /// Counts what the values take beyond what was declared: texts, whose length only their bytes tell.
    fn settle(&self, source: &Source, values: &Tensor) -> Result<()> {
        self.add(source, (values.nbytes() as u64).saturating_sub(source.declared_bytes()))
    }

    fn add(&self, source: &Source, bytes: u64) -> Result<()> {
        let Some(array) = source.stored_array() else { return Ok(()) };
        let max = array.storage().limits().max_total;
        let total = self.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if total <= max {
            return Ok(());
        }
        let message = format!(
            "with this array what is read takes more than {max} bytes, all that the limits allow (max_total): raise them, \
             read the object lazily, or leave elements out"
        );
        Err(Error::limit_exceeded(message).at(array.path()))
    }
}

impl Source {
    /// The bytes that stored values take in memory, as far as their shape and dtype say: of a text, those of its offset. A size
    /// beyond all numbers is over every limit.
    fn declared_bytes(&self) -> u64 {
        let Self::Stored(array) = self else { return 0 };
        let spec = array.spec();
        let size = spec.dtype.size().unwrap_or(size_of::<i64>()) as u64;
        spec.shape.iter().copied().fold(size, u64::saturating_mul)
    }

    /// Says that some of the values are going to be read ([`AsyncArrayStorage::anticipate`]).
    pub(crate) fn anticipate(&self) -> Result<()> {
        let array = match self {
            Self::Stored(array) => array,
            Self::Part(part) => part.array(),
            _ => return Ok(()),
        };
        let anticipated = array.inner().as_async().map_or(Ok(()), AsyncArrayStorage::anticipate);
        anticipated.map_err(|error| error.at(array.path()))
    }

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
