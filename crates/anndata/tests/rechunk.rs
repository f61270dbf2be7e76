//! Collections in another order: the same in any memory, in every format, and as annbatch reads them.
#![cfg(all(feature = "experimental", feature = "testing", feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;

use anndata::experimental::{Collection, RechunkOptions, RowOrder, rechunk};
use anndata::testing::RandomAnnData;
use anndata::{
    AnnData, Column, ConcatOptions, DType, DataFrame, Element, Result, SelectOptions, Sharding, SparseFormat,
    SparseMatrix, Tensor, WriteOptions, ZarrOptions,
};

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

/// Two files of rows that can be told, with a sparse or a dense matrix.
fn rows(folder: &Path, is_sparse: bool) -> Result<Collection> {
    let files = ["a", "b"].map(|name| {
        let values = (0..280_u16).map(|at| if at % 3 == 0 { f32::from(at) } else { 0.0 }).collect();
        let dense = Tensor::from_vec([40, 7], values)?;
        let x = if is_sparse {
            Element::from(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?)
        } else {
            dense.clone().into()
        };
        let kinds = (0..40).map(|row| ["T", "B", "NK"][row % 3]);
        let obs = DataFrame::new((0..40).map(|row| format!("{name}{row}")))
            .with_column("kind", Column::categorical_from_strings(kinds)?)?;
        let path = folder.join(format!("{name}.h5ad"));
        anndata::write(&path, &AnnData::builder().x(x).obsm("d", dense).obs(obs).build()?)?;
        Ok((name, path))
    });
    Collection::open(files.into_iter().collect::<Result<Vec<_>>>()?, &ConcatOptions::default(), |path| {
        anndata::open(path)
    })
}

#[test]
fn annbatch_reads_the_datasets() -> Result<()> {
    for is_sparse in [true, false] {
        for order in [
            RowOrder::Shuffle { seed: 2 },
            RowOrder::GroupBy { columns: vec!["kind".to_owned()], shuffle_within: Some(1) },
        ] {
            let folder = tempfile::tempdir()?;
            let data = rows(folder.path(), is_sparse)?;
            let [store, expected] = ["sets.zarr", "expected.json"].map(|name| folder.path().join(name));
            let options = RechunkOptions::default().with_order(order).with_rows_per_chunk(4).with_rows_per_dataset(30);
            rechunk(&data, &store, &options)?;
            let (mut names, mut kinds, mut x) = (Vec::new(), Vec::new(), Vec::new());
            for number in 0..3 {
                let part = anndata::read(store.join(format!("dataset_{number}")))?;
                names.extend(part.obs_names()?);
                kinds.extend(part.obs().column("kind")?.to_vec::<String>()?);
                let own = match part.x().unwrap() {
                    Element::Sparse(x) => x.to_dense()?,
                    x => x.to_tensor()?,
                };
                let own = own.cast(&DType::F32)?;
                x.extend(own.as_slice::<f32>()?.chunks(7).map(<[f32]>::to_vec));
            }
            assert_eq!(names.len(), 80);
            std::fs::write(&expected, serde_json::json!({ "names": names, "kinds": kinds, "x": x }).to_string())?;
            if !support::python_of("ANNBATCH_PYTHON", "annbatch_reads.py", &[&store, &expected]) {
                return Ok(());
            }
        }
    }
    Ok(())
}

#[test]
fn shards_are_as_large_as_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = rows(folder.path(), true)?;
    let write = |name: &str, sharding: Sharding| {
        let output = folder.path().join(name);
        let write = WriteOptions::default().with_zarr(ZarrOptions::default().with_sharding(sharding));
        rechunk(&data, &output, &RechunkOptions::default().with_rows_per_chunk(4).with_write(write))?;
        let root = anndata::open(&output)?;
        let shape = |array: &str| {
            let spec = root.array(array)?.spec();
            Ok::<_, anndata::Error>((spec.chunks.clone().unwrap(), spec.shards.clone()))
        };
        Ok::<_, anndata::Error>((shape("X/data")?, shape("obsm/d")?))
    };
    // 188 values, of which 9 are a chunk, and 80 rows, of which 4 are: all in one shard, that ends where they do.
    let one = Sharding::Auto { target_bytes: 1 << 30 };
    assert_eq!(write("one.zarr", one)?, ((vec![9], Some(vec![189])), (vec![4, 7], Some(vec![80, 7]))));
    let some = Sharding::Auto { target_bytes: 300 };
    assert_eq!(write("some.zarr", some)?, ((vec![9], Some(vec![72])), (vec![4, 7], Some(vec![8, 7]))));
    assert_eq!(write("none.zarr", Sharding::Off)?, ((vec![9], None), (vec![4, 7], None)));
    Ok(())
}
