//! Writing a block of values into chunks.

use rayon::prelude::*;

use super::copy::{Run, Target, copy_runs, strides};
use super::read::{byte_len, to_usize};
use crate::{ArraySpec, ChunkedStorage, Error, Result, Tensor};

/// The most bytes of decoded chunks that are encoded before they are handed over.
const BATCH_BYTES: usize = 64 << 20;

/// Writes a block into a chunked array: chunks are encoded on all cores and stored in order.
///
/// A chunk that the block covers only in part is read, changed and written back, except where the rest of it lies
/// outside the array.
///
/// # Errors
/// Where encoding or storing fails; the error names the chunk.
pub fn write(storage: &dyn ChunkedStorage, spec: &ArraySpec, offset: &[u64], values: &Tensor) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let plan = Plan::new(spec, offset, values)?;
    let packed = values.to_packed()?;
    let batch = (BATCH_BYTES / plan.chunk_len.max(1)).max(2 * rayon::current_num_threads());
    let mut encoded: Vec<Encoded> = Vec::new();
    for start in (0..plan.chunk_count).step_by(batch) {
        let numbers = start..plan.chunk_count.min(start + batch);
        encoded.resize_with(numbers.len(), Encoded::default);
        numbers.into_par_iter().zip(&mut encoded).try_for_each_init(
            || (Vec::new(), Vec::new()),
            |(chunk, scratch), (number, out)| plan.encode_chunk(storage, number, &packed, out, chunk, scratch),
        )?;
        for Encoded { position, raw } in &encoded {
            storage.write_raw(position, raw).map_err(|error| at_chunk(position, error))?;
        }
    }
    Ok(())
}

/// A chunk ready to be stored.
#[derive(Default)]
struct Encoded {
    position: Vec<u64>,
    raw: Vec<u8>,
}

struct Plan {
    /// Along each axis: the first element of the block and one past its last.
    block: Vec<(u64, u64)>,
    /// Along each axis: the length of the array.
    array: Vec<u64>,
    /// Along each axis: the first touched chunk and the number of touched chunks.
    grid: Vec<(u64, usize)>,
    chunk_shape: Vec<u64>,
    chunk_strides: Vec<usize>,
    block_strides: Vec<usize>,
    chunk_count: usize,
    chunk_len: usize,
    size: usize,
}

impl Plan {
    fn new(spec: &ArraySpec, offset: &[u64], values: &Tensor) -> Result<Self> {
        let size = spec.dtype.size().ok_or_else(|| Error::dtype(format!("{} has no fixed size", spec.dtype)))?;
        let chunk_shape = spec.chunks.clone().unwrap_or_else(|| spec.shape.clone());
        let block: Vec<(u64, u64)> =
            offset.iter().zip(values.shape()).map(|(&start, &len)| (start, start + len as u64)).collect();
        let grid = block
            .iter()
            .zip(&chunk_shape)
            .map(|(&(start, end), &chunk)| Ok((start / chunk, to_usize(end.div_ceil(chunk) - start / chunk)?)))
            .collect::<Result<Vec<_>>>()?;
        let in_memory = chunk_shape.iter().map(|&len| to_usize(len)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            block,
            array: spec.shape.clone(),
            chunk_count: byte_len(&grid.iter().map(|&(_, count)| count).collect::<Vec<_>>(), 1)?,
            grid,
            chunk_len: byte_len(&in_memory, size)?,
            chunk_shape,
            chunk_strides: strides(&in_memory),
            block_strides: strides(values.shape()),
            size,
        })
    }

    fn encode_chunk(
        &self,
        storage: &dyn ChunkedStorage,
        number: usize,
        block: &[u8],
        out: &mut Encoded,
        chunk: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<()> {
        let (position, runs, covered) = self.locate(number)?;
        out.position = position;
        if let (true, Some(bytes)) = (covered, self.piece_of_block(block, &runs)) {
            return storage.encode(bytes, &mut out.raw, scratch).map_err(|error| at_chunk(&out.position, error));
        }
        chunk.clear();
        chunk.resize(self.chunk_len, 0);
        if !covered {
            read_before(storage, &out.position, &mut out.raw, chunk, scratch)?;
        }
        let slices: Vec<&[Run]> = runs.iter().map(std::slice::from_ref).collect();
        // SAFETY: `chunk` is borrowed mutably here and touched by this thread alone.
        let complete = unsafe {
            copy_runs(block, Target::new(chunk), &slices, &self.block_strides, &self.chunk_strides, self.size)
        };
        if !complete {
            return Err(Error::invalid_input("the block is smaller than its shape"));
        }
        storage.encode(chunk, &mut out.raw, scratch).map_err(|error| at_chunk(&out.position, error))
    }

    /// The grid position of a touched chunk, the run that the block covers along each axis, and whether nothing of the
    /// array that lies in the chunk is left out.
    fn locate(&self, mut number: usize) -> Result<(Vec<u64>, Vec<Run>, bool)> {
        let mut position = Vec::with_capacity(self.grid.len());
        for &(first, count) in self.grid.iter().rev() {
            position.push(first + (number % count) as u64);
            number /= count;
        }
        position.reverse();
        let mut covered = true;
        let mut runs = Vec::with_capacity(position.len());
        for (((&at, &chunk), &(start, end)), &len) in
            position.iter().zip(&self.chunk_shape).zip(&self.block).zip(&self.array)
        {
            let (low, high) = (at * chunk, (at + 1).saturating_mul(chunk));
            let (from, to) = (low.max(start), high.min(end));
            covered &= from == low && to == high.min(len);
            runs.push(Run {
                source: to_usize(from - start)?,
                target: to_usize(from - low)?,
                len: to_usize(to - from)?,
            });
        }
        Ok((position, runs, covered))
    }

    /// The chunk's bytes where they are one piece of the block, as rows of whole length are.
    fn piece_of_block<'a>(&self, block: &'a [u8], runs: &[Run]) -> Option<&'a [u8]> {
        if self.block_strides != self.chunk_strides {
            return None;
        }
        let (first, inner) = runs.split_first()?;
        let (&chunk, inner_chunk) = self.chunk_shape.split_first()?;
        let whole = first.len as u64 == chunk
            && inner.iter().zip(inner_chunk).all(|(run, &len)| run.source == 0 && run.len as u64 == len);
        let start = first.source * self.block_strides.first()? * self.size;
        whole.then(|| block.get(start..start + self.chunk_len)).flatten()
    }
}

/// What a chunk holds before it is changed in part.
fn read_before(
    storage: &dyn ChunkedStorage,
    position: &[u64],
    raw: &mut Vec<u8>,
    chunk: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Result<()> {
    if let Some(skipped) = storage.read_raw(position, raw).map_err(|error| at_chunk(position, error))? {
        return storage.decode(raw, skipped, chunk, scratch).map_err(|error| at_chunk(position, error));
    }
    for (byte, fill) in chunk.iter_mut().zip(storage.fill_value().iter().cycle()) {
        *byte = *fill;
    }
    Ok(())
}

fn at_chunk(position: &[u64], error: Error) -> Error {
    Error::new(error.kind(), format!("chunk {position:?}")).with_source(error)
}
