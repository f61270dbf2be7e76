//! Malformed stores are errors, writes are complete or absent, and nothing foreign is touched.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions, ZarrStore, is_zarr, open_path, write_atomic};
use anndata_storage::{ArraySpec, AxisSelection, Compression, Error, Group, Limits, Result, Storage, Tensor};
use rayon::prelude::*;
use serde_json::{Value, json};

fn numbers(len: i32) -> Tensor {
    Tensor::from_vec([usize::try_from(len).unwrap()], (0..len).collect::<Vec<_>>()).unwrap()
}

fn put(group: &Group, name: &str, tensor: &Tensor) -> Result<()> {
    let spec = group.storage().layout(&ArraySpec::of(tensor), Compression::Default)?;
    group.create_array(name, &spec)?.write(&vec![0; tensor.ndim()], tensor)
}

/// A store with one array `a` of 10 numbers, not collected, whose metadata a test changes.
fn store_with(folder: &Path, format: ZarrFormat, change: impl Fn(&mut Value)) -> Result<Tensor> {
    let path = folder.join(format!("{format:?}.zarr"));
    let _ = fs::remove_dir_all(&path);
    let options = ZarrOptions::default().with_consolidated(false).with_sharding(Sharding::Off);
    let store = Arc::new(ZarrStore::create(&path, format, &options)?);
    let spec = ArraySpec::of(&numbers(10)).with_chunks([4]);
    Group::root(store.clone()).create_array("a", &spec)?.write(&[0], &numbers(10))?;
    store.flush()?;
    let file = path.join("a").join(if format == ZarrFormat::V2 { ".zarray" } else { "zarr.json" });
    let mut document: Value = serde_json::from_slice(&fs::read(&file)?).unwrap();
    change(&mut document);
    fs::write(&file, document.to_string())?;
    open_path(&path)?.array("a")?.read()
}

#[test]
fn malformed_metadata_are_errors_that_name_the_array() {
    let folder = tempfile::tempdir().unwrap();
    let huge = json!([1_u64 << 40]);
    let cases: Vec<(ZarrFormat, &str, Value)> = [
        ("shape", json!("x")),
        ("shape", json!([-1])),
        ("shape", json!([1.5])),
        ("shape", json!([4, 4])),
        ("shape", json!([u64::MAX])),
        ("shape", json!([1_u64 << 50])),
        ("chunks", json!([0])),
        ("chunks", json!([])),
        ("chunks", huge.clone()),
        ("chunks", json!([u64::MAX])),
        ("dtype", json!("<U99999999999")),
        ("dtype", json!("<q4")),
        ("dtype", json!([])),
        ("dtype", json!({})),
        ("dtype", json!([["a", "<f8", [1 << 20, 1 << 20]]])),
        ("order", json!("X")),
        ("filters", json!(7)),
        ("filters", json!([{"id": "nope"}])),
        ("compressor", json!({"id": "nope"})),
        ("compressor", json!("zstd")),
        ("dimension_separator", json!("-")),
        ("fill_value", json!("abc")),
        ("zarr_format", json!(7)),
    ]
    .map(|(member, value)| (ZarrFormat::V2, member, value))
    .into_iter()
    .chain(
        [
            ("shape", json!(null)),
            ("shape", json!([u64::MAX])),
            ("data_type", json!("int31")),
            ("data_type", json!({"name": "struct", "configuration": {"fields": [["a"]]}})),
            ("data_type", json!({"name": "null_terminated_bytes", "configuration": {"length_bytes": u64::MAX}})),
            ("chunk_grid", json!({"name": "rectilinear"})),
            ("chunk_grid", json!({"name": "regular", "configuration": {"chunk_shape": huge}})),
            ("chunk_grid", json!({"name": "regular"})),
            ("chunk_key_encoding", json!({"name": "suffix"})),
            ("codecs", json!([])),
            ("codecs", json!("bytes")),
            ("codecs", json!([{"name": "bytes"}, {"name": "nope"}])),
            ("codecs", json!([{"name": "transpose", "configuration": {"order": [0, 0]}}, {"name": "bytes"}])),
            ("codecs", json!([{"name": "transpose", "configuration": {"order": [1, 0]}}, {"name": "bytes"}])),
            ("codecs", json!([{"name": "sharding_indexed"}])),
            (
                "codecs",
                json!([{"name": "sharding_indexed", "configuration": {
                "chunk_shape": [3], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}]}}]),
            ),
            (
                "codecs",
                json!([{"name": "sharding_indexed", "configuration": {
                "chunk_shape": [0], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}]}}]),
            ),
            (
                "codecs",
                json!([{"name": "sharding_indexed", "configuration": {
                "chunk_shape": [2], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "zstd"}]}}]),
            ),
            (
                "codecs",
                json!([{"name": "sharding_indexed", "configuration": {
                "chunk_shape": [2], "codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}]}}]),
            ),
            ("storage_transformers", json!([{"name": "x"}])),
            ("node_type", json!("leaf")),
            ("attributes", json!([])),
        ]
        .map(|(member, value)| (ZarrFormat::V3, member, value)),
    )
    .collect();
    for (format, member, value) in cases {
        let error = store_with(folder.path(), format, |document| document[member] = value.clone());
        let error = error.expect_err(&format!("{format:?}: {member} = {value}"));
        assert_eq!(error.path(), Some("a"), "{member} = {value}: {error}");
    }
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        assert_eq!(store_with(folder.path(), format, |_| {}).unwrap(), numbers(10));
    }
}

