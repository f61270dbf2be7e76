//! Arrays of text of any length, whose chunks have no fixed size.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_storage::{ArraySpec, AxisSelection, ChunkedStorage, Error, Limits, OrBug, Result, Tensor};
use rayon::prelude::*;

use super::Inner;
use crate::codec::{WRONG_ORDER, decode_text, encode_text, repeated_text, transposed};
use crate::metadata::Fill;

/// Chunks that are encoded before they are handed over, for each core.
const BATCH: usize = 8;

/// Along one axis: a chunk, the runs taken within it, and where they begin in the result.
#[derive(Clone)]
struct Part {
    chunk: u64,
    runs: Vec<Range<u64>>,
    target: u64,
}

impl Part {
    fn len(&self) -> u64 {
        self.runs.iter().map(|run| run.end - run.start).sum()
    }

    fn within(&self) -> AxisSelection {
        match self.runs.as_slice() {
            [run] => AxisSelection::Range(run.clone()),
            runs => AxisSelection::from(runs.iter().cloned().flatten().collect::<Vec<u64>>()),
        }
    }
}

/// The selected texts. Chunks are decoded on all cores, each once.
pub(super) fn read(array: &Inner, source: &dyn ChunkedStorage, selection: &[AxisSelection]) -> Result<Tensor> {
    let shape = selection.iter().map(|axis| to_usize(axis.len())).collect::<Result<Vec<_>>>()?;
    if shape.contains(&0) {
        return Tensor::from_strings(shape, std::iter::empty::<&str>());
    }
    let parts: Vec<Vec<Part>> =
        selection.iter().zip(&array.meta.chunks).map(|(axis, &chunk)| split(axis, chunk)).collect();
    let touched = product(&parts);
    let budget = Budget::new(array.shared.options.limits);
    let pieces = touched
        .par_iter()
        .map(|parts| {
            let position: Vec<u64> = parts.iter().map(|part| part.chunk).collect();
            read_part(array, source, &position, parts, &budget).map_err(|error| at_chunk(&position, error))
        })
        .collect::<Result<Vec<_>>>()?;
    assemble(&pieces, &touched, shape)
}

/// Puts the pieces of chunks together.
fn assemble(pieces: &[Tensor], touched: &[Vec<Part>], shape: Vec<usize>) -> Result<Tensor> {
    if let [piece] = pieces {
        return piece.clone().reshape(shape);
    }
    let flat = pieces.iter().map(|piece| piece.clone().reshape([piece.len()])).collect::<Result<Vec<_>>>()?;
    let all = Tensor::concat_rows(&flat)?;
    if shape.len() == 1 {
        return Ok(all);
    }
    // Where each element of the result is among the pieces.
    let mut order = vec![0_u64; all.len()];
    let mut source = 0;
    for (piece, parts) in pieces.iter().zip(touched) {
        let offset = parts.iter().map(|part| to_usize(part.target)).collect::<Result<Vec<_>>>()?;
        for_each(piece.shape(), &offset, &shape, |target| {
            *order.get_mut(target).or_bug("a piece beyond the result")? = source;
            source += 1;
            Ok(())
        })?;
    }
    all.take(0, &order)?.reshape(shape)
}

/// The bytes of texts that one read may take. Chunks do not say how many they hold, so that all that a read touches count
/// together.
struct Budget {
    limits: Limits,
    stored: AtomicU64,
    taken: AtomicU64,
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Self { limits, stored: AtomicU64::new(0), taken: AtomicU64::new(0) }
    }

    /// The most bytes that a chunk of so many stored ones can become.
    fn room(&self, stored: usize) -> usize {
        let stored = self.stored.fetch_add(stored as u64, Ordering::Relaxed).saturating_add(stored as u64);
        let allowed = stored.saturating_mul(self.limits.max_expansion).saturating_add(self.limits.max_unbacked);
        // Fallback: a limit, of which no machine holds more.
        usize::try_from(allowed.saturating_sub(self.taken.load(Ordering::Relaxed))).unwrap_or(usize::MAX)
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let taken = self.taken.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        self.limits.check(taken, self.stored.load(Ordering::Relaxed))
    }
}

