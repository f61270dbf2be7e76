//! The same calls make the same bytes, whenever they are made and whatever was in the memory before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anndata_storage::{ArraySpec, Attribute, Codec, Result, Tensor};

/// Where the child process finds the path of the file to make.
const VARIABLE: &str = "ANNDATA_REPRODUCIBLE_FILE";

/// Something of everything, much enough that every kind of index has more than one piece.
fn make(path: &Path) -> Result<()> {
    let root = support::create(path)?;
    let numbers = Tensor::from_vec([500, 10], (0..5000).map(|i| i / 5).collect::<Vec<i32>>())?;
    let texts = Tensor::from_strings([3000], (0..3000).map(|i| format!("text {i}")))?;
    let records = Tensor::from_fields(
        [3],
        [("name", Tensor::from_strings([3], ["a", "bb", ""])?), ("score", Tensor::from_vec([3], vec![1_u8, 2, 3])?)],
    )?;
    let codecs = [
        vec![],
        vec![Codec::Shuffle, Codec::Zlib { level: 4 }],
        vec![Codec::Lzf, Codec::Fletcher32],
        vec![Codec::Zstd { level: 3 }],
        vec![Codec::Lz4],
    ];
    for (number, codecs) in codecs.into_iter().enumerate() {
        let chunked =
            |tensor: &Tensor, shape: &[u64]| ArraySpec::of(tensor).with_chunks(shape).with_codecs(codecs.clone());
        let put = |key: &str, spec: &ArraySpec, tensor: &Tensor| {
            root.create_array(&format!("{key}{number}"), spec)?.write(&vec![0; tensor.ndim()], tensor)
        };
        put("chunks", &chunked(&numbers, &[7, 3]), &numbers)?;
        put("grown", &chunked(&numbers, &[7, 10]).with_resizable(true), &numbers)?;
        put("texts", &chunked(&texts, &[700]), &texts)?;
        put("records", &chunked(&records, &[2]), &records)?;
    }
    root.create_array("plain", &ArraySpec::of(&numbers))?.write(&[0, 0], &numbers)?;
    root.create_array("texts", &ArraySpec::of(&texts))?.write(&[0], &texts)?;
    root.create_array("sparse", &ArraySpec::of(&numbers).with_chunks([9, 9]))?
        .write(&[498, 9], &Tensor::from_vec([2, 1], vec![1_i32, 2])?)?;
    root.create_array("unwritten", &ArraySpec::of(&numbers))?;
    for number in 0..40 {
        let group = root.create_group(&format!("group {number}/inner"))?;
        for name in 0..number {
            group.set_attribute(&format!("{name}"), format!("value {name}").as_str())?;
        }
        group.set_attribute("many", Attribute::from(texts.clone()))?;
        if number % 3 == 0 {
            group.set_attribute("many", 3_i64)?;
            root.remove(&format!("group {number}"))?;
        }
    }
    root.storage().flush()
}

/// What the child process does.
#[test]
#[ignore = "run by the test that follows, in a process of its own"]
fn child() {
    if let Some(path) = std::env::var_os(VARIABLE) {
        make(Path::new(&path)).unwrap();
    }
}

#[test]
fn the_same_calls_make_the_same_bytes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut files = Vec::new();
    // The C library fills memory that it hands out, and that it takes back, with bytes made of this number.
    for perturb in ["85", "170"] {
        let path = directory.path().join(perturb);
        let status = Command::new(std::env::current_exe()?)
            .args(["--exact", "child", "--ignored"])
            .env(VARIABLE, &path)
            .env("MALLOC_PERTURB_", perturb)
            .stdout(std::process::Stdio::null())
            .status()?;
        assert!(status.success());
        files.push(std::fs::read(path)?);
        // Times in the file count seconds.
        std::thread::sleep(Duration::from_millis(1100));
    }
    let [first, second] = &files[..] else { panic!("two files") };
    assert_eq!(first.len(), second.len());
    let different: Vec<usize> = (0..first.len()).filter(|&at| first[at] != second[at]).collect();
    assert!(
        different.is_empty(),
        "{} bytes differ, the first at {:?}",
        different.len(),
        &different[..different.len().min(20)]
    );
    Ok(())
}
