//! The filters that the library lacks, registered with it, for the data that goes through it.

use std::ffi::{CStr, c_uint, c_void};

use hdf5_metno_sys::h5::{H5allocate_memory, H5free_memory};
use hdf5_metno_sys::h5z::{H5Z_CLASS_T_VERS, H5Z_FLAG_REVERSE, H5Z_class2_t, H5Zregister};

use super::{Filter, FilterInfo, id};

/// Makes the filters known to the library. To be called once, under the library's lock.
pub(crate) fn register() {
    announce::<{ id::ZSTD }>(c"zstd");
    announce::<{ id::LZ4 }>(c"lz4");
    announce::<{ id::BITSHUFFLE }>(c"bitshuffle");
    #[cfg(feature = "blosc")]
    announce::<{ id::BLOSC }>(c"blosc");
}

fn announce<const ID: i32>(name: &'static CStr) {
    let class = H5Z_class2_t {
        version: H5Z_CLASS_T_VERS.cast_signed(),
        id: ID,
        encoder_present: 1,
        decoder_present: 1,
        name: name.as_ptr(),
        can_apply: None,
        set_local: None,
        filter: Some(run::<ID>),
    };
    // SAFETY: the library copies the structure, whose name lives as long as the program.
    unsafe { H5Zregister((&raw const class).cast()) };
}

/// What the library calls to encode or decode a chunk. It returns the bytes that are valid after, 0 where it fails.
///
/// # Safety
/// As the library's documentation of filters says: `values` points to `count` numbers, `*buffer` to memory of the
/// library of `*size` bytes, of which the first `len` are valid.
unsafe extern "C" fn run<const ID: i32>(
    flags: c_uint,
    count: usize,
    values: *const c_uint,
    len: usize,
    size: *mut usize,
    buffer: *mut *mut c_void,
) -> usize {
    if buffer.is_null() || size.is_null() {
        return 0;
    }
    let values = if values.is_null() || count == 0 {
        Vec::new()
    } else {
        // SAFETY: `values` points to `count` numbers.
        unsafe { std::slice::from_raw_parts(values, count) }.to_vec()
    };
    let filter = Filter::new(&FilterInfo { id: ID, values, name: String::new() });
    // SAFETY: `*buffer` points to at least `len` valid bytes.
    let input = unsafe { std::slice::from_raw_parts((*buffer).cast::<u8>(), len) };
    let mut out = Vec::new();
    let result = filter.known().and_then(|codec| {
        if flags & H5Z_FLAG_REVERSE == 0 {
            codec.encode(input, &mut out)
        } else {
            codec.decode(input, most(len), &mut out)
        }
    });
    if result.is_err() || out.is_empty() {
        return 0;
    }
    // SAFETY: new memory of the library is filled and takes the place of the old, which is freed once.
    unsafe {
        let memory = H5allocate_memory(out.len(), 0);
        if memory.is_null() {
            return 0;
        }
        memory.cast::<u8>().copy_from_nonoverlapping(out.as_ptr(), out.len());
        H5free_memory(*buffer);
        *buffer = memory;
        *size = out.len();
    }
    out.len()
}

/// The most bytes that so many stored ones decode to: a chunk has at most 2^32, and few more for each that is stored than a
/// chunk of zeros has.
fn most(stored: usize) -> usize {
    const MOST: usize = u32::MAX as usize;
    const UNBACKED: usize = 64 << 20;
    const EXPANSION: usize = 1 << 16;
    stored.saturating_mul(EXPANSION).saturating_add(UNBACKED).min(MOST)
}
