//! The size of an object in memory counts what is stored once it is read, or asked for.

use std::sync::Arc;

use anndata_format::{AnnData, DataFrame, Element, Group, MemoryStore, Result, SparseFormat, SparseMatrix, Tensor, io};

#[test]
fn what_is_stored_counts_once_it_is_read_or_asked_for() -> Result<()> {
    let dense = Tensor::from_vec([2, 2], vec![1.0_f64, 0.0, 2.0, 3.0])?;
    let adata = AnnData::builder()
        .x(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?)
        .layer("dense", dense)
        .obs(DataFrame::new(["ab", "c"]).with_column("n", vec![1_i32, 2])?)
        .build()?;
    let expected = 3 * 8 + 3 * 4 + 3 * 4;
    let root = Group::root(Arc::new(MemoryStore::new()));
    io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
    let lazy = io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true))?;
    assert_eq!(lazy.size_in_memory(false)?.slot("X"), 0);
    assert_eq!(lazy.size_in_memory(true)?.slot("X"), expected);
    lazy.x().map(Element::load).transpose()?;
    assert_eq!(lazy.size_in_memory(false)?.slot("X"), expected);
    let view = lazy.select(1, ..)?;
    assert_eq!(view.size_in_memory(false)?.slot("layers"), 0);
    assert_eq!(view.size_in_memory(true)?.slot("layers"), 16);
    Ok(())
}
