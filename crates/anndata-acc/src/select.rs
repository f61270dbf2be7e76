//! Part of an element, in memory.

use anndata_core::Element;
use anndata_core::storage::{Axis, Error, Result};

/// What is selected of each axis, `None` being all of it.
pub(crate) fn select(element: &Element, axes: &[Option<Axis>]) -> Result<Element> {
    match element.load()? {
        Element::Tensor(tensor) => {
            let whole = tensor.shape().iter().map(|&len| Axis::Range(0..len as u64));
            let axes: Vec<Axis> =
                whole.enumerate().map(|(i, whole)| axes.get(i).cloned().flatten().unwrap_or(whole)).collect();
            tensor.select(&axes).map(Element::Tensor)
        }
        Element::Sparse(matrix) => {
            let whole = |len: usize| Axis::Range(0..len as u64);
            let (rows, columns) = matrix.shape();
            let [row, column] = axes else { return Err(Error::invalid_input("a matrix has two axes")) };
            let (row, column) =
                (row.clone().unwrap_or_else(|| whole(rows)), column.clone().unwrap_or_else(|| whole(columns)));
            matrix.select(&row, &column).map(Element::Sparse)
        }
        other => Err(Error::dtype(format!("nothing can be selected of {}", other.kind_name()))),
    }
}
