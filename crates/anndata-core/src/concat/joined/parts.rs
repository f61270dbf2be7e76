//! Which rows of what is joined are those of an input as they are.

use anndata_storage::{OrBug, Result};

use super::What;
use crate::concat::columns::ColumnPlan;
use crate::concat::plan::ElementKind;
use crate::{Element, Reindex, Schema, SparseFormat};

impl What {
    /// The part at a position, if its values are not converted, and stand in the result where they are in it.
    pub(super) fn unchanged<'p>(&self, at: usize, part: Option<&'p Element>) -> Result<Option<&'p Element>> {
        let Some(part) = part else { return Ok(None) };
        let same = match self {
            Self::Element(plan) if plan.axis == 0 => {
                let reindex = plan.reindex.get(at).or_bug("an input that was not planned")?;
                match &plan.kind {
                    ElementKind::Dense { dtype, inner, .. } => {
                        let is_same = |own: &Schema| match own {
                            Schema::Array { dtype: own, shape } => {
                                own == dtype && shape.get(2..) == Some(inner.as_slice())
                            }
                            _ => false,
                        };
                        reindex.is_identity() && is_same(&part.schema()?)
                    }
                    ElementKind::Sparse { dtype, fill, sorted: false } => {
                        let is_same = |own: &Schema| match own {
                            Schema::Sparse { format, dtype: own, .. } => *format == SparseFormat::Csr && own == dtype,
                            _ => false,
                        };
                        keeps_positions(reindex) && (fill.is_zero() || !reindex.misses()) && is_same(&part.schema()?)
                    }
                    _ => false,
                }
            }
            Self::Column(ColumnPlan::Numbers(dtype) | ColumnPlan::Times(dtype)) => {
                matches!(part.schema()?, Schema::Array { dtype: own, shape } if own == *dtype && shape.len() == 1)
            }
            _ => false,
        };
        Ok(same.then_some(part))
    }
}

/// Whether each old position is the same in the result.
fn keeps_positions(reindex: &Reindex) -> bool {
    reindex.is_identity() || (0..reindex.old_len()).all(|old| reindex.to_new(old) == Some(old))
}
