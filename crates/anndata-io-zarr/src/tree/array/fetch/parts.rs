//! Large reads part by part, along the first axis.

use std::collections::VecDeque;
use std::sync::Arc;

use anndata_storage::{AlignedBytes, AxisSelection, DType, Error, OrBug, Result, Tensor, ensure};

use super::super::Inner;
use super::{Fetched, touched};
use crate::store::Remote;

/// A read of more bytes than this is done in parts: one is decoded while the next is fetched, so that only two of them are
/// held beside the result.
pub(super) const PART: u64 = if cfg!(test) { 1 << 10 } else { 128 << 20 };

/// A selection that is read part by part, along the first axis.
pub(super) struct Parts {
    dtype: DType,
    shape: Vec<usize>,
    left: VecDeque<Vec<AxisSelection>>,
    /// The result where there are several parts, and how much of it is there.
    out: Option<AlignedBytes>,
    filled: usize,
    only: Option<Tensor>,
}

impl Parts {
    pub(super) fn new(array: &Inner, selection: &[AxisSelection]) -> Result<Self> {
        let in_memory = |axis: &AxisSelection| {
            usize::try_from(axis.len()).map_err(|_| Error::limit_exceeded("the selection does not fit into memory"))
        };
        let shape = selection.iter().map(in_memory).collect::<Result<Vec<_>>>()?;
        // A text takes its offset at least, and a size beyond all numbers is over every limit.
        let size = array.meta.dtype.size().unwrap_or(size_of::<i64>());
        // Fallback: a size beyond the numbers is more memory than there is, which is an error below.
        let bytes = shape.iter().try_fold(size, |product, &len| product.checked_mul(len)).unwrap_or(usize::MAX);
        let left = split(array, selection);
        let out = if left.len() > 1 { Some(AlignedBytes::try_zeroed(bytes)?) } else { None };
        Ok(Self { dtype: array.meta.dtype.clone(), shape, left: left.into(), out, filled: 0, only: None })
    }

    /// Starts to fetch the next part.
    pub(super) fn fetch_next(
        &mut self,
        array: &Arc<Inner>,
        remote: &Remote,
    ) -> Result<Option<(Vec<AxisSelection>, Fetching)>> {
        let Some(part) = self.left.pop_front() else { return Ok(None) };
        let chunks = touched(array, &part)?;
        let fetch = remote.runtime().spawn(Fetched::fetch(Arc::clone(array), remote.clone(), chunks))?;
        Ok(Some((part, fetch)))
    }

    /// Takes the values of the next part.
    pub(super) fn put(&mut self, values: Tensor) -> Result<()> {
        let Some(out) = &mut self.out else {
            self.only = Some(values);
            return Ok(());
        };
        let bytes = values.as_bytes().or_bug("a part of values without bytes")?;
        let target = out.as_mut_slice().get_mut(self.filled..self.filled + bytes.len());
        target.or_bug("the parts are more than the whole")?.copy_from_slice(bytes);
        self.filled += bytes.len();
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Tensor> {
        match (self.out, self.only) {
            (Some(out), _) => {
                let (filled, len) = (self.filled, out.as_slice().len());
                ensure!(filled == len, "the parts are {filled} bytes of {len}");
                Tensor::new(self.dtype, self.shape, out)
            }
            (None, Some(only)) => Ok(only),
            (None, None) => Err(Error::invalid_data("nothing was read")),
        }
    }
}

pub(super) type Fetching = tokio::task::JoinHandle<Result<Fetched>>;

/// Cuts a large selection along its first axis, between chunks.
fn split(array: &Inner, selection: &[AxisSelection]) -> Vec<Vec<AxisSelection>> {
    let whole = || vec![selection.to_vec()];
    let (Some((first, inner)), Some(&chunk)) = (selection.split_first(), array.meta.chunks.first()) else {
        return whole();
    };
    let size = match &array.meta.dtype {
        DType::Compound(_) => None,
        dtype => dtype.size(),
    };
    // Values without a fixed size in one piece are not put together from parts.
    let Some(size) = size else { return whole() };
    let row = inner.iter().fold(size as u64, |product, axis| product.saturating_mul(axis.len())).max(1);
    let rows = (PART / row).max(1);
    let chunk = chunk.max(1);
    let axes: Vec<AxisSelection> = match first {
        axis if axis.len() <= rows.max(chunk) => return whole(),
        AxisSelection::Range(range) => {
            let step = rows.div_ceil(chunk).saturating_mul(chunk);
            let cut = |at: u64| at.clamp(range.start, range.end);
            (range.start / step..range.end.div_ceil(step))
                .map(|i| AxisSelection::Range(cut(i.saturating_mul(step))..cut((i + 1).saturating_mul(step))))
                .collect()
        }
        AxisSelection::Indices(indices) => {
            let mut parts: Vec<Vec<u64>> = vec![Vec::new()];
            for &index in indices.iter() {
                let full = parts.last().is_some_and(|part| {
                    part.len() as u64 >= rows && part.last().is_some_and(|last| last / chunk != index / chunk)
                });
                if full {
                    parts.push(Vec::new());
                }
                if let Some(part) = parts.last_mut() {
                    part.push(index);
                }
            }
            parts.into_iter().map(AxisSelection::from).collect()
        }
    };
    axes.into_iter().map(|axis| [&[axis], inner].concat()).collect()
}
