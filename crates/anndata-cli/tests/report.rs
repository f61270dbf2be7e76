//! `anndata report`: a page about an object.

#![cfg(feature = "report")]
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod support;

use std::fs;

use support::{command, complaint, demo, text};

#[test]
fn a_page_is_written_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::copy(demo(), path.join("cells.h5ad")).unwrap();
    let arguments = ["report", "cells.h5ad", "-o", "page.html", "--color", "cell_type"];
    let output = command(path, &arguments).output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr), text(&output.stdout)),
        (Some(0), String::new(), String::new())
    );
    let page = fs::read_to_string(path.join("page.html")).unwrap();
    for part in ["<h1>cells.h5ad</h1>", "coloured by cell_type", "<dt>Format</dt><dd>h5ad</dd>", "errors, ", "</html>"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("was not run"));
    assert!(complaint(path, &arguments).contains("already exists"));
    let output =
        command(path, &["report", "cells.h5ad", "-o", "-", "--no-validate", "--title", "A & B"]).output().unwrap();
    let page = text(&output.stdout);
    assert!(page.contains("<h1>A &amp; B</h1>") && page.contains("was not run"));
    let line = complaint(path, &["report", "cells.h5ad", "-o", "other.html", "--color", "nothing"]);
    assert!(line.contains("'nothing' is neither a column of obs nor the name of a variable"), "{line}");
    assert!(!path.join("other.html").exists());
}
