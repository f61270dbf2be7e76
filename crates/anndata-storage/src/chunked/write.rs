//! Writing a block of values into chunks.

use std::ops::Range;

use rayon::prelude::*;

use super::copy::{Run, Target, copy_runs, strides};
use super::{at_chunk, byte_len, to_usize};
use crate::{ArraySpec, ChunkedStorage, Error, OrBug, Result, Tensor, ensure};

/// The most bytes of decoded chunks that are encoded before they are handed over: a batch. Its memory is used again by the
/// one after the next.
const BATCH_BYTES: usize = 32 << 20;

/// The bytes of a batch that are enough, where it has some chunks for each core.
const ENOUGH_BYTES: usize = 4 << 20;
const ENOUGH_CHUNKS: usize = 4;

/// Writes a block into a chunked array: chunks are encoded on all cores and stored in order.
///
/// While a batch is stored by the calling thread, the next one is encoded by the others. Two batches of at most
/// 32 MiB (of decoded values) are in memory, beside the block.
///
/// A chunk that the block covers only in part is read, changed and written back, except where the rest of it lies
/// outside the array. So two calls at a time must not touch the same chunk.
///
/// # Errors
/// If encoding or storing fails; the error names the chunk. Chunks before it may have been stored.
pub fn write(storage: &dyn ChunkedStorage, spec: &ArraySpec, offset: &[u64], values: &Tensor) -> Result<()> {
    let plan = Plan::new(spec, offset, values)?;
    if values.is_empty() || plan.size == 0 {
        return Ok(());
    }
    let block = values.to_packed()?;
    let cores = rayon::current_num_threads();
    let enough = (ENOUGH_BYTES / plan.chunk_len).max(ENOUGH_CHUNKS * cores);
    let batch = enough.min(BATCH_BYTES / plan.chunk_len).max(cores);
    let (mut ready, mut next) = (Vec::new(), Vec::new());
    plan.encode(storage, 0..batch, &block, &mut ready)?;
    let mut start = batch;
    while !ready.is_empty() {
        let mut encoded = Ok(());
        // The numbers end where the chunks do.
        let stored = rayon::in_place_scope(|scope| {
            scope.spawn(|_| encoded = plan.encode(storage, start..start.saturating_add(batch), &block, &mut next));
            store(storage, &ready, &block)
        });
        stored.and(encoded)?;
        std::mem::swap(&mut ready, &mut next);
        start = start.saturating_add(batch);
    }
    Ok(())
}

fn store(storage: &dyn ChunkedStorage, chunks: &[Encoded], block: &[u8]) -> Result<()> {
    let encoded = chunks.iter().map(|Encoded { position, raw, piece }| {
        let bytes = match piece.clone() {
            Some(piece) => block.get(piece).or_bug("a piece beyond the block")?,
            None => raw,
        };
        Ok((position.as_slice(), bytes))
    });
    storage.write_raw_all(&encoded.collect::<Result<Vec<_>>>()?)
}

