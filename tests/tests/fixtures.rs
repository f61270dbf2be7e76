//! Every fixture, value by value: as it is read, lazily, rewritten and converted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::Path;
use std::sync::Arc;

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::Node;
use anndata::{
    AnnData, Compression, ConvertOptions, Group, MemoryStore, ReadOptions, Result, WriteOptions, read_h5ad,
    read_h5ad_with, write_h5ad_with,
};
use anndata_tests::describe::{describe, difference};
use anndata_tests::fixtures;
use serde_json::Value;

/// Runs a check on files and reports all that fail it.
fn all(files: &[std::path::PathBuf], check: impl Fn(&Path) -> Result<Option<String>>) {
    let wrong: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let found = check(file).unwrap_or_else(|error| Some(error.to_string()));
            Some(format!("{}: {}", fixtures::stem(file), found?))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

fn readable_and_corpus() -> Vec<std::path::PathBuf> {
    let mut files = fixtures::readable().unwrap();
    files.extend(fixtures::corpus().unwrap());
    files
}

fn lazy() -> ReadOptions {
    ReadOptions::default().with_lazy(true)
}

/// What differs, order of keys and columns included.
fn unequal(expected: &AnnData, found: &AnnData) -> Result<Option<String>> {
    let (a, b) = (describe(expected, None)?, describe(found, None)?);
    if let Some(difference) = difference(&Value::Object(a), &Value::Object(b)) {
        return Ok(Some(difference));
    }
    if expected.to_string() != found.to_string() {
        return Ok(Some(format!("the keys are\n{found}\nexpected\n{expected}")));
    }
    Ok((expected != found).then(|| format!("not equal: {:?}", parts(expected, found))))
}

/// The slots that are not equal.
fn parts(a: &AnnData, b: &AnnData) -> Vec<&'static str> {
    let slots = [
        ("layers", a.layers() == b.layers()),
        ("obs", a.obs() == b.obs()),
        ("var", a.var() == b.var()),
        ("obsm", a.obsm() == b.obsm()),
        ("varm", a.varm() == b.varm()),
        ("obsp", a.obsp() == b.obsp()),
        ("varp", a.varp() == b.varp()),
        ("uns", a.uns() == b.uns()),
        ("raw", a.raw() == b.raw()),
        ("other", a.other() == b.other()),
    ];
    slots.into_iter().filter_map(|(slot, equal)| (!equal).then_some(slot)).collect()
}

#[test]
fn objects_are_as_python_described_them() {
    let files = fixtures::readable().unwrap();
    assert!(files.len() >= 29, "fixtures are missing");
    all(&files, |file| {
        let expected = fixtures::expected(file)?;
        let root = Node::open(&anndata::open(file)?, "")?;
        let stored = expected["level"] == "stored";
        let found = describe(&read_h5ad(file)?, stored.then_some(&root))?;
        Ok(difference(&expected["elements"], &Value::Object(found)))
    });
}

#[test]
fn raw_in_two_forms_is_refused() {
    let error = read_h5ad(fixtures::folder().join("h5ad/anndata-both-raw.h5ad")).unwrap_err();
    assert!(error.is_invalid_data() && error.to_string().contains("raw in two forms"), "{error}");
}

#[test]
fn lazy_objects_load_to_eager_ones() {
    all(&readable_and_corpus(), |file| {
        let eager = read_h5ad(file)?;
        let lazy = read_h5ad_with(file, &lazy())?;
        if lazy.to_string() != eager.to_string() {
            return Ok(Some(format!("shown as {lazy}")));
        }
        unequal(&eager, &lazy.load()?)
    });
}

fn rewritten(compression: Compression, source: &ReadOptions) {
    let directory = tempfile::tempdir().unwrap();
    let options = WriteOptions::default().with_compression(compression).with_durable(false);
    all(&readable_and_corpus(), |file| {
        let output = directory.path().join(file.file_name().unwrap_or_default());
        write_h5ad_with(&output, &read_h5ad_with(file, source)?, &options)?;
        unequal(&read_h5ad(file)?, &read_h5ad(&output)?)
    });
}

#[test]
fn rewritten_without_compression() {
    rewritten(Compression::None, &ReadOptions::default());
}

#[test]
fn rewritten_with_gzip() {
    rewritten(Compression::Gzip(4), &ReadOptions::default());
}

#[test]
fn rewritten_with_lzf() {
    rewritten(Compression::Lzf, &ReadOptions::default());
}

#[test]
fn rewritten_with_zstd() {
    rewritten(Compression::Zstd(3), &ReadOptions::default());
}

#[test]
fn rewritten_with_blosc() {
    rewritten(Compression::Blosc(5), &ReadOptions::default());
}

#[test]
fn rewritten_from_lazy_objects() {
    rewritten(Compression::Default, &lazy());
}

#[test]
fn rewritten_in_memory() {
    all(&readable_and_corpus(), |file| {
        let adata = read_h5ad(file)?;
        let store = Group::root(Arc::new(MemoryStore::new()));
        io::write_anndata(&store, &adata, &ElemWriteOptions::default())?;
        unequal(&adata, &io::read_anndata(&store, &ElemReadOptions::default())?)
    });
}

/// Converting, twice, changes nothing: neither values nor what the file says of them.
#[test]
fn converted() {
    let directory = tempfile::tempdir().unwrap();
    let (once, twice) = (directory.path().join("once.h5ad"), directory.path().join("twice.h5ad"));
    all(&readable_and_corpus(), |file| {
        let options = ConvertOptions::default().with_overwrite(true).with_durable(false);
        anndata::convert(file, &once, &options.clone().with_compression(Compression::Gzip(1)))?;
        if let Some(difference) = unequal(&read_h5ad(file)?, &read_h5ad(&once)?)? {
            return Ok(Some(difference));
        }
        anndata::convert(&once, &twice, &options)?;
        let stored = |path: &Path| describe(&read_h5ad(path)?, Some(&Node::open(&anndata::open(path)?, "")?));
        Ok(difference(&Value::Object(stored(&once)?), &Value::Object(stored(&twice)?)))
    });
}