#[test]
fn damaged_chunks_are_errors_that_name_array_and_chunk() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sharding) in [("chunks", Sharding::Off), ("shards", Sharding::Auto { target_bytes: 200 })] {
        let path = folder.path().join(format!("{name}.zarr"));
        let store = Arc::new(
            ZarrStore::create(&path, ZarrFormat::V3, &ZarrOptions::default().with_sharding(sharding)).unwrap(),
        );
        let layout = store.layout(&ArraySpec::of(&numbers(100)).with_chunks([10]), Compression::Default).unwrap();
        let array = Group::root(store.clone()).create_array("a", &layout).unwrap();
        array.write(&[0], &numbers(100)).unwrap();
        store.flush().unwrap();
        let file = path.join("a/c/0");
        let good = fs::read(&file).unwrap();
        let mut damaged: Vec<Vec<u8>> = (0..good.len()).map(|len| good[..len].to_vec()).collect();
        damaged.extend((0..good.len()).map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            bytes
        }));
        let mut errors = 0;
        for bytes in damaged {
            fs::write(&file, &bytes).unwrap();
            // A flipped bit of a value may go unseen; anything else is an error, never a panic.
            if let Err(error) = open_path(&path).unwrap().array("a").unwrap().read() {
                assert!(error.path() == Some("a") && error.to_string().contains("chunk"), "{error}");
                errors += 1;
            }
        }
        assert!(errors > good.len(), "{errors} of {} are seen", 2 * good.len());
    }
}

#[test]
fn what_is_not_stored_is_not_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let grow = |document: &mut Value| {
        document["shape"] = json!([1_u64 << 43]);
        document["chunk_grid"]["configuration"]["chunk_shape"] = json!([1_u64 << 43]);
    };
    let error = store_with(folder.path(), ZarrFormat::V3, grow).unwrap_err();
    assert!(error.is_limit_exceeded() && error.path() == Some("a"), "{error}");
    // A single enormous chunk, of which little is asked for.
    let array = open_path(folder.path().join("V3.zarr")).unwrap().array("a").unwrap();
    let error = array.read_selection(&[AxisSelection::Range(0..3)]).unwrap_err();
    assert!(error.is_limit_exceeded(), "{error}");
}

#[test]
fn a_packed_bomb_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.zarr");
    let zeros = Tensor::from_strings([1], ["\0".repeat(10 << 20)]).unwrap();
    write_atomic(&path, &ZarrOptions::default(), false, |root| put(root, "a", &zeros)).unwrap();
    let limits = Limits::default().with_max_unbacked(1 << 20).with_max_expansion(100);
    let options = ZarrOptions::default().with_limits(limits);
    let root = Group::root(Arc::new(ZarrStore::open_path(&path, &options).unwrap()));
    let error = root.array("a").unwrap().read().unwrap_err();
    assert!(error.is_limit_exceeded(), "{error}");
}

