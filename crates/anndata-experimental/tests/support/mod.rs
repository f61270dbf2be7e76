//! What several test files use.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use anndata_core::{AnnData, AxisSelection, Result, Tensor};
use anndata_format::Group;
use anndata_format::io::{self, ElemWriteOptions};
use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, Capabilities, Compression, Limits, MemoryStore, NodeKind, Storage,
};

/// How many values were read of each array, and how often.
#[derive(Debug, Default)]
pub(crate) struct Reads(Mutex<BTreeMap<String, (u64, u64)>>);

impl Reads {
    fn note(&self, path: &str, values: u64) {
        let mut reads = self.0.lock().unwrap();
        let read = reads.entry(path.to_owned()).or_default();
        *read = (read.0 + values, read.1 + 1);
    }

    /// The values that were read of each array since this was last asked.
    pub(crate) fn take(&self) -> Vec<(String, u64)> {
        let reads = std::mem::take(&mut *self.0.lock().unwrap());
        reads.into_iter().map(|(path, (values, _))| (path, values)).collect()
    }

    /// How often an array was read since that was last asked.
    pub(crate) fn times(&self, path: &str) -> u64 {
        self.0.lock().unwrap().remove(path).map_or(0, |(_, times)| times)
    }
}

/// A store that counts what is read of another one.
#[derive(Debug)]
pub(crate) struct Counting {
    inner: Arc<dyn Storage>,
    reads: Arc<Reads>,
}

impl Counting {
    /// The root of a store, and what is read of it.
    pub(crate) fn around(inner: Arc<dyn Storage>) -> (Group, Arc<Reads>) {
        let reads = Arc::new(Reads::default());
        let store = Self { inner, reads: Arc::clone(&reads) };
        (Group::root(Arc::new(store)), reads)
    }

    /// A store in memory that an object was written to.
    pub(crate) fn of(adata: &AnnData, options: &ElemWriteOptions) -> Result<(Group, Arc<Reads>)> {
        let store = Arc::new(MemoryStore::new());
        io::write_anndata(&Group::root(Arc::clone(&store) as Arc<dyn Storage>), adata, options)?;
        Ok(Self::around(store))
    }

    fn wrap(&self, path: &str, inner: Arc<dyn ArrayStorage>) -> Arc<dyn ArrayStorage> {
        Arc::new(CountingArray { inner, path: path.to_owned(), reads: Arc::clone(&self.reads) })
    }
}

impl Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner, f)
    }
}

impl Storage for Counting {
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

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        self.inner.open_array(path).map(|array| self.wrap(path, array))
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        self.inner.layout(spec, compression)
    }
}

#[derive(Debug)]
struct CountingArray {
    inner: Arc<dyn ArrayStorage>,
    path: String,
    reads: Arc<Reads>,
}

impl ArrayStorage for CountingArray {
    fn spec(&self) -> Arc<ArraySpec> {
        self.inner.spec()
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.reads.note(&self.path, selection.iter().map(AxisSelection::len).product());
        self.inner.read(selection)
    }

    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        self.reads.note(&self.path, runs.iter().map(|run| run.end - run.start).sum());
        self.inner.read_runs(runs)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        self.inner.stored_bytes()
    }
}
