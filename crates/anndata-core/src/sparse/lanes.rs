//! What the kernels share: indices as unsigned integers, values as bytes, and buffers filled lane by lane on all cores.
//!
//! A lane is a row of a CSR matrix or a column of a CSC matrix. Every index of a checked matrix is within its axis, so
//! signed and unsigned integers of one width are the same bits and one kernel serves both. Values are moved by
//! element size. So a kernel that moves values is compiled once for each of four widths, not for each dtype.

use std::ops::Range;

use anndata_storage::{AlignedBytes, DType, Error, Result, Tensor};
use bytemuck::Pod;
use rayon::prelude::*;

/// About how many values a task works on: enough to be worth a task, few enough to share the work evenly.
const TASK: usize = 1 << 16;

/// An index as an unsigned integer of its stored width.
pub(super) trait Index: Pod + Ord + Send + Sync {
    /// As a machine integer. An index that does not fit one is beyond every axis.
    fn to_usize(self) -> usize;

    /// From a machine integer that is known to fit; one that does not is cut.
    fn from_usize(value: usize) -> Self;
}

macro_rules! indices {
    ($($type:ty)*) => {
        $(impl Index for $type {
            fn to_usize(self) -> usize {
                usize::try_from(self).unwrap_or(usize::MAX)
            }

            #[allow(clippy::cast_possible_truncation, reason = "the caller chose a width that holds the value")]
            fn from_usize(value: usize) -> Self {
                value as $type
            }
        })*
    };
}

indices!(u8 u16 u32 u64);

/// Runs an expression with a type alias bound to the unsigned integer as wide as an integer dtype.
macro_rules! by_width {
    ($dtype:expr, $I:ident => $body:expr) => {
        match $dtype.size() {
            Some(1) => {
                type $I = u8;
                $body
            }
            Some(2) => {
                type $I = u16;
                $body
            }
            Some(4) => {
                type $I = u32;
                $body
            }
            _ => {
                type $I = u64;
                $body
            }
        }
    };
}
pub(super) use by_width;

/// Runs an expression with a type alias bound to the bytes of one value of a numeric dtype.
macro_rules! by_size {
    ($size:expr, $V:ident => $body:expr) => {
        match $size {
            1 => {
                type $V = [u8; 1];
                $body
            }
            2 => {
                type $V = [u8; 2];
                $body
            }
            4 => {
                type $V = [u8; 4];
                $body
            }
            8 => {
                type $V = [u8; 8];
                $body
            }
            _ => {
                type $V = [u8; 16];
                $body
            }
        }
    };
}
pub(super) use by_size;

/// The values of a tensor of a fixed-size dtype as plain data of the same size.
pub(super) fn plain<T: Pod>(tensor: &Tensor) -> Result<&[T]> {
    bytemuck::try_cast_slice(tensor.as_bytes().unwrap_or_default())
        .map_err(|error| Error::dtype(format!("values of type {} cannot be used: {error}", tensor.dtype())))
}

/// Bytes as plain data; nothing where they do not fit it, which aligned bytes of the right length always do.
pub(super) fn plain_mut<T: Pod>(bytes: &mut AlignedBytes) -> &mut [T] {
    bytemuck::try_cast_slice_mut(bytes.as_mut_slice()).unwrap_or_default()
}

/// Zeroed bytes for `len` values of a size, or an error where there is no such memory.
pub(super) fn zeroed(len: usize, size: usize) -> Result<AlignedBytes> {
    let bytes = len.checked_mul(size).ok_or_else(|| too_many(len))?;
    AlignedBytes::try_zeroed(bytes)
}

/// A vector of `len` defaults, or an error where there is no such memory.
pub(super) fn filled<T: Clone>(len: usize, value: T) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|error| too_many(len).with_source(error))?;
    values.resize(len, value);
    Ok(values)
}

fn too_many(len: usize) -> Error {
    Error::limit_exceeded(format!("{len} values do not fit into memory"))
}

/// Where lanes of these lengths begin, and the end of the last.
pub(crate) fn offsets_of(lengths: impl IntoIterator<Item = usize>) -> Result<Vec<usize>> {
    let lengths = lengths.into_iter();
    let mut offsets = Vec::with_capacity(lengths.size_hint().0 + 1);
    let mut total = 0_usize;
    offsets.push(0);
    for len in lengths {
        total = total.checked_add(len).ok_or_else(|| Error::limit_exceeded("more values than memory can hold"))?;
        offsets.push(total);
    }
    Ok(offsets)
}

/// The lengths of the lanes that begin and end at these offsets: the inverse of [`offsets_of`].
pub(crate) fn lengths_of(offsets: &[usize]) -> impl Iterator<Item = usize> + '_ {
    offsets.iter().zip(offsets.iter().skip(1)).map(|(start, end)| end - start)
}

