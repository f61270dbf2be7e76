//! The example `sqlite`: it is a complete backend, and the guide says what it is, line by line.

#[path = "../examples/sqlite/store.rs"]
#[allow(unreachable_pub, reason = "elsewhere it is a crate of its own")]
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_storage::{Edit, Group, Storage, Tensor, testkit};
use store::SqliteStore;

#[test]
fn the_example_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    let make = || {
        let path = folder.path().join(format!("{}.sqlite", next.fetch_add(1, Ordering::Relaxed)));
        Arc::new(SqliteStore::open_rw(path).unwrap()) as Arc<dyn Storage>
    };
    testkit::run_all_reopened(make, |store| Arc::new(SqliteStore::open(store.location().unwrap()).unwrap()));
}

#[test]
fn nothing_is_there_for_others_before_it_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let root = Group::root(Arc::new(SqliteStore::open_rw(&path).unwrap()));
    let other = Group::root(Arc::new(SqliteStore::open(&path).unwrap()));
    let value = Tensor::scalar(1_i32);
    let mut edit = Edit::begin(root.storage()).unwrap();
    let destination = edit.replace("group/value").unwrap();
    root.create_array(&destination, &anndata_storage::ArraySpec::of(&value)).unwrap().write(&[], &value).unwrap();
    edit.commit().unwrap();
    root.storage().flush().unwrap();
    assert!(other.children().unwrap().is_empty());
    root.storage().commit().unwrap();
    assert_eq!(other.array("group/value").unwrap().read().unwrap(), value);

    // What was not committed is as if it had never been.
    root.remove("group").unwrap();
    drop(root);
    let root = Group::root(Arc::new(SqliteStore::open_rw(&path).unwrap()));
    assert_eq!(root.array("group/value").unwrap().read().unwrap(), value);
}

/// Every line of the example is in the guide, in order, and every line of code there is one of the example.
#[test]
fn the_guide_explains_every_line() {
    let (guide, example) = (include_str!("../src/guide.md"), include_str!("../examples/sqlite/store.rs"));
    let mut told = String::new();
    for block in guide.split("```rust,ignore\n").skip(1) {
        let (code, _) = block.split_once("```").unwrap();
        // How the testkit is called is not part of the store.
        if !code.starts_with("testkit::") {
            told.push_str(code);
        }
    }
    let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&told), lines(example));
}
