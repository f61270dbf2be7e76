//! Types that HDF5 has and anndata has no name for: their bytes go from `.h5ad` to `.h5ad` by every way.
//!
//! Needs a Python with anndata in `ANNDATA_PYTHON`; without one the test says so and does nothing.
#![cfg(all(feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;

use anndata::io::ElemWriteOptions;
use anndata::{Compression, ConvertOptions, DType, ReadOptions, Severity, ValidateOptions};

fn python(arguments: &[&Path]) -> bool {
    support::python("opaque.py", arguments)
}

#[test]
fn bytes_go_from_file_to_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let source = at("source.h5ad");
    if !python(&["make".as_ref(), &source]) {
        return;
    }
    let eager = anndata::read_h5ad(&source).unwrap();
    let lazy = ReadOptions::default().with_lazy(true);
    let lazy = anndata::read_h5ad_with(&source, &lazy).unwrap();
    assert_eq!(eager, lazy.load().unwrap());
    let seen = eager.obsm()["float80"].to_tensor().unwrap();
    assert!(matches!(seen.dtype(), DType::Opaque(_)), "{}", seen.dtype());
    assert_eq!(seen.take(0, &[3, 0]).unwrap().slice_rows(1..2).unwrap(), seen.slice_rows(0..1).unwrap());
    assert_eq!(eager.obs().column("n").unwrap().len(), 5, "another column can be read");
    anndata::write_h5ad(at("eager.h5ad"), &eager).unwrap();
    anndata::write_h5ad(at("lazy.h5ad"), &lazy).unwrap();
    for (name, compression) in [("converted.h5ad", Compression::Default), ("packed.h5ad", Compression::Gzip(4))] {
        let write = ElemWriteOptions::default().with_compression(compression);
        anndata::convert(&source, at(name), &ConvertOptions::default().with_write(write)).unwrap();
    }
    for name in ["eager.h5ad", "lazy.h5ad", "converted.h5ad", "packed.h5ad"] {
        python(&["check".as_ref(), &source, &at(name)]);
        assert_eq!(anndata::read_h5ad(at(name)).unwrap(), eager, "{name}");
    }
    let report = anndata::validate_path(&source, &ValidateOptions::default()).unwrap();
    let worst = report.findings.iter().filter(|finding| finding.severity == Severity::Error).collect::<Vec<_>>();
    assert!(worst.is_empty(), "{worst:?}");
    let error = anndata::convert(&source, at("a.zarr"), &ConvertOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(error.is_unsupported() && text.contains("(HDF5)") && text.contains("--skip"), "{text}");
    assert!(error.path().is_some_and(|path| path.contains('/')), "{text}");
    assert!(!at("a.zarr").exists());
}
