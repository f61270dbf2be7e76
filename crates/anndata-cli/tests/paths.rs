//! Objects within files: every command that reads takes the path of a group in a store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use anndata::io::{ElemWriteOptions, write_anndata};
use anndata::{AnnData, DataFrame, Group, Tensor, ZarrFormat, ZarrOptions};

fn object(first: f32) -> AnnData {
    let x = Tensor::from_vec([2, 2], vec![first, 0.0, 2.0, 3.0]).unwrap();
    let var = DataFrame::new(["CD4", "CD8A"]);
    AnnData::builder().x(x).var(var).uns("note", "within").build().unwrap()
}

/// Fills a store that has objects at `mod/rna` and `mod/adt`.
fn fill(root: &Group) -> anndata::Result<()> {
    for (path, first) in [("mod/rna", 1.0), ("mod/adt", 7.0)] {
        write_anndata(&root.create_group(path)?, &object(first), &ElemWriteOptions::default())?;
    }
    root.storage().commit()
}

/// The names of the stores in a folder.
fn stores(folder: &Path) -> Vec<String> {
    anndata::hdf5::write_atomic(folder.join("x.h5mu"), false, false, |store| {
        fill(&Group::root(Arc::clone(store) as _))
    })
    .unwrap();
    let mut names = vec!["x.h5mu".to_owned()];
    for (name, format) in [("x.zarr", ZarrFormat::V3), ("y.zarr", ZarrFormat::V2), ("x.zarr.zip", ZarrFormat::V3)] {
        let options = ZarrOptions::default().with_format(format);
        anndata::zarr::write_atomic(folder.join(name), &options, false, fill).unwrap();
        names.push(name.to_owned());
    }
    names
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anndata")).args(arguments).current_dir(folder).output().unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
}

#[test]
fn a_path_leads_into_a_store_wherever_an_object_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for store in stores(folder) {
        let path = format!("{store}/mod/rna");
        assert!(printed(folder, &["show", &path]).starts_with("AnnData object with n_obs × n_vars = 2 × 2"));
        assert!(printed(folder, &["show", &path, "--tree"]).contains("uns"));
        assert!(printed(folder, &["get", &path, "X[:,CD4]"]).contains("\"values\":[1.0,2.0]"));
        assert_eq!(printed(folder, &["validate", &path]), "0 errors, 0 warnings, 0 infos\n");
        let (one, two) = (format!("{store}-one.h5ad"), format!("{store}-two.zarr"));
        printed(folder, &["convert", &path, &one]);
        assert_eq!(anndata::read_h5ad(folder.join(&one)).unwrap(), object(1.0));
        printed(folder, &["concat", &two, &path, &format!("{store}/mod/adt"), "--in-memory"]);
        assert_eq!(anndata::read_zarr(folder.join(&two)).unwrap().n_obs(), 4);

        let inner = folder.join(&path);
        assert_eq!(anndata::Format::of(&inner).unwrap(), anndata::Format::of(folder.join(&store)).unwrap());
        assert_eq!(anndata::open(&inner).unwrap().array("X").unwrap().shape(), [2, 2]);
        assert_eq!(anndata::open_backed(&inner, anndata::Mode::Read).unwrap().to_memory().unwrap(), object(1.0));
        let is_hdf5 = anndata::Format::of(&inner).unwrap() == anndata::Format::H5ad;
        let read = if is_hdf5 { anndata::read_h5ad(&inner) } else { anndata::read_zarr(&inner) };
        assert_eq!(read.unwrap(), object(1.0));
        assert!(anndata::validate_path(&inner, &anndata::ValidateOptions::default()).unwrap().is_clean());
    }
}

#[test]
fn a_group_that_is_not_there_is_an_error_that_names_store_and_group() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for store in stores(folder) {
        for (path, line) in [
            ("nope", format!("{store}: nope: no such group")),
            ("nope/rna", format!("{store}: nope/rna: no such group")),
            ("../x", format!("{store}: ../x: no such group")),
        ] {
            assert_eq!(complaint(folder, &["show", &format!("{store}/{path}")]), format!("anndata: {line}"));
        }
    }
    for store in ["x.h5mu", "x.zarr.zip"] {
        let line = complaint(folder, &["show", &format!("{store}/mod/nope")]);
        assert_eq!(line, format!("anndata: {store}: mod/nope: no such group"));
    }
    let line = complaint(folder, &["show", "absent/mod/rna"]);
    assert_eq!(line, "anndata: absent/mod/rna: cannot be opened: No such file or directory (os error 2)");
}

#[test]
fn readers_of_one_format_name_that_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let names = stores(folder);
    for name in &names {
        let path = folder.join(name);
        let (error, reader) = if name == "x.h5mu" {
            (anndata::read_zarr(&path).unwrap_err(), "`read_h5ad`")
        } else {
            (anndata::read_h5ad(&path).unwrap_err(), "`read_zarr`")
        };
        assert!(error.is_invalid_input());
        assert_eq!(error.file(), Some(path.as_path()));
        assert!(error.to_string().contains(reader) && error.to_string().contains("`read` reads any format"), "{error}");
    }
}
