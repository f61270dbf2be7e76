//! Every subcommand over every kind of place that an object is read from.

#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail anywhere"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anndata::text::{MuData, write_h5mu, write_loom, write_mtx};
use anndata::{AnnData, ArraySpec, Column, DataFrame, Group, SparseFormat, SparseMatrix, Tensor};
use support::{command, complaint, text};

/// Counts of four cells and three genes; what the places hold beside them differs.
fn object() -> AnnData {
    let x = Tensor::from_vec([4, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0, 0.0, 0.0, 5.0, 6.0]).unwrap();
    let kinds = Column::categorical_from_strings(["T", "B", "T", "B"]).unwrap();
    AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr).unwrap())
        .obs(DataFrame::new(["c1", "c2", "c3", "c4"]).with_column("kind", kinds).unwrap())
        .var(DataFrame::new(["CD4", "CD8A", "MS4A1"]))
        .build()
        .unwrap()
}

/// The same as Cell Ranger writes it.
fn write_10x(path: &Path) {
    let texts = |values: &[&str]| Tensor::from_strings([values.len()], values).unwrap();
    let numbers = |values: &[i64]| Tensor::from_vec([values.len()], values.to_vec()).unwrap();
    let arrays = [
        ("matrix/data", numbers(&[1, 2, 3, 4, 5, 6])),
        ("matrix/indices", numbers(&[0, 2, 1, 0, 1, 2])),
        ("matrix/indptr", numbers(&[0, 2, 3, 4, 6])),
        ("matrix/shape", numbers(&[3, 4])),
        ("matrix/barcodes", texts(&["c1", "c2", "c3", "c4"])),
        ("matrix/features/id", texts(&["E1", "E2", "E3"])),
        ("matrix/features/name", texts(&["CD4", "CD8A", "MS4A1"])),
        ("matrix/features/feature_type", texts(&["Gene Expression"; 3])),
        ("matrix/features/genome", texts(&["GRCh38"; 3])),
    ];
    let fill = |root: &Group| -> anndata::Result<()> {
        root.create_group("matrix")?.create_group("features")?;
        arrays
            .iter()
            .try_for_each(|(name, values)| root.create_array(name, &ArraySpec::of(values))?.write(&[0], values))
    };
    anndata::hdf5::write_atomic(path, false, false, |store| fill(&Group::root(Arc::clone(store) as _))).unwrap();
}

/// The places in a folder, and whether their observations have the column `kind`.
fn places(folder: &Path) -> Vec<(&'static str, bool)> {
    let adata = object();
    for name in ["a.h5ad", "a.zarr", "a.zarr.zip"] {
        anndata::write(folder.join(name), &adata).unwrap();
    }
    write_h5mu(folder.join("a.h5mu"), &MuData::new([("rna", adata.clone())]).unwrap(), false).unwrap();
    let mut named = adata.clone();
    named.set_obs_column("CellID", Column::strings(["c1", "c2", "c3", "c4"])).unwrap();
    named.set_var_column("Gene", Column::strings(["CD4", "CD8A", "MS4A1"])).unwrap();
    write_loom(folder.join("a.loom"), &named).unwrap();
    write_mtx(folder.join("counts"), &adata).unwrap();
    write_10x(&folder.join("10x.h5"));
    fs::write(folder.join("a.csv"), "cell,CD4,CD8A,MS4A1\nc1,1,0,2\nc2,0,3,0\nc3,4,0,0\nc4,0,5,6\n").unwrap();
    vec![
        ("a.h5ad", true),
        ("a.zarr", true),
        ("a.zarr.zip", true),
        ("a.h5mu::rna", true),
        ("a.h5mu/mod/rna", true),
        ("a.loom", true),
        ("counts", false),
        ("counts/matrix.mtx.gz", false),
        ("10x.h5", false),
        ("a.csv", false),
    ]
}

/// What a call prints that does what it is asked for.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{arguments:?}");
    text(&output.stdout)
}

/// The matrix of an output, and the names of its axes.
fn parts(folder: &Path, name: &str) -> (Vec<String>, Vec<String>, Vec<f32>) {
    let adata = anndata::read(folder.join(name)).unwrap();
    let x = adata.x().unwrap().to_dense().unwrap().cast(&anndata::DType::F32).unwrap();
    (adata.obs_names().unwrap(), adata.var_names().unwrap(), x.as_slice::<f32>().unwrap().to_vec())
}

