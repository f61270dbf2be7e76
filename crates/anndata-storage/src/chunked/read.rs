//! Reading a selection from chunks.

use std::ops::Range;

use rayon::prelude::*;

use super::copy::{Run, Target, copy_runs, strides};
use super::{byte_len, to_usize};
use crate::{AlignedBytes, ArraySpec, AxisSelection, ChunkedStorage, Error, OrBug, Result, Tensor, ensure};

/// The selected values of a chunked array, decoded on all cores. Each chunk is read and decoded once.
///
/// Selections are within bounds, one per axis, index lists strictly increasing, as [`ArrayStorage::read`] promises.
/// If an index list is not increasing the values are still right, but chunks are decoded again.
///
/// # Errors
/// If a chunk cannot be read or decoded; the error names the chunk. If the selection does not fit into memory.
///
/// [`ArrayStorage::read`]: crate::ArrayStorage::read
pub fn read(storage: &dyn ChunkedStorage, spec: &ArraySpec, selection: &[AxisSelection]) -> Result<Tensor> {
    let mut plan = Plan::new(spec, selection)?;
    let mut out = AlignedBytes::try_to_fill(byte_len(&plan.out_shape, plan.size)?)?;
    plan.is_zero = !out.is_used();
    plan.read(storage, out.as_mut_slice())?;
    Tensor::new(spec.dtype.clone(), plan.out_shape, out)
}

/// The same into memory of the caller, which is of the size of all the values.
///
/// # Errors
/// As [`read`]; [`Bug`](crate::ErrorKind::Bug) if the memory is of another size.
pub fn read_into(
    storage: &dyn ChunkedStorage,
    spec: &ArraySpec,
    selection: &[AxisSelection],
    out: &mut [u8],
) -> Result<()> {
    let plan = Plan::new(spec, selection)?;
    let len = byte_len(&plan.out_shape, plan.size)?;
    ensure!(len == out.len(), "{} bytes for values that have {len}", out.len());
    plan.read(storage, out)
}

/// One read more costs as much as so many bytes more of one that is made anyway.
const READ_COSTS: usize = 16 << 10;

/// Buffers that a thread reuses from chunk to chunk.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) raw: Vec<u8>,
    pub(super) chunk: Vec<u8>,
    pub(super) codec: Vec<u8>,
    runs: Vec<Vec<Run>>,
}

/// Which chunks are touched, and what of each goes where.
struct Plan<'a> {
    axes: Vec<Touched<'a>>,
    chunk_shape: Vec<usize>,
    chunk_len: usize,
    chunk_strides: Vec<usize>,
    out_shape: Vec<usize>,
    out_strides: Vec<usize>,
    size: usize,
    /// Whether the destination is zero already.
    is_zero: bool,
}

impl<'a> Plan<'a> {
    fn new(spec: &ArraySpec, selection: &'a [AxisSelection]) -> Result<Self> {
        let (chunks, size) = super::layout(spec)?;
        if selection.len() != chunks.len() {
            return Err(Error::invalid_input(format!(
                "{} selections were given for {} axes",
                selection.len(),
                chunks.len()
            )));
        }
        let chunk_shape = chunks.iter().map(|&len| to_usize(len)).collect::<Result<Vec<_>>>()?;
        let out_shape = selection.iter().map(|axis| to_usize(axis.len())).collect::<Result<Vec<_>>>()?;
        byte_len(&out_shape, size)?;
        Ok(Self {
            axes: selection
                .iter()
                .zip(chunks)
                .map(|(axis, &chunk)| Touched::new(axis, chunk))
                .collect::<Result<_>>()?,
            chunk_len: byte_len(&chunk_shape, size)?,
            chunk_strides: strides(&chunk_shape),
            chunk_shape,
            out_strides: strides(&out_shape),
            out_shape,
            size,
            is_zero: false,
        })
    }

    /// Reads all touched chunks.
    fn read(&self, storage: &dyn ChunkedStorage, out: &mut [u8]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let target = Target::new(out);
        (0..self.chunk_count()?)
            .into_par_iter()
            .try_for_each_init(Scratch::default, |scratch, number| self.read_chunk(storage, number, target, scratch))
    }

