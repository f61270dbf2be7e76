//! One call for any path: the format by content when reading, by name when writing.
#![cfg(all(feature = "hdf5", feature = "zarr"))]

use std::path::{Path, PathBuf};

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{
    AnnData, Compression, DataFrame, Element, Error, Format, Limits, Mode, ReadOptions, Result, SparseFormat,
    SparseMatrix, Tensor, WriteOptions, ZarrFormat,
};

const NAMES: [&str; 3] = ["cells.h5ad", "cells.zarr", "cells.zarr.zip"];

fn object() -> Result<AnnData> {
    let x = Tensor::from_vec([3, 2], vec![0.0_f32, 1.0, 0.0, 0.0, 2.0, 3.0])?;
    AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
        .obs(DataFrame::new(["a", "b", "c"]).with_column("kind", vec!["x", "y", "x"])?)
        .obsm("pca", Tensor::from_vec([3, 1], vec![1.0_f64, 2.0, 3.0])?)
        .uns("nested", Element::Mapping([("n".to_owned(), Element::from(1_i64))].into()))
        .build()
}

/// Does something with the object in each format.
fn in_each_format(check: impl Fn(&Path, &AnnData) -> Result<()>) -> Result<()> {
    let (directory, object) = (tempfile::tempdir()?, object()?);
    for name in NAMES {
        let path = directory.path().join(name);
        anndata::write(&path, &object)?;
        check(&path, &object)?;
    }
    Ok(())
}

#[test]
fn what_is_written_is_read_whatever_the_name_says() -> Result<()> {
    in_each_format(|path, object| {
        assert_eq!(anndata::read(path)?, *object);
        let renamed = path.with_file_name("no-ending");
        std::fs::rename(path, &renamed)?;
        assert_eq!(anndata::read(&renamed)?, *object);
        if renamed.is_dir() {
            std::fs::remove_dir_all(renamed)?;
        } else {
            std::fs::remove_file(renamed)?;
        }
        Ok(())
    })
}

#[test]
fn lazy_objects_read_when_asked() -> Result<()> {
    in_each_format(|path, object| {
        let lazy = anndata::read_lazy(path)?;
        assert!(matches!(lazy.x(), Some(Element::Lazy(x)) if !x.is_loaded()));
        assert_eq!(lazy.load()?, *object);
        assert_eq!(lazy.select([2, 0], 1..)?.load()?, object.select([2, 0], 1..)?.load()?);
        Ok(())
    })
}

#[test]
fn options_of_reading_reach_the_elements_and_the_store() -> Result<()> {
    in_each_format(|path, object| {
        let read = anndata::read_with(path, &ReadOptions::default().with_skip(["obsm/pca", "uns/nested/n"]))?;
        assert!(read.obsm().is_empty());
        assert_eq!(read.uns()["nested"], Element::Mapping([].into()));

        let dense = path.with_file_name("dense.h5ad");
        anndata::write_with(&dense, object, &WriteOptions::default().with_as_dense(["X"]))?;
        assert!(matches!(anndata::read(&dense)?.x(), Some(Element::Tensor(_))));
        let sparse = anndata::read_with(&dense, &ReadOptions::default().with_as_sparse(["X"], SparseFormat::Csc))?;
        assert_eq!(sparse.x().unwrap_or(&Element::Null).to_sparse()?.format(), SparseFormat::Csc);

        Ok(())
    })?;

    let directory = tempfile::tempdir()?;
    let zeros = AnnData::builder().x(Tensor::from_vec([1000, 10], vec![0.0_f32; 10_000])?).build()?;
    let tight = ReadOptions::default().with_limits(Limits::default().with_max_expansion(2).with_max_unbacked(0));
    for name in ["cells.h5ad", "cells.zarr"] {
        let path = directory.path().join(name);
        anndata::write_with(&path, &zeros, &WriteOptions::default().with_compression(Compression::Gzip(9)))?;
        assert_eq!(anndata::read(&path)?, zeros);
        assert!(anndata::read_with(&path, &tight).is_err_and(|error| error.is_limit_exceeded()), "{name}");
    }
    Ok(())
}

