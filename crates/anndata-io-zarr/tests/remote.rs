//! Stores behind HTTP and S3, both on the loopback interface.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions, ZarrStore, open};
use anndata_storage::{ArraySpec, AxisSelection, Codec, Group, Limits, Storage, Tensor};
use server::{FEW, Server, Stats};

fn numbers() -> Tensor {
    Tensor::from_vec([600_000], (0..600_000).map(|n| n * 7 % 1000).collect::<Vec<i32>>()).unwrap()
}

/// Arrays of 100 chunks, with and without shards, and some text.
fn fill(store: &Arc<ZarrStore>) {
    let root = Group::root(Arc::clone(store) as Arc<dyn Storage>);
    let numbers = numbers();
    let mut spec = ArraySpec::of(&numbers).with_chunks([6000]).with_codecs([Codec::Zstd { level: 1 }]);
    root.create_array("chunks", &spec).unwrap().write(&[0], &numbers).unwrap();
    if store.format() == ZarrFormat::V3 {
        spec.shards = Some(vec![300_000]);
        root.create_array("shards", &spec).unwrap().write(&[0], &numbers).unwrap();
    }
    let texts = Tensor::from_strings([1000], (0..1000).map(|n| format!("text {n}"))).unwrap();
    root.create_group("obs").unwrap().create_array("names", &ArraySpec::of(&texts).with_chunks([100])).unwrap();
    root.array("obs/names").unwrap().write(&[0], &texts).unwrap();
    store.commit().unwrap();
}

fn make(folder: &Path, name: &str, format: ZarrFormat, options: &ZarrOptions) {
    fill(&Arc::new(ZarrStore::create(folder.join(name), format, options).unwrap()));
}

fn options() -> ZarrOptions {
    ZarrOptions::default().with_sharding(Sharding::Off)
}

#[test]
fn http_needs_one_request_to_open_and_few_round_trips_to_read() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "v3.zarr", ZarrFormat::V3, &options());
    make(folder.path(), "v2.zarr", ZarrFormat::V2, &options());
    let Some(server) = Server::http(folder.path(), &["--latency", "0.05"]) else { return };

    let root = open(&server.url("v3.zarr"), &options()).unwrap();
    assert_eq!(root.group("obs").unwrap().children().unwrap(), ["names"]);
    let array = root.array("chunks").unwrap();
    assert_eq!(server.stats().requests, ["GET /v3.zarr/zarr.json"], "one request opens a store");

    let start = Instant::now();
    assert_eq!(array.read().unwrap(), numbers());
    let (elapsed, stats) = (start.elapsed(), server.stats());
    let Stats { round_trips, most_at_once, .. } = stats;
    eprintln!("100 chunks, 50 ms latency: {elapsed:?}, {round_trips} round trips, {most_at_once} at once");
    assert_eq!(stats.requests.len(), 100);
    assert!(round_trips <= FEW && most_at_once > 10, "{round_trips} round trips, {most_at_once} requests at once");

    let start = Instant::now();
    assert_eq!(root.array("shards").unwrap().read().unwrap(), numbers());
    let stats = server.stats();
    eprintln!("100 chunks in 2 shards: {:?}, {} round trips", start.elapsed(), stats.round_trips);
    assert_eq!(stats.requests.len(), 4, "an index and a range for each shard: {stats:?}");

    let some: Vec<u64> = (0..40).flat_map(|n| n * 12_000..n * 12_000 + 10).collect();
    let start = Instant::now();
    let read = array.read_selection(&[AxisSelection::from(some.clone())]).unwrap();
    assert_eq!(read, numbers().take(0, &some).unwrap());
    let stats = server.stats();
    eprintln!("400 values of 40 chunks: {:?}, {} round trips", start.elapsed(), stats.round_trips);
    assert!(stats.round_trips <= FEW, "{stats:?}");
    assert_eq!(root.array("obs/names").unwrap().read().unwrap().to_strings().unwrap()[999], "text 999");

    let v2 = open(&server.url("v2.zarr"), &options().with_format(ZarrFormat::V2)).unwrap();
    server.stats();
    assert_eq!(v2.array("chunks").unwrap().read().unwrap(), numbers());
    assert_eq!(server.stats().requests.len(), 100, "metadata are not asked for again");
}

