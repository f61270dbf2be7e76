//! [`gather`]: rows of a matrix that is in memory in several blocks.

use anndata_core::{Element, Result, SparseMatrix, Tensor};
use anndata_storage::{Error, OrBug};

/// Rows of the blocks of a matrix in any order, repeats allowed: of each its block, and which row it is there.
pub(crate) fn gather(blocks: &[&Element], rows: &[(usize, usize)]) -> Result<Element> {
    if let Some(Element::Tensor(_)) = blocks.first() {
        let tensors = blocks.iter().map(|block| match block {
            Element::Tensor(tensor) => Ok(tensor),
            _ => Err(Error::bug("rows of different kinds of matrices")),
        });
        return gather_dense(&tensors.collect::<Result<Vec<_>>>()?, rows).map(Element::Tensor);
    }
    let matrices = blocks.iter().map(|block| match block {
        Element::Sparse(matrix) => Ok(matrix),
        _ => Err(Error::bug("rows of different kinds of matrices")),
    });
    SparseMatrix::gather_major(&matrices.collect::<Result<Vec<_>>>()?, rows).map(Element::Sparse)
}

/// Rows of dense arrays: those of each, and then in order.
fn gather_dense(arrays: &[&Tensor], rows: &[(usize, usize)]) -> Result<Tensor> {
    let mut of_each: Vec<Vec<u64>> = vec![Vec::new(); arrays.len()];
    let mut places = Vec::with_capacity(rows.len());
    for &(block, row) in rows {
        let own = of_each.get_mut(block).or_bug("a block that was not read")?;
        places.push((block, own.len()));
        own.push(row as u64);
    }
    let mut starts = vec![0; arrays.len()];
    let mut next = 0;
    for (start, own) in starts.iter_mut().zip(&of_each) {
        (*start, next) = (next, next + own.len());
    }
    let parts = arrays.iter().zip(&of_each).map(|(array, own)| array.take(0, own)).collect::<Result<Vec<_>>>()?;
    let order = places.into_iter().map(|(block, at)| {
        let start = starts.get(block).or_bug("a block that was not read")?;
        Ok((start + at) as u64)
    });
    let order = order.collect::<Result<Vec<u64>>>()?;
    let all = Tensor::concat_rows(&parts)?;
    if order.is_sorted() { Ok(all) } else { all.take(0, &order) }
}
