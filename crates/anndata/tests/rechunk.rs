//! Collections in another order: the same in any memory, in every format, and as annbatch reads them.
#![cfg(all(feature = "experimental", feature = "testing", feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use anndata::experimental::{Collection, RechunkOptions, RowOrder, rechunk};
use anndata::testing::RandomAnnData;
use anndata::{ConcatOptions, Result, SelectOptions, WriteOptions};

fn collection(folder: &Path) -> Result<Collection> {
    let inputs = ["a.h5ad", "b.zarr"].into_iter().zip(0_u64..).map(|(name, seed)| {
        let path = folder.join(name);
        anndata::write(&path, &RandomAnnData::new(60, 12).with_seed(seed).make()?)?;
        Ok((name.to_owned(), path))
    });
    let options = ConcatOptions::default().with_index_unique("-").with_label("store");
    Collection::open(inputs.collect::<Result<Vec<_>>>()?, &options, |path| anndata::open(path))
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// All files of a folder, and what is in them.
fn content(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(content(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            all.push((path, bytes));
        }
    }
    all.sort_unstable();
    all
}

#[test]
fn the_output_is_the_same_in_any_memory_and_nothing_is_left() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = collection(folder.path())?;
    let options = RechunkOptions::default()
        .with_order(RowOrder::Shuffle { seed: 5 })
        .with_rows_per_chunk(8)
        .with_write(WriteOptions::default().with_overwrite(true));
    let output = folder.path().join("all.zarr");
    let mut before = None;
    for limit in [512 << 20, 1 << 17, 1 << 15] {
        let report = rechunk(&data, &output, &options.clone().with_memory_limit(limit))?;
        assert!(report.bytes_written > 0 && report.dropped.is_empty());
        assert_eq!(names(folder.path()), ["a.h5ad", "all.zarr", "b.zarr"]);
        let own = content(&output);
        assert!(before.is_none_or(|before| before == own), "{limit}");
        before = Some(own);
    }
    let read = anndata::read(&output)?;
    let order = read.obs_names()?;
    assert_ne!(order, data.obs_names()?);
    let keep = SelectOptions::default().with_keep_unused_categories(true);
    assert_eq!(read, data.select_with(&order, .., &keep)?.load()?);
    let chunks = anndata::open(&output)?.array("obsm/X_pca").map(|array| array.spec().chunks.clone());
    if let Ok(Some(chunks)) = chunks {
        assert_eq!(chunks[0], 8);
    }
    // A file as well.
    let file = folder.path().join("all.h5ad");
    rechunk(&data, &file, &options)?;
    assert_eq!(anndata::read(&file)?.obs_names()?, order);

    let into_itself = rechunk(&data, folder.path().join("a.h5ad"), &options).unwrap_err();
    assert!(into_itself.text().contains("it is one of the inputs"), "{into_itself}");
    let there = options.clone().with_write(WriteOptions::default());
    assert!(rechunk(&data, &output, &there).is_err_and(|error| error.is_already_exists()));
    assert_eq!(names(folder.path()), ["a.h5ad", "all.h5ad", "all.zarr", "b.zarr"]);
    Ok(())
}

#[test]
fn datasets_have_so_many_rows_each() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = collection(folder.path())?;
    let options = RechunkOptions::default().with_order(RowOrder::Shuffle { seed: 5 }).with_rows_per_dataset(50);
    let output = folder.path().join("sets.zarr");
    rechunk(&data, &output, &options)?;
    let root = anndata::open(&output)?;
    assert_eq!(root.children()?, ["dataset_0", "dataset_1", "dataset_2"]);
    assert_eq!(
        root.attributes()?.get("encoding-type").and_then(anndata::Attribute::as_str).as_deref(),
        Some("annbatch-preshuffled")
    );
    let mut seen = Vec::new();
    for (number, rows) in [50, 50, 20].into_iter().enumerate() {
        let part = anndata::read(output.join(format!("dataset_{number}")))?;
        assert_eq!(part.n_obs(), rows);
        seen.extend(part.obs_names()?);
    }
    let order = anndata::experimental::reorder(
        &data,
        &anndata::experimental::ReorderOptions::default().with_order(RowOrder::Shuffle { seed: 5 }),
    )?;
    assert_eq!(seen, order.obs_names()?);
    let file = rechunk(&data, folder.path().join("sets.h5ad"), &options).unwrap_err();
    assert!(file.is_unsupported(), "{file}");
    assert_eq!(names(folder.path()), ["a.h5ad", "b.zarr", "sets.zarr"]);
    Ok(())
}
