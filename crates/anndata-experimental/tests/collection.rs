//! Collections: what is selected of many stores, and how many of them are open.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_core::testing::RandomAnnData;
use anndata_core::{
    AnnData, Column, ColumnKind, ConcatAxis, ConcatOptions, DataFrame, Join, Result, Tensor, concat_named,
};
use anndata_experimental::{Collection, RowId, StorePool};
use anndata_format::Group;
use anndata_format::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_atomic};

fn write(path: &Path, adata: &AnnData) -> Result<()> {
    write_atomic(path, true, false, |store| {
        let store: Arc<Hdf5Store> = Arc::clone(store);
        io::write_anndata(&Group::root(store), adata, &ElemWriteOptions::default())
    })
}

fn open(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open(path, &Hdf5Options::default())?)))
}

/// The file descriptors of this process that are open files of a folder.
fn descriptors(folder: &Path) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    links.filter(|link| std::fs::read_link(link.path()).is_ok_and(|file| file.starts_with(folder))).count()
}

/// A file of two cells, whose counts say which they are.
fn plate(folder: &Path, number: u16, genes: [&str; 2], kind: &str) -> Result<(String, PathBuf)> {
    let path = folder.join(format!("{number}.h5ad"));
    let first = f32::from(number) * 10.0;
    let obs = DataFrame::new([format!("c{number}-0"), format!("c{number}-1")])
        .with_column("kind", Column::categorical_from_strings([kind, "shared"])?)?
        .with_column("row", vec![2 * i64::from(number), 2 * i64::from(number) + 1])?;
    let x = Tensor::from_vec([2, 2], vec![first, first + 1.0, first + 2.0, first + 3.0])?;
    write(&path, &AnnData::builder().x(x).obs(obs).var(DataFrame::new(genes)).build()?)?;
    Ok((format!("p{number}"), path))
}

#[test]
fn a_collection_is_the_concatenation_of_what_is_in_its_stores() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let objects: Vec<(String, AnnData)> = (0..4_u64)
        .map(|seed| Ok((format!("k{seed}"), RandomAnnData::new(5, 6).with_seed(seed).make()?)))
        .collect::<Result<_>>()?;
    let files = objects.iter().map(|(key, object)| {
        let path = folder.path().join(key);
        write(&path, object)?;
        Ok((key.clone(), path))
    });
    let files = files.collect::<Result<Vec<_>>>()?;
    let options =
        ConcatOptions::default().with_join(Join::Outer).with_label("from").with_index_unique("-").with_pairwise(true);
    let all = Collection::open(files, &options, open)?;
    let read = objects.iter().map(|(key, _)| {
        Ok((key.clone(), io::read_anndata(&open(&folder.path().join(key))?, &ElemReadOptions::default())?))
    });
    let read = read.collect::<Result<Vec<_>>>()?;
    let expected = concat_named(read.iter().map(|(key, object)| (key.as_str(), object)), &options)?;
    assert_eq!((all.stores(), all.plan().shape()), (&["k0", "k1", "k2", "k3"].map(str::to_owned)[..], (20, 6)));
    assert_eq!(all.load()?, expected);
    assert_eq!(all.clone().into_anndata().load()?, expected);
    Ok(())
}

#[test]
fn rows_are_where_they_were_asked_for_in_every_slot() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plates = [
        plate(folder.path(), 0, ["A", "B"], "t")?,
        plate(folder.path(), 1, ["B", "A"], "b")?,
        plate(folder.path(), 2, ["A", "B"], "t")?,
    ];
    let all = Collection::open(plates, &ConcatOptions::default(), open)?;
    // Matrix and annotations have one order, whatever it is.
    let some = all.select(vec![5, 0, 3, 3], ..)?.load()?;
    assert_eq!(some.obs().column("row")?.to_tensor()?.as_slice::<i64>()?, [5, 0, 3, 3]);
    assert_eq!(some.x().unwrap().to_tensor()?.as_slice::<f32>()?, [22.0, 23.0, 0.0, 1.0, 13.0, 12.0, 13.0, 12.0]);
    assert_eq!(some.obs_names()?, ["c2-1", "c0-0", "c1-1", "c1-1"]);
    // A mask is a mask.
    let mask = [false, true, false, false, true, false];
    assert_eq!(all.select(&mask[..], ..)?.obs_names()?, ["c0-1", "c2-0"]);
    assert!(all.select(&mask[..5], ..).is_err_and(|error| error.is_invalid_input()));
    // A name is one row.
    assert_eq!(all.select(["c2-0"], ..)?.shape(), (1, 2));
    assert!(all.select(vec![6], ..).is_err_and(|error| error.is_invalid_input()));
    // Categories that differ are still categories.
    let kind = all.obs().column("kind")?;
    assert!(matches!(kind.kind(), ColumnKind::Categorical { .. }));
    let categories = kind.codes_and_categories()?.1;
    assert_eq!(categories.to_tensor()?.to_strings()?, ["b", "shared", "t"]);
    Ok(())
}

