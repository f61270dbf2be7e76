//! Stores that ask for more than they hold, lead elsewhere, or hold what this version does not know.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions, ZarrStore, open_path, write_atomic};
use anndata_storage::{ArraySpec, AxisSelection, Compression, Group, NodeKind, Result, Storage, Tensor};
use serde_json::{Value, json};

fn numbers(len: i32) -> Tensor {
    Tensor::from_vec([usize::try_from(len).unwrap()], (0..len).collect::<Vec<_>>()).unwrap()
}

/// A store with the groups `x` and `y`, and arrays `a` of 10 numbers and `t` of 3 texts, in chunks of 4 and 3.
fn make(path: &Path, format: ZarrFormat, consolidated: bool) {
    let options = ZarrOptions::default().with_format(format).with_consolidated(consolidated);
    let options = options.with_durable(false).with_sharding(Sharding::Off);
    let _ = fs::remove_dir_all(path);
    write_atomic(path, &options, true, |root| {
        let texts = Tensor::from_strings([3], ["a", "b", "c"])?;
        root.create_array("a", &ArraySpec::of(&numbers(10)).with_chunks([4]))?.write(&[0], &numbers(10))?;
        root.create_array("t", &ArraySpec::of(&texts).with_chunks([3]))?.write(&[0], &texts)?;
        root.create_group("x")?;
        root.create_group("y").map(drop)
    })
    .unwrap();
}

/// Changes a document of a store.
fn edit(file: &Path, change: impl Fn(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    change(&mut document);
    fs::write(file, document.to_string()).unwrap();
}

#[test]
fn texts_that_were_never_written_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    make(&path, ZarrFormat::V3, false);
    let long = "x".repeat(1_000_000);
    // 10 GB in one chunk, and in ten thousand.
    for chunk in [10_000, 1] {
        edit(&path.join("t/zarr.json"), |document| {
            document["fill_value"] = json!(long);
            document["shape"] = json!([10_000]);
            document["codecs"] = json!([{"name": "vlen-utf8"}]);
            document["chunk_grid"]["configuration"]["chunk_shape"] = json!([chunk]);
        });
        let _ = fs::remove_dir_all(path.join("t/c"));
        let array = open_path(&path).unwrap().array("t").unwrap();
        let error = array.read().unwrap_err();
        assert!(error.is_limit_exceeded() && error.path() == Some("t"), "{error}");
        // What fits is read.
        let few = array.read_selection(&[AxisSelection::Range(3..5)]).unwrap();
        assert_eq!(few.to_strings().unwrap(), [long.as_str(), &long]);
    }
}

#[test]
fn chunks_that_were_never_written_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    make(&path, ZarrFormat::V3, false);
    edit(&path.join("a/zarr.json"), |document| {
        document["shape"] = json!([1_u64 << 31]);
        document["data_type"] = json!("uint8");
        document["codecs"] = json!([{"name": "bytes"}]);
        document["chunk_grid"]["configuration"]["chunk_shape"] = json!([1]);
    });
    fs::remove_dir_all(path.join("a/c")).unwrap();
    let array = open_path(&path).unwrap().array("a").unwrap();
    let start = Instant::now();
    let error = array.read().unwrap_err();
    assert!(error.is_limit_exceeded() && error.path() == Some("a"), "{error}");
    assert!(error.to_string().contains("2147483648 chunks are declared but only"), "{error}");
    assert!(array.blocks(1 << 26).next().unwrap().is_err_and(|error| error.is_limit_exceeded()));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(array.read_selection(&[AxisSelection::Range(7..9)]).unwrap().as_slice::<u8>().unwrap(), [0, 0]);
}