/// What is selected of a chunk.
fn read_part(
    array: &Inner,
    source: &dyn ChunkedStorage,
    position: &[u64],
    parts: &[Part],
    budget: &Budget,
) -> Result<Tensor> {
    match read_chunk(array, source, position, budget)? {
        Some(chunk) => chunk.select(&parts.iter().map(Part::within).collect::<Vec<_>>()),
        None => unwritten(array, parts.iter().map(|part| to_usize(part.len())).collect::<Result<_>>()?, budget),
    }
}

/// What texts that were never written read as.
fn unwritten(array: &Inner, shape: Vec<usize>, budget: &Budget) -> Result<Tensor> {
    let Fill::Text(text) = &array.meta.fill else {
        return Err(Error::bug("an array of texts with a fill value that is not a text"));
    };
    let count = shape.iter().try_fold(1_usize, |product, &len| product.checked_mul(len));
    // Fallback: a size beyond the numbers is over every limit.
    budget.take(count.and_then(|count| count.checked_mul(text.len())).unwrap_or(usize::MAX))?;
    filled(shape, text)
}

/// A tensor of one text.
pub(super) fn filled(shape: Vec<usize>, text: &str) -> Result<Tensor> {
    let count = shape.iter().product();
    Tensor::from_string_array(shape, repeated_text(text, count)?)
}

/// One chunk, whole; `None` if it was never written.
fn read_chunk(array: &Inner, source: &dyn ChunkedStorage, position: &[u64], budget: &Budget) -> Result<Option<Tensor>> {
    let count: usize = array.chunk_shape.iter().product();
    let mut raw = Vec::new();
    if source.read_raw(position, &mut raw)?.is_none() {
        return Ok(None);
    }
    let bytes = array.pipeline()?.unpack_all(&raw, budget.room(raw.len()))?;
    budget.take(bytes.len())?;
    drop(raw);
    let texts = Tensor::from_string_array([count], decode_text(&bytes, count)?)?;
    let texts = match array.pipeline()?.order() {
        None => texts,
        Some(order) => texts.take(0, &stored_positions(&array.chunk_shape, order)?)?,
    };
    texts.reshape(array.chunk_shape.clone()).map(Some)
}

/// For every element in C order, where it is stored.
fn stored_positions(shape: &[usize], order: &[usize]) -> Result<Vec<u64>> {
    let mut strides = vec![0_u64; shape.len()];
    let mut step = 1_u64;
    for (&axis, len) in order.iter().zip(transposed(shape, order)?).rev() {
        *strides.get_mut(axis).or_bug(WRONG_ORDER)? = step;
        step = step.checked_mul(len as u64).or_bug("a chunk too large to be read")?;
    }
    let mut index = vec![0_usize; shape.len()];
    let positions = (0..shape.iter().product()).map(|_| {
        let position = index.iter().zip(&strides).map(|(&i, &stride)| i as u64 * stride).sum();
        next(&mut index, shape);
        position
    });
    Ok(positions.collect())
}

/// Writes a block of texts.
pub(super) fn write(
    array: &Inner,
    target: &dyn ChunkedStorage,
    spec: &ArraySpec,
    offset: &[u64],
    values: &Tensor,
) -> Result<()> {
    if array.pipeline()?.order().is_some() {
        return Err(Error::unsupported("text in another order of axes can be read only"));
    }
    if values.is_empty() {
        return Ok(());
    }
    let blocks: Vec<Range<u64>> =
        offset.iter().zip(values.shape()).map(|(&start, &len)| start..start + len as u64).collect();
    let parts: Vec<Vec<Part>> = blocks
        .iter()
        .zip(&array.meta.chunks)
        .map(|(block, &chunk)| split(&AxisSelection::Range(block.clone()), chunk))
        .collect();
    let touched = product(&parts);
    for batch in touched.chunks(BATCH * rayon::current_num_threads()) {
        let encoded = batch
            .par_iter()
            .map(|parts| {
                let position: Vec<u64> = parts.iter().map(|part| part.chunk).collect();
                encode(array, target, spec, values, parts, &position)
                    .map(|raw| (position.clone(), raw))
                    .map_err(|error| at_chunk(&position, error))
            })
            .collect::<Result<Vec<_>>>()?;
        for (position, raw) in &encoded {
            target.write_raw(position, raw).map_err(|error| at_chunk(position, error))?;
        }
    }
    Ok(())
}

