//! The examples run, on a real file, and print what they promise.
#![cfg(all(feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use anndata::Result;

/// Runs an example in the folder of the workspace, and gives what it prints.
fn run(name: &str, arguments: &[&Path]) -> Result<String> {
    // The examples are built with the tests, next to them.
    let exe = std::env::current_exe()?;
    let folder = exe.parent().and_then(Path::parent).map(|folder| folder.join("examples")).unwrap_or_default();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(program).args(arguments).current_dir(workspace).output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {err}");
    Ok(out.into_owned())
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/demo.h5ad")
}

#[test]
fn read_write() -> Result<()> {
    let out = run("read_write", &[])?;
    assert_eq!(out.matches("AnnData object with n_obs × n_vars = 3 × 4").count(), 3, "{out}");
    Ok(())
}

#[test]
fn lazy_subset() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let subset = folder.path().join("subset.zarr");
    let out = run("lazy_subset", &[&demo(), &subset])?;
    let (whole, part) = (anndata::read(demo())?, anndata::read(&subset)?);
    let many = whole.obs().column("n_genes")?.greater_than(100)?;
    assert_eq!(part, whole.select(many, ..50)?.load()?, "{out}");
    Ok(())
}

#[cfg(feature = "candle")]
#[test]
fn train() -> Result<()> {
    let out = run("train", &[])?;
    let losses = out.lines().filter_map(|line| line.split_once("loss ")?.1.parse::<f64>().ok()).collect::<Vec<_>>();
    assert!(losses.len() == 5 && losses.is_sorted_by(|a, b| a > b), "{out}");
    let accuracy =
        out.lines().find_map(|line| line.strip_prefix("held-out accuracy ")?.split(' ').next()?.parse::<f64>().ok());
    assert!(accuracy.is_some_and(|accuracy| accuracy > 0.8), "{out}");
    Ok(())
}

#[test]
fn concat() -> Result<()> {
    let out = run("concat", &[])?;
    assert!(out.contains("n_obs × n_vars = 200 × 400") && out.contains("batch"), "{out}");
    Ok(())
}

#[test]
fn convert_atlas() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("atlas.zarr");
    run("convert_atlas", &[&demo(), &store])?;
    assert_eq!(anndata::read(&store)?, anndata::read(demo())?);
    Ok(())
}

#[test]
fn groupby() -> Result<()> {
    let out = run("groupby", &[&demo()])?;
    let kinds = anndata::read(demo())?.obs().column("cell_type")?.value_counts()?;
    assert!(out.contains(&format!("{} {}", kinds.0.to_vec::<String>()?.swap_remove(0), kinds.1[0])), "{out}");
    assert!(
        out.contains("layers: 'count_nonzero', 'mean'") || out.contains("layers: 'mean', 'count_nonzero'"),
        "{out}"
    );
    Ok(())
}

#[test]
fn qc() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("qc.h5ad");
    run("qc", &[&demo(), &output])?;
    let adata = anndata::read(&output)?;
    assert!(adata.n_obs() > 0 && adata.n_obs() <= 300, "{adata}");
    for column in ["n_genes_by_counts", "total_counts", "pct_counts_mt"] {
        assert!(adata.obs().contains(column), "{adata}");
    }
    Ok(())
}

/// Every number of the chapter is that of scanpy, and means of groups are those of pandas, to 1e-6.
#[test]
fn qc_and_groups_are_those_of_scanpy_and_pandas() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [counts, output, groups] = ["counts.h5ad", "qc.h5ad", "groups.h5ad"].map(|name| folder.path().join(name));
    if !support::python("qc.py", &[Path::new("make"), &counts]) {
        return Ok(());
    }
    run("qc", &[&counts, &output])?;
    support::python("qc.py", &[Path::new("check"), &counts, &output]);
    run("groupby", &[&counts, Path::new("cell_type"), &groups])?;
    support::python("qc.py", &[Path::new("groups"), &counts, Path::new("cell_type"), &groups]);
    Ok(())
}

#[test]
fn own_backend() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = run("own_backend", &[&demo(), &folder.path().join("cells.sqlite")])?;
    assert!(out.contains("n_obs × n_vars = 300 × 400"), "{out}");
    Ok(())
}

#[test]
fn own_encoding() -> Result<()> {
    let out = run("own_encoding", &[])?;
    assert!(out.contains("intervals"), "{out}");
    Ok(())
}

#[test]
fn async_remote() -> Result<()> {
    let out = run("async_remote", &[])?;
    assert!(out.contains("n_obs × n_vars = 300 × 400"), "{out}");
    Ok(())
}
