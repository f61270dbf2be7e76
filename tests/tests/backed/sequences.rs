//! Random sequences of edits: what is written back is what the same edits make of an object in memory.

use std::path::{Path, PathBuf};

use anndata::StoredTree as _;
use anndata::io::ElemWriteOptions;
use anndata::{AnnData, Backed, Element, Error, Format, Mode, Result, Tensor, WriteOptions, ZarrOptions, open_backed};
use proptest::prelude::*;

use super::edits::{self, Edit, KINDS, matrix, pick, run_cases};

/// Writes an object to a file of each format.
pub(crate) fn write(directory: &Path, adata: &AnnData) -> Result<[PathBuf; 2]> {
    Ok([write_one(directory, Format::H5ad, adata)?, write_one(directory, Format::Zarr, adata)?])
}

fn write_one(directory: &Path, format: Format, adata: &AnnData) -> Result<PathBuf> {
    if format == Format::H5ad {
        let path = directory.join("a.h5ad");
        anndata::write_h5ad_with(&path, adata, &WriteOptions::default().with_durable(false))?;
        return Ok(path);
    }
    let path = directory.join("a.zarr");
    let options = WriteOptions::default().with_zarr(ZarrOptions::default().with_durable(false));
    anndata::write_zarr_with(&path, adata, &options)?;
    Ok(path)
}

/// The steps of a case that go to the store at once; all others are edits in memory.
fn step(backed: &mut Backed, expected: &mut AnnData, edit: &Edit) -> Result<(), TestCaseError> {
    let (a, b) = (edit.a, edit.b);
    let (n_obs, n_vars) = expected.shape();
    let key = pick(&expected.layers().keys().cloned().collect::<Vec<_>>(), a);
    match (edit.kind.checked_sub(KINDS), key) {
        (Some(0..=3), Some(key)) if n_obs > 0 => {
            // A row of it, so that the dtype holds the values.
            let row = expected.select([b % n_obs], ..)?.layer(key.as_deref()).unwrap().load()?;
            let Ok(values) = row.to_tensor() else { return Ok(()) };
            let to = (a / 7) % n_obs;
            match backed.write_layer(key.as_deref(), [to], .., &values) {
                Ok(()) => expected.set_layer_at(key.as_deref(), [to], .., values)?,
                Err(error) => check_refused(&error)?,
            }
        }
        (Some(4 | 5), _) => {
            let key = if b.is_multiple_of(3) { None } else { Some(format!("layer {}", b % 4)) };
            let new = matrix(n_obs, n_vars, a, b);
            match backed.replace_layer(key.as_deref(), new.clone(), &ElemWriteOptions::default()) {
                Ok(()) => expected.set_layer(key.as_deref(), new)?,
                Err(error) => check_refused(&error)?,
            }
        }
        (Some(6..=9), _) => {
            backed.write_back(&ElemWriteOptions::default())?;
            check(backed, expected)?;
        }
        (Some(_), _) => check_same(&backed.to_memory()?, expected)?,
        (None, _) => {
            let results =
                [edits::edit(backed, edit), edits::edit(expected, edit)].map(|result| result.map_err(|e| e.kind()));
            prop_assert_eq!(results[0], results[1]);
        }
    }
    Ok(())
}

/// What is changed at once may be refused where something in memory was not written back.
fn check_refused(error: &Error) -> Result<(), TestCaseError> {
    let text = error.to_string();
    let expected =
        ["write it back first", "write that back first", "not replaced in place", "expected a shape that begins with"];
    prop_assert!(expected.iter().any(|expected| text.contains(expected)), "{}", text);
    Ok(())
}

/// Both are the same; if they are not, the part that differs is reported. The order in which values of a row of a
/// sparse matrix are stored is not part of it: a selection of a selection may leave another than both at once.
fn check_same(found: &AnnData, expected: &AnnData) -> Result<(), TestCaseError> {
    let (found, expected) = (found.load()?, expected.load()?);
    if found == expected {
        return Ok(());
    }
    prop_assert_eq!(found.obs(), expected.obs());
    prop_assert_eq!(found.var(), expected.var());
    // X comes last in what was read, wherever it was.
    prop_assert_eq!(found.layers().len(), expected.layers().len(), "layers of {}", found);
    prop_assert!(found.layers().keys().all(|key| expected.layers().contains_key(key)), "layers of {}", found);
    for (key, layer) in found.layers() {
        prop_assert_eq!(sorted(layer)?, sorted(&expected.layers()[key])?, "layer {:?}", key);
    }
    for (found, expected) in mappings(&found).into_iter().zip(mappings(&expected)) {
        prop_assert_eq!(sorted(&found)?, sorted(&expected)?);
    }
    let [one, other] = [&found, &expected].map(AnnData::raw);
    prop_assert_eq!(one.is_some(), other.is_some(), "raw");
    if let (Some(one), Some(other)) = (one, other) {
        prop_assert_eq!(one.var(), other.var());
        prop_assert_eq!(one.x().map(sorted).transpose()?, other.x().map(sorted).transpose()?);
        for (one, other) in [(one.varm(), other.varm()), (one.other(), other.other())] {
            prop_assert_eq!(sorted(&one.clone().into())?, sorted(&other.clone().into())?);
        }
    }
    Ok(())
}

