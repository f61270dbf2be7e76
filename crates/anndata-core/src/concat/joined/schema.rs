//! What joined elements and columns are, as far as plans know, and plans for parts of them.

use anndata_storage::{AxisSelection, Result};

use crate::concat::columns::ColumnPlan;
use crate::concat::outline;
use crate::concat::plan::{ElementKind, ElementPlan};
use crate::schema::len_of;
use crate::{ColumnKind, ColumnSchema, Element, NaValue, Reindex, Schema, SparseFormat};

impl ElementPlan {
    /// What the result is, as far as it is known from the plan.
    pub(super) fn schema(&self, parts: &[Option<Element>]) -> Result<Schema> {
        let total: usize = self.lengths.iter().sum();
        let other = self.reindex.first().map_or(0, Reindex::new_len);
        let (rows, columns) = if self.axis == 0 { (total, other) } else { (other, total) };
        Ok(match &self.kind {
            ElementKind::Dense { dtype, inner, .. } => {
                let shape = [rows, columns].into_iter().chain(inner.iter().copied()).collect();
                Schema::Array { dtype: dtype.clone(), shape }
            }
            ElementKind::Sparse { dtype, .. } | ElementKind::Diagonal { dtype } => {
                Schema::Sparse { format: SparseFormat::Csr, dtype: dtype.clone(), shape: (rows, columns) }
            }
            ElementKind::Awkward { .. } => Schema::Awkward { len: total },
            ElementKind::Frame(_) => return Err(crate::Error::bug("a frame is joined column by column")),
            ElementKind::Extension { encoding } => {
                let mut shape = parts.iter().flatten().next().map(Element::shape).transpose()?.flatten();
                if let Some(rows) = shape.as_mut().and_then(|shape| shape.first_mut()) {
                    *rows = total;
                }
                Schema::Extension { encoding: encoding.clone(), shape }
            }
        })
    }

    /// Whether the result has two axes or more, of which one is reindexed.
    pub(super) fn is_matrix(&self) -> bool {
        self.is_sparse() || matches!(self.kind, ElementKind::Dense { .. })
    }

    pub(super) fn is_sparse(&self) -> bool {
        matches!(self.kind, ElementKind::Sparse { .. } | ElementKind::Diagonal { .. })
    }

    /// Whether there is a value for what an input does not have.
    pub(super) fn fills(&self) -> bool {
        match &self.kind {
            ElementKind::Dense { dtype, .. } => dtype.is_numeric() || dtype.is_time(),
            _ => self.is_sparse(),
        }
    }

    /// The plan for so many positions of each input, and positions along the axes below the second.
    pub(super) fn select(&self, lengths: &[usize], inner: &[AxisSelection]) -> Result<Self> {
        let mut plan = Self { lengths: lengths.into(), ..self.clone() };
        if let ElementKind::Dense { inner: lens, .. } = &mut plan.kind {
            *lens = inner.iter().map(len_of).collect::<Result<_>>()?;
        }
        Ok(plan)
    }
}

impl ColumnPlan {
    /// What a column of so many rows is.
    pub(super) fn schema(&self, len: usize) -> Result<Schema> {
        let column = |kind, dtype| ColumnSchema::new(kind, dtype, len);
        Ok(match self {
            Self::Numbers(dtype) | Self::Times(dtype) => Schema::Array { dtype: dtype.clone(), shape: vec![len] },
            Self::Text(None) => Schema::Array { dtype: crate::DType::String, shape: vec![len] },
            Self::Text(Some(na_value)) => Schema::Column(column(ColumnKind::Nullable(*na_value), crate::DType::String)),
            Self::Nullable(dtype) => Schema::Column(column(ColumnKind::Nullable(NaValue::Na), dtype.clone())),
            Self::Categorical { categories, ordered } => {
                let dtype = outline::dtype(categories)?;
                let kind = ColumnKind::Categorical { ordered: *ordered };
                Schema::Column(column(kind, dtype).with_n_categories(categories.len()))
            }
        })
    }
}