#[test]
fn rows_and_variables_are_located() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plates = [plate(folder.path(), 0, ["A", "B"], "t")?, plate(folder.path(), 1, ["B", "C"], "t")?];
    let all = Collection::open(plates, &ConcatOptions::default().with_join(Join::Outer), open)?;
    let located = |row| all.locate(row).map(|RowId { store, row }| (store, row));
    assert_eq!([0, 1, 2, 3, 4].map(located), [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((1, 1)), None]);
    assert_eq!((all.present(0)?, all.present(1)?), (vec![true, true, false], vec![false, true, true]));
    assert_eq!(all.present(2).unwrap_err().message(), "there is no store 2 among 2");
    let keys = ConcatOptions::default().with_keys(vec!["x"]);
    let both = Collection::new([("y", AnnData::builder().shape(1, 1).build()?)], &keys).unwrap_err();
    assert!(both.is_invalid_input() && both.message().contains("pass only one"));
    assert!(Collection::new(Vec::<(String, AnnData)>::new(), &ConcatOptions::default()).is_err());
    Ok(())
}

#[test]
fn few_of_many_stores_are_open() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pool = StorePool::new(3);
    let objects = (0..20).map(|number| {
        let (key, path) = plate(folder.path(), number, ["A", "B"], "t")?;
        let root = pool.group(move || open(&path))?;
        Ok((key, io::read_anndata(&root, &ElemReadOptions::default().with_lazy(true))?))
    });
    let all = Collection::new(objects.collect::<Result<Vec<_>>>()?, &ConcatOptions::default())?;
    assert!(pool.n_open() <= 3 && descriptors(folder.path()) <= 6, "{} are open", descriptors(folder.path()));
    for _ in 0..2 {
        let rows: Vec<u64> = (0..40).rev().collect();
        let loaded = all.select(rows, ..)?.load()?;
        let expected: Vec<i64> = (0..40).rev().collect();
        assert_eq!(loaded.obs().column("row")?.to_tensor()?.as_slice::<i64>()?, expected);
        assert!(pool.n_open() <= 3 && descriptors(folder.path()) <= 6, "{} are open", descriptors(folder.path()));
    }
    Ok(())
}

#[test]
#[ignore = "it makes ten thousand files: run by hand"]
fn ten_thousand_stores_take_fewer_than_256_descriptors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = (0..10_000).map(|number| plate(folder.path(), number, ["A", "B"], "t")).collect::<Result<Vec<_>>>()?;
    let all = Collection::open(files, &ConcatOptions::default(), open)?;
    let all_descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(all_descriptors() < 256, "{} are open", all_descriptors());
    let rows: Vec<u64> = (0..20_000).rev().step_by(7).collect();
    let loaded = all.select(rows.clone(), ..)?.load()?;
    let expected: Vec<i64> = (0..20_000).rev().step_by(7).collect();
    assert_eq!(loaded.obs().column("row")?.to_tensor()?.as_slice::<i64>()?, expected);
    assert!(all_descriptors() < 256, "{} are open", all_descriptors());
    Ok(())
}

