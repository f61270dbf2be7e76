//! What a concatenation keeps, where it puts it, and what it refuses.

#![expect(clippy::float_cmp, clippy::cast_precision_loss, reason = "small integers are exact as doubles")]

mod arrays;
mod frames;
mod joined;
mod matrices;
mod merges;
mod same;

use anndata_format::concat::*;
use anndata_format::{
    AnnData, Column, ColumnKind, DataFrame, Element, Error, Mapping, Result, SparseFormat, SparseMatrix, Tensor, io,
};

/// Rows of small integers as a dense matrix.
fn dense<const N: usize>(rows: &[[i64; N]]) -> Result<Tensor> {
    Tensor::from_vec([rows.len(), N], rows.concat())
}

/// The same as a sparse matrix.
fn sparse<const N: usize>(rows: &[[i64; N]]) -> Result<SparseMatrix> {
    SparseMatrix::from_dense(&dense(rows)?, SparseFormat::Csr)
}

/// Labels, one per letter.
fn labels(letters: &str) -> Vec<String> {
    letters.chars().map(|letter| letter.to_string()).collect()
}

/// An object of a matrix and the names of its variables.
fn object(x: impl Into<Element>, variables: &str) -> Result<AnnData> {
    AnnData::builder().x(x).var(DataFrame::new(labels(variables))).build()
}

fn outer() -> ConcatOptions {
    ConcatOptions::default().with_join(Join::Outer)
}

/// The values of a matrix as doubles, whatever it is; missing ones as -9.
fn values(element: Option<&Element>) -> Result<Vec<f64>> {
    let tensor = match element.map(Element::load).transpose()? {
        Some(Element::Sparse(matrix)) => matrix.to_dense()?,
        Some(other) => other.to_tensor()?,
        None => return Ok(Vec::new()),
    };
    let values = tensor.cast(&anndata_format::DType::F64)?;
    Ok(values.as_slice::<f64>()?.iter().map(|&value| if value.is_nan() { -9.0 } else { value }).collect())
}

fn says<T: std::fmt::Debug>(result: Result<T>, words: &str) {
    let message = result.map_or_else(|error| error.to_string(), |value| format!("accepted: {value:?}"));
    assert!(message.contains(words), "{message} should say {words}");
}

#[test]
fn wrong_calls_are_refused() -> Result<()> {
    let a = object(dense(&[[1, 2]])?, "ab")?;
    says(concat(&[], &ConcatOptions::default()), "expected at least one object to concatenate");
    let twice = object(dense(&[[1, 2]])?, "aa")?;
    for options in [ConcatOptions::default(), outer()] {
        for inputs in [vec![&a, &twice], vec![&twice], vec![&twice, &twice]] {
            says(concat(&inputs, &options), "'a' occurs twice");
        }
    }
    let keys = |keys: Vec<&str>| concat(&[&a, &a], &ConcatOptions::default().with_keys(keys));
    says(keys(vec!["x"]), "found 1 keys for 2 objects");
    says(keys(vec!["x", "x"]), "two objects have the key 'x'");
    says(concat_named([("x", &a)], &ConcatOptions::default().with_keys(vec!["y"])), "only one");
    keys(vec!["x", "y", "more"])?;
    Ok(())
}

#[test]
fn names_are_keys() -> Result<()> {
    let (a, b) = (object(dense(&[[1]])?, "a")?, object(dense(&[[2]])?, "a")?);
    let options = ConcatOptions::default().with_label("batch").with_index_unique("+");
    let named = concat_named([("x", &a), ("y", &b)], &options)?;
    assert_eq!(named, concat(&[&a, &b], &options.clone().with_keys(vec!["x", "y"]))?);
    assert_eq!(named.obs_names()?, ["0+x", "0+y"]);
    assert_eq!(named.obs().column("batch")?.to_strings()?, [Some("x".into()), Some("y".into())]);
    let numbered = concat(&[&a, &b], &options.with_keys(vec![7_i64, 8]))?;
    assert_eq!(numbered.obs_names()?, ["0+7", "0+8"]);
    let (codes, keys) = numbered.obs().column("batch")?.codes_and_categories()?;
    assert_eq!((codes.as_slice::<i8>()?, keys), (&[0, 1][..], Column::from(vec![7_i64, 8])));
    // Without a label there is no column.
    assert_eq!(concat(&[&a, &b], &ConcatOptions::default())?.obs().column_names().len(), 0);
    Ok(())
}

#[test]
fn labels_are_made_unique_only_where_asked() -> Result<()> {
    let names = Column::nullable(&Tensor::from_strings([2], ["c", ""])?, &[false, true], anndata_format::NaValue::Nan)?;
    let one = AnnData::builder().obs(DataFrame::with_index(names).with_index_name(Some("cell".into()))).build()?;
    for (options, expected) in
        [(ConcatOptions::default(), ["c", "c"]), (ConcatOptions::default().with_index_unique("-"), ["c-0", "c-1"])]
    {
        let joined = concat(&[&one, &one], &options)?;
        assert_eq!(joined.obs().index_name(), Some("cell"));
        let index = joined.obs().index().load()?.to_strings()?;
        assert_eq!(index, [Some(expected[0].to_owned()), None, Some(expected[1].to_owned()), None]);
    }
    let mut other = one.clone();
    other.set_obs(one.obs().clone().with_index_name(Some("barcode".into())))?;
    assert_eq!(concat(&[&one, &other], &ConcatOptions::default())?.obs().index_name(), None);
    Ok(())
}