#[test]
fn indexes_of_shards_are_requested_once_and_before_it_is_known_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = Tensor::from_vec([1_000_000], (0..1_000_000).map(|n| n * 7 % 1000).collect::<Vec<i32>>()).unwrap();
    let store: Arc<dyn Storage> =
        Arc::new(ZarrStore::create(folder.path().join("a.zarr"), ZarrFormat::V3, &options()).unwrap());
    let mut spec = ArraySpec::of(&numbers).with_chunks([10_000]);
    spec.shards = Some(vec![500_000]);
    let root = Group::root(Arc::clone(&store));
    root.create_array("a", &spec).unwrap().write(&[0], &numbers).unwrap();
    let few = numbers.slice_rows(0..100_000).unwrap();
    let mut small = ArraySpec::of(&few).with_chunks([1000]);
    small.shards = Some(vec![50_000]);
    root.create_array("small", &small).unwrap().write(&[0], &few).unwrap();
    store.commit().unwrap();
    let Some(server) = Server::http(folder.path(), &["--latency", "0.2"]) else { return };
    let opened = |name| open(&server.url("a.zarr"), &options()).unwrap().array(name).unwrap();
    let array = || opened("a");

    let known = array();
    server.stats();
    known.inner().as_async().unwrap().anticipate().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.stats().requests.len(), 2, "the index of each of two shards");
    let runs = [999_990..1_000_000, 5..10];
    let read = known.read_runs(&runs).unwrap();
    let expected: Vec<i32> = (999_990..1_000_000).chain(5..10).map(|n| n * 7 % 1000).collect();
    assert_eq!(read.as_slice::<i32>().unwrap(), expected);
    let stats = server.stats();
    assert_eq!(stats.requests.len(), 2, "the chunks alone: {stats:?}");

    // What is on its way is not requested again.
    let known = array();
    server.stats();
    known.inner().as_async().unwrap().anticipate().unwrap();
    assert_eq!(known.read_runs(&runs).unwrap(), read);
    assert_eq!(server.stats().requests.len(), 4, "two indexes and two chunks");

    let known = opened("small");
    server.stats();
    known.inner().as_async().unwrap().anticipate().unwrap();
    assert_eq!(known.read().unwrap(), few);
    let stats = server.stats();
    assert_eq!(stats.requests.len(), 2, "small shards are requested as a whole: {stats:?}");
}

#[test]
fn fewer_requests_are_under_way_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "v3.zarr", ZarrFormat::V3, &options());
    let Some(server) = Server::http(folder.path(), &["--latency", "0.01"]) else { return };
    let root = open(&server.url("v3.zarr"), &options().with_concurrency(5)).unwrap();
    assert_eq!(root.array("chunks").unwrap().read().unwrap(), numbers());
    // On a busy machine there may be fewer.
    let most_at_once = server.stats().most_at_once;
    assert!((2..=5).contains(&most_at_once), "{most_at_once} requests at once");
}

#[test]
fn stores_without_collected_metadata_are_read_by_path() {
    let folder = tempfile::tempdir().unwrap();
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        make(folder.path(), &format!("{format:?}.zarr"), format, &options().with_consolidated(false));
    }
    let Some(server) = Server::http(folder.path(), &["--latency", "0"]) else { return };
    for format in ["V2", "V3"] {
        let root = open(&server.url(&format!("{format}.zarr")), &options()).unwrap();
        assert_eq!(root.array("chunks").unwrap().read().unwrap(), numbers());
        assert!(root.kind("nothing").unwrap().is_none());
        let error = root.children().unwrap_err();
        assert!(error.is_io(), "a plain server lists nothing, and that is said: {error:?}");
    }
}