/// Offsets in the dtype wanted where it holds them, in 64 bits otherwise.
pub(crate) fn offsets_tensor(offsets: &[usize], wanted: &DType) -> Result<Tensor> {
    let last = offsets.last().copied().unwrap_or(0);
    let dtype = if last <= largest(wanted) { wanted } else { &DType::I64 };
    if last > largest(dtype) {
        return Err(too_many(last));
    }
    by_width!(dtype, I => {
        let mut bytes = zeroed(offsets.len(), size_of::<I>())?;
        plain_mut::<I>(&mut bytes).iter_mut().zip(offsets).for_each(|(to, &from)| *to = I::from_usize(from));
        Tensor::new(dtype.clone(), [offsets.len()], bytes.into())
    })
}

/// The largest value of an integer dtype, as far as a machine integer goes.
pub(crate) fn largest(dtype: &DType) -> usize {
    let bits = dtype.size().unwrap_or(8) * 8 - usize::from(dtype.is_signed_integer());
    usize::try_from(u64::MAX >> (64 - bits)).unwrap_or(usize::MAX)
}

/// Consecutive lanes with about [`TASK`] values a block; `ends(lane)` is a count that never decreases.
pub(super) fn blocks(lanes: usize, ends: impl Fn(usize) -> usize) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (mut first, mut base) = (0, 0);
    for lane in 0..lanes {
        // A lane without values is work as well.
        let work = (ends(lane) - base).saturating_add(lane - first);
        if work >= TASK || lane + 1 == lanes {
            blocks.push(first..lane + 1);
            (first, base) = (lane + 1, ends(lane));
        }
    }
    blocks
}

/// The part of two buffers that belongs to consecutive lanes: their indices, and the bytes of their values.
pub(super) struct Part<'a, I> {
    pub(super) lanes: Range<usize>,
    pub(super) indices: &'a mut [I],
    pub(super) data: &'a mut [u8],
}

impl<'a, I> Part<'a, I> {
    /// The next `len` values of `size` bytes, to be filled.
    pub(super) fn next(&mut self, len: usize, size: usize) -> (&'a mut [I], &'a mut [u8]) {
        (
            self.indices.split_off_mut(..len).unwrap_or_default(),
            self.data.split_off_mut(..len * size).unwrap_or_default(),
        )
    }
}

/// New indices and values for lanes at `offsets`, filled block by block on all cores.
///
/// `work` is handed what a thread reuses from block to block, the number of the block, and its part of the result.
pub(super) fn fill<I: Index, S: Default>(
    offsets: &[usize],
    blocks: Vec<Range<usize>>,
    size: usize,
    work: impl Fn(&mut S, usize, Part<'_, I>) + Send + Sync,
) -> Result<(AlignedBytes, AlignedBytes)> {
    let nnz = offsets.last().copied().unwrap_or(0);
    let (mut indices, mut data) = (zeroed(nnz, size_of::<I>())?, zeroed(nnz, size)?);
    let (mut rest_of_indices, mut rest_of_data) = (plain_mut::<I>(&mut indices), data.as_mut_slice());
    let parts: Vec<Part<'_, I>> = blocks
        .into_iter()
        .map(|lanes| {
            let at = |lane: usize| offsets.get(lane).copied().unwrap_or(nnz);
            let len = at(lanes.end) - at(lanes.start);
            Part {
                lanes,
                indices: rest_of_indices.split_off_mut(..len).unwrap_or_default(),
                data: rest_of_data.split_off_mut(..len * size).unwrap_or_default(),
            }
        })
        .collect();
    parts.into_par_iter().enumerate().for_each_init(S::default, |scratch, (number, part)| work(scratch, number, part));
    Ok((indices, data))
}

/// How many lanes ahead memory is asked for.
const AHEAD: usize = 2;

/// The most cache lines that are asked for at a time.
const LINES: usize = 64;

/// The same lanes; while one is worked on, the values of those that follow are brought into the cache. Lanes that are
/// not neighbours would be waited for otherwise.
pub(super) fn prefetched<'a, T>(
    values: &'a [T],
    lanes: impl Iterator<Item = Range<usize>> + Clone + 'a,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut ahead = lanes.clone().skip(AHEAD);
    lanes.inspect(move |_| prefetch(ahead.next().and_then(|lane| values.get(lane)).unwrap_or_default()))
}

/// Asks the processor to bring values into its cache. On processors other than x86-64 nothing is done.
fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(64 / size_of::<T>().clamp(1, 64)).take(LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of values in a slice; a prefetch reads nothing that a program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, LINES);
}

/// Values of `size` bytes at some places, one after the other. Both sides are as long as they have to be.
pub(super) fn gather<P: Copy>(from: &[u8], places: &[P], place: impl Fn(P) -> usize, to: &mut [u8], size: usize) {
    by_size!(size, V => {
        let from: &[V] = bytemuck::try_cast_slice(from).unwrap_or_default();
        let to: &mut [V] = bytemuck::try_cast_slice_mut(to).unwrap_or_default();
        for (to, &at) in to.iter_mut().zip(places) {
            if let Some(value) = from.get(place(at)) {
                *to = *value;
            }
        }
    });
}
