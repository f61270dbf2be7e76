//! Codecs that are rarely met: read as Python reads them, written so that Python reads the same, and refused where a chunk
//! could do harm.
//!
//! The stores in `data/codecs` and the values that zarr reads from them are made by `tests/python/make_zarr_codecs.py`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_io_zarr::{ZarrFormat, ZarrOptions, ZarrStore, open_path};
use anndata_storage::{ArraySpec, AxisSelection, Group, Result, Storage as _, Tensor};
use serde_json::{Value, json};

mod describe;

use describe::{assert_same, describe, describe_in_python};

const VERSIONS: [&str; 2] = ["v2", "v3"];

fn made_by_python(name: &str) -> (PathBuf, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/codecs");
    let values = fs::read(folder.join(format!("{name}.json"))).unwrap();
    (folder.join(format!("{name}.zip")), serde_json::from_slice(&values).unwrap())
}

/// Whether an array needs a codec that comes with the feature alone.
fn is_rare(path: &str) -> bool {
    path.starts_with("zarrs/")
}

#[test]
fn what_python_wrote_is_read_as_python_reads_it() {
    for name in VERSIONS {
        let (path, mut expected) = made_by_python(name);
        let mut found = describe(&open_path(&path).unwrap());
        if !cfg!(feature = "zarrs") {
            let rare: Vec<String> =
                expected.as_object().unwrap().keys().filter(|path| is_rare(path)).cloned().collect();
            assert!(rare.len() >= 6, "{rare:?}");
            for rare in rare {
                expected.as_object_mut().unwrap().shift_remove(&rare);
                let error = found.as_object_mut().unwrap().shift_remove(&rare).unwrap();
                let text = error["error"].as_str().unwrap_or_default();
                assert!(text.contains(&format!("{rare}: codec '")), "{error}");
                assert!(text.ends_with("is not part of this build: it comes with the feature `zarrs`"), "{error}");
            }
        }
        assert_same(&found, &expected, name);
    }
}

#[test]
fn parts_are_those_of_the_whole() {
    for name in VERSIONS {
        let root = open_path(made_by_python(name).0).unwrap();
        for path in arrays(name) {
            let array = root.array(&path).unwrap();
            let whole = array.read().unwrap();
            if let [rows, columns] = *whole.shape() {
                let selection =
                    [AxisSelection::from(vec![0, 3, rows as u64 - 1]), AxisSelection::Range(1..columns as u64 - 1)];
                let part = array.read_selection(&selection).unwrap();
                assert_eq!(part, whole.select(&selection).unwrap(), "{name}: {path}");
            }
        }
    }
}

/// The arrays that this build reads.
fn arrays(name: &str) -> Vec<String> {
    let (_, values) = made_by_python(name);
    let values = values.as_object().unwrap().iter().filter(|(_, value)| value.get("values").is_some());
    let read = values.filter(|(path, _)| cfg!(feature = "zarrs") || !is_rare(path));
    read.map(|(path, _)| path.clone()).collect()
}

#[test]
fn what_is_written_is_read_back_and_by_python() {
    for name in VERSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        zip::ZipArchive::new(File::open(made_by_python(name).0).unwrap()).unwrap().extract(&path).unwrap();
        let store = Arc::new(ZarrStore::open_rw(&path, &ZarrOptions::default()).unwrap());
        let root = Group::root(store.clone());
        for path in arrays(name) {
            let array = root.array(&path).unwrap();
            let before = array.read().unwrap();
            // What was read is what codecs that lose something keep.
            let rows = before.shape()[0] as u64;
            let backwards = before.take(0, &(0..rows).rev().collect::<Vec<_>>()).unwrap();
            let offset = vec![0; before.ndim()];
            match array.write(&offset, &backwards) {
                Ok(()) => assert_eq!(array.read().unwrap(), backwards, "{name}: {path}"),
                Err(error) => {
                    assert!(
                        error.is_unsupported() && error.to_string().contains("index at the start"),
                        "{path}: {error}"
                    );
                    assert_eq!(path, "always/checksum around shards");
                }
            }
            // Part of a chunk, within the others.
            if array.write(&offset, &before.select(&vec![AxisSelection::Range(0..1); before.ndim()]).unwrap()).is_ok() {
                let now = array.read().unwrap();
                assert_eq!(
                    now.take(0, &[rows - 1]).unwrap(),
                    backwards.take(0, &[rows - 1]).unwrap(),
                    "{name}: {path}"
                );
            }
        }
        store.flush().unwrap();
        let mut found = describe(&open_path(&path).unwrap());
        // Python reads pcodec only where its package is, and lists no group that has it elsewhere.
        for array in arrays(name).iter().filter(|array| array.contains("pcodec")) {
            fs::remove_dir_all(path.join(array)).unwrap();
        }
        if !cfg!(feature = "zarrs") {
            fs::remove_dir_all(path.join("zarrs")).unwrap();
        }
        let Some(expected) = describe_in_python(&path, &[]) else { continue };
        found.as_object_mut().unwrap().retain(|path, _| expected.get(path).is_some());
        assert_same(&found, &expected, name);
    }
}

