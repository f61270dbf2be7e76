//! Work that was interrupted: nothing is lost, nothing is broken, and in the end the output is the same byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anndata::experimental::{OnDiskOptions, concat_on_disk};
use anndata::{AnnData, ConcatOptions, DataFrame, Join, Result, Sharding, WriteOptions};

use super::{files, matrix};

/// Where the process that is killed finds its inputs and its output.
const FOLDER: &str = "ANNDATA_ON_DISK_FOLDER";

const INPUTS: usize = 3;

/// Three objects of some MiB, of which the last has other variables and is a file of the other format.
fn write_inputs(folder: &Path) -> Result<()> {
    for at in 0..INPUTS {
        let (rows, columns) = (6000 + at * 500, 400);
        let object = AnnData::builder()
            .x(matrix(rows, columns, 100, at)?)
            .layer("dense", matrix(rows, columns, 100, at)?.to_dense()?)
            .obs(DataFrame::new((0..rows).map(|row| format!("{at}-{row}"))))
            .var(DataFrame::new((0..columns).map(|gene| format!("g{}", gene + at / 2 * 10))))
            .build()?;
        anndata::write_with(input(folder, at), &object, &WriteOptions::default().with_durable(false))?;
    }
    Ok(())
}

fn input(folder: &Path, at: usize) -> PathBuf {
    folder.join(if at == INPUTS - 1 { "in-2.h5ad".to_owned() } else { format!("in-{at}.zarr") })
}

/// In blocks of few rows, into chunks and small shards.
fn options() -> OnDiskOptions {
    let write = WriteOptions::default().with_sharding(Sharding::Auto { target_bytes: 3 << 20 }).with_durable(false);
    OnDiskOptions::default()
        .with_concat(ConcatOptions::default().with_join(Join::Outer).with_label("plate"))
        .with_write(write)
        .with_memory_limit(4 << 20)
        .with_resume(true)
}

fn run(folder: &Path, output: &Path, options: &OnDiskOptions) -> Result<()> {
    let inputs = (0..INPUTS).map(|at| (format!("plate {at}"), input(folder, at)));
    concat_on_disk(inputs, output, options).map(drop)
}

/// Not a test: what is killed.
#[test]
#[ignore = "it is run by the tests below"]
fn concatenates() -> Result<()> {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return Ok(()) };
    run(&folder, &folder.join("out.zarr"), &options())
}

/// The bytes of all inputs.
fn all_inputs(folder: &Path) -> Vec<BTreeMap<String, Vec<u8>>> {
    let of = |at: usize| {
        let path = input(folder, at);
        if path.is_dir() { files(&path) } else { [(String::new(), std::fs::read(&path).unwrap())].into() }
    };
    (0..INPUTS).map(of).collect()
}

/// Kills so often, at any instant, then lets it end; again until there were enough kills.
fn kill_often(kills: u32) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    write_inputs(folder)?;
    let before = all_inputs(folder);
    let whole = folder.join("whole.zarr");
    let start = Instant::now();
    run(folder, &whole, &options())?;
    // With what a process takes to begin.
    let took = u64::try_from(start.elapsed().as_micros()).unwrap() + 50_000;
    let (whole, output) = (files(&whole), folder.join("out.zarr"));
    let (mut killed, mut resumed, mut at) = (0, 0, 1_u64);
    while killed < kills {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", "resumed::concatenates", "--ignored"])
            .env(FOLDER, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // Each third goes on to the end.
        if killed % 3 < 2 || output.exists() {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_micros((at >> 33) % took));
        } else {
            child.wait()?;
        }
        if child.try_wait()?.is_none() {
            child.kill()?;
        }
        child.wait()?;
        killed += 1;
        if output.exists() {
            resumed += 1;
            let found = files(&output);
            let differ: Vec<&String> = whole.keys().filter(|name| found.get(*name) != whole.get(*name)).collect();
            assert!(differ.is_empty() && found.len() == whole.len(), "after {killed} kills: {differ:?}");
            std::fs::remove_dir_all(&output)?;
        }
    }
    assert!(all_inputs(folder) == before, "an input was changed");
    run(folder, &output, &options())?;
    assert!(files(&output) == whole, "in the end");
    let left: Vec<_> = std::fs::read_dir(folder)?.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    assert!(resumed > 0);
    Ok(())
}

