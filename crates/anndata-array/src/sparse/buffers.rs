//! Buffers of the kernels: indices as unsigned integers, and values as bytes.
//!
//! Every index of a checked matrix is within its axis, so
//! signed and unsigned integers of one width are the same bits and one kernel serves both. Values are moved by
//! element size. So a kernel that moves values is compiled once for each of four widths, not for each dtype.

use anndata_storage::{AlignedBytes, DType, Error, OrBug, Result, Scalar, Tensor, ensure};
use bytemuck::Pod;

/// An index as an unsigned integer of its stored width.
pub(crate) trait Index: Pod + Ord + Send + Sync {
    /// As a machine integer. An index that does not fit one is beyond every axis.
    fn to_usize(self) -> usize;

    /// From a machine integer that is known to fit; one that does not is cut.
    fn from_usize(value: usize) -> Self;
}

macro_rules! indices {
    ($($type:ty)*) => {
        $(impl Index for $type {
            fn to_usize(self) -> usize {
                // Fallback: beyond every axis; whatever looks it up finds nothing there.
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
pub(crate) use by_width;

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
pub(crate) fn plain<T: Pod>(tensor: &Tensor) -> Result<&[T]> {
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

/// Memory for `len` values of a given size, all of which the caller overwrites, or an error if there is not enough.
pub(super) fn to_fill(len: usize, size: usize) -> Result<AlignedBytes> {
    AlignedBytes::try_to_fill(len.checked_mul(size).ok_or_else(|| too_many(len))?)
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
/// [`DType`](crate::ErrorKind::DType) if it is not an integer dtype.
pub fn largest(dtype: &DType) -> Result<usize> {
    let Some(size) = dtype.size().filter(|_| dtype.is_integer()) else {
        return Err(Error::dtype(format!("indices cannot be of type {dtype}")));
    };
    let bits = size * 8 - usize::from(dtype.is_signed_integer());
    // Fallback: a machine integer is not larger than the largest of them, whatever the dtype holds.
    Ok(usize::try_from(u64::MAX >> (64 - bits)).unwrap_or(usize::MAX))
}

/// Bytes as numbers to be set; those of a boolean have to be 0 or 1.
pub(super) fn numbers_mut<T: Scalar>(bytes: &mut [u8]) -> Result<&mut [T]> {
    bytemuck::checked::try_cast_slice_mut(bytes).map_err(|error| Error::bug(format!("bytes are not numbers: {error}")))
}

/// Values of `size` bytes at some positions, one after the other.
pub(super) fn gather<P: Copy>(
    from: &[u8],
    positions: &[P],
    position: impl Fn(P) -> usize,
    to: &mut [u8],
    size: usize,
) -> Result<()> {
    by_size!(size, V => {
        let (from, to) = (values::<V>(from)?, values_mut::<V>(to)?);
        ensure!(to.len() == positions.len(), "{} values at {} places", to.len(), positions.len());
        for (to, &at) in to.iter_mut().zip(positions) {
            *to = *from.get(position(at)).or_bug("a place beyond the stored values")?;
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
