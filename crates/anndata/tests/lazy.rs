//! Lazy objects at paths: what is kept, what happens to a store that changes, and to one that is written over.
#![cfg(all(feature = "experimental", feature = "testing", feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use anndata::experimental::{
    ChunkOptions, MapKind, chunks, fold_chunks, map_lazy, read_elem_lazy, read_elem_lazy_async, read_lazy,
    read_lazy_async,
};
use anndata::io::{ElemReadOptions, ElemWriteOptions, Names};
use anndata::testing::{RandomAnnData, RandomX};
use anndata::{AnnData, Element, Keep, ReadOptions, Result, Tensor, WriteOptions, io};
use futures_executor::block_on;

const FORMATS: [&str; 3] = ["cells.h5ad", "cells.zarr", "cells.zarr.zip"];

fn object() -> Result<AnnData> {
    RandomAnnData::new(20, 6).with_x(RandomX::Csr).with_density(0.5).make()
}

#[test]
fn every_format_is_read_lazily_with_every_option() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in FORMATS {
        let path = folder.path().join(name);
        anndata::write(&path, &object()?)?;
        let whole = anndata::read(&path)?;
        for keep in [Keep::Once, Keep::Never, Keep::cache(500)] {
            for names in [Names::WhenAsked, Names::Now] {
                let options = ReadOptions::default().with_keep(keep.clone()).with_names(names);
                let lazy = read_lazy(&path, &options)?;
                assert!(matches!(lazy.x(), Some(Element::Lazy(x)) if !x.is_loaded()));
                assert_eq!((lazy.obs_names()?, lazy.load()?), (whole.obs_names()?, whole.clone()), "{name}");
                let lazy = block_on(read_lazy_async(&path, &options))?;
                assert_eq!(block_on(lazy.load_async())?, whole);
                // A lazy object is written as any other.
                let copy = folder.path().join(format!("copy-{name}"));
                anndata::write_with(&copy, &lazy, &WriteOptions::default().with_overwrite(true).with_durable(false))?;
                assert_eq!(anndata::read(&copy)?, whole);
            }
        }
        let root = anndata::open(&path)?;
        let options = ElemReadOptions::default().with_keep(Keep::Never);
        let frames = [read_elem_lazy(&root, "obs", &options)?, block_on(read_elem_lazy_async(&root, "obs", &options))?];
        for frame in frames {
            assert_eq!(frame.load()?, Element::Frame(whole.obs().clone()));
        }
    }
    Ok(())
}

#[test]
fn a_store_may_be_written_over_while_it_is_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in FORMATS {
        let path = folder.path().join(name);
        anndata::write(&path, &object()?)?;
        let whole = anndata::read(&path)?;
        for keep in [Keep::Once, Keep::Never] {
            let mut lazy = read_lazy(&path, &ReadOptions::default().with_keep(keep))?;
            let doubled = map_lazy(lazy.x().unwrap(), MapKind::Elementwise, Ok)?;
            lazy.set_x(doubled)?;
            anndata::write_with(&path, &lazy, &WriteOptions::default().with_overwrite(true).with_durable(false))?;
            assert_eq!(anndata::read(&path)?, whole, "{name}");
        }
    }
    Ok(())
}

#[test]
fn a_store_that_has_changed_is_an_error_on_every_way() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cells.h5ad");
    anndata::write(&path, &object()?)?;
    let lazy = read_lazy(&path, &ReadOptions::default().with_keep(Keep::Never))?;
    let x = lazy.x().unwrap().clone();
    x.load()?;
    let mapped = map_lazy(&x, MapKind::RowWise, Ok)?;
    let mut pass = chunks(&x, &ChunkOptions::default().with_len(5).with_prefetch(0))?;
    pass.next().unwrap()?;
    // Another process writes into the file.
    std::thread::sleep(std::time::Duration::from_millis(20));
    let text = std::fs::OpenOptions::new().append(true).open(&path)?;
    text.set_len(text.metadata()?.len() + 512)?;
    drop(text);

    assert!(x.load().is_err_and(|error| error.is_stale()));
    assert!(pass.next().unwrap().is_err_and(|error| error.is_stale()));
    assert!(mapped.load().is_err_and(|error| error.is_stale()));
    assert!(lazy.obs().index().slice(0..2).is_err_and(|error| error.is_stale()));
    let count = fold_chunks(&x, &ChunkOptions::default(), |rows, _| Ok(rows.len()), |a, b| Ok(a + b));
    assert!(count.is_err_and(|error| error.is_stale()));
    Ok(())
}

#[test]
fn a_pass_over_a_file_is_the_sum_of_its_rows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in FORMATS {
        let path = folder.path().join(name);
        let x = Tensor::from_vec([500, 8], (0..4000).map(f64::from).collect())?;
        let store = ElemWriteOptions::default().encode.with_as_sparse(["layers/sparse"]);
        let adata = AnnData::builder().x(x.clone()).layer("sparse", x).build()?;
        anndata::write_with(&path, &adata, &WriteOptions::from(ElemWriteOptions::default().with_encode(store)))?;
        let lazy = read_lazy(&path, &ReadOptions::default())?;
        for element in [lazy.x(), lazy.layer(Some("sparse"))] {
            let options = ChunkOptions::default().with_memory_limit(20_000);
            let sum = fold_chunks(
                element.unwrap(),
                &options,
                |_, rows| Ok(rows.row_sums()?.as_slice::<f64>()?.to_vec()),
                |mut a, b| {
                    a.extend(b);
                    Ok(a)
                },
            )?;
            assert_eq!(sum.unwrap(), element.unwrap().row_sums()?.as_slice::<f64>()?);
        }
    }
    Ok(())
}

#[test]
fn elements_of_other_stores_stay_lazy_in_an_object() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cells.zarr");
    anndata::write(&path, &object()?)?;
    let x = read_elem_lazy(&anndata::open(&path)?, "X", &ElemReadOptions::default())?;
    let copy = folder.path().join("copy.h5ad");
    anndata::write(&copy, &AnnData::builder().x(x).build()?)?;
    assert_eq!(io::read_elem(&anndata::open(&copy)?, "X", &ElemReadOptions::default())?, *object()?.x().unwrap());
    Ok(())
}