/// Not each of many files is looked for that are not there; those that are there are found.
#[test]
fn few_chunks_of_many_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    for (format, sharded) in [(ZarrFormat::V2, false), (ZarrFormat::V3, false), (ZarrFormat::V3, true)] {
        make(&path, format, false);
        let store = ZarrStore::open_rw(&path, &ZarrOptions::default()).unwrap();
        let root = Group::root(Arc::new(store));
        let (mut expected, mut texts) = (vec![0_i32; 5000], vec![String::new(); 5000]);
        let (mut of_numbers, mut of_texts) = (
            ArraySpec::of(&Tensor::from_vec([5000], expected.clone()).unwrap()).with_chunks([1]),
            ArraySpec::of(&Tensor::from_strings([5000], texts.clone()).unwrap()).with_chunks([1]),
        );
        if sharded {
            (of_numbers.shards, of_texts.shards) = (Some(vec![2]), Some(vec![2]));
        }
        let (numbers, words) =
            (root.create_array("n", &of_numbers).unwrap(), root.create_array("w", &of_texts).unwrap());
        for at in [0_u16, 3, 2500, 4999] {
            numbers.write(&[at.into()], &Tensor::from_vec([1], vec![i32::from(at) + 1]).unwrap()).unwrap();
            words.write(&[at.into()], &Tensor::from_strings([1], [at.to_string()]).unwrap()).unwrap();
            (expected[usize::from(at)], texts[usize::from(at)]) = (i32::from(at) + 1, at.to_string());
        }
        // Who may write may also find what another handle has written.
        let later = root.array("n").unwrap();
        assert_eq!(later.read().unwrap().as_slice::<i32>().unwrap(), expected);
        numbers.write(&[77], &Tensor::from_vec([1], vec![7]).unwrap()).unwrap();
        expected[77] = 7;
        assert_eq!(later.read().unwrap().as_slice::<i32>().unwrap(), expected);
        root.storage().commit().unwrap();
        drop((root, numbers, words, later));
        for linked in [false, cfg!(unix)] {
            #[cfg(unix)]
            if linked {
                let chunk = path.join(if format == ZarrFormat::V2 { "n/4999" } else { "n/c/4999" });
                let chunk = if sharded { path.join("n/c/2499") } else { chunk };
                fs::rename(&chunk, path.join("n/last")).unwrap();
                std::os::unix::fs::symlink(path.join("n/last"), &chunk).unwrap();
            }
            let root = open_path(&path).unwrap();
            for _ in 0..2 {
                let (numbers, words) = (root.array("n").unwrap(), root.array("w").unwrap());
                assert_eq!(numbers.read().unwrap().as_slice::<i32>().unwrap(), expected, "{format:?} {linked}");
                assert_eq!(words.read().unwrap().to_strings().unwrap(), texts, "{format:?} {linked}");
            }
        }
    }
}

#[test]
fn enormous_elements_are_no_reason_to_take_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    make(&path, ZarrFormat::V2, false);
    for dtype in ["|S999999999999999", "<U999999999999999"] {
        edit(&path.join("a/.zarray"), |document| {
            document["dtype"] = json!(dtype);
            document["fill_value"] = Value::Null;
        });
        let error = open_path(&path).unwrap().array("a").unwrap().read().unwrap_err();
        assert!(error.is_unsupported() && error.path() == Some("a"), "{error}");
        assert!(error.text().contains(dtype), "{error}");
    }
}