#[test]
fn options_of_writing_reach_the_store() -> Result<()> {
    let (directory, object) = (tempfile::tempdir()?, object()?);
    let path = directory.path().join("cells.zarr");
    let options = WriteOptions::default()
        .with_zarr_format(ZarrFormat::V2)
        .with_compression(Compression::Gzip(1))
        .with_as_dense(["X"])
        .with_chunk_rows(2)
        .with_strings_to_categoricals(true)
        .with_overwrite(false);
    anndata::write_with(&path, &object, &options)?;
    assert!(path.join(".zgroup").is_file());
    let x: serde_json::Value = serde_json::from_slice(&std::fs::read(path.join("X/.zarray"))?).map_err(other)?;
    assert_eq!(x["chunks"], serde_json::json!([2, 2]));
    assert_eq!(x["compressor"]["id"], "gzip");
    let kind = anndata::read(&path)?.obs().column("kind")?;
    assert!(matches!(kind.kind(), anndata::ColumnKind::Categorical { .. }));
    let again = anndata::write_with(&path, &object, &options).expect_err("something is there");
    assert!(again.is_already_exists() && again.to_string().contains("cells.zarr"), "{again}");
    Ok(())
}

#[test]
fn elements_are_changed_in_place() -> Result<()> {
    in_each_format(|path, object| {
        let edit = || {
            let root = anndata::open_rw(path)?;
            io::write_elem(&root, "uns/nested/n", &Element::from(2_i64), &ElemWriteOptions::default())?;
            io::write_elem(&root, "obsm/umap", &object.obsm()["pca"], &ElemWriteOptions::default())
        };
        if path.extension().is_some_and(|ending| ending == "zip") {
            assert!(edit().is_err_and(|error| error.is_unsupported()));
            return Ok(());
        }
        edit()?;
        let back = anndata::read(path)?;
        let n = io::read_elem(&anndata::open(path)?, "uns/nested/n", &ElemReadOptions::default())?;
        assert_eq!((n.to_f64()?, back.obsm().len()), (2.0, 2));
        assert_eq!(back.obsm()["umap"], object.obsm()["pca"]);
        Ok(())
    })?;
    let refused = anndata::open_rw("https://host/cells.zarr").expect_err("a URL is only read");
    assert!(refused.is_unsupported());
    Ok(())
}

#[test]
fn async_twins_do_the_same() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let object = object()?;
    for name in NAMES {
        let path: PathBuf = directory.path().join(name);
        futures_executor::block_on(async {
            anndata::write_async(&path, &object).await?;
            assert_eq!(anndata::read_async(&path).await?, object);
            let lazy = anndata::read_lazy_async(&path).await?;
            assert_eq!(lazy.load_async().await?, object);
            let part = lazy.select([2, 1], ..1)?;
            assert_eq!(part.load_async().await?, object.select([2, 1], ..1)?.load()?);
            let x = lazy.x().cloned().unwrap_or(Element::Null).load_async().await?;
            assert_eq!(Some(&x), object.x());
            let root = anndata::open_async(&path).await?;
            assert_eq!(io::read_anndata_async(&root, &ElemReadOptions::default()).await?, object);
            let absent = anndata::read_async(directory.path().join("absent.h5ad")).await;
            assert!(absent.is_err_and(|error| error.is_not_found()));
            let again = WriteOptions::default().with_overwrite(false);
            let refused = anndata::write_with_async(&path, &object, &again).await;
            assert!(refused.is_err_and(|error| error.is_already_exists()));
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

#[test]
fn a_backed_object_says_where_it_is_and_moves() -> Result<()> {
    in_each_format(|path, object| {
        if Format::of(path)? == Format::Zarr && path.is_file() {
            return Ok(());
        }
        let to = path.with_file_name(format!("moved-{}", path.file_name().unwrap_or_default().display()));
        let mut backed = anndata::open_backed(path, Mode::ReadWrite)?;
        assert_eq!((backed.path(), backed.mode()), (Some(path), Mode::ReadWrite));
        let adata = backed.adata_mut();
        adata.set_uns("note", "changed");
        let taken = anndata::move_backed(anndata::open_backed(path, Mode::Read)?, path);
        assert!(taken.is_err_and(|error| error.is_already_exists()));
        let moved = anndata::move_backed(backed, &to)?;
        assert!(!path.exists());
        assert_eq!((moved.path(), moved.mode()), (Some(to.as_path()), Mode::ReadWrite));
        assert_eq!(moved.uns()["note"].to_text()?, "changed");
        assert_eq!(moved.to_memory()?.x(), object.x());

        let mut reading = anndata::open_backed(&to, Mode::Read)?;
        assert_eq!(reading.mode(), Mode::Read);
        reading.set_uns("note", "again");
        let refused = anndata::move_backed(reading, path);
        assert!(refused.is_err_and(|error| error.is_read_only()));
        assert!(to.exists());
        Ok(())
    })
}

fn other(error: impl std::fmt::Display) -> Error {
    Error::invalid_data(error.to_string())
}