fn mappings(adata: &AnnData) -> [Element; 5] {
    [adata.obsm(), adata.varm(), adata.obsp(), adata.varp(), adata.uns()].map(|mapping| mapping.clone().into())
}

/// The same with the values of each row or column in order.
fn sorted(element: &Element) -> Result<Element> {
    Ok(match element {
        Element::Sparse(matrix) => matrix.sorted()?.into(),
        Element::Mapping(mapping) => {
            let elements = mapping.iter().map(|(key, element)| Ok((key.clone(), sorted(element)?)));
            Element::Mapping(elements.collect::<Result<_>>()?)
        }
        element => element.clone(),
    })
}

/// The object in hand, its leaves and its file are as expected.
fn check(backed: &Backed, expected: &AnnData) -> Result<(), TestCaseError> {
    check_same(&backed.to_memory()?, expected)?;
    let raw = backed.raw().and_then(anndata::Raw::x).into_iter();
    for matrix in backed.layers().values().chain(raw) {
        prop_assert!(matches!(matrix, Element::Lazy(lazy) if lazy.node().is_some()), "it is not in its store");
    }
    Ok(())
}

fn run(format: Format, adata: &AnnData, edits: &[Edit]) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir()?;
    let path = write_one(directory.path(), format, adata)?;
    let mut backed = open_backed(&path, Mode::ReadWrite)?;
    let mut expected = adata.clone();
    for edit in edits {
        step(&mut backed, &mut expected, edit)?;
    }
    backed.write_back(&ElemWriteOptions::default())?;
    check(&backed, &expected)?;
    // A second time there is nothing to do.
    backed.write_back(&ElemWriteOptions::default())?;
    backed.close()?;
    let again = open_backed(&path, Mode::Read)?;
    check_same(&again.to_memory()?, &expected)?;
    let names = again.group().children()?;
    prop_assert_eq!(&again.group().storage().children("")?, &names, "nothing else is left in it");
    Ok(())
}

/// Half of the cases, with a seed of their own.
fn half(format: Format, seed: u64) {
    run_cases(14, edits::number().div_ceil(2), edits::seed() + seed, |adata, edits| run(format, adata, edits));
}

#[test]
fn edits_of_an_hdf5_file_that_are_written_back_are_those_in_memory() {
    half(Format::H5ad, 0);
}

#[test]
fn edits_of_a_zarr_store_that_are_written_back_are_those_in_memory() {
    half(Format::Zarr, 1);
}

#[test]
fn values_of_a_matrix_that_another_still_reads_are_not_replaced() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let x = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?;
    let one = Tensor::from_vec([1, 1], vec![9.0_f32])?;
    for path in write(directory.path(), &AnnData::builder().x(x.clone()).build()?)? {
        let mut backed = open_backed(&path, Mode::ReadWrite)?;
        let same = backed.x().unwrap().clone();
        backed.set_layer(Some("counts"), same)?;
        for refused in [backed.write_x(0, 0, &one), backed.replace_x(x.clone(), &ElemWriteOptions::default())] {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(": X: layers/counts in memory still reads from it"), "{text}");
        }
        backed.rename_layer(Some("counts"), Some("moved"))?;
        let refused = backed.write_layer(Some("moved"), 0, 0, &one).unwrap_err().to_string();
        assert!(refused.contains("layers/moved: it was changed in memory: write it back first"), "{refused}");
        backed.write_back(&ElemWriteOptions::default())?;
        backed.write_x(0, 0, &one)?;
        assert_eq!(backed.layer(Some("moved")).unwrap().to_tensor()?, x);
        assert_eq!(backed.x().unwrap().to_tensor()?.as_slice::<f32>()?, [9.0, 2.0, 3.0, 4.0]);
    }
    Ok(())
}
