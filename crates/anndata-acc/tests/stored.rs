//! References applied to views and to stored objects, and what is read of these.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use anndata_acc::{Access, AdRef, acc};
use anndata_format::storage::{ArrayStorage, Capabilities};
use anndata_format::{
    AnnData, ArraySpec, Attributes, AxisSelection, Column, DataFrame, Element, Group, MemoryStore, NodeKind, Result,
    SparseFormat, SparseMatrix, Storage, Tensor, io,
};

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

/// A store in memory that counts the values that are read of each array.
#[derive(Debug, Default)]
struct Counting {
    store: MemoryStore,
    counts: Counts,
}

#[derive(Debug)]
struct CountingArray {
    array: Arc<dyn ArrayStorage>,
    path: String,
    counts: Counts,
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl Storage for Counting {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.store.kind(path)
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        self.store.children(path)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.store.attributes(path)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        self.store.set_attributes(path, attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.store.create_group(path)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        self.store.create_array(path, spec)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        let (array, counts) = (self.store.open_array(path)?, Arc::clone(&self.counts));
        Ok(Arc::new(CountingArray { array, path: path.trim_matches('/').to_owned(), counts }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.store.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.store.remove(path)
    }

    fn flush(&self) -> Result<()> {
        self.store.flush()
    }
}

impl ArrayStorage for CountingArray {
    fn spec(&self) -> Arc<ArraySpec> {
        self.array.spec()
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        let values = selection.iter().map(AxisSelection::len).product::<u64>();
        *self.counts.lock().unwrap().entry(self.path.clone()).or_default() += values;
        self.array.read(selection)
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        self.array.write(offset, values)
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        self.array.resize(shape)
    }
}

const CELLS: usize = 40;
const GENES: usize = 30;

/// Every third value is not zero.
fn matrix(rows: usize, columns: usize) -> Tensor {
    let value = |i: u32| if i.is_multiple_of(3) { i + 1 } else { 0 };
    Tensor::from_vec([rows, columns], (0..).map(value).take(rows * columns).collect()).unwrap()
}

fn sparse(dense: &Tensor, format: SparseFormat) -> Element {
    SparseMatrix::from_dense(dense, format).unwrap().into()
}

fn object() -> AnnData {
    let obs = DataFrame::new((0..CELLS).map(|i| format!("c{i}")))
        .with_column("n", vec![7_i64; CELLS])
        .and_then(|obs| obs.with_column("kind", Column::categorical_from_strings(["a", "b"].repeat(CELLS / 2))?))
        .unwrap();
    let frame = DataFrame::with_index(obs.index().clone()).with_column("q", vec![0.5; CELLS]).unwrap();
    AnnData::builder()
        .x(sparse(&matrix(CELLS, GENES), SparseFormat::Csr))
        .layer("csc", sparse(&matrix(CELLS, GENES), SparseFormat::Csc))
        .layer("dense", matrix(CELLS, GENES))
        .obs(obs)
        .var(DataFrame::new((0..GENES).map(|i| format!("g{i}"))))
        .obsm("pca", matrix(CELLS, 4))
        .obsm("frame", frame)
        .obsp("d", sparse(&matrix(CELLS, CELLS), SparseFormat::Csr))
        .build()
        .unwrap()
}

/// The object, not read, and what is read of it.
fn stored() -> (AnnData, Counts) {
    let store = Counting::default();
    let counts = Arc::clone(&store.counts);
    let root = Group::root(Arc::new(store));
    io::write_anndata(&root, &object(), &io::ElemWriteOptions::default()).unwrap();
    counts.lock().unwrap().clear();
    let adata = io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true)).unwrap();
    (adata, counts)
}

/// What is read for a reference, where nothing was read before.
fn read_for(reference: &AdRef) -> BTreeMap<String, u64> {
    let (adata, counts) = stored();
    let before = counts.lock().unwrap().clone();
    let found = adata.get(reference).unwrap();
    assert_eq!(found, object().get(reference).unwrap(), "{reference}");
    assert!(!matches!(found, Element::Lazy(_)), "{reference}");
    let mut after = counts.lock().unwrap().clone();
    for (path, count) in before {
        if let Some(after) = after.get_mut(&path) {
            *after -= count;
        }
    }
    after.retain(|_, count| *count > 0);
    after
}

#[test]
fn stored_objects_give_the_same_and_no_more_is_read_than_needed() {
    let (cells, genes) = (CELLS as u64, GENES as u64);
    for (reference, expected) in [
        (acc!(obs["n"]), vec![("obs/n", cells)]),
        (acc!(obs["kind"]), vec![("obs/kind/categories", 2), ("obs/kind/codes", cells)]),
        (acc!(obsm["pca"][:, 1]), vec![("obsm/pca", cells)]),
        (acc!(obsm["frame"][:, 0]), vec![("obsm/frame/q", cells)]),
        (acc!(layers["dense"][:, "g7"]), vec![("layers/dense", cells), ("var/_index", genes)]),
        (acc!(layers["dense"]["c7", :]), vec![("layers/dense", genes), ("obs/_index", cells)]),
        // All 40 values of column 6 are stored.
        (
            acc!(layers["csc"][:, "g6"]),
            vec![
                ("layers/csc/data", 40),
                ("layers/csc/indices", 40),
                ("layers/csc/indptr", genes + 1),
                ("var/_index", genes),
            ],
        ),
        (acc!(X["c7", :]), vec![("X/data", 10), ("X/indices", 10), ("X/indptr", cells + 1), ("obs/_index", cells)]),
    ] {
        let expected: BTreeMap<String, u64> = expected.into_iter().map(|(path, n)| (path.to_owned(), n)).collect();
        assert_eq!(read_for(&reference), expected, "{reference}");
    }
    // A gene of compressed rows may be in all of them: the indices say in which. All 40 values of column 6 are stored.
    let indices = [("X/indices", 400), ("X/indptr", cells + 1), ("var/_index", genes)];
    for (reference, data) in [(acc!(X[:, "g6"]), Some(("X/data", 40))), (acc!(X[:, "g7"]), None)] {
        let expected: BTreeMap<String, u64> =
            indices.into_iter().chain(data).map(|(path, n)| (path.to_owned(), n)).collect();
        assert_eq!(read_for(&reference), expected, "{reference}");
    }
}

#[test]
fn looking_for_something_reads_names_alone() {
    let (adata, counts) = stored();
    counts.lock().unwrap().clear();
    assert!(adata.contains(&acc!(obs["n"])).unwrap() && adata.contains(&acc!(obsm["pca"][:, 3])).unwrap());
    assert!(!adata.contains(&acc!(obsm["pca"][:, 4])).unwrap() && adata.contains(&acc!(X[:, :])).unwrap());
    assert!(counts.lock().unwrap().is_empty());
    assert!(adata.contains(&acc!(X[:, "g1"])).unwrap() && !adata.contains(&acc!(X[:, "g99"])).unwrap());
    assert_eq!(counts.lock().unwrap().keys().collect::<Vec<_>>(), ["var/_index"]);
    // Accessors give what the object holds: nothing is read.
    counts.lock().unwrap().clear();
    assert!(matches!(adata.get(&acc!(X)).unwrap(), Element::Lazy(_)));
    assert!(adata.get(&acc!(obs)).is_ok());
    assert!(counts.lock().unwrap().is_empty());
}

#[test]
fn views_give_their_part() {
    let (lazy, _) = stored();
    for whole in [object(), lazy] {
        let view = whole.select(["c9", "c2", "c9"], 5..25).unwrap();
        let of = |reference: &AdRef, positions: &[u64]| {
            object().get_as::<Tensor>(reference).unwrap().take(0, positions).unwrap()
        };
        let columns: Vec<u64> = (5..25).collect();
        for reference in [acc!(X[:, "g6"]), acc!(layers["csc"][:, "g6"]), acc!(layers["dense"][:, "g6"])] {
            assert_eq!(view.get_as::<Tensor>(&reference).unwrap(), of(&reference, &[9, 2, 9]), "{reference}");
        }
        for reference in [acc!(X["c2", :]), acc!(layers["csc"]["c2", :]), acc!(layers["dense"]["c2", :])] {
            assert_eq!(view.get_as::<Tensor>(&reference).unwrap(), of(&reference, &columns), "{reference}");
        }
        assert_eq!(view.get_as::<Tensor>(&acc!(obsm["pca"][0])).unwrap(), of(&acc!(obsm["pca"][0]), &[9, 2, 9]));
        assert_eq!(
            view.get_as::<Tensor>(&acc!(obsp["d"][:, "c2"])).unwrap(),
            of(&acc!(obsp["d"][:, "c2"]), &[9, 2, 9])
        );
        assert_eq!(view.get_as::<Vec<String>>(&acc!(obs["kind"])).unwrap(), ["b", "a", "b"]);
        assert_eq!(view.get_as::<Vec<String>>(&acc!(obs.index)).unwrap(), ["c9", "c2", "c9"]);
        assert_eq!(view.get_as::<Vec<f64>>(&acc!(obsm["frame"][0])).unwrap(), [0.5; 3]);
        assert!(!view.contains(&acc!(X[:, "g4"])).unwrap() && view.contains(&acc!(X[:, "g5"])).unwrap());
        assert!(view.get(&acc!(X["c9", :])).is_err_and(|error| error.to_string().contains("more than once")));
    }
}
