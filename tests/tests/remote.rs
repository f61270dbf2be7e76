//! Objects behind HTTP and S3, read and written through the facade.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

#[path = "../../crates/anndata-io-zarr/tests/server/mod.rs"]
mod server;

use std::path::Path;
use std::time::Instant;

use anndata::experimental::{OnDiskOptions, concat_on_disk};
use anndata::io::{self, ElemReadOptions};
use anndata::{AnnData, ConvertOptions, ReadOptions, WriteOptions, ZarrFormat, ZarrOptions};
use server::{FEW, Server, Stats};

/// A store with many small elements, and the object in it.
fn make(folder: &Path) -> AnnData {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo.h5ad");
    anndata::convert(demo, folder.join("demo.zarr"), &ConvertOptions::default()).unwrap();
    anndata::read_zarr(folder.join("demo.zarr")).unwrap()
}

/// An answer is a metadata document where it is not a chunk.
fn metadata(stats: &Stats) -> usize {
    stats.requests.iter().filter(|request| !request.contains("/c/") && !request.ends_with("/c")).count()
}

fn check(what: &str, start: Instant, stats: &Stats, most_round_trips: u64) {
    let Stats { requests, most_at_once, round_trips } = stats;
    let (count, elapsed) = (requests.len(), start.elapsed());
    eprintln!("{what}: {count} requests, {most_at_once} at once, in {round_trips} round trips, {elapsed:?}");
    assert!(count > 50, "{stats:?}");
    assert_eq!(metadata(stats), 1, "one request opens a store: {stats:?}");
    assert!(*round_trips <= most_round_trips, "{stats:?}");
}

#[test]
fn the_elements_of_an_object_are_fetched_together() {
    let folder = tempfile::tempdir().unwrap();
    let expected = make(folder.path());
    let Some(server) = Server::http(folder.path(), &["--latency", "0.1"]) else { return };
    let url = server.url("demo.zarr");

    let start = Instant::now();
    assert_eq!(anndata::read_zarr(&url).unwrap(), expected);
    check("read", start, &server.stats(), FEW);

    let start = Instant::now();
    let root = anndata::open(&url).unwrap();
    let read = futures_executor::block_on(io::read_anndata_async(&root, &ElemReadOptions::default())).unwrap();
    assert_eq!(read, expected);
    check("read without blocking", start, &server.stats(), FEW);

    let start = Instant::now();
    assert_eq!(futures_executor::block_on(anndata::read_async(&url)).unwrap(), expected);
    check("read_async", start, &server.stats(), FEW);

    let start = Instant::now();
    let lazy = futures_executor::block_on(anndata::read_lazy_async(&url)).unwrap();
    assert_eq!(futures_executor::block_on(lazy.load_async()).unwrap(), expected);
    check("load_async", start, &server.stats(), FEW);
    let part = lazy.select(..10, ..).unwrap();
    assert_eq!(futures_executor::block_on(part.load_async()).unwrap(), part.load().unwrap());

    let start = Instant::now();
    let some = anndata::read_lazy(&url).unwrap().select(..10, ..).unwrap().load().unwrap();
    assert_eq!(some, expected.select(..10, ..).unwrap().load().unwrap());
    // Which values of a sparse matrix are read is known from its pointers.
    check("some rows", start, &server.stats(), FEW);

    let start = Instant::now();
    let copy = folder.path().join("copy.h5ad");
    anndata::convert(&url, &copy, &ConvertOptions::default()).unwrap();
    assert_eq!(anndata::read_h5ad(&copy).unwrap(), expected);
    // What depends on values is read one after the other: pointers of sparse matrices before their values, and integers that
    // are checked on their way.
    check("convert", start, &server.stats(), 3 * FEW);
}

/// A pool of one thread, which cannot wait for another one to decode.
#[test]
fn one_thread_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let expected = make(folder.path());
    let Some(server) = Server::http(folder.path(), &["--latency", "0.01"]) else { return };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| anndata::read_zarr(server.url("demo.zarr"))).unwrap(), expected);
}

