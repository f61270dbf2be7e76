//! [`Selected`]: what a selection of joined elements is put together of.

use anndata_storage::{AxisSelection, OrBug, Result};

use super::What;
use crate::{Element, SparseMatrix};

/// A selection: a smaller plan, what it needs of each input, and the order in which the positions were asked for along each
/// axis, where that is another.
pub(super) struct Selected {
    pub(super) what: What,
    pub(super) lengths: Vec<usize>,
    pub(super) parts: Vec<Option<Element>>,
    pub(super) order: Vec<Option<AxisSelection>>,
}

impl Selected {
    pub(super) fn finish(&self, parts: Vec<Option<Element>>) -> Result<Element> {
        if let [Some(order), None] = self.order.as_slice()
            && let Some(gathered) = self.gathered(order, &parts)?
        {
            return Ok(gathered);
        }
        let element = self.what.run(&self.lengths, parts)?;
        if self.order.iter().all(Option::is_none) {
            return Ok(element);
        }
        let shape = element.shape()?.or_bug("an element with rows, but without axes")?;
        let axes = self.order.iter().zip(shape);
        let axes = axes.map(|(order, len)| order.clone().unwrap_or(AxisSelection::Range(0..len as u64)));
        element.select(&axes.collect::<Vec<_>>())
    }

    /// Rows of CSR matrices in their order at once, where each matrix is in the result as it is.
    fn gathered(&self, order: &AxisSelection, parts: &[Option<Element>]) -> Result<Option<Element>> {
        let What::Element(plan) = &self.what else { return Ok(None) };
        if plan.axis != 0 {
            return Ok(None);
        }
        let (mut matrices, mut slices) = (Vec::new(), Vec::new());
        for (at, ((part, reindex), &rows)) in parts.iter().zip(plan.reindex.iter()).zip(&self.lengths).enumerate() {
            if rows == 0 {
                continue;
            }
            match self.what.unchanged(at, part.as_ref())? {
                Some(Element::Sparse(matrix)) if reindex.is_identity() => {
                    slices.extend((0..rows).map(|row| (matrices.len(), row)));
                    matrices.push(matrix);
                }
                _ => return Ok(None),
            }
        }
        if matrices.is_empty() {
            return Ok(None);
        }
        let slice = |position: u64| {
            let position = usize::try_from(position).ok();
            position.and_then(|position| slices.get(position)).copied().or_bug("a row of no input")
        };
        let slices = order.positions().map(slice).collect::<Result<Vec<_>>>()?;
        SparseMatrix::gather_major(&matrices, &slices).map(Element::Sparse).map(Some)
    }
}
