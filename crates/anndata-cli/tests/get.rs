//! `anndata get` as its users see it: what it prints, and how it fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anndata::acc::{A, Access as _};
use anndata::storage::NAT;
use anndata::{AnnData, Column, Complex, DType, DataFrame, NaValue, SparseFormat, SparseMatrix, Tensor};
use serde_json::{Value, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anndata")).arg("get").args(arguments).current_dir(fixtures()).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(path: &str, reference: &str) -> Value {
    serde_json::from_str(&printed(&[path, reference])).unwrap()
}

/// The one line on standard error of a call that fails.
fn complaint(arguments: &[&str]) -> String {
    let output = run(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty());
    assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    stderr.trim_end().to_owned()
}

/// A small object with something of every kind, as `.h5ad` and `.zarr`.
fn files(folder: &Path) -> [String; 2] {
    let x = Tensor::from_vec([3, 2], vec![0.1_f32, 0.0, 0.0, f32::NAN, 3.0, 1e30]).unwrap();
    let codes = Tensor::from_vec([3], vec![1_i8, -1, 0]).unwrap();
    let kind = Column::categorical(&codes, &Column::strings(["B cell", "T, \"naive\""]), true).unwrap();
    let age = Tensor::from_vec([3], vec![41_i32, 0, 7]).unwrap();
    let age = Column::nullable(&age, &[false, true, false], NaValue::Na).unwrap();
    let obs = DataFrame::new(["c1", "c2", "c3"]).with_column("kind", kind).unwrap().with_column("age", age).unwrap();
    let frame = DataFrame::with_index(obs.index().clone()).with_column("ok", vec![true, false, true]).unwrap();
    let wave = vec![Complex::new(1.0, -2.0), Complex::new(0.5, 0.0), Complex::new(0.0, f64::INFINITY)];
    let adata = AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr).unwrap())
        .layer("dense", x)
        .obs(obs)
        .var(DataFrame::new(["CD4", "CD8A"]))
        .obsm("X_pca", Tensor::from_vec([3, 2], vec![1_i64, 2, 3, 4, 5, 6]).unwrap())
        .obsm("frame", frame)
        .obsm("wave", Tensor::from_vec([3, 1], wave).unwrap())
        .obsm("cube", Tensor::from_vec([3, 1, 2], vec![1_u8, 2, 3, 4, 5, 6]).unwrap())
        .varp("g", Tensor::from_vec([2, 2], vec![1_u8, 2, 3, 4]).unwrap())
        .build()
        .unwrap();
    let (h5ad, zarr) = (folder.join("a.h5ad"), folder.join("a.zarr"));
    anndata::write_h5ad(&h5ad, &adata).unwrap();
    anndata::write_zarr(&zarr, &adata).unwrap();
    [h5ad, zarr].map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn dates_and_spans_of_time_are_printed_as_numpy_prints_them() {
    let folder = tempfile::tempdir().unwrap();
    let times = |dtype, ticks: [i64; 2]| Tensor::from_ticks(dtype, [2], ticks.to_vec()).unwrap();
    let nanoseconds = DType::Datetime("ns".parse().unwrap());
    let when = Column::plain(&times(nanoseconds, [1_709_164_800_000_000_000, NAT])).unwrap();
    let days = times(DType::Datetime("D".parse().unwrap()), [19_782, NAT]).reshape([2, 1]).unwrap();
    let adata = AnnData::builder()
        .obs(DataFrame::new(["c1", "c2"]).with_column("when", when).unwrap())
        .obsm("days", days)
        .obsm("spans", times(DType::Timedelta("25s".parse().unwrap()), [2, NAT]).reshape([2, 1]).unwrap())
        .build()
        .unwrap();
    let path = folder.path().join("a.zarr");
    anndata::write_zarr(&path, &adata).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(json_of(path, "obs.when")["values"], json!(["2024-02-29T00:00:00.000000000", null]));
    assert_eq!(printed(&[path, "obsm.days.0", "--format", "csv"]), "name,0\nc1,2024-02-29\nc2,NaT\n");
    assert_eq!(json_of(path, "obsm.spans.0")["values"], json!(["50 seconds", "NaT"]));
    let show = Command::new(env!("CARGO_BIN_EXE_anndata")).args(["show", "--tree", path]).output().unwrap();
    let tree = String::from_utf8(show.stdout).unwrap();
    for name in ["datetime64[ns]", "datetime64[D]", "timedelta64[25s]"] {
        assert!(tree.contains(name), "{tree}");
    }
}