#[test]
fn shards_of_more_chunks_than_can_be_read_are_not_made() {
    let store = Arc::new(ZarrStore::in_memory(ZarrFormat::V3, &ZarrOptions::default()).unwrap());
    let root = Group::root(store.clone());
    let mut spec = ArraySpec::of(&numbers(10)).with_chunks([1]);
    spec.shards = Some(vec![999_999_999]);
    let error = root.create_array("a", &spec).unwrap_err();
    assert!(error.is_invalid_input() && error.to_string().contains("shards are too large"), "{error}");
    spec.shards = None;
    let chosen = store.layout(&spec, Compression::Default).unwrap();
    assert_eq!(chosen.shards, Some(vec![10]));
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    fn open(path: &Path, allow: bool) -> Result<Group> {
        let options = ZarrOptions::default().with_allow_links(allow);
        Ok(Group::root(Arc::new(ZarrStore::open_path(path, &options)?)))
    }

    #[test]
    fn a_link_out_of_the_store_is_refused_unless_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        make(&path, ZarrFormat::V3, true);
        let chunk = path.join("a/c/0");
        fs::rename(&chunk, folder.path().join("secret")).unwrap();
        symlink(folder.path().join("secret"), &chunk).unwrap();
        let error = open(&path, false).unwrap().array("a").unwrap().read().unwrap_err();
        assert!(error.is_refused() && error.path() == Some("a"), "{error}");
        assert!(format!("{error:?}").contains("allow_links"), "{error:?}");
        assert_eq!(open(&path, true).unwrap().array("a").unwrap().read().unwrap(), numbers(10));
        // Nor is anything written through it.
        let store = Arc::new(ZarrStore::open_rw(&path, &ZarrOptions::default()).unwrap());
        let array = Group::root(store).array("a").unwrap();
        assert!(array.write(&[0], &numbers(4)).is_err_and(|error| error.is_refused()));
        // If nothing is behind it, it is not as if the chunk had never been written.
        fs::remove_file(folder.path().join("secret")).unwrap();
        assert!(open(&path, false).unwrap().array("a").unwrap().read().is_err_and(|error| error.is_refused()));
    }

    #[test]
    fn a_link_to_a_file_of_the_store_and_to_the_store_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        make(&path, ZarrFormat::V3, true);
        fs::rename(path.join("a/c/0"), path.join("a/c/shared")).unwrap();
        symlink("shared", path.join("a/c/0")).unwrap();
        symlink(&path, folder.path().join("b.zarr")).unwrap();
        for name in ["a.zarr", "b.zarr"] {
            let root = open(&folder.path().join(name), false).unwrap();
            assert_eq!(root.array("a").unwrap().read().unwrap(), numbers(10));
        }
    }

    #[test]
    fn links_to_folders_are_refused_and_block_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        for format in [ZarrFormat::V2, ZarrFormat::V3] {
            make(&path, format, false);
            symlink("..", path.join("x/up")).unwrap();
            symlink("../y", path.join("x/side")).unwrap();
            for allow in [false, true] {
                let root = open(&path, allow).unwrap();
                assert_eq!(root.children().unwrap(), ["a", "t", "x", "y"]);
                assert_eq!(root.array("a").unwrap().read().unwrap(), numbers(10));
                let group = root.group("x").unwrap();
                assert_eq!(group.children().unwrap(), ["side", "up"]);
                assert!(group.group("up").is_err_and(|error| error.is_refused() && error.path() == Some("x/up")));
                assert_eq!(group.group("side").is_ok(), allow, "{:?}", group.group("side"));
            }
        }
    }
}

#[test]
fn members_that_must_be_understood_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    let must = [json!({"must_understand": true}), json!({"configuration": {}}), json!("text"), Value::Null];
    for (consolidated, value) in [true, false].into_iter().flat_map(|c| must.iter().map(move |value| (c, value))) {
        for element in ["a", "x"] {
            make(&path, ZarrFormat::V3, consolidated);
            let change = |document: &mut Value| {
                document["scale"] = value.clone();
                document["note"] = json!({"must_understand": false, "name": "n"});
            };
            if consolidated {
                edit(&path.join("zarr.json"), |document| {
                    change(&mut document["consolidated_metadata"]["metadata"][element]);
                });
            } else {
                edit(&path.join(element).join("zarr.json"), change);
            }
            let root = open_path(&path).unwrap();
            let error = match element {
                "a" => root.array("a").unwrap_err(),
                _ => root.group("x").unwrap_err(),
            };
            assert!(error.is_unsupported() && error.path() == Some(element), "{error}");
            assert!(error.to_string().contains("member 'scale' of 'zarr.json'"), "{error}");
            // The rest of the store is what it is.
            let mut children = root.children().unwrap();
            children.sort();
            assert_eq!(children, ["a", "t", "x", "y"]);
            assert_eq!(root.array("t").unwrap().read().unwrap().len(), 3);
            root.group("y").unwrap();
        }
    }
    make(&path, ZarrFormat::V3, true);
    edit(&path.join("zarr.json"), |document| document["scale"] = json!(1));
    assert!(open_path(&path).is_err_and(|error| error.is_unsupported() && error.to_string().contains("'scale'")));
    make(&path, ZarrFormat::V3, true);
    edit(&path.join("zarr.json"), |document| document["note"] = json!({"must_understand": false}));
    assert_eq!(open_path(&path).unwrap().array("a").unwrap().read().unwrap(), numbers(10));
}