    fn chunk_count(&self) -> Result<usize> {
        byte_len(&self.axes.iter().map(Touched::len).collect::<Vec<_>>(), 1)
    }

    /// Reads the touched chunk of this number (C order over the touched chunks).
    fn read_chunk(
        &self,
        storage: &dyn ChunkedStorage,
        number: usize,
        target: Target,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { raw, chunk: decoded, codec, runs } = scratch;
        let chunk = self.locate(number, runs)?;
        let name = |error: Error| super::at_chunk(&chunk, error);

        if self.read_parts(storage, &chunk, runs, target).map_err(name)? {
            return Ok(());
        }
        let whole = self.position_of_whole(runs).and_then(|at| {
            // SAFETY: `target` outlives this call, and each touched chunk has a box of its own in it: along every axis
            // the runs of the touched chunks partition the destination, and a chunk number is handled once.
            unsafe { target.slice(at * self.size, self.chunk_len) }
        });
        let Some(info) = storage.read_raw(&chunk, raw).map_err(name)? else {
            return self.fill(storage.fill_value(), runs, target);
        };
        if let Some(place) = whole {
            return storage.decode(raw, info, place, codec).map_err(name);
        }
        if storage.is_raw() && raw.len() == self.chunk_len {
            return self.scatter(raw, &self.chunk_strides, runs, target);
        }
        super::resize(decoded, self.chunk_len)?;
        storage.decode(raw, info, decoded, codec).map_err(name)?;
        self.scatter(decoded, &self.chunk_strides, runs, target)
    }

    /// The grid position of a touched chunk; `runs` becomes what is taken of it along each axis.
    fn locate(&self, mut number: usize, runs: &mut Vec<Vec<Run>>) -> Result<Vec<u64>> {
        let mut chunk = vec![0; self.axes.len()];
        runs.resize_with(self.axes.len(), Vec::new);
        for ((axis, position), runs) in self.axes.iter().zip(&mut chunk).zip(runs).rev() {
            let count = axis.len().max(1);
            *position = axis.locate(number % count, runs)?;
            number /= count;
        }
        Ok(chunk)
    }

    /// Where the chunk goes, in elements, if it is taken whole and is one piece of the destination.
    fn position_of_whole(&self, runs: &[Vec<Run>]) -> Option<usize> {
        let mut at = 0;
        let shapes = self.chunk_shape.iter().zip(&self.out_shape);
        for (i, ((axis, (&chunk, &out)), stride)) in runs.iter().zip(shapes).zip(&self.out_strides).enumerate() {
            match axis.as_slice() {
                [Run { source: 0, target, len }] if *len == chunk && (i == 0 || *len == out) => at += target * stride,
                _ => return None,
            }
        }
        Some(at)
    }

