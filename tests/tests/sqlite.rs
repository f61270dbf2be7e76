//! A backend that the facade has never heard of: the example `sqlite` of `anndata-storage`.

#[path = "../../crates/anndata-storage/examples/sqlite/store.rs"]
#[allow(unreachable_pub, reason = "elsewhere it is a crate of its own")]
mod store;

use std::sync::Arc;

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{AnnData, Backed, Column, DataFrame, Element, Group, Result, SparseFormat, SparseMatrix, Tensor};
use store::SqliteStore;

fn object() -> Result<AnnData> {
    let x = Tensor::from_vec([3, 2], vec![1.0_f32, 0.0, 0.0, 2.0, 3.0, 0.0])?;
    let obs = DataFrame::new(["c1", "c2", "c3"])
        .with_column("kind", Column::categorical_from_strings(["b", "a", "b"])?)?
        .with_column("n", vec![1_i64, 2, 3])?;
    AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
        .layer("counts", x)
        .obs(obs)
        .var(DataFrame::new(["g1", "g2"]))
        .obsm("pca", Tensor::from_vec([3, 1], vec![0.5_f64, 1.5, -0.0])?)
        .uns("method", "umap")
        .uns("nothing", Element::Null)
        .build()
}

fn open(path: &std::path::Path) -> Result<Group> {
    Ok(Group::root(Arc::new(SqliteStore::open(path)?)))
}

#[test]
fn an_object_is_written_to_a_database_and_read_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("object.sqlite");
    let root = Group::root(Arc::new(SqliteStore::open_rw(&path)?));
    io::write_anndata(&root, &object()?, &ElemWriteOptions::default())?;
    let read = io::read_anndata(&open(&path)?, &ElemReadOptions::default())?;
    assert_eq!(read, object()?);
    let lazy = io::read_anndata(&open(&path)?, &ElemReadOptions::default().with_lazy(true))?;
    assert_eq!(lazy.select(["c3", "c1"], 0..2)?.load()?, object()?.select(["c3", "c1"], 0..2)?.load()?);

    // An element is replaced, and an object that stays in the store is changed there.
    io::write_elem(&root, "uns/method", &Element::from("pca"), &ElemWriteOptions::default())?;
    let mut backed = Backed::open(&root, &ElemReadOptions::default())?;
    backed.rename_layer(Some("counts"), Some("raw_counts"))?;
    backed.write_back(&ElemWriteOptions::default())?;
    let mut expected = object()?;
    expected.rename_layer(Some("counts"), Some("raw_counts"))?;
    expected.uns_mut().insert("method".to_owned(), Element::from("pca"));
    assert_eq!(io::read_anndata(&open(&path)?, &ElemReadOptions::default())?, expected);
    Ok(())
}
