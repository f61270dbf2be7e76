//! Objects that are looked into: `diff`, `head` and `stats`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::{Path, PathBuf};
use std::process::Command;

use anndata::{AnnData, Column, DataFrame, SparseFormat, SparseMatrix, Tensor};
use serde_json::{Value, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// What a call prints, with its exit status; nothing on standard error.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anndata"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.is_empty() || output.status.code() == Some(2), "{arguments:?}: {stderr}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &stderr)
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let (status, text) = run(folder, arguments);
    assert_eq!(status, Some(0), "{arguments:?}: {text}");
    text
}

/// A small object with every kind of column that statistics tell apart.
fn adata(last: f32) -> AnnData {
    let x = Tensor::from_vec([3, 4], vec![1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 1.0, 0.0, last]).unwrap();
    let obs = DataFrame::new(["a", "b", "c"])
        .with_column("n", [Some(3_i64), None, Some(8)])
        .unwrap()
        .with_column("kind", Column::categorical_from_options([Some("T"), None, Some("T")]).unwrap())
        .unwrap()
        .with_column("x", vec![0.5_f32, f32::NAN, 2.5])
        .unwrap();
    let x = SparseMatrix::from_dense(&x, SparseFormat::Csr).unwrap();
    AnnData::builder().x(x).obs(obs).uns("title", "one").build().unwrap()
}

