//! Comparing matrices of which one is stored: block by block, so that neither is in memory as a whole.

use anndata_storage::{Error, Result};

use super::Tolerance;
use super::values::{self, Apart, Place, Same};
use crate::matrix::{Blocks, Matrix};
use crate::{Element, Schema, SparseFormat};

/// About how many bytes a block has; few in tests, so that small matrices have many.
const BLOCK_BYTES: usize = if cfg!(test) { 16 << 10 } else { 16 << 20 };

/// Compares two matrices, one of which has to be read, to the first block that differs or to the end; `None` if this is not
/// what they are.
pub(super) fn compare(a: &Element, b: &Element, tolerance: &Tolerance, to_the_end: bool) -> Result<Option<Same>> {
    if !matches!(a, Element::Lazy(_)) && !matches!(b, Element::Lazy(_)) {
        return Ok(None);
    }
    let (Some(kind), Some(other)) = (Kind::of(a)?, Kind::of(b)?) else { return Ok(None) };
    if kind != other {
        return Ok(Some(Err(Apart::new(format!("one is {}, the other {}", kind.described(), other.described())))));
    }
    let (blocks, others) = (Blocks::of_size(a, BLOCK_BYTES)?, Blocks::of_size(b, BLOCK_BYTES)?);
    let ranges = if matches!(a, Element::Lazy(_)) { blocks.ranges() } else { others.ranges() };
    let mut found: Option<Apart> = None;
    for range in ranges {
        let (block, other) = rayon::join(|| blocks.block(&range), || others.block(&range));
        let start = if blocks.axis() == 0 { [range.start as u64, 0] } else { [0, range.start as u64] };
        let same = match (block?, other?) {
            (Matrix::Dense(a), Matrix::Dense(b)) => values::compare(&a, &b, tolerance, Place::From(&start))?,
            (Matrix::Sparse(a), Matrix::Sparse(b)) => values::compare_sparse(&a, &b, tolerance, start)?,
            _ => return Err(Error::bug("a block of another kind than its matrix")),
        };
        let Err(apart) = same else { continue };
        let is_last = !to_the_end || apart.n_values == 0;
        found = Some(match found {
            Some(found) => found.and(apart),
            None => apart,
        });
        if is_last {
            break;
        }
    }
    Ok(Some(found.map_or(Ok(()), Err)))
}

/// What a matrix is.
#[derive(PartialEq)]
struct Kind {
    /// `None` of a dense one.
    format: Option<SparseFormat>,
    shape: (usize, usize),
}

impl Kind {
    fn of(element: &Element) -> Result<Option<Self>> {
        Ok(match element.schema()? {
            Schema::Sparse { format, shape, .. } => Some(Self { format: Some(format), shape }),
            Schema::Array { shape, .. } => match *shape.as_slice() {
                [rows, columns] => Some(Self { format: None, shape: (rows, columns) }),
                _ => None,
            },
            _ => None,
        })
    }

    fn described(&self) -> String {
        let format = match self.format {
            None => "a dense matrix",
            Some(SparseFormat::Csr) => "a CSR matrix",
            Some(SparseFormat::Csc) => "a CSC matrix",
        };
        format!("{format} of shape {:?}", self.shape)
    }
}
