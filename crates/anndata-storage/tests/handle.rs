//! What the handles do before and after a backend is asked: checks, order of index lists, paths in errors.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anndata_storage::{
    ArraySpec, ArrayStorage, Attributes, AxisSelection, Capabilities, DType, Error, Group, Limits, MemoryStore,
    NodeKind, Result, Storage, Tensor,
};

/// A store that notes what it is asked to read, and fails where it should.
#[derive(Debug, Default)]
struct Recorder {
    inner: MemoryStore,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    reads: Mutex<Vec<Vec<AxisSelection>>>,
    writes: AtomicU64,
    fail: AtomicBool,
    /// Reads give one value more along the first axis.
    more: AtomicBool,
    read_only: AtomicBool,
    stored: AtomicU64,
}

impl Log {
    fn reads(&self) -> Vec<Vec<AxisSelection>> {
        std::mem::take(&mut self.reads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, selection: &[AxisSelection]) -> Result<()> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).push(selection.to_vec());
        if self.fail.load(Ordering::Relaxed) { Err(Error::io("the disk is on fire")) } else { Ok(()) }
    }

    fn changed(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recorder")
    }
}

impl Storage for Recorder {
    fn capabilities(&self) -> Capabilities {
        if self.log.read_only.load(Ordering::Relaxed) { Capabilities::ALL.read_only() } else { Capabilities::ALL }
    }