#[test]
fn names_do_not_leave_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = json!({"zarr_format": 3, "node_type": "group", "consolidated_metadata":
        {"kind": "inline", "metadata": {"../x": {"zarr_format": 3, "node_type": "group"}}}});
    let path = folder.path().join("a.zarr");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("zarr.json"), root.to_string()).unwrap();
    assert!(open_path(&path).unwrap_err().to_string().contains("../x"));

    let path = folder.path().join("b.zarr");
    write_atomic(&path, &ZarrOptions::default(), false, |_| Ok(())).unwrap();
    let store = Arc::new(ZarrStore::open_rw(&path, &ZarrOptions::default()).unwrap());
    assert!(store.kind("../a.zarr").unwrap().is_none());
    for path in ["../c", "x/../../c"] {
        let error = store.create_group(path).unwrap_err();
        assert!(error.is_invalid_input(), "{path}: {error:?}");
    }
    for name in ["zarr.json", ".zattrs", "a\\b"] {
        assert!(store.create_group(name).is_err_and(|error| error.is_invalid_input()), "{name}");
    }

    let path = folder.path().join("c.zarr.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file(
        "../zarr.json",
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
    )
    .unwrap();
    zip.write_all(b"{}").unwrap();
    zip.finish().unwrap();
    assert!(open_path(&path).is_err_and(|error| error.is_refused()));
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.zarr", "a.zarr.zip"] {
        let path = folder.path().join(name);
        let options = ZarrOptions::default();
        let failing = |root: &Group| {
            put(root, "half", &numbers(7))?;
            Err::<(), _>(Error::invalid_input("stop"))
        };
        let error = write_atomic(&path, &options, false, failing).unwrap_err();
        assert!(error.is_invalid_input() && error.message() == "stop", "{error:?}");
        assert!(!path.exists(), "absent");
        write_atomic(&path, &options, false, |root| put(root, "n", &numbers(5))).unwrap();
        assert!(write_atomic(&path, &options, false, |_| Ok(())).is_err_and(|error| error.is_already_exists()));
        let error = write_atomic(&path, &options, true, failing).unwrap_err();
        assert!(error.is_invalid_input() && error.message() == "stop", "{error:?}");
        assert_eq!(open_path(&path).unwrap().array("n").unwrap().read().unwrap(), numbers(5));
        write_atomic(&path, &options, true, |root| put(root, "n", &numbers(6))).unwrap();
        let root = open_path(&path).unwrap();
        assert_eq!(root.array("n").unwrap().read().unwrap(), numbers(6));
        assert_eq!(root.children().unwrap(), ["n"]);
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left behind: {left:?}");
}

/// A process that is killed between writing a document and putting it in its place leaves it beside.
#[test]
fn documents_that_a_killed_writer_left_are_removed_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    write_atomic(&path, &ZarrOptions::default(), false, |root| put(root, "n", &numbers(5))).unwrap();
    let [stale, fresh] = [".zarr.json.1-0.new", ".zarr.json.1-1.new"].map(|name| path.join(name));
    for left in [&stale, &fresh] {
        fs::write(left, "{").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
    fs::File::options().write(true).open(&stale).unwrap().set_modified(long_ago).unwrap();
    let store = Arc::new(ZarrStore::open_rw(&path, &ZarrOptions::default()).unwrap());
    Group::root(store.clone()).set_attribute("note", "new").unwrap();
    store.flush().unwrap();
    assert!(!stale.exists() && fresh.exists(), "a living writer may still want it");
    assert_eq!(open_path(&path).unwrap().array("n").unwrap().read().unwrap(), numbers(5));
}

#[test]
fn what_is_no_store_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("thesis");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("chapter.txt"), "text").unwrap();
    let file = folder.path().join("notes.zip");
    fs::write(&file, "notes").unwrap();
    for path in [&precious, &file] {
        assert!(!is_zarr(path));
        let refused = write_atomic(path, &ZarrOptions::default(), true, |_| Ok(()));
        assert!(refused.is_err_and(|error| error.is_refused()), "{}", path.display());
    }
    assert_eq!(fs::read_to_string(precious.join("chapter.txt")).unwrap(), "text");
    assert_eq!(fs::read_to_string(file).unwrap(), "notes");
    let error = ZarrStore::create(&precious, ZarrFormat::V3, &ZarrOptions::default()).unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
}

#[test]
fn collected_metadata_stay_true_through_edits() {
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        let options = ZarrOptions::default().with_format(format);
        write_atomic(&path, &options, false, |root| {
            put(root, "old", &numbers(5))?;
            put(root, "kept", &numbers(6))
        })
        .unwrap();
        let store = Arc::new(ZarrStore::open_rw(&path, &ZarrOptions::default()).unwrap());
        let root = Group::root(store.clone());
        root.remove("old").unwrap();
        put(&root.create_group("new").unwrap(), "n", &numbers(3)).unwrap();
        root.rename("kept", "moved").unwrap();
        root.set_attribute("x", 1_i64).unwrap();
        // Half way, without a flush: the store reads right, from the nodes themselves.
        let mut children = open_path(&path).unwrap().children().unwrap();
        children.sort();
        assert_eq!(children, ["moved", "new"]);
        store.flush().unwrap();
        drop((root, store));
        let collected =
            fs::read_to_string(path.join(if format == ZarrFormat::V2 { ".zmetadata" } else { "zarr.json" }));
        let collected = collected.unwrap();
        assert!(
            collected.contains("moved") && collected.contains("new/n") && !collected.contains("old"),
            "{collected}"
        );
        let root = open_path(&path).unwrap();
        assert_eq!(root.array("moved").unwrap().read().unwrap(), numbers(6));
        assert_eq!(root.attributes().unwrap().get("x").unwrap().as_i64(), Some(1));
    }
}

