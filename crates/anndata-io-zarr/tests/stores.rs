//! The conformance cases of the storage layer on every kind of store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions, ZarrStore};
use anndata_storage::{Storage, testkit};
use tempfile::TempDir;

/// Fresh paths below one folder.
struct Paths {
    folder: TempDir,
    next: AtomicUsize,
    ending: &'static str,
}

impl Paths {
    fn new(ending: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), next: AtomicUsize::new(0), ending }
    }

    fn fresh(&self) -> PathBuf {
        self.folder.path().join(format!("{}{}", self.next.fetch_add(1, Ordering::Relaxed), self.ending))
    }
}

/// Runs all cases on stores at paths; what is checked last comes from disk, read-only.
fn run_at_paths(ending: &'static str, format: ZarrFormat, options: &ZarrOptions) {
    let paths = Paths::new(ending);
    testkit::run_all_reopened(
        || Arc::new(ZarrStore::create(paths.fresh(), format, options).unwrap()),
        |store| {
            let path = store.to_string();
            drop(store);
            Arc::new(ZarrStore::open_path(path, options).unwrap()) as Arc<dyn Storage>
        },
    );
}

#[test]
fn folders_of_version_2() {
    run_at_paths(".zarr", ZarrFormat::V2, &ZarrOptions::default());
}

#[test]
fn folders_of_version_3() {
    run_at_paths(".zarr", ZarrFormat::V3, &ZarrOptions::default().with_sharding(Sharding::Off));
}

#[test]
fn folders_of_version_3_in_small_shards() {
    run_at_paths(
        ".zarr",
        ZarrFormat::V3,
        &ZarrOptions::default().with_sharding(Sharding::Auto { target_bytes: 1 << 16 }),
    );
}

#[test]
fn folders_without_collected_metadata() {
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        run_at_paths(".zarr", format, &ZarrOptions::default().with_consolidated(false));
    }
}

/// Without waiting for the disk after each of the many flushes.
#[test]
fn zip_files() {
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        run_at_paths(".zarr.zip", format, &ZarrOptions::default().with_durable(false));
    }
}

#[test]
fn memory() {
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        testkit::run_all(|| Arc::new(ZarrStore::in_memory(format, &ZarrOptions::default()).unwrap()));
    }
}

#[test]
fn object_stores() {
    let options = ZarrOptions::default().with_sharding(Sharding::Auto { target_bytes: 1 << 16 });
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        let objects = Arc::new(object_store::memory::InMemory::new());
        let next = AtomicUsize::new(0);
        testkit::run_all_reopened(
            || {
                let name = format!("{}.zarr", next.fetch_add(1, Ordering::Relaxed));
                Arc::new(ZarrStore::create_objects(objects.clone(), &name, format, &options).unwrap())
            },
            |store| {
                let name = store.to_string();
                let prefix = name.rsplit('/').next().unwrap();
                Arc::new(ZarrStore::open_objects(objects.clone(), prefix, &options).unwrap()) as Arc<dyn Storage>
            },
        );
    }
}

/// A folder as the `zarrs` crates see it: both of their kinds of store over values in memory.
#[cfg(feature = "zarrs-storage")]
mod zarrs {
    use std::fs;
    use std::path::Path;

    use anndata_storage::{ArraySpec, Group, Tensor};
    use zarrs_storage::store::MemoryStore;
    use zarrs_storage::{StoreKey, WritableStorageTraits};

    use super::*;

    fn copy(folder: &Path, prefix: &str, target: &MemoryStore) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                copy(&path, &format!("{key}/"), target);
            } else {
                target.set(&StoreKey::new(key).unwrap(), fs::read(path).unwrap().into()).unwrap();
            }
        }
    }

    #[test]
    fn stores_of_zarrs_are_read() {
        let numbers = Tensor::from_vec([100], (0..100).collect::<Vec<i32>>()).unwrap();
        for consolidated in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let options = ZarrOptions::default().with_consolidated(consolidated);
            anndata_io_zarr::write_atomic(folder.path().join("a.zarr"), &options, false, |root| {
                let mut spec = ArraySpec::of(&numbers).with_chunks([10]);
                spec.shards = Some(vec![50]);
                root.create_array("group/numbers", &spec)?.write(&[0], &numbers)
            })
            .unwrap();
            let memory = Arc::new(MemoryStore::new());
            copy(&folder.path().join("a.zarr"), "", &memory);
            let root = Group::root(Arc::new(ZarrStore::open_zarrs(memory.clone(), &options).unwrap()));
            assert_eq!(root.children().unwrap(), ["group"]);
            assert_eq!(root.array("group/numbers").unwrap().read().unwrap(), numbers);
            assert!(root.create_group("x").is_err_and(|error| error.is_read_only()));
        }
    }

    #[test]
    fn asynchronous_stores_of_zarrs_are_read() {
        let numbers = Tensor::from_vec([100], (0..100).collect::<Vec<i32>>()).unwrap();
        let objects = Arc::new(object_store::memory::InMemory::new());
        for consolidated in [true, false] {
            let options = ZarrOptions::default().with_consolidated(consolidated);
            let prefix = format!("{consolidated}.zarr");
            let made = ZarrStore::create_objects(objects.clone(), &prefix, ZarrFormat::V3, &options).unwrap();
            let made = Arc::new(made);
            let spec = ArraySpec::of(&numbers).with_chunks([10]);
            Group::root(made.clone()).create_array("group/numbers", &spec).unwrap().write(&[0], &numbers).unwrap();
            made.commit().unwrap();
            let below = object_store::prefix::PrefixStore::new(objects.clone(), prefix);
            let zarrs = Arc::new(zarrs_object_store::AsyncObjectStore::new(below));
            let root = Group::root(Arc::new(ZarrStore::open_zarrs_async(zarrs, &options).unwrap()));
            assert_eq!(root.children().unwrap(), ["group"]);
            let array = root.array("group/numbers").unwrap();
            assert_eq!(array.read().unwrap(), numbers);
            assert!(array.stored_bytes().unwrap().is_some_and(|bytes| bytes > 100));
        }
    }
}
