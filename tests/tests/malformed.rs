//! Files that are wrong in one way each: every way to read one fails with an error that names the element, in time. An
//! element that cannot be opened keeps no other from being read: it is there with its error, and cannot be written.
//!
//! Each file is read in a thread of its own, so that a hang fails the test rather than blocking it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anndata::{AnnData, ConvertOptions, ReadOptions, Result};
use anndata_tests::fixtures;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

/// What is done with a file; the last path is a free one to write to. What was read, where something was.
type Act = fn(&Path, &Path) -> Result<Option<AnnData>>;

const EAGER: Act = |file, _| anndata::read_h5ad(file).map(Some);

const LAZY: Act = |file, _| {
    let options = ReadOptions::default().with_lazy(true);
    anndata::read_h5ad_with(file, &options)?.load().map(Some)
};

const CONVERT: Act =
    |file, output| anndata::convert(file, output, &ConvertOptions::default().with_durable(false)).map(|_| None);

/// Files and the paths of the elements that are wrong in them.
fn malformed() -> Vec<(PathBuf, String)> {
    let folder = fixtures::folder().join("malformed");
    let text = std::fs::read(folder.join("malformed.json")).unwrap();
    let list: serde_json::Map<String, Value> = serde_json::from_slice(&text).unwrap();
    let files: Vec<_> = list
        .iter()
        .map(|(stem, about)| {
            let path = about["path"].as_str().unwrap().trim_matches('/').to_owned();
            (folder.join(format!("{stem}.h5ad")), path)
        })
        .collect();
    let on_disk = fixtures::h5ad_files(&folder).unwrap();
    assert_eq!(on_disk.len(), files.len(), "malformed.json and the folder disagree");
    files
}

/// Runs in a thread; an error message where it panics or takes too long.
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> std::result::Result<T, &'static str> {
    let (send, receive) = mpsc::channel();
    thread::Builder::new().spawn(move || drop(send.send(act()))).unwrap();
    receive.recv_timeout(LIMIT).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => "takes too long",
        mpsc::RecvTimeoutError::Disconnected => "panics",
    })
}

/// Whether an error is about an element: it, something in it or, where it is the whole file, anything.
fn names(text: &str, path: &str) -> bool {
    let whole_name = |position: usize| {
        let after = text[position + path.len()..].chars().next();
        after.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '-'))
    };
    path.is_empty() || text.match_indices(path).any(|(position, _)| whole_name(position))
}

fn all_fail(act: Act) {
    let directory = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (file, path) in malformed() {
        let (stem, output) = (fixtures::stem(&file), directory.path().join(file.file_name().unwrap()));
        let written = output.clone();
        match in_time(move || act(&file, &output)) {
            Err(how) => wrong.push(format!("{stem}: {how}")),
            Ok(Ok(Some(adata))) if fixtures::unreadable(&adata).iter().any(|(_, error)| names(error, &path)) => {}
            Ok(Ok(_)) => wrong.push(format!("{stem}: accepted, although {path:?} is wrong")),
            Ok(Err(error)) if !names(&error.to_string(), &path) => {
                wrong.push(format!("{stem}: {error:?} does not name {path:?}"));
            }
            Ok(Err(_)) if written.exists() => wrong.push(format!("{stem}: left an output")),
            Ok(Err(_)) => {}
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "temporary files are left");
}

#[test]
fn eager_reads_fail() {
    all_fail(EAGER);
}

#[test]
fn lazy_reads_fail() {
    all_fail(LAZY);
}

#[test]
fn conversions_fail_and_leave_nothing() {
    all_fail(CONVERT);
}

/// Bytes of good files changed at random, always the same ones: whatever comes of it, it comes in time and without a
/// panic, eagerly and lazily.
#[test]
fn damaged_bytes_are_an_error_or_harmless() {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let directory = tempfile::tempdir().unwrap();
    let (mut refused, mut rounds) = (0, 0);
    for file in fixtures::readable().unwrap() {
        let good = std::fs::read(&file).unwrap();
        for _ in 0..4 {
            let mut bytes = good.clone();
            for _ in 0..=random(12) {
                let (position, len) = (random(bytes.len() - 8), 1 + random(2));
                let value = [0, 0xff, u8::try_from(random(256)).unwrap()][random(3)];
                bytes[position..position + len].fill(value);
            }
            let path = directory.path().join(format!("{rounds}.h5ad"));
            std::fs::write(&path, bytes).unwrap();
            let output = directory.path().join("output.h5ad");
            let results = in_time(move || [EAGER, LAZY, CONVERT].map(|act| act(&path, &output).is_err()));
            match results {
                Ok(errors) => refused += usize::from(errors.contains(&true)),
                Err(how) => panic!("{} {how} in round {rounds}", fixtures::stem(&file)),
            }
            rounds += 1;
        }
    }
    assert!(refused > rounds / 10, "only {refused} of {rounds} were refused: nothing was damaged");
}

/// Nodes of groups without their signature: the file opens, and the element is not found.
#[test]
fn an_edit_of_a_damaged_file_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cells.h5ad");
    let mut bytes = std::fs::read(fixtures::folder().join("h5ad/anndata-dense.h5ad")).unwrap();
    let nodes: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"SNOD")).collect();
    assert!(!nodes.is_empty());
    for at in nodes {
        bytes[at] = b'X';
    }
    std::fs::write(&path, bytes).unwrap();
    let edit = |root| {
        let note = anndata::Element::from("a note");
        anndata::io::write_elem(&root, "uns/note", &note, &anndata::io::ElemWriteOptions::default())
    };
    let error = anndata::open_rw(&path).and_then(edit).unwrap_err();
    assert_eq!(error.file(), Some(path.as_path()), "{error}");
}