#[test]
fn views_come_together_as_what_they_are_of() -> Result<()> {
    let n = 12_usize;
    let cells: Vec<String> = (0..n).map(|i| format!("cell{i:02}")).collect();
    let x = Tensor::from_vec([n, 3], (0..36).map(|i| if i % 4 == 0 { 0 } else { i }).collect::<Vec<i32>>())?;
    let whole = AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
        .layer("dense", x.clone())
        .obs(DataFrame::new(&cells).with_column("n", (0..12).collect::<Vec<i64>>())?)
        .var(DataFrame::new(["a", "b", "c"]).with_column("len", vec![1_i64, 2, 3])?)
        .obsm("pca", Tensor::from_vec([n, 2], vec![0.5_f32; 24])?)
        .obsm("df", DataFrame::new(&cells).with_column("q", vec![true; n])?)
        .varm("load", Tensor::from_vec([3, 1], vec![1.5, 2.5, 3.5])?)
        .varp("near", sparse(&[[0, 1, 0], [1, 0, 2], [0, 2, 0]])?)
        .uns("title", "cells")
        .build()?;
    let store = anndata_format::Group::root(std::sync::Arc::new(anndata_format::MemoryStore::new()));
    io::write_anndata(&store, &whole, &io::ElemWriteOptions::default())?;
    let lazy = io::read_anndata(&store, &io::ElemReadOptions::default().with_lazy(true))?;
    for source in [&whole, &lazy] {
        let parts = [
            source.select(vec![7, 3, 11], ..)?,
            source.select(vec![0, 1, 2, 4], ..)?,
            source.select(vec![5, 6, 8, 9, 10], ..)?,
        ];
        for join in [Join::Inner, Join::Outer] {
            let options =
                ConcatOptions::default().with_join(join).with_merge(Merge::Unique).with_uns_merge(Merge::Same);
            let joined = concat(&parts.iter().collect::<Vec<_>>(), &options)?;
            let sorted = joined.select(cells.iter().map(String::as_str).collect::<Vec<_>>(), ..)?.load()?;
            assert_eq!(sorted, whole);
        }
    }
    Ok(())
}

#[test]
fn the_other_axis_is_the_transposed() -> Result<()> {
    let a = object(dense(&[[1, 2], [3, 4]])?, "ab")?;
    let b = object(sparse(&[[5, 6, 7], [8, 9, 1]])?, "cbd")?;
    for join in [Join::Inner, Join::Outer] {
        let options = ConcatOptions::default().with_join(join).with_label("batch");
        let rows = concat(&[&a, &b], &options)?;
        let columns = concat(&[&a.transpose()?, &b.transpose()?], &options.with_axis(ConcatAxis::Var))?;
        assert_eq!(values(rows.x())?, values(columns.transpose()?.x())?);
        assert_eq!((rows.obs(), rows.var()), (columns.var(), columns.obs()));
    }
    Ok(())
}

#[test]
fn raw_is_kept_where_all_have_it() -> Result<()> {
    let with_raw = |x: &[[i64; 2]], names: &str, wide: &str| {
        let mut one = object(dense(x)?, names)?;
        let raw = Tensor::from_vec([x.len(), wide.len()], vec![1_i64; x.len() * wide.len()])?;
        let varm = [("w".to_owned(), Tensor::from_vec([wide.len(), 1], vec![0.0; wide.len()])?.into())].into();
        let var = DataFrame::new(labels(wide)).with_column("kept", vec![true; wide.len()])?;
        one.set_raw(anndata_format::Raw::new(Some(raw.into()), var, varm)?)?;
        Ok::<_, Error>(one)
    };
    let (a, b) = (with_raw(&[[1, 2]], "ab", "abz")?, with_raw(&[[3, 4], [5, 6]], "bc", "zab")?);
    let joined = concat(&[&a, &b], &outer())?;
    let raw = joined.raw().ok_or_else(|| Error::not_found("raw"))?;
    assert_eq!(raw.var().names()?, ["a", "b", "z"]);
    assert_eq!(values(raw.x())?, [1.0; 9]);
    // What is aligned to the variables of raw is not merged.
    assert!(raw.var().column_names().len() == 0 && raw.varm().is_empty());
    assert_eq!(joined.var_names()?, ["a", "b", "c"]);
    let without = object(dense(&[[1, 2]])?, "ab")?;
    assert!(concat(&[&a, &without], &outer())?.raw().is_none());
    assert!(concat(&[&without, &without], &outer())?.raw().is_none());
    Ok(())
}

#[test]
fn empty_objects_are_objects() -> Result<()> {
    let full = |n: usize, m: usize| {
        let x = Tensor::from_vec([n, m], vec![1.0; n * m])?;
        let names = |prefix: char, n: usize| DataFrame::new((0..n).map(|i| format!("{prefix}{i}")));
        AnnData::builder().layer("l", x.clone()).x(x).obs(names('c', n)).var(names('g', m)).build()
    };
    for (n, m) in [(8, 0), (0, 10), (0, 0)] {
        let (a, b) = (full(5, 7)?, full(n, m)?);
        for (axis, join, expected) in [
            (ConcatAxis::Obs, Join::Inner, (5 + n, m.min(7))),
            (ConcatAxis::Obs, Join::Outer, (5 + n, m.max(7))),
            (ConcatAxis::Var, Join::Inner, (n.min(5), 7 + m)),
            (ConcatAxis::Var, Join::Outer, (n.max(5), 7 + m)),
        ] {
            let options = ConcatOptions::default().with_axis(axis).with_join(join).with_pairwise(true);
            let joined = concat(&[&a, &b], &options)?;
            assert_eq!(joined.shape(), expected, "{n} x {m}, {axis:?}, {join:?}");
            assert_eq!(values(joined.x())?, values(joined.layer(Some("l")))?);
        }
    }
    Ok(())
}