#[test]
fn every_kind_of_array_is_printed_as_json() {
    let folder = tempfile::tempdir().unwrap();
    for path in files(folder.path()) {
        for (reference, expected) in [
            (
                "obs.kind",
                json!({"reference": "A.obs['kind']", "dims": ["obs"], "names": ["c1", "c2", "c3"],
                    "categories": ["B cell", "T, \"naive\""], "ordered": true, "values": ["T, \"naive\"", null, "B cell"]}),
            ),
            ("A.obs.index", json!({"reference": "A.obs.index", "dims": ["obs"], "values": ["c1", "c2", "c3"]})),
            (
                "obs['age']",
                json!({"reference": "A.obs['age']", "dims": ["obs"], "names": ["c1", "c2", "c3"], "values": [41, null, 7]}),
            ),
            (
                "X[:,CD8A]",
                json!({"reference": "A.X[:, 'CD8A']", "dims": ["obs"], "names": ["c1", "c2", "c3"],
                    "values": [0.0, "NaN", 1e30]}),
            ),
            (
                "layers.dense[c1,:]",
                json!({"reference": "A.layers['dense']['c1', :]", "dims": ["var"], "names": ["CD4", "CD8A"],
                    "values": [0.1, 0.0]}),
            ),
            (
                "obsm.X_pca.1",
                json!({"reference": "A.obsm['X_pca'][:, 1]", "dims": ["obs"], "names": ["c1", "c2", "c3"], "values": [2, 4, 6]}),
            ),
            (
                "A.obsm['wave'][:, 0]",
                json!({"reference": "A.obsm['wave'][:, 0]", "dims": ["obs"], "names": ["c1", "c2", "c3"],
                    "values": [{"real": 1.0, "imag": -2.0}, {"real": 0.5, "imag": 0.0}, {"real": 0.0, "imag": "inf"}]}),
            ),
            (
                "X",
                json!({"reference": "A.X", "dims": ["obs", "var"], "rows": ["c1", "c2", "c3"], "columns": ["CD4", "CD8A"],
                    "shape": [3, 2], "row": [0, 1, 2, 2], "column": [0, 1, 0, 1], "value": [0.1, "NaN", 3.0, 1e30]}),
            ),
            (
                "varp.g[:,:]",
                json!({"reference": "A.varp['g'][:, :]", "dims": ["var", "var"], "rows": ["CD4", "CD8A"],
                    "columns": ["CD4", "CD8A"], "shape": [2, 2], "values": [[1, 2], [3, 4]]}),
            ),
            (
                "obsm.cube",
                json!({"reference": "A.obsm['cube']", "dims": ["obs"], "rows": ["c1", "c2", "c3"], "shape": [3, 1, 2],
                    "values": [[[1, 2]], [[3, 4]], [[5, 6]]]}),
            ),
            (
                "obsm.frame",
                json!({"reference": "A.obsm['frame']", "dims": ["obs"], "rows": ["c1", "c2", "c3"],
                    "columns": {"ok": [true, false, true]}}),
            ),
        ] {
            assert_eq!(json_of(&path, reference), expected, "{path} {reference}");
        }
        assert_eq!(json_of(&path, "A.obs")["columns"]["age"], json!([41, null, 7]));
    }
}

#[test]
fn every_kind_of_array_is_printed_as_csv() {
    let folder = tempfile::tempdir().unwrap();
    for path in files(folder.path()) {
        for (reference, expected) in [
            ("obs.kind", "name,kind\nc1,\"T, \"\"naive\"\"\"\nc2,\nc3,B cell\n"),
            ("A.var.index", "name\nCD4\nCD8A\n"),
            ("X[c3,:]", "name,c3\nCD4,3.0\nCD8A,1e+30\n"),
            ("A.obsm['X_pca'][:, -1]", "name,-1\nc1,2\nc2,4\nc3,6\n"),
            ("A.obsm['wave'][0]", "name,0\nc1,1.0-2.0j\nc2,0.5+0.0j\nc3,0.0+infj\n"),
            ("X", "row,column,value\nc1,CD4,0.1\nc2,CD8A,NaN\nc3,CD4,3.0\nc3,CD8A,1e+30\n"),
            ("layers.dense", "name,CD4,CD8A\nc1,0.1,0.0\nc2,0.0,NaN\nc3,3.0,1e+30\n"),
            ("obsm.X_pca", "name,0,1\nc1,1,2\nc2,3,4\nc3,5,6\n"),
            ("A.obs", "name,kind,age\nc1,\"T, \"\"naive\"\"\",41\nc2,,\nc3,B cell,7\n"),
        ] {
            assert_eq!(printed(&[&path, reference, "--format", "csv"]), expected, "{path} {reference}");
        }
        let line = complaint(&[&path, "obsm.cube", "--format", "csv"]);
        assert!(line.contains("A.obsm['cube'] has 3 dimensions") && line.contains("--format json"), "{line}");
    }
}