#[test]
fn what_is_not_known_of_one_array_blocks_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    for (member, value, words) in [
        ("chunk_grid", json!({"name": "hexagonal", "configuration": {}}), "chunk grid 'hexagonal' is not known"),
        ("chunk_key_encoding", json!({"name": "suffix"}), "chunk key encoding 'suffix' is not known"),
        ("storage_transformers", json!([{"name": "x"}]), "storage transformer 'x' is not known"),
        ("codecs", json!([{"name": "bytes"}, {"name": "numcodecs.x"}]), "codec 'numcodecs.x' is not known"),
        ("codecs", json!([{"name": "made.up"}, {"name": "bytes"}]), "codec 'made.up' is not known"),
    ] {
        make(&path, ZarrFormat::V3, false);
        edit(&path.join("a/zarr.json"), |document| document[member] = value.clone());
        let root = open_path(&path).unwrap();
        assert_eq!(root.kind("a").unwrap(), Some(NodeKind::Array));
        let error = root.array("a").and_then(|array| array.read()).unwrap_err();
        assert!(error.is_unsupported() && error.path() == Some("a") && error.to_string().contains(words), "{error}");
        assert_eq!(root.array("t").unwrap().read().unwrap().len(), 3);
    }
    for id in ["jenkins_lookup3", "categorize", "packbits"] {
        make(&path, ZarrFormat::V2, false);
        edit(&path.join("a/.zarray"), |document| document["compressor"] = json!({"id": id}));
        let error = open_path(&path).unwrap().array("a").unwrap().read().unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains(&format!("codec '{id}'")), "{error}");
    }
}

#[test]
fn a_malformed_node_of_collected_metadata_blocks_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    make(&path, ZarrFormat::V3, true);
    edit(&path.join("zarr.json"), |document| {
        document["consolidated_metadata"]["metadata"]["a"]["attributes"] = json!([1]);
        document["consolidated_metadata"]["metadata"]["x"] = json!(7);
    });
    let root = open_path(&path).unwrap();
    for key in ["a", "x"] {
        assert!(root.kind(key).is_err_and(|error| error.is_invalid_data() && error.path() == Some(key)), "{key}");
    }
    assert_eq!(root.array("t").unwrap().read().unwrap().len(), 3);
    make(&path, ZarrFormat::V2, true);
    edit(&path.join(".zmetadata"), |document| document["metadata"]["a/.zarray"] = json!("x"));
    let root = open_path(&path).unwrap();
    assert!(root.kind("a").is_err_and(|error| error.is_invalid_data()));
    assert_eq!(root.array("t").unwrap().read().unwrap().len(), 3);
}

#[test]
fn a_byte_order_mark_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    for (format, names) in [
        (ZarrFormat::V3, &["zarr.json", "a/zarr.json"][..]),
        (ZarrFormat::V2, &[".zgroup", ".zmetadata", "a/.zarray", "t/.zarray"]),
    ] {
        for consolidated in [true, false] {
            make(&path, format, consolidated);
            for name in names.iter().filter(|name| path.join(name).exists()) {
                let document = fs::read(path.join(name)).unwrap();
                fs::write(path.join(name), ["\u{feff}".as_bytes(), &document].concat()).unwrap();
            }
            assert_eq!(open_path(&path).unwrap().array("a").unwrap().read().unwrap(), numbers(10));
        }
    }
}
