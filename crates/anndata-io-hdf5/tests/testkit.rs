//! The conformance cases of every backend, on files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anndata_io_hdf5::{Hdf5Options, Hdf5Store, MetadataReader};
use anndata_storage::{Storage, testkit};

fn open_path(store: &dyn Storage) -> PathBuf {
    PathBuf::from(store.to_string())
}

/// All cases, with what was written read again by a reader.
fn conformance(reader: MetadataReader) {
    let directory = tempfile::tempdir().unwrap();
    let number = AtomicUsize::new(0);
    let make = || -> Arc<dyn Storage> {
        let name = format!("{}.h5", number.fetch_add(1, Ordering::Relaxed));
        Arc::new(Hdf5Store::create(directory.path().join(name)).unwrap())
    };
    let reopen = |store: Arc<dyn Storage>| -> Arc<dyn Storage> {
        let path = open_path(&*store);
        store.flush().unwrap();
        drop(store);
        Arc::new(Hdf5Store::open(path, &Hdf5Options::default().with_reader(reader)).unwrap())
    };
    testkit::run_all_reopened(make, reopen);
}

#[test]
fn conformance_of_what_is_read_here() {
    conformance(MetadataReader::Rust);
}

#[test]
fn conformance_of_what_the_library_reads() {
    conformance(MetadataReader::Library);
}