/// The stored form of one chunk with what the block has for it.
fn encode(
    array: &Inner,
    target: &dyn ChunkedStorage,
    spec: &ArraySpec,
    values: &Tensor,
    parts: &[Part],
    position: &[u64],
) -> Result<Vec<u8>> {
    let from: Vec<AxisSelection> =
        parts.iter().map(|part| AxisSelection::Range(part.target..part.target + part.len())).collect();
    let given = values.select(&from)?;
    let chunk = if given.shape() == array.chunk_shape {
        given
    } else {
        let covered = parts.iter().zip(&spec.shape).zip(&array.meta.chunks).all(|((part, &len), &chunk)| {
            let start = part.chunk * chunk;
            matches!(part.runs.as_slice(), [run] if run.start == 0 && run.end == chunk.min(len.saturating_sub(start)))
        });
        let budget = Budget::new(array.shared.options.limits);
        let before = if covered { None } else { read_chunk(array, target, position, &budget)? };
        let before = match before {
            Some(before) => before,
            None if covered => filled(array.chunk_shape.clone(), "")?,
            None => unwritten(array, array.chunk_shape.clone(), &budget)?,
        };
        overlay(&before, &given, parts)?
    };
    let mut raw = Vec::new();
    array.pipeline()?.pack(&encode_text(&chunk)?, &mut raw)?;
    Ok(raw)
}

/// `before` with `given` in the place that `parts` name.
fn overlay(before: &Tensor, given: &Tensor, parts: &[Part]) -> Result<Tensor> {
    let count = before.len();
    let both = Tensor::concat_rows(&[before.clone().reshape([count])?, given.clone().reshape([given.len()])?])?;
    let mut order: Vec<u64> = (0..count as u64).collect();
    let start = |part: &Part| to_usize(part.runs.first().or_bug("a part of nothing")?.start);
    let offset = parts.iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut source = count as u64;
    for_each(given.shape(), &offset, before.shape(), |target| {
        *order.get_mut(target).or_bug("a part beyond its chunk")? = source;
        source += 1;
        Ok(())
    })?;
    both.take(0, &order)?.reshape(before.shape())
}

/// Calls `visit` with the C-order position, in an array of `outer`, of every element of a box at `offset`.
fn for_each(
    shape: &[usize],
    offset: &[usize],
    outer: &[usize],
    mut visit: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    let mut index = vec![0; shape.len()];
    for _ in 0..shape.iter().product() {
        let at = index.iter().zip(offset).zip(outer).fold(0, |at, ((&i, &start), &len)| at * len + start + i);
        visit(at)?;
        next(&mut index, shape);
    }
    Ok(())
}

/// The next index in C order.
fn next(index: &mut [usize], shape: &[usize]) {
    for (i, &len) in index.iter_mut().zip(shape).rev() {
        *i += 1;
        if *i < len {
            return;
        }
        *i = 0;
    }
}

/// The chunks that a selection touches along an axis.
fn split(axis: &AxisSelection, chunk: u64) -> Vec<Part> {
    let chunk = chunk.max(1);
    let mut parts: Vec<Part> = Vec::new();
    let mut target = 0;
    for (start, len) in axis.runs() {
        let (mut at, end) = (start, start + len);
        while at < end {
            let position = at / chunk;
            let stop = end.min((position + 1).saturating_mul(chunk));
            let run = at % chunk..at % chunk + (stop - at);
            match parts.last_mut() {
                Some(last) if last.chunk == position => last.runs.push(run),
                _ => parts.push(Part { chunk: position, runs: vec![run], target }),
            }
            target += stop - at;
            at = stop;
        }
    }
    parts
}

/// Every combination of parts, in C order.
fn product(axes: &[Vec<Part>]) -> Vec<Vec<Part>> {
    axes.iter().fold(vec![Vec::new()], |combined, axis| {
        combined
            .iter()
            .flat_map(|parts| axis.iter().map(move |part| parts.iter().chain([part]).cloned().collect()))
            .collect()
    })
}

fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::limit_exceeded(format!("the position {value} does not fit into memory")))
}

fn at_chunk(position: &[u64], error: Error) -> Error {
    Error::new(error.kind(), format!("chunk {position:?}")).with_source(error)
}