#[test]
fn a_concatenation_that_is_killed_is_gone_on_with() -> Result<()> {
    kill_often(12)
}

#[test]
#[ignore = "it takes some minutes: run by hand"]
fn a_concatenation_that_is_killed_200_times_is_gone_on_with() -> Result<()> {
    kill_often(200)
}

/// A process that is killed is not the only way: an input that cannot be read to its end leaves what was written.
#[test]
fn what_was_written_is_not_written_again() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    write_inputs(folder)?;
    let (output, whole) = (folder.join("out.zarr"), folder.join("whole.zarr"));
    run(folder, &whole, &options())?;
    let broken = input(folder, 1).join("layers/dense/c/0/0");
    let bytes = std::fs::read(&broken)?;
    std::fs::write(&broken, &bytes[..bytes.len() / 2])?;
    let error = run(folder, &output, &options()).unwrap_err();
    assert_eq!(error.file(), Some(input(folder, 1).as_path()), "{error}");
    assert!(!output.exists());
    let progress = folder.join(".out.zarr.resume").join("progress.jsonl");
    let noted = std::fs::read_to_string(&progress)?;
    assert!(noted.contains("layers/dense"), "{noted}");
    std::fs::write(&broken, bytes)?;
    run(folder, &output, &options())?;
    assert!(files(&output) == files(&whole));
    assert!(!progress.exists());
    Ok(())
}

/// What a kill leaves when the store was moved to its place, before its journal is removed.
#[test]
fn a_journal_without_a_store_says_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    write_inputs(folder)?;
    let (output, whole) = (folder.join("out.zarr"), folder.join("whole.zarr"));
    run(folder, &whole, &options())?;
    let (broken, stage) = (input(folder, 1).join("layers/dense/c/0/0"), folder.join(".out.zarr.resume"));
    let bytes = std::fs::read(&broken)?;
    std::fs::write(&broken, &bytes[..bytes.len() / 2])?;
    run(folder, &output, &options()).unwrap_err();
    std::fs::write(&broken, bytes)?;
    assert!(std::fs::metadata(stage.join("progress.jsonl"))?.len() > 0);
    std::fs::remove_dir_all(stage.join("new"))?;
    run(folder, &output, &options())?;
    assert!(files(&output) == files(&whole));
    // Nor does it keep another work from being begun.
    std::fs::remove_dir_all(&output)?;
    std::fs::create_dir(&stage)?;
    std::fs::write(stage.join("journal.json"), r#"{"version":1,"identity":"another"}"#)?;
    run(folder, &output, &options())?;
    assert!(files(&output) == files(&whole) && !stage.exists());
    Ok(())
}

#[test]
fn other_work_and_other_formats_are_refused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    write_inputs(folder)?;
    for name in ["out.h5ad", "out.zarr.zip"] {
        let error = run(folder, &folder.join(name), &options()).unwrap_err();
        assert!(error.is_unsupported() && error.message().contains("only a zarr folder"), "{error}");
    }
    let output = folder.join("out.zarr");
    let stage = folder.join(".out.zarr.resume");
    std::fs::create_dir_all(stage.join("new"))?;
    std::fs::write(stage.join("journal.json"), r#"{"version":1,"identity":"another"}"#)?;
    let error = run(folder, &output, &options()).unwrap_err();
    assert!(error.is_invalid_input() && error.message().contains("another write to it was interrupted"), "{error}");
    assert!(!output.exists() && stage.exists());
    // Without a journal there is nothing to go on with, whatever is there.
    std::fs::remove_file(stage.join("journal.json"))?;
    std::fs::create_dir_all(stage.join("new/X"))?;
    std::fs::write(stage.join("new/X/zarr.json"), "{")?;
    run(folder, &output, &options())?;
    assert!(output.exists() && !stage.exists());
    let error = run(folder, &output, &options()).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    Ok(())
}
