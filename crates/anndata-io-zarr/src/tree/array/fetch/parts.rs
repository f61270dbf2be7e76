//! Large reads part by part, along the first axis.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec;

use anndata_storage::{AlignedBytes, AxisSelection, DType, Error, OrBug, Result, Tensor, chunked, ensure};
use tokio::task::JoinHandle;

use super::super::Inner;
use super::{Fetched, touched};
use crate::store::Remote;

/// A read of more bytes than this is done in parts: one is decoded while the next are fetched.
pub(super) const PART: u64 = if cfg!(test) { 1 << 10 } else { 16 << 20 };

/// How many parts are held beside the result, on their way or fetched: so many that the network is never waited for with nothing
/// asked of it.
const AHEAD: usize = 4;

type Fetching = JoinHandle<Result<Fetched>>;

/// Parts of a read, of which those that come next are fetched ahead.
pub(super) struct Ahead<P> {
    array: Arc<Inner>,
    remote: Remote,
    left: vec::IntoIter<P>,
    /// The chunks that a part touches.
    touched: fn(&Inner, &P) -> Result<Vec<Vec<u64>>>,
    coming: VecDeque<(P, Fetching)>,
}

impl<P> Ahead<P> {
    pub(super) fn new(
        array: &Arc<Inner>,
        remote: &Remote,
        parts: Vec<P>,
        touched: fn(&Inner, &P) -> Result<Vec<Vec<u64>>>,
    ) -> Self {
        let (array, remote) = (Arc::clone(array), remote.clone());
        Self { array, remote, left: parts.into_iter(), touched, coming: VecDeque::new() }
    }

    /// The next part, still to be waited for; those behind it are on their way then.
    pub(super) fn next(&mut self) -> Result<Option<(P, Fetching)>> {
        while self.coming.len() < AHEAD
            && let Some(part) = self.left.next()
        {
            let chunks = (self.touched)(&self.array, &part)?;
            let fetch = Fetched::fetch(Arc::clone(&self.array), self.remote.clone(), chunks);
            self.coming.push_back((part, self.remote.runtime().spawn(fetch)?));
        }
        Ok(self.coming.pop_front())
    }
}

/// A selection that is read part by part, along the first axis.
pub(super) struct Parts {
    array: Arc<Inner>,
    ahead: Ahead<Vec<AxisSelection>>,
    values: Values,
}

/// What was decoded so far.
enum Values {
    /// Of a selection that is one part.
    Only(Option<Tensor>),
    /// The values of several parts, and how many bytes of them are there.
    Several { shape: Vec<usize>, out: AlignedBytes, filled: usize },
}

impl Parts {
    pub(super) fn new(array: &Arc<Inner>, remote: &Remote, selection: &[AxisSelection]) -> Result<Self> {
        let parts = split(array, selection);
        let values = match array.meta.dtype.size() {
            Some(size) if parts.len() > 1 => {
                let shape = shape(selection)?;
                let bytes = shape.iter().try_fold(size, |product, &len| product.checked_mul(len));
                let bytes = bytes.ok_or_else(too_large)?;
                Values::Several { shape, out: AlignedBytes::try_to_fill(bytes)?, filled: 0 }
            }
            _ => Values::Only(None),
        };
        let ahead = Ahead::new(array, remote, parts, |array, part| touched(array, part));
        Ok(Self { array: Arc::clone(array), ahead, values })
    }

    /// The next part, still to be waited for.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<AxisSelection>, Fetching)>> {
        self.ahead.next()
    }

    /// Decodes the next part.
    pub(super) fn decode(&mut self, fetched: &Fetched, part: &[AxisSelection]) -> Result<()> {
        match &mut self.values {
            Values::Only(only) => *only = Some(self.array.read(fetched, part)?),
            Values::Several { out, filled, shape: whole } => {
                // The parts are cut along the first axis, so that each is one piece of the whole.
                let rows = whole.first().copied().or_bug("parts of values without axes")?;
                let part_rows = part.first().map(AxisSelection::len).and_then(|len| usize::try_from(len).ok());
                let row = out.as_slice().len().checked_div(rows).or_bug("several parts of nothing")?;
                let len = part_rows.and_then(|part| part.checked_mul(row)).or_bug("a part without a length")?;
                let target = out.as_mut_slice().get_mut(*filled..filled.saturating_add(len));
                let target = target.or_bug("the parts are more than the whole")?;
                chunked::read_into(fetched, &self.array.spec(), part, target)?;
                *filled += len;
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Tensor> {
        match self.values {
            Values::Only(only) => only.ok_or_else(|| Error::invalid_data("nothing was read")),
            Values::Several { shape, out, filled } => {
                ensure!(filled == out.as_slice().len(), "the parts are {filled} bytes of {}", out.as_slice().len());
                Tensor::new(self.array.meta.dtype.clone(), shape, out)
            }
        }
    }
}

fn shape(selection: &[AxisSelection]) -> Result<Vec<usize>> {
    selection.iter().map(|axis| usize::try_from(axis.len()).map_err(|_| too_large())).collect()
}

#[cold]
fn too_large() -> Error {
    Error::limit_exceeded("the selection does not fit into memory")
}

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
