//! Carrying out the plan of one key: elements in memory become one.

use std::sync::Arc;

use anndata_storage::{Error, OrBug, Result};

use super::dense;
use super::outline::Outline;
use super::plan::{ElementKind, ElementPlan, filled_dtype};
use crate::Reindex;
use crate::awkward::Awkward;
use crate::{Element, Extension, SparseFormat, SparseMatrix, Tensor};
use anndata_array::promote::FillValue;
use anndata_array::sparse::stack::{Piece, Target, stack};

/// The element of one key, of what each input has of it.
pub(super) fn run(plan: &ElementPlan, parts: Vec<Option<Element>>) -> Result<Element> {
    Ok(match &plan.kind {
        ElementKind::Dense { dtype, inner, fill } => {
            let tensors = parts.into_iter().map(|part| part.map(|part| part.to_tensor()).transpose());
            dense::concat(plan, dtype, inner, *fill, &tensors.collect::<Result<Vec<_>>>()?)?.into()
        }
        ElementKind::Sparse { dtype, fill, sorted } => {
            let fill = if fill.is_zero() { None } else { Some(fill.to_tensor(dtype)?) };
            let joined = rows_of_matrices(plan, dtype, fill, parts)?;
            if *sorted { joined.sorted()? } else { joined }.into()
        }
        ElementKind::Diagonal { dtype } => rows_of_matrices(plan, dtype, None, parts)?.into(),
        ElementKind::Awkward { fields } => {
            let parts = parts.into_iter().zip(plan.lengths.iter()).map(|(part, &len)| match part {
                None => Awkward::missing(len),
                Some(Element::Awkward(awkward)) => match fields {
                    Some(fields) => awkward.project(fields),
                    None => Ok(awkward),
                },
                Some(other) => Err(Error::invalid_data(format!("{} is not an awkward array", other.kind_name()))),
            });
            Awkward::concat(&parts.collect::<Result<Vec<_>>>()?)?.into()
        }
        ElementKind::Extension { .. } => {
            let parts = parts.into_iter().zip(plan.lengths.iter()).map(|(part, &rows)| match part {
                None => Ok((None, rows)),
                Some(Element::Extension(extension)) => Ok((Some(extension), rows)),
                Some(other) => {
                    Err(Error::invalid_data(format!("{} is not of the planned encoding", other.kind_name())))
                }
            });
            let parts = parts.collect::<Result<Vec<(Option<Arc<dyn Extension>>, usize)>>>()?;
            let any = parts.iter().find_map(|(part, _)| part.clone()).or_bug("a key that no object has")?;
            Element::Extension(any.concat(&parts)?)
        }
        ElementKind::Frame(_) => return Err(Error::bug("a frame is joined column by column")),
    })
}

/// Matrices one after the other, as CSR.
fn rows_of_matrices(
    plan: &ElementPlan,
    dtype: &crate::DType,
    fill: Option<Tensor>,
    parts: Vec<Option<Element>>,
) -> Result<SparseMatrix> {
    let pieces = parts.into_iter().zip(plan.lengths.iter().zip(plan.reindex.iter()));
    let pieces = pieces
        .map(|(part, (&len, reindex))| Ok(Piece { matrix: part.map(|part| to_csr(&part)).transpose()?, len, reindex }));
    let target = Target {
        format: SparseFormat::Csr,
        axis: plan.axis,
        // No inputs have no columns.
        other_len: plan.reindex.first().map_or(0, Reindex::new_len),
        dtype: dtype.clone(),
        fill,
    };
    stack(&pieces.collect::<Result<Vec<_>>>()?, &target)
}

/// A matrix or array with one axis in the joined order: a concatenation of one along the other axis.
pub(super) fn reindex_axis(element: &Element, reindex: &Reindex, axis: usize) -> Result<Element> {
    let outline = Outline::of(element)?;
    let sparse = matches!(outline, Outline::Sparse { .. });
    let fill = if sparse { FillValue::Int(0) } else { FillValue::NAN };
    let along = 1 - axis;
    let dtype = filled_dtype(Some(&outline), along, reindex, fill, sparse);
    let len = outline.len(along);
    if let Element::Sparse(matrix) = element {
        let target = Target { format: matrix.format(), axis: along, other_len: reindex.new_len(), dtype, fill: None };
        return Ok(stack(&[Piece { matrix: Some(matrix.clone()), len, reindex }], &target)?.into());
    }
    let tensor = element.to_tensor()?;
    let inner = tensor.shape().get(2..).unwrap_or_default().to_vec();
    let plan = ElementPlan {
        axis: along,
        lengths: Arc::from([len]),
        reindex: Arc::from([reindex.clone()]),
        kind: ElementKind::Dense { dtype: dtype.clone(), inner: inner.clone(), fill },
    };
    Ok(dense::concat(&plan, &dtype, &inner, fill, &[Some(tensor)])?.into())
}

/// An element in memory, not kept where it is lazy.
pub(super) fn once(element: &Element) -> Result<Element> {
    match element {
        Element::Lazy(lazy) => lazy.load_once(),
        element => element.load(),
    }
}

fn to_csr(element: &Element) -> Result<SparseMatrix> {
    match element {
        Element::Sparse(matrix) => matrix.to_format(SparseFormat::Csr),
        Element::Tensor(tensor) => {
            let matrix: Tensor = match *tensor.shape() {
                [len] => tensor.clone().reshape([len, 1])?,
                _ => tensor.clone(),
            };
            SparseMatrix::from_dense(&matrix, SparseFormat::Csr)
        }
        other => Err(Error::invalid_data(format!("{} is not a matrix", other.kind_name()))),
    }
}