#[test]
fn an_object_is_put_on_a_plain_server() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::http(folder.path(), &["--latency", "0.01", "--put"]) else { return };
    let (url, demo) = (server.url("new/cells.zarr"), Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo.h5ad"));
    let expected = anndata::read(&demo).unwrap();
    anndata::convert(&demo, &url, &ConvertOptions::default()).unwrap();
    assert_eq!(anndata::read(&url).unwrap(), expected);
    assert_eq!(anndata::read(folder.path().join("new/cells.zarr")).unwrap(), expected);
    // Such a server cannot tell what would have to be removed.
    let error = anndata::write(&url, &expected).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("cannot list"), "{error}");
    assert_eq!(anndata::read(&url).unwrap(), expected);

    let Some(server) = Server::http(folder.path(), &["--latency", "0.01"]) else { return };
    let error = anndata::write(server.url("other.zarr"), &expected).unwrap_err();
    assert!(format!("{error:?}").contains("405"), "{error:?}");
    assert!(!folder.path().join("other.zarr").exists());
}

#[test]
fn an_object_is_written_to_s3_as_to_a_folder() {
    let Some(server) = Server::start("s3_server.py", &["data", "--latency", "0.02"]) else { return };
    let provider = |zarr: ZarrOptions| {
        zarr.with_provider("aws_endpoint", server.url(""))
            .with_provider("aws_allow_http", "true")
            .with_provider("aws_region", "us-east-1")
            .with_provider("aws_access_key_id", "test")
            .with_provider("aws_secret_access_key", "test")
    };
    let read = ReadOptions::default().with_zarr(provider(ZarrOptions::default()));
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo.h5ad");
    let expected = anndata::read(&demo).unwrap();
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        let url = format!("s3://data/cells-{format:?}.zarr");
        let write = WriteOptions::default().with_zarr(provider(ZarrOptions::default().with_format(format)));
        let convert = ConvertOptions::default().with_read(read.clone()).with_write(write.clone());
        server.stats();
        let start = Instant::now();
        anndata::convert(&demo, &url, &convert).unwrap();
        let Stats { requests, most_at_once, round_trips } = server.stats();
        eprintln!(
            "written: {} requests, {most_at_once} at once, {round_trips} round trips, {:?}",
            requests.len(),
            start.elapsed()
        );
        assert!(most_at_once > 5, "{most_at_once} requests at once");
        assert_eq!(anndata::read_with(&url, &read).unwrap(), expected);

        let error = anndata::convert(&demo, &url, &convert).unwrap_err();
        assert!(error.is_already_exists() && error.to_string().starts_with(&url), "{error}");
        // What is lazy would be lost with the store.
        let lazy = anndata::read_with(&url, &read.clone().with_lazy(true)).unwrap();
        let again = write.clone().with_overwrite(true);
        let error = anndata::write_with(&url, &lazy, &again).unwrap_err();
        assert!(error.is_invalid_input() && error.to_string().contains("would be lost"), "{error}");
        let loaded = lazy.select(..10, ..).unwrap().load().unwrap();
        drop(lazy);
        anndata::write_with(&url, &loaded, &again).unwrap();
        assert_eq!(anndata::read_with(&url, &read).unwrap(), loaded);
    }

    let options = OnDiskOptions::default()
        .with_read(read.clone())
        .with_write(WriteOptions::default().with_zarr(provider(ZarrOptions::default())));
    let inputs = ["s3://data/cells-V2.zarr", "s3://data/cells-V3.zarr"].map(|url| (url.to_owned(), url));
    let (all, copy) = ("s3://data/all.zarr", tempfile::tempdir().unwrap());
    concat_on_disk(inputs.clone(), all, &options).unwrap();
    concat_on_disk(inputs.clone(), copy.path().join("all.zarr"), &options).unwrap();
    assert_eq!(anndata::read_with(all, &read).unwrap(), anndata::read(copy.path().join("all.zarr")).unwrap());
    assert!(concat_on_disk(inputs, all, &options).is_err_and(|error| error.is_already_exists()));
}