/// A store with the array `a` of numbers 0 to 9 in chunks of 4, whose metadata a test changes before the array is opened.
fn changed(change: impl Fn(&mut Value)) -> (tempfile::TempDir, Result<anndata_storage::Array>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    let options = ZarrOptions::default().with_consolidated(false).with_sharding(anndata_io_zarr::Sharding::Off);
    let store = Arc::new(ZarrStore::create(&path, ZarrFormat::V3, &options).unwrap());
    let spec = ArraySpec::of(&numbers()).with_chunks([4]);
    Group::root(store.clone()).create_array("a", &spec).unwrap().write(&[0], &numbers()).unwrap();
    store.flush().unwrap();
    let file = path.join("a/zarr.json");
    let mut document: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut document);
    fs::write(&file, document.to_string()).unwrap();
    let store = ZarrStore::open_rw(&path, &options).unwrap();
    let array = Group::root(Arc::new(store)).array("a");
    (folder, array)
}

fn numbers() -> Tensor {
    Tensor::from_vec([10], (0..10).collect::<Vec<i32>>()).unwrap()
}

#[test]
fn codecs_that_trust_a_chunk_are_refused() {
    for name in ["zfp", "numcodecs.zfpy", "zarrs.gdeflate", "https://codec.zarrs.dev/array_to_bytes/zfpy"] {
        let (_folder, array) =
            changed(|document| document["codecs"] = json!([{"name": name, "configuration": {"mode": "reversible"}}]));
        let error = array.and_then(|array| array.read()).unwrap_err();
        let text = error.to_string();
        assert!(error.is_unsupported() && error.path() == Some("a"), "{error}");
        assert!(text.contains(&format!("codec '{name}' is refused: its decoder trusts")), "{text}");
    }
}

