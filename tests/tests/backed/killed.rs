//! A process that is killed while it writes back leaves the old object or the new one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anndata::io::ElemWriteOptions;
use anndata::{AnnData, DataFrame, Mode, Raw, Result, Tensor, open_backed};

use super::edits;
use super::failures::held;
use super::sequences::write;

/// Where the other process finds the file that it writes to.
const PATH: &str = "ANNDATA_KILLED_PATH";

fn object(value: f32) -> Result<AnnData> {
    let x = Tensor::from_vec([40, 50], vec![value; 2000])?;
    let mut adata = AnnData::builder()
        .x(x.clone())
        .layer("counts", x)
        .obs(DataFrame::unnamed(40).with_column("value", vec![value; 40])?)
        .obsm("pca", Tensor::from_vec([40, 2], vec![value; 80])?)
        .build()?;
    adata.set_raw(Raw::from(&adata))?;
    Ok(adata)
}

/// Not a test: what is killed. Makes one object of another and back, until it is.
#[test]
#[ignore = "it is run by the test below"]
fn writes_back_for_ever() -> Result<()> {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else { return Ok(()) };
    for value in [2.0, 1.0].into_iter().cycle() {
        let mut backed = open_backed(&path, Mode::ReadWrite)?;
        *backed = object(value)?;
        backed.write_back(&ElemWriteOptions::default())?;
        backed.close()?;
    }
    Ok(())
}

/// Kills so often as is wanted, and on until each of the objects was found.
fn kill_often(path: &Path) -> Result<()> {
    let times = edits::number().div_ceil(50);
    let (one, two) = (object(1.0)?, object(2.0)?);
    let mut seen = Vec::new();
    for time in 0..times * 10 {
        if time >= times && ["old", "new"].iter().all(|found| seen.contains(found)) {
            break;
        }
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--exact", "killed::writes_back_for_ever", "--ignored"])
            .env(PATH, path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        std::thread::sleep(Duration::from_micros(30_000 + (time * 7919) % 90_000));
        assert_eq!(child.try_wait()?, None, "it ended before it was killed");
        child.kill()?;
        child.wait()?;
        // What was half done in an HDF5 file is undone by who opens it first.
        anndata::open(path)?;
        let found = held(path, &one, &two);
        assert!(found != "a mixture", "after {time} kills");
        seen.push(found);
    }
    assert!(seen.contains(&"old") && seen.contains(&"new"), "{seen:?}");
    Ok(())
}

#[test]
fn a_zarr_store_whose_writer_was_killed_holds_one_of_two_objects() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [_, path] = write(directory.path(), &object(1.0)?)?;
    kill_often(&path)
}

/// What a killed process had half done is undone by who opens the file next.
#[test]
fn an_hdf5_file_whose_writer_was_killed_holds_one_of_two_objects() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [path, _] = write(directory.path(), &object(1.0)?)?;
    kill_often(&path)
}
