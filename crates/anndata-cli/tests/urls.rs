//! URLs as objects: read and written where the command was built for it.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;
use std::process::Command;

/// The one line on standard error of a call that fails.
fn complaint(arguments: &[&str]) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let output = Command::new(env!("CARGO_BIN_EXE_anndata")).args(arguments).current_dir(&fixtures).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    stderr.trim_end().to_owned()
}

#[test]
fn a_url_that_cannot_be_read_is_named_with_the_reason() {
    let url = "http://127.0.0.1:1/a.zarr";
    let line = complaint(&["show", url]);
    assert!(line.starts_with(&format!("anndata: {url}: ")), "{line}");
    assert_eq!(line.contains("feature 'cloud' is off"), !cfg!(feature = "cloud"), "{line}");
    let url = "http://127.0.0.1:1/a.h5ad";
    let line = complaint(&["show", url]);
    assert!(line.starts_with(&format!("anndata: {url}: ")), "{line}");
    assert_eq!(line.contains("feature 'cloud' is off"), !cfg!(feature = "cloud"), "{line}");
}

#[test]
fn a_url_that_cannot_be_written_is_named_with_the_reason() {
    let url = "http://127.0.0.1:1/a.zarr";
    let line = complaint(&["convert", "demo.h5ad", url]);
    assert!(line.starts_with(&format!("anndata: {url}: ")), "{line}");
    assert_eq!(line.contains("feature 'cloud' is off"), !cfg!(feature = "cloud"), "{line}");
    let line = complaint(&["convert", "demo.h5ad", "s3://bucket/a.h5ad"]);
    assert!(line.contains("only zarr stores are written to URLs: choose one that ends in .zarr"), "{line}");
}
