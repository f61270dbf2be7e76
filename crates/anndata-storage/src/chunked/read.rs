//! Reading a selection from chunks.

use rayon::prelude::*;

use super::copy::{Run, Target, copy_runs, strides};
use crate::{AlignedBytes, ArraySpec, Axis, ChunkedStorage, Error, Result, Tensor};

/// The selected values of a chunked array, decoded on all cores. Each chunk is read and decoded once.
///
/// Selections are within bounds, one an axis, index lists strictly increasing, as [`ArrayStorage::read`] promises.
///
/// # Errors
/// Where a chunk cannot be read or decoded; the error names the chunk.
///
/// [`ArrayStorage::read`]: crate::ArrayStorage::read
pub fn read(storage: &dyn ChunkedStorage, spec: &ArraySpec, selection: &[Axis]) -> Result<Tensor> {
    let plan = Plan::new(spec, selection)?;
    let mut out = AlignedBytes::zeroed(plan.bytes()?);
    if !out.as_slice().is_empty() {
        let target = Target::new(out.as_mut_slice());
        (0..plan.chunk_count()?)
            .into_par_iter()
            .try_for_each_init(Scratch::default, |scratch, number| plan.read_chunk(storage, number, target, scratch))?;
    }
    Tensor::new(spec.dtype.clone(), plan.out_shape, out.into())
}

/// Buffers that a thread reuses from chunk to chunk.
#[derive(Default)]
struct Scratch {
    raw: Vec<u8>,
    chunk: Vec<u8>,
    codec: Vec<u8>,
}

/// Which chunks are touched, and what of each goes where.
struct Plan {
    /// For each axis, the touched chunks: position in the grid and the runs within.
    axes: Vec<Vec<(u64, Vec<Run>)>>,
    chunk_shape: Vec<usize>,
    out_shape: Vec<usize>,
    size: usize,
}

impl Plan {
    fn new(spec: &ArraySpec, selection: &[Axis]) -> Result<Self> {
        let size = spec.dtype.size().ok_or_else(|| Error::dtype(format!("{} has no fixed size", spec.dtype)))?;
        let chunks = spec.chunks.as_deref().unwrap_or(&spec.shape);
        let axes = selection.iter().zip(chunks).map(|(axis, &chunk)| split_axis(axis, chunk)).collect::<Result<_>>()?;
        let chunk_shape = chunks.iter().map(|&len| to_usize(len)).collect::<Result<_>>()?;
        let out_shape = selection.iter().map(|axis| to_usize(axis.len())).collect::<Result<_>>()?;
        Ok(Self { axes, chunk_shape, out_shape, size })
    }

    fn bytes(&self) -> Result<usize> {
        byte_len(&self.out_shape, self.size)
    }

    fn chunk_count(&self) -> Result<usize> {
        byte_len(&self.axes.iter().map(Vec::len).collect::<Vec<_>>(), 1)
    }

    /// Reads the touched chunk of this number (C order over the touched chunks).
    fn read_chunk(
        &self,
        storage: &dyn ChunkedStorage,
        number: usize,
        target: Target,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (chunk, runs) = self.locate(number);
        let chunk_len = byte_len(&self.chunk_shape, self.size)?;
        let name = |error: Error| Error::new(error.kind(), format!("chunk {chunk:?}")).with_source(error);

        let Some(skipped) = storage.read_raw(&chunk, &mut scratch.raw).map_err(name)? else {
            return self.fill(storage.fill_value(), &runs, target, scratch);
        };
        if let Some(at) = self.place_of_whole(&runs) {
            // SAFETY: `target` outlives this call and each chunk covers a box of its own in it.
            if let Some(place) = unsafe { target.slice(at * self.size, chunk_len) } {
                return storage.decode(&scratch.raw, skipped, place, &mut scratch.codec).map_err(name);
            }
        }
        if storage.is_raw() && skipped == 0 && scratch.raw.len() == chunk_len {
            return self.scatter(&scratch.raw, &runs, target);
        }
        scratch.chunk.resize(chunk_len, 0);
        storage.decode(&scratch.raw, skipped, &mut scratch.chunk, &mut scratch.codec).map_err(name)?;
        self.scatter(&scratch.chunk, &runs, target)
    }

    /// The grid position of a touched chunk and its runs along each axis.
    fn locate(&self, mut number: usize) -> (Vec<u64>, Vec<&[Run]>) {
        let mut chunk = vec![0; self.axes.len()];
        let mut runs: Vec<&[Run]> = vec![&[]; self.axes.len()];
        for (i, axis) in self.axes.iter().enumerate().rev() {
            if let (Some((position, axis_runs)), Some(c), Some(r)) =
                (axis.get(number % axis.len().max(1)), chunk.get_mut(i), runs.get_mut(i))
            {
                *c = *position;
                *r = axis_runs;
            }
            number /= axis.len().max(1);
        }
        (chunk, runs)
    }

    /// Where the chunk goes, in elements, if it is taken whole and is one piece of the destination.
    fn place_of_whole(&self, runs: &[&[Run]]) -> Option<usize> {
        let mut at = 0;
        for (i, ((axis, &chunk), (&out, stride))) in
            runs.iter().zip(&self.chunk_shape).zip(self.out_shape.iter().zip(strides(&self.out_shape))).enumerate()
        {
            match **axis {
                [Run { source: 0, target, len }] if len == chunk && (i == 0 || len == out) => at += target * stride,
                _ => return None,
            }
        }
        Some(at)
    }

    fn scatter(&self, chunk: &[u8], runs: &[&[Run]], target: Target) -> Result<()> {
        let (from, to) = (strides(&self.chunk_shape), strides(&self.out_shape));
        // SAFETY: `target` outlives this call; the runs of different chunks go to different boxes of it.
        if unsafe { copy_runs(chunk, target, runs, &from, &to, self.size) } {
            Ok(())
        } else {
            Err(Error::invalid_data("a chunk is smaller than the array declares"))
        }
    }

    /// What a chunk that was never written reads as. The destination is zero already.
    fn fill(&self, value: &[u8], runs: &[&[Run]], target: Target, scratch: &mut Scratch) -> Result<()> {
        if value.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let chunk_len = byte_len(&self.chunk_shape, self.size)?;
        scratch.chunk.clear();
        scratch.chunk.extend(value.iter().cycle().take(chunk_len));
        self.scatter(&scratch.chunk, runs, target)
    }
}

/// The chunks that a selection touches along an axis, with the runs within each.
fn split_axis(axis: &Axis, chunk: u64) -> Result<Vec<(u64, Vec<Run>)>> {
    let chunk = chunk.max(1);
    let mut touched: Vec<(u64, Vec<Run>)> = Vec::new();
    let mut target = 0;
    for (start, len) in axis.runs() {
        let (mut at, end) = (start, start + len);
        while at < end {
            let position = at / chunk;
            let stop = end.min((position + 1).saturating_mul(chunk));
            let run = Run { source: to_usize(at % chunk)?, target, len: to_usize(stop - at)? };
            match touched.last_mut() {
                Some((last, runs)) if *last == position => runs.push(run),
                _ => touched.push((position, vec![run])),
            }
            target += run.len;
            at = stop;
        }
    }
    Ok(touched)
}

pub(super) fn byte_len(shape: &[usize], size: usize) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(size, |product, &n| product.checked_mul(n))
        .ok_or_else(|| Error::limit_exceeded(format!("an array of shape {shape:?} does not fit into memory")))
}

pub(super) fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::limit_exceeded(format!("{value} does not fit into memory")))
}