/// A chunk ready to be stored.
#[derive(Default)]
struct Encoded {
    position: Vec<u64>,
    raw: Vec<u8>,
    /// Where in the block the bytes are, which need neither encoding nor a copy.
    piece: Option<Range<usize>>,
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
        let (chunk_shape, size) = super::layout(spec)?;
        let block = block(spec, offset, values)?;
        let grid = block.iter().zip(chunk_shape).map(|(&(start, end), &chunk)| {
            let (first, chunk) = (start / chunk.max(1), chunk.max(1));
            Ok((first, to_usize(end.div_ceil(chunk).checked_sub(first).or_bug("a block that ends before it begins")?)?))
        });
        let grid = grid.collect::<Result<Vec<_>>>()?;
        let in_memory = chunk_shape.iter().map(|&len| to_usize(len)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            block,
            array: spec.shape.clone(),
            chunk_count: byte_len(&grid.iter().map(|&(_, count)| count).collect::<Vec<_>>(), 1)?,
            grid,
            chunk_len: byte_len(&in_memory, size)?,
            chunk_shape: chunk_shape.to_vec(),
            chunk_strides: strides(&in_memory),
            block_strides: strides(values.shape()),
            size,
        })
    }

    /// Encodes the touched chunks of these numbers (those of them that there are), on all cores.
    fn encode(
        &self,
        storage: &dyn ChunkedStorage,
        numbers: Range<usize>,
        block: &[u8],
        encoded: &mut Vec<Encoded>,
    ) -> Result<()> {
        let numbers = numbers.start.min(self.chunk_count)..numbers.end.min(self.chunk_count);
        encoded.resize_with(numbers.len(), Encoded::default);
        numbers.into_par_iter().zip(encoded).try_for_each_init(
            || (Vec::new(), Vec::new()),
            |(chunk, scratch), (number, out)| self.encode_chunk(storage, number, block, out, chunk, scratch),
        )
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
        out.piece = if covered { self.piece_of_block(&runs) } else { None };
        if out.piece.is_some() && storage.is_raw() {
            return Ok(());
        }
        let bytes = if let Some(piece) = out.piece.take() {
            block.get(piece).or_bug("a piece beyond the block")?
        } else {
            super::resize(chunk, self.chunk_len)?;
            if covered {
                fill(storage.fill_value(), chunk)?;
            } else {
                read_before(storage, &out.position, &mut out.raw, chunk, scratch)?;
            }
            let target = Target::new(chunk);
            // SAFETY: `chunk` is borrowed mutably here and touched by this thread alone.
            if !unsafe { copy_runs(block, target, &runs, &self.block_strides, &self.chunk_strides, self.size) } {
                return Err(Error::invalid_input("the block is smaller than its shape"));
            }
            chunk.as_slice()
        };
        storage.encode(bytes, &mut out.raw, scratch).map_err(|error| at_chunk(&out.position, error))
    }

    /// The grid position of a touched chunk, the run that the block covers along each axis, and whether nothing of the
    /// array that lies in the chunk is left out.
    fn locate(&self, mut number: usize) -> Result<(Vec<u64>, Vec<[Run; 1]>, bool)> {
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
            // The chunk may end beyond all numbers, the block and the array do not.
            let (low, high) = (at * chunk, (at + 1).saturating_mul(chunk));
            let (from, to) = (low.max(start), high.min(end));
            covered &= from == low && to == high.min(len);
            runs.push([Run {
                source: to_usize(from - start)?,
                target: to_usize(from - low)?,
                len: to_usize(to - from)?,
            }]);
        }
        Ok((position, runs, covered))
    }

    /// Where in the block the chunk's bytes are, if they are one piece of it, as rows of whole length are.
    fn piece_of_block(&self, runs: &[[Run; 1]]) -> Option<Range<usize>> {
        if self.block_strides != self.chunk_strides {
            return None;
        }
        let ([first], inner) = runs.split_first()?;
        let (&chunk, inner_chunk) = self.chunk_shape.split_first()?;
        let whole = first.len as u64 == chunk
            && inner.iter().zip(inner_chunk).all(|([run], &len)| run.source == 0 && run.len as u64 == len);
        let start = first.source * self.block_strides.first()? * self.size;
        whole.then(|| start..start + self.chunk_len)
    }
}

/// Along each axis, the first position of a block and one past its last.
fn block(spec: &ArraySpec, offset: &[u64], values: &Tensor) -> Result<Vec<(u64, u64)>> {
    let ends = offset.iter().zip(values.shape()).map(|(&start, &len)| start.checked_add(len as u64));
    let block: Option<Vec<_>> = offset.iter().zip(ends).map(|(&start, end)| Some((start, end?))).collect();
    match block {
        Some(block)
            if offset.len() == spec.ndim()
                && block.len() == spec.ndim()
                && values.ndim() == spec.ndim()
                && *values.dtype() == spec.dtype
                && block.iter().zip(&spec.shape).all(|((_, end), len)| end <= len) =>
        {
            Ok(block)
        }
        _ => Err(Error::invalid_input(format!(
            "{values:?} at {offset:?} does not fit into an array of {}, {:?}",
            spec.dtype, spec.shape
        ))),
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
    if let Some(info) = storage.read_raw(position, raw).map_err(|error| at_chunk(position, error))? {
        return storage.decode(raw, info, chunk, scratch).map_err(|error| at_chunk(position, error));
    }
    fill(storage.fill_value(), chunk)
}

/// Fills a chunk with one element's bytes; with zeros where there are none.
fn fill(value: &[u8], chunk: &mut [u8]) -> Result<()> {
    if value.iter().all(|&byte| byte == 0) {
        chunk.fill(0);
        return Ok(());
    }
    let mut elements = chunk.chunks_exact_mut(value.len());
    elements.by_ref().for_each(|element| element.copy_from_slice(value));
    let rest = elements.into_remainder().len();
    ensure!(rest == 0, "a fill value of {} bytes does not fill a chunk: {rest} are left", value.len());
    Ok(())
}