    /// Reads what is taken of a chunk where it belongs, and no more. `false` if one read of the whole chunk is cheaper, if what is taken
    /// is not in one piece per run on both sides, or if the chunk is not stored as it is.
    fn read_parts(
        &self,
        storage: &dyn ChunkedStorage,
        chunk: &[u64],
        runs: &[Vec<Run>],
        target: Target,
    ) -> Result<bool> {
        let ([outer, inner @ ..], [step, ..]) = (runs, self.chunk_strides.as_slice()) else { return Ok(false) };
        let mut shapes = self.chunk_shape.iter().zip(&self.out_shape).skip(1);
        let inner_is_whole = inner.iter().all(|axis| match (axis.as_slice(), shapes.next()) {
            ([Run { source: 0, target: 0, len }], Some((chunk, out))) => len == chunk && len == out,
            _ => false,
        });
        let step = step * self.size;
        let taken = outer.iter().map(|run| run.len).sum::<usize>().saturating_mul(step);
        let more_reads = outer.len().saturating_sub(1).saturating_mul(READ_COSTS);
        if !storage.is_raw() || !inner_is_whole || more_reads.saturating_add(taken) > self.chunk_len {
            return Ok(false);
        }
        for run in outer {
            // SAFETY: `target` outlives this call, and each run of each touched chunk has a place of its own in it, as in `read_chunk`.
            let place = unsafe { target.slice(run.target * step, run.len * step) };
            let place = place.or_bug("a run beyond the destination")?;
            if !storage.read_part(chunk, run.source * step, place)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn scatter(&self, chunk: &[u8], strides: &[usize], runs: &[Vec<Run>], target: Target) -> Result<()> {
        // SAFETY: `target` outlives this call; the runs of different chunks go to different boxes of it, as above.
        if unsafe { copy_runs(chunk, target, runs, strides, &self.out_strides, self.size) } {
            Ok(())
        } else {
            Err(Error::invalid_data("a chunk is smaller than the array declares"))
        }
    }

    /// What a chunk that was never written reads as.
    fn fill(&self, value: &[u8], runs: &[Vec<Run>], target: Target) -> Result<()> {
        let no_value;
        let value = match value {
            // A format that names none.
            [] => {
                no_value = vec![0; self.size];
                &no_value
            }
            value => value,
        };
        if self.is_zero && value.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        // One element that stands for the whole chunk: no step leaves it.
        self.scatter(value, &vec![0; self.chunk_shape.len()], runs, target)
    }
}

/// The chunks that a selection touches along one axis.
///
/// Neither ranges nor lists are spelled out: a file may declare a billion chunks of one element, and a list of a billion
/// positions should not take several times its own memory.
enum Touched<'a> {
    Range { start: u64, end: u64, chunk: u64, count: usize },
    List { indices: &'a [u64], chunk: u64, parts: Vec<Range<usize>> },
}

impl<'a> Touched<'a> {
    fn new(axis: &'a AxisSelection, chunk: u64) -> Result<Self> {
        let chunk = chunk.max(1);
        Ok(match axis {
            AxisSelection::Range(range) => {
                let end = range.end.max(range.start);
                let count = if range.is_empty() { 0 } else { to_usize((end - 1) / chunk - range.start / chunk + 1)? };
                Self::Range { start: range.start, end, chunk, count }
            }
            AxisSelection::Indices(indices) => Self::List { indices, chunk, parts: parts(indices, chunk) },
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Range { count, .. } => *count,
            Self::List { parts, .. } => parts.len(),
        }
    }

    /// The position in the grid of a touched chunk; `runs` becomes what is taken of it.
    fn locate(&self, number: usize, runs: &mut Vec<Run>) -> Result<u64> {
        runs.clear();
        match self {
            &Self::Range { start, end, chunk, .. } => {
                let position = start / chunk + number as u64;
                let low = position.checked_mul(chunk).or_bug("a chunk beyond the selection")?.max(start);
                // The chunk may end beyond all numbers, the selection does not.
                let high = position.saturating_add(1).saturating_mul(chunk).min(end);
                runs.push(Run {
                    source: to_usize(low % chunk)?,
                    target: to_usize(low - start)?,
                    len: to_usize(high.checked_sub(low).or_bug("a chunk beyond the selection")?)?,
                });
                Ok(position)
            }
            Self::List { indices, chunk, parts } => {
                let part = parts.get(number).cloned().or_bug("a chunk beyond the selection")?;
                let wanted = indices.get(part.clone()).or_bug("a part beyond the selection")?;
                let position = wanted.first().or_bug("a chunk without a position")? / chunk;
                for (target, &index) in part.zip(wanted) {
                    let source = to_usize(index - position * chunk)?;
                    match runs.last_mut() {
                        Some(run) if run.source + run.len == source => run.len += 1,
                        _ => runs.push(Run { source, target, len: 1 }),
                    }
                }
                Ok(position)
            }
        }
    }
}

/// The parts of an index list that fall into one chunk each.
fn parts(indices: &[u64], chunk: u64) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while let Some(first) = indices.get(start) {
        let low = first - first % chunk;
        let inside = indices.iter().skip(start).take_while(|&&index| index >= low && index - low < chunk).count();
        parts.push(start..start + inside);
        start += inside;
    }
    parts
}
