//! What the kernels share: indices as unsigned integers, values as bytes, and buffers filled lane by lane on all cores.
//!
//! A lane is a row of a CSR matrix or a column of a CSC matrix. Every index of a checked matrix is within its axis, so
//! signed and unsigned integers of one width are the same bits and one kernel serves both. Values are moved by
//! element size. So a kernel that moves values is compiled once for each of four widths, not for each dtype.

use std::ops::Range;

use anndata_storage::{AlignedBytes, DType, Error, OrBug, Result, Tensor, ensure};
use bytemuck::Pod;
use rayon::prelude::*;

use super::offsets::Offsets;

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
                // Beyond every axis: whatever looks it up finds nothing there.
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
            Some(8) => {
                type $I = u64;
                $body
            }
            size => return Err(::anndata_storage::Error::bug(format!("an index of {size:?} bytes"))),
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
            16 => {
                type $V = [u8; 16];
                $body
            }
            size => return Err(::anndata_storage::Error::bug(format!("a value of {size} bytes"))),
        }
    };
}
pub(super) use by_size;

/// The values of a tensor of a fixed-size dtype as plain data of the same size.
pub(super) fn plain<T: Pod>(tensor: &Tensor) -> Result<&[T]> {
    bytemuck::try_cast_slice(bytes_of(tensor)?)
        .map_err(|error| Error::bug(format!("values of type {} cannot be used: {error}", tensor.dtype())))
}

/// Bytes as plain data. Aligned bytes of the right length always are.
pub(super) fn plain_mut<T: Pod>(bytes: &mut AlignedBytes) -> Result<&mut [T]> {
    bytemuck::try_cast_slice_mut(bytes.as_mut_slice())
        .map_err(|error| Error::bug(format!("a buffer cannot be used: {error}")))
}

/// The bytes of a tensor of numbers.
pub(super) fn bytes_of(tensor: &Tensor) -> Result<&[u8]> {
    tensor.as_bytes().or_bug("numbers without bytes")
}

/// The bytes of one value of a numeric dtype.
pub(super) fn size_of_value(dtype: &DType) -> Result<usize> {
    dtype.size().or_bug("a number without a size")
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

#[cold]
pub(super) fn too_many(len: usize) -> Error {
    Error::limit_exceeded(format!("{len} values do not fit into memory"))
}

/// The largest value of an integer dtype, as far as a machine integer goes.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) where it is no integer dtype.
pub(crate) fn largest(dtype: &DType) -> Result<usize> {
    let Some(size) = dtype.size().filter(|_| dtype.is_integer()) else {
        return Err(Error::dtype(format!("indices cannot be of type {dtype}")));
    };
    let bits = size * 8 - usize::from(dtype.is_signed_integer());
    // A machine integer is not larger than the largest of them, whatever the dtype holds.
    Ok(usize::try_from(u64::MAX >> (64 - bits)).unwrap_or(usize::MAX))
}

/// Consecutive lanes with about [`TASK`] values a block; `ends` are the ends of all lanes, which never decrease.
pub(super) fn blocks(ends: impl ExactSizeIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let (mut first, mut base) = (0, 0);
    let lanes = ends.len();
    for (lane, end) in ends.enumerate() {
        // A lane without values is work as well. The sum is compared with a small number only.
        let work = (end - base).saturating_add(lane - first);
        if work >= TASK || lane + 1 == lanes {
            blocks.push(first..lane + 1);
            (first, base) = (lane + 1, end);
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
    pub(super) fn next(&mut self, len: usize, size: usize) -> Result<(&'a mut [I], &'a mut [u8])> {
        let indices = self.indices.split_off_mut(..len).or_bug("more values than were counted")?;
        Ok((indices, self.data.split_off_mut(..len * size).or_bug("more values than were counted")?))
    }
}

/// New indices and values for lanes at `offsets`, filled block by block on all cores.
///
/// `work` is handed what a thread reuses from block to block, and its part of the result, of which it has to take all.
pub(super) fn fill<I: Index, S: Default>(
    offsets: &Offsets,
    blocks: Vec<Range<usize>>,
    size: usize,
    work: impl Fn(&mut S, &mut Part<'_, I>) -> Result<()> + Send + Sync,
) -> Result<(AlignedBytes, AlignedBytes)> {
    let nnz = offsets.total()?;
    let (mut indices, mut data) = (zeroed(nnz, size_of::<I>())?, zeroed(nnz, size)?);
    let mut rest =
        Part { lanes: 0..offsets.lanes(), indices: plain_mut::<I>(&mut indices)?, data: data.as_mut_slice() };
    let mut parts = Vec::with_capacity(blocks.len());
    for lanes in blocks {
        let (indices, data) = rest.next(offsets.run(lanes.clone())?.len(), size)?;
        parts.push(Part { lanes, indices, data });
    }
    ensure!(rest.indices.is_empty(), "the blocks leave {} values out", rest.indices.len());
    parts.into_par_iter().try_for_each_init(S::default, |scratch, mut part| {
        work(scratch, &mut part)?;
        let (lanes, left) = (part.lanes, part.indices.len());
        ensure!(left == 0 && part.data.is_empty(), "{left} values of lanes {lanes:?} were not filled");
        Ok(())
    })?;
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
    // A hint to the processor: where there is nothing ahead, none is given.
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

/// Values of `size` bytes at some places, one after the other.
pub(super) fn gather<P: Copy>(
    from: &[u8],
    places: &[P],
    place: impl Fn(P) -> usize,
    to: &mut [u8],
    size: usize,
) -> Result<()> {
    by_size!(size, V => {
        let (from, to) = (values::<V>(from)?, values_mut::<V>(to)?);
        ensure!(to.len() == places.len(), "{} values at {} places", to.len(), places.len());
        for (to, &at) in to.iter_mut().zip(places) {
            *to = *from.get(place(at)).or_bug("a place beyond the stored values")?;
        }
        Ok(())
    })
}

/// Bytes as values, which are made of bytes and aligned wherever they are.
pub(super) fn values<V: Pod>(bytes: &[u8]) -> Result<&[V]> {
    bytemuck::try_cast_slice(bytes).map_err(|error| Error::bug(format!("bytes are not values: {error}")))
}

/// Bytes as values to be set; see [`values`].
pub(super) fn values_mut<V: Pod>(bytes: &mut [u8]) -> Result<&mut [V]> {
    bytemuck::try_cast_slice_mut(bytes).map_err(|error| Error::bug(format!("bytes are not values: {error}")))
}