#[test]
fn codecs_within_codecs_are_not_left_to_the_registry() {
    for codec in [
        json!({"name": "zarrs.optional", "configuration": {"mask_codecs": [{"name": "packbits"}], "data_codecs": [{"name": "bytes"}]}}),
        json!({"name": "zarrs.vlen", "configuration": {"data_codecs": [{"name": "gzip"}], "index_codecs": [{"name": "bytes"}]}}),
    ] {
        let (_folder, array) = changed(|document| document["codecs"] = json!([codec]));
        let error = array.and_then(|array| array.read()).unwrap_err();
        assert!(error.is_unsupported() && error.path() == Some("a"), "{error}");
        let why = if cfg!(feature = "zarrs") { "it holds other codecs" } else { "is not known" };
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn what_must_be_understood_is() {
    let unknown = |must: bool| json!({"name": "made.up", "must_understand": must});
    let with = |member: &'static str, value: Value| changed(move |document| document[member] = value.clone());
    let codecs = |must| changed(move |document| document["codecs"].as_array_mut().unwrap().push(unknown(must)));
    for (what, understood, (_folder, array)) in [
        ("codec", true, codecs(false)),
        ("codec", false, codecs(true)),
        ("storage transformer", true, with("storage_transformers", json!([unknown(false)]))),
        ("storage transformer", false, with("storage_transformers", json!([unknown(true)]))),
        ("storage transformer", false, with("storage_transformers", json!(["made.up"]))),
        ("member", true, with("made up", json!({"must_understand": false}))),
        ("member", false, with("made up", json!({"must_understand": true}))),
        ("member", false, with("made up", json!(7))),
        // Without these nothing can be read.
        ("chunk grid", false, with("chunk_grid", unknown(false))),
        ("chunk key encoding", false, with("chunk_key_encoding", unknown(false))),
    ] {
        match array.and_then(|array| array.read()) {
            Ok(read) => assert!(understood && read == numbers(), "{what}"),
            Err(error) => {
                assert!(!understood && error.is_unsupported() && error.path() == Some("a"), "{what}: {error}");
                assert!(error.to_string().contains(what), "{what}: {error}");
            }
        }
    }
    for (member, value) in [
        ("chunk_key_encoding", json!({"name": "default", "configuration": {"separator": "/", "x": 1}})),
        ("chunk_grid", json!({"name": "regular", "configuration": {"chunk_shape": [4], "x": 1}})),
        ("codecs", json!([{"name": "bytes", "configuration": {"endian": "little", "x": 1}}])),
        ("codecs", json!([{"name": "bytes", "x": 1}])),
    ] {
        let (_folder, array) = with(member, value.clone());
        let error = array.and_then(|array| array.read()).unwrap_err();
        assert!(error.is_invalid_data() && error.path() == Some("a"), "{value}: {error}");
    }
}

/// Sixteen bits per value, the upper half of a float.
#[test]
fn bfloat16_is_read_as_float32() {
    let (folder, array) = changed(|document| {
        document["data_type"] = json!("bfloat16");
        document["fill_value"] = json!("0x3fc0");
        document["codecs"] = json!([{"name": "bytes", "configuration": {"endian": "big"}}]);
    });
    let array = array.unwrap();
    for (chunk, bytes) in [(0, [0x3f, 0x80, 0xc0, 0x20, 0x7f, 0x80, 0, 0]), (2, [0; 8])] {
        fs::write(folder.path().join(format!("a.zarr/a/c/{chunk}")), bytes).unwrap();
    }
    fs::remove_file(folder.path().join("a.zarr/a/c/1")).unwrap();
    let values = vec![1.0_f32, -2.5, f32::INFINITY, 0.0, 1.5, 1.5, 1.5, 1.5, 0.0, 0.0];
    let expected = Tensor::from_vec([10], values).unwrap();
    assert_eq!(array.read().unwrap(), expected);
    array.write(&[0], &expected).unwrap();
    assert_eq!(array.read().unwrap(), expected);
    let lost = array.write(&[0], &Tensor::from_vec([1], vec![0.1_f32]).unwrap()).unwrap_err();
    assert!(lost.is_invalid_input() && lost.path() == Some("a"), "{lost}");
}

#[test]
fn chunks_of_shards_that_lie_are_errors() {
    let inner = json!({"name": "sharding_indexed", "configuration": {
        "chunk_shape": [2],
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {"level": 1, "checksum": false}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    }});
    let (folder, array) = changed(|document| document["codecs"] = json!([inner, {"name": "crc32c"}]));
    let array = array.unwrap();
    array.write(&[0], &numbers()).unwrap();
    assert_eq!(array.read().unwrap(), numbers());
    let file = folder.path().join("a.zarr/a/c/0");
    let good = fs::read(&file).unwrap();
    let body = &good[..good.len() - 4];
    // A frame of 16 bytes that says it holds 64 GiB, and an index that points beyond the shard or at lengths without end.
    let bomb = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 36).to_le_bytes(), &[1, 0, 0]].concat();
    let entry = |offset: u64, len: u64| [offset.to_le_bytes(), len.to_le_bytes()].concat();
    for shard in [
        [&bomb[..], &entry(0, 16), &entry(0, 16)].concat(),
        [&bomb[..], &entry(0, 17), &entry(u64::MAX - 1, 16)].concat(),
        [&bomb[..], &entry(1 << 40, u64::MAX), &entry(0, 16)].concat(),
        body[..20].to_vec(),
        Vec::new(),
    ] {
        let mut stored = Vec::new();
        anndata_codecs::Checksum::CRC32C.append(&shard, &mut stored).unwrap();
        fs::write(&file, stored).unwrap();
        let error = open_path(folder.path().join("a.zarr")).unwrap().array("a").unwrap().read().unwrap_err();
        assert!(error.path() == Some("a") && error.to_string().contains("chunk [0]"), "{error}");
    }
}

#[cfg(feature = "zarrs")]
mod with_the_registry {
    use super::*;