#[test]
fn a_store_for_reading_cannot_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    write_atomic(&path, &ZarrOptions::default(), false, |root| put(root, "n", &numbers(5))).unwrap();
    let root = open_path(&path).unwrap();
    assert!(!root.storage().capabilities().write);
    assert!(root.create_group("g").is_err_and(|error| error.is_read_only()));
    assert!(root.set_attribute("x", true).is_err_and(|error| error.is_read_only()));
    assert!(root.remove("n").is_err_and(|error| error.is_read_only()));
    assert!(root.array("n").unwrap().write(&[0], &numbers(2)).is_err_and(|error| error.is_read_only()));
    assert!(open_path(folder.path()).is_err_and(|error| error.is_not_found()));
    assert!(open_path(path.join("zarr.json")).is_err_and(|error| error.is_invalid_data()));
}

/// Blocks of one array, each with chunks of its own, written by all threads of a pool that also encodes. Whoever waits for
/// the others takes up their work, so that a lock held meanwhile would be waited for by its holder.
#[test]
fn blocks_are_written_from_within_a_pool() {
    let folder = tempfile::tempdir().unwrap();
    let whole = numbers(64 * 500);
    for (threads, shard) in [(1, Some(1600)), (2, Some(1600)), (3, Some(32_000)), (3, None)] {
        let path = folder.path().join(format!("{threads} {shard:?}.zarr"));
        let store = Arc::new(ZarrStore::create(&path, ZarrFormat::V3, &ZarrOptions::default()).unwrap());
        let mut spec = ArraySpec::of(&whole).with_chunks([100]);
        spec.shards = shard.map(|len| vec![len]);
        let array = Group::root(store.clone()).create_array("a", &spec).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            (0..64_usize).into_par_iter().with_max_len(1).try_for_each(|block| {
                let rows = block * 500..(block + 1) * 500;
                array.write(&[rows.start as u64], &whole.slice_rows(rows)?)
            })
        })
        .unwrap();
        assert_eq!(array.read().unwrap(), whole, "{threads} threads, shards of {shard:?}");
        store.flush().unwrap();
        assert_eq!(open_path(&path).unwrap().array("a").unwrap().read().unwrap(), whole);
    }
}

/// An object whose files go to the disk while it is written is the same; and its metadata are there although they are
/// written last.
#[test]
fn durable_stores_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = numbers(10 << 20);
    for durable in [true, false] {
        let path = folder.path().join("a.zarr");
        let options = ZarrOptions::default().with_durable(durable);
        write_atomic(&path, &options, true, |root| {
            let spec = ArraySpec::of(&numbers).with_chunks([1 << 18]);
            let array = root.create_array("group/raw", &spec)?;
            array.write(&[0], &numbers)?;
            array.set_attributes(&[("unit".to_owned(), "m".into())].into())?;
            // An element that moves before its metadata are written, and one that does not stay.
            put(root, "before", &numbers.slice_rows(0..10)?)?;
            root.rename("before", "group/after")?;
            put(root, "group/late", &numbers.slice_rows(0..3)?)?;
            root.create_group("gone")?;
            root.remove("gone")
        })
        .unwrap();
        for consolidated in [true, false] {
            let options = ZarrOptions::default().with_consolidated(consolidated);
            let root = Group::root(Arc::new(ZarrStore::open_path(&path, &options).unwrap()));
            assert_eq!(root.children().unwrap(), ["group"]);
            let mut children = root.group("group").unwrap().children().unwrap();
            children.sort();
            assert_eq!(children, ["after", "late", "raw"]);
            let raw = root.array("group/raw").unwrap();
            assert_eq!(raw.attributes().unwrap().len(), 1);
            assert_eq!(raw.read().unwrap(), numbers);
            assert_eq!(root.array("group/after").unwrap().read().unwrap().len(), 10);
        }
    }
}
