//! Single elements that are changed in their file: `set`, `rm`, `mv` and `cp`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anndata::{AnnData, Element, Tensor};
use support::{command, complaint, demo, text};

/// A call that succeeds in silence.
fn succeed(folder: &Path, arguments: &[&str]) {
    let output = command(folder, arguments).output().unwrap();
    let said = (output.status.code(), text(&output.stderr), text(&output.stdout));
    assert_eq!(said, (Some(0), String::new(), String::new()), "{arguments:?}");
}

/// A folder with the demo in both formats.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(demo(), folder.path().join("in.h5ad")).unwrap();
    succeed(folder.path(), &["convert", "in.h5ad", "in.zarr"]);
    folder
}

const STORES: [&str; 2] = ["in.h5ad", "in.zarr"];

fn read(folder: &Path, name: &str) -> AnnData {
    let path = folder.join(name);
    let report = anndata::validate_path(&path, &anndata::ValidateOptions::default()).unwrap();
    // The demo has indices that are not sorted, of which there is a warning.
    assert!(report.to_string().contains("0 errors"), "{name}: {report}");
    anndata::read(path).unwrap()
}

#[test]
fn elements_are_removed_renamed_and_copied() {
    let folder = folder();
    let path = folder.path();
    for name in STORES {
        let mut expected = read(path, name);
        succeed(path, &["rm", name, "obs/n_genes", "obsp/distances", "uns/pca", "layers/counts"]);
        for element in ["obs/n_genes", "obsp/distances", "uns/pca", "layers/counts"] {
            expected.remove_at(element).unwrap();
        }
        assert_eq!(read(path, name), expected, "{name}");

        succeed(path, &["mv", name, "obs/cell_type", "obs/type"]);
        succeed(path, &["mv", name, "obsm/X_pca", "obsm/X_harmony"]);
        succeed(path, &["cp", name, "X", "layers/logged"]);
        succeed(path, &["cp", name, "obs/donor_age", "uns/ages/by_cell"]);
        expected.rename_obs_column("cell_type", "type").unwrap();
        let pca = expected.remove_obsm("X_pca").unwrap();
        expected.set_obsm("X_harmony", pca).unwrap();
        expected.set_layer(Some("logged"), expected.x().unwrap().clone()).unwrap();
        expected.set_at("uns/ages/by_cell", expected.at("obs/donor_age").unwrap()).unwrap();
        let written = read(path, name);
        assert_eq!(written, expected, "{name}");
        assert!(written.obs().column_names().eq(expected.obs().column_names()));
    }
}

