//! The command on files of which something is broken, or in a form that other tools write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anndata::hdf5::{Hdf5Options, Hdf5Store};
use anndata::{AnnData, ArraySpec, Column, DataFrame, Group, Tensor, read_h5ad, write_h5ad};

fn malformed(stem: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    folder.join("malformed").join(format!("{stem}.h5ad")).to_str().unwrap().to_owned()
}

/// Exit status, standard output and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anndata"));
    let output = command.args(arguments).env_remove("RUST_BACKTRACE").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn in_folder(folder: &tempfile::TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

/// An element that cannot be opened, its path, and what the tree says of it.
const BROKEN: [(&str, &str, &str); 7] = [
    ("soft-link-dangling", "uns/gone", "where nothing is"),
    ("soft-link-column", "obs/gone", "where nothing is"),
    ("soft-link-codes", "obs/kind", "where nothing is"),
    ("named-datatype", "uns/type", "named datatype"),
    ("external-link", "uns/elsewhere", "allow_external_links"),
    ("virtual-dataset", "uns/elsewhere", "cannot be opened"),
    ("hard-link-cycle", "uns/dict/again", "contains itself"),
];

#[test]
fn one_broken_element_blocks_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (output, output_text) = in_folder(&folder, "output.h5ad");
    for (stem, path, why) in BROKEN {
        let file = malformed(stem);
        let (status, shown, _) = run(&["show", &file]);
        assert!(status == Some(0) && shown.contains("n_obs × n_vars = 4 × 3"), "{stem}: {shown}");
        let (status, tree, _) = run(&["show", &file, "--tree"]);
        assert!(status == Some(0) && tree.contains("cannot be opened: ") && tree.contains(why), "{stem}: {tree}");
        let (status, json, _) = run(&["show", &file, "--json"]);
        assert!(status == Some(0) && json.contains("\"unreadable\""), "{stem}: {json}");
        let (status, got, _) = run(&["get", &file, "obs.n"]);
        assert!(status == Some(0) && got.contains("[0,1,2,3]"), "{stem}: {got}");

        let (status, _, error) = run(&["convert", &file, &output_text]);
        assert_eq!((status, output.exists()), (Some(2), false), "{stem}");
        assert!(error.contains(path) && error.contains(&format!("`--skip {path}`")), "{stem}: {error}");
        let (status, _, error) = run(&["convert", &file, &output_text, "--overwrite", "--skip", path]);
        assert_eq!((status, error.as_str()), (Some(0), ""), "{stem}");
        let adata = read_h5ad(&output).unwrap();
        assert_eq!(adata.obs().contains("kind"), path != "obs/kind", "{stem}");
        assert_eq!(adata.obs().column("n").unwrap(), Column::from(vec![0_i64, 1, 2, 3]), "{stem}");
        std::fs::remove_file(&output).unwrap();
    }
}

#[test]
fn what_is_left_out_has_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let (output, text) = in_folder(&folder, "output.h5ad");
    for (skip, says) in
        [("uns/absent", "does not name an element"), ("obs/_index", "the index of a data frame cannot be left out")]
    {
        let (status, _, error) = run(&["convert", &malformed("soft-link-dangling"), &text, "--skip", skip]);
        assert!(status == Some(2) && error.contains(says) && !output.exists(), "{error}");
    }
}

/// An object whose file can be changed.
fn written(folder: &tempfile::TempDir) -> (String, Group) {
    let (path, text) = in_folder(folder, "input.h5ad");
    let codes = Tensor::from_vec([2], vec![1_i8, 0]).unwrap();
    let kind = Column::categorical(&codes, &Column::strings(["a", "b"]), false).unwrap();
    let obs = DataFrame::new(["c1", "c2"]).with_column("kind", kind).unwrap();
    write_h5ad(&path, &AnnData::builder().obs(obs).build().unwrap()).unwrap();
    let store = Hdf5Store::open_rw(&path, &Hdf5Options::default()).unwrap();
    (text, Group::root(Arc::new(store)))
}

#[test]
fn members_that_are_no_slots_are_told_of_and_left_out_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (file, root) = written(&folder);
    let values = Tensor::from_vec([2], vec![1, 2]).unwrap();
    root.create_array("active.ident", &ArraySpec::of(&values)).unwrap().write(&[0], &values).unwrap();
    root.storage().flush().unwrap();
    drop(root);
    let (output, text) = in_folder(&folder, "output.h5ad");
    let (status, _, warned) = run(&["convert", &file, &text]);
    assert_eq!(status, Some(0), "{warned}");
    assert_eq!(warned.lines().count(), 1, "{warned}");
    assert!(warned.contains("active.ident: it is not a slot") && warned.contains("--drop leaves it out"), "{warned}");
    assert!(read_h5ad(&output).unwrap().other().contains_key("active.ident"));
    assert_eq!(run(&["convert", &file, &text, "--drop", "--overwrite"]), (Some(0), String::new(), String::new()));
    assert!(read_h5ad(&output).unwrap().other().is_empty());
}

#[test]
fn codes_that_count_from_one_are_repaired_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (file, root) = written(&folder);
    root.array("obs/kind/codes").unwrap().write(&[0], &Tensor::from_vec([2], vec![2_i8, 1]).unwrap()).unwrap();
    root.storage().flush().unwrap();
    drop(root);
    let (output, text) = in_folder(&folder, "output.h5ad");
    let (status, _, error) = run(&["convert", &file, &text]);
    assert!(status == Some(2) && error.contains("obs/kind") && error.contains("`--repair`"), "{error}");
    assert_eq!(run(&["convert", &file, &text, "--repair"]), (Some(0), String::new(), String::new()));
    let kind = read_h5ad(&output).unwrap().obs().column("kind").unwrap();
    assert_eq!(kind.to_strings().unwrap(), [Some("b".to_owned()), Some("a".to_owned())]);
}
