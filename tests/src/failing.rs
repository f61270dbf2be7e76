//! [`Failing`]: a store of which a step fails.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anndata::storage::{
    ArraySpec, ArrayStorage, Attributes, AxisSelection, Capabilities, ChunkedStorage, Compression, Limits, NodeKind,
    Storage, Tensor,
};
use anndata::{Error, Result};

/// What fails, once it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// One step; those after it are done.
    Once,
    /// A step and all after it, as where the process ends or the disk is gone.
    FromThenOn,
}

/// Counts the steps of a store that change it, and lets them fail.
#[derive(Debug, Default)]
pub struct Steps {
    done: AtomicU64,
    /// The number of the step that fails; 0 is none.
    failing: AtomicU64,
    for_ever: AtomicBool,
}

impl Steps {
    /// Begins to count anew. From the `number`th step (the first is 1) on, steps fail.
    pub fn fail_at(&self, number: u64, failure: Failure) {
        self.for_ever.store(failure == Failure::FromThenOn, Ordering::Relaxed);
        self.failing.store(number, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
    }

    /// The steps since counting began.
    pub fn count(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn step(&self) -> Result<()> {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let failing = self.failing.load(Ordering::Relaxed);
        if failing > 0 && (number == failing || number > failing && self.for_ever.load(Ordering::Relaxed)) {
            return Err(Error::io(format!("step {number} fails")));
        }
        Ok(())
    }
}

/// A store around another one.
#[derive(Debug)]
pub struct Failing {
    inner: Arc<dyn Storage>,
    steps: Arc<Steps>,
}

impl Failing {
    /// The store, and the switch that makes it fail.
    pub fn around(inner: Arc<dyn Storage>) -> (Arc<Self>, Arc<Steps>) {
        let steps = Arc::new(Steps::default());
        (Arc::new(Self { inner, steps: Arc::clone(&steps) }), steps)
    }

    fn wrap(&self, inner: Arc<dyn ArrayStorage>) -> Arc<dyn ArrayStorage> {
        Arc::new(FailingArray { inner, steps: Arc::clone(&self.steps) })
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Storage for Failing {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.inner.kind(path)
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        self.inner.children(path)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.inner.attributes(path)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        self.steps.step()?;
        self.inner.set_attributes(path, attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.steps.step()?;
        self.inner.create_group(path)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        self.steps.step()?;
        self.inner.create_array(path, spec).map(|array| self.wrap(array))
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        self.inner.layout(spec, compression)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        self.inner.open_array(path).map(|array| self.wrap(array))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.steps.step()?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.steps.step()?;
        self.inner.remove(path)
    }

    fn flush(&self) -> Result<()> {
        self.steps.step()?;
        self.inner.flush()
    }

    fn commit(&self) -> Result<()> {
        self.steps.step()?;
        self.inner.commit()
    }
}

#[derive(Debug)]
struct FailingArray {
    inner: Arc<dyn ArrayStorage>,
    steps: Arc<Steps>,
}

impl ArrayStorage for FailingArray {
    fn spec(&self) -> Arc<ArraySpec> {
        self.inner.spec()
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.inner.read(selection)
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        self.steps.step()?;
        self.inner.write(offset, values)
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        self.steps.step()?;
        self.inner.resize(shape)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        self.inner.stored_bytes()
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        self.inner.as_chunked()
    }
}
