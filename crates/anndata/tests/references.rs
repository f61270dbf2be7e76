//! References to objects and regions in `.h5ad` files: in a new file they are to what is at the same path.
//!
//! Needs a Python with anndata in `ANNDATA_PYTHON`; without one the tests say so and do nothing.
#![cfg(all(feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;
use std::sync::Arc;

use anndata::hdf5::{Hdf5Options, Hdf5Store};
use anndata::io::{ElemReadOptions, ElemWriteOptions};
use anndata::node::{Node, NodeWriteOptions};
use anndata::{AnnData, Compression, ConvertOptions, Group, ReadOptions, Result, Tensor};

fn python(arguments: &[&Path]) -> bool {
    support::python("references.py", arguments)
}

fn read(path: &Path, read: ElemReadOptions) -> Result<AnnData> {
    anndata::read_h5ad_with(path, &ReadOptions::default().with_elem(read))
}

fn texts(tensor: &Tensor) -> Vec<String> {
    tensor.lists().unwrap().iter().flatten().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
}

fn skipping(paths: &[&str]) -> ConvertOptions {
    ConvertOptions::default().with_read(ElemReadOptions::default().with_skip(paths.iter().copied()))
}

#[test]
fn they_are_to_the_same_paths() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let source = at("source.h5ad");
    if !python(&["make".as_ref(), &source]) {
        return;
    }
    let eager = anndata::read_h5ad(&source).unwrap();
    let lazy = read(&source, ElemReadOptions::default().with_lazy(true)).unwrap();
    assert_eq!(eager, lazy.load().unwrap());
    let some = eager.uns()["some"].to_tensor().unwrap();
    assert_eq!(some.dtype().to_string(), "object reference (HDF5)");
    assert_eq!(texts(&some), ["/X", "/obs/n", "/uns", "/", "/uns/more/ü", ""]);
    assert_eq!(texts(&eager.uns()["region"].to_tensor().unwrap()), ["/X\0points 2 5 2 4 1 0 0 2 1"]);
    anndata::write_h5ad(at("eager.h5ad"), &eager).unwrap();
    anndata::write_h5ad(at("lazy.h5ad"), &lazy).unwrap();
    for (name, compression) in [("converted.h5ad", Compression::Default), ("packed.h5ad", Compression::Gzip(4))] {
        let write = ElemWriteOptions::default().with_compression(compression);
        let options = ConvertOptions::default().with_write(write).with_memory_limit(64);
        anndata::convert(&source, at(name), &options).unwrap();
    }
    for name in ["eager.h5ad", "lazy.h5ad", "converted.h5ad", "packed.h5ad"] {
        python(&["check".as_ref(), &source, &at(name)]);
        assert_eq!(anndata::read_h5ad(at(name)).unwrap(), eager, "{name}");
    }
    let error = anndata::convert(&source, at("a.zarr"), &ConvertOptions::default()).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("--skip"), "{error}");
}

#[test]
fn rows_are_selected() {
    let folder = tempfile::tempdir().unwrap();
    let (source, part) = (folder.path().join("source.h5ad"), folder.path().join("part.h5ad"));
    if !python(&["make".as_ref(), &source]) {
        return;
    }
    let select = |skip: &[&str]| {
        let options = ElemReadOptions::default().with_lazy(true).with_skip(skip.iter().copied());
        read(&source, options).unwrap().select(vec![1_u64, 4], ..).unwrap()
    };
    let error = anndata::write_h5ad(&part, &select(&["obs/column", "uns/region", "uns/records"])).unwrap_err();
    assert!(error.is_invalid_input() && error.path() == Some("uns/regions"), "{error}");
    assert!(error.to_string().contains("region of '/X' of shape [5, 2], which is of shape [2, 2] here"), "{error}");
    anndata::write_h5ad(&part, &select(&["obs/column", "uns/region", "uns/regions", "uns/records"])).unwrap();
    let part = anndata::read_h5ad(&part).unwrap();
    assert_eq!(texts(&part.obsm()["rows"].to_tensor().unwrap()), ["/obs/n", "/", "", "/X"]);
}

#[test]
fn what_they_are_to_must_be_copied() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let source = at("source.h5ad");
    if !python(&["make".as_ref(), &source]) {
        return;
    }
    let error = anndata::convert(&source, at("a.h5ad"), &skipping(&["uns/plain"])).unwrap_err();
    assert!(error.is_invalid_input() && error.path() == Some("uns/plain one"), "{error}");
    let text = error.to_string();
    assert!(text.contains("a reference is to '/uns/plain', which is not in the file that is written"), "{text}");
    assert!(text.contains("--skip uns/plain one"), "{text}");
    assert!(!at("a.h5ad").exists());
    anndata::convert(&source, at("a.h5ad"), &skipping(&["uns/plain", "uns/plain one"])).unwrap();

    python(&["lose".as_ref(), &source]);
    let read = anndata::read_h5ad(&source).unwrap();
    assert!(texts(&read.uns()["plain one"].to_tensor().unwrap()).iter().all(|text| text.starts_with('\0')));
    let error = anndata::convert(&source, at("b.h5ad"), &ConvertOptions::default()).unwrap_err();
    assert!(error.is_invalid_input() && error.path() == Some("uns/plain one"), "{error}");
    assert!(error.to_string().contains("--skip uns/plain one"), "{error}");
    assert!(!at("b.h5ad").exists());
    anndata::convert(&source, at("b.h5ad"), &skipping(&["uns/plain one"])).unwrap();
}

#[test]
fn they_stay_within_what_is_edited_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.h5ad");
    if !python(&["make".as_ref(), &source]) {
        return;
    }
    let root = Group::root(Arc::new(Hdf5Store::open_rw(&source, &Hdf5Options::default()).unwrap()));
    let options = NodeWriteOptions::default();
    let outside = Node::open(&root, "uns/plain one").unwrap();
    let error = outside.replace(&root, "uns/more", &options).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("'/uns/plain'"), "{error}");
    let mut within = Node::open(&root, "uns").unwrap().into_group().unwrap();
    within.children.retain(|name, _| ["plain", "plain one"].contains(&name.as_str()));
    Node::Group(within).replace(&root, "moved", &options).unwrap();
    assert_eq!(texts(&root.array("moved/plain one").unwrap().read().unwrap()), ["/moved/plain"]);
}