#[test]
fn diff_tells_every_element_that_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (one, mut other) = (adata(4.0), adata(4.000_001));
    other.set_obs_column("n", [Some(3_i64), None, Some(9)]).unwrap();
    other.set_obsm("m", Tensor::from_vec([3, 1], vec![1, 2, 3]).unwrap()).unwrap();
    anndata::write(path.join("a.h5ad"), &one).unwrap();
    anndata::write(path.join("a.zarr"), &one).unwrap();
    anndata::write(path.join("b.h5ad"), &other).unwrap();
    assert_eq!(run(path, &["diff", "a.h5ad", "a.zarr"]), (Some(0), String::new()));
    let (status, text) = run(path, &["diff", "a.zarr", "b.h5ad"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(text, @r"
    obs/n: 8 and 9 at [2]
    X: 4.0 and 4.000001 at [2, 3]
    obsm/m: is in the second one only
    3 differences
    ");
    let (status, text) = run(path, &["diff", "a.h5ad", "b.h5ad", "--rtol", "1e-5", "--json"]);
    assert_eq!(status, Some(1));
    let found: Value = serde_json::from_str(&text).unwrap();
    let paths: Vec<&str> = found["differences"].as_array().unwrap().iter().filter_map(|d| d["path"].as_str()).collect();
    assert_eq!((&found["equal"], paths), (&json!(false), vec!["obs/n", "obsm/m"]));
    assert_eq!(found["differences"][0]["n_values"], json!(1));
    let same: Value = serde_json::from_str(&printed(path, &["diff", "a.h5ad", "a.zarr", "--json"])).unwrap();
    assert_eq!(same, json!({"equal": true, "differences": []}));
    let (status, text) = run(path, &["diff", "a.h5ad", "absent.h5ad"]);
    assert!(status == Some(2) && text.contains("absent.h5ad"), "{text}");
    assert_eq!(run(path, &["diff", "a.h5ad", "b.h5ad", "--rtol", "-1"]).0, Some(2));
}

/// What is not known is compared as it is stored.
#[test]
fn diff_compares_what_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (own, zarr) = (path.join("a.h5ad"), path.join("a.zarr"));
    std::fs::copy(fixtures().join("h5ad/anndata-extra.h5ad"), &own).unwrap();
    std::fs::copy(&own, path.join("b.h5ad")).unwrap();
    anndata::convert(&own, &zarr, &anndata::ConvertOptions::default()).unwrap();
    assert_eq!(run(path, &["diff", "a.h5ad", "b.h5ad"]), (Some(0), String::new()));
    assert_eq!(run(path, &["diff", "a.h5ad", "a.zarr"]), (Some(0), String::new()));
    let array = anndata::open_rw(&zarr).unwrap().array("extra_dict/b").unwrap();
    array.write(&[1], &Tensor::from_vec([1], vec![77_i64]).unwrap()).unwrap();
    let (status, text) = run(path, &["diff", "a.h5ad", "a.zarr"]);
    assert_eq!((status, text.as_str()), (Some(1), "extra_dict: the values differ\n1 difference\n"));
}

#[test]
fn head_prints_the_first_rows() {
    let folder = tempfile::tempdir().unwrap();
    anndata::write(folder.path().join("a.h5ad"), &adata(4.0)).unwrap();
    insta::assert_snapshot!(printed(folder.path(), &["head", "a.h5ad", "-n", "2"]), @r"
          n  kind    x
    a     3     T  0.5
    b  <NA>   NaN  NaN
    ");
    let rows: Value = serde_json::from_str(&printed(folder.path(), &["head", "a.h5ad", "-n", "1", "--json"])).unwrap();
    assert_eq!(rows, json!([{"_index": "a", "n": 3, "kind": "T", "x": 0.5}]));
    let rows: Value = serde_json::from_str(&printed(folder.path(), &["head", "a.h5ad", "var", "--json"])).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 4);
    assert_eq!(printed(&fixtures(), &["head", "demo.h5ad"]).lines().count(), 11);
    assert!(run(&fixtures(), &["head", "malformed/not-anndata.h5ad"]).1.contains("not an AnnData object"));
}

#[test]
fn stats_count_values_and_describe_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut one = adata(4.0);
    one.set_layer(Some("dense"), one.x().unwrap().to_dense().unwrap()).unwrap();
    anndata::write(path.join("a.h5ad"), &one).unwrap();
    insta::assert_snapshot!(printed(path, &["stats", "a.h5ad"]), @r"
    3 observations × 4 variables
    X: csr float32, 5 values, 41.67%
    genes per observation: min 0, median 2, mean 1.6667, max 3
    counts per observation: min 0, median 3, mean 4.3333, max 10

    obs          kind    dtype  missing  distinct  min  median  mean  max
    n        nullable    int64        1         2    3     5.5   5.5    8
    kind  categorical   string        1         1
    x           plain  float32        1         2  0.5     1.5   1.5  2.5
    ");
    let of_x: Value = serde_json::from_str(&printed(path, &["stats", "a.h5ad", "--json"])).unwrap();
    let layer: Value =
        serde_json::from_str(&printed(path, &["stats", "a.h5ad", "--layer", "dense", "--json"])).unwrap();
    assert_eq!(layer["matrix"]["format"], json!("dense"));
    for key in ["n_values", "density", "genes_per_observation", "counts_per_observation"] {
        assert_eq!(of_x["matrix"][key], layer["matrix"][key], "{key}");
    }
    assert_eq!(of_x["obs"][1]["distinct"], json!(1));
    anndata::write(path.join("empty.zarr"), &AnnData::builder().shape(0, 0).build().unwrap()).unwrap();
    assert_eq!(printed(path, &["stats", "empty.zarr"]), "0 observations × 0 variables\nno X\n");
    assert!(run(path, &["stats", "a.h5ad", "--layer", "nope"]).1.contains("layers/nope"));
}

#[test]
fn an_array_is_printed_as_numpy_stores_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anndata"));
    let arguments = ["get", "demo.h5ad", "obsm.X_pca.0", "--format", "npy"];
    let output = command.args(arguments).current_dir(fixtures()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(output.stdout.starts_with(b"\x93NUMPY\x01\x00"));
    let header = String::from_utf8_lossy(&output.stdout[10..128]).into_owned();
    assert!(header.contains("'fortran_order': False, 'shape': (300,)"), "{header}");
    let (status, text) = run(&fixtures(), &["get", "demo.h5ad", "X", "--format", "npy"]);
    assert!(status == Some(2) && text.contains("use --format csv or json"), "{text}");
}