#[test]
fn dropped_connections_are_tried_again_and_a_dead_server_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "v3.zarr", ZarrFormat::V3, &options());
    let Some(server) = Server::http(folder.path(), &["--latency", "0", "--drop", "4"]) else { return };
    let root = open(&server.url("v3.zarr"), &options()).unwrap();
    let array = root.array("chunks").unwrap();
    assert_eq!(array.read().unwrap(), numbers());
    let requests = server.stats().requests.len();
    eprintln!("every 4th answer broken: {requests} requests for 100 chunks");
    assert!(requests > 100, "broken answers are asked for again");
    drop(server);
    let start = Instant::now();
    let error = array.read().unwrap_err();
    assert!(error.is_io() && error.path() == Some("chunks"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

/// As `python -m http.server` does, which sends whole files.
#[test]
fn a_server_without_ranges_sends_each_shard_once() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "v3.zarr", ZarrFormat::V3, &options());
    let Some(server) = Server::http(folder.path(), &["--latency", "0", "--no-range"]) else { return };
    let root = open(&server.url("v3.zarr"), &options()).unwrap();
    let array = root.array("shards").unwrap();
    assert_eq!(array.read().unwrap(), numbers());
    let gets = |stats: Stats| stats.requests.iter().filter(|request| request.starts_with("GET")).count();
    // Two shards; before it is known that there are no ranges, both are asked for parts, and again from the start.
    let first = gets(server.stats());
    assert!(first <= 1 + 2 + 2 * 2, "{first} requests");
    assert_eq!(array.read_selection(&[AxisSelection::Range(360_000..360_010)]).unwrap().len(), 10);
    assert_eq!(gets(server.stats()), 0, "shards that were fetched are kept");
    assert_eq!(root.array("chunks").unwrap().read().unwrap(), numbers());

    // A chunk takes 24,000 bytes, a shard far more.
    let little = Limits::default().with_max_unbacked(30_000);
    let root = open(&server.url("v3.zarr"), &options().with_limits(little)).unwrap();
    let error = root.array("shards").unwrap().read_selection(&[AxisSelection::Range(0..10)]).unwrap_err();
    assert!(error.is_limit_exceeded(), "{error}");
    assert!(format!("{error:?}").contains("no parts of an object"), "{error:?}");
}

#[test]
fn both_ways_of_reading_work_within_and_without_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "v3.zarr", ZarrFormat::V3, &options());
    let Some(server) = Server::http(folder.path(), &["--latency", "0.01"]) else { return };
    let url = server.url("v3.zarr");
    let all = [AxisSelection::Range(0..600_000)];
    let backwards = [AxisSelection::from(vec![99_999, 5, 5])];

    let both = async || {
        // The calls that wait, in a task of a runtime: no panic, also when the store is dropped there.
        let root = open(&url, &options()).unwrap();
        let (chunks, shards) = (root.array("chunks").unwrap(), root.array("shards").unwrap());
        assert_eq!(chunks.read().unwrap(), numbers());
        let (one, other) = futures_util::future::join(chunks.read_async(&all), shards.read_async(&all)).await;
        assert_eq!((one.unwrap(), other.unwrap()), (numbers(), numbers()));
        let picked = chunks.read_async(&backwards).await.unwrap();
        assert_eq!(picked, numbers().take(0, &[99_999, 5, 5]).unwrap());
        let names = root.array("obs/names").unwrap().read_async(&[AxisSelection::Range(3..5)]).await.unwrap();
        assert_eq!(names.to_strings().unwrap(), ["text 3", "text 4"]);
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(both());
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(both());
    futures_executor::block_on(both());
}

#[test]
fn a_store_is_made_and_read_on_s3() {
    let Some(server) = Server::start("s3_server.py", &["data", "--latency", "0.02"]) else { return };
    let options = options()
        .with_provider("aws_endpoint", server.url(""))
        .with_provider("aws_allow_http", "true")
        .with_provider("aws_region", "us-east-1")
        .with_provider("aws_access_key_id", "test")
        .with_provider("aws_secret_access_key", "test");
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        let url = format!("s3://data/folder/{format:?}.zarr");
        fill(&Arc::new(ZarrStore::create_url(&url, format, &options).unwrap()));
        assert!(ZarrStore::create_url(&url, format, &options).is_err_and(|error| error.is_already_exists()));
        server.stats();
        let root = open(&url, &options.clone().with_format(format)).unwrap();
        let array = root.array("chunks").unwrap();
        assert_eq!(server.stats().requests.len(), 1, "one request opens a store");
        let start = Instant::now();
        assert_eq!(array.read().unwrap(), numbers());
        let stats = server.stats();
        let Stats { round_trips, most_at_once, .. } = stats;
        eprintln!("S3 {format:?}, 100 chunks: {:?}, {round_trips} round trips", start.elapsed());
        assert_eq!(stats.requests.len(), 100);
        assert!(most_at_once > 10, "{most_at_once} requests at once");
        let loose = open(&url, &options.clone().with_consolidated(false)).unwrap();
        let mut children = loose.children().unwrap();
        children.retain(|name| name != "shards");
        assert_eq!(children, ["chunks", "obs"]);
        if format == ZarrFormat::V3 {
            assert_eq!(root.array("shards").unwrap().read().unwrap(), numbers());
        }
        assert!(array.stored_bytes().unwrap().unwrap() > 1000);
    }
}
