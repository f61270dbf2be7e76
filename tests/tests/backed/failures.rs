//! If a step of an edit fails, or the process ends there, the file holds the old object or the new one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anndata::hdf5::{Hdf5Options, Hdf5Store};
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::storage::Storage;
use anndata::zarr::ZarrStore;
use anndata::{
    AnnData, Backed, DataFrame, Element, Group, Mode, Raw, Result, SparseFormat, SparseMatrix, Tensor, ZarrOptions,
    open_backed,
};
use anndata_tests::failing::{Failing, Failure, Steps};
use proptest::prelude::prop_assume;

use super::edits::{self, Edit, KINDS};
use super::sequences::write;

/// An object over a store that can be made to fail.
fn open_failing(path: &Path) -> Result<(Backed, Arc<Steps>)> {
    let store: Arc<dyn Storage> = if path.is_dir() {
        Arc::new(ZarrStore::open_rw(path, &ZarrOptions::default())?)
    } else {
        Arc::new(Hdf5Store::open_rw(path, &Hdf5Options::default())?)
    };
    let (store, steps) = Failing::around(store);
    Ok((Backed::open(&Group::root(store), &ElemReadOptions::default())?, steps))
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { drop(fs::remove_file(path)) }
}

/// The bytes of all files below a path.
fn bytes(path: &Path) -> Vec<(String, Vec<u8>)> {
    if !path.is_dir() {
        return vec![(path.display().to_string(), fs::read(path).unwrap())];
    }
    let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.iter().flat_map(|path| bytes(path)).collect()
}

/// Which of two objects a file holds: read without changing it, and once it was opened for editing.
pub(crate) fn held(path: &Path, old: &AnnData, new: &AnnData) -> &'static str {
    let which = |found: &AnnData| {
        if found == new {
            "new"
        } else if found == old {
            "old"
        } else {
            "a mixture"
        }
    };
    let before = bytes(path);
    let root = anndata::open(path).unwrap();
    let names = root.children().unwrap();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    let found = which(&io::read_anndata(&root, &ElemReadOptions::default()).unwrap());
    drop(root);
    assert!(bytes(path) == before, "opening a file for reading changed it");
    let backed = open_backed(path, Mode::ReadWrite).unwrap();
    assert_eq!(which(&backed.to_memory().unwrap()), found, "recovery makes another object than reading sees");
    drop(backed);
    let backed = open_backed(path, Mode::Read).unwrap();
    assert_eq!(which(&backed.to_memory().unwrap()), found);
    let names = backed.group().storage().children("").unwrap();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?} is left");
    found
}

/// Lets every step of a change fail, alone and with all that follow.
fn check(path: &Path, old: &AnnData, change: impl Fn(&mut Backed) -> Result<()>) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let name = path.file_name().unwrap();
    let (file, killed) = (directory.path().join("file").join(name), directory.path().join("killed").join(name));
    for path in [&file, &killed] {
        fs::create_dir(path.parent().unwrap())?;
    }
    copy(path, &file);
    let (mut backed, steps) = open_failing(&file)?;
    steps.fail_at(0, Failure::Once);
    change(&mut backed)?;
    let (total, new) = (steps.count(), backed.to_memory()?);
    drop(backed);
    let mut seen = Vec::new();
    for failure in [Failure::Once, Failure::FromThenOn] {
        for number in 1..=total {
            for path in [&file, &killed] {
                remove(path);
            }
            copy(path, &file);
            let (mut backed, steps) = open_failing(&file)?;
            steps.fail_at(number, failure);
            let result = change(&mut backed);
            let what = format!("step {number} of {total}, {failure:?}, {result:?}");
            steps.fail_at(0, Failure::Once);
            if failure == Failure::FromThenOn {
                // What is on the disk now is what is there if the process ends now.
                copy(&file, &killed);
                drop(backed);
                let found = held(&killed, old, &new);
                assert!(found != "a mixture" && (result.is_err() || found == "new"), "killed: {what}: {found}");
                seen.push(found);
            } else {
                if result.is_ok() {
                    assert_eq!(backed.to_memory()?, new, "{what}");
                }
                drop(backed);
            }
            let found = held(&file, old, &new);
            assert!(found != "a mixture" && (result.is_err() || found == "new"), "{what}: {found}");
            seen.push(found);
        }
    }
    assert!(seen.contains(&"old") && seen.contains(&"new"), "{seen:?}");
    Ok(())
}

fn dense(rows: usize, columns: usize, plus: u8) -> Tensor {
    let values = (0..u8::try_from(rows * columns).unwrap()).map(|i| f32::from(i + plus)).collect::<Vec<f32>>();
    Tensor::from_vec([rows, columns], values).unwrap()
}

fn object() -> Result<AnnData> {
    AnnData::builder()
        .x(SparseMatrix::from_dense(&dense(3, 4, 0), SparseFormat::Csr)?)
        .layer("counts", dense(3, 4, 20))
        .layer("old", dense(3, 4, 40))
        .obs(DataFrame::new(["a", "b", "c"]).with_column("n", vec![1, 2, 3])?)
        .obsm("pca", dense(3, 2, 60))
        .raw(Some(Raw::new(Some(dense(3, 5, 80).into()), DataFrame::unnamed(5), anndata::Mapping::new())?))
        .build()
}