#[test]
fn a_store_that_is_missing_or_was_changed_is_an_error_that_names_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pool = StorePool::new(1);
    let (_, path) = plate(folder.path(), 0, ["A", "B"], "t")?;
    let (_, other) = plate(folder.path(), 1, ["A", "B"], "t")?;
    let opened = |path: &Path| {
        let path = path.to_owned();
        io::read_anndata(&pool.group(move || open(&path))?, &ElemReadOptions::default().with_lazy(true))
    };
    let all = Collection::new([("a", opened(&path)?), ("b", opened(&other)?)], &ConcatOptions::default())?;
    plate(folder.path(), 0, ["A", "C"], "other")?;
    assert_eq!(all.select(vec![2], ..)?.load()?.shape(), (1, 2));
    let error = all.select(vec![0, 2], ..)?.load().unwrap_err();
    assert!(error.is_stale() && error.file() == Some(&path), "{error}");
    assert!(error.message().starts_with("it is not what it was when it was opened"));
    let missing = Collection::open([("a", path), ("z", folder.path().join("z.h5ad"))], &ConcatOptions::default(), open);
    assert_eq!(missing.unwrap_err().file(), Some(folder.path().join("z.h5ad").as_path()));
    Ok(())
}

#[test]
fn a_manifest_opens_the_same_stores_and_tells_which_one_changed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plates = || [0, 1].map(|number| plate(folder.path(), number, ["A", "B"], "t"));
    let stores = plates().into_iter().collect::<Result<Vec<_>>>()?;
    let options = ConcatOptions::default().with_label("plate");
    let all = Collection::open(stores.clone(), &options, open)?;
    let manifest = folder.path().join("all.json");
    all.save_manifest(&manifest)?;
    assert!(std::fs::read_to_string(&manifest)?.contains("\"location\": \"0.h5ad\""));

    // Where the folder goes, the collection goes.
    let elsewhere = folder.path().with_extension("moved");
    std::fs::rename(folder.path(), &elsewhere)?;
    let again = Collection::load_manifest(elsewhere.join("all.json"), &options, open)?;
    assert_eq!((again.stores(), again.load()?), (all.stores(), again.clone().into_anndata().load()?));
    assert_eq!(again.shape(), (4, 2));
    std::fs::rename(&elsewhere, folder.path())?;

    plate(folder.path(), 1, ["A", "C"], "t")?;
    let error = Collection::load_manifest(&manifest, &options, open).unwrap_err();
    assert!(error.is_stale() && error.file() == Some(&folder.path().canonicalize()?.join("1.h5ad")), "{error}");
    assert!(error.message().starts_with("it is not what the manifest says: "), "{error}");
    std::fs::remove_file(&stores[0].1)?;
    assert!(Collection::load_manifest(&manifest, &options, open).is_err_and(|error| error.is_not_found()));
    for (text, says) in [
        ("[", "it is not a manifest"),
        ("{}", "it is not a manifest"),
        (r#"{"anndata-collection": 2}"#, "version 1, found 2"),
    ] {
        std::fs::write(&manifest, text)?;
        let error = Collection::load_manifest(&manifest, &options, open).unwrap_err();
        assert!(error.message().contains(says) && error.file() == Some(&manifest), "{error}");
    }
    let memory = Collection::new([("a", AnnData::builder().shape(1, 1).build()?)], &options)?;
    assert!(memory.save_manifest(&manifest).is_err_and(|error| error.is_invalid_input()));
    Ok(())
}

#[test]
fn rows_in_another_order_and_no_columns_are_selected_along_either_axis() -> Result<()> {
    let objects = (0..3_u64).map(|seed| Ok((format!("k{seed}"), RandomAnnData::new(4, 4).with_seed(seed).make()?)));
    let objects = objects.collect::<Result<Vec<_>>>()?;
    for axis in [ConcatAxis::Obs, ConcatAxis::Var] {
        let options = ConcatOptions::default().with_axis(axis).with_index_unique("-");
        let (all, whole) = (
            Collection::new(objects.clone(), &options)?,
            concat_named(objects.iter().map(|(key, object)| (key.as_str(), object)), &options)?,
        );
        let none = Vec::<u64>::new();
        for (rows, columns) in [
            (vec![3, 0, 2], none.clone()),
            (none.clone(), vec![1, 0]),
            (vec![3, 0, 2], vec![1, 0]),
            (none.clone(), none),
        ] {
            let select = |adata: &AnnData| adata.select(rows.clone(), columns.clone())?.load();
            assert_eq!(select(&all)?, select(&whole)?, "{axis:?} {rows:?} {columns:?}");
        }
    }
    Ok(())
}