    fn limits(&self) -> Limits {
        Limits::default().with_max_unbacked(1000).with_max_expansion(10)
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
        self.log.changed();
        self.inner.set_attributes(path, attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.log.changed();
        self.inner.create_group(path)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        self.log.changed();
        let inner = self.inner.create_array(path, spec)?;
        Ok(Arc::new(RecorderArray { inner, log: Arc::clone(&self.log) }))
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        Ok(Arc::new(RecorderArray { inner: self.inner.open_array(path)?, log: Arc::clone(&self.log) }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.log.changed();
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.log.changed();
        self.inner.remove(path)
    }
}

#[derive(Debug)]
struct RecorderArray {
    inner: Arc<dyn ArrayStorage>,
    log: Arc<Log>,
}

impl ArrayStorage for RecorderArray {
    fn spec(&self) -> Arc<ArraySpec> {
        self.inner.spec()
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.log.note(selection)?;
        let values = self.inner.read(selection)?;
        if self.log.more.load(Ordering::Relaxed) {
            return Tensor::concat_rows(&[values.slice_rows(0..1)?, values]);
        }
        Ok(values)
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        self.log.changed();
        self.inner.write(offset, values)
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        self.log.changed();
        self.inner.resize(shape)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        Ok(Some(self.log.stored.load(Ordering::Relaxed)))
    }
}

/// A root group, and what its store notes.
fn recorder() -> (Group, Arc<Log>) {
    let store = Recorder::default();
    let log = Arc::clone(&store.log);
    (Group::root(Arc::new(store)), log)
}

fn counting(root: &Group, shape: &[u64]) -> Result<anndata_storage::Array> {
    let array = root.create_array("group/array", &ArraySpec::new(DType::I32, shape))?;
    let len = usize::try_from(shape.iter().product::<u64>()).unwrap_or(0);
    let shape: Vec<usize> = shape.iter().map(|&len| usize::try_from(len).unwrap_or(0)).collect();
    array.write(&vec![0; shape.len()], &Tensor::from_vec(shape, (0..).take(len).collect::<Vec<i32>>())?)?;
    Ok(array)
}

#[test]
fn a_backend_sees_increasing_lists_and_the_caller_gets_his_order() -> Result<()> {
    let (root, log) = recorder();
    let array = counting(&root, &[4, 3])?;
    let wanted = [AxisSelection::from(vec![3, 0, 3]), AxisSelection::from(vec![0, 2])];
    assert_eq!(array.read_selection(&wanted)?.as_slice::<i32>()?, [9, 11, 0, 2, 9, 11]);
    assert_eq!(log.reads(), [[AxisSelection::from(vec![0, 3]), AxisSelection::from(vec![0, 2])]]);

    let ordered = [AxisSelection::Range(1..2), AxisSelection::from(vec![1])];
    assert_eq!(array.read_selection(&ordered)?.as_slice::<i32>()?, [4]);
    assert_eq!(log.reads(), [ordered], "what is in order is handed on as it is");
    Ok(())
}

#[test]
fn what_is_out_of_bounds_never_reaches_the_backend() -> Result<()> {
    let (root, log) = recorder();
    let array = counting(&root, &[4, 3])?;
    let writes = log.writes.load(Ordering::Relaxed);
    for bad in [vec![AxisSelection::Range(0..5), AxisSelection::Range(0..3)], vec![AxisSelection::Range(0..4)], vec![]]
    {
        assert!(array.read_selection(&bad).is_err_and(|error| error.is_invalid_input()));
    }
    let error = array.write(&[4, 0], &Tensor::from_vec([1, 1], vec![1_i32])?).unwrap_err();
    assert!(error.is_invalid_input() && error.message().contains("a block of shape [1, 1] at [4, 0]"), "{error}");
    let error = array.resize(&[5, 3]).unwrap_err();
    assert!(error.is_invalid_input() && error.message() == "the array was not made resizable", "{error}");
    assert!(log.reads().is_empty());
    assert_eq!(log.writes.load(Ordering::Relaxed), writes);
    Ok(())
}

#[test]
fn values_of_another_shape_than_was_asked_for_are_refused() -> Result<()> {
    let (root, log) = recorder();
    let array = counting(&root, &[4, 3])?;
    log.more.store(true, Ordering::Relaxed);
    for rows in [AxisSelection::Range(1..3), AxisSelection::from(vec![1, 3]), AxisSelection::from(vec![3, 1])] {
        let selection = [rows, AxisSelection::Range(0..3)];
        let error = array.read_selection(&selection).unwrap_err();
        assert!(error.is_bug() && error.path() == Some("group/array"), "{error:?}");
        assert!(error.message().starts_with("the store gave values of shape [3, 3]"), "{error}");
    }
    Ok(())
}

#[test]
fn every_error_names_the_element() -> Result<()> {
    let (root, log) = recorder();
    let array = counting(&root, &[2])?;
    log.fail.store(true, Ordering::Relaxed);
    let error = array.read().unwrap_err();
    assert_eq!(error.to_string(), "group/array: the disk is on fire");
    assert!(error.is_io());
    assert_eq!(array.blocks(4).next().unwrap().unwrap_err().path(), Some("group/array"));
    assert_eq!(root.group("group")?.array("none").unwrap_err().path(), Some("group/none"));
    Ok(())
}

#[test]
fn a_store_for_reading_is_never_asked_to_write() -> Result<()> {
    let (root, log) = recorder();
    let array = counting(&root, &[2])?;
    let before = log.writes.load(Ordering::Relaxed);
    log.read_only.store(true, Ordering::Relaxed);
    let spec = ArraySpec::new(DType::I8, [1]);
    let refused = [
        array.write(&[0], &Tensor::from_vec([2], vec![1_i32, 2])?),
        array.resize(&[1]),
        array.set_attributes(&Attributes::new()),
        root.set_attribute("a", 1_i64),
        root.create_group("new").map(drop),
        root.require_group("new").map(drop),
        root.create_array("new", &spec).map(drop),
        root.rename("group", "new"),
        root.remove("group"),
    ];
    for (i, result) in refused.into_iter().enumerate() {
        assert!(result.is_err_and(|error| error.is_read_only() && error.path().is_some()), "number {i}");
    }
    assert_eq!(root.require_group("group")?.path(), "group", "what is there needs not be made");
    assert_eq!(log.writes.load(Ordering::Relaxed), before);
    Ok(())
}

#[test]
fn declared_sizes_are_held_against_the_stored_ones() -> Result<()> {
    let (root, log) = recorder();
    // 4,000 bytes; 1,000 need nothing behind them, and each stored byte allows 10 more.
    let array = root.create_array("array", &ArraySpec::new(DType::F64, [500]))?;
    log.stored.store(299, Ordering::Relaxed);
    let error = array.read().unwrap_err();
    assert!(error.is_limit_exceeded() && error.path() == Some("array"), "{error}");
    assert!(log.reads().is_empty());
    assert_eq!(array.read_selection(&[AxisSelection::Range(0..125)])?.len(), 125, "a part within the limit");
    log.stored.store(300, Ordering::Relaxed);
    assert_eq!(array.read()?.len(), 500);
    Ok(())
}

#[test]
fn keys_may_be_paths_but_lead_nowhere_else() -> Result<()> {
    let (root, _) = recorder();
    let group = root.create_group("a/b")?;
    assert_eq!(group.create_group("/c/")?.path(), "a/b/c");
    for key in ["..", "../b", "c/../c", ".", "c//d", "c/."] {
        assert!(!group.contains(key)?, "{key}");
        assert!(group.group(key).is_err_and(|error| error.is_not_found()), "{key}");
        assert!(group.create_group(key).is_err_and(|error| error.is_invalid_input()), "{key}");
    }
    assert!(root.rename("a", "a/b/d").is_err_and(|error| error.is_invalid_input()));
    assert!(root.rename("a", "ab").is_ok());
    Ok(())
}

#[test]
fn of_many_threads_that_make_the_same_one_makes_it() {
    let (root, _) = recorder();
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| root.create_group("same/place"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(made.into_iter().filter_map(Result::err).all(|error| error.is_already_exists()));
}