#[test]
fn what_is_missing_is_one_line_with_what_is_near() {
    let folder = tempfile::tempdir().unwrap();
    for path in files(folder.path()) {
        for (reference, told) in [
            ("obs.knid", "A.obs['knid']: there is no 'knid' in obs; did you mean 'kind'?"),
            ("obsm.pca", "A.obsm['pca']: there is no 'pca' in obsm; did you mean 'X_pca'?"),
            ("X[:,CD8]", "A.X[:, 'CD8']: there is no 'CD8' in the index of var; did you mean 'CD8A'?"),
            ("obsm.X_pca.2", "A.obsm['X_pca'][:, 2]: column 2 is out of range of 2"),
            ("layers.counts", "A.layers['counts']: there is no 'counts' in layers"),
        ] {
            assert_eq!(complaint(&[&path, reference]), format!("anndata: {path}: {told}"));
        }
        for (reference, told) in [
            ("louvain", "expected parts with a period between"),
            ("uns.pca", "there is no `uns`; expected `X`, `layers`"),
            ("A.X['c1']", "expected `,` and `:` before `]`"),
            ("X[c1,CD4]", "expected `:` in place of"),
        ] {
            let line = complaint(&[&path, reference]);
            assert!(line.contains(told) && line.contains(reference), "{line}");
        }
    }
    assert!(complaint(&["no-such-file.h5ad", "X"]).contains("no-such-file.h5ad: "));
    assert!(complaint(&["malformed/codes-too-large.h5ad", "obs.kind"]).contains("codes-too-large.h5ad: obs/kind"));
}

/// What is wrong elsewhere in a file does not matter to what is asked for.
#[test]
fn nothing_else_is_read() {
    complaint(&["malformed/codes-too-large.h5ad", "obs.kind"]);
    printed(&["malformed/codes-too-large.h5ad", "A.var.index"]);
    complaint(&["malformed/sparse-index-too-large.h5ad", "X"]);
    printed(&["malformed/sparse-index-too-large.h5ad", "A.obs.index"]);
}

/// Every column, annotation and graph of the demonstration file.
#[test]
fn the_values_are_those_of_the_library() {
    let adata = anndata::read_h5ad(fixtures().join("demo.h5ad")).unwrap();
    let genes = json_of("demo.h5ad", "A.var.index");
    let gene = genes["values"][17].as_str().unwrap();
    let values: Vec<f64> =
        serde_json::from_value(json_of("demo.h5ad", &format!("X[:,{gene}]"))["values"].take()).unwrap();
    let expected: Vec<f32> = adata.get_as(&A.x().column(gene)).unwrap();
    #[allow(clippy::cast_possible_truncation, reason = "the shortest text of a float is that float")]
    let found: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    assert_eq!(found, expected);
    let mut printed_columns = 0;
    for (slot, frame) in [("obs", adata.obs()), ("var", adata.var())] {
        for name in frame.column_names() {
            let found = json_of("demo.h5ad", &format!("{slot}.{name}"));
            assert_eq!(found["values"].as_array().unwrap().len(), frame.len().unwrap(), "{slot} {name}");
            printed_columns += 1;
        }
    }
    assert_eq!(printed_columns, 12);
    for reference in ["obsm.X_pca", "obsp.distances", "varp.gene_correlation", "varm.PCs.0", "layers.counts"] {
        json_of("demo.h5ad", reference);
        assert!(printed(&["demo.h5ad", reference, "--format", "csv"]).lines().count() > 1);
    }
}

#[test]
fn arrow_has_the_values_and_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for path in files(folder.path()) {
        let adata = anndata::read(&path).unwrap();
        let frame = |reference: &str, index: &str| {
            let output = run(&[&path, reference, "--format", "arrow"]);
            assert!(output.status.success(), "{reference}: {}", String::from_utf8_lossy(&output.stderr));
            let mut batches = arrow_ipc::reader::StreamReader::try_new(&output.stdout[..], None).unwrap();
            let batch = batches.next().unwrap().unwrap();
            assert!(batches.next().is_none());
            DataFrame::from_record_batch(&batch, Some(index)).unwrap()
        };
        assert_eq!(frame("A.obs", "name"), *adata.obs());
        let kind = frame("obs.kind", "name");
        assert_eq!(kind.column("kind").unwrap(), adata.obs().column("kind").unwrap());
        assert_eq!(kind.names().unwrap(), ["c1", "c2", "c3"]);
        assert_eq!(frame("layers.dense", "name").column("CD4").unwrap().to_vec::<f32>().unwrap(), [0.1, 0.0, 3.0]);
        let pca = frame("obsm.X_pca", "name");
        assert_eq!(pca.column("1").unwrap().to_vec::<i64>().unwrap(), [2, 4, 6]);
        let entries = frame("A.X", "row");
        assert_eq!(entries.names().unwrap(), ["c1", "c2", "c3", "c3"]);
        assert_eq!(entries.column("column").unwrap().to_vec::<String>().unwrap(), ["CD4", "CD8A", "CD4", "CD8A"]);
        assert_eq!(entries.column("value").unwrap().to_vec::<f32>().unwrap()[2..], [3.0, 1e30]);
        assert!(complaint(&[&path, "obsm.cube", "--format", "arrow"]).contains("use --format json"));
    }
}