#[test]
fn each_place_is_read_by_each_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (place, has_kind) in places(folder) {
        // A Matrix Market file alone has no names, and genes are its rows.
        let (obs, var) = if place.ends_with(".gz") {
            (["0", "1", "2"].as_slice(), "3")
        } else {
            (["c1", "c2", "c3", "c4"].as_slice(), "MS4A1")
        };
        let shape = if place.ends_with(".gz") { "3 × 4" } else { "4 × 3" };
        assert!(printed(folder, &["show", place]).contains(shape), "{place}");
        assert!(printed(folder, &["show", place, "--tree"]).contains('X'), "{place}");
        assert!(printed(folder, &["show", place, "--json"]).contains("\"n_obs\""), "{place}");
        assert!(printed(folder, &["head", place, "obs", "-n", "2"]).contains(obs[1]), "{place}");
        assert!(printed(folder, &["stats", place]).contains('6'), "{place}");
        assert!(printed(folder, &["get", place, &format!("X[:,{var}]"), "--format", "csv"]).contains(",6"), "{place}");
        assert!(printed(folder, &["get", place, "A.obs.index"]).contains(obs[1]), "{place}");
        assert_eq!(printed(folder, &["diff", place, place]), "", "{place}");
        assert!(printed(folder, &["validate", place]).starts_with("0 errors"), "{place}");
        printed(folder, &["report", place, "-o", "page.html", "--overwrite"]);
        assert!(fs::read_to_string(folder.join("page.html")).unwrap().contains("<h1>"), "{place}");

        let n_vars = if place.ends_with(".gz") { 4 } else { 3 };
        printed(folder, &["convert", place, "all.h5ad", "--overwrite"]);
        let (all_obs, all_var, all) = parts(folder, "all.h5ad");
        assert_eq!(
            (all_obs.as_slice(), all_var.len()),
            (obs.iter().map(|&name| name.to_owned()).collect::<Vec<_>>().as_slice(), n_vars),
            "{place}"
        );
        printed(folder, &["subset", place, "some.h5ad", "--obs", "1:3", "--var", var, "--overwrite"]);
        let (some_obs, some_var, some) = parts(folder, "some.h5ad");
        let column = all_var.iter().position(|name| name == var).unwrap();
        assert_eq!((some_obs.as_slice(), some_var), (&all_obs[1..3], vec![var.to_owned()]), "{place}");
        assert_eq!(some, [all[n_vars + column], all[2 * n_vars + column]], "{place}");
        fs::write(folder.join("x.mtx"), printed(folder, &["get", place, "X", "--format", "mtx"])).unwrap();
        printed(folder, &["set", "all.h5ad", "layers/again", "--from", "x.mtx", "--element", "X"]);
        let again = anndata::read(folder.join("all.h5ad")).unwrap().layer(Some("again")).unwrap().to_dense().unwrap();
        assert_eq!(again.cast(&anndata::DType::F32).unwrap().as_slice::<f32>().unwrap(), all, "{place}");
        printed(folder, &["transpose", place, "turned.zarr", "--overwrite"]);
        let (turned_obs, turned_var, turned) = parts(folder, "turned.zarr");
        assert_eq!((&turned_obs, &turned_var), (&all_var, &all_obs), "{place}");
        assert_eq!((turned[0], turned[1]), (all[0], all[n_vars]), "{place}");
        printed(folder, &["concat", "twice.zarr", place, place, "--keys", "x,y", "--index-unique", "-", "--overwrite"]);
        assert_eq!(parts(folder, "twice.zarr").2, [all.clone(), all.clone()].concat(), "{place}");
        printed(folder, &["rechunk", place, "mixed.zarr", "--shuffle", "1", "--overwrite"]);
        let mut mixed = parts(folder, "mixed.zarr").0;
        mixed.sort();
        assert_eq!(mixed, all_obs, "{place}");
        if has_kind {
            let said = printed(folder, &["split", place, "kinds", "--by", "kind", "--overwrite"]);
            assert_eq!(said.lines().count(), 2, "{place}: {said}");
            assert_eq!(parts(folder, "kinds/T.h5ad").0, ["c1", "c3"], "{place}");
            assert_eq!(parts(folder, "kinds/B.h5ad").2, [0.0, 3.0, 0.0, 0.0, 5.0, 6.0], "{place}");
        } else {
            assert!(complaint(folder, &["split", place, "kinds", "--by", "kind"]).contains("kind"), "{place}");
        }
    }
}

#[test]
fn places_that_can_be_changed_are_changed_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (place, is_anndata) in places(folder) {
        let changed = command(folder, &["cp", place, "obs/kind", "obs/type"]).output().unwrap();
        let is_changeable = is_anndata && !place.ends_with(".zip") && !place.ends_with(".loom");
        assert_eq!(changed.status.success(), is_changeable, "{place}: {}", text(&changed.stderr));
        // Zarr and .h5ad alone are stores as a whole, and of this program.
        let repacked = command(folder, &["repack", place]).output().unwrap();
        let is_store = matches!(place, "a.h5ad" | "a.zarr" | "a.zarr.zip");
        assert_eq!(repacked.status.success(), is_store, "{place}: {}", text(&repacked.stderr));
        assert!(printed(folder, &["show", place]).contains("n_obs"), "{place}");
        if is_changeable {
            for column in ["obs.kind", "obs.type"] {
                let values = printed(folder, &["get", place, column, "--format", "csv"]);
                assert!(values.ends_with("\nc1,T\nc2,B\nc3,T\nc4,B\n"), "{place}: {values}");
            }
            printed(folder, &["rm", place, "obs/type"]);
        }
    }
    // What stands before the file is there still.
    assert!(fs::read(folder.join("a.h5mu")).unwrap().starts_with(b"MuData (format-version=0.1.0;creator=anndata-rs;"));
}
