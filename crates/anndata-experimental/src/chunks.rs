//! [`chunks`] and [`fold_chunks`]: one pass over an element of any size, in bounded memory.

mod ranges;

use std::ops::Range;

use anndata_core::{Element, Result};
use anndata_storage::Error;
use rayon::prelude::*;

use self::ranges::Ranges;
pub(crate) use self::ranges::load_once;
use crate::read_ahead::ReadAhead;

/// How an element is read chunk by chunk.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChunkOptions {
    /// The axis along which there are chunks. Default: 0, rows.
    pub axis: usize,
    /// The positions of a chunk. Default: as many as the memory allows, up to where a stored chunk ends.
    pub len: Option<usize>,
    /// About the most bytes of memory that chunks take together, unless [`len`](Self::len) says how long they are; a chunk has
    /// one position at least. Default: 256 MiB.
    pub memory_limit: u64,
    /// How many chunks are read ahead, on a thread of its own, while others are worked on. Default: 2.
    pub prefetch: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { axis: 0, len: None, memory_limit: 256 << 20, prefetch: 2 }
    }
}

impl ChunkOptions {
    /// Sets the axis along which there are chunks.
    #[must_use]
    pub fn with_axis(mut self, axis: usize) -> Self {
        self.axis = axis;
        self
    }

    /// Sets how many positions a chunk has; the last one may be shorter.
    #[must_use]
    pub fn with_len(mut self, len: impl Into<Option<usize>>) -> Self {
        self.len = len.into();
        self
    }

    /// Sets the memory limit in bytes.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Sets how many chunks are read ahead; with 0 each is read when it is asked for.
    #[must_use]
    pub fn with_prefetch(mut self, chunks: usize) -> Self {
        self.prefetch = chunks;
        self
    }

    /// The bytes of a chunk, so many of which are in use at a time: there are those that were read ahead as well, and one that is
    /// read, which takes twice the memory until it is.
    fn chunk_bytes(&self, in_use: u64) -> u64 {
        self.memory_limit / in_use.saturating_add(self.prefetch as u64).saturating_add(2)
    }
}

/// The chunks of an element in order: the positions of each along the axis, and what is there, in memory. Made by [`chunks`].
///
/// Dropping it ends the thread that reads ahead.
#[derive(Debug)]
pub struct ElementChunks(ReadAhead<(Range<usize>, Element)>);

impl Iterator for ElementChunks {
    type Item = Result<(Range<usize>, Element)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// An element in chunks along one of its axes, the next of which are read meanwhile. Nothing that is read for them is kept.
///
/// Elements are dense arrays, sparse matrices, columns, data frames and awkward arrays: in memory, stored, selections of such,
/// [joined](crate::Collection) or [mapped](crate::map_lazy) ones. Chunks end where chunks of the store end, so that these are
/// decoded once; those of a sparse matrix, which is read along the axis that it is compressed along, have as many values as fit.
/// An awkward array is read as a whole, as it cannot be read in parts.
///
/// ```
/// use anndata_core::{Element, Tensor};
/// use anndata_experimental::{ChunkOptions, chunks};
///
/// let x = Element::from(Tensor::from_vec([5, 1], vec![1_i64, 2, 3, 4, 5])?);
/// let mut sums = Vec::new();
/// for chunk in chunks(&x, &ChunkOptions::default().with_len(2))? {
///     let (rows, x) = chunk?;
///     sums.push((rows, x.to_tensor()?.as_slice::<i64>()?.iter().sum::<i64>()));
/// }
/// assert_eq!(sums, [(0..2, 3), (2..4, 7), (4..5, 5)]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if there is no such axis, or chunks have no length;
/// [`Unsupported`](anndata_core::ErrorKind::Unsupported) for a sparse matrix that is not in memory, along its other axis, which
/// would be read as a whole for each chunk; [`DType`](anndata_core::ErrorKind::DType) for other elements. Each chunk may be an
/// error if it cannot be read; there are none after it.
#[doc(alias("iterate_axis", "chunked_X", "iter_chunks"))]
pub fn chunks(element: &Element, options: &ChunkOptions) -> Result<ElementChunks> {
    let ranges = Ranges::new(element, options, options.chunk_bytes(1))?;
    Ok(ElementChunks(read_ahead(ranges, options.prefetch)))
}

/// The chunks of an element, so many of which are read before they are asked for.
fn read_ahead(mut ranges: Ranges, prefetch: usize) -> ReadAhead<(Range<usize>, Element)> {
    let next = move || {
        let range = ranges.advance().transpose()?;
        Some(range.and_then(|range| {
            let chunk = ranges.read(&range)?;
            Ok((range, chunk))
        }))
    };
    ReadAhead::new(next, prefetch)
}

/// How many chunks [`fold_chunks`] maps at a time, at most.
const AT_ONCE: u64 = 4;

/// Maps the [`chunks`] of an element on all cores, and combines what comes of them; `None` of an element without any.
///
/// Results are combined in the order of the chunks, which do not depend on the number of threads: nor do floating-point sums.
///
/// ```
/// use anndata_core::{Element, Tensor};
/// use anndata_experimental::{ChunkOptions, fold_chunks};
///
/// let x = Element::from(Tensor::from_vec([4, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])?);
/// let total = fold_chunks(
///     &x,
///     &ChunkOptions::default().with_len(2),
///     |_rows, chunk| Ok(chunk.to_tensor()?.as_slice::<f64>()?.iter().sum::<f64>()),
///     |a, b| Ok(a + b),
/// )?;
/// assert_eq!(total, Some(36.0));
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// As [`chunks`], and those of the functions.
#[doc(alias = "map_blocks")]
pub fn fold_chunks<T: Send>(
    element: &Element,
    options: &ChunkOptions,
    map: impl Fn(Range<usize>, &Element) -> Result<T> + Sync,
    mut combine: impl FnMut(T, T) -> Result<T>,
) -> Result<Option<T>> {
    let ranges = Ranges::new(element, options, options.chunk_bytes(AT_ONCE))?;
    let mut chunks = read_ahead(ranges, options.prefetch);
    // Fallback: a number of threads.
    let at_once = rayon::current_num_threads().clamp(1, usize::try_from(AT_ONCE).unwrap_or(1));
    let mut folded = None;
    loop {
        let some = chunks.by_ref().take(at_once).collect::<Result<Vec<_>>>()?;
        if some.is_empty() {
            return Ok(folded);
        }
        let mapped = some.into_par_iter().map(|(range, chunk)| map(range, &chunk)).collect::<Vec<_>>();
        // Of several errors the first, whichever thread was faster.
        for one in mapped {
            let one = one?;
            folded = Some(match folded.take() {
                Some(before) => combine(before, one)?,
                None => one,
            });
        }
    }
}

fn no_axis(element: &Element, axis: usize) -> Error {
    Error::invalid_input(format!("{} has no axis {axis} to be read along", element.kind_name()))
}