#[test]
fn all_that_was_edited_is_written_back_or_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        check(&path, &object()?, |backed| {
            let raw = Raw::from(&**backed);
            backed.set_raw(raw)?;
            backed.set_x(dense(3, 4, 100))?;
            backed.rename_layer(Some("counts"), Some("renamed"))?;
            backed.remove_layer(Some("old"));
            backed.set_obs_column("m", vec!["x", "y", "z"])?;
            backed.write_back(&ElemWriteOptions::default())
        })?;
    }
    Ok(())
}

#[test]
fn a_subset_is_written_back_or_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        check(&path, &object()?, |backed| {
            **backed = backed.select([2, 0], 1..)?;
            backed.write_back(&ElemWriteOptions::default())
        })?;
    }
    Ok(())
}

#[test]
fn a_matrix_is_replaced_or_stays() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        check(&path, &object()?, |backed| backed.replace_x(dense(3, 4, 100), &ElemWriteOptions::default()))?;
        check(&path, &object()?, |backed| {
            backed.replace_layer(Some("more"), dense(3, 4, 100), &ElemWriteOptions::default())
        })?;
    }
    Ok(())
}

#[test]
fn an_element_is_replaced_or_stays() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        check(&path, &object()?, |backed| {
            let x = Element::from(dense(3, 4, 100));
            io::write_elem(backed.group(), "X", &x, &ElemWriteOptions::default())?;
            *backed = Backed::open(backed.group(), &ElemReadOptions::default())?;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_failed_once_is_written_at_the_second_attempt() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        let mut number = 0;
        loop {
            number += 1;
            let file = directory.path().join("again").join(path.file_name().unwrap());
            fs::create_dir_all(file.parent().unwrap())?;
            copy(&path, &file);
            let (mut backed, steps) = open_failing(&file)?;
            let mut expected = object()?;
            for adata in [&mut *backed, &mut expected] {
                adata.rename_layer(Some("counts"), Some("renamed"))?;
                adata.rename_layer(None, Some("counts"))?;
                adata.remove_raw();
            }
            steps.fail_at(number, Failure::Once);
            let first = backed.write_back(&ElemWriteOptions::default());
            if steps.count() < number {
                break;
            }
            steps.fail_at(0, Failure::Once);
            assert_eq!(backed.to_memory()?, expected, "step {number}: it can be read all the time: {first:?}");
            backed.write_back(&ElemWriteOptions::default())?;
            assert_eq!(backed.to_memory()?, expected, "step {number}");
            drop(backed);
            assert_eq!(open_backed(&file, Mode::Read)?.to_memory()?, expected, "step {number}");
            remove(&file);
        }
        assert!(number > 20, "{number} steps are few");
    }
    Ok(())
}

#[test]
fn a_store_that_is_only_read_is_refused_before_anything_is_done() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        let before = bytes(&path);
        let mut backed = open_backed(&path, Mode::Read)?;
        backed.write_back(&ElemWriteOptions::default())?;
        backed.set_obs_column("m", vec![1, 2, 3])?;
        let refused = backed.write_back(&ElemWriteOptions::default()).unwrap_err();
        assert!(refused.is_read_only() && refused.path() == Some("obs"), "{refused}");
        let refused = backed.replace_x(dense(3, 4, 1), &ElemWriteOptions::default()).unwrap_err();
        assert!(refused.is_read_only() && refused.path() == Some("X"), "{refused}");
        let refused =
            io::write_elem(backed.group(), "obsm/pca", &Element::Null, &ElemWriteOptions::default()).unwrap_err();
        assert!(refused.is_read_only() && refused.path() == Some("obsm/pca"), "{refused}");
        assert!(bytes(&path) == before);
    }
    Ok(())
}

#[test]
fn what_has_no_stored_form_is_refused_before_anything_is_done() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for path in write(directory.path(), &object()?)? {
        let mut backed = open_backed(&path, Mode::ReadWrite)?;
        backed.remove_layer(Some("old"));
        backed.set_layer(Some("a/b"), dense(3, 4, 1))?;
        let refused = backed.write_back(&ElemWriteOptions::default()).unwrap_err();
        assert!(refused.is_invalid_input() && refused.to_string().contains("'a/b' contains a '/'"), "{refused}");
        drop(backed);
        assert_eq!(open_backed(&path, Mode::Read)?.to_memory()?, object()?);
    }
    Ok(())
}

/// A case of these is some hundreds of the other tests': every step of it fails in turn.
#[test]
fn random_edits_are_written_back_or_nothing() {
    edits::run_cases(6, edits::number().div_ceil(500), edits::seed() + 2, |adata, edits| {
        let edits: Vec<Edit> = edits.iter().map(|edit| Edit { kind: edit.kind % KINDS, ..edit.clone() }).collect();
        let mut new = adata.clone();
        for edit in &edits {
            drop(edits::edit(&mut new, edit));
        }
        prop_assume!(&new != adata);
        let directory = tempfile::tempdir()?;
        for path in write(directory.path(), adata)? {
            check(&path, adata, |backed| {
                for edit in &edits {
                    drop(edits::edit(backed, edit));
                }
                backed.write_back(&ElemWriteOptions::default())
            })?;
        }
        Ok(())
    });
}
