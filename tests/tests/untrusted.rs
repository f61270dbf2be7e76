//! Files that ask for more than the options allow: each limit, with what its error says.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fs;
use std::path::{Path, PathBuf};

use anndata::storage::{ArraySpec, Attribute, Attributes};
use anndata::{
    AnnData, Compression, DType, Element, Error, Limits, Mapping, ReadOptions, Result, Tensor, WriteOptions, write_with,
};

const NAMES: [&str; 3] = ["cells.h5ad", "cells.zarr", "cells.zarr.zip"];

/// Writes an object in each format, and reads it with limits.
fn refused(adata: &AnnData, formats: &[&str], limits: Limits, says: &str) -> Result<()> {
    let directory = tempfile::tempdir()?;
    for name in formats {
        let path = directory.path().join(name);
        write_with(&path, adata, &WriteOptions::default().with_durable(false).with_compression(Compression::Gzip(9)))?;
        assert_eq!(&anndata::read(&path)?, adata, "{name}");
        check(&anndata::read_with(&path, &ReadOptions::default().with_limits(limits)).unwrap_err(), &path, says);
    }
    Ok(())
}

fn check(error: &Error, path: &Path, says: &str) {
    assert!(error.is_limit_exceeded(), "{error}");
    assert_eq!(error.file(), Some(path), "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

fn numbers(values: Vec<f64>) -> Result<Tensor> {
    Tensor::from_vec([values.len(), 1], values)
}

#[test]
fn what_is_packed_better_than_the_limits_allow_is_refused() -> Result<()> {
    let adata = AnnData::builder().x(numbers(vec![0.0; 100_000])?).build()?;
    let limits = Limits::untrusted().with_max_expansion(20).with_max_unbacked(1 << 10);
    refused(&adata, &NAMES, limits, "X: 800000 bytes are declared but only ")
}

#[test]
fn what_is_declared_and_not_stored_is_refused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for name in ["cells.h5ad", "cells.zarr"] {
        let path = directory.path().join(name);
        anndata::write(&path, &AnnData::builder().shape(1, 1).build()?)?;
        let root = anndata::open_rw(&path)?;
        let spec = ArraySpec::new(DType::F64, [9 << 20]).with_chunks([1 << 20]);
        root.create_array("uns/hollow", &spec)?;
        let attributes = [("encoding-type", "array"), ("encoding-version", "0.2.0")];
        let attributes: Attributes =
            attributes.map(|(name, value)| (name.to_owned(), Attribute::from(value))).into_iter().collect();
        root.array("uns/hollow")?.set_attributes(&attributes)?;
        root.storage().commit()?;
        drop(root);
        assert_eq!(anndata::read(&path)?.uns()["hollow"].to_tensor()?.len(), 9 << 20);
        let error = anndata::read_with(&path, &ReadOptions::untrusted()).unwrap_err();
        check(&error, &path, "uns/hollow: 75497472 bytes are declared but only ");
    }
    Ok(())
}

#[test]
fn all_that_is_read_counts_together() -> Result<()> {
    let values = |seed: u32| (0..1000).map(|at| f64::from(at * seed)).collect::<Vec<_>>();
    let texts: Vec<String> = (0..100).map(|at| format!("{at}").repeat(50)).collect();
    let adata = AnnData::builder()
        .shape(1, 1)
        .uns("a", Element::from(numbers(values(1))?))
        .uns("b", Element::from(numbers(values(2))?))
        .uns("texts", Element::from(texts))
        .build()?;
    // The two arrays alone; the texts take 9,500 bytes and their offsets.
    let says = "with this array what is read takes more than";
    for max in [15_000, 24_000] {
        refused(&adata, &NAMES, Limits::untrusted().with_max_total(max), says)?;
    }
    let directory = tempfile::tempdir()?;
    for name in NAMES {
        let path = directory.path().join(name);
        anndata::write(&path, &adata)?;
        let options = ReadOptions::default().with_limits(Limits::untrusted().with_max_total(15_000)).with_lazy(true);
        let lazy = anndata::read_with(&path, &options)?;
        assert_eq!(lazy.uns()["a"].to_tensor()?.len(), 1000, "each alone is within the limit");
    }
    Ok(())
}

#[test]
fn elements_are_counted() -> Result<()> {
    let many: Mapping = (0..300).map(|at| (format!("n{at}"), Element::from(at))).collect();
    let adata = AnnData::builder().shape(1, 1).uns("many", many).build()?;
    let says = "the store has more than 200 elements (max_elements)";
    refused(&adata, &NAMES, Limits::untrusted().with_max_elements(200), says)
}

#[test]
fn groups_within_each_other_are_counted() -> Result<()> {
    let nested = (0..40).fold(Mapping::new(), |inner, _| Mapping::from([("d".to_owned(), inner.into())]));
    let adata = AnnData::builder().shape(1, 1).uns("deep", nested).build()?;
    refused(&adata, &NAMES, Limits::untrusted(), "/d/d: groups are nested more than 32 deep (max_depth)")
}

#[test]
fn documents_have_a_length() -> Result<()> {
    let adata = AnnData::builder().shape(1, 1).build()?;
    let limits = Limits::untrusted().with_max_metadata(500);
    refused(&adata, &NAMES[1..], limits, "'zarr.json' has ")?;
    refused(&adata, &NAMES[1..], limits, " bytes where at most 500 can be valid")
}

#[test]
fn what_people_write_is_within_the_limits() -> Result<()> {
    let mut files = anndata_tests::fixtures::readable()?;
    files.extend(anndata_tests::fixtures::corpus()?.into_iter().filter(is_small));
    for file in files {
        assert!(anndata::read(&file)? == anndata::read_with(&file, &ReadOptions::untrusted())?, "{}", file.display());
    }
    Ok(())
}

fn is_small(file: &PathBuf) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() < 20 << 20)
}

/// The page says what the code does.
#[test]
fn the_page_has_the_values() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/untrusted.md")).unwrap();
    let (usual, strict) = (Limits::default(), Limits::untrusted());
    let bytes = |bytes: u64| match bytes {
        u64::MAX => "none".to_owned(),
        bytes if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        bytes => format!("{} MiB", bytes >> 20),
    };
    let number = |number: u64| {
        let digits = number.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(",")
    };
    for (limit, usual, strict) in [
        ("max_expansion", number(usual.max_expansion), number(strict.max_expansion)),
        ("max_unbacked", bytes(usual.max_unbacked), bytes(strict.max_unbacked)),
        ("max_total", bytes(usual.max_total), bytes(strict.max_total)),
        ("max_elements", number(usual.max_elements), number(strict.max_elements)),
        ("max_depth", number(usual.max_depth), number(strict.max_depth)),
        ("max_metadata", bytes(usual.max_metadata), bytes(strict.max_metadata)),
    ] {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{limit}` |"))).unwrap();
        assert!(row.ends_with(&format!("| {usual} | {strict} |")), "{row}");
    }
}
