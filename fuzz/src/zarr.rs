//! Zarr stores: documents of an array, the index of a shard, and whole trees of which some bytes are changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anndata::storage::{ArraySpec, Storage as _};
use anndata::zarr::{ZarrFormat, ZarrOptions, ZarrStore};
use anndata::{Codec, Group, Limits, Tensor, WriteOptions};

use crate::{h5ad, patches};

/// The files of a store by their paths in it, sorted.
type Files = Vec<(PathBuf, Vec<u8>)>;

fn options() -> ZarrOptions {
    ZarrOptions::default().with_limits(Limits::untrusted().with_max_unbacked(1 << 20)).with_consolidated(false)
}

/// The files of a store with an array `a`, by their paths in it.
fn store_of(format: ZarrFormat) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(ZarrStore::create(folder.path().join("s.zarr"), format, &options()).unwrap());
    let values = Tensor::from_vec([12, 4], (0..48_i32).collect::<Vec<_>>()).unwrap();
    let mut spec = ArraySpec::of(&values).with_chunks([3, 2]).with_codecs([Codec::Zstd { level: 1 }]);
    if format == ZarrFormat::V3 {
        spec.shards = Some(vec![6, 4]);
    }
    Group::root(Arc::clone(&store) as _).create_array("a", &spec).unwrap().write(&[0, 0], &values).unwrap();
    store.flush().unwrap();
    files(&folder.path().join("s.zarr"))
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Files {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Puts files below a folder.
fn put(folder: &Path, files: &Files) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn sound(format: ZarrFormat) -> &'static Files {
    static STORES: [OnceLock<Files>; 2] = [OnceLock::new(), OnceLock::new()];
    STORES[usize::from(format == ZarrFormat::V3)].get_or_init(|| store_of(format))
}

/// Reads the array of a store in which one file is another.
fn with_file(format: ZarrFormat, name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), sound(format));
    fs::write(folder.path().join(name), bytes).unwrap();
    let Ok(store) = ZarrStore::open_path(folder.path(), &options()) else { return };
    let Ok(array) = Group::root(Arc::new(store)).array("a") else { return };
    let _ = (array.attributes(), array.stored_bytes());
    if let Ok(values) = array.read() {
        let shape: Vec<u64> = values.shape().iter().map(|&len| len as u64).collect();
        assert_eq!(shape, array.shape(), "values of another shape than is declared");
        assert_eq!(*values.dtype(), array.dtype(), "values of another type than is declared");
    }
}

/// The document of an array of version 2.
pub(crate) fn metadata_v2(input: &[u8]) {
    with_file(ZarrFormat::V2, "a/.zarray", input);
}

/// The document of an array of version 3.
pub(crate) fn metadata_v3(input: &[u8]) {
    with_file(ZarrFormat::V3, "a/zarr.json", input);
}

/// A shard, with its index.
pub(crate) fn shard(input: &[u8]) {
    with_file(ZarrFormat::V3, "a/c/0/0", input);
}

fn file(format: ZarrFormat, name: &str) -> Vec<u8> {
    sound(format).iter().find(|(path, _)| path == Path::new(name)).unwrap().1.clone()
}

/// A document as short as it can be.
fn minified(bytes: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<serde_json::Value>(bytes).unwrap().to_string().into_bytes()
}

pub(crate) fn metadata_seeds_v2() -> Vec<Vec<u8>> {
    let document = String::from_utf8(minified(&file(ZarrFormat::V2, "a/.zarray"))).unwrap();
    let records = r#"{"zarr_format":2,"shape":[3],"chunks":[2],"dtype":[["a","<f4"],["b","|S3"]],"fill_value":null,
        "order":"F","filters":[{"id":"delta","dtype":"<i4"}],"compressor":{"id":"blosc","cname":"lz4","clevel":5,"shuffle":1}}"#;
    vec![document.replace("\"<i4\"", "\"<M8[ns]\"").into_bytes(), document.into_bytes(), records.as_bytes().to_vec()]
}

pub(crate) fn metadata_seeds_v3() -> Vec<Vec<u8>> {
    let document = minified(&file(ZarrFormat::V3, "a/zarr.json"));
    let plain = r#"{"zarr_format":3,"node_type":"array","shape":[12,4],"data_type":"int32","chunk_grid":{"name":"regular",
        "configuration":{"chunk_shape":[6,4]}},"chunk_key_encoding":{"name":"default","configuration":{"separator":"/"}},
        "fill_value":0,"codecs":[{"name":"transpose","configuration":{"order":[1,0]}},{"name":"bytes","configuration":
        {"endian":"big"}},{"name":"blosc","configuration":{"cname":"zstd","clevel":3,"shuffle":"shuffle","typesize":4,
        "blocksize":0}},{"name":"crc32c"}],"attributes":{"encoding-type":"array"}}"#;
    vec![document, plain.as_bytes().to_vec()]
}

pub(crate) fn shard_seeds() -> Vec<Vec<u8>> {
    vec![file(ZarrFormat::V3, "a/c/0/0")]
}

/// A whole object of which bytes are changed, whatever file they are in.
pub(crate) fn tree(input: &[u8]) {
    static SOUND: OnceLock<Files> = OnceLock::new();
    let sound = SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sound.zarr");
        anndata::write_with(&path, &h5ad::object(), &WriteOptions::default().with_durable(false)).unwrap();
        files(&path)
    });
    let mut bytes: Vec<u8> = sound.iter().flat_map(|(_, bytes)| bytes).copied().collect();
    patches::apply(&mut bytes, input);
    let mut rest = bytes.as_slice();
    let changed: Files = sound
        .iter()
        .map(|(name, old)| {
            let (file, after) = rest.split_at(old.len().min(rest.len()));
            rest = after;
            (name.clone(), file.to_vec())
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cells.zarr");
    put(&path, &changed);
    h5ad::visit(&path);
}

/// The same of a zip file.
pub(crate) fn zip(input: &[u8]) {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    h5ad::changed(SOUND.get_or_init(|| h5ad::sound("sound.zarr.zip")), input, "cells.zarr.zip");
}