    /// Codecs of version 3 that only the crate `zarrs` has.
    #[test]
    fn the_registry_reads_and_writes() {
        for codecs in [
            json!([{"name": "packbits", "configuration": {"first_bit": 0, "last_bit": 9}}]),
            json!([{"name": "packbits"}, {"name": "crc32c"}]),
            json!([{"name": "reshape", "configuration": {"shape": [2, 2]}}, {"name": "bytes", "configuration": {"endian": "big"}}]),
            json!([{"name": "reshape", "configuration": {"shape": [2, 2]}},
                   {"name": "transpose", "configuration": {"order": [1, 0]}},
                   {"name": "packbits", "configuration": {"padding_encoding": "first_byte", "last_bit": 7}},
                   {"name": "numcodecs.zlib", "configuration": {"level": 3}}]),
            json!([{"name": "numcodecs.pcodec", "configuration": {"level": 4, "delta_spec": "try_consecutive"}}]),
        ] {
            let (folder, array) = changed(|document| document["codecs"] = codecs.clone());
            let array = array.unwrap();
            array.write(&[0], &numbers()).unwrap();
            assert_eq!(array.read().unwrap(), numbers(), "{codecs}");
            let file = folder.path().join("a.zarr/a/c/0");
            let stored = fs::read(&file).unwrap();
            for len in 0..stored.len() {
                fs::write(&file, &stored[..len]).unwrap();
                let error = array.read().unwrap_err();
                assert!(error.is_invalid_data() && error.path() == Some("a"), "{codecs} cut to {len}: {error:?}");
            }
        }
    }

    /// Ten bits of a value are the lowest first, as the codec is specified.
    #[test]
    fn packed_bits_are_those_of_the_specification() {
        let (folder, array) = changed(|document| {
            document["codecs"] = json!([{"name": "packbits", "configuration": {"last_bit": 3}}]);
        });
        array.unwrap().write(&[0], &numbers()).unwrap();
        assert_eq!(fs::read(folder.path().join("a.zarr/a/c/1")).unwrap(), [0x54, 0x76]);
    }

    /// Four bits per value, the lowest first.
    #[test]
    fn narrow_integers_are_packed() {
        let (folder, array) = changed(|document| {
            document["data_type"] = json!("int4");
            document["fill_value"] = json!(-1);
            document["shape"] = json!([12]);
            document["codecs"] = json!([{"name": "packbits"}]);
        });
        let array = array.unwrap();
        let values = Tensor::from_vec([8], vec![-8_i8, 7, -1, 0, 1, 2, 3, 4]).unwrap();
        array.write(&[0], &values).unwrap();
        assert_eq!(array.read_selection(&[AxisSelection::Range(0..8)]).unwrap(), values);
        assert_eq!(fs::read(folder.path().join("a.zarr/a/c/0")).unwrap(), [0x78, 0x0f]);
        let beyond = array.write(&[0], &Tensor::from_vec([1], vec![8_i8]).unwrap()).unwrap_err();
        assert!(beyond.is_invalid_input() && beyond.to_string().contains("is not one of int4"), "{beyond}");
    }

    #[test]
    fn configurations_that_ask_for_too_much_are_errors() {
        for codecs in [
            json!([{"name": "packbits", "configuration": {"last_bit": 1_u64 << 40}}]),
            json!([{"name": "packbits", "configuration": {"first_bit": 5, "last_bit": u64::MAX}}]),
            json!([{"name": "packbits", "configuration": {"first_bit": 40, "last_bit": 45}}]),
            json!([{"name": "reshape", "configuration": {"shape": [1_u64 << 40]}}, {"name": "bytes"}]),
            json!([{"name": "zarrs.squeeze"}, {"name": "gzip"}]),
            json!([{"name": "bytes"}, {"name": "zarrs.test_unbounded"}]),
            json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "bitround", "configuration": {"keepbits": 3}}]),
        ] {
            let (_folder, array) = changed(|document| document["codecs"] = codecs.clone());
            let used = array.and_then(|array| {
                array.write(&[0], &numbers())?;
                array.read()
            });
            let error = used.expect_err(&codecs.to_string());
            assert_eq!(error.path(), Some("a"), "{codecs}: {error}");
        }
    }

    /// Every byte of a chunk that pcodec wrote, changed: an error or other numbers, of the same count.
    #[test]
    fn hostile_chunks_of_pcodec_are_errors_or_other_numbers() {
        let (folder, array) = changed(|document| document["codecs"] = json!([{"name": "numcodecs.pcodec"}]));
        let array = array.unwrap();
        array.write(&[0], &numbers()).unwrap();
        let file = folder.path().join("a.zarr/a/c/0");
        let good = fs::read(&file).unwrap();
        for at in 0..good.len() {
            for byte in [0, 1, 0x7f, 0xff, good[at] ^ 1] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                fs::write(&file, bytes).unwrap();
                match array.read() {
                    Ok(read) => assert_eq!(read.len(), 10),
                    Err(error) => assert!(error.path() == Some("a") && error.is_invalid_data(), "{error:?}"),
                }
            }
        }
    }
}
