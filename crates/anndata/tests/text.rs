//! What is no store of anndata's own, by the functions that read any path.
#![cfg(all(feature = "text", feature = "zarr"))]
#![allow(clippy::expect_used, reason = "a test may fail anywhere")]

use std::fs;
use std::path::Path;

use anndata::text::{MuData, write_h5mu, write_loom, write_mtx};
use anndata::{
    AnnData, ConvertOptions, DataFrame, Element, Format, ReadOptions, Result, SparseFormat, SparseMatrix, Tensor,
};

fn object() -> Result<AnnData> {
    let x = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?;
    AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
        .obs(DataFrame::new(["c1", "c2"]).with_column("n", vec![2_i64, 1])?)
        .var(DataFrame::new(["A", "B", "C"]).with_column("gene_ids", vec!["E1", "E2", "E3"])?)
        .build()
}

fn values(adata: &AnnData) -> Result<Vec<f32>> {
    let x = adata.x().map(Element::to_dense).transpose()?.expect("X");
    x.as_slice::<f32>().map(<[f32]>::to_vec)
}

/// The object in each format that is read and has names.
fn in_each_format(check: impl Fn(&Path) -> Result<()>) -> Result<()> {
    let (directory, adata) = (tempfile::tempdir()?, object()?);
    let folder = directory.path();
    write_mtx(folder.join("mtx"), &adata)?;
    fs::write(folder.join("cells.csv"), ",A,B,C\nc1,1,0,2\nc2,0,3,0\n")?;
    fs::write(folder.join("cells.tsv"), "cell\tA\tB\tC\nc1\t1\t0\t2\nc2\t0\t3\t0\n")?;
    write_h5mu(folder.join("cells.h5mu"), &MuData::new([("rna", adata)])?, false)?;
    for name in ["mtx", "cells.csv", "cells.tsv", "cells.h5mu::rna", "cells.h5mu/mod/rna"] {
        check(&folder.join(name))?;
    }
    Ok(())
}

#[test]
fn one_call_reads_any_format() -> Result<()> {
    in_each_format(|path| {
        for adata in [anndata::read(path)?, anndata::read_lazy(path)?.load()?] {
            assert_eq!((adata.obs_names()?.join(" "), adata.var_names()?.join(" ")), ("c1 c2".into(), "A B C".into()));
            assert_eq!(values(&adata)?, [1.0, 0.0, 2.0, 0.0, 3.0, 0.0]);
        }
        Ok(())
    })
}

#[test]
fn options_reach_what_is_no_store() -> Result<()> {
    in_each_format(|path| {
        let sparse = anndata::read_with(path, &ReadOptions::default().with_as_sparse(["X"], SparseFormat::Csc));
        match sparse {
            // One that is sparse already stays as it is.
            Ok(sparse) => assert!(sparse.x().expect("X").is_sparse()?),
            Err(error) => assert!(!path.to_string_lossy().contains("sv"), "{error}"),
        }
        let skipped = anndata::read_with(path, &ReadOptions::default().with_skip(["X"]))?;
        assert!(skipped.x().is_none());
        Ok(())
    })
}

#[test]
fn any_format_is_converted() -> Result<()> {
    in_each_format(|path| {
        let directory = tempfile::tempdir()?;
        for name in ["cells.h5ad", "cells.zarr"] {
            let output = directory.path().join(name);
            anndata::convert(path, &output, &ConvertOptions::default())?;
            assert_eq!(anndata::read(&output)?, anndata::read(path)?);
        }
        Ok(())
    })
}

#[test]
fn several_objects_are_not_one() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("both.h5mu");
    write_h5mu(&path, &MuData::new([("rna", object()?), ("prot", object()?)])?, false)?;
    let error = anndata::read(&path).unwrap_err();
    let advice = format!("it holds several objects, 'rna', 'prot'; say which: {}::rna", path.display());
    assert!(error.is_invalid_input() && error.text() == advice, "{error}");
    let absent = anndata::read(format!("{}::atac", path.display())).unwrap_err();
    assert!(absent.is_not_found(), "{absent}");
    // A store is opened as it is.
    assert!(anndata::open(&path)?.contains("mod/rna")?);
    Ok(())
}

#[test]
fn what_is_not_understood_is_refused_as_before() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    fs::write(folder.join("prose.txt"), "no table\n")?;
    assert!(anndata::read(folder.join("prose.txt")).unwrap_err().is_unsupported());
    assert!(anndata::read(folder).unwrap_err().is_unsupported());
    assert!(anndata::read(folder.join("absent.csv")).unwrap_err().is_not_found());
    fs::write(folder.join("bad.csv"), ",A\nc1,1\nc2,x\n")?;
    let error = anndata::read(folder.join("bad.csv")).unwrap_err();
    assert_eq!(error.text(), "line 3: expected a number, found 'x'");
    // What is read by other means is no place to write.
    assert!(anndata::write(folder.join("out.csv"), &object()?).unwrap_err().is_invalid_input());
    assert!(Format::for_name("out.mtx").is_err());
    write_loom(folder.join("a.loom"), &object()?)?;
    assert_eq!(values(&anndata::read(folder.join("a.loom"))?)?, values(&object()?)?);
    Ok(())
}