#[test]
fn elements_are_set_from_files() {
    let folder = folder();
    let path = folder.path();
    let names = read(path, "in.h5ad").obs_names().unwrap();
    let row = |(at, name): (usize, &String)| format!("{name},{},c{}", at * 2, at % 3);
    let rows: Vec<String> = names.iter().enumerate().rev().map(row).collect();
    fs::write(path.join("labels.csv"), format!("cell,twice,kind\n{}\n", rows.join("\n"))).unwrap();
    fs::write(path.join("params.json"), "{\"k\": 15, \"names\": [\"a\", \"b\"]}").unwrap();
    let other = AnnData::builder().x(Tensor::from_vec([300, 400], vec![1_u8; 120_000]).unwrap()).build().unwrap();
    anndata::write(path.join("other.zarr"), &other).unwrap();
    for name in STORES {
        let umap = command(path, &["get", name, "obsm.X_umap", "--format", "npy"]).output().unwrap();
        assert!(umap.status.success(), "{}", text(&umap.stderr));
        fs::write(path.join("umap.npy"), umap.stdout).unwrap();
        succeed(path, &["set", name, "obs/twice", "--from", "labels.csv"]);
        succeed(path, &["set", name, "obs/kind", "--from", "labels.csv", "--categorical"]);
        succeed(path, &["set", name, "uns/neighbors/params", "--from", "params.json"]);
        succeed(path, &["set", name, "obsm/X_copy", "--from", "umap.npy"]);
        succeed(path, &["set", name, "layers/ones", "--from", "other.zarr", "--element", "X"]);
        succeed(path, &["set", name, "obs/stage", "--from", "in.h5ad", "--element", "obs/cell_type"]);
        let mut child =
            command(path, &["set", name, "uns/title", "--from", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"\"A title\"").unwrap();
        assert!(child.wait().unwrap().success());

        let adata = read(path, name);
        let twice = adata.obs().column("twice").unwrap().to_vec::<i64>().unwrap();
        assert_eq!(twice, (0..300).map(|at| at * 2).collect::<Vec<_>>());
        assert_eq!(adata.obs().column("kind").unwrap().to_labels().unwrap()[..4], ["c0", "c1", "c2", "c0"]);
        assert!(adata.at("obs/kind").unwrap().schema().unwrap().as_column().unwrap().is_categorical());
        assert_eq!(adata.at("uns/neighbors/params/k").unwrap(), Element::from(15_i64));
        assert_eq!(adata.at("obsm/X_copy").unwrap(), adata.at("obsm/X_umap").unwrap());
        assert_eq!(adata.layer(Some("ones")), other.x());
        assert_eq!(adata.at("obs/stage").unwrap(), adata.at("obs/cell_type").unwrap());
        assert_eq!(adata.uns()["title"].to_text().unwrap(), "A title");
    }
}

#[test]
fn what_cannot_be_changed_is_told_and_stays() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("few.csv"), "cell,n\nno-cell,1\n").unwrap();
    fs::write(path.join("bad.json"), "{").unwrap();
    fs::write(path.join("bad.npy"), "x").unwrap();
    succeed(path, &["convert", "in.h5ad", "in.zarr.zip"]);
    let before = STORES.map(|name| read(path, name));
    for name in STORES {
        for (arguments, said) in [
            (&["rm", name, "obs/nope"][..], "obs/nope: there is no such element"),
            (&["rm", name, "obs/note", "obsm/nope"], "obsm/nope: there is no such element"),
            (&["rm", name, "var"], "var: an object has to have it"),
            (&["rm", name, "nope"], "nope: it is in no slot"),
            (&["mv", name, "obs/note", "obs/stage"], "obs/stage: there is such an element already; use --overwrite"),
            (&["mv", name, "uns", "uns/all"], "one of them is in the other"),
            (&["cp", name, "obs/n_counts", "var/n"], "var"),
            (&["set", name, "obs/n", "--from", "few.csv"], "obs/n: the table has no row '"),
            (&["set", name, "obs/n", "--from", "bad.json"], "bad.json: it is not JSON"),
            (&["set", name, "obsm/n", "--from", "bad.npy"], "bad.npy: it is not an array"),
            (&["set", name, "obsm/n", "--from", "absent.csv"], "absent.csv: "),
            (&["set", name, "obs/n", "--from", "few.csv", "--element", "X"], "--element goes with"),
            (&["set", name, "X", "--from", "in.h5ad", "--element", "obsm/X_pca"], "expected a shape"),
        ] {
            let line = complaint(path, arguments);
            assert!(line.contains(said), "{arguments:?}: {line}");
        }
    }
    assert_eq!(STORES.map(|name| read(path, name)), before);
    assert!(complaint(path, &["rm", "in.zarr.zip", "obs/note"]).contains("in.zarr.zip"));
    let legacy = demo().with_file_name("legacy").join("anndata-0.6.22.h5ad");
    fs::copy(legacy, path.join("old.h5ad")).unwrap();
    assert!(complaint(path, &["rm", "old.h5ad", "X"]).contains("convert it before it is changed"));
}

