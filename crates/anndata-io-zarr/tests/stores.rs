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

#[test]
fn zip_files() {
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        run_at_paths(".zarr.zip", format, &ZarrOptions::default());
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