#[test]
fn an_object_is_made_of_names_and_filled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("cells.txt"), "a\nb\n").unwrap();
    fs::write(path.join("genes.txt"), "g1\ng2\ng3\n").unwrap();
    fs::write(path.join("x.csv"), ",g3,g1,g2\nb,6,4,5\na,3,1,2\n").unwrap();
    for name in ["new.h5ad", "new.zarr"] {
        succeed(path, &["create", name, "--obs-names", "cells.txt", "--var-names", "genes.txt"]);
        succeed(path, &["set", name, "X", "--from", "x.csv"]);
        let adata = read(path, name);
        assert_eq!((adata.shape(), adata.obs_names().unwrap()), ((2, 3), vec!["a".to_owned(), "b".to_owned()]));
        let x = adata.x().unwrap().to_tensor().unwrap();
        assert_eq!(x.as_slice::<f64>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(complaint(path, &["create", name]).contains("--overwrite"));
    }
    let output = command(path, &["get", "new.zarr", "uns"]).output().unwrap();
    assert_eq!(text(&output.stdout), "{}\n");
    fs::write(path.join("p.json"), "{\"k\": 15}").unwrap();
    succeed(path, &["set", "new.zarr", "uns/tool", "--from", "p.json"]);
    let output = command(path, &["get", "new.zarr", "uns/tool"]).output().unwrap();
    assert_eq!(text(&output.stdout), "{\"k\":15}\n");
    assert!(complaint(path, &["get", "new.zarr", "uns/nope"]).contains("uns/nope: there is no such element"));
}

#[cfg(feature = "parquet")]
#[test]
fn tables_go_through_parquet_and_back() {
    let folder = folder();
    let path = folder.path();
    for name in STORES {
        let before = read(path, name);
        let got = |reference: &str| {
            let output = command(path, &["get", name, reference, "--format", "parquet"]).output().unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            output.stdout
        };
        fs::write(path.join("obs.parquet"), got("obs")).unwrap();
        fs::write(path.join("type.pq"), got("obs.cell_type")).unwrap();
        succeed(path, &["rm", name, "obs/cell_type", "obs/n_genes"]);
        succeed(path, &["set", name, "obs/cell_type", "--from", "type.pq"]);
        assert_eq!(read(path, name).obs().column("cell_type").unwrap(), before.obs().column("cell_type").unwrap());
        succeed(path, &["set", name, "obs", "--from", "obs.parquet"]);
        assert_eq!(read(path, name), before, "{name}");

        // As others write it: the names in a column, rows in another order; a matrix of its columns.
        let backwards: Vec<u64> = (0..before.n_obs() as u64).rev().collect();
        let mut table = anndata::DataFrame::unnamed(backwards.len())
            .with_column("cell", anndata::Column::strings(before.obs_names().unwrap()).take(&backwards).unwrap())
            .unwrap();
        for (name, step) in [("a", 1.0_f32), ("b", 10.0)] {
            let values: Vec<f32> = backwards.iter().map(|&row| f32::from(u16::try_from(row).unwrap()) * step).collect();
            table.insert(name, values).unwrap();
        }
        anndata::text::write_parquet_with(
            path.join("table.parquet"),
            &table,
            &anndata::text::WriteParquetOptions::default().with_overwrite(true),
        )
        .unwrap();
        succeed(path, &["set", name, "obsm/X_ab", "--from", "table.parquet", "--index", "cell"]);
        let array = read(path, name).obsm()["X_ab"].to_tensor().unwrap();
        assert_eq!(&array.as_slice::<f32>().unwrap()[..4], [0.0, 0.0, 1.0, 10.0], "{name}");
        let absent = complaint(path, &["set", name, "obsm/X_ab", "--from", "table.parquet", "--index", "no"]);
        assert!(absent.contains("table.parquet: it has no column 'no'; it has: "), "{absent}");
    }
    let mut pipe = command(path, &["set", "in.h5ad", "obs", "--from", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    pipe.stdin.take().unwrap().write_all(&fs::read(path.join("obs.parquet")).unwrap()).unwrap();
    assert!(pipe.wait().unwrap().success());
}
